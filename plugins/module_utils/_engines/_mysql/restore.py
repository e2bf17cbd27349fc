# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Restoring databases: loaded into shadows, moved when complete, dropped when anything fails. Private to this collection."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.accounts_restore import (
    apply_statements,
    revoke_automatic,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.connection import (
    Server,
    Session,
    driver_errors,
    explaining,
    qualified,
    quote_name,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.content import Settler, read_properties
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.definitions import (
    charset_clauses,
    read_definitions,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.load import (
    Loader,
    TableToLoad,
    batches,
    compare_definition,
    local_infile,
    to_load,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.preflight import Preflight
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.previous_databases import (
    name_for_previous,
    prune,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.programs import asleep
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.prove import prove
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.rows_only import count_rows
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.scripts import (
    doubts_in,
    read_set_programs,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.shadow import (
    JOURNAL,
    MARKER,
    Run,
    exists,
    is_empty,
    shadow_name,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.structure import Structure
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.swap import Exchange, Swap
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.workers import work_off
from ansible_collections.vya.backupdb.plugins.module_utils._engines.base import (
    ArtefactReader,
    RestoredDatabase,
    RestoreOutcome,
    RestoreRequest,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines.part_rows import compare_rows, recorded_rows
from ansible_collections.vya.backupdb.plugins.module_utils._engines.placement import REPLACE
from ansible_collections.vya.backupdb.plugins.module_utils._engines.proven import recorded_proof, refuse_if_different
from ansible_collections.vya.backupdb.plugins.module_utils._errors import BackupError, NoSuchDatabase
from ansible_collections.vya.backupdb.plugins.module_utils._progress import Reporter
from ansible_collections.vya.backupdb.plugins.module_utils._proof.fence import EVENT


@dataclass
class _Database:
    """A database on its way.

    Args:
        recorded, name: in the set, and from now on.
        shadow: where it is loaded.
        directory, details: of its artefact.
        properties: character set, collation, comment.
        structures: how its tables are made.
        sequences: statements that make its sequences.
        previous: what the database that has the name is called when this one has it; None where there is none.
        counted: of a part, how many tables were counted.
    """

    recorded: str
    name: str
    shadow: str
    directory: str
    details: Mapping[str, Any]
    properties: Mapping[str, Any]
    structures: Mapping[str, Structure] = field(default_factory=dict)
    sequences: Sequence[str] = ()
    tables: Sequence[TableToLoad] = ()
    previous: Optional[str] = None
    complete: bool = False
    counted: Optional[int] = None
    seconds: float = field(default=0.0)


class Restore:
    """One run of a restore.

    Args:
        server: where to restore.
        request: what was asked for.
        preflight: what was found.
        reader: the set.
        reporter: for progress.
    """

    def __init__(
        self, server: Server, request: RestoreRequest, preflight: Preflight, reader: ArtefactReader, reporter: Reporter
    ) -> None:
        self._server = server
        self._request = request
        self._preflight = preflight
        self._reader = reader
        self._reporter = reporter
        self._lock = threading.Lock()
        self._done = 0
        self._total = 0
        #: recorded name of each database -> its shadow
        self._names: Mapping[str, str] = {}
        self._ignore_case = False

    def run(self) -> RestoreOutcome:
        """Restore everything that was planned.

        Raises:
            BackupError: something failed; databases that were complete before stay, the others leave no trace.
        """
        began = time.monotonic()
        self._reporter.phase("prepare")
        with self._server.session() as session:
            run = Run(session)
            databases = [
                self._prepare(run, number, *pair) for number, pair in enumerate(self._preflight.plan.databases.items())
            ]
            self._names = {item.recorded: item.shadow for item in databases}
            self._ignore_case = bool(int(session.value("SELECT @@lower_case_table_names")))
            try:
                self._doubt(databases)
                with local_infile(session, self._preflight.enable_local_infile):
                    self._load(session, run, databases)
                self._reporter.phase("accounts")
                apply_statements(session, self._preflight.accounts.statements)
                self._reporter.changed = bool(self._preflight.accounts.statements)
                self._reporter.phase("finish")
                self._complete(databases)
                self._count(session, databases)
                self._prove(databases)
                self._exchange(session, run, databases)
                revoke_automatic(session, self._preflight.accounts.revoked)
            except BaseException:
                self._undo(databases)
                raise
        seconds = time.monotonic() - began
        keep = self._request.placement.keep_previous
        return RestoreOutcome(
            tuple(
                RestoredDatabase(item.recorded, item.name, seconds, item.previous if keep else None, item.counted)
                for item in databases
            ),
            tuple(self._preflight.accounts.actions),
        )

    # preparing

    def _prepare(self, run: Run, number: int, recorded: str, name: str) -> _Database:
        manifest = self._reader.manifest
        artefact = manifest.artefact("database", recorded)
        database = manifest.database(recorded)
        if artefact is None or database is None:
            raise NoSuchDatabase(f"The set holds no database {recorded!r}.", "choose another set")
        shadow = shadow_name(name, run.id)
        return _Database(
            recorded,
            name,
            shadow if len(self._preflight.plan.databases) == 1 else f"{shadow}_{number}",
            self._reader.path(artefact),
            artefact.details,
            database.properties,
        )

    def _doubt(self, databases: Sequence[_Database]) -> None:
        """Say what may still refer to a database under its old name."""
        renamed = {item.recorded: item.name for item in databases if item.recorded != item.name}
        for item in databases if renamed else ():
            for text in doubts_in(item.directory, item.details, renamed, self._ignore_case):
                self._reporter.warn(f"{item.name}: {text}. It was left as it is: look whether it has to be changed.")

    # loading

    def _load(self, session: Session, run: Run, databases: Sequence[_Database]) -> None:
        self._reporter.phase("load")
        for item in databases:
            item.structures, item.sequences = read_definitions(
                item.directory, item.details, self._names, self._ignore_case
            )
            item.tables = to_load(item.shadow, item.directory, item.details, item.structures)
            with explaining(f"to make database {item.shadow}"):
                session.execute(f"CREATE DATABASE {quote_name(item.shadow)}{charset_clauses(item.properties)}")
            run.mark(session, item.shadow)
        self._total = sum(table.size for item in databases for table in item.tables)
        tables = [table for item in databases for table in item.tables]
        with contextlib.ExitStack() as stack:
            loaders = []
            for _number in range(max(1, self._request.jobs)):
                loader = Loader(self._server, self._progress)
                stack.callback(loader.close)
                loaders.append(loader)
            for item in databases:
                self._make_empty(loaders[0], item)
            abandon = self._abandoning(loaders)
            work_off(batches(tables), [loader.load for loader in loaders], abandon)
            self._reporter.phase("keys")
            work_off(tables, [_checked(loader, self._request.analyze) for loader in loaders], abandon)

    def _make_empty(self, loader: Loader, item: _Database) -> None:
        """Tables that hold no rows of their own, and sequences."""
        session = loader.use(item.shadow)
        for statement in item.sequences:
            with explaining("to make a sequence"):
                session.execute(statement)
        for name in item.details.get("without_rows", ()):
            with explaining(f"to create table {name}"):
                session.execute(item.structures[name].create)

    def _abandoning(self, loaders: Sequence[Loader]) -> Callable[[], None]:
        numbers = [loader.connection_id for loader in loaders]

        def abandon() -> None:
            for loader in loaders:
                loader.abandon()
            self._server.kill(numbers)

        return abandon

    def _progress(self, size: int) -> None:
        with self._lock:
            self._done += size
            done = self._done
        self._reporter.progress("loading tables", done, self._total)

    # finishing

    def _complete(self, databases: Sequence[_Database]) -> None:
        """Make everything that is no table in the shadows: whatever the server refuses is found here."""
        with self._server.session(**_LENIENT) as session:
            contents = {}
            for item in databases:
                self._defaults(session, item)
                programs = read_set_programs(
                    session, item.shadow, item.directory, item.details, self._names, self._ignore_case
                )
                if EVENT in self._request.fence:
                    programs = [asleep(program) for program in programs]
                properties = read_properties(session, self._server.flavour, item.shadow)
                contents[item.shadow] = replace(properties, programs=tuple(programs))
            Settler(session).settle(contents, parked=True, sound=True)

    def _count(self, session: Session, databases: Sequence[_Database]) -> None:
        """Compare the rows of parts with the proof: nobody else does that, since proofs are of whole databases."""
        if self._request.part.whole:
            return
        for item in databases:
            if item.tables:
                versioned = {about["name"] for about in item.details["tables"] if about.get("versioned")}
                found = {
                    table.name: count_rows(session, item.shadow, table.name, table.name in versioned)
                    for table in item.tables
                }
                item.counted = compare_rows(item.name, recorded_rows(self._reader, item.recorded), found)

    def _prove(self, databases: Sequence[_Database]) -> None:
        """Make sure that what takes the place of another database is what was backed up.

        Of the tables: what is made around them gets its final state only with the name.
        """
        replacing = [item for item in databases if item.name in self._preflight.plan.replaced]
        if not replacing or not self._request.part.whole:
            return
        expected = recorded_proof(self._reader)
        found = prove(self._server, [item.shadow for item in replacing], expected.level, self._request.jobs, False)
        refuse_if_different(
            expected,
            found,
            {item.recorded: item.shadow for item in replacing},
            {item.recorded: item.name for item in replacing},
            lambda item: item.kind == "table" and item.what != "grant",
        )

    def _defaults(self, session: Session, item: _Database) -> None:
        for name, structure in item.structures.items():
            if not structure.defaults:
                continue
            changes = ", ".join(f"MODIFY {column}" for column in structure.defaults)
            with explaining(f"to set the defaults of table {name}"):
                session.execute(f"ALTER TABLE {qualified(item.shadow, name)} {changes}")
                text = session.rows(f"SHOW CREATE TABLE {qualified(item.shadow, name)}")[0][1]
            compare_definition(name, structure.recorded, text)

    def _exchange(self, session: Session, run: Run, databases: Sequence[_Database]) -> None:
        """Give the databases their names, all at once."""
        placement = self._request.placement
        for item in databases:
            if placement.if_exists == REPLACE and exists(session, item.name) and not is_empty(session, item.name):
                planned = self._preflight.plan.replaced.get(item.name)
                item.previous = planned or name_for_previous(session, item.name, placement.stamp)
        Swap(self._server, run.lock, self._reporter, placement.disconnect).run(
            [Exchange(item.shadow, item.name, item.previous) for item in databases],
            [grant.text for grant in self._preflight.accounts.objects],
        )
        for item in databases:
            item.complete = True
        for item in databases:
            if item.previous is not None:
                prune(session, item.name, item.previous, placement.keep_previous, self._reporter)

    # undoing

    def _undo(self, databases: Sequence[_Database]) -> None:
        """Drop what is not complete, on a connection of its own: the first one may be what has failed."""
        try:
            with self._server.session() as session:
                if any(_holds_journal(session, item.shadow) for item in databases):
                    # An exchange that could not be undone: all shadows are needed to finish or undo it.
                    return
                for item in databases:
                    self._undo_one(session, item)
        except (BackupError, driver_errors()) as error:
            self._reporter.warn(
                f"What the failed restore had made could not be dropped ({error}): the next restore on this server does it."
            )

    def _undo_one(self, session: Session, item: _Database) -> None:
        if item.complete or not exists(session, item.shadow):
            return
        if self._request.placement.keep_failed:
            session.execute(f"DROP TABLE IF EXISTS {qualified(item.shadow, MARKER)}")
            self._reporter.warn(
                f"The incomplete {item.name} stays as {item.shadow}, for inspection: drop it afterwards."
            )
            return
        session.execute(f"DROP DATABASE {quote_name(item.shadow)}")


def _holds_journal(session: Session, database: str) -> bool:
    return bool(
        session.value(
            "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = %s AND table_name = %s",
            [database, JOURNAL],
        )
    )


#: Foreign keys are moved with their tables, not checked again.
_LENIENT = {"foreign_key_checks": "0"}


def _checked(loader: Loader, analyze: bool) -> Callable[[TableToLoad], None]:
    def work(table: TableToLoad) -> None:
        loader.add_constraints(table)
        loader.check(table)
        if analyze:
            loader.analyze(table)

    return work
