# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A backup from the first look to the last proof. Private to this collection."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.catalog import (
    Catalog,
    Table,
    broken_views,
    read_catalogs,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.connection import Server, explaining
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.dump import (
    DumpedTable,
    TableDumper,
    dump_definitions,
    table_tasks,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.instance import (
    inspect,
    read_facts,
    select_databases,
    tool_problem,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.proof import (
    TableProof,
    database_objects,
    instance_objects,
    prove_table,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.settings import read_settings
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.snapshot import Pair, Snapshot
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.structure import loosely_referenced
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.swap import cut_off, exchanged
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.users import (
    Account,
    export_sql,
    missing_objects,
    read_accounts,
    second_passwords,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.workers import work_off
from ansible_collections.vya.backupdb.plugins.module_utils._engines.base import (
    ArtefactWriter,
    BackupOutcome,
    BackupPlan,
    BackupRequest,
)
from ansible_collections.vya.backupdb.plugins.module_utils._errors import ChangedMeanwhile
from ansible_collections.vya.backupdb.plugins.module_utils._model import Database
from ansible_collections.vya.backupdb.plugins.module_utils._progress import Reporter
from ansible_collections.vya.backupdb.plugins.module_utils._proof.model import CONTENT, Proof
from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_create_table import (
    COLUMN,
    parse_create_table,
    split_sequence_default,
)

FORMAT = "mysql_tables"
_FIXED_BYTES = 16 << 20
_COLUMNS_TOLD = 10


def plan_backup(server: Server, request: BackupRequest) -> BackupPlan:
    """What a backup would do.

    Raises:
        UsageError: a pattern matches no database.
    """
    info = inspect(server)
    chosen = select_databases(info.databases, request.databases, request.exclude_databases)
    problems = list(info.missing_privileges)
    for text in (server.flavour.too_old, tool_problem(server, info.tools)):
        if text:
            problems.append(text)
    warnings: list[str] = []
    if not info.missing_privileges:
        problems += _cut_off(server, chosen)
        problems += _view_problems(server, chosen)
        problems += _library_problems(server, chosen)
        warnings += _missing_definers(server, chosen)
    return BackupPlan(
        info,
        tuple(chosen),
        tuple(problems),
        tuple(warnings),
        estimated_bytes=sum(item.size for item in chosen) + _FIXED_BYTES,
    )


def _cut_off(server: Server, databases: Sequence[Database]) -> list[str]:
    """Databases in the middle of whose exchange a run died may lack triggers, views and routines for now."""
    names = {database.name for database in databases}
    with server.session() as session:
        wanting = {name for journal in cut_off(session).values() for name in exchanged(journal) if name in names}
    return [
        f"A run that put another database in the place of {name} died in the middle of it, and {name} may not be whole. "
        "Run that restore or rollback again: before anything else it finishes or undoes this."
        for name in sorted(wanting)
    ]


def _view_problems(server: Server, databases: Sequence[Database]) -> list[str]:
    problems = []
    with server.session() as session:
        for database in databases:
            for name, reason in broken_views(session, database.name).items():
                problems.append(
                    f"View {database.name}.{name} cannot be read: {reason}. Repair it, drop it, or exclude the database."
                )
    return problems


def _library_problems(server: Server, databases: Sequence[Database]) -> list[str]:
    """MySQL's libraries for routines in JavaScript: their text, in quotes of its own, is not understood here."""
    if not server.flavour.has_libraries:
        return []
    found: dict[str, list[str]] = {}
    with server.session() as session, explaining("looking for libraries"):
        for database, name in session.rows(
            "SELECT library_schema, library_name FROM information_schema.libraries ORDER BY 1, 2"
        ):
            found.setdefault(database, []).append(name)
    return [
        f"Database {item.name} holds libraries ({', '.join(found[item.name][:10])}), which cannot be taken along: drop them and "
        "keep their text elsewhere, or exclude the database."
        for item in databases
        if item.name in found
    ]


def _missing_definers(server: Server, databases: Sequence[Database]) -> list[str]:
    names = [database.name for database in databases]
    if not names:
        return []
    marks = ", ".join(["%s"] * len(names))
    queries = {
        "View": f"SELECT table_schema, table_name, definer FROM information_schema.views WHERE table_schema IN ({marks})",
        "Routine": "SELECT routine_schema, routine_name, definer FROM information_schema.routines "
        f"WHERE routine_schema IN ({marks})",
        "Trigger": "SELECT trigger_schema, trigger_name, definer FROM information_schema.triggers "
        f"WHERE trigger_schema IN ({marks})",
        "Event": f"SELECT event_schema, event_name, definer FROM information_schema.events WHERE event_schema IN ({marks})",
    }
    warnings = []
    with server.session() as session:
        accounts = {f"{user}@{host}" for user, host in session.rows("SELECT user, host FROM mysql.user")}
        accounts |= {name.partition("@")[0] for name in accounts if name.endswith("@")}
        for kind, query in queries.items():
            for database, name, definer in session.rows(query, names):
                if definer not in accounts:
                    warnings.append(
                        f"{kind} {database}.{name} has the definer {definer}, an account that does not exist."
                    )
    return warnings


@dataclass
class _Database:
    """A database while it is being dumped."""

    catalog: Catalog
    directory: str
    dumper: TableDumper
    dumped: list[DumpedTable] = field(default_factory=list)
    proofs: dict[str, TableProof] = field(default_factory=dict)


class Backup:
    """One run of a backup.

    Args:
        server: what to back up.
        request, plan: what was asked for, and found.
        writer: where to put it.
        reporter: for progress.
    """

    def __init__(
        self, server: Server, request: BackupRequest, plan: BackupPlan, writer: ArtefactWriter, reporter: Reporter
    ) -> None:
        self._server = server
        self._request = request
        self._plan = plan
        self._writer = writer
        self._reporter = reporter
        self._lock = threading.Lock()
        self._bytes = 0
        self._total = sum(item.size for item in plan.databases) or None
        self._databases: dict[str, _Database] = {}

    def run(self) -> BackupOutcome:
        """Dump everything that was planned.

        Raises:
            BackupError: anything went wrong, also if something was defined anew meanwhile.
        """
        self._reporter.phase("definitions")
        before = self._catalogs()
        for name, catalog in before.items():
            directory = self._writer.create_directory("database", name)
            dumper = TableDumper(
                catalog, directory, self._server.flavour, self._request.compression_level, self._progress
            )
            self._databases[name] = _Database(catalog, directory, dumper)
        self._reporter.phase("dump")
        with Snapshot(self._server, max(1, self._request.jobs)) as snapshot:
            moment = snapshot.take(lambda: self._dump_tables(snapshot, False))
            self._dump_tables(snapshot, True)
        self._reporter.phase("schema")
        parts = self._dump_definitions()
        after = self._catalogs()
        self._compare(before, after)
        accounts, omissions = self._accounts()
        self._reporter.phase("finish")
        self._finish(parts, after)
        with self._server.session() as session:
            settings = read_settings(session, self._server.flavour)
            facts = read_facts(session)
        omissions += _not_carried(settings)
        return BackupOutcome(
            snapshot_at=moment.at,
            databases=tuple(
                Database(item.name, item.size, after[item.name].properties) for item in self._plan.databases
            ),
            roles_sql=export_sql(accounts, self._server.flavour).encode("utf-8"),
            settings=settings,
            proof=self._proof(after, accounts),
            omissions=tuple(omissions),
            details={"facts": facts, "binlog": moment.binlog} if moment.binlog else {"facts": facts},
        )

    def _catalogs(self) -> dict[str, Catalog]:
        return read_catalogs(self._server, [item.name for item in self._plan.databases], self._request.jobs)

    def _progress(self, size: int) -> None:
        with self._lock:
            self._bytes += size
            done = self._bytes
        total = None if self._total is None or done > self._total else self._total
        self._reporter.progress("dumping tables", done, total)

    def _dump_tables(self, snapshot: Snapshot, transactional: bool) -> None:
        tasks = [
            task
            for task in table_tasks([item.catalog for item in self._databases.values()])
            if task[1].transactional == transactional
        ]

        def worker(pair: Pair) -> Any:
            return lambda task: self._dump_table(pair, *task)

        numbers = [pair.session.id for pair in snapshot.pairs]

        def abandon() -> None:
            for pair in snapshot.pairs:
                pair.reader.end()
            self._server.kill(numbers)

        if tasks:
            work_off(tasks, [worker(pair) for pair in snapshot.pairs], abandon)

    def _dump_table(self, pair: Pair, catalog: Catalog, table: Table, number: int) -> None:
        database = self._databases[catalog.database]
        proof: Optional[TableProof] = None
        if self._request.proof_level == CONTENT:
            proof = prove_table(pair.session, self._server.flavour, catalog.database, table, CONTENT)
        dumped = database.dumper.dump(pair.reader, table, number, proof.rows if proof else None)
        if proof is None:
            # The rows that the server sent to the end are those of the snapshot: no need to let it count them again.
            proof = TableProof(dumped.rows)
        with self._lock:
            database.dumped.append(dumped)
            database.proofs[table.name] = proof

    def _dump_definitions(self) -> dict[str, list[str]]:
        parts: dict[str, list[str]] = {}

        def dump(item: _Database) -> None:
            parts[item.catalog.database] = dump_definitions(self._server, item.catalog, item.directory)

        work_off(list(self._databases.values()), [dump] * max(1, self._request.jobs))
        return parts

    def _compare(self, before: Mapping[str, Catalog], after: Mapping[str, Catalog]) -> None:
        changed = [name for name, catalog in before.items() if not catalog.same_definitions(after[name])]
        if changed:
            raise ChangedMeanwhile(
                f"Definitions in {', '.join(changed)} changed while the backup ran.",
                "run the backup again when no migration is running",
            )

    def _accounts(self) -> tuple[list[Account], list[str]]:
        accounts = read_accounts(self._server)
        found, omissions = missing_objects(self._server, accounts)
        return found, omissions + second_passwords(self._server)

    def _finish(self, parts: Mapping[str, Sequence[str]], after: Mapping[str, Catalog]) -> None:
        def finish(item: _Database) -> None:
            name = item.catalog.database
            counters = {table.name: table.auto_increment for table in after[name].tables}
            tables = item.dumper.finish(item.dumped, counters, parts[name])
            self._writer.finish("database", name, FORMAT, "zstd", _details(after[name], parts[name], tables))

        work_off(list(self._databases.values()), [finish] * max(1, self._request.jobs))
        for item in self._databases.values():
            apart = sorted(table.name for table in item.catalog.tables if table.has_rows and not table.transactional)
            if apart:
                self._reporter.warn(
                    f"Database {item.catalog.database}: {len(apart)} tables of engines without transactions were read "
                    f"while all writes were stopped: {', '.join(apart[:10])}{', …' if len(apart) > 10 else ''}."
                )

    def _proof(self, catalogs: Mapping[str, Catalog], accounts: Sequence[Account]) -> Proof:
        flavour = self._server.flavour
        return Proof(
            engine="mysql",
            flavour=flavour.name,
            server_version=flavour.version,
            level=self._request.proof_level,
            instance=instance_objects(accounts),
            databases={
                name: database_objects(catalog, self._databases[name].proofs, accounts)
                for name, catalog in catalogs.items()
            },
        )


def _not_carried(settings: Mapping[str, Any]) -> list[str]:
    """What belongs to the server and no restore brings back."""
    found = []
    if settings["functions"]:
        names = ", ".join(item["name"] for item in settings["functions"])
        found.append(f"Functions from shared libraries are listed in the settings only: {names}.")
    if settings["servers"]:
        names = ", ".join(item["name"] for item in settings["servers"])
        found.append(f"Definitions of foreign servers are listed in the settings only, without passwords: {names}.")
    return found


def _collated(catalog: Catalog) -> dict[str, list[str]]:
    """Some of the columns of each collation, for whoever has to change them."""
    found: dict[str, list[str]] = {}
    for table in catalog.tables:
        for column in table.columns:
            if column.collation and len(found.setdefault(column.collation, [])) < _COLUMNS_TOLD:
                found[column.collation].append(f"{table.name}.{column.name}")
    return found


def _details(catalog: Catalog, parts: Sequence[str], tables: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    def names(*kinds: str) -> list[str]:
        return [item.name for item in catalog.of_kind(*kinds)]

    definers: dict[str, Optional[str]] = {
        f"{item.kind} {item.name}": item.definer for item in catalog.definitions if item.definer
    }
    return {
        "parts": list(parts),
        "tables": list(tables),
        "without_rows": [table.name for table in catalog.tables if not table.has_rows],
        "sequences": names("sequence"),
        "views": names("view"),
        "routines": [f"{item.kind} {item.name}" for item in catalog.routines],
        "triggers": names("trigger"),
        "events": names("event"),
        "definers": definers,
        "collations": sorted({c.collation for table in catalog.tables for c in table.columns if c.collation}),
        "collated": _collated(catalog),
        "sequence_defaults": any(
            split_sequence_default(column.text)[1]
            for table in catalog.tables
            if "nextval(" in table.create
            for column in parse_create_table(table.create).of_kind(COLUMN)
        ),
        "loosely_referenced": loosely_referenced([parse_create_table(table.create) for table in catalog.tables])
        if any("FOREIGN KEY" in table.create for table in catalog.tables)
        else [],
        "not_transactional": sorted(t.name for t in catalog.tables if t.has_rows and not t.transactional),
    }
