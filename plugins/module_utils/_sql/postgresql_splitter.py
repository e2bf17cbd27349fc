# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Statements of a PostgreSQL dump, as psql cuts it. Private to this collection."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Optional

from ansible_collections.vya.backupdb.plugins.module_utils._sql.charsets import PAIRS, codec_of
from ansible_collections.vya.backupdb.plugins.module_utils._sql.lexer import BLOCK
from ansible_collections.vya.backupdb.plugins.module_utils._sql.postgresql_kinds import postgres_kind
from ansible_collections.vya.backupdb.plugins.module_utils._sql.postgresql_lexer import (
    PostgresLexer,
    PostgresMode,
    value_patterns,
)
from ansible_collections.vya.backupdb.plugins.module_utils._sql.psql import MetaCommand, parse_meta
from ansible_collections.vya.backupdb.plugins.module_utils._sql.scanners import Until
from ansible_collections.vya.backupdb.plugins.module_utils._sql.splitter import Splitter
from ansible_collections.vya.backupdb.plugins.module_utils._sql.tokens import (
    BIG,
    META,
    OP,
    SPACE,
    STRING,
    WORD,
    Data,
    Item,
    SqlError,
    Statement,
    Token,
)
from ansible_collections.vya.backupdb.plugins.module_utils._sql.values import ValueRules

_TRUE = (b"on", b"true", b"yes", b"1")
_ON_VERBS = (b"GRANT", b"REVOKE", b"COMMENT", b"SECURITY")


