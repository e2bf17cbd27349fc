# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a database holds: tables, views, routines, triggers, events, as the server describes them. Private to this collection."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.connection import (
    Server,
    Session,
    driver_errors,
    error_number,
    error_text,
    explaining,
    qualified,
    quote_name,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.flavour import Flavour
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.shadow import OURS
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.workers import work_off
from ansible_collections.vya.backupdb.plugins.module_utils._errors import MissingPrivilege
from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_create_table import (
    parse_create_table,
    without_auto_increment,
)

TABLE = "table"
SEQUENCE = "sequence"
VIEW = "view"

#: Engines whose tables keep a snapshot while others write (X-Protocol engines of other vendors are left out on purpose).
TRANSACTIONAL = frozenset(("InnoDB", "RocksDB", "ROCKSDB", "TokuDB"))

#: Engines that hold no rows of their own: their rows are elsewhere, or nowhere.
WITHOUT_ROWS = frozenset(("MRG_MyISAM", "MRG_MYISAM", "BLACKHOLE", "FEDERATED", "CONNECT", "SPIDER", "SPHINX"))

_WORD = re.compile(r"\w+")
_UNKNOWN_COLLATION = 1273

_NO_ROUTINE = "grant SELECT ON *.* (with mysql.*) or SHOW CREATE ROUTINE to the login"


@dataclass(frozen=True)
class Column:
    """A column: its name, its type's word (``int``, ``blob``), its full type, whether it is computed by the server,
    whether it says from or until when a row of a system-versioned table is valid, its collation."""

    name: str
    data_type: str
    column_type: str
    nullable: bool
    generated: bool = False
    validity: bool = False
    collation: Optional[str] = None


@dataclass(frozen=True)
class Table:
    """A table with rows of its own.

    Args:
        name: unquoted.
        create: what SHOW CREATE TABLE prints, without the counter's next value.
        engine: storage engine.
        columns: in their order.
        versioned: whether it keeps old rows (MariaDB's system versioning).
        auto_increment: the counter's next value; None without a counter.
        size: bytes of rows, as the server estimates.
    """

    name: str
    create: str
    engine: str
    columns: Sequence[Column]
    versioned: bool = False
    auto_increment: Optional[int] = None
    size: int = 0

    @property
    def transactional(self) -> bool:
        """Whether a snapshot covers it."""
        return self.engine in TRANSACTIONAL

    @property
    def has_rows(self) -> bool:
        """Whether it holds rows that a dump must carry."""
        return self.engine not in WITHOUT_ROWS


@dataclass(frozen=True)
class Definition:
    """A sequence, view, routine, trigger or event.

    Args:
        kind: ``sequence``, ``view``, ``procedure``, ``function``, ``package``, ``package body``, ``trigger`` or ``event``.
        name: unquoted.
        text: what SHOW CREATE prints.
        definer: ``user@host`` as the server writes it; None for a sequence.
        settings: what else decides its meaning: sql_mode and character sets.
        attributes: what may change without its definition changing, e.g. the status of an event.
    """

    kind: str
    name: str
    text: str
    definer: Optional[str] = None
    settings: Mapping[str, str] = field(default_factory=dict)
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Catalog:
    """A database's properties and objects."""

    database: str
    properties: Mapping[str, Any]
    tables: Sequence[Table] = ()
    definitions: Sequence[Definition] = ()

    def of_kind(self, *kinds: str) -> list[Definition]:
        """The definitions of some kinds, in the order of their names."""
        return [item for item in self.definitions if item.kind in kinds]

    @property
    def routines(self) -> list[Definition]:
        """Procedures, functions and packages."""
        return self.of_kind("procedure", "function", "package", "package body")

    def same_definitions(self, other: Catalog) -> bool:
        """Whether nothing was defined anew: counters and values of sequences may differ."""
        return (
            self.properties == other.properties
            and {table.name: table.create for table in self.tables}
            == {table.name: table.create for table in other.tables}
            and {(item.kind, item.name): item.text for item in self.definitions}
            == {(item.kind, item.name): item.text for item in other.definitions}
        )


