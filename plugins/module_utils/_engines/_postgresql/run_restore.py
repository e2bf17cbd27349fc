# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Restoring the databases of a set, several at a time. Private to this collection."""

from __future__ import annotations

import functools
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.connection import Access, explained
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.dump import prove_database
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.fencing import closed
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.instance import Server
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.parts import Selection
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.placing import Placer, Ready
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.preflight import artefact_of
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.restore import Loaded, Loader
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.workers import Task, Team
from ansible_collections.vya.backupdb.plugins.module_utils._engines.base import ArtefactReader
from ansible_collections.vya.backupdb.plugins.module_utils._engines.part_rows import compare_rows, recorded_rows
from ansible_collections.vya.backupdb.plugins.module_utils._engines.placement import (
    REPLACE,
    Placement,
    RestoredDatabase,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines.proven import (
    recorded_proof,
    refuse_if_different,
    without_tablespaces,
)
from ansible_collections.vya.backupdb.plugins.module_utils._model import Database
from ansible_collections.vya.backupdb.plugins.module_utils._progress import Reporter
from ansible_collections.vya.backupdb.plugins.module_utils._proof.model import CONTENT

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
        placement: what happens to what is there already.
        fence: what stays off until it is released.
    """

    def __init__(
        self,
        access: Access,
        reporter: Reporter,
        server: Server,
        loader: Loader,
        team: Team,
        placement: Placement,
        fence: Sequence[str] = (),
    ) -> None:
        self._access = access
        self._reporter = reporter
        self._server = server
        self._loader = loader
        self._team = team
        self._placement = placement
        self._fence = fence
        self._parts: Mapping[str, Selection] = {}
        self._replaced: frozenset[str] = frozenset()
        self._counted: dict[str, int] = {}
        self._finished: list[Database] = []
        self._count = 0
        self._looked = 0.0

    def restore(
        self,
        reader: ArtefactReader,
        databases: Mapping[str, str],
        emptied: Collection[str],
        parts: Optional[Mapping[str, Selection]] = None,
    ) -> list[RestoredDatabase]:
        """Restore databases; those that fail, and those not finished then, leave nothing.

        Where databases are replaced, none gets its name before all of them are finished.

        Args:
            reader: the set.
            databases: recorded name -> name to get.
            emptied: names of empty databases of initdb to put the restored ones in the place of.
            parts: recorded name -> what of it to restore, where that is not all.
        """
        self._parts = parts or {}
        self._replaced = frozenset(name for name in databases.values() if self._replaces(name) and name not in emptied)
        wanted = [database for database in reader.manifest.databases if database.name in databases]
        targets = {databases[database.name] for database in wanted}
        late = targets if self._placement.if_exists == REPLACE else targets & set(emptied)
        tasks = []
        for number, database in enumerate(wanted, 1):
            work = functools.partial(self._load, reader, database, databases[database.name], number, late)
            tasks.append(Task(database.size, work))
        total = sum(database.size for database in wanted)
        self._count = len(wanted)
        self._reporter.phase("load")
        loader = self._loader
        previous: dict[str, Optional[str]] = {}
        try:
            with Placer(
                self._access, self._reporter, self._server, loader.shadows.application, self._placement
            ) as placer:
                # This session shows that the run lives, also while a finished shadow waits for its turn.
                with loader.administer() as lease:
                    results = self._team.run(tasks, lambda: self._tick(lease, total))
                    ready = self._ready([loaded for loaded, _seconds in results if loaded.target in late], emptied)
                    placer.begin(ready)
                self._reporter.phase("names")
                previous.update(zip((item.name for item in ready), placer.place(ready)))
        except BaseException:
            loader.discard_all(self._placement)
            raise
        return [
            RestoredDatabase(
                item.database.name,
                item.target,
                seconds,
                previous.get(item.target),
                self._counted.get(item.database.name),
            )
            for item, seconds in results
        ]

    def _replaces(self, name: str) -> bool:
        return self._placement.if_exists == REPLACE and self._server.database(name) is not None

    def _ready(self, loaded: Sequence[Loaded], emptied: Collection[str]) -> list[Ready]:
        """What is finished but for its name."""
        number = self._count
        ready = []
        for item in loaded:
            number += 1
            aside = self._loader.shadows.name(number) if item.target in emptied else None
            ready.append(self._loader.ready(item, aside))
        return ready

    def _load(
        self,
        reader: ArtefactReader,
        database: Database,
        target: str,
        number: int,
        late: Collection[str],
        workers: int,
    ) -> tuple[Loaded, float]:
        artefact = artefact_of(reader, database.name)
        loader = self._loader
        began = time.monotonic()
        with explained(f"restoring {database.name} as {target}"), loader.administer() as session:
            part = self._parts.get(database.name)
            wanted = None if part is None else part.numbers
            path, keep = reader.path(artefact), self._placement.keep_failed
            given = closed(database, self._fence)
            loaded = loader.load(session, given, target, artefact, path, number, workers, wanted, keep)
            self._loaded(database)
            if part is not None and part.has_rows:
                recorded = recorded_rows(reader, database.name)
                self._counted[database.name] = compare_rows(target, recorded, loader.count_rows(loaded))
            loader.complete(loaded, artefact, workers)
            if target in self._replaced and part is None:
                self._prove(reader, loaded, workers)
            if target not in late:
                loader.finish(session, loaded)
        return loaded, time.monotonic() - began

    def _prove(self, reader: ArtefactReader, loaded: Loaded, workers: int) -> None:
        """Make sure that a shadow is what was backed up, before it takes the place of another database."""
        expected = without_tablespaces(recorded_proof(reader), self._loader.left_out)
        name = loaded.database.name
        shadow = replace(loaded.database, name=loaded.shadow)
        number = self._server.number
        objects = prove_database(self._access, self._team, number, expected.level == CONTENT, shadow, workers)
        found = replace(expected, server_version=self._server.version, instance=(), databases={loaded.shadow: objects})
        # What the database itself is, its settings and rights, comes with the name.
        refuse_if_different(
            expected, found, {name: loaded.shadow}, {name: loaded.target}, lambda item: item.kind != "database"
        )

    def _loaded(self, database: Database) -> None:
        """Count a loaded database; what comes after the last one is another phase."""
        self._finished.append(database)
        if len(self._finished) == self._count:
            self._reporter.phase("statistics")

    def _tick(self, lease: Session[Any], total: int) -> None:
        now = time.monotonic()
        if now - self._looked < _SECONDS_BETWEEN_LOOKS:
            return
        self._looked = now
        with explained("looking how far the restore is"):
            growing = self._loader.bytes_loaded(lease)
        done = min(total, sum(database.size for database in self._finished) + growing)
        self._reporter.progress(f"{len(self._finished)} of {self._count} databases loaded", done, total)
