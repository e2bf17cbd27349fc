# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rows of a dump of another tool into tables that exist and are empty, in one transaction. Private to this collection.

A plain dump is read as it is; of an archive pg_restore writes the rows as SQL, which is read in the same way. Of all that
stands there only rows, the values of sequences and what says how they are written reach the server.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql import staging
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.connection import Access, explained, sql
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.instance import Server
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.load_archive import rows_of
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.load_errors import Errors, LoadStopped
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.load_plan import PlannedSource
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.load_session import Sender
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.load_sql import PlainLoad
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.parts import Selection
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.rows_only import (
    RowsTable,
    check_keys,
    find_tables,
    foreign_keys,
    lock_empty,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.workers import Team
from ansible_collections.vya.backupdb.plugins.module_utils._engines.placement import RestoredDatabase
from ansible_collections.vya.backupdb.plugins.module_utils._progress import Reporter
from ansible_collections.vya.backupdb.plugins.module_utils._sql.postgresql_splitter import PostgresSplitter
from ansible_collections.vya.backupdb.plugins.module_utils._sql.tokens import Statement

if TYPE_CHECKING:
    from psycopg import Connection as Session

_APPLICATION = "backupdb rows"
#: Parameters that decide how rows are read.
_READING = frozenset(
    b"CLIENT_ENCODING NAMES STANDARD_CONFORMING_STRINGS BACKSLASH_QUOTE ESCAPE_STRING_WARNING SEARCH_PATH XMLOPTION XML "
    b"DATESTYLE INTERVALSTYLE TIMEZONE TIME".split()
)


def fill_tables(
    access: Access,
    reporter: Reporter,
    server: Server,
    team: Team,
    errors: Errors,
    sources: Sequence[PlannedSource],
    analyze: bool,
) -> list[RestoredDatabase]:
    """Load rows, one database after the other: of each all of them, or none.

    Args:
        access: the way to the server.
        reporter: where progress goes.
        server: what it is.
        team: which may be stopped.
        errors: where statements go that fail.
        sources: the dumps, and what is chosen of them.
        analyze: compute the planner's statistics.

    Returns:
        The databases that have their rows; not all of them if statements failed.

    Raises:
        BackupError: something else failed; the tables of that database are empty.
    """
    filled: list[RestoredDatabase] = []
    for item in sources:
        for key in item.targets.databases:
            done = _fill(access, reporter, server, team, errors, item, key, analyze)
            if done is None:
                return filled
            reporter.changed = True
            filled.append(done)
    return filled


def _fill(
    access: Access,
    reporter: Reporter,
    server: Server,
    team: Team,
    errors: Errors,
    item: PlannedSource,
    key: str,
    analyze: bool,
) -> Optional[RestoredDatabase]:
    """The rows of one database of a dump; None if statements failed."""
    began = time.monotonic()
    target, dump, chosen = item.targets.databases[key], item.source.part, item.survey.parts[key]
    inventory = item.source.inventory
    unnamed = (inventory.origin.database or "") if inventory is not None else ""
    reporter.phase("load")
    with explained(f"loading rows into {target}; its tables stay as they were"):
        sender = _RowsSender(access, team, server, dump.label, errors, chosen.selection)
        try:
            with _script(item, chosen.selection) as chunks:
                if item.tools is None:
                    names = {key: item.survey.databases[key].name}
                    choices = {key: chosen.choice}
                    load = _RowsLoad(sender, dump.label, {key: target}, names, unnamed, team.check, choices)
                else:
                    load = _RowsLoad(sender, dump.label, {"": target}, {"": ""}, "", team.check)
                load.run(PostgresSplitter(chunks))
            if errors.count:
                return None
            sender.complete(target)
        except LoadStopped:
            return None
        finally:
            # What was not committed is rolled back by the server.
            sender.abandon()
    if analyze and sender.tables:
        reporter.phase("statistics")
        with explained(f"computing statistics of {target}, whose rows are loaded"), access.session(target) as session:
            for table in sender.tables:
                session.execute(sql(f"ANALYZE {table.name}"))
    return RestoredDatabase(key, target, time.monotonic() - began)


@contextmanager
def _script(item: PlannedSource, selection: Selection) -> Iterator[Iterator[bytes]]:
    """The dump as SQL."""
    dump, tools = item.source.part, item.tools
    if tools is None:
        yield dump.chunks()
        return
    with staging.temporary_directory(0) as scratch:
        yield rows_of(dump, tools, [entry.number for entry in selection.entries], scratch)


class _RowsSender(Sender):
    """One transaction for all rows of a database. Call :meth:`complete`, or :meth:`abandon` it."""

    def __init__(
        self, access: Access, team: Team, server: Server, label: str, errors: Errors, selection: Selection
    ) -> None:
        super().__init__(access, team, server, _APPLICATION, label, errors)
        self._selection = selection
        self._values: list[tuple[bytes, Statement]] = []
        #: those that get rows
        self.tables: list[RowsTable] = []

    def connect(self, shadow: str) -> None:
        """Open the transaction, unless that has been done: a dump may come back to a database."""
        if self._session is not None:
            return
        super().connect(shadow)
        session = self._open
        session.execute("BEGIN")
        self.tables, missing = find_tables(session, self._selection.entries)
        lock_empty(session, shadow, self.tables, missing)
        session.execute("SET LOCAL xmloption = content")
        if self._server.superuser:
            # Rows come in any order and as they were; what the keys promise is looked for when all are there.
            session.execute("SET LOCAL session_replication_role = replica")
        else:
            session.execute("SET CONSTRAINTS ALL DEFERRED")

    def close(self) -> None:
        """The transaction goes on until all of the dump has been read."""

    def keep(self, text: bytes, statement: Statement) -> None:
        """Keep what sets a sequence: that is outside of transactions, and nothing that could fail may come after it."""
        self._values.append((text, statement))

    def complete(self, target: str) -> None:
        """Make sure that the rows fit together, and commit.

        Raises:
            BackupError: they do not.
            LoadStopped: a sequence cannot be set.
        """
        if self._session is None:
            # The dump has no rows for these tables.
            return
        session: Session[Any] = self._open
        if self._server.superuser:
            keys = foreign_keys(session, self.tables)
            check_keys(session, target, [(name, table, query) for name, _own, _other, table, query in keys])
        session.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for text, statement in self._values:
            self.statement(text, statement)
        with explained(f"committing the rows of {target}: it is not known whether they are there"):
            session.execute("COMMIT")


class _RowsLoad(PlainLoad):
    """Takes nothing but rows, values of sequences and what says how they are written."""

    def _begin(self, statement: Statement) -> None:
        if statement.kind != "connect" or self._choices:
            super()._begin(statement)

    def _whole(self, statement: Statement) -> None:
        if statement.kind == "insert":
            super()._whole(statement)
        elif statement.kind in ("set", "set_config"):
            if not _READING.isdisjoint(statement.words[1:3]) or _sets_path(statement):
                super()._whole(statement)
        elif statement.kind == "select" and isinstance(self._sender, _RowsSender):
            self._sender.keep(self._renamer.apply(statement), statement)

    def _act_as(self, user: str) -> None:
        """Rows are the login's to load."""


def _sets_path(statement: Statement) -> bool:
    return statement.kind == "set_config" and b"'search_path'" in statement.bytes().lower()