def read_catalogs(server: Server, names: Sequence[str], jobs: int) -> dict[str, Catalog]:
    """Read everything that some databases hold, several at a time.

    Raises:
        As :func:`read_catalog`.
    """
    found: dict[str, Catalog] = {}
    with contextlib.ExitStack() as stack:

        def worker() -> Callable[[str], None]:
            session = stack.enter_context(server.session())

            def read(name: str) -> None:
                found[name] = read_catalog(session, server.flavour, name)

            return read

        work_off(names, [worker() for _number in range(max(1, min(jobs, len(names))))])
    return {name: found[name] for name in names}


def database_properties(session: Session, flavour: Flavour, database: str) -> dict[str, Any]:
    """Character set, collation and comment of a database."""
    comment = "schema_comment" if flavour.is_mariadb and flavour.number >= (10, 5) else "''"
    with explaining(f"reading the properties of {database}"):
        found = session.records(
            f"SELECT default_character_set_name AS charset, default_collation_name AS collation, {comment} AS comment "
            "FROM information_schema.schemata WHERE schema_name = %s",
            [database],
        )
    return {key: value or "" for key, value in found[0].items()} if found else {}


def read_catalog(session: Session, flavour: Flavour, database: str) -> Catalog:
    """Read everything that a database holds.

    Raises:
        MissingPrivilege: a definition is hidden from the login.
        BackupError: the server refused; an object vanished meanwhile.
    """
    with explaining(
        f"reading the definitions of database {database}",
        "if something was being altered or dropped there just now, run this again",
    ):
        tables, definitions = _tables(session, flavour, database)
        definitions += _routines(session, database)
        definitions += _triggers(session, database)
        definitions += _events(session, database)
    return Catalog(database, database_properties(session, flavour, database), tuple(tables), tuple(definitions))


def _tables(session: Session, flavour: Flavour, database: str) -> tuple[list[Table], list[Definition]]:
    listed = session.records(
        "SELECT table_name AS name, table_type AS type, engine AS engine, auto_increment AS counter, "
        "data_length AS size FROM information_schema.tables WHERE table_schema = %s AND table_name NOT IN %s "
        "ORDER BY table_name",
        [database, OURS],
    )
    columns = _columns(session, database)
    tables: list[Table] = []
    definitions: list[Definition] = []
    for item in listed:
        name = item["name"]
        if "VIEW" in item["type"]:
            definitions.append(_view(session, database, name))
            continue
        create = session.rows(f"SHOW CREATE TABLE {qualified(database, name)}")[0][1]
        if item["type"] == "SEQUENCE":
            create = session.rows(f"SHOW CREATE SEQUENCE {qualified(database, name)}")[0][1]
            definitions.append(Definition(SEQUENCE, name, create, None, {}, _sequence(session, database, name)))
            continue
        parts = parse_create_table(create)
        tables.append(
            Table(
                name,
                parts.text(tail=without_auto_increment(parts.tail)),
                item["engine"] or "",
                tuple(columns.get(name, ())),
                flavour.is_mariadb and item["type"] == "SYSTEM VERSIONED",
                item["counter"],
                int(item["size"] or 0),
            )
        )
    return tables, definitions


def _columns(session: Session, database: str) -> dict[str, list[Column]]:
    columns: dict[str, list[Column]] = {}
    for item in session.records(
        "SELECT table_name AS tab, column_name AS name, data_type AS data_type, column_type AS column_type, "
        "is_nullable AS nullable, generation_expression AS expression, collation_name AS collation FROM information_schema.columns "
        "WHERE table_schema = %s ORDER BY table_name, ordinal_position",
        [database],
    ):
        columns.setdefault(item["tab"], []).append(
            Column(
                item["name"],
                str(item["data_type"]).lower(),
                item["column_type"],
                item["nullable"] == "YES",
                bool(item["expression"]),
                item["expression"] in ("ROW START", "ROW END"),
                item["collation"],
            )
        )
    return columns


