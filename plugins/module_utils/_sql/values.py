# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Passing the values of INSERT statements in bulk. Private to this collection.

A dump of INSERT statements is nearly all values. Cutting a window of bytes at its quotes (one call in C) gives what
stands outside of strings; when that is nothing but numbers, punctuation and plain words, without a name that is looked
for, the window needs no lexer. Doubled quotes cut twice, so they do not disturb; escaped ones are blanked first. Where
that does not work (strings in double quotes, dense comments), one pattern that knows all quotings goes over the window.
Both stop early rather than guess: what they leave is cut into tokens.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Optional

_DIGITS = b"0123456789,.()'+- \t\r\n"
#: Digits, punctuation and the letters of NULL: what most of the text outside of strings consists of.
_NULLS = _DIGITS + b"NULnul"
_LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_:[]"
_WORDS = _DIGITS + _LETTERS
_UNSAFE = re.compile(rb"[^" + re.escape(_WORDS) + rb"]|--|[eE]'")
_SAMPLE = 1 << 13
_ESCAPE = re.compile(rb"\\.", re.DOTALL)


@dataclass(frozen=True)
class ValueRules:
    """How values are written.

    escapes: a backslash in a string takes the next byte's meaning away
    paired: the character set has two-byte characters whose second byte may be a backslash: only `run` knows them
    run: passes as many strings and harmless characters as there are; its group 1 is the last stretch outside of strings
    needles: names, in lower case, that must not be passed outside of strings
    head: the statement up to VALUES; further statements that begin so are passed too. Empty: none
    """

    escapes: bool
    paired: bool
    run: re.Pattern[bytes]
    needles: tuple[bytes, ...] = ()
    head: bytes = b""


def skip_values(buffer: bytes, begin: int, end: int, rules: ValueRules) -> tuple[int, bool]:
    """Pass values.

    Args:
        buffer: the bytes; `begin` stands outside of strings and comments.
        begin: where to begin.
        end: where to stop at the latest.
        rules: how values are written.

    Returns:
        Where it came to, outside of strings, after a comma or before a semicolon; and whether something that must be
        looked at stands in the way (else the window was too small to go on).
    """
    if not rules.paired:
        stop, blocked = _by_quotes(buffer[begin:end], rules)
        if stop or not blocked:
            return begin + stop, blocked
        if buffer[begin : begin + 1] == b";":
            return begin, True
    return _by_pattern(buffer, begin, end, rules)


def _by_quotes(window: bytes, rules: ValueRules) -> tuple[int, bool]:
    parts = (_without_escapes(window) if rules.escapes else window).split(b"'")
    outside = b"'".join(parts[::2])
    separator = _separator(outside, rules.head)
    unsafe = _first_unsafe(outside, rules.needles, separator)
    if unsafe is None:
        cut = max(outside.rfind(b"),") + 2, _after(outside, separator, len(outside)))
        if cut == 1:
            cut = outside.rfind(b",") + 1
    elif outside[unsafe : unsafe + 1] == b";":
        cut = unsafe
    else:
        cut = max(outside.rfind(b"),", 0, unsafe) + 2, _after(outside, separator, unsafe))
        cut = 0 if cut == 1 else cut
    return _position(window, parts, outside, cut), unsafe is not None


def _without_escapes(window: bytes) -> bytes:
    """The window with escape sequences blanked, of the same length; the way depends on how many there are."""
    sample = window.count(b"\\", 0, _SAMPLE)
    if sample > _SAMPLE // 200:
        return window.replace(b"\\\\", b"\0\0").replace(b"\\'", b"\0\0")
    if sample > _SAMPLE // 1000:
        return _ESCAPE.sub(b"\0\0", window)
    parts = []
    position = 0
    found = window.find(b"\\")
    while found >= 0 and len(parts) < _SAMPLE // 4:
        parts.append(window[position:found])
        position = found + 2
        found = window.find(b"\\", position)
    if not parts:
        return window
    parts.append(window[position:] if found < 0 else _ESCAPE.sub(b"\0\0", window[position:]))
    return b"\0\0".join(parts)


def _separator(outside: bytes, head: bytes) -> bytes:
    """What stands between two statements of a run; empty when there is no run here."""
    if not head or b";" not in outside:
        return b""
    separator = b";\n" + head
    if separator not in outside:
        separator = b";\r\n" + head
    return separator if separator in outside else b""


def _after(outside: bytes, separator: bytes, end: int) -> int:
    found = outside.rfind(separator, 0, end) if separator else -1
    return found + len(separator) if found >= 0 else 0


def _first_unsafe(outside: bytes, needles: tuple[bytes, ...], separator: bytes) -> Optional[int]:
    values = outside.replace(separator, b",") if separator else outside
    if b"--" not in values:
        if not values.translate(None, _NULLS) and not any(needle in b"null" for needle in needles):
            return None
        if not values.translate(None, _WORDS) and b"E'" not in values and b"e'" not in values:
            lower = values.lower()
            if not any(needle in lower for needle in needles):
                return None
    return _search(outside, needles, separator)


def _search(outside: bytes, needles: tuple[bytes, ...], separator: bytes) -> Optional[int]:
    lower = outside.lower()
    first = len(outside)
    for needle in needles:
        found = lower.find(needle, 0, first)
        if found >= 0:
            first = found
    position = 0
    while True:
        match = _UNSAFE.search(outside, position, first)
        if match is None:
            return first if first < len(outside) else None
        position = match.start()
        if not separator or not outside.startswith(separator, position):
            return position
        position += len(separator)


def _position(window: bytes, parts: list[bytes], outside: bytes, cut: int) -> int:
    """Where the offset `cut` of the text outside of strings is in the window."""
    if not cut:
        return 0
    segment = (len(parts) + 1) // 2 - 1 - outside.count(b"'", cut)
    begin = outside.rfind(b"'", 0, cut) + 1
    after = parts[2 * segment + 1 :]
    return len(window) - sum(map(len, after)) - len(after) - (len(parts[2 * segment]) - (cut - begin))


def _by_pattern(buffer: bytes, begin: int, end: int, rules: ValueRules) -> tuple[int, bool]:
    match = rules.run.match(buffer, begin, end)
    if match is None or match.end() == begin:
        return begin, True
    stop = match.end()
    blocked = stop < end
    if buffer[stop : stop + 1] != b";" and match.end(1) == stop:
        # the last word may go on
        last = match.start(1)
        cut = buffer.rfind(b"),", last, stop) + 2
        if cut == 1:
            cut = buffer.rfind(b",", last, stop) + 1
        stop = cut or last
    if rules.needles:
        lower = buffer[begin:stop].lower()
        if any(needle in lower for needle in rules.needles):
            return begin, True
    return stop, blocked
