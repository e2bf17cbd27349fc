# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Restoring databases: loaded as shadows, completed, then given their names. Private to this collection."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql import (
    archive,
    content,
    public_schema,
    staging,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.connection import (
    Access,
    explained,
    psycopg_error,
    sql,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.instance import Server
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.load_archive import failures_of
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.pg_restore import (
    Archives,
    Source,
    restore_failure,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.placing import Ready
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.properties import (
    DEFAULT_TABLESPACE,
    create_statement,
    opening_statement,
    property_statements,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.quoting import identifier
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.shadow import Shadows, drop
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.swap import LONGEST_NAME, Swap, swap
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.toc import without_tablespaces
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.tools import Tools
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.workers import Team
from ansible_collections.vya.backupdb.plugins.module_utils._engines.placement import Placement
from ansible_collections.vya.backupdb.plugins.module_utils._engines.previous import failed_name
from ansible_collections.vya.backupdb.plugins.module_utils._errors import BackupError, ProcessError
from ansible_collections.vya.backupdb.plugins.module_utils._model import Artefact, Database
from ansible_collections.vya.backupdb.plugins.module_utils._progress import Reporter

if TYPE_CHECKING:
    from psycopg import Connection as Session

_ANALYZE = """
SELECT pg_catalog.format('%I.%I', n.nspname, c.relname)
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'm', 'p') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
   AND (c.relkind <> 'm' OR c.relispopulated)
 ORDER BY c.relpages DESC, 1
"""
_NO_SUCH_DATABASE = "3D000"
_ANALYZED_AT_A_TIME = 50


@dataclass(frozen=True)
class Loaded:
    """A finished shadow, or the database that it became.

    Args:
        database: what was loaded, with its properties.
        target: the name that it gets.
        shadow: the name that it has until then.
        statements: SQL that gives the shadow what its properties do not say, for the transaction that renames it.
    """

    database: Database
    target: str
    shadow: str
    statements: Sequence[str] = ()


class Builder:
    """Builds databases on one server under shadow names, and gives them theirs. Safe to use from several threads.

    Args:
        access: the way to the server.
        team: where programs run.
        reporter: where warnings go.
        server: what it is.
        analyze: compute the planner's statistics.
        roles: roles that exist by now.
    """

    def __init__(
        self, access: Access, team: Team, reporter: Reporter, server: Server, analyze: bool, roles: frozenset[str]
    ) -> None:
        self.shadows = Shadows()
        self._access = access
        self._team = team
        self._reporter = reporter
        self._server = server
        self._analyze = analyze
        self._roles = roles
        self._targets: dict[str, str] = {}

    def create(self, session: Session[Any], database: Database, number: int, target: Optional[str] = None) -> str:
        """Create an empty shadow that only superusers, or nobody else, can enter; returns its name.

        Args:
            session: of :meth:`administer`.
            database: its properties.
            number: of the shadow, unique in this run.
            target: the name that it will get: it is named after it where it fails and is kept for inspection.
        """
        shadow = self.shadows.name(number)
        if target is not None:
            self._targets[shadow] = target
        session.execute(create_statement(shadow, database.properties, self._server.number, self._server.superuser))
        if not self._server.superuser:
            session.execute(f"REVOKE CONNECT ON DATABASE {identifier(shadow)} FROM PUBLIC")
        return shadow

    def compute_statistics(self, shadow: str, workers: int) -> None:
        """The planner's statistics of a loaded shadow, if they are wanted."""
        if not self._analyze:
            return
        with self._access.session(shadow) as session:
            tables = [row[0] for row in session.execute(_ANALYZE)]
            if workers == 1 or len(tables) < 2:
                self._analyze_all(session, tables)
                return
        self._team.spread(tables, workers, lambda names: self._analyze_some(shadow, names))

    def discard_all(self, placement: Optional[Placement] = None) -> None:
        """After a failure: remove what is left of this run, or leave it for inspection.

        A failure of that is a warning, since something else failed before.

        Args:
            placement: whether to leave it, and the stamp of its name.
        """
        try:
            with explained("removing unfinished databases"), self.administer() as session:
                for name in self.shadows.mine(session):
                    target = self._targets.get(name)
                    if placement is not None and placement.keep_failed and target is not None:
                        self._leave(session, name, target, placement.stamp)
                    else:
                        drop(self._access, session, name, self._server.number)
        except BackupError as error:
            self._reporter.warn(f"Unfinished databases could not be removed, the next restore does it: {error.message}")

    def _leave(self, session: Session[Any], shadow: str, target: str, stamp: str) -> None:
        """Leave a shadow under a name that no later run removes."""
        names = {row[0] for row in session.execute("SELECT datname FROM pg_catalog.pg_database")}
        name = failed_name(target, stamp, names, LONGEST_NAME, True)
        swap(self._access, session, Swap(name, shadow))
        self._reporter.warn(
            f"What was loaded for {target!r} stays as {name!r}. It may be incomplete, and was never given its name: look"
            " at it, then drop it."
        )

    def bytes_loaded(self, session: Session[Any]) -> int:
        """How large the shadows are by now."""
        query = "SELECT pg_catalog.pg_database_size(%s::name)"
        size = 0
        for name in self.shadows.mine(session):
            try:
                row = session.execute(query, (name,)).fetchone()
            except psycopg_error() as error:
                if getattr(error, "sqlstate", None) != _NO_SUCH_DATABASE:
                    raise
                # It has got its name this moment.
                continue
            size += row[0] if row is not None else 0
        return size

    @contextlib.contextmanager
    def administer(self, database: Optional[str] = None) -> Iterator[Session[Any]]:
        """A session that shows that this run lives."""
        with self._access.session(database, application=self.shadows.application) as session:
            yield session

    def ready(self, loaded: Loaded, emptied: Optional[str] = None) -> Ready:
        """A finished shadow, for :class:`Placer`.

        Args:
            loaded: what was loaded.
            emptied: see :class:`Ready`.
        """
        return Ready(loaded.target, loaded.shadow, self._finishing(loaded), emptied)

    def finish(self, session: Session[Any], loaded: Loaded) -> None:
        """Let a finished shadow take a name that nothing has."""
        swap(self._access, session, Swap(loaded.target, loaded.shadow, None, self._finishing(loaded)))

    def _finishing(self, loaded: Loaded) -> list[str]:
        """SQL, for the transaction that renames it, that gives a finished shadow its properties."""
        properties = loaded.database.properties
        return [
            *property_statements(loaded.shadow, properties, self._roles),
            *loaded.statements,
            opening_statement(loaded.shadow, properties),
        ]

    def _analyze_all(self, session: Session[Any], tables: Sequence[str]) -> None:
        for begin in range(0, len(tables), _ANALYZED_AT_A_TIME):
            self._team.check()
            session.execute(sql("ANALYZE " + ", ".join(tables[begin : begin + _ANALYZED_AT_A_TIME])))

    def _analyze_some(self, shadow: str, tables: Iterator[str]) -> None:
        with explained(f"computing statistics of {shadow}"), self._access.session(shadow) as session:
            for table in tables:
                session.execute(sql(f"ANALYZE {table}"))


class Loader(Builder):
    """Builds databases from the archives of a set.

    Args:
        tools: the programs to restore with.
        left_out: tablespaces whose objects go where objects go by default.
        access, team, reporter, server, analyze, roles: see `Builder`.
    """

    def __init__(
        self,
        access: Access,
        team: Team,
        reporter: Reporter,
        server: Server,
        tools: Tools,
        analyze: bool,
        roles: frozenset[str],
        left_out: frozenset[str] = frozenset(),
    ) -> None:
        super().__init__(access, team, reporter, server, analyze, roles)
        self._tools = tools
        self.left_out = left_out
        self._archives = Archives(access, team, server, tools, self.shadows.application)

    def load(
        self,
        session: Session[Any],
        database: Database,
        target: str,
        artefact: Artefact,
        path: str,
        number: int,
        workers: int,
        wanted: Optional[frozenset[int]] = None,
        persist: bool = False,
    ) -> Loaded:
        """Load an archive into a new shadow; :meth:`complete` and :meth:`finish` come next.

        Args:
            session: of :meth:`administer`.
            database: as recorded.
            target: the name that it will get.
            artefact: its archive.
            path: where the archive is.
            number: of the shadow, unique in this run.
            workers: how much may run at a time.
            wanted: numbers of its entries; None for all of them.
            persist: load whatever can be loaded before it fails, and name all that cannot.
        """
        left_out = self.left_out
        if database.properties.get("tablespace") in left_out:
            # What lay in pg_default lies where the database does now, and must not ask for it: PostgreSQL says "cannot
            # specify default tablespace for partitioned relations".
            left_out |= {DEFAULT_TABLESPACE}
            database = replace(database, properties={**database.properties, "tablespace": DEFAULT_TABLESPACE})
        shadow = self._empty(session, database, number, target, artefact)
        way = staging.way_to(path, self._tools, self._access.account)
        if left_out and way == staging.DIRECT:
            # Its table of contents is another one.
            way = staging.SHOWN
        room = staging.room_for(way, artefact, database)
        with staging.temporary_directory(room, self._access.account) as scratch:
            place = self._laid_out(way, path, scratch, workers)
            if left_out:
                self._leave_out_tablespaces(place, left_out)
            apart = bool(artefact.details.get("event_triggers"))
            source = Source(place, scratch, event_triggers=apart, persist=persist, wanted=wanted)

            def afresh() -> None:
                drop(self._access, session, shadow, self._server.number)
                self._empty(session, database, number, target, artefact)

            try:
                self._archives.load(shadow, source, workers, afresh)
            except ProcessError as error:
                if persist:
                    raise failures_of(error, database.name, target) from None
                raise restore_failure(error, database.name, target) from None
        return Loaded(database, target, shadow)

    def _empty(self, session: Session[Any], database: Database, number: int, target: str, artefact: Artefact) -> str:
        shadow = self.create(session, database, number, target)
        if artefact.details.get("public_schema") is None:
            with self._access.session(shadow) as inside:
                public_schema.prepare(inside, None)
        return shadow

    def complete(self, loaded: Loaded, artefact: Artefact, workers: int) -> None:
        """Do inside a loaded shadow what its archive does not: schema public as recorded, and statistics."""
        with self._access.session(loaded.shadow) as session:
            public_schema.enforce(session, artefact.details.get("public_schema"))
        self.compute_statistics(loaded.shadow, workers)

    def count_rows(self, loaded: Loaded) -> dict[str, int]:
        """Name of each table in a loaded shadow -> its rows."""
        measures = content.Measures()
        with self._access.session(loaded.shadow) as session:
            for pieces in content.groups(content.pieces(session, self._server.number, False, 1)):
                self._team.check()
                measures.read(session, pieces)
        return {name: rows for name, (rows, _digest) in measures.tables().items()}

    def _leave_out_tablespaces(self, place: str, names: frozenset[str]) -> None:
        """Give an archive that was laid out for this restore another table of contents."""
        toc = Path(place, archive.TOC)
        content = without_tablespaces(place, names)
        # It may be the same file as that of the set.
        toc.unlink()
        toc.touch(0o600)
        toc.write_bytes(content)
        staging.give_to(self._access.account, str(toc))

    def _laid_out(self, way: str, path: str, scratch: str, workers: int) -> str:
        """Where pg_restore finds an archive."""
        if way == staging.DIRECT:
            return path
        place = Path(scratch, "archive")
        place.mkdir(mode=0o700)
        if way == staging.SHOWN:
            staging.show(path, str(place))
        else:
            archive.decompress(self._team, path, str(place), workers)
        staging.give_to(self._access.account, str(place))
        return str(place)
