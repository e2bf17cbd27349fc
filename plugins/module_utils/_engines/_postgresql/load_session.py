# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sending the statements of a dump to a shadow, as psql would, but through the driver. Private to this collection."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NoReturn, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.connection import (
    Access,
    explain,
    psycopg_error,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.instance import Server
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.load_errors import (
    Errors,
    drops,
    is_harmless,
    row_of,
    told,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.pg_restore import (
    LOAD_SETTINGS,
    QUIET_SETTINGS,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.workers import Team
from ansible_collections.vya.backupdb.plugins.module_utils._engines.foreign import StatementError
from ansible_collections.vya.backupdb.plugins.module_utils._sql.postgresql_lexer import PostgresMode
from ansible_collections.vya.backupdb.plugins.module_utils._sql.postgresql_splitter import PostgresSplitter
from ansible_collections.vya.backupdb.plugins.module_utils._sql.tokens import Filler, Statement
from ansible_collections.vya.backupdb.plugins.module_utils._sql.values import ValueRules

if TYPE_CHECKING:
    from psycopg import Connection as Session
    from psycopg import Copy

#: What a session of psql begins with, whatever is set for the login's role.
_BEGINNING = {
    "search_path": '"$user", public',
    "standard_conforming_strings": "on",
    "statement_timeout": "0",
    "lock_timeout": "0",
}
_TRANSACTION_TIMEOUT = 170000
_END_OF_ROWS = re.compile(rb"(?:\A|(?<=\n))\\\.\r?\n?\Z")
_LONGEST_END = 8
_SAVEPOINT = b"SAVEPOINT backupdb_statement"
_ROLLBACK = b"ROLLBACK TO SAVEPOINT backupdb_statement"
_RELEASE = b"RELEASE SAVEPOINT backupdb_statement"
_NUL = "it holds a NUL byte, which no statement can: the dump is damaged"
#: Of a session that the server ended.
_ENDED = ("08", "57P")
_CANCELLED = "57014"


class Sender:
    """A session to a shadow that takes what a dump holds. Close it.

    Args:
        access: the way to the server.
        team: which may be stopped.
        server: what it is.
        application: ``application_name`` of the session.
        label: of the dump.
        errors: where statements go that fail.
    """

    def __init__(
        self, access: Access, team: Team, server: Server, application: str, label: str, errors: Errors
    ) -> None:
        self._access = access
        self._team = team
        self._server = server
        self._application = application
        self._label = label
        self._errors = errors
        self._session: Optional[Session[Any]] = None
        self._copying = ExitStack()
        self._copy: Optional[Copy] = None
        self._statement: Optional[Statement] = None
        self._row_line = 0
        self._held = b""
        self._begun = 0

    def connect(self, shadow: str) -> None:
        """Begin a new session to a database, as ``\\\\connect`` does."""
        self.close()
        settings = {**LOAD_SETTINGS, **_BEGINNING, **(QUIET_SETTINGS if self._server.superuser else {})}
        if self._server.number >= _TRANSACTION_TIMEOUT:
            settings["transaction_timeout"] = "0"
        self._session = self._access.open(shadow, settings, self._application)

    def close(self) -> None:
        """End the session; a transaction that is open then is an error, for what it did is lost."""
        session, self._session = self._session, None
        if session is None:
            return
        try:
            if not session.closed and session.info.transaction_status.name == "INTRANS":
                text = "the transaction that begins here is never committed: what it did is lost"
                self._errors.add(StatementError(self._label, self._begun, "BEGIN", text))
        finally:
            self._access.forget(session)

    def abandon(self) -> None:
        """End the session after a failure."""
        session, self._session = self._session, None
        if session is not None:
            self._access.forget(session)

    @property
    def _status(self) -> str:
        return "" if self._session is None else self._session.info.transaction_status.name

    @property
    def _open(self) -> Session[Any]:
        if self._session is None:
            raise RuntimeError("not connected")
        return self._session

    # statements

    def execute(self, text: bytes) -> None:
        """Run SQL that cannot be left out."""
        try:
            self._open.execute(text)
        except psycopg_error() as error:
            self._lost(error)

    def statement(self, text: bytes, statement: Statement) -> None:
        """Run one statement of the dump.

        Args:
            text: what to run.
            statement: what it was, or its first part.
        """
        if statement.kind == "transaction" and self._status == "IDLE":
            self._begun = statement.line
        elif self._status == "INERROR" and statement.kind != "transaction":
            # The first error of a transaction is told; the rest cannot run.
            return
        if b"\0" in text:
            # The driver would send what stands before it, which means something else.
            self._errors.add(StatementError(self._label, statement.line, statement.head.rstrip(" ;"), _NUL))
            return
        guarded = self._status == "INTRANS" and drops(statement)
        if guarded:
            self.execute(_SAVEPOINT)
        try:
            self._open.execute(text)
        except psycopg_error() as error:
            harmless = is_harmless(statement, self._code(error), self._server.superuser)
            if guarded and harmless:
                self.execute(_ROLLBACK)
            if not harmless:
                self._failed(error, statement)
        else:
            if guarded:
                self.execute(_RELEASE)

    def inserts(self, text: bytes, line: int, mode: PostgresMode) -> None:
        """Run a number of INSERT statements at once; if that fails, one by one, to find out which does.

        Args:
            text: whole statements.
            line: where they begin.
            mode: how they are written.
        """
        if self._status == "INERROR" or (b"\0" not in text and self._together(text)):
            return
        for single, statement in _singles(text, mode):
            statement.line += line - 1
            self.statement(single, statement)

    def _together(self, text: bytes) -> bool:
        """Run statements that either all do something or none; returns whether they did."""
        guarded = self._status == "INTRANS"
        if guarded:
            self.execute(_SAVEPOINT)
        try:
            self._open.execute(text)
        except psycopg_error() as error:
            self._code(error)
            if guarded:
                self.execute(_ROLLBACK)
            return False
        if guarded:
            self.execute(_RELEASE)
        return True

    # COPY

    def begin_copy(self, text: bytes, statement: Statement) -> None:
        """Begin COPY … FROM stdin; if that fails, the rows are left out."""
        self._statement, self._row_line, self._held = statement, 0, b""
        if self._status == "INERROR":
            return
        try:
            cursor = self._copying.enter_context(self._open.cursor())
            self._copy = self._copying.enter_context(cursor.copy(text))
        except psycopg_error() as error:
            self._copying.close()
            self._failed(error, statement)

    def rows(self, data: bytes, line: int) -> None:
        """Rows of the COPY that has begun.

        Args:
            data: some of them; the last piece ends with the line ``\\.``.
            line: where it begins.
        """
        if self._copy is None:
            return
        if not self._row_line:
            self._row_line = line
        data = self._held + data
        # The end may be in what comes last, and only there does it mean something.
        self._held = data[-_LONGEST_END:]
        self._send(data[:-_LONGEST_END])

    def end_copy(self) -> None:
        """All rows have been sent."""
        if self._copy is None:
            return
        self._send(_END_OF_ROWS.sub(b"", self._held))
        self._copy = None
        try:
            self._copying.close()
        except psycopg_error() as error:
            self._copy_failed(error)

    def _send(self, data: bytes) -> None:
        if self._copy is None or not data:
            return
        try:
            self._copy.write(data)
        except psycopg_error() as error:
            self._copy = None
            self._copying.pop_all()
            self._copy_failed(error)

    def _copy_failed(self, error: Exception) -> None:
        if self._statement is None:
            return
        row = row_of(error)
        line = self._row_line + row - 1 if row else self._statement.line
        self._failed(error, self._statement, line)

    # errors

    def _failed(self, error: Exception, statement: Statement, line: int = 0) -> None:
        self._code(error)
        self._errors.add(StatementError(self._label, line or statement.line, statement.head.rstrip(" ;"), told(error)))

    def _code(self, error: Exception) -> str:
        """SQLSTATE of an error of a statement; raises if it is about the session."""
        code = getattr(error, "sqlstate", None)
        if code is None or code.startswith(_ENDED) or self._open.closed:
            self._lost(error)
        if code == _CANCELLED:
            # by the dump's own statement_timeout, if not by the end of this run
            self._team.check()
        return str(code)

    def _lost(self, error: Exception) -> NoReturn:
        self._team.check()
        explain(error, f"loading {self._label}")


class _OneByOne(PostgresSplitter):
    """Hands out INSERT statements one by one, never in runs."""

    def _value_rules(self, head: bytes) -> Optional[ValueRules]:
        rules = super()._value_rules(head)
        return None if rules is None else replace(rules, head=b"")


def _singles(text: bytes, mode: PostgresMode) -> Iterator[tuple[bytes, Statement]]:
    """The statements of a text, each whole, with its first part."""
    first: Optional[Statement] = None
    parts: list[bytes] = []
    for item in _OneByOne([text], mode.conforming, mode.charset):
        if isinstance(item, Filler):
            continue
        if isinstance(item, Statement) and not item.part:
            first, parts = item, []
        parts.append(item.bytes())
        if isinstance(item, Statement) and item.last and first is not None:
            yield b"".join(parts), first
