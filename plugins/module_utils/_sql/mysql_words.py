# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Words of one statement of MySQL or MariaDB, in memory. Private to this collection.

For statements that a server printed (SHOW CREATE …, SHOW GRANTS) or that this collection wrote: strings escape with a
backslash (no NO_BACKSLASH_ESCAPES), and a double quote begins a string (no ANSI_QUOTES). Dumps from elsewhere, of any size
and in any mode, are read by `mysql_lexer`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._errors import Defect

SPACE = "space"
COMMENT = "comment"
NAME = "name"
STRING = "string"
WORD = "word"
MARK = "mark"

_TOKEN = re.compile(
    r"""
      (?P<space>\s+)
    | (?P<comment>/\*.*?\*/ | --(?:[ \t][^\n]*)?(?=\n|\Z) | \#[^\n]*)
    | (?P<name>`(?:[^`]|``)*`)
    | (?P<string>'(?:[^'\\]|\\.|'')*' | "(?:[^"\\]|\\.|"")*")
    | (?P<word>[\w$\u0080-\U0010ffff]+)
    | (?P<mark>.)
    """,
    re.DOTALL | re.VERBOSE,
)

_ESCAPES = {"0": "\0", "'": "'", '"': '"', "b": "\b", "n": "\n", "r": "\r", "t": "\t", "Z": "\x1a", "\\": "\\"}
_ESCAPED = re.compile(r"\\(.)|''|\"\"", re.DOTALL)


class Token(NamedTuple):
    """A piece of SQL: its kind, its text as written, and where it begins."""

    kind: str
    text: str
    begin: int

    @property
    def end(self) -> int:
        """Where the next one begins."""
        return self.begin + len(self.text)

    def is_word(self, *words: str) -> bool:
        """Whether it is one of some keywords, given in upper case."""
        return self.kind == WORD and self.text.upper() in words

    @property
    def value(self) -> str:
        """What a quoted name or string stands for; anything else as written."""
        if self.kind == NAME:
            return self.text[1:-1].replace("``", "`")
        if self.kind == STRING:
            quote = self.text[0]
            return _ESCAPED.sub(lambda match: _unescape(match, quote), self.text[1:-1])
        return self.text


def _unescape(match: re.Match[str], quote: str) -> str:
    if match.group(1) is None:
        return quote if match.group(0)[0] == quote else match.group(0)
    return _ESCAPES.get(match.group(1), match.group(1))


def tokens(sql: str, begin: int = 0) -> Iterator[Token]:
    """The tokens of some SQL, blanks and comments among them.

    A quote that is never closed comes out as a :data:`MARK`.
    """
    for match in _TOKEN.finditer(sql, begin):
        yield Token(str(match.lastgroup), match.group(), match.start())


def significant(sql: str, begin: int = 0) -> Iterator[Token]:
    """The tokens of some SQL without blanks and comments."""
    return (token for token in tokens(sql, begin) if token.kind not in (SPACE, COMMENT))


def split_list(sql: str, begin: int) -> tuple[list[str], int]:
    """The elements of a list in parentheses.

    Args:
        sql: the statement.
        begin: where the opening parenthesis is.

    Returns:
        The elements, stripped, and the place after the closing parenthesis.

    Raises:
        BackupError: the list has no end.
    """
    depth = 0
    elements: list[str] = []
    start = begin + 1
    for token in tokens(sql, begin):
        if token.kind != MARK:
            continue
        if token.text == "(":
            depth += 1
        elif token.text == ")":
            depth -= 1
            if depth == 0:
                last = sql[start : token.begin].strip()
                return [*elements, last] if last or elements else [], token.end
        elif token.text == "," and depth == 1:
            elements.append(sql[start : token.begin].strip())
            start = token.end
    raise Defect(
        f"This SQL has no end: {sql[begin : begin + 60]!r}", "restore another set, and report this as a defect"
    )


class Reader:
    """Walks over the significant tokens of a statement."""

    def __init__(self, sql: str, begin: int = 0) -> None:
        self.sql = sql
        self._tokens = list(significant(sql, begin))
        self._at = 0

    @property
    def next(self) -> Optional[Token]:
        """The token to come, or None at the end."""
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    @property
    def position(self) -> int:
        """Where the token to come begins in the statement."""
        return self._tokens[self._at].begin if self._at < len(self._tokens) else len(self.sql)

    @property
    def previous_end(self) -> int:
        """Where the token taken last ends."""
        return self._tokens[self._at - 1].end if self._at else 0

    def take(self) -> Token:
        """The token to come; the reader moves on.

        Raises:
            BackupError: the statement is at its end.
        """
        token = self.next
        if token is None:
            raise Defect(f"This SQL ends too early: {self.sql[:80]!r}", "report this as a defect")
        self._at += 1
        return token

    def accept(self, *words: str) -> bool:
        """Take a sequence of keywords if it comes next."""
        ahead = self._tokens[self._at : self._at + len(words)]
        if len(ahead) == len(words) and all(token.is_word(word) for token, word in zip(ahead, words)):
            self._at += len(words)
            return True
        return False

    def accept_mark(self, mark: str) -> bool:
        """Take a punctuation mark if it comes next."""
        token = self.next
        if token is not None and token.kind == MARK and token.text == mark:
            self._at += 1
            return True
        return False