def _sequence(session: Session, database: str, name: str) -> dict[str, str]:
    (row,) = session.records(f"SELECT * FROM {qualified(database, name)}")
    return {"next value": str(row["next_not_cached_value"]), "cycles": str(row["cycle_count"])}


def _view(session: Session, database: str, name: str) -> Definition:
    row = session.rows(f"SHOW CREATE VIEW {qualified(database, name)}")[0]
    definer = session.value(
        "SELECT definer FROM information_schema.views WHERE table_schema = %s AND table_name = %s", [database, name]
    )
    return Definition(VIEW, name, row[1], definer, {"character set": row[2], "collation": row[3]})


def _settings(row: Mapping[str, Any]) -> dict[str, str]:
    names = {
        "sql_mode": "sql_mode",
        "character_set_client": "character set",
        "collation_connection": "collation",
        "database collation": "database collation",
        "time_zone": "time zone",
    }
    return {title: str(row[name]) for name, title in names.items() if name in row}


def _hidden(what: str) -> MissingPrivilege:
    return MissingPrivilege(f"The definition of {what} is hidden from the login.", _NO_ROUTINE)


def _routines(session: Session, database: str) -> list[Definition]:
    found = []
    for item in session.records(
        "SELECT routine_name AS name, routine_type AS type, definer AS definer FROM information_schema.routines "
        "WHERE routine_schema = %s ORDER BY routine_type, routine_name",
        [database],
    ):
        kind, name = item["type"].lower(), item["name"]
        (row,) = session.records(f"SHOW CREATE {item['type']} {qualified(database, name)}")
        text = row.get(f"create {kind}")
        if text is None:
            raise _hidden(f"{kind} {database}.{name}")
        found.append(Definition(kind, name, text, item["definer"], _settings(row)))
    return found


def _triggers(session: Session, database: str) -> list[Definition]:
    found = []
    for item in session.records(
        "SELECT trigger_name AS name, definer AS definer, event_object_table AS tab, action_order AS place "
        "FROM information_schema.triggers WHERE trigger_schema = %s "
        "ORDER BY event_object_table, action_timing, event_manipulation, action_order",
        [database],
    ):
        (row,) = session.records(f"SHOW CREATE TRIGGER {qualified(database, item['name'])}")
        text = row["sql original statement"]
        found.append(Definition("trigger", item["name"], text, item["definer"], _settings(row), {"table": item["tab"]}))
    return found


def _events(session: Session, database: str) -> list[Definition]:
    found = []
    for item in session.records(
        "SELECT event_name AS name, definer AS definer, status AS status FROM information_schema.events "
        "WHERE event_schema = %s ORDER BY event_name",
        [database],
    ):
        (row,) = session.records(f"SHOW CREATE EVENT {qualified(database, item['name'])}")
        found.append(
            Definition(
                "event", item["name"], row["create event"], item["definer"], _settings(row), {"status": item["status"]}
            )
        )
    return found


def knows_collation(session: Session, name: str) -> bool:
    """Whether a server knows a collation: itself is asked, for it also knows aliases, and lists some under shorter names."""
    if not _WORD.fullmatch(name):
        return False
    try:
        session.execute(f"DO _utf8mb4'' COLLATE {name}")
    except driver_errors() as error:
        # One of another character set is refused for that: it is known.
        return error_number(error) != _UNKNOWN_COLLATION
    return True


def broken_views(session: Session, database: str) -> dict[str, str]:
    """Views that cannot be read, with the server's reason."""
    with explaining(f"looking at the views of {database}"):
        names = [
            row[0]
            for row in session.rows(
                "SELECT table_name FROM information_schema.views WHERE table_schema = %s ORDER BY 1", [database]
            )
        ]
    broken = {}
    for name in names:
        reason = _reason_broken(session, database, name)
        if reason:
            broken[name] = reason
    return broken


def _reason_broken(session: Session, database: str, name: str) -> Optional[str]:
    try:
        session.rows(f"SHOW FIELDS FROM {quote_name(name)} FROM {quote_name(database)}")
    except driver_errors() as error:
        return error_text(error)
    return None
