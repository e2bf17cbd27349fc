# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rows of an archive into tables that exist and are empty, in one transaction. Private to this collection.

The driver copies the files of the archive itself: pg_restore commits before anything could be counted.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.archive import ZST
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.connection import Access, explained, sql
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.instance import Server
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.parts import (
    SEQUENCE_SET,
    TABLE_DATA,
    Selection,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.toc import (
    Entry,
    encoding_of,
    read_entries,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.tools import zstd_program
from ansible_collections.vya.backupdb.plugins.module_utils._engines.base import ArtefactReader, RestoreRequest
from ansible_collections.vya.backupdb.plugins.module_utils._engines.part_rows import compare_rows, recorded_rows
from ansible_collections.vya.backupdb.plugins.module_utils._engines.placement import RestoredDatabase
from ansible_collections.vya.backupdb.plugins.module_utils._errors import (
    ChangedMeanwhile,
    DamagedSet,
    LoadFailed,
    NoSuchDatabase,
    Occupied,
)
from ansible_collections.vya.backupdb.plugins.module_utils._process import PIPE, Command, chunks, start
from ansible_collections.vya.backupdb.plugins.module_utils._progress import Reporter

if TYPE_CHECKING:
    from psycopg import Connection as Session

#: What pg_dump writes behind the rows of a table.
_END = b"\\.\n\n\n"
_TOLD = 20
#: Whoever holds a table for longer is busy with it.
_LOCK_SECONDS = 20

_TABLE = """
SELECT c.oid, pg_catalog.format('%%I.%%I', n.nspname, c.relname)
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = %s AND c.relname = %s AND c.relkind = ANY (%s)
"""
# Bit 2 of tgtype: fires on INSERT (TRIGGER_TYPE_INSERT in pg_trigger.h).
_TRIGGERS = """
SELECT t.tgname FROM pg_catalog.pg_trigger t
 WHERE t.tgrelid = %s AND NOT t.tgisinternal AND t.tgtype & 4 <> 0 AND t.tgenabled::text = ANY (%s) ORDER BY 1
"""
# With the operators that the constraint itself compares with.
_FOREIGN_KEYS = """
SELECT c.conname, c.conrelid, c.confrelid, c.conrelid::pg_catalog.regclass::text,
       (SELECT pg_catalog.format('SELECT EXISTS (SELECT FROM ONLY %%s AS f WHERE %%s AND NOT EXISTS (SELECT FROM %%s AS r WHERE %%s))',
               c.conrelid::pg_catalog.regclass, pg_catalog.string_agg(pg_catalog.format('f.%%I IS NOT NULL', f.attname), ' AND '),
               c.confrelid::pg_catalog.regclass, pg_catalog.string_agg(
                   pg_catalog.format('r.%%I OPERATOR(%%I.%%s) f.%%I', r.attname, n.nspname, o.oprname, f.attname), ' AND '))
          FROM ROWS FROM (pg_catalog.unnest(c.conkey), pg_catalog.unnest(c.confkey), pg_catalog.unnest(c.conpfeqop))
            AS k (own, other, operator)
          JOIN pg_catalog.pg_attribute f ON f.attrelid = c.conrelid AND f.attnum = k.own
          JOIN pg_catalog.pg_attribute r ON r.attrelid = c.confrelid AND r.attnum = k.other
          JOIN pg_catalog.pg_operator o ON o.oid = k.operator
          JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace)
  FROM pg_catalog.pg_constraint c
 WHERE c.contype = 'f' AND c.convalidated AND c.conrelid = ANY (%s::oid[])
 ORDER BY 1
"""


@dataclass(frozen=True)
class RowsOnly:
    """Rows to load.

    Args:
        reader: the set.
        recorded: database in the set.
        target: database on the server.
        part: what of it.
    """

    reader: ArtefactReader
    recorded: str
    target: str
    part: Selection


@dataclass(frozen=True)
class RowsTable:
    """A table to fill.

    Args:
        entry: its rows in the archive, or in the dump.
        oid: of the table on the server.
        name: quoted.
    """

    entry: Entry
    oid: int
    name: str


def room_for_rows(access: Access, server: Server, target: str, part: Selection) -> list[str]:
    """What forbids to load rows into a database, each a sentence with its remedy.

    Args:
        access: the way to the server.
        server: what it is.
        target: the database.
        part: what would be loaded.
    """
    if server.database(target) is None:
        problem = f"The database {target!r} does not exist, and content: data fills tables that do."
        return [f"{problem} Make them first, with content: schema for example."]
    problems = []
    with explained(f"looking at the tables of {target}"), access.session(target) as session:
        tables, missing = find_tables(session, part.entries)
        filled = [table.name for table in tables if _has_rows(session, table)]
        firing = [f"{name} of {table.name}" for table in tables for name in _firing(session, server, table)]
    if missing:
        problems.append(
            f"These do not exist in {target!r}, or are something else there: {_some(missing)}."
            " Make them first, with content: schema for example, or choose others."
        )
    if filled:
        occupied = Occupied(
            f"These tables of {target!r} are not empty: {_some(filled)}. Empty them (TRUNCATE), or restore beside them."
        )
        problems.append(str(occupied))
    if firing:
        problems.append(
            f"These triggers in {target!r} would change or add to what is loaded: {_some(firing)}."
            " Disable them for the restore (ALTER TABLE … DISABLE TRIGGER)."
        )
    return problems


def fill(
    access: Access, reporter: Reporter, server: Server, rows: RowsOnly, request: RestoreRequest
) -> RestoredDatabase:
    """Load rows in one transaction: all of them, or none.

    Args:
        access: the way to the server.
        reporter: where progress goes.
        server: what it is.
        rows: what to load.
        request: whether statistics are computed.

    Raises:
        BackupError: it failed; the tables are empty unless it says otherwise.
    """
    began = time.monotonic()
    artefact = rows.reader.manifest.artefact("database", rows.recorded)
    if artefact is None:
        raise NoSuchDatabase(f"The set holds no database {rows.recorded!r}.", "name a database that the set has")
    directory = rows.reader.path(artefact)
    recorded = recorded_rows(rows.reader, rows.recorded)
    encoding = encoding_of(read_entries(directory))
    reporter.phase("load")
    with explained(f"reaching {rows.target}"), access.session(rows.target) as session:
        with (
            explained(f"committing the rows of {rows.target}: it is not known whether they are there"),
            session.transaction(),
            explained(f"loading rows into {rows.target}; its tables stay as they were"),
        ):
            tables, missing = find_tables(session, rows.part.entries)
            lock_empty(session, rows.target, tables, missing)
            session.execute("SET LOCAL xmloption = content")
            keys = foreign_keys(session, tables)
            if server.superuser:
                # Rows come in any order and as they were; what the keys promise is looked for below.
                session.execute("SET LOCAL session_replication_role = replica")
            else:
                tables = _in_order(tables, [(own, other) for _name, own, other, _table, _query in keys])
                session.execute("SET CONSTRAINTS ALL DEFERRED")
            for number, table in enumerate(tables):
                reporter.progress("loading tables", number, len(tables))
                _copy(session, directory, table, encoding)
            counted = compare_rows(rows.target, recorded, {table.name: _count(session, table) for table in tables})
            if server.superuser:
                check_keys(session, rows.target, [(name, table, query) for name, _own, _other, table, query in keys])
            session.execute("SET CONSTRAINTS ALL IMMEDIATE")
            # The values of sequences are outside of transactions: nothing that could fail comes after them.
            for entry in rows.part.entries:
                if entry.kind == SEQUENCE_SET:
                    session.execute(sql(entry.definition))
        if request.analyze:
            reporter.phase("statistics")
            with explained(f"computing statistics of {rows.target}, whose rows are loaded"):
                for table in tables:
                    session.execute(sql(f"ANALYZE {table.name}"))
    return RestoredDatabase(rows.recorded, rows.target, time.monotonic() - began, None, counted)


def find_tables(session: Session[Any], entries: Sequence[Entry]) -> tuple[list[RowsTable], list[str]]:
    """The tables that rows are for, and what is not there."""
    tables, missing = [], []
    for entry in entries:
        kind = "S" if entry.kind == SEQUENCE_SET else "r"
        row = session.execute(_TABLE, (entry.namespace, entry.tag, [kind])).fetchone()
        if row is None:
            missing.append(entry.name)
        elif entry.kind == TABLE_DATA:
            tables.append(RowsTable(entry, row[0], row[1]))
    return tables, missing


def foreign_keys(session: Session[Any], tables: Sequence[RowsTable]) -> list[tuple[str, int, int, str, str]]:
    """The foreign keys of tables: name, the tables on both ends, the own one quoted, a query that is true where it is broken.

    The query is written for the search path of the session.
    """
    return session.execute(_FOREIGN_KEYS, ([table.oid for table in tables],)).fetchall()


def lock_empty(session: Session[Any], target: str, tables: Sequence[RowsTable], missing: Sequence[str]) -> None:
    """Let nobody else write to the tables from here on, and make sure that they are as they were when it was planned.

    Raises:
        BackupError: they are not.
    """
    filled = []
    session.execute(f"SET LOCAL lock_timeout = '{_LOCK_SECONDS}s'")
    for table in tables:
        session.execute(sql(f"LOCK TABLE ONLY {table.name} IN SHARE ROW EXCLUSIVE MODE"))
        if _has_rows(session, table):
            filled.append(table.name)
    if missing or filled:
        raise ChangedMeanwhile(
            f"The tables of {target!r} have changed since the plan was made: {_some([*missing, *filled])}.",
            "stop what writes to them, then run again",
        )


def _has_rows(session: Session[Any], table: RowsTable) -> bool:
    row = session.execute(sql(f"SELECT EXISTS (SELECT FROM ONLY {table.name})")).fetchone()
    return row is not None and row[0]


def _count(session: Session[Any], table: RowsTable) -> int:
    row = session.execute(sql(f"SELECT pg_catalog.count(*) FROM ONLY {table.name}")).fetchone()
    return 0 if row is None else row[0]


def _firing(session: Session[Any], server: Server, table: RowsTable) -> list[str]:
    states = ["A", "R"] if server.superuser else ["O", "A"]
    return [row[0] for row in session.execute(_TRIGGERS, (table.oid, states))]


def _in_order(tables: Sequence[RowsTable], references: Sequence[tuple[int, int]]) -> list[RowsTable]:
    """Tables with those first that others refer to, as far as there is an order."""
    ordered: list[RowsTable] = []
    waiting = list(tables)
    while waiting:
        left = {table.oid for table in waiting}
        free = [
            table
            for table in waiting
            if not any(own == table.oid != other and other in left for own, other in references)
        ]
        ordered += free or waiting
        waiting = [table for table in waiting if table not in ordered]
    return ordered


def _copy(session: Session[Any], directory: str, table: RowsTable, encoding: str) -> None:
    statement = f"{table.entry.copy.strip().rstrip(';')} WITH (ENCODING '{encoding}')"
    with session.cursor() as cursor, cursor.copy(sql(statement)) as copy:
        for chunk in _rows(directory, table.entry):
            copy.write(chunk)


def _rows(directory: str, entry: Entry) -> Iterator[bytes]:
    """The rows of a table as COPY wants them: all of the file but its end."""
    path = os.path.join(directory, entry.file)
    command = ["cat", "--", path] if os.path.exists(path) else [zstd_program()[0], "-dcq", "--", path + ZST]
    held = b""
    with start(Command(command), stdout=PIPE) as process:
        for chunk in chunks(process.stdout):
            held += chunk
            yield held[: -len(_END)]
            held = held[-len(_END) :]
        process.wait()
    if held != _END:
        raise DamagedSet(f"The rows of {entry.name} in the set do not end as they should.", "restore another set")


def check_keys(session: Session[Any], target: str, keys: Sequence[tuple[str, str, str]]) -> None:
    """Make sure that rows refer to rows that are there.

    Args:
        session: in the transaction that loaded them.
        target: the database.
        keys: name of each foreign key, its table, the query of `foreign_keys`.

    Raises:
        BackupError: some do not.
    """
    broken = []
    for name, table, query in keys:
        row = session.execute(sql(query)).fetchone()
        if row is not None and row[0]:
            broken.append(f"{name} of {table}")
    if broken:
        raise LoadFailed(
            f"Rows for {target!r} refer to rows that are not there: {_some(broken)}. The tables are empty as before.",
            "restore the tables that they refer to as well, or first",
        )


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_TOLD]) + (", …" if len(names) > _TOLD else "")
