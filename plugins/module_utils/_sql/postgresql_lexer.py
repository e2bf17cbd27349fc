# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lexer of PostgreSQL, as psql cuts a dump into tokens. Private to this collection.

Lexical structure: https://www.postgresql.org/docs/current/sql-syntax-lexical.html; what psql adds to it (backslash commands,
where statements end): https://www.postgresql.org/docs/current/app-psql.html.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from ansible_collections.vya.backupdb.plugins.module_utils._sql.charsets import pair_pattern
from ansible_collections.vya.backupdb.plugins.module_utils._sql.lexer import BLOCK, Lexer
from ansible_collections.vya.backupdb.plugins.module_utils._sql.scanners import (
    LINE,
    NestedComment,
    Run,
    Until,
    quoted,
)
from ansible_collections.vya.backupdb.plugins.module_utils._sql.tokens import (
    BIG,
    COMMENT,
    DOLLAR,
    META,
    NUMBER,
    OP,
    QUOTED,
    SPACE,
    SPECIAL,
    STRING,
    WORD,
    SqlError,
    Token,
)

_START = rb"A-Za-z_\x80-\xff"
# groups of the master pattern
_SPACE, _LINE, _BLOCK, _ESCAPED, _STRING, _QUOTED, _DOLLAR, _WORDS, _NUMBER, _ESCAPE, _META, _OP = range(1, 13)


@dataclass(frozen=True)
class PostgresMode:
    """What decides how the bytes are read.

    conforming: standard_conforming_strings is on: a backslash in '…' is a backslash
    charset: client_encoding
    """

    conforming: bool = True
    charset: str = "utf8"


@lru_cache(maxsize=16)
def _master(pair: bytes) -> re.Pattern[bytes]:
    word = rb"[%s][%s0-9$]*" % (_START, _START)
    if pair:
        word = rb"(?:%s|[%s])(?:%s|[%s0-9$])*" % (pair, _START, pair, _START)
    groups = (
        rb"[ \t\n\v\f\r]+",
        rb"--[^\r\n]*",
        rb"/\*",
        rb"[eE]'",
        rb"(?:[uU]&|[bBxXnN])?'",
        rb'(?:[uU]&)?"',
        # longer tags than a line are no tags
        rb"\$(?:[%s][%s0-9]{0,99})?\$" % (_START, _START),
        word,
        rb"[0-9][0-9A-Za-z_.]*|\$[0-9]+",
        rb"\\[;:]",
        rb"\\[^\n]*",
        rb".",
    )
    return re.compile(b"|".join(b"(" + group + b")" for group in groups), re.DOTALL)


@lru_cache(maxsize=16)
def _word_run(pair: bytes) -> Run:
    return Run(rb"(?:%s|[%s0-9$])*" % (pair, _START) if pair else rb"[%s0-9$]*" % _START)


@lru_cache(maxsize=16)
def value_patterns(conforming: bool, charset: str) -> tuple[re.Pattern[bytes], re.Pattern[bytes]]:
    """The patterns that pass values in bulk: `ValueRules.run` and `ValueRules.strings`.

    E'…' and dollar quotes are left to the lexer.
    """
    pair = pair_pattern(charset)
    string = rb"'[^']*'"
    if not conforming:
        high = rb"\x80-\xff" if pair else b""
        other = rb"\\.|" + pair + rb"|[\x80-\xff]" if pair else rb"\\."
        string = rb"'[^'\\%s]*(?:(?:%s)[^'\\%s]*)*'" % (high, other, high)
    kinds = [
        rb"((?:[^'\"eE;/\\@$&-]|[eE](?!'))+)",
        rb"[/-](?![*-])",
        string,
        rb'"[^"]*"',
    ]
    return re.compile(rb"(?:" + b"|".join(kinds) + rb")*", re.DOTALL), re.compile(string, re.DOTALL)


class PostgresLexer(Lexer):
    """Tokens of a dump for psql."""

    kinds = (OP, SPACE, COMMENT, SPECIAL, SPECIAL, SPECIAL, SPECIAL, SPECIAL, WORD, NUMBER, OP, META, OP)

    def __init__(self, chunks: Iterable[bytes], mode: PostgresMode | None = None, block: int = BLOCK) -> None:
        super().__init__(chunks, block)
        # whether a string that follows goes on with the escapes of the one before: E'…' newline '…'
        self._carried = 0
        self.set_mode(mode or PostgresMode())

    def set_mode(self, mode: PostgresMode) -> None:
        """Read what follows in another way."""
        self.mode = mode
        pair = pair_pattern(mode.charset)
        self._match = _master(pair).match
        self._runs = {
            _SPACE: Run(rb"[ \t\n\v\f\r]*"),
            _LINE: Run(rb"[^\r\n]*"),
            _WORDS: _word_run(pair),
            _NUMBER: Run(rb"[0-9A-Za-z_.]*"),
            _META: LINE,
        }
        self._escaped = quoted(b"'", True, pair)
        self._plain = quoted(b"'", not mode.conforming, pair)
        self._identifier = quoted(b'"', False, pair)

    def token(self) -> Token | None:
        """The next token; None at the end."""
        token = super().token()
        if self._carried and token is not None:
            self._follow(token)
        return token

    def _follow(self, token: Token) -> None:
        """Remember between two strings whether only white space with a line's end stands there."""
        kind, text = token
        if kind == SPACE and (b"\n" in text or b"\r" in text):
            self._carried = 2
        elif kind == STRING and self._carried == 3:
            self._carried = 1
        elif kind == BIG and self._carried == 3:
            return
        elif kind not in (SPACE, COMMENT) or text.startswith(b"/*"):
            self._carried = 0

    def _special(self, group: int, match: re.Match[bytes]) -> Token:
        size = match.end() - match.start()
        if group == _ESCAPED:
            self._carried = 3
            return self._construct(STRING, self._escaped, size)
        if group == _STRING:
            if self._carried == 2 and size == 1:
                self._carried = 3
                return self._continued(size)
            return self._construct(STRING, self._plain, size)
        if group == _QUOTED:
            return self._construct(QUOTED, self._identifier, size)
        if group == _DOLLAR:
            return self._construct(DOLLAR, Until(match.group()), size)
        return self._construct(COMMENT, NestedComment(), size)

    def _continued(self, size: int) -> Token:
        """A string that goes on with the escapes of E'…' in the line before: for the server, but psql forgets at each line."""
        line = self.line
        token = self._construct(STRING, self._escaped, size)
        if self.mode.conforming and (b"\\" in token[1] or (token[0] == BIG and self.unfinished is None)):
            raise SqlError(
                "psql and the server do not agree on where a string ends that began as E'…' in the line before.",
                line,
                "write the string in one piece",
            )
        return token
