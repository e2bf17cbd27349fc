# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Cutting a dump into statements: the part that does not depend on the dialect. Private to this collection.

Small statements come whole; data and everything big passes through in pieces. Whatever is handed out, in its order, is the
dump, byte for byte.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Optional

from ansible_collections.vya.backupdb.plugins.module_utils._sql.lexer import Lexer
from ansible_collections.vya.backupdb.plugins.module_utils._sql.tokens import (
    BIG,
    BLANK,
    COMMENT,
    END,
    LIMIT,
    META,
    OP,
    QUOTED,
    SPACE,
    STRING,
    WORD,
    Data,
    Filler,
    Item,
    SqlError,
    Statement,
    Token,
    Unfinished,
)
from ansible_collections.vya.backupdb.plugins.module_utils._sql.values import ValueRules

#: A statement longer than so many bytes, or of more tokens than that, comes in parts.
PART = 1 << 20
MANY = 100_000
#: Without a place to cut it, no statement may be longer than so many times that.
_PARTS = 4
#: What decides what a statement does is among so many tokens; they are shorter than a part, white space apart.
_HEAD = 12
#: Where a statement may be cut: no name goes over these.
_CUTS = (b",", b")", b";", b"=")
#: Tokens between statements: white space, comments, lone delimiters.
_BETWEEN = frozenset((SPACE, COMMENT, END, BIG))
_LONGEST_PAUSE = 4096


