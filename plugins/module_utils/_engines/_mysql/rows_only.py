# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rows of a set into tables that exist and are empty, in one transaction of one session. Private to this collection."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.connection import (
    Server,
    Session,
    driver_errors,
    error_text,
    explaining,
    qualified,
    quote_name,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.definitions import read_definitions
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.instance import (
    global_privileges,
    inspect,
    missing,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.load import (
    Loader,
    TableToLoad,
    batches,
    local_infile,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.parts import Parts
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.preflight import (
    local_infile_problem,
    server_problems,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.shadow import exists
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.structure import Structure
from ansible_collections.vya.backupdb.plugins.module_utils._engines.base import (
    ArtefactReader,
    RestoreOutcome,
    RestorePlan,
    RestoreRequest,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines.part_rows import compare_rows, recorded_rows
from ansible_collections.vya.backupdb.plugins.module_utils._engines.placement import RestoredDatabase
from ansible_collections.vya.backupdb.plugins.module_utils._errors import (
    ChangedMeanwhile,
    Impossible,
    LoadFailed,
    NoSuchDatabase,
    Occupied,
    ServerRefused,
)
from ansible_collections.vya.backupdb.plugins.module_utils._progress import Reporter
from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_words import Reader

#: Privilege -> what loading rows does with it.
PRIVILEGES = {
    "SELECT": "to compare what was loaded",
    "INSERT": "to load rows",
    "UPDATE": "to lock the tables",
    "ALTER": "to set the counters of tables",
}
_TOLD = 20
_TABLES = "SELECT table_name, engine FROM information_schema.tables WHERE table_schema = %s"
_TRIGGERS = (
    "SELECT event_object_table, trigger_name FROM information_schema.triggers "
    "WHERE event_object_schema = %s AND event_manipulation = 'INSERT' ORDER BY 1, 2"
)
_TRANSACTIONAL = "SELECT engine FROM information_schema.engines WHERE transactions = 'YES'"
_FOREIGN_KEYS = (
    "SELECT constraint_name, table_name, column_name, referenced_table_schema, referenced_table_name, "
    "referenced_column_name FROM information_schema.key_column_usage "
    "WHERE table_schema = %s AND referenced_table_name IS NOT NULL ORDER BY 2, 1, ordinal_position"
)


def count_rows(session: Session, database: str, table: str, versioned: bool) -> int:
    """How many rows a table has, those of earlier times included."""
    history = " FOR SYSTEM_TIME ALL" if versioned else ""
    with explaining(f"counting the rows of {table}"):
        return int(session.value(f"SELECT COUNT(*) FROM {qualified(database, table)}{history}"))


def plan(server: Server, request: RestoreRequest, parts: Parts) -> RestorePlan:
    """What loading rows would do."""
    manifest = parts.reader.manifest
    info = inspect(server)
    problems = [*server_problems(server, info, manifest), *parts.problems]
    with server.session() as session:
        privileges = global_privileges(session)
        problems += missing(privileges, PRIVILEGES)
        problems += local_infile_problem(info, privileges)[1]
        for recorded, name in request.databases.items():
            artefact = manifest.artefact("database", recorded)
            if artefact is not None and recorded in parts.included:
                with explaining(f"looking at the tables of {name}"):
                    problems += room_for_rows(session, name, artefact.details, server.flavour.keeps_history)
    return RestorePlan(
        info, dict(request.databases), problems=problems, warnings=parts.warnings, included=parts.included
    )


def room_for_rows(session: Session, name: str, details: Mapping[str, Any], history: bool) -> list[str]:
    """What forbids to load rows into a database, each a sentence with its remedy.

    Args:
        session: a session.
        name: of the database.
        details: ``tables``, each with ``name`` and ``versioned``, and ``sequences``, which get values.
        history: the server keeps the rows of earlier times where a table is versioned.
    """
    if not exists(session, name):
        problem = f"The database {name} does not exist, and content: data fills tables that do."
        return [f"{problem} Make them first, with content: schema for example."]
    there = dict(session.rows(_TABLES, [name]))
    transactional = {row[0] for row in session.rows(_TRANSACTIONAL)}
    wanted = {item["name"]: item for item in details["tables"]}
    absent = [table for table in [*wanted, *details.get("sequences", ())] if table not in there]
    present = [table for table in wanted if table in there]
    problems = []
    if absent:
        problems.append(
            f"These do not exist in {name}: {_some(absent)}. Make them first, with content: schema for example, or "
            "choose others."
        )
    unsafe = [f"{table} ({there[table]})" for table in present if there[table] not in transactional]
    if unsafe:
        problems.append(
            f"The engines of these tables of {name} know no transactions, so a failure would leave them half full: "
            f"{_some(unsafe)}. Choose other tables, or restore them under another name."
        )
    filled = [
        table for table in present if _has_rows(session, name, table, history and bool(wanted[table].get("versioned")))
    ]
    if filled:
        occupied = Occupied(
            f"These tables of {name} are not empty: {_some(filled)}. Empty them (TRUNCATE), or restore beside them."
        )
        problems.append(str(occupied))
    firing = [f"{trigger} of {table}" for table, trigger in session.rows(_TRIGGERS, [name]) if table in wanted]
    if firing:
        problems.append(
            f"These triggers in {name} would change or add to what is loaded: {_some(firing)}. Drop them for the restore."
        )
    return problems


def fill(server: Server, request: RestoreRequest, parts: Parts, reporter: Reporter) -> RestoreOutcome:
    """Load rows, of each database all or none.

    Raises:
        BackupError: it failed; the tables of that database are empty.
    """
    found = plan(server, request, parts)
    if found.problems:
        raise Impossible(
            "The restore is not possible any more:", "solve what is listed, then run again", found.problems
        )
    reporter.phase("load")
    with server.session() as session:
        enable, _problems_found = local_infile_problem(found.info, global_privileges(session))
        with local_infile(session, enable):
            done = [
                _fill(server, request, parts.reader, recorded, name, reporter)
                for recorded, name in request.databases.items()
            ]
    reporter.phase("")
    return RestoreOutcome(tuple(done))


def _fill(
    server: Server, request: RestoreRequest, reader: ArtefactReader, recorded: str, name: str, reporter: Reporter
) -> RestoredDatabase:
    began = time.monotonic()
    artefact = reader.manifest.artefact("database", recorded)
    if artefact is None:
        raise NoSuchDatabase(f"The set holds no database {recorded!r}.", "choose another set")
    details, directory = artefact.details, reader.path(artefact)
    tables = [_to_fill(name, directory, item) for item in details["tables"]]
    versioned = {item["name"] for item in details["tables"] if item.get("versioned")}
    expected = recorded_rows(reader, recorded)
    loaded = 0
    total = sum(table.size for table in tables)

    def progress(size: int) -> None:
        nonlocal loaded
        loaded += size
        reporter.progress("loading tables", loaded, total)

    loader = Loader(server, progress)
    try:
        session = loader.use(name)
        with explaining(f"loading rows into {name}; its tables stay as they were"):
            session.execute("START TRANSACTION")
            lock_empty(session, name, [table.name for table in tables])
            for batch in batches(tables):
                loader.fill(batch)
            counted = compare_rows(
                name,
                expected,
                {item.name: count_rows(session, name, item.name, item.name in versioned) for item in tables},
            )
            check_keys(session, name, {item.name for item in tables})
            session.execute("COMMIT")
        _set_counters(session, recorded, name, directory, details)
        if request.analyze:
            for table in tables:
                loader.analyze(table)
    finally:
        # What was not committed is rolled back by the server when the session ends, whatever happened to it.
        loader.close()
    return RestoredDatabase(recorded, name, time.monotonic() - began, None, counted)


def _to_fill(name: str, directory: str, item: Mapping[str, Any]) -> TableToLoad:
    columns = tuple((column[0], column[1]) for column in item["columns"])
    path = os.path.join(directory, item["file"])
    return TableToLoad(name, item["name"], path, int(item["bytes"]), int(item["rows"]), columns, Structure("", ""))


def lock_empty(session: Session, name: str, tables: Sequence[str]) -> None:
    """Let nobody else write to the tables, and make sure that they are empty still.

    Raises:
        BackupError: they are not.
    """
    filled = [table for table in tables if session.rows(f"SELECT 1 FROM {qualified(name, table)} LIMIT 1 FOR UPDATE")]
    if filled:
        raise ChangedMeanwhile(
            f"Tables of {name} have got rows since the plan was made: {_some(filled)}.",
            "stop what writes to them, then run again",
        )


def _has_rows(session: Session, name: str, table: str, history: bool) -> bool:
    source = qualified(name, table) + (" FOR SYSTEM_TIME ALL" if history else "")
    return bool(session.rows(f"SELECT 1 FROM {source} LIMIT 1"))


def check_keys(session: Session, name: str, tables: set[str]) -> None:
    """Make sure that every foreign key holds: loading does not look, since tables come in any order.

    Raises:
        BackupError: one does not.
    """
    keys: dict[tuple[str, str], list[tuple[str, str, str, str]]] = {}
    for key, table, column, other_database, other, other_column in session.rows(_FOREIGN_KEYS, [name]):
        if table in tables:
            keys.setdefault((table, key), []).append((column, other_database, other, other_column))
    broken = []
    for (table, key), columns in keys.items():
        given = " AND ".join(f"f.{quote_name(column)} IS NOT NULL" for column, *_other in columns)
        equal = " AND ".join(
            f"r.{quote_name(there)} = f.{quote_name(column)}" for column, _db, _table, there in columns
        )
        target = qualified(columns[0][1], columns[0][2])
        if session.rows(
            f"SELECT 1 FROM {qualified(name, table)} AS f WHERE {given} "
            f"AND NOT EXISTS (SELECT 1 FROM {target} AS r WHERE {equal}) LIMIT 1"
        ):
            broken.append(f"{key} of {table}")
    if broken:
        raise LoadFailed(
            f"Rows for {name} refer to rows that are not there: {_some(broken)}. The tables are empty as before.",
            "restore the tables that they refer to as well, or first",
        )


def _set_counters(session: Session, recorded: str, name: str, directory: str, details: Mapping[str, Any]) -> None:
    """Counters and sequences: what sets them ends a transaction, so it comes after that of the rows."""
    statements = [
        f"ALTER TABLE {qualified(name, item['name'])} AUTO_INCREMENT = {int(item['auto_increment'])}"
        for item in details["tables"]
        if item.get("auto_increment")
    ]
    _structures, sequences = read_definitions(directory, details, {recorded: name}, False)
    statements += [statement for statement in sequences if Reader(statement).accept("DO", "SETVAL")]
    for statement in statements:
        try:
            session.execute(statement)
        except driver_errors() as error:
            raise ServerRefused(
                f"The rows are in {name}, but the server refused {statement[:200]}: {error_text(error)}.",
                "set the counter by hand",
            ) from error


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_TOLD]) + (", …" if len(names) > _TOLD else "")
