# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Loading dumps of other tools: into shadows, which take their names when all are complete. Private to this collection."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Optional

from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.accounts_restore import (
    apply_statements,
    revoke_automatic,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.connection import (
    Server,
    Session,
    driver_errors,
    error_text,
    explaining,
    qualified,
    quote_name,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.content import write_chunks
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.load_dump_accounts import unnamed_of
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.load_dump_plan import (
    Preflight,
    again,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.load_dump_shadows import (
    Shadow,
    Shadows,
    Stopped,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.previous_databases import (
    name_for_previous,
    prune,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.shadow import (
    JOURNAL,
    KEPT,
    MARKER,
    Run,
    exists,
    shadow_name,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.swap import Exchange, Swap, recover
from ansible_collections.vya.backupdb.plugins.module_utils._engines.foreign import LoadOutcome, LoadPlan, LoadRequest
from ansible_collections.vya.backupdb.plugins.module_utils._engines.part import SCHEMA
from ansible_collections.vya.backupdb.plugins.module_utils._engines.placement import RestoredDatabase
from ansible_collections.vya.backupdb.plugins.module_utils._errors import BackupError
from ansible_collections.vya.backupdb.plugins.module_utils._progress import Reporter


class Load:
    """One run of a load.

    Args:
        server: where to load.
        request: what was asked for.
        plan: what was planned.
        reporter: for progress and warnings.
    """

    def __init__(self, server: Server, request: LoadRequest, plan: LoadPlan, reporter: Reporter) -> None:
        self._server = server
        self._request = request
        self._plan = plan
        self._reporter = reporter
        self._roles: Sequence[str] = ()
        self._previous: dict[str, str] = {}

    def run(self) -> LoadOutcome:
        """Load what was planned.

        Raises:
            BackupError: something failed that is no statement of a dump; no database has a name that it had not before.
        """
        began = time.monotonic()
        self._reporter.phase("prepare")
        recover(self._server, self._reporter)
        with self._server.session() as session:
            preflight = again(self._server, self._request, self._plan)
            run = Run(session)
            shadows = self._prepare(run)
            try:
                outcome = self._load(session, run, shadows, preflight)
                if outcome is None:
                    self._accounts(session, preflight)
                    self._name(session, run, [item for each in shadows for item in each.values()], preflight)
            except BaseException:
                self._undo(shadows)
                raise
            if outcome is not None:
                self._undo(shadows)
                return outcome
        seconds = time.monotonic() - began
        kept = self._previous if self._request.placement.keep_previous else {}
        return LoadOutcome(
            tuple(
                RestoredDatabase(item.recorded, item.name, seconds, kept.get(item.name))
                for each in shadows
                for item in each.values()
            ),
            tuple(self._roles),
        )

    def _prepare(self, run: Run) -> list[dict[str, Shadow]]:
        """The shadows of each source: recorded name -> shadow."""
        several = sum(map(len, self._plan.databases)) > 1
        found: list[dict[str, Shadow]] = []
        number = 0
        for chosen in self._plan.databases:
            shadows = {}
            for recorded, name in chosen.items():
                shadow = shadow_name(name, run.id)
                shadows[recorded] = Shadow(recorded, name, f"{shadow[:50]}_{number}" if several else shadow)
                number += 1
            found.append(shadows)
        return found

    # loading

    def _load(
        self, session: Session, run: Run, shadows: Sequence[Mapping[str, Shadow]], preflight: Preflight
    ) -> Optional[LoadOutcome]:
        """Fill the shadows; returns what failed."""
        self._reporter.phase("load")
        renamed = {recorded: item.shadow for chosen in shadows for recorded, item in chosen.items()}
        said = frozenset(self._plan.warnings)
        loader = Shadows(self._server, session, run, self._request, renamed, self._reporter, said)
        try:
            for source, chosen, choices in zip(self._request.sources, shadows, preflight.choices):
                if chosen:
                    loader.load(source, chosen, unnamed_of(source), choices)
            loader.finish()
            if self._request.part.content == SCHEMA and not loader.error_count:
                self._begin_counters(session, shadows, preflight)
        except Stopped:
            # What it says is in the loader.
            return self._failed(loader)
        finally:
            loader.close()
        if loader.error_count:
            return self._failed(loader)
        if self._request.analyze:
            self._reporter.phase("analyze")
            for chosen in shadows:
                for item in chosen.values():
                    self._analyze(session, item)
        return None

    def _begin_counters(self, session: Session, shadows: Sequence[Mapping[str, Shadow]], preflight: Preflight) -> None:
        """Let the counters of tables without rows begin anew: a dump has them in the definitions."""
        for chosen, choices in zip(shadows, preflight.choices):
            for recorded, item in chosen.items():
                for table in [name for name, found in choices[recorded].tables.items() if found.counter]:
                    with explaining(f"setting the counter of {table}"):
                        session.execute(f"ALTER TABLE {qualified(item.shadow, table)} AUTO_INCREMENT = 1")

    def _failed(self, loader: Shadows) -> LoadOutcome:
        return LoadOutcome((), (), tuple(loader.errors), loader.error_count)

    def _analyze(self, session: Session, item: Shadow) -> None:
        with explaining(f"to analyze the tables of {item.shadow}"):
            tables = session.rows(
                "SELECT table_name FROM information_schema.tables "
                "WHERE table_schema = %s AND table_type = 'BASE TABLE' AND table_name <> %s",
                [item.shadow, MARKER],
            )
            for (name,) in tables:
                session.rows(f"ANALYZE NO_WRITE_TO_BINLOG TABLE {qualified(item.shadow, name)}")

    # naming

    def _accounts(self, session: Session, preflight: Preflight) -> None:
        if preflight.accounts.statements:
            self._reporter.phase("accounts")
            apply_statements(session, preflight.accounts.statements)
            self._reporter.changed = bool(preflight.accounts.statements)
        self._roles = preflight.accounts.actions

    def _name(self, session: Session, run: Run, items: Sequence[Shadow], preflight: Preflight) -> None:
        self._reporter.phase("finish")
        placement = self._request.placement
        for name in self._plan.replaced:
            if exists(session, name):
                self._previous[name] = name_for_previous(session, name, placement.stamp)
        exchanges = [Exchange(item.shadow, item.name, self._previous.get(item.name)) for item in items]
        grants = [grant.text for grant in preflight.accounts.objects]
        for item in items:
            self._keep_events(session, item)
        if exchanges:
            Swap(self._server, run.lock, self._reporter, placement.disconnect).run(exchanges, grants)
        else:
            apply_statements(session, preflight.accounts.objects)
        revoke_automatic(session, preflight.accounts.revoked)
        for name, previous in self._previous.items():
            prune(session, name, previous, placement.keep_previous, self._reporter)

    def _keep_events(self, session: Session, item: Shadow) -> None:
        """Events slept while they were in the shadow: what the exchange reads says which are to wake."""
        awake = {name: status for name, status in item.events.items() if status != "DISABLED"}
        if awake:
            with explaining(f"noting the events of {item.shadow}"):
                write_chunks(session, item.shadow, KEPT, {"events": awake, "views": []}, "Events that were enabled")

    # undoing

    def _undo(self, shadows: Sequence[Mapping[str, Shadow]]) -> None:
        """Drop what was loaded, on a connection of its own: the first one may be what has failed."""
        keep = self._request.placement.keep_failed
        items = [item for each in shadows for item in each.values()]
        try:
            with self._server.session() as session:
                there = [item for item in items if exists(session, item.shadow)]
                if any(_has_table(session, item.shadow, JOURNAL) for item in there):
                    # An exchange that could not be undone needs them; it has said so.
                    return
                for item in there:
                    if keep:
                        session.execute(f"DROP TABLE IF EXISTS {qualified(item.shadow, MARKER)}")
                        self._reporter.warn(
                            f"What was loaded for {item.name} is in the database {item.shadow}: look at it, then drop it."
                        )
                    else:
                        session.execute(f"DROP DATABASE IF EXISTS {quote_name(item.shadow)}")
        except (BackupError, driver_errors()) as error:
            text = error.message if isinstance(error, BackupError) else error_text(error)
            self._reporter.warn(
                f"What the failed restore had made could not be dropped ({text}): the next restore on this server does it."
            )


def _has_table(session: Session, database: str, name: str) -> bool:
    return bool(
        session.value(
            "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = %s AND table_name = %s",
            [database, name],
        )
    )
