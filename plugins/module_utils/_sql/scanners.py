# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Finding the end of strings, comments and runs, piece by piece. Private to this collection.

Each scanner is asked again with more bytes until it finds the end; it never goes back over what it has passed, so the
time is linear whatever the input. The patterns of bodies have nothing after their repetition: they cannot backtrack.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Protocol

#: A pattern sees at most so many bytes at once: sre keeps a little memory for each repetition of a group.
WINDOW = 1 << 16


class Scanner(Protocol):
    """Looks for the end of one construct."""

    def scan(self, buffer: bytes, position: int, at_end: bool) -> tuple[int, bool]:
        """Go on from `position`; `at_end` says that no bytes follow the buffer.

        Returns:
            Where it came to, and whether that is the construct's end. When it is not, everything before is safely inside
            and scanning can go on there with more bytes.
        """


class Quoted:
    """Up to a closing quote; doubled quotes and, if the pattern knows them, escapes are skipped."""

    def __init__(self, body: re.Pattern[bytes], closer: int) -> None:
        self._match = body.match
        self._closer = closer

    def scan(self, buffer: bytes, position: int, at_end: bool) -> tuple[int, bool]:
        """See `Scanner`."""
        size = len(buffer)
        while True:
            match = self._match(buffer, position, position + WINDOW)
            end = match.end() if match else position
            if end >= size:
                return end, False
            if buffer[end] == self._closer:
                if end + 1 == size:
                    # a second quote may follow in the next bytes
                    return (end + 1, True) if at_end else (end, False)
                if buffer[end + 1] != self._closer:
                    return end + 1, True
            elif end == position:
                # a backslash or the first half of a character, its other half not yet there
                return end, False
            position = end


class Until:
    """Up to and including a marker."""

    def __init__(self, marker: bytes) -> None:
        self._marker = marker

    def scan(self, buffer: bytes, position: int, at_end: bool) -> tuple[int, bool]:
        """See `Scanner`."""
        found = buffer.find(self._marker, position)
        if found >= 0:
            return found + len(self._marker), True
        kept = 0 if at_end else len(self._marker) - 1
        return max(position, len(buffer) - kept), False


class NestedComment:
    """Up to the ``*/`` that closes a comment in which comments nest; one object for each comment."""

    _edge = re.compile(rb"/\*|\*/")

    def __init__(self) -> None:
        self._depth = 1

    def scan(self, buffer: bytes, position: int, at_end: bool) -> tuple[int, bool]:
        """See `Scanner`."""
        for match in self._edge.finditer(buffer, position):
            position = match.end()
            self._depth += 1 if match.group() == b"/*" else -1
            if not self._depth:
                return position, True
        size = len(buffer)
        if not at_end and position < size and buffer[size - 1] in b"/*":
            # may be the first half of an edge
            return size - 1, False
        return size, False


class Run:
    """As far as a pattern goes; the dump's end ends it too."""

    def __init__(self, pattern: bytes) -> None:
        self._match = re.compile(pattern, re.DOTALL).match

    def scan(self, buffer: bytes, position: int, at_end: bool) -> tuple[int, bool]:
        """See `Scanner`."""
        match = self._match(buffer, position)
        end = match.end() if match else position
        return end, at_end or end < len(buffer)


@lru_cache(maxsize=64)
def quoted(quote: bytes, escapes: bool, pair: bytes = b"") -> Quoted:
    """The scanner for one kind of quoting.

    Args:
        quote: the closing quote, one byte.
        escapes: whether a backslash takes the next byte's meaning away.
        pair: pattern of the two-byte characters whose second byte may be a quote or a backslash; empty when the character
            set has none.
    """
    mark = re.escape(quote)
    plain = rb"[^%s%s]" % (mark, rb"\\" if escapes else b"")
    skipped = rb"\\.|" + mark * 2 if escapes else mark * 2
    if pair:
        # a first byte without a second one is a character of its own, but only when the next byte is there to tell
        body = rb"(?:%s|(?!%s)%s(?=.)|%s)*" % (pair, pair, plain, skipped)
    else:
        body = rb"%s*(?:(?:%s)%s*)*" % (plain, skipped, plain)
    return Quoted(re.compile(body, re.DOTALL), quote[0])


#: The rest of a line, without its end.
LINE = Run(rb"[^\n]*")