class PostgresSplitter(Splitter):
    """Statements of a dump for psql."""

    lone = (OP, b";")

    def __init__(
        self,
        chunks: Iterable[bytes],
        conforming: bool = True,
        charset: str = "utf8",
        needles: tuple[bytes, ...] = (),
        block: int = BLOCK,
    ) -> None:
        self._start = PostgresMode(conforming, charset)
        self._lexer = PostgresLexer(chunks, self._start, block)
        super().__init__(self._lexer, needles)
        #: where a setting has changed how the bytes are read; psql notices at the next line only
        self._changed = 0

    def _begin(self, line: int) -> None:
        super()._begin(line)
        self._first_words: list[bytes] = []
        #: depth of BEGIN ATOMIC … END and of CASE … END within
        self._blocks = 0

    def _statement(self, first: Token) -> Iterator[Item]:
        if self._line == self._changed:
            raise SqlError(
                "a statement follows a SET on its line that changes how psql reads strings.",
                self._line,
                "put what follows the SET on a line of its own",
            )
        return super()._statement(first)

    def _ends(self, kind: int, text: bytes) -> bool:
        if kind == OP:
            return text == b";" and self._depth <= 0 and not self._blocks
        if kind == WORD:
            if len(self._first_words) < 4:
                self._first_words.append(text.upper())
            if not self._depth and len(text) < 6 and self._first_words[0] == b"CREATE":
                self._follow_blocks(text.upper())
        return kind == META

    def _follow_blocks(self, word: bytes) -> None:
        """The body of a routine in standard SQL holds statements with their own semicolons."""
        if word == b"BEGIN":
            if b"FUNCTION" in self._first_words or b"PROCEDURE" in self._first_words:
                self._blocks += 1
        elif word == b"CASE":
            self._blocks += self._blocks > 0
        elif word == b"END":
            self._blocks -= self._blocks > 0

    def _classify(self, statement: Statement) -> str:
        tokens = [statement.tokens[index] for index in statement.significant]
        if not tokens:
            return "empty"
        if tokens[-1][0] == META:
            command = meta_of(statement)
            return "connect" if command is not None and command.name == "connect" else "meta"
        words = statement.words
        if words[0] == b"COPY":
            return "copy_from_stdin" if _from_stdin(tokens) else "copy"
        on = None
        if words[0] in _ON_VERBS:
            upper = [text.upper() if kind == WORD else text for kind, text in tokens]
            on = upper[upper.index(b"ON") + 1 :] if b"ON" in upper else None
        return postgres_kind(words, on)

    def _prepare(self, statement: Statement) -> None:
        statement.codec = codec_of(self._lexer.mode.charset)

    def _finish(self) -> Iterator[Item]:
        begun = self._line
        for item in super()._finish():
            copies = isinstance(item, Statement) and item.kind == "copy_from_stdin"
            if copies and isinstance(item, Statement):
                item.last = False
            yield item
            if copies:
                yield from self._rows(begun)

    def _rows(self, begun: int) -> Iterator[Item]:
        line = self._lexer.line
        kind, rest = self._lexer.rest_of_line(SPACE, Until(b"\n"))
        cut = kind == BIG and self._lexer.unfinished is None
        if cut or (rest.strip() and not rest.strip().startswith(b"--")):
            raise SqlError(
                "text follows COPY … FROM stdin on its line.", begun, "put what follows behind the data that COPY reads"
            )
        yield Data(rest, line)
        line = self._lexer.line
        for rows in self._lexer.rows(begun):
            yield Data(rows, line)
            line = self._lexer.line
        self._line = line
        yield self._make(last=True)

    def _complete(self, statement: Statement) -> None:
        if statement.kind == "connect":
            command = meta_of(statement)
            if command is not None and command.database is not None:
                self.database = command.database
            # a new session, in which nothing is set
            self._lexer.set_mode(self._start)
        elif statement.kind in ("set", "set_config", "reset"):
            self._follow_settings([statement.tokens[index] for index in statement.significant])

    def _follow_settings(self, tokens: list[Token]) -> None:
        """SET, RESET and set_config() of what decides how bytes are read."""
        values = [text.strip(b"'").lower() for kind, text in tokens if kind in (WORD, STRING) or text.isalnum()]
        reset = values[:1] == [b"reset"] or values[-1:] == [b"default"]
        for name in (b"standard_conforming_strings", b"client_encoding", b"names"):
            if name not in values[:5] or (name == b"names" and values[:2] != [b"set", b"names"]):
                continue
            value = values[values.index(name) + 1 :]
            if value[:1] == [b"to"]:
                value = value[1:]
            self._set(name, None if reset else (value[0] if value else b""))

    def _set(self, name: bytes, value: Optional[bytes]) -> None:
        mode = self._lexer.mode
        if name == b"standard_conforming_strings":
            mode = replace(mode, conforming=self._start.conforming if value is None else value in _TRUE)
        else:
            charset = self._start.charset if value is None else value.decode("latin-1").strip('"')
            mode = replace(mode, charset=charset)
        if mode != self._lexer.mode:
            self._changed = self._lexer.line
            self._lexer.set_mode(mode)

    def _value_rules(self, head: bytes) -> Optional[ValueRules]:
        mode = self._lexer.mode
        run, strings = value_patterns(mode.conforming, mode.charset)
        return ValueRules(
            escapes=not mode.conforming,
            paired=not mode.conforming and mode.charset.lower() in PAIRS,
            run=run,
            strings=strings,
            prefixes=True,
            needles=self.needles,
            head=head,
        )


def meta_of(statement: Statement) -> Optional[MetaCommand]:
    """The command to psql that ends a statement; None when there is none."""
    kind, text = statement.tokens[-1] if statement.tokens else (SPACE, b"")
    if kind != META:
        return None
    command = parse_meta(text.decode(statement.codec, "surrogateescape"))
    if (statement.part or len(statement.significant) > 1) and command.refused is None:
        return replace(command, refused="it stands in the middle of a statement")
    return command


def _from_stdin(tokens: list[Token]) -> bool:
    depth = 0
    for number, (kind, text) in enumerate(tokens):
        depth += (text == b"(") - (text == b")") if kind == OP else 0
        if kind == WORD and not depth and text.upper() == b"FROM":
            return tokens[number + 1 : number + 2] != [] and tokens[number + 1][1].upper() == b"STDIN"
    return False
