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
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Optional

_DIGITS = b"0123456789,.()'+- \t\r\n"
#: Digits, also hexadecimal ones, punctuation and the letters of NULL: what the text outside of strings mostly consists of.
_NULLS = _DIGITS + b"NULnulABCDEFXabcdefx"
#: The same without what tells a comment from two negative numbers.
_NEITHER = _NULLS.translate(None, b"-,")
_LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_:[]"
_WORDS = _DIGITS + _LETTERS
_UNSAFE = re.compile(rb"[^" + re.escape(_WORDS) + rb"]|--")
_UNSAFE_PREFIXED = re.compile(_UNSAFE.pattern + rb"|[eE]'")
_BACKSLASH = 0x5C
_SAMPLE = 1 << 12
#: More escaped quotes in a window than so many are blanked by two replacements.
_MOST_PARTS = 1000


@dataclass(frozen=True)
class ValueRules:
    """How values are written.

    escapes: a backslash in a string takes the next byte's meaning away
    paired: the character set has two-byte characters whose second byte may be a backslash: only `run` knows them
    run: passes as many strings and harmless characters as there are; its group 1 is the last stretch outside of strings
    strings: passes one string
    prefixes: an E in front of a string changes what its backslashes mean
    needles: names, in lower case, that must not be passed outside of strings
    head: the statement up to VALUES; further statements that begin so are passed too. Empty: none
    """

    escapes: bool
    paired: bool
    run: re.Pattern[bytes]
    strings: re.Pattern[bytes]
    prefixes: bool = False
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
    cut = _boundary(outside, separator, len(outside)) or outside.rfind(b",") + 1
    if cut and _is_safe(outside[:cut], rules, separator):
        return _position(window, parts, outside, cut), False
    unsafe = _search(outside, rules, separator)
    if unsafe is None:
        return _position(window, parts, outside, cut), False
    if outside[unsafe : unsafe + 1] == b";":
        cut = unsafe
    else:
        cut = _boundary(outside, separator, unsafe)
    return _position(window, parts, outside, cut), unsafe is not None


def _without_escapes(window: bytes) -> bytes:
    """The window with escaped quotes blanked, of the same length. Other escape sequences do not disturb."""
    # a single byte is found far faster than two, as long as it is rare
    ends = _rare_escapes(window) if window.count(b"\\", 0, _SAMPLE) * 200 < _SAMPLE else _escaped_quotes(window)
    parts = []
    position = 0
    for end in ends:
        parts.append(window[position : end - 2])
        position = end
        if len(parts) == _MOST_PARTS:
            break
    if not parts:
        return window
    rest = window[position:]
    if len(parts) == _MOST_PARTS:
        rest = rest.replace(b"\\\\", b"\0\0").replace(b"\\'", b"\0\0")
    parts.append(rest)
    return b"\0\0".join(parts)


def _rare_escapes(window: bytes) -> Iterator[int]:
    """The ends of escaped quotes, by going from backslash to backslash."""
    found = window.find(b"\\")
    while found >= 0:
        if window[found + 1 : found + 2] == b"'":
            yield found + 2
        found = window.find(b"\\", found + 2)


def _escaped_quotes(window: bytes) -> Iterator[int]:
    """The ends of escaped quotes, by going from quote to quote with a backslash in front."""
    found = window.find(b"\\'")
    after = 0
    while found >= 0:
        begin = found
        while begin > after and window[begin - 1] == _BACKSLASH:
            begin -= 1
        after = found + 2
        if (found - begin) % 2 == 0:
            yield after
        found = window.find(b"\\'", after)


def _separator(outside: bytes, head: bytes) -> bytes:
    """What stands between two statements of a run; empty when there is no run here."""
    if not head or b";" not in outside:
        return b""
    separator = b";\n" + head
    if separator not in outside:
        separator = b";\r\n" + head
    return separator if separator in outside else b""


def _boundary(outside: bytes, separator: bytes, end: int) -> int:
    """Behind the last comma between two tuples, or the last beginning of a statement, before an offset; 0 if none."""
    found = outside.rfind(b"),", 0, end)
    comma = found + 2 if found >= 0 else 0
    begun = outside.rfind(separator, 0, end) if separator else -1
    return max(comma, begun + len(separator) if begun >= 0 else 0)


def _is_safe(outside: bytes, rules: ValueRules, separator: bytes) -> bool:
    """Whether nothing must be looked at; tells the common cases without searching."""
    values = outside.replace(separator, b",") if separator else outside
    kept = values.translate(None, _NEITHER)
    if b"--" in kept:
        return False
    words = kept.translate(None, b"-,")
    if words and (_may_name(words, rules.needles) or words.translate(None, _LETTERS)):
        return False
    if not words and not all(needle.translate(None, _NULLS) for needle in rules.needles):
        return False
    return not rules.prefixes or (b"E'" not in values and b"e'" not in values)


def _may_name(words: bytes, needles: tuple[bytes, ...]) -> bool:
    """Whether a name may be in a text of which `words` is left when `_NULLS` are taken out."""
    lower = words.lower()
    return any(needle.translate(None, _NULLS) in lower for needle in needles)


def _search(outside: bytes, rules: ValueRules, separator: bytes) -> Optional[int]:
    lower = outside.lower()
    first = len(outside)
    for needle in rules.needles:
        found = lower.find(needle, 0, first)
        if found >= 0:
            first = found
    position = 0
    while True:
        match = (_UNSAFE_PREFIXED if rules.prefixes else _UNSAFE).search(outside, position, first)
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
    # a quote here begins a string that ends beyond the window
    blocked = stop < end and buffer[stop] not in b"'\"`"
    if buffer[stop : stop + 1] != b";" and match.end(1) == stop:
        # the last word may go on
        last = match.start(1)
        cut = buffer.rfind(b"),", last, stop) + 2
        if cut == 1:
            cut = buffer.rfind(b",", last, stop) + 1
        stop = cut or last
    if _names(buffer[begin:stop], rules) and _names(rules.strings.sub(b"'", buffer[begin:stop]), rules):
        return begin, True
    return stop, blocked


def _names(text: bytes, rules: ValueRules) -> bool:
    lower = text.lower()
    return any(needle in lower for needle in rules.needles)