class Splitter:
    """Statements of a dump. Dialects say where one ends and what it changes for those after it.

    database: the current database (USE, \\\\connect) of what comes next, None before the first
    needles: names, in lower case, that bulk passing of values must leave to the tokens
    """

    #: words that begin a statement whose VALUES are passed in bulk
    inserts: tuple[bytes, ...] = (b"INSERT",)
    #: words after which the values come
    values: tuple[bytes, ...] = (b"VALUES",)
    #: a token that is no statement where none has begun
    lone: Optional[Token] = None

    def __init__(self, lexer: Lexer, needles: tuple[bytes, ...] = ()) -> None:
        self.lexer = lexer
        self.needles = needles
        self.database: Optional[str] = None
        self._begin(1)

    @property
    def unfinished(self) -> Optional[Unfinished]:
        """What the dump's end cut off; known when everything has been read."""
        return self.lexer.unfinished

    def __iter__(self) -> Iterator[Item]:
        filler: list[bytes] = []
        filler_line = size = 0
        while True:
            line = self.lexer.line
            token = self.lexer.token()
            between = token is not None and (token[0] in _BETWEEN or token == self.lone)
            if between and token is not None:
                if token[0] == BIG and self.lexer.big not in (SPACE, COMMENT, STRING):
                    raise oversized("something that is no statement", line)
                if not filler:
                    filler_line, size = line, 0
                filler.append(token[1])
                size += len(token[1])
                if size < LIMIT:
                    continue
            if filler:
                yield Filler(b"".join(filler), filler_line)
                filler = []
            if token is None:
                return
            if not between:
                self._begin(line)
                yield from self._statement(token)

    # what dialects know

    def _ends(self, kind: int, text: bytes) -> bool:
        """Whether a token ends the statement; it has been appended."""
        raise NotImplementedError

    def _classify(self, statement: Statement) -> str:
        """The statement's kind, from its first part."""
        raise NotImplementedError

    def _complete(self, statement: Statement) -> None:
        """What a statement that came whole changes for those after it."""
        raise NotImplementedError

    def _prepare(self, statement: Statement) -> None:
        """Fill in what the statement says about its session."""

    def _value_rules(self, head: bytes) -> Optional[ValueRules]:
        """How values are passed in bulk; None when they cannot be."""
        raise NotImplementedError

    # statements

    def _begin(self, line: int) -> None:
        self._tokens: list[Token] = []
        self._line = line
        self._size = self._part = self._depth = 0
        self._kind = ""
        #: whether VALUES would begin what can be passed in bulk
        self._insert: Optional[bool] = None

    def _statement(self, first: Token) -> Iterator[Item]:
        """One statement, from its first token."""
        return self._ordinary(first)

    def _ordinary(self, token: Optional[Token]) -> Iterator[Item]:
        """One statement, or the rest of one, token by token."""
        while token is not None:
            kind, text = token
            if kind == BIG:
                yield from self._big(text)
            else:
                self._tokens.append(token)
                self._size += len(text)
                if kind == OP:
                    self._depth += (text == b"(") - (text == b")")
                if self._ends(kind, text):
                    yield from self._finish()
                    return
                if kind == WORD and self._has_values(text):
                    yield from self._values()
                    return
                if self._size > PART or len(self._tokens) > MANY:
                    yield from self._cut(text)
            token = self.lexer.token()
        yield from self._cut_off()

    def _has_values(self, word: bytes) -> bool:
        if self._insert is None:
            self._insert = word.upper() in self.inserts
        return self._insert and not self._depth and word.upper() in self.values

    def _cut(self, last: bytes) -> Iterator[Item]:
        """Hand out a part where that is possible; refuse what could not be understood in parts."""
        if self._size > _PARTS * PART or len(self._tokens) > _PARTS * MANY:
            raise oversized("a statement", self._line)
        if last in _CUTS:
            if not self._part and sum(kind not in BLANK for kind, _text in self._tokens) < _HEAD:
                raise oversized("the beginning of a statement", self._line)
            yield from self._flush()

    def _big(self, text: bytes) -> Iterator[Item]:
        line = self.lexer.line - text.count(b"\n")
        if self.lexer.big in (SPACE, COMMENT, META):
            raise oversized("white space, a comment or a command inside of a statement", line)
        yield from self._flush()
        yield Data(text, line)
        self._line = self.lexer.line

    def _flush(self) -> Iterator[Statement]:
        """Hand out the tokens so far; more follow."""
        if self._tokens:
            yield self._make(last=False)

    def _make(self, last: bool) -> Statement:
        statement = Statement(self._tokens, self._line, self._kind, self._part, last, self.database)
        self._prepare(statement)
        if not self._part:
            self._kind = statement.kind = self._classify(statement)
        self._tokens = []
        self._size = 0
        self._part += 1
        self._line = self.lexer.line
        return statement

    def _finish(self) -> Iterator[Item]:
        """The statement, or its last part, is complete."""
        statement = self._make(last=True)
        if not statement.part:
            self._complete(statement)
        yield statement

    def _cut_off(self) -> Iterator[Item]:
        """The dump ends without a delimiter: clients execute the statement all the same."""
        if self.lexer.unfinished is None:
            self.lexer.unfinished = Unfinished("statement", self._line)
        yield from self._finish()

    # values of INSERT

    def _values(self) -> Iterator[Item]:
        """Values, in bulk where that is possible, token by token around what must be seen."""
        plain = all(kind in (WORD, QUOTED, OP, SPACE) and b"'" not in text for kind, text in self._tokens)
        head = b"".join([text for _kind, text in self._tokens])
        rules = self._value_rules(head if plain else b"")
        self._insert = False
        if rules is None:
            yield from self._ordinary(self.lexer.token())
            return
        if rules.head and any(needle in head.lower() for needle in rules.needles):
            rules = self._value_rules(b"")
        yield from self._flush()
        pause = 1
        while rules is not None:
            line = self.lexer.line
            data, blocked = self.lexer.values(rules)
            if data:
                yield Data(data, line)
                self._line = self.lexer.line
            if not blocked:
                continue
            pause = 1 if data else min(pause * 2, _LONGEST_PAUSE)
            for _count in range(pause):
                ended = yield from self._tuple()
                if ended:
                    return
            yield from self._flush()

    def _tuple(self) -> Generator[Item, None, bool]:
        """Tokens up to the comma after a tuple; returns whether the statement has ended."""
        depth = 0
        closed = False
        while True:
            token = self.lexer.token()
            if token is None or (closed and depth <= 0 and token[0] not in BLANK and token[1] != b","):
                # the end, or what follows the last tuple
                self._depth = 0
                yield from self._ordinary(token)
                return True
            kind, text = token
            if kind == BIG:
                yield from self._big(text)
                continue
            self._tokens.append(token)
            self._size += len(text)
            if kind == END or text == b";":
                yield from self._finish()
                return True
            if kind == OP:
                depth += (text == b"(") - (text == b")")
                closed = closed or text == b")"
                if text == b"," and closed and depth <= 0:
                    return False
            if self._size > PART or len(self._tokens) > MANY:
                yield from self._cut(text)


def oversized(what: str, line: int) -> SqlError:
    """The refusal of what is so long that it would have to be read in parts that could be misread."""
    return SqlError(
        f"{what} is longer than any program writes it.",
        line,
        "look at this line of the dump: the file is damaged, or was made to be misread",
    )
