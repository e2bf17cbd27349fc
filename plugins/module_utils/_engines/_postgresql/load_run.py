# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Loading dumps of other tools, several at a time; every database gets its name when all of them are complete.

Private to this collection.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql import public_schema, staging
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.connection import Access, explained, sql
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.instance import Server
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.load_archive import (
    FORMS,
    errors_in,
    place,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.load_database import statements_for
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.load_errors import Errors
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.load_plan import PlannedSource
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.load_session import Sender
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.load_sql import PlainLoad
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.pg_restore import Archives, Source
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.placing import Placer, Ready
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.restore import Builder, Loaded
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.shadow import drop
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.workers import Task, Team
from ansible_collections.vya.backupdb.plugins.module_utils._engines.foreign import StatementError
from ansible_collections.vya.backupdb.plugins.module_utils._engines.placement import Placement, RestoredDatabase
from ansible_collections.vya.backupdb.plugins.module_utils._errors import BackupError, ProcessError
from ansible_collections.vya.backupdb.plugins.module_utils._progress import Reporter
from ansible_collections.vya.backupdb.plugins.module_utils._sql.postgresql_splitter import PostgresSplitter

if TYPE_CHECKING:
    from psycopg import Connection as Session

_SECONDS_BETWEEN_LOOKS = 2.0


@dataclass(frozen=True)
class _Part:
    """Databases of one dump that are loaded in one pass: key in the dump, and the number of the shadow."""

    item: PlannedSource
    keys: Sequence[str]
    numbers: Sequence[int]


class LoadRun:
    """One run over some dumps.

    Args:
        access: the way to the server.
        reporter: where progress goes.
        server: what the server is.
        builder: makes shadows and finishes them.
        team: whose places are shared.
        errors: where statements go that fail.
        roles: roles that exist by now.
        placement: what happens to what is there already.
    """

    def __init__(
        self,
        access: Access,
        reporter: Reporter,
        server: Server,
        builder: Builder,
        team: Team,
        errors: Errors,
        roles: frozenset[str],
        placement: Placement,
    ) -> None:
        self._access = access
        self._reporter = reporter
        self._server = server
        self._builder = builder
        self._team = team
        self._errors = errors
        self._roles = roles
        self._placement = placement
        self._count = 0
        self._looked = 0.0

    def load(self, sources: Sequence[PlannedSource]) -> list[RestoredDatabase]:
        """Load everything; whatever fails, nothing has a final name then.

        Returns:
            The databases; none if statements failed, which are in the collector then.
        """
        tasks = []
        for item in sources:
            for part in self._parts(item):
                tasks.append(Task(item.source.part.size + 1, functools.partial(self._part, part)))
        self._reporter.phase("load")
        application = self._builder.shadows.application
        try:
            with Placer(self._access, self._reporter, self._server, application, self._placement) as placer:
                # This session shows that the run lives, until that of the placer does.
                with self._builder.administer() as lease:
                    done = [result for results in self._run(tasks, lease) for result in results]
                    if not self._errors.count:
                        ready = self._ready(sources, done)
                        placer.begin(ready)
                if self._errors.count:
                    self._builder.discard_all(self._placement)
                    return []
                self._reporter.phase("names")
                previous = placer.place(ready)
        except BaseException:
            self._builder.discard_all(self._placement)
            raise
        return [
            RestoredDatabase(loaded.database.name, loaded.target, seconds, before)
            for (loaded, seconds), before in zip(done, previous)
        ]

    def _run(
        self, tasks: Sequence[Task[list[tuple[Loaded, float]]]], lease: Session[Any]
    ) -> list[list[tuple[Loaded, float]]]:
        try:
            return self._team.run(tasks, lambda: self._tick(lease))
        except BackupError:
            # Others of the team are stopped then, so that the first failure need not be the one that is raised.
            if self._errors.count and not self._errors.persist:
                return []
            raise

    def _ready(self, sources: Sequence[PlannedSource], done: Sequence[tuple[Loaded, float]]) -> list[Ready]:
        """What is finished but for its name."""
        emptied = {name for item in sources for name in item.targets.emptied}
        number = self._count
        ready = []
        for loaded, _seconds in done:
            number += 1
            aside = self._builder.shadows.name(number) if loaded.target in emptied else None
            ready.append(self._builder.ready(loaded, aside))
        return ready

    def _parts(self, item: PlannedSource) -> list[_Part]:
        """A plain dump with several databases is read by several threads, each of which leaves out the others' part."""
        keys = list(item.targets.databases)
        groups = 1 if item.tools is not None else min(len(keys), self._team.places)
        parts = []
        for group in range(groups):
            mine = keys[group::groups]
            numbers = range(self._count + 1, self._count + 1 + len(mine))
            self._count += len(mine)
            parts.append(_Part(item, mine, numbers))
        return parts

    # one dump

    def _part(self, part: _Part, workers: int) -> list[tuple[Loaded, float]]:
        began = time.monotonic()
        item = part.item
        loaded = []
        with explained(f"loading {item.source.part.label}"), self._builder.administer() as session:
            for key, number in zip(part.keys, part.numbers):
                loaded.append(self._create(session, item, key, number))
            if item.tools is None:
                self._plain(part, loaded)
            else:
                self._archive(session, part, loaded[0], workers)
            if self._errors.count:
                return []
            for database in loaded:
                self._builder.compute_statistics(database.shadow, workers)
        seconds = time.monotonic() - began
        return [(database, seconds) for database in loaded]

    def _create(self, session: Session[Any], item: PlannedSource, key: str, number: int) -> Loaded:
        database, target = item.databases[key], item.targets.databases[key]
        found = item.survey.databases[key]
        shadow = self._builder.create(session, database, number, target)
        if found.public:
            with self._access.session(shadow) as inside:
                public_schema.prepare(inside, None)
        statements = statements_for(found, shadow, self._roles)
        for statement in statements if found.acts else ():
            # The roles that make what is in the database need their privileges on it from the beginning.
            if statement.startswith(("GRANT", "REVOKE")):
                session.execute(sql(statement))
        return Loaded(database, target, shadow, statements)

    def _plain(self, part: _Part, loaded: Sequence[Loaded]) -> None:
        dump, inventory = part.item.source.part, part.item.source.inventory
        application = self._builder.shadows.application
        sender = Sender(self._access, self._team, self._server, application, dump.label, self._errors)
        shadows = {key: database.shadow for key, database in zip(part.keys, loaded)}
        names = {key: part.item.survey.databases[key].name for key in part.keys}
        unnamed = (inventory.origin.database or "") if inventory is not None else ""
        choices = {key: chosen.choice for key, chosen in part.item.survey.parts.items() if key in shadows}
        load = PlainLoad(sender, dump.label, shadows, names, unnamed, self._team.check, choices)
        load.run(PostgresSplitter(dump.chunks()))

    def _archive(self, session: Session[Any], part: _Part, loaded: Loaded, workers: int) -> None:
        item, access, key = part.item, self._access, part.keys[0]
        dump, tools = item.source.part, item.tools
        if tools is None:
            return
        archives = Archives(access, self._team, self._server, tools, self._builder.shadows.application)

        def afresh() -> None:
            drop(access, session, loaded.shadow, self._server.number)
            self._create(session, item, key, part.numbers[0])

        with staging.temporary_directory(dump.size if dump.codecs else 0, access.account) as scratch:
            path = place(dump, tools, access.account, scratch)
            apart = item.survey.databases[key].event_triggers
            chosen = item.survey.parts.get(key)
            wanted = None if chosen is None else chosen.selection.numbers
            source = Source(path, scratch, FORMS[dump.kind], apart, self._errors.persist, wanted)
            try:
                archives.load(loaded.shadow, source, workers, afresh)
            except ProcessError as error:
                self._team.check()
                found, count = errors_in(error.stderr_tail, dump.label)
                if not found:
                    found, count = [StatementError(dump.label, 0, error.program, error.message)], 1
                self._errors.add(found[0], max(1, count - len(found) + 1))
                for other in found[1:]:
                    self._errors.add(other)

    def _tick(self, lease: Session[Any]) -> None:
        now = time.monotonic()
        if now - self._looked < _SECONDS_BETWEEN_LOOKS:
            return
        self._looked = now
        with explained("looking how far the load is"):
            self._reporter.progress("loading", self._builder.bytes_loaded(lease), None)
