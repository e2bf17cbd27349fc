# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The part of a streaming lexer that does not depend on the dialect. Private to this collection.

Bytes come in blocks of any size; a token is handed out when its end is known. What is longer than `LIMIT` comes in
pieces of kind BIG, so memory stays bounded whatever the dump holds. The same dump gives the same tokens however it is cut
into blocks (only the cuts inside BIG differ).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Optional

from ansible_collections.vya.backupdb.plugins.module_utils._sql.scanners import Run, Scanner
from ansible_collections.vya.backupdb.plugins.module_utils._sql.tokens import (
    BIG,
    LIMIT,
    OP,
    WORD,
    Token,
    Unfinished,
)
from ansible_collections.vya.backupdb.plugins.module_utils._sql.values import ValueRules, skip_values

#: Bytes that are taken from the source at a time, at least.
BLOCK = 1 << 17
#: Every opening of a token, and every delimiter, is shorter.
LOOKAHEAD = 128

_FIRST_WINDOW = 1 << 11
_LAST_WINDOW = 1 << 17


class Lexer:
    """Cuts a stream of bytes into tokens. Dialects give `_master` and `_special`.

    line: of the next token, counted from 1
    unfinished: what the dump's end cut off, None when nothing
    """

    #: kind of a match by the number of its group; SPECIAL for those that `_special` makes
    kinds: tuple[int, ...] = ()

    def __init__(self, chunks: Iterable[bytes], block: int = BLOCK) -> None:
        self._source = _slices(chunks, 4 * block)
        self._block = block
        self._buffer = b""
        self._position = 0
        self._at_end = False
        self._scanner: Optional[Scanner] = None
        self._window = _FIRST_WINDOW
        self._match = re.compile(b"").match
        #: how tokens without a closing mark go on, by the number of their group
        self._runs: dict[int, Run] = {}
        self.line = 1
        self.unfinished: Optional[Unfinished] = None

    def token(self) -> Optional[Token]:
        """The next token; None at the end."""
        if self._scanner is not None:
            piece = self._resume()
            if piece:
                return BIG, piece
        while len(self._buffer) - self._position < LOOKAHEAD and not self._at_end:
            self._fill()
        begin = self._position
        match = self._match(self._buffer, begin)
        if match is None:
            return None
        group = match.lastindex or 0
        kind = self.kinds[group]
        if kind < 0:
            return self._special(group, match)
        end = match.end()
        if end == len(self._buffer) and group in self._runs:
            return self._construct(kind, self._runs[group], end - begin)
        return self._take(kind if end - begin <= LIMIT else BIG, end - begin)

    def _special(self, group: int, match: re.Match[bytes]) -> Token:
        """A token whose kind or end the dialect must find out."""
        raise NotImplementedError

    def rest_of_line(self, kind: int, scanner: Run) -> Token:
        """What follows up to the end of the line, as one token."""
        return self._construct(kind, scanner, 0)

    def values(self, rules: ValueRules) -> tuple[bytes, bool]:
        """As many values of an INSERT as can be passed without looking at each.

        Returns:
            The bytes, and whether tokens must be looked at before going on so.
        """
        while len(self._buffer) - self._position < self._window and not self._at_end:
            self._fill()
        begin = self._position
        end = min(len(self._buffer), begin + self._window)
        stop, blocked = skip_values(self._buffer, begin, end, rules)
        self._window = _FIRST_WINDOW if blocked else min(self._window * 2, _LAST_WINDOW)
        return self._take(BIG, stop - begin)[1], blocked or stop == begin

    def rows(self, begun: int) -> Iterator[bytes]:
        """Rows of COPY … FROM stdin up to and including the line ``\\.``; called at the beginning of a line.

        psql ends the data at a line that is exactly ``\\.``, with or without a carriage return.

        Args:
            begun: line of the COPY statement.
        """
        fresh = True
        while True:
            begin = self._position
            mark = begin if fresh and self._buffer.startswith(b"\\.", begin) else self._next_mark(begin)
            end: Optional[int] = 0
            while mark >= 0:
                end = self._row_end(mark + 2)
                if end != 0:
                    break
                mark = self._next_mark(mark)
            size = len(self._buffer)
            if mark >= 0 and end:
                yield self._take(BIG, end - begin)[1]
                return
            if self._at_end:
                self.unfinished = Unfinished("COPY data", begun)
                if size > begin:
                    yield self._take(BIG, size - begin)[1]
                return
            cut = max(begin, mark - 1) if mark >= 0 else size - 3
            if cut > begin:
                fresh = False
                yield self._take(BIG, cut - begin)[1]
            self._fill()

    def _next_mark(self, position: int) -> int:
        found = self._buffer.find(b"\n\\.", position)
        return found + 1 if found >= 0 else -1

    def _row_end(self, position: int) -> Optional[int]:
        """The end of a line ``\\.`` whose dot ends at `position`; 0 when the line goes on, None when that is unknown."""
        tail = self._buffer[position : position + 2]
        if tail[:1] == b"\n":
            return position + 1
        if tail == b"\r\n":
            return position + 2
        if tail in (b"", b"\r"):
            return position + len(tail) if self._at_end else None
        return 0

    def _fill(self) -> None:
        parts = [self._buffer[self._position :]]
        size = 0
        while size < self._block:
            chunk = next(self._source, None)
            if chunk is None:
                self._at_end = True
                break
            parts.append(chunk)
            size += len(chunk)
        self._buffer = b"".join(parts)
        self._position = 0

    def _take(self, kind: int, size: int) -> Token:
        begin = self._position
        text = self._buffer[begin : begin + size]
        self._position = begin + size
        if kind not in (WORD, OP) and b"\n" in text:
            self.line += text.count(b"\n")
        return kind, text

    def _construct(self, kind: int, scanner: Scanner, size: int) -> Token:
        """A token that begins at the position, of which `size` bytes are known."""
        while True:
            end, closed = scanner.scan(self._buffer, self._position + size, self._at_end)
            size = end - self._position
            if closed:
                return self._take(kind if size <= LIMIT else BIG, size)
            if size > LIMIT:
                self._scanner = scanner
                return self._take(BIG, size)
            if self._at_end:
                return self._cut_off()
            self._fill()

    def _resume(self) -> bytes:
        """The next piece of a big construct; empty at its end."""
        scanner = self._scanner
        while scanner is not None:
            end, closed = scanner.scan(self._buffer, self._position, self._at_end)
            size = end - self._position
            if closed:
                self._scanner = None
                return self._take(BIG, size)[1]
            if size:
                return self._take(BIG, size)[1]
            if self._at_end:
                self._scanner = None
                return self._cut_off()[1]
            self._fill()
        return b""

    def _cut_off(self) -> Token:
        """The rest of the dump, which ends inside a string or a comment."""
        self.unfinished = Unfinished("string or comment", self.line)
        return self._take(BIG, len(self._buffer) - self._position)


def _slices(chunks: Iterable[bytes], longest: int) -> Iterator[bytes]:
    """The same bytes, no piece longer than `longest`: whoever has a whole dump in memory has it there once."""
    for chunk in chunks:
        if len(chunk) <= longest:
            yield bytes(chunk)
        else:
            view = memoryview(chunk)
            for begin in range(0, len(view), longest):
                yield bytes(view[begin : begin + longest])
