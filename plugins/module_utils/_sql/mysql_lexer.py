# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lexer of MySQL and MariaDB. Private to this collection.

What a backslash, a double quote and a byte above 127 mean depends on the session: sql_mode and the client's character set,
which a dump sets itself. Whoever reads the statements calls `set_mode` when one of them changes it.

Comments: https://dev.mysql.com/doc/refman/8.4/en/comments.html, https://mariadb.com/kb/en/comment-syntax/;
strings: https://dev.mysql.com/doc/refman/8.4/en/string-literals.html.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from ansible_collections.vya.backupdb.plugins.module_utils._sql.charsets import pair_pattern
from ansible_collections.vya.backupdb.plugins.module_utils._sql.lexer import BLOCK, LOOKAHEAD, Lexer
from ansible_collections.vya.backupdb.plugins.module_utils._sql.scanners import LINE, Run, Until, quoted
from ansible_collections.vya.backupdb.plugins.module_utils._sql.tokens import (
    COMMENT,
    DOLLAR,
    END,
    EXEC,
    META,
    OP,
    QUOTED,
    SPACE,
    SPECIAL,
    STRING,
    WORD,
    SqlError,
    Token,
)

_WORD = rb"0-9A-Za-z_$\x80-\xff"
# groups of the master pattern
_SPACE, _END, _LINE, _PLAIN, _EXEC, _CLOSE, _DOLLAR, _WORDS, _QUOTE, _META, _OP = range(1, 12)


@dataclass(frozen=True)
class MySQLMode:
    """What decides how the bytes are read.

    ansi_quotes: double quotes quote identifiers
    backslash: backslashes escape in strings (NO_BACKSLASH_ESCAPES is off)
    charset: the client's character set
    delimiter: what ends a statement
    """

    ansi_quotes: bool = False
    backslash: bool = True
    charset: str = "utf8mb4"
    delimiter: bytes = b";"


@lru_cache(maxsize=64)
def _master(delimiter: bytes, pair: bytes) -> re.Pattern[bytes]:
    mark = re.escape(delimiter)
    # a delimiter ends a word, as in END$$
    guard = rb"(?!%s)" % mark if re.match(rb"[%s]" % _WORD, delimiter) else b""
    letter = rb"%s[%s]" % (guard, _WORD)
    word = rb"(?:%s|%s)+" % (pair, letter) if pair else (rb"(?:%s)+" % letter if guard else rb"[%s]+" % _WORD)
    groups = (
        rb"[ \t\n\v\f\r]+",
        mark + rb"|\\[gG]",
        rb"(?:--(?=[\x00-\x20]|\Z)|\#)[^\n]*",
        # one for a version that does not exist, such as the sandbox line of mariadb-dump, is a plain comment
        rb"/\*(?!M?!)|/\*M?!99999",
        rb"/\*M?!(?:\d{5,6})?",
        rb"\*/",
        rb"\$[A-Za-z0-9_\x80-\xff]{0,60}\$",
        word,
        rb"['\"`]",
        rb"\\[^\n]*",
        rb".",
    )
    return re.compile(b"|".join(b"(" + group + b")" for group in groups), re.DOTALL)


@lru_cache(maxsize=64)
def _word_run(delimiter: bytes, pair: bytes) -> Run:
    guard = rb"(?!%s)" % re.escape(delimiter) if re.match(rb"[%s]" % _WORD, delimiter) else b""
    letter = rb"%s[%s]" % (guard, _WORD)
    return Run(rb"(?:%s|%s)*" % (pair, letter) if pair else rb"(?:%s)*" % letter)


@lru_cache(maxsize=16)
def value_patterns(ansi_quotes: bool, backslash: bool, charset: str) -> tuple[re.Pattern[bytes], re.Pattern[bytes]]:
    """The patterns that pass values in bulk: `ValueRules.run` and `ValueRules.strings`."""
    pair = pair_pattern(charset)
    single, double = _closed(b"'", backslash, pair), _closed(b'"', backslash and not ansi_quotes, pair)
    other = rb"([^'\"`;#/\\@$-]+)", rb"[/-](?![*-])", _closed(b"`", False, pair)
    run = rb"(?:" + b"|".join((*other, single, double)) + rb")*"
    strings = single if ansi_quotes else single + rb"|" + double
    return re.compile(run, re.DOTALL), re.compile(strings, re.DOTALL)


def _closed(quote: bytes, escapes: bool, pair: bytes) -> bytes:
    plain = rb"[^%s%s%s]" % (quote, rb"\\" if escapes else b"", rb"\x80-\xff" if pair else b"")
    other = ([rb"\\."] if escapes else []) + ([pair, rb"[\x80-\xff]"] if pair else [])
    if not other:
        return rb"%s%s*%s" % (quote, plain, quote)
    return rb"%s%s*(?:(?:%s)%s*)*%s" % (quote, plain, b"|".join(other), plain, quote)


class MySQLLexer(Lexer):
    """Tokens of a dump for the mysql or mariadb client."""

    kinds = (OP, SPACE, END, COMMENT, SPECIAL, SPECIAL, SPECIAL, SPECIAL, WORD, SPECIAL, META, OP)

    def __init__(self, chunks: Iterable[bytes], mode: MySQLMode | None = None, block: int = BLOCK) -> None:
        super().__init__(chunks, block)
        self._depth = 0
        self._after_as = False
        self.set_mode(mode or MySQLMode())

    def set_mode(self, mode: MySQLMode) -> None:
        """Read what follows in another way."""
        if len(mode.delimiter) >= LOOKAHEAD // 2:
            raise SqlError("the DELIMITER is too long.", self.line, "choose a delimiter of a few characters")
        self.mode = mode
        pair = pair_pattern(mode.charset)
        self._match = _master(mode.delimiter, pair).match
        self._runs = {
            _SPACE: Run(rb"[ \t\n\v\f\r]*"),
            _LINE: LINE,
            _WORDS: _word_run(mode.delimiter, pair),
            _META: LINE,
        }
        self._quotes = {
            b"'": (STRING, quoted(b"'", mode.backslash, pair)),
            b'"': (QUOTED, quoted(b'"', False, pair))
            if mode.ansi_quotes
            else (STRING, quoted(b'"', mode.backslash, pair)),
            b"`": (QUOTED, quoted(b"`", False, pair)),
        }

    @property
    def in_executable_comment(self) -> bool:
        """Whether the next token stands in ``/*! … */``."""
        return self._depth > 0

    def token(self) -> Token | None:
        """The next token; None at the end."""
        token = super().token()
        if token is not None and token[0] == WORD:
            # MySQL 9: the body of a JavaScript routine
            self._after_as = token[1].upper() == b"AS"
        elif token is not None and token[0] not in (SPACE, COMMENT):
            self._after_as = False
        return token

    def _special(self, group: int, match: re.Match[bytes]) -> Token:
        text = match.group()
        if group == _QUOTE:
            kind, scanner = self._quotes[text]
            return self._construct(kind, scanner, 1)
        if group == _PLAIN:
            return self._construct(COMMENT, Until(b"*/"), 2)
        if group == _EXEC:
            self._depth += 1
            return self._take(EXEC, len(text))
        if group == _CLOSE:
            if not self._depth:
                return self._take(OP, 1)
            self._depth -= 1
            return self._take(EXEC, 2)
        if self._after_as:
            return self._construct(DOLLAR, Until(text), len(text))
        return self._construct(WORD, self._runs[_WORDS], 1)
