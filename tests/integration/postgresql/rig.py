# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Backing up and rebuilding PostgreSQL servers with the engine itself, as the modules do it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ansible_collections.vya.backupdb.plugins.module_utils._codec import read_json, write_bytes, write_json
from ansible_collections.vya.backupdb.plugins.module_utils._engines.base import (
    BackupOutcome,
    BackupPlan,
    BackupRequest,
    RestoreOutcome,
    RestorePlan,
    RestoreRequest,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines.postgresql import PostgresqlEngine
from ansible_collections.vya.backupdb.plugins.module_utils._model import Connection, Manifest, timestamp
from ansible_collections.vya.backupdb.plugins.module_utils._progress import Reporter
from ansible_collections.vya.backupdb.plugins.module_utils._proof.compare import Comparison, compare
from ansible_collections.vya.backupdb.plugins.module_utils._proof.model import CONTENT, Proof
from ansible_collections.vya.backupdb.plugins.module_utils._repository import Repository, SetReader

from tests.support.postgresql import PostgresServer

SQL = Path(__file__).parent / "sql"


@dataclass(frozen=True)
class Backup:
    """A sealed set and what the engine said."""

    reader: SetReader
    plan: BackupPlan
    outcome: BackupOutcome
    warnings: Sequence[str]

    @property
    def proof(self) -> Proof:
        """The proof as it lies in the set."""
        artefact = self.reader.manifest.artefact("proof")
        assert artefact is not None
        return Proof.from_json(read_json(self.reader.path(artefact)))

    @property
    def databases(self) -> dict[str, str]:
        """Every database under its own name."""
        return {database.name: database.name for database in self.reader.manifest.databases}


def connection(server: PostgresServer, **options: Any) -> Connection:
    """The connection that a stock server wants: the socket, and peer; options change any of it."""
    given: dict[str, Any] = {"unix_socket": str(server.socket_dir), "port": server.port, "user": server.superuser}
    if "password" in options:
        given = {"host": server.host, "port": server.port, "user": server.superuser}
    return Connection(**{**given, **options})


def engine(server: PostgresServer, **options: Any) -> PostgresqlEngine:
    """The engine, not connected yet."""
    return PostgresqlEngine(connection(server, **options), Reporter())


def back_up(
    server: PostgresServer, repository: Path, *databases: str, level: str = CONTENT, jobs: int = 2, **options: Any
) -> Backup:
    """Back up into a sealed set."""
    return back_up_with(engine(server, **options), repository, *databases, level=level, jobs=jobs)


def back_up_with(
    used: PostgresqlEngine, repository: Path, *databases: str, level: str = CONTENT, jobs: int = 2
) -> Backup:
    """Back up with an engine, which is closed afterwards."""
    request = BackupRequest(databases=databases or ("*",), jobs=jobs, proof_level=level)
    with used, Repository(str(repository)).begin("source", "main") as writer:
        plan = used.plan_backup(request)
        assert plan.problems == []
        outcome = used.backup(request, plan, writer)
        for kind, suffix, form in (
            ("roles", ".sql.zst", "sql"),
            ("settings", ".json.zst", "json"),
            ("proof", ".json.zst", "json"),
        ):
            path = writer.create_file(kind, kind, suffix)
            if kind == "roles":
                write_bytes(path, outcome.roles_sql)
            else:
                write_json(path, outcome.settings if kind == "settings" else outcome.proof.to_json())
            writer.finish(kind, kind, form, "zstd")
        now = timestamp(datetime.now(timezone.utc))
        manifest = Manifest(
            set_id=writer.set_id,
            run_id="run",
            source="source",
            instance="main",
            engine="postgresql",
            flavour="postgresql",
            server_version=plan.info.version,
            started=now,
            snapshot_at=timestamp(outcome.snapshot_at),
            finished=now,
            collection_version="0",
            databases=outcome.databases,
            artefacts=writer.artefacts,
            omissions=outcome.omissions,
            proof_level=level,
            details=outcome.details,
        )
        path = writer.seal(manifest)
    return Backup(SetReader(path), plan, outcome, tuple(used.reporter.warnings))


def restore(
    server: PostgresServer,
    reader: SetReader,
    databases: Mapping[str, str],
    connect: Mapping[str, Any] | None = None,
    **options: Any,
) -> RestoreOutcome:
    """Restore as the module does: planned, without problems, then done."""
    with engine(server, **(connect or {})) as used:
        request = RestoreRequest(databases=databases, **{"jobs": 2, **options})
        plan = used.plan_restore(request, reader)
        assert list(plan.problems) == []
        return used.restore(request, plan, reader)


def plan_restore(
    server: PostgresServer,
    reader: SetReader,
    databases: Mapping[str, str],
    connect: Mapping[str, Any] | None = None,
    **options: Any,
) -> RestorePlan:
    """What a restore would do."""
    with engine(server, **(connect or {})) as used:
        return used.plan_restore(RestoreRequest(databases=databases, **options), reader)


def prove(
    server: PostgresServer, *databases: str, level: str = CONTENT, instance: bool = True, **options: Any
) -> Proof:
    """The proof of databases as they are now."""
    with engine(server, **options) as used:
        return used.prove(databases, level, 2, instance)


def differences(
    server: PostgresServer,
    expected: Proof,
    databases: Mapping[str, str] | None = None,
    instance: bool = True,
    **options: Any,
) -> list[str]:
    """What is not as in a proof, in words."""
    return [item.message for item in compared(server, expected, databases, instance, **options).differences]


def compared(
    server: PostgresServer,
    expected: Proof,
    databases: Mapping[str, str] | None = None,
    instance: bool = True,
    **options: Any,
) -> Comparison:
    """A server compared with a proof."""
    pairs = {name: name for name in expected.databases} if databases is None else databases
    there = {name for (name,) in server.sql("SELECT datname FROM pg_database")}
    found = prove(
        server, *(name for name in pairs.values() if name in there), level=expected.level, instance=instance, **options
    )
    return compare(expected, found, pairs, instance)


def fill(server: PostgresServer) -> None:
    """Make the roles, and the database shop with an object of every class."""
    server.psql("-f", str(SQL / "roles.sql"))
    server.sql("CREATE DATABASE shop OWNER owner_of_all")
    server.psql("-f", str(SQL / "shop.sql"), database="shop")
    for statement in (
        "COMMENT ON DATABASE shop IS 'it''s a \\ shop'",
        "REVOKE ALL ON DATABASE shop FROM PUBLIC",
        "GRANT CONNECT ON DATABASE shop TO reporting WITH GRANT OPTION",
        'ALTER DATABASE shop SET search_path TO public, extensions, "Odd Schema"',
        "ALTER DATABASE shop SET work_mem TO '9MB'",
        "ALTER DATABASE shop CONNECTION LIMIT 42",
        "ALTER ROLE reporting IN DATABASE shop SET statement_timeout TO '17s'",
    ):
        server.sql(statement)
