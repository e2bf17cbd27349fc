# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rows of a dump of another tool into tables that exist and are empty, in one transaction. Private to this collection."""

from __future__ import annotations

import time
from collections.abc import Sequence

from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.connection import (
    Server,
    Session,
    driver_errors,
    error_text,
    explaining,
    qualified,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.load_dump_accounts import unnamed_of
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.load_dump_feed import Unit
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.load_dump_parts import DumpChoice
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.load_dump_plan import again
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.load_dump_shadows import (
    Shadow,
    Shadows,
    Stopped,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.rows_only import check_keys, lock_empty
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.shadow import Run
from ansible_collections.vya.backupdb.plugins.module_utils._engines.foreign import (
    DumpSource,
    LoadOutcome,
    LoadPlan,
    LoadRequest,
    StatementError,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines.placement import RestoredDatabase
from ansible_collections.vya.backupdb.plugins.module_utils._errors import BackupError, ServerRefused
from ansible_collections.vya.backupdb.plugins.module_utils._progress import Reporter
from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_policy import DATABASE, SETTING

_SEQUENCES = ("select", "do")


def fill_tables(server: Server, request: LoadRequest, plan: LoadPlan, reporter: Reporter) -> LoadOutcome:
    """Load rows, one database after the other: of each all of them, or none.

    Args:
        server: where to load.
        request: what was asked for.
        plan: what was planned.
        reporter: for progress and warnings.

    Raises:
        BackupError: something failed that is no statement of a dump; the tables of that database are empty.
    """
    reporter.phase("prepare")
    found = again(server, request, plan)
    filled: list[RestoredDatabase] = []
    errors: list[StatementError] = []
    count = 0
    with server.session() as session:
        for source, names, choices in zip(request.sources, plan.databases, found.choices):
            for recorded, name in names.items():
                began = time.monotonic()
                tables = _Tables(server, session, request, recorded, name, choices[recorded], reporter)
                with explaining(f"loading rows into {name}; its tables stay as they were"):
                    tables.fill(source)
                if tables.error_count:
                    errors, count = tables.errors, tables.error_count
                    reporter.phase("")
                    return LoadOutcome(tuple(filled), (), tuple(errors), count)
                reporter.changed = True
                filled.append(RestoredDatabase(recorded, name, time.monotonic() - began))
                if request.analyze:
                    _analyze(session, name, list(choices[recorded].tables), reporter)
    reporter.phase("")
    return LoadOutcome(tuple(filled))


def _analyze(session: Session, name: str, tables: Sequence[str], reporter: Reporter) -> None:
    reporter.phase("analyze")
    with explaining(f"to analyze the tables of {name}"):
        for table in tables:
            session.rows(f"ANALYZE NO_WRITE_TO_BINLOG TABLE {qualified(name, table)}")


class _Tables(Shadows):
    """Loads rows into a database that stays: of all that a dump holds nothing but rows reaches it, in one transaction."""

    def __init__(
        self,
        server: Server,
        admin: Session,
        request: LoadRequest,
        recorded: str,
        name: str,
        choice: DumpChoice,
        reporter: Reporter,
    ) -> None:
        super().__init__(server, admin, Run(admin), request, {recorded: name}, reporter)
        self._item = Shadow(recorded, name, name, made=True)
        self._choice = choice
        self._values: list[Unit] = []

    def fill(self, source: DumpSource) -> None:
        """Load the rows of a dump; what the server refuses is in `errors`, and no row stays then.

        Raises:
            BackupError: it failed otherwise; no row stays.
        """
        self._reporter.phase("load")
        recorded, name = self._item.recorded, self._item.name
        try:
            with self._session.ours() as session:
                lock_empty(session, name, list(self._choice.tables))
            self.load(source, {recorded: self._item}, unnamed_of(source), {recorded: self._choice})
        except Stopped:
            # What it says is in `errors`.
            return
        finally:
            # What was not committed is rolled back when the session ends.
            self.close()

    def _make(self, item: Shadow) -> None:
        """It is there."""

    def _database(self, unit: Unit) -> None:
        """The database stays as it is."""

    def _filled(self, unit: Unit) -> None:
        """Nothing is committed before the end."""

    def _do(self, unit: Unit) -> None:
        if unit.action == DATABASE:
            return
        if unit.action == SETTING and b"AUTOCOMMIT" in unit.sql.upper():
            # It would end the transaction.
            return
        if unit.kind in _SEQUENCES:
            # What sets a sequence is outside of transactions: nothing that could fail may come after it.
            self._values.append(unit)
            return
        super()._do(unit)

    def _end(self, line: int) -> None:
        if self.error_count:
            return
        name = self._item.name
        with self._session.ours() as session:
            check_keys(session, name, set(self._choice.tables))
        super()._end(line)
        for unit in self._values:
            answer = self._send(unit, name)
            if answer.error:
                raise _not_set(name, unit.head, answer.error)
        self._set_counters(name, self._choice)

    def _set_counters(self, name: str, choice: DumpChoice) -> None:
        """What sets a counter ends a transaction, so it comes after that of the rows."""
        for table, found in choice.tables.items():
            if not found.counter:
                continue
            statement = f"ALTER TABLE {qualified(name, table)} AUTO_INCREMENT = {found.counter}"
            try:
                self._admin.execute(statement)
            except driver_errors() as error:
                raise _not_set(name, statement, error_text(error)) from error


def _not_set(name: str, statement: str, error: str) -> BackupError:
    return ServerRefused(
        f"The rows are in {name}, but the server refused {statement}: {error}.", "set the counter by hand"
    )
