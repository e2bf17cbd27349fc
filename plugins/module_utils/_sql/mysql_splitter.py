# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Statements of a MySQL or MariaDB dump, as the mysql client cuts it. Private to this collection."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Optional

from ansible_collections.vya.backupdb.plugins.module_utils._sql.charsets import codec_of, pair_pattern
from ansible_collections.vya.backupdb.plugins.module_utils._sql.identifiers import decode_mysql
from ansible_collections.vya.backupdb.plugins.module_utils._sql.lexer import BLOCK
from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_kinds import mysql_kind
from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_lexer import (
    MySQLLexer,
    MySQLMode,
    value_patterns,
)
from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_session import MySQLSession
from ansible_collections.vya.backupdb.plugins.module_utils._sql.scanners import LINE
from ansible_collections.vya.backupdb.plugins.module_utils._sql.splitter import MANY, PART, Splitter, oversized
from ansible_collections.vya.backupdb.plugins.module_utils._sql.tokens import (
    BIG,
    BLANK,
    END,
    META,
    SPACE,
    WORD,
    Item,
    Statement,
    Token,
)
from ansible_collections.vya.backupdb.plugins.module_utils._sql.values import ValueRules

#: Words by which the mysql client takes a line for a command of its own, and which a dump has no business to give:
#: they run programs, read or write files, change the server or leave the rest of the dump out.
CLIENT_WORDS = frozenset(
    (
        b"system",
        b"source",
        b"tee",
        b"notee",
        b"pager",
        b"nopager",
        b"edit",
        b"connect",
        b"resetconnection",
        b"charset",
        b"prompt",
        b"exit",
        b"quit",
    )
)


def client_command(statement: Statement) -> Optional[str]:
    """The command to the mysql client that a statement, or a part of one, gives; None when there is none."""
    if statement.kind == "delimiter" or not statement.tokens:
        return None
    if statement.kind == "meta" and not statement.part:
        text = statement.tokens[statement.significant[0]][1]
    elif statement.tokens[-1][0] == META:
        text = statement.tokens[-1][1]
    else:
        return None
    return text.split()[0][:40].decode("latin-1")


class MySQLSplitter(Splitter):
    """Statements of a dump for the mysql or mariadb client."""

    inserts = (b"INSERT", b"REPLACE")
    values = (b"VALUES", b"VALUE")

    def __init__(
        self,
        chunks: Iterable[bytes],
        sql_mode: str = "",
        charset: str = "utf8mb4",
        needles: tuple[bytes, ...] = (),
        block: int = BLOCK,
    ) -> None:
        self.session = MySQLSession(MySQLMode(charset=charset), sql_mode)
        self._lexer = MySQLLexer(chunks, self.session.mode, block)
        super().__init__(self._lexer, needles)

    def _statement(self, first: Token) -> Iterator[Item]:
        word = first[1].lower() if first[0] == WORD else b""
        if word == b"delimiter":
            return self._delimiter(first)
        if word == b"use":
            return self._use(first)
        if word in CLIENT_WORDS:
            return self._client_command(first)
        return self._ordinary(first)

    def _delimiter(self, token: Token) -> Iterator[Item]:
        rest = self._rest_of_command()
        self._tokens = [token, rest]
        argument = rest[1].split()
        if argument:
            word = argument[0]
            if len(word) > 2 and word[:1] == word[-1:] and word[:1] in b"'\"`":
                word = word[1:-1]
            self.session.delimiter(word)
            self._lexer.set_mode(self.session.mode)
        yield from self._finish()

    def _client_command(self, token: Token) -> Iterator[Item]:
        self._tokens = [token, self._rest_of_command()]
        yield from self._finish()

    def _rest_of_command(self) -> Token:
        line = self._lexer.line
        rest = self._lexer.rest_of_line(META, LINE)
        if rest[0] == BIG:
            raise oversized("a command to the client", line)
        return rest

    def _use(self, token: Optional[Token]) -> Iterator[Item]:
        """USE is a command of the client: the end of the line ends it too."""
        named = 0
        while token is not None:
            kind, text = token
            if kind == BIG:
                yield from self._big(text)
            else:
                self._tokens.append(token)
                self._size += len(text)
                if self._size > PART or len(self._tokens) > MANY:
                    yield from self._cut(text)
                named += kind not in BLANK
                if kind in (END, META) or (kind == SPACE and named > 1 and b"\n" in text):
                    yield from self._finish()
                    return
            token = self._lexer.token()
        yield from self._finish()

    def _ends(self, kind: int, text: bytes) -> bool:
        return kind == END or (kind == META and bool(text))

    def _classify(self, statement: Statement) -> str:
        first = statement.tokens[statement.significant[0]] if statement.significant else None
        if first is not None and (first[0] == META or (first[0] == WORD and first[1].lower() in CLIENT_WORDS)):
            return "meta"
        return mysql_kind(statement.words)

    def _prepare(self, statement: Statement) -> None:
        statement.codec = codec_of(self.session.mode.charset)
        statement.oracle = self.session.oracle

    def _complete(self, statement: Statement) -> None:
        if statement.kind == "set":
            if self.session.apply(statement):
                self._lexer.set_mode(self.session.mode)
        elif statement.kind == "use" and len(statement.significant) > 1:
            self.database = decode_mysql(statement.tokens[statement.significant[1]], statement.codec)

    def _value_rules(self, head: bytes) -> Optional[ValueRules]:
        mode = self.session.mode
        if mode.delimiter != b";" or self._lexer.in_executable_comment:
            return None
        run, strings = value_patterns(mode.ansi_quotes, mode.backslash, mode.charset)
        return ValueRules(
            escapes=mode.backslash,
            paired=bool(pair_pattern(mode.charset)),
            run=run,
            strings=strings,
            needles=self.needles,
            head=head,
        )
