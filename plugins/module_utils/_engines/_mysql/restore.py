# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Restoring databases: loaded into shadows, moved when complete, dropped when anything fails. Private to this collection."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
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
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.definitions import (
    charset_clauses,
    read_definitions,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.load import (
    Loader,
    TableToLoad,
    batches,
    compare_definition,
    to_load,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.preflight import Preflight
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.shadow import (
    MARKER,
    Run,
    exists,
    shadow_name,
    sweep,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.structure import Structure
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.workers import work_off
from ansible_collections.vya.backupdb.plugins.module_utils._engines.base import (
    ArtefactReader,
    RestoredDatabase,
    RestoreOutcome,
    RestoreRequest,
)
from ansible_collections.vya.backupdb.plugins.module_utils._errors import BackupError, DamagedSet
from ansible_collections.vya.backupdb.plugins.module_utils._process import Command, find_program, pipe
from ansible_collections.vya.backupdb.plugins.module_utils._progress import Reporter


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
        previous: properties of the empty database that had the name before; None where there was none.
        stage: how many steps of finishing are done.
    """

    recorded: str
    name: str
    shadow: str
    directory: str
    details: Mapping[str, Any]
    properties: Mapping[str, Any]
    structures: Mapping[str, Structure]
    sequences: Sequence[str]
    tables: Sequence[TableToLoad] = ()
    previous: Optional[str] = None
    named: bool = False
    stage: int = 0
    complete: bool = False
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

    def run(self) -> RestoreOutcome:
        """Restore everything that was planned.

        Raises:
            BackupError: something failed; databases that were complete before stay, the others leave no trace.
        """
        began = time.monotonic()
        self._reporter.phase("prepare")
        with self._server.session() as session:
            for name in sweep(session):
                self._reporter.warn(f"{name}, which a restore that died had left, was dropped.")
            run = Run(session)
            databases = [self._prepare(run, *pair) for pair in self._preflight.plan.databases.items()]
            try:
                with self._local_infile(session):
                    self._load(session, run, databases)
                self._reporter.phase("accounts")
                apply_statements(session, self._preflight.accounts.statements)
                self._reporter.phase("finish")
                self._finish(run, databases)
                revoke_automatic(session, self._preflight.accounts.revoked)
            except BaseException:
                self._undo(databases)
                raise
        now = time.monotonic()
        return RestoreOutcome(
            tuple(RestoredDatabase(item.recorded, item.name, item.seconds or now - began) for item in databases),
            tuple(self._preflight.accounts.actions),
        )

    # preparing

    def _prepare(self, run: Run, recorded: str, name: str) -> _Database:
        manifest = self._reader.manifest
        artefact = manifest.artefact("database", recorded)
        database = manifest.database(recorded)
        if artefact is None or database is None:
            raise DamagedSet(f"The set holds no database {recorded!r}.", "choose another set")
        directory = self._reader.path(artefact)
        structures, sequences = read_definitions(directory, artefact.details)
        return _Database(
            recorded,
            name,
            shadow_name(name, run.id),
            directory,
            artefact.details,
            database.properties,
            structures,
            sequences,
        )

    @contextlib.contextmanager
    def _local_infile(self, session: Session) -> Iterator[None]:
        if not self._preflight.enable_local_infile:
            yield
            return
        with explaining("setting local_infile for the restore"):
            session.execute("SET GLOBAL local_infile = 1")
        try:
            yield
        finally:
            with explaining("setting local_infile back"):
                session.execute("SET GLOBAL local_infile = 0")

    # loading

    def _load(self, session: Session, run: Run, databases: Sequence[_Database]) -> None:
        self._reporter.phase("load")
        self._total = sum(table.size for item in databases for table in item.tables)
        for number, item in enumerate(databases):
            shadow = item.shadow if len(databases) == 1 else f"{item.shadow[:50]}_{number}"
            item.shadow = shadow
            item.tables = to_load(shadow, item.directory, item.details, item.structures)
            with explaining(f"to make database {shadow}"):
                session.execute(f"CREATE DATABASE {quote_name(shadow)}{charset_clauses(item.properties)}")
            run.mark(session, shadow)
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

    def _finish(self, run: Run, databases: Sequence[_Database]) -> None:
        """Give the databases their names, several at a time.

        A view can use another database that is not there yet: then its own waits for another round.
        """
        waiting = list(databases)
        with contextlib.ExitStack() as stack:
            sessions = [
                stack.enter_context(self._server.session(**_LENIENT))
                for _number in range(max(1, min(self._request.jobs, len(databases))))
            ]
            numbers = [session.id for session in sessions]
            while waiting:
                again: list[_Database] = []
                workers = [self._finisher(session, run, again) for session in sessions]
                work_off(waiting, workers, lambda: self._server.kill(numbers))
                if len(again) == len(waiting):
                    self._finish_one(sessions[0], run, again[0])
                waiting = again

    def _finisher(self, session: Session, run: Run, again: list[_Database]) -> Callable[[_Database], None]:
        def finish(item: _Database) -> None:
            began = time.monotonic()
            try:
                self._finish_one(session, run, item)
            except BackupError:
                if item.stage != _VIEWS:
                    raise
                again.append(item)
            item.seconds += time.monotonic() - began

        return finish

    def _finish_one(self, session: Session, run: Run, item: _Database) -> None:
        steps: Sequence[Callable[[], None]] = (
            lambda: self._name(session, run, item),
            lambda: self._script(item, "routines"),
            lambda: self._views(session, item),
            lambda: self._script(item, "triggers"),
            lambda: self._grants(session, item),
            lambda: self._script(item, "events"),
        )
        while item.stage < len(steps):
            steps[item.stage]()
            item.stage += 1
        run.unmark(session, item.name)
        item.complete = True
        with explaining(f"dropping database {item.shadow}"):
            session.execute(f"DROP DATABASE {quote_name(item.shadow)}")

    def _name(self, session: Session, run: Run, item: _Database) -> None:
        target = quote_name(item.name)
        with explaining(f"to make database {item.name}"):
            if exists(session, item.name):
                # It was empty when the plan was made; what has come into it since stays and stops the restore.
                item.previous = session.rows(f"SHOW CREATE DATABASE {target}")[0][1]
                self._refuse_content(session, item.name)
                session.execute(f"ALTER DATABASE {target}{charset_clauses(item.properties)}")
            else:
                session.execute(f"CREATE DATABASE {target}{charset_clauses(item.properties)}")
        item.named = True
        run.mark(session, item.name)
        with explaining(f"to move the tables of {item.name}"):
            names = [
                row[0]
                for row in session.rows(
                    "SELECT table_name FROM information_schema.tables WHERE table_schema = %s AND table_name <> %s",
                    [item.shadow, MARKER],
                )
            ]
            moves = ", ".join(f"{qualified(item.shadow, name)} TO {qualified(item.name, name)}" for name in names)
            if moves:
                # One at a time: foreign keys between databases could make two of them wait for each other.
                with self._lock:
                    session.execute(f"RENAME TABLE {moves}")
        self._defaults(session, item)

    def _refuse_content(self, session: Session, name: str) -> None:
        found = session.value(
            "SELECT (SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = %s) + "
            "(SELECT COUNT(*) FROM information_schema.routines WHERE routine_schema = %s)",
            [name, name],
        )
        if found:
            raise BackupError(
                f"Database {name} was filled by somebody else while its backup was being loaded.",
                "find out who did so, then run the restore again",
            )

    def _defaults(self, session: Session, item: _Database) -> None:
        for name, structure in item.structures.items():
            if not structure.defaults:
                continue
            changes = ", ".join(f"MODIFY {column}" for column in structure.defaults)
            with explaining(f"to set the defaults of table {name}"):
                session.execute(f"ALTER TABLE {qualified(item.name, name)} {changes}")
                text = session.rows(f"SHOW CREATE TABLE {qualified(item.name, name)}")[0][1]
            compare_definition(name, structure.recorded, text)

    def _views(self, session: Session, item: _Database) -> None:
        with explaining(f"to make the views of {item.name}"):
            # Those of an earlier attempt.
            for (name,) in session.rows(
                "SELECT table_name FROM information_schema.views WHERE table_schema = %s", [item.name]
            ):
                session.execute(f"DROP VIEW IF EXISTS {qualified(item.name, name)}")
        self._script(item, "views")

    def _script(self, item: _Database, part: str) -> None:
        if part not in item.details.get("parts", ()):
            return
        path = os.path.join(item.directory, f"{part}.sql.zst")
        remedy = "compare the settings of this server with those recorded in the set"
        with self._server.command(
            find_program(*self._server.flavour.clients),
            "--batch",
            "--binary-mode",
            "--default-character-set=utf8mb4",
            "--max-allowed-packet=1G",
            f"--database={item.name}",
            remedy=remedy,
        ) as command:
            pipe([Command([find_program("zstd"), "-d", "-q", "-c", "--", path]), command])

    def _grants(self, session: Session, item: _Database) -> None:
        apply_statements(session, (grant for grant in self._preflight.accounts.objects if grant.database == item.name))

    # undoing

    def _undo(self, databases: Sequence[_Database]) -> None:
        """Drop what is not complete, on a connection of its own: the first one may be what has failed."""
        try:
            with self._server.session() as session:
                for item in databases:
                    self._undo_one(session, item)
        except (BackupError, driver_errors()) as error:
            self._reporter.warn(
                f"What the failed restore had made could not be dropped ({error}): the next restore on this server does it."
            )

    def _undo_one(self, session: Session, item: _Database) -> None:
        if item.complete:
            return
        session.execute(f"DROP DATABASE IF EXISTS {quote_name(item.shadow)}")
        if item.named:
            session.execute(f"DROP DATABASE IF EXISTS {quote_name(item.name)}")
            if item.previous is not None:
                session.execute(item.previous)


_VIEWS = 2

#: Foreign keys are moved with their tables, not checked again.
_LENIENT = {"foreign_key_checks": "0"}


def _checked(loader: Loader, analyze: bool) -> Callable[[TableToLoad], None]:
    def work(table: TableToLoad) -> None:
        loader.add_constraints(table)
        loader.check(table)
        if analyze:
            loader.analyze(table)

    return work
