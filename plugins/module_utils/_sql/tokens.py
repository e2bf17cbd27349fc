# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the lexers and splitters hand out: tokens, statements, data. Private to this collection.

A token is a plain tuple ``(kind, bytes)``: there are millions of them. The bytes of all items of a dump, one after the
other, are the dump: nothing is lost, added or normalised.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Optional, Union

from ansible_collections.vya.backupdb.plugins.module_utils._errors import BackupError

Token = tuple[int, bytes]

#: white space
SPACE = 0
#: a comment that no server executes
COMMENT = 1
#: an unquoted word: a keyword, an identifier, in MySQL also a number
WORD = 2
#: a quoted identifier
QUOTED = 3
#: a string constant, with its prefix (E, U&, B, X, N)
STRING = 4
#: a dollar-quoted string
DOLLAR = 5
#: a number (PostgreSQL)
NUMBER = 6
#: one character that is none of the others
OP = 7
#: the opening or the end of an executable comment
EXEC = 8
#: the end of a statement: the delimiter
END = 9
#: a command to the client: backslash or word, up to the end of its line
META = 10
#: a piece of something longer than `LIMIT`, or of something that the dump's end cuts off; never looked into
BIG = 11

#: Not a kind: the dialect's lexer must find out.
SPECIAL = -1

#: Longest token, in bytes, that is handed out in one piece. Identifiers have at most some hundred bytes.
LIMIT = 1 << 16

#: Longest white space or comment, in bytes, that is handed out in one piece; longer ones may only stand between statements.
BLANK_LIMIT = 1 << 20

#: Kinds that have no meaning to a server.
BLANK = frozenset((SPACE, COMMENT, EXEC))
_BLANK_OR_END = BLANK | {END}


class SqlError(BackupError):
    """A dump cannot be read as SQL, or holds what must not be executed.

    Args:
        message: what is wrong; the line is put in front.
        line: line of the dump, counted from 1; 0 when no line can be named.
        remedy: what to do.
    """

    code = "BDB-55"

    def __init__(self, message: str, line: int = 0, remedy: Optional[str] = None) -> None:
        super().__init__(f"Line {line}: {message}" if line else message, remedy)
        self.line = line


@dataclass(frozen=True)
class Unfinished:
    """What the dump's end cuts off: the file is truncated, or was read with a wrong quoting mode.

    what: "string", "comment", "statement", "COPY data"…
    line: where it began
    """

    what: str
    line: int


@dataclass
class Filler:
    """White space and comments between statements."""

    text: bytes
    line: int

    def bytes(self) -> bytes:
        """As it stands in the dump."""
        return self.text


@dataclass
class Data:
    """Bytes that need no look: rows of COPY, values of INSERT, parts of oversized constants.

    A run of INSERT statements with the very same beginning may come as one, ends of statements included.
    """

    text: bytes
    line: int

    def bytes(self) -> bytes:
        """As it stands in the dump."""
        return self.text


@dataclass
class Statement:
    """A statement, or a part of one that is too big for the memory.

    tokens: all of them, white space and the delimiter included
    line: of the first byte of this part
    kind: what it does, see `_sql/kinds.py`; the same in each part
    part: 0 for the first; the others carry on, with `Data` before, between and after
    last: nothing of this statement follows
    database: the current database at this place (USE, \\connect), None before the first
    codec: Python's name of the character set that identifiers are written in
    oracle: MariaDB's sql_mode ORACLE is on: ``a.b()`` may be a package's function
    """

    tokens: list[Token]
    line: int
    kind: str = ""
    part: int = 0
    last: bool = True
    database: Optional[str] = None
    codec: str = "utf-8"
    oracle: bool = False
    _significant: Optional[list[int]] = field(default=None, init=False, repr=False, compare=False)

    def bytes(self) -> bytes:
        """As it stands in the dump."""
        return b"".join([text for _kind, text in self.tokens])

    @property
    def significant(self) -> list[int]:
        """Indexes of the tokens that have a meaning: no white space, no comments, no delimiter."""
        if self._significant is None:
            self._significant = [index for index, token in enumerate(self.tokens) if token[0] not in _BLANK_OR_END]
        return self._significant

    @property
    def words(self) -> list[bytes]:
        """The first 24 significant tokens, unquoted words in upper case."""
        tokens = [self.tokens[index] for index in self.significant[:24]]
        return [text.upper() if kind == WORD else text for kind, text in tokens]

    @property
    def head(self) -> str:
        """The beginning in one line for messages; constants are left out, they may be secrets."""
        return head_of(self.tokens, self.codec)


Item = Union[Filler, Statement, Data]


def head_of(tokens: list[Token], codec: str = "utf-8", longest: int = 100) -> str:
    """The beginning of a statement in one line, at most `longest` characters, with every constant shown as '…'."""
    parts: list[str] = []
    size = 0
    for kind, text in tokens:
        if kind in (COMMENT, EXEC, END):
            piece = " "
        elif kind in (STRING, DOLLAR, BIG):
            piece = "'…'"
        else:
            piece = text[: longest * 4].decode(codec, "replace")
        parts.append(piece)
        size += len(piece)
        if size > longest * 2:
            break
    line = " ".join("".join(parts).split())
    return line if len(line) <= longest else line[: longest - 1] + "…"
