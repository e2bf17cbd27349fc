# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Loading tables into the shadow of a database. Private to this collection."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.catalog import Column
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.connection import (
    Server,
    Session,
    explaining,
    quote_name,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.flavour import Flavour
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.rows import load_statement
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.snapshot import widen_pipe
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.structure import Structure, normalised
from ansible_collections.vya.backupdb.plugins.module_utils._errors import DamagedSet, NotProven
from ansible_collections.vya.backupdb.plugins.module_utils._process import (
    PIPE,
    Command,
    Process,
    find_program,
    start,
)
from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_create_table import parse_create_table

_SMALL = 1 << 20
_TABLES_AT_A_TIME = 50
_TRUNCATED = 1265


@dataclass(frozen=True)
class TableToLoad:
    """A table of a set, and where it goes.

    Args:
        database: the shadow.
        name: of the table.
        path: of its file, compressed.
        size: bytes of its rows, decompressed.
        rows: how many there are.
        columns: name and type's word of each column in the file.
        structure: how it is made.
    """

    database: str
    name: str
    path: str
    size: int
    rows: int
    columns: Sequence[tuple[str, str]]
    structure: Structure


def batches(tables: Sequence[TableToLoad]) -> list[list[TableToLoad]]:
    """Tables in the order in which they are loaded: large ones alone, the biggest first, small ones together."""
    large = sorted((table for table in tables if table.size > _SMALL), key=lambda table: -table.size)
    small = sorted((table for table in tables if table.size <= _SMALL), key=lambda table: (table.database, table.name))
    groups = [small[begin : begin + _TABLES_AT_A_TIME] for begin in range(0, len(small), _TABLES_AT_A_TIME)]
    return [[table] for table in large] + groups


class Loader:
    """One worker: a session, and the decompressor that feeds it.

    Args:
        server: where to load.
        done: told the bytes of each table that is loaded.
    """

    def __init__(self, server: Server, done: Any) -> None:
        self._flavour: Flavour = server.flavour
        self._session: Session = server.session(local_infile=True, **self._flavour.load_session)
        self._done = done
        self._lock = threading.Lock()
        self._process: Optional[Process] = None
        self._database = ""

    def close(self) -> None:
        """Close the session."""
        self._session.close()

    @property
    def connection_id(self) -> int:
        """The session's number on the server, for ending what it does."""
        return self._session.id

    def abandon(self) -> None:
        """End the decompressor, from another thread."""
        with self._lock:
            if self._process is not None:
                self._process.end()

    def use(self, database: str) -> Session:
        """The session, with a default database."""
        if database != self._database:
            with explaining(f"entering database {database}"):
                self._session.raw.select_db(database)
            self._database = database
        return self._session

    def load(self, tables: Sequence[TableToLoad]) -> None:
        """Make and fill some tables: one large one, or several small ones.

        Raises:
            BackupError: the server did not take everything as it is.
            DamagedSet: a file is not what the manifest says.
        """
        with self._decompressed([table.path for table in tables]) as stream:
            for table in tables:
                self._create(table)
                with self._source(stream, table, alone=len(tables) == 1) as file:
                    self._fill(table, file)
                self._done(table.size)
        for table in tables:
            self._add_keys(table)

    def fill(self, tables: Sequence[TableToLoad]) -> None:
        """Fill some tables that exist: one large one, or several small ones; see :meth:`load`."""
        with self._decompressed([table.path for table in tables]) as stream:
            for table in tables:
                with self._source(stream, table, alone=len(tables) == 1) as file:
                    self._fill(table, file)
                self._done(table.size)

    @contextlib.contextmanager
    def _decompressed(self, paths: Sequence[str]) -> Iterator[BinaryIO]:
        command = Command([find_program("zstd"), "-d", "-q", "-c", "--", *paths])
        with start(command, stdout=PIPE) as process:
            with self._lock:
                self._process = process
            try:
                widen_pipe(process.stdout)
                yield process.stdout
                process.stdout.read(1)
                process.wait()
            finally:
                with self._lock:
                    self._process = None

    @contextlib.contextmanager
    def _source(self, stream: BinaryIO, table: TableToLoad, alone: bool) -> Iterator[str]:
        """A file name under which the driver can open the rows of a table."""
        if alone:
            yield f"/proc/self/fd/{stream.fileno()}"
            return
        data = stream.read(table.size)
        if len(data) != table.size:
            raise DamagedSet(
                f"{table.path} holds {len(data)} bytes of rows instead of {table.size}.", "restore another set"
            )
        descriptor = os.memfd_create("backupdb", os.MFD_CLOEXEC)
        try:
            os.write(descriptor, data)
            yield f"/proc/self/fd/{descriptor}"
        finally:
            os.close(descriptor)

    def _create(self, table: TableToLoad) -> None:
        session = self.use(table.database)
        with explaining(f"to create table {table.name}"):
            session.execute(table.structure.create)

    def _fill(self, table: TableToLoad, file: str) -> None:
        session = self.use(table.database)
        columns = [Column(name, data_type, "", True) for name, data_type in table.columns]
        statement = load_statement(quote_name(table.name), columns, self._flavour, file)
        with explaining(f"to load table {table.name}"):
            loaded = session.execute(statement)
            warnings = int(session.value("SELECT @@warning_count"))
            if warnings:
                self._judge_warnings(session, table, warnings)
        if loaded != table.rows:
            raise NotProven(
                f"Table {table.name}: {loaded} rows were loaded instead of {table.rows}.",
                "look into the server's log; if it says nothing, restore another set",
            )

    def _judge_warnings(self, session: Session, table: TableToLoad, warnings: int) -> None:
        """LOCAL turns errors into warnings, so none is taken, but for one kind.

        An ENUM can hold the empty value 0, which no member stands for: loading it gives one warning a value.
        """
        said = session.rows("SHOW WARNINGS")
        enums = [quote_name(name) for name, data_type in table.columns if data_type == "enum"]
        if enums and all(row[1] == _TRUNCATED for row in said):
            empty = " + ".join(f"COALESCE({name} + 0 = 0, 0)" for name in enums)
            if int(session.value(f"SELECT SUM({empty}) FROM {quote_name(table.name)}") or 0) == warnings:
                return
        texts = tuple(str(row[2]) for row in said[:5])
        raise NotProven(
            f"Table {table.name}: the server did not take {warnings} values as they are.",
            "compare the settings of this server with those recorded in the set (sql_mode, character sets, version)",
            texts,
        )

    def _add_keys(self, table: TableToLoad) -> None:
        if not table.structure.keys:
            return
        session = self.use(table.database)
        additions = ", ".join(f"ADD {text}" for text in table.structure.keys)
        with explaining(f"to build the keys of table {table.name}"):
            session.execute(f"ALTER TABLE {quote_name(table.name)} {additions}")

    def add_constraints(self, table: TableToLoad) -> None:
        """Add the foreign keys that waited; the rows were consistent where they come from and are not read again."""
        if not table.structure.constraints:
            return
        session = self.use(table.database)
        additions = ", ".join(f"ADD {text}" for text in table.structure.constraints)
        with explaining(f"to add the foreign keys of table {table.name}"):
            session.execute(f"ALTER TABLE {quote_name(table.name)} {additions}")

    def check(self, table: TableToLoad) -> None:
        """Make sure that a table is defined as it was.

        Raises:
            BackupError: it is not.
        """
        session = self.use(table.database)
        with explaining(f"reading the definition of table {table.name}"):
            text = session.rows(f"SHOW CREATE TABLE {quote_name(table.name)}")[0][1]
        if table.structure.defaults:
            # Compared when the defaults are back.
            return
        compare_definition(table.name, table.structure.recorded, text)

    def analyze(self, table: TableToLoad) -> None:
        """Compute the optimizer's statistics."""
        session = self.use(table.database)
        with explaining(f"to analyze table {table.name}"):
            session.rows(f"ANALYZE NO_WRITE_TO_BINLOG TABLE {quote_name(table.name)}")


@contextlib.contextmanager
def local_infile(session: Session, enable: bool) -> Iterator[None]:
    """Let the server accept LOAD DATA LOCAL for a while, where it does not."""
    if not enable:
        yield
        return
    with explaining("setting local_infile for the restore"):
        session.execute("SET GLOBAL local_infile = 1")
    try:
        yield
    finally:
        with explaining("setting local_infile back"):
            session.execute("SET GLOBAL local_infile = 0")


def compare_definition(name: str, recorded: str, text: str) -> None:
    """Make sure that SHOW CREATE TABLE prints what was recorded.

    Raises:
        BackupError: it prints something else.
    """
    found = normalised(parse_create_table(text))
    if found != recorded:
        old, new = recorded.splitlines(), found.splitlines()
        different = [f"recorded: {line}" for line in old if line not in new]
        different += [f"now: {line}" for line in new if line not in old]
        raise NotProven(
            f"Table {name} cannot be made on this server as it was recorded.",
            "restore to a server of the recorded version and with the recorded settings",
            different[:6] or ("the order of its columns or keys differs",),
        )


def to_load(
    shadow: str, directory: str, details: Mapping[str, Any], structures: Mapping[str, Structure]
) -> list[TableToLoad]:
    """The tables with rows of an artefact.

    Raises:
        DamagedSet: its details name a table that it does not define.
    """
    tables = []
    for item in details["tables"]:
        if item["name"] not in structures:
            raise DamagedSet(f"The set has rows of table {item['name']}, but no definition.", "restore another set")
        tables.append(
            TableToLoad(
                shadow,
                item["name"],
                os.path.join(directory, item["file"]),
                int(item["bytes"]),
                int(item["rows"]),
                tuple((column[0], column[1]) for column in item["columns"]),
                structures[item["name"]],
            )
        )
    return tables
