# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Restoring the databases of a set, several at a time. Private to this collection."""

from __future__ import annotations

import functools
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.connection import Access, explained
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.instance import (
    INITIAL_DATABASES,
    Server,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.preflight import artefact_of
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.restore import Loaded, Loader
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.shadow import exchange
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.workers import Task, Team
from ansible_collections.vya.backupdb.plugins.module_utils._engines.base import ArtefactReader, RestoredDatabase
from ansible_collections.vya.backupdb.plugins.module_utils._model import Database
from ansible_collections.vya.backupdb.plugins.module_utils._progress import Reporter

if TYPE_CHECKING:
    from psycopg import Connection as Session

_SECONDS_BETWEEN_LOOKS = 2.0


class RestoreRun:
    """One run over some databases of a set.

    Args:
        access: the way to the server.
        reporter: where progress goes.
        server: what the server is.
        loader: loads one database.
        team: whose places are shared.
    """

    def __init__(self, access: Access, reporter: Reporter, server: Server, loader: Loader, team: Team) -> None:
        self._access = access
        self._reporter = reporter
        self._server = server
        self._loader = loader
        self._team = team
        self._finished: list[Database] = []
        self._count = 0
        self._looked = 0.0

    def restore(
        self, reader: ArtefactReader, databases: Mapping[str, str], replaced: Sequence[str]
    ) -> list[RestoredDatabase]:
        """Restore databases; those that fail, and those not finished then, leave nothing.

        Args:
            reader: the set.
            databases: recorded name -> name to get.
            replaced: names of empty databases of initdb to put the restored ones in the place of.
        """
        wanted = [database for database in reader.manifest.databases if database.name in databases]
        tasks = []
        for number, database in enumerate(wanted, 1):
            work = functools.partial(self._load, reader, database, databases[database.name], number, replaced)
            tasks.append(Task(database.size, work))
        total = sum(database.size for database in wanted)
        self._count = len(wanted)
        self._reporter.phase("load")
        try:
            # This session shows that the run lives, also while a finished shadow waits for its turn.
            with self._loader.administer() as lease:
                results = self._team.run(tasks, lambda: self._tick(lease, total))
            for loaded, _seconds in results:
                if loaded.target in replaced:
                    self._exchange(loaded)
        except BaseException:
            self._loader.discard_all()
            raise
        return [RestoredDatabase(item.database.name, item.target, seconds) for item, seconds in results]

    def _load(
        self,
        reader: ArtefactReader,
        database: Database,
        target: str,
        number: int,
        replaced: Sequence[str],
        workers: int,
    ) -> tuple[Loaded, float]:
        artefact = artefact_of(reader, database.name)
        loader = self._loader
        began = time.monotonic()
        with explained(f"restoring {database.name} as {target}"), loader.administer() as session:
            loaded = loader.load(session, database, target, artefact, reader.path(artefact), number, workers)
            self._loaded(database)
            loader.complete(loaded, artefact, workers)
            if target not in replaced:
                loader.finish(session, loaded)
        return loaded, time.monotonic() - began

    def _loaded(self, database: Database) -> None:
        """Count a loaded database; what comes after the last one is another phase."""
        self._finished.append(database)
        if len(self._finished) == self._count:
            self._reporter.phase("statistics")

    def _exchange(self, loaded: Loaded) -> None:
        """Replace one of initdb's databases, which is empty, from within the other."""
        other = next(name for name in INITIAL_DATABASES if name != loaded.target)
        previous = self._loader.shadows.name(0)
        doing = f"replacing the empty database {loaded.target}"
        with explained(doing), self._loader.administer(other) as session:
            statements = self._loader.finishing(loaded)
            exchange(self._access, session, self._server, loaded.target, previous, statements)

    def _tick(self, lease: Session[Any], total: int) -> None:
        now = time.monotonic()
        if now - self._looked < _SECONDS_BETWEEN_LOOKS:
            return
        self._looked = now
        with explained("looking how far the restore is"):
            growing = self._loader.bytes_loaded(lease)
        done = min(total, sum(database.size for database in self._finished) + growing)
        self._reporter.progress(f"{len(self._finished)} of {self._count} databases loaded", done, total)
