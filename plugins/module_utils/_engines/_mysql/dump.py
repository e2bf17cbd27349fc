# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Dumping databases: rows by parallel readers of one snapshot, definitions by the dump program. Private to this collection.

A database's artefact is a directory:

    tables.sql.zst, views.sql.zst, routines.sql.zst, triggers.sql.zst, events.sql.zst   by mariadb-dump or mysqldump
    data/<number>.<name>.tsv.zst                                                        one a table
    load.sql                                                                            LOAD DATA statements for them
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Callable, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.catalog import VIEW, Catalog, Table
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.connection import Server, quote_name
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.events import (
    events_script,
    needs_own_script,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.flavour import Flavour
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.rows import (
    load_statement,
    select_rows,
    stored_columns,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.snapshot import (
    ReaderProcess,
    Splitter,
    widen_pipe,
)
from ansible_collections.vya.backupdb.plugins.module_utils._errors import NotProven
from ansible_collections.vya.backupdb.plugins.module_utils._process import (
    PIPE,
    Command,
    Process,
    find_program,
    pipe,
    run,
    start,
)

#: Tables up to this many bytes are compressed together by one zstd, not by one each.
_SMALL = 1 << 20
_FILES_AT_A_TIME = 200
_DATA = "data"
LOAD_FILE = "load.sql"
ZSTD = ".zst"

#: Part of a database -> arguments of the dump program that print it alone.
_NO_TABLES = ("--no-create-info", "--no-data", "--no-create-db")
_PARTS: Mapping[str, Sequence[str]] = {
    "tables": ("--no-data", "--skip-triggers"),
    "views": ("--no-data", "--skip-triggers"),
    "routines": (*_NO_TABLES, "--routines", "--skip-triggers"),
    "triggers": (*_NO_TABLES, "--triggers"),
    "events": (*_NO_TABLES, "--events", "--skip-triggers"),
}
_ALWAYS = (
    "--skip-lock-tables",
    "--skip-add-locks",
    "--skip-add-drop-table",
    "--skip-comments",
    "--no-tablespaces",
    "--create-options",
    "--quote-names",
    "--default-character-set=utf8mb4",
    "--max-allowed-packet=1G",
)


@dataclass(frozen=True)
class DumpedTable:
    """A table's file, and what was found in it."""

    table: Table
    file: str
    rows: int
    size: int
    small: bool


def data_file(number: int, name: str) -> str:
    """Where a table's rows lie in the artefact: a number, and as much of the name as is safe everywhere."""
    return f"{_DATA}/{number:05d}.{re.sub(r'[^A-Za-z0-9_-]', '_', name)[:80]}.tsv"


class TableDumper:
    """Writes the rows of the tables of one database.

    Args:
        catalog: the database's definitions.
        directory: of the artefact.
        flavour: of the server.
        level: of zstd.
        progress: told each number of bytes that was written.
    """

    def __init__(
        self, catalog: Catalog, directory: str, flavour: Flavour, level: int, progress: Callable[[int], None]
    ) -> None:
        self._catalog = catalog
        self._directory = directory
        self._flavour = flavour
        self._level = level
        self._progress = progress
        os.mkdir(os.path.join(directory, _DATA), 0o700)

    def dump(self, reader: ReaderProcess, table: Table, number: int, expected: Optional[int]) -> DumpedTable:
        """Write one table.

        Args:
            reader: sees the snapshot.
            table: what to write.
            number: of its file.
            expected: rows that the server counted in the same snapshot.

        Raises:
            BackupError: the server warned, or the number of rows is another.
            ProcessError: a program failed.
        """
        file = data_file(number, table.name)
        columns = stored_columns(table, self._flavour.keeps_history)
        null_word = secrets.token_hex(12) if any(column.nullable for column in columns) else ""
        with _TableFile(os.path.join(self._directory, file), self._level) as target:
            splitter = Splitter(null_word, target.write, self._flavour.sent_rows == "-1")

            def feed(chunk: bytes) -> None:
                splitter.feed(chunk)
                self._progress(len(chunk))

            sent = reader.run(select_rows(self._catalog.database, table, self._flavour, null_word), feed)
            splitter.close()
            target.finish()
        rows = splitter.rows if sent.rows < 0 else sent.rows
        name = f"{self._catalog.database}.{table.name}"
        if sent.warnings:
            raise NotProven(
                f"The server gave {sent.warnings} warnings while table {name} was read: {reader.warnings()}.",
                "repair the rows that it names, then run this again",
            )
        if expected is not None and rows != expected:
            raise NotProven(
                f"Table {name} has {expected} rows, but {rows} were received.",
                "check the table (CHECK TABLE) and the server's log, then run this again",
            )
        return DumpedTable(table, file + ("" if target.small else ZSTD), rows, splitter.size, target.small)

    def finish(
        self, dumped: Sequence[DumpedTable], counters: Mapping[str, Optional[int]], parts: Sequence[str]
    ) -> list[dict[str, Any]]:
        """Compress what is not yet, and write the statements that load everything again.

        Args:
            dumped: every table.
            counters: next value of each table's counter, as the proof says it.
            parts: what :func:`dump_definitions` has written.

        Returns:
            What a restore needs to know of each table.
        """
        small = [f"{part}.sql" for part in parts] + [item.file for item in dumped if item.small]
        for begin in range(0, len(small), _FILES_AT_A_TIME):
            argv = [
                find_program("zstd"),
                f"-{self._level}",
                "-q",
                "--rm",
                "--",
                *small[begin : begin + _FILES_AT_A_TIME],
            ]
            run(Command(argv, cwd=self._directory))
        ordered = sorted(dumped, key=lambda item: item.file)
        write_load_file(os.path.join(self._directory, LOAD_FILE), self._flavour, ordered)
        return [self._details(item, counters.get(item.table.name)) for item in ordered]

    def _details(self, item: DumpedTable, counter: Optional[int]) -> dict[str, Any]:
        table = item.table
        return {
            "name": table.name,
            "file": item.file + (ZSTD if item.small else ""),
            "rows": item.rows,
            "bytes": item.size,
            "engine": table.engine,
            "columns": [
                [column.name, column.data_type] for column in stored_columns(table, self._flavour.keeps_history)
            ],
            **({"auto_increment": counter} if counter else {}),
            **({"versioned": True} if table.versioned else {}),
        }


class _TableFile:
    """A table's file: small ones stay as they are for now, larger ones pass through zstd."""

    def __init__(self, path: str, level: int) -> None:
        self._path = path
        self._level = level
        self._buffer = bytearray()
        self._process: Optional[Process] = None

    @property
    def small(self) -> bool:
        return self._process is None

    def write(self, data: bytes) -> None:
        process = self._process
        if process is None:
            self._buffer += data
            if len(self._buffer) <= _SMALL:
                return
            process = self._process = self._start()
            data = bytes(self._buffer)
            self._buffer.clear()
        try:
            process.stdin.write(data)
        except BrokenPipeError:
            # The exit code says why; without one there is nothing better to say than this.
            process.wait()
            raise

    def _start(self) -> Process:
        descriptor = _create(self._path + ZSTD)
        try:
            process = start(
                Command([find_program("zstd"), f"-{self._level}", "-q", "-c"]), stdin=PIPE, stdout=descriptor
            )
        finally:
            os.close(descriptor)
        widen_pipe(process.stdin)
        return process

    def finish(self) -> None:
        if self._process is not None:
            self._process.stdin.close()
            self._process.wait()
            return
        descriptor = _create(self._path)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(self._buffer)

    def __enter__(self) -> _TableFile:
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self._process is not None:
            self._process.end()


def write_load_file(path: str, flavour: Flavour, dumped: Sequence[DumpedTable]) -> None:
    """Write the SQL that loads every table with the standard client, for RESTORE.md."""
    settings = {"time_zone": "'+00:00'", **flavour.load_session}
    lines = ["-- Run in the directory that holds this file, after: zstd -d --rm data/*.zst"]
    lines.append("SET SESSION " + ", ".join(f"{name} = {value}" for name, value in settings.items()) + ";")
    for item in dumped:
        file = item.file.removesuffix(ZSTD)
        columns = stored_columns(item.table, flavour.keeps_history)
        lines.append(load_statement(quote_name(item.table.name), columns, flavour, file) + ";")
    descriptor = _create(path)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(("\n".join(lines) + "\n").encode("utf-8"))


def dump_definitions(server: Server, catalog: Catalog, directory: str) -> list[str]:
    """Write the database's definitions by the dump program; they are compressed later, with the small tables.

    Returns:
        The parts that the database has, in the order in which they are restored.

    Raises:
        ProcessError: the program failed.
    """
    views = [item.name for item in catalog.of_kind(VIEW)]
    present = {
        "tables": bool(catalog.tables or catalog.of_kind("sequence")),
        "views": bool(views),
        "routines": bool(catalog.routines),
        "triggers": bool(catalog.of_kind("trigger")),
        "events": bool(catalog.of_kind("event")),
    }
    parts = [part for part, there in present.items() if there]
    for part in parts:
        path = os.path.join(directory, f"{part}.sql")
        arguments = list(_PARTS[part])
        names: Sequence[str] = ()
        if part == "tables":
            arguments += [f"--ignore-table={catalog.database}.{name}" for name in views]
        elif part == "views":
            names = views
        elif part == "events" and needs_own_script(catalog.database):
            with os.fdopen(_create(path), "wb") as target:
                target.write(events_script(catalog.database, catalog.of_kind("event")))
            continue
        _dump_part(server, catalog.database, path, arguments, names)
    return parts


def _create(path: str) -> int:
    """Make a new file that only its owner can read; returns its descriptor."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)


def _dump_part(server: Server, database: str, path: str, arguments: Sequence[str], names: Sequence[str]) -> None:
    program = server.find_program(*server.flavour.dumpers)
    remedy = (
        f"look at the error that {os.path.basename(program)} gave, and exclude the database if it cannot be repaired"
    )
    words = [*_ALWAYS, *server.flavour.dump_options, *arguments, "--", database, *names]
    with os.fdopen(_create(path), "wb") as target, server.command(program, *words, remedy=remedy) as command:
        pipe([command], target=target)


def table_tasks(catalogs: Sequence[Catalog]) -> list[tuple[Catalog, Table, int]]:
    """Every table with rows, the biggest first, with the number of its file."""
    tasks = [
        (catalog, table, number)
        for catalog in catalogs
        for number, table in enumerate((table for table in catalog.tables if table.has_rows), start=1)
    ]
    return sorted(tasks, key=lambda task: (-task[1].size, task[0].database, task[1].name))
