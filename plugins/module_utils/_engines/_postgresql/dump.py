# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Dumping one database: data, definitions and proof of the same snapshot. Private to this collection."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql import (
    acl,
    archive,
    catalog_grants,
    catalog_others,
    catalog_tables,
    proof,
    public_schema,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.connection import (
    Access,
    explained,
    psycopg_error,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.finishing import Archive, Finisher
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.locales import collation_version
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.quoting import literal
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.staging import give_to
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.tools import Tools
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.workers import Team
from ansible_collections.vya.backupdb.plugins.module_utils._engines.base import ArtefactWriter
from ansible_collections.vya.backupdb.plugins.module_utils._model import Artefact, Database
from ansible_collections.vya.backupdb.plugins.module_utils._process import Command, Process
from ansible_collections.vya.backupdb.plugins.module_utils._progress import Reporter
from ansible_collections.vya.backupdb.plugins.module_utils._proof.model import ProofObject

if TYPE_CHECKING:
    from psycopg import Connection as Session

#: How long a dump waits for another session's exclusive lock on a table, in milliseconds.
LOCK_TIMEOUT = 300_000
_REMEDY_OF_DUMP = (
    "if another session holds an exclusive lock on a table, let it end; if the server stopped, look into its log"
)


@dataclass(frozen=True)
class Settings:
    """How databases are dumped.

    Args:
        tools: the programs to use.
        version: number of the server's version.
        level: of zstd.
        content: whether the proof covers the content of tables.
    """

    tools: Tools
    version: int
    level: int
    content: bool


@dataclass(frozen=True)
class Dumped:
    """A database in the set.

    Args:
        database: it, with its properties.
        snapshot_at: the moment that its data is of.
        proof: its objects.
        details: what its artefact says.
        omissions: what of it no dump can have.
    """

    database: Database
    snapshot_at: datetime
    proof: tuple[ProofObject, ...]
    details: Mapping[str, Any] = field(default_factory=dict)
    omissions: Sequence[str] = ()


class Dumper:
    """Dumps databases of one server. Safe to use from several threads; what it made is complete when it is left.

    Args:
        access: the way to the server.
        team: where programs run.
        writer: where to put the archives.
        reporter: where warnings go.
        settings: how to dump.
    """

    def __init__(
        self, access: Access, team: Team, writer: ArtefactWriter, reporter: Reporter, settings: Settings
    ) -> None:
        self._access = access
        self._team = team
        self._writer = writer
        self._reporter = reporter
        self._settings = settings
        self._growing: dict[str, str] = {}
        self._finisher = Finisher(team, writer, None if settings.tools.zstd else settings.level, self._finish)
        self._finished = 0

    @property
    def written(self) -> int:
        """Bytes written so far, for showing progress."""
        return self._finished + sum(archive.size_of(directory) for directory in list(self._growing.values()))

    def dump(self, database: Database, workers: int) -> Dumped:
        """Dump one database into its artefact.

        Args:
            database: which.
            workers: how much may run at a time.
        """
        name = database.name
        directory = self._writer.create_directory("database", name)
        give_to(self._access.account, directory)
        self._growing[name] = directory
        with explained(f"backing up the database {name}"), self._access.session(name) as session:
            moment, snapshot = begin_snapshot(session)
            with self._team.program(self._command(name, directory, snapshot, workers)) as process:
                effort = proof.Effort(
                    content=self._settings.content,
                    workers=workers,
                    helper=lambda: same_snapshot(self._access, name, snapshot),
                    team=self._team,
                    check=lambda: _failed_early(process),
                )
                try:
                    sorting = collation_version(self._settings.version)
                    soon = [public_schema.STATE, sorting]
                    inventory = proof.take_inventory(session, self._settings.version, soon, database.size)
                    objects = proof.measure(session, inventory, effort)
                    public = public_schema.described(inventory.catalog.rows(public_schema.STATE))
                    omissions = catalog_grants.not_in_dumps(inventory.catalog, name)
                    ((collation,),) = inventory.catalog.rows(sorting)
                except psycopg_error():
                    # What stopped the dump too is told by the dump, which knows more about it.
                    _failed_early(process)
                    raise
                process.wait()
                if self._access.container is not None:
                    archive.check_files(directory)
                self._pass_on_warnings(name, process)
            objects = self._with_dumped_sequences(inventory, objects, directory)
        details: dict[str, Any] = {
            "pg_dump": self._settings.tools.version,
            "snapshot_at": moment.isoformat(timespec="seconds"),
            "public_schema": public,
            "collation_version": collation,
            **_needs(objects, inventory.catalog.roles),
        }
        self._finisher.add(Archive(name, directory, details), workers)
        return Dumped(database, moment, (proof.database_object(database), *objects), details, omissions)

    def _finish(self, name: str, artefact: Artefact) -> None:
        del self._growing[name]
        self._finished += artefact.size

    def __enter__(self) -> Dumper:
        return self

    def __exit__(self, kind: Optional[type[BaseException]], *_error: object) -> None:
        """Wait until every archive is on disk; raises what went wrong with that."""
        if kind is None:
            self._finisher.complete()
        else:
            self._finisher.abandon()

    def _with_dumped_sequences(
        self, inventory: proof.Inventory, objects: list[ProofObject], directory: str
    ) -> list[ProofObject]:
        """The objects with the values of sequences that the dump has.

        Sequences are outside of snapshots: where one moved since the inventory, the archive itself is asked.
        """
        catalog = inventory.catalog
        names = [item.name for item in objects if item.kind == catalog_tables.SEQUENCE]
        if not names:
            return objects
        now = catalog_tables.sequence_values(catalog, names)
        if proof.with_sequence_values(objects, now) == objects:
            return objects
        dumped = archive.sequence_values(self._settings.tools, directory)
        values = {}
        for quoted, value in dumped.items():
            ((name,),) = catalog.rows(catalog_tables.NAME_OF_SEQUENCE.format(literal=quoted))
            values[name] = value
        return proof.with_sequence_values(objects, values)

    def _command(self, name: str, directory: str, snapshot: str, workers: int) -> Command:
        compression = f"zstd:{self._settings.level}" if self._settings.tools.zstd else "0"
        return Command(
            [
                self._settings.tools.path("pg_dump"),
                "--format=directory",
                f"--file={directory}",
                f"--jobs={workers}",
                f"--snapshot={snapshot}",
                f"--compress={compression}",
                f"--lock-wait-timeout={LOCK_TIMEOUT}",
                "--quote-all-identifiers",
                "--no-password",
                # The writer syncs every file.
                "--no-sync",
                f"--dbname={conninfo(name)}",
            ],
            env=self._access.environment(),
            secret_env=self._access.secret_environment(),
            account=self._access.account,
            remedy=_REMEDY_OF_DUMP,
            inside=self._access.container,
            writes=(directory,),
        )

    def _pass_on_warnings(self, name: str, process: Process) -> None:
        for line in process.stderr_tail.splitlines():
            match = re.match(r"pg_dump: warning: (.*)", line)
            if match:
                self._reporter.warn(f"pg_dump of {name}: {match[1]}")


def begin_snapshot(session: Session[Any]) -> tuple[datetime, str]:
    """Begin a transaction that sees one moment, and let others see the same; returns the moment and the snapshot."""
    cursor = session.execute(f"{_begin()}; SELECT pg_catalog.now(), pg_catalog.pg_export_snapshot()")
    while cursor.nextset():
        pass
    moment, snapshot = cursor.fetchone() or ()
    return moment, snapshot


def begin(session: Session[Any]) -> None:
    """Begin a transaction that sees one moment."""
    session.execute(_begin())


def _begin() -> str:
    # It waits for locks a little longer than pg_dump does, which says more about them.
    return f"BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY; SET LOCAL lock_timeout = {LOCK_TIMEOUT + 2000}"


def prove_database(
    access: Access, team: Team, version: int, content: bool, database: Database, workers: int
) -> tuple[ProofObject, ...]:
    """The proof of a database as it is now."""
    name = database.name
    with explained(f"proving the database {name}"), access.session(name) as session:
        _moment, snapshot = begin_snapshot(session)
        effort = proof.Effort(content, workers, lambda: same_snapshot(access, name, snapshot), team, team.check)
        inventory = proof.take_inventory(session, version, size=database.size)
        return (proof.database_object(database), *proof.measure(session, inventory, effort))


@contextlib.contextmanager
def same_snapshot(access: Access, database: str, snapshot: str) -> Iterator[Session[Any]]:
    """A session that sees the same moment as another one, which must stay open."""
    with access.session(database) as session:
        begin(session)
        session.execute(f"SET TRANSACTION SNAPSHOT {literal(snapshot)}")
        yield session


def _failed_early(process: Process) -> None:
    """Stop measuring when the dump has failed meanwhile."""
    if process.poll() not in (None, 0):
        process.wait()


def _needs(objects: Sequence[ProofObject], named: AbstractSet[str]) -> dict[str, Any]:
    """What a server must have before the database can be restored to it."""
    roles = {*named, *(item.owner for item in objects if item.owner is not None)}
    roles |= {grant.grantee for item in objects for grant in item.grants}
    extensions = sorted(
        (item.name, item.attributes["version"]) for item in objects if item.kind == catalog_others.EXTENSION
    )
    return {
        "roles": sorted(roles - {acl.PUBLIC}),
        "extensions": [list(item) for item in extensions],
        "tablespaces": sorted({item.attributes["tablespace"] for item in objects if "tablespace" in item.attributes}),
        "event_triggers": sum(item.kind == catalog_others.EVENT_TRIGGER for item in objects),
        "objects": len(objects),
    }


def conninfo(database: str) -> str:
    """A database's name as the programs' ``--dbname`` wants it, so that no name is taken for something else."""
    quoted = database.replace("\\", "\\\\").replace("'", "\\'")
    return f"dbname='{quoted}'"
