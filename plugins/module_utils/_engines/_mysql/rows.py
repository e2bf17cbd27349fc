# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How rows are read, digested and loaded: one expression a column. Private to this collection.

The client prints columns separated by tabs and escapes tab, newline, NUL and backslash with a backslash: the default
format of LOAD DATA. Only NULL has no escape there: the server sends a random word in its place, which is replaced by
``\\N`` on the way.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.catalog import Column, Table
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.connection import (
    qualified,
    quote_name,
    quote_text,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.flavour import Flavour

_GEOMETRY = frozenset(
    (
        "geometry",
        "point",
        "linestring",
        "polygon",
        "multipoint",
        "multilinestring",
        "multipolygon",
        "geometrycollection",
        "geomcollection",
    )
)
_LARGE = frozenset(
    ("tinytext", "text", "mediumtext", "longtext", "tinyblob", "blob", "mediumblob", "longblob", "json", "vector")
)
_STRINGS = frozenset(("char", "varchar", "binary", "varbinary", "enum", "set"))
_FIXED_BYTES = frozenset(("inet4", "inet6", "uuid"))

#: Pseudo-columns of a system-versioned table without columns of its own for the validity of a row.
ROW_START, ROW_END = "row_start", "row_end"


def stored_columns(table: Table, history: bool) -> list[Column]:
    """The columns that a dump carries: not those that the server computes, but for the validity of old rows."""
    stored = [column for column in table.columns if not column.generated]
    if history and table.versioned:
        stored += validity_columns(table)
    return stored


def validity_columns(table: Table) -> list[Column]:
    """The two columns that say from when to when a row of a system-versioned table is valid."""
    found = [column for column in table.columns if column.validity]
    if found:
        return found
    return [Column(name, "timestamp", "timestamp(6)", False) for name in (ROW_START, ROW_END)]


def source_of(database: str, table: Table, history: bool) -> str:
    """What stands behind FROM: the table, with its old rows where it keeps them."""
    source = qualified(database, table.name)
    return f"{source} FOR SYSTEM_TIME ALL" if history and table.versioned else source


def select_rows(database: str, table: Table, flavour: Flavour, null_word: str) -> str:
    """The query whose output by the client is the table's file."""
    columns = stored_columns(table, flavour.keeps_history)
    expressions = ", ".join(_printed(column, flavour, null_word) for column in columns) or "1"
    return f"SELECT {expressions} FROM {source_of(database, table, flavour.keeps_history)}"


def _printed(column: Column, flavour: Flavour, null_word: str) -> str:
    expression = quote_name(column.name)
    if column.data_type == "float" and "(" not in column.column_type:
        # The server prints six digits of a FLOAT; as DOUBLE it prints as many as tell it from its neighbours.
        # One with a declared scale, FLOAT(7,3), is printed with that, and read back as the same number.
        expression = f"CAST({expression} AS DOUBLE)"
    elif column.data_type in _FIXED_BYTES or (column.data_type == "json" and not flavour.json_is_text):
        expression = f"CAST({expression} AS CHAR CHARACTER SET utf8mb4)"
    elif column.data_type in _GEOMETRY or column.data_type == "vector":
        expression = f"CAST({expression} AS BINARY)"
    return f"IFNULL({expression}, {quote_text(null_word)})" if column.nullable else expression


def load_statement(table: str, columns: Sequence[Column], flavour: Flavour, file: str) -> str:
    """The LOAD DATA statement that reads a table's file.

    Args:
        table: name of the table, quoted, with its database where it is not the default one.
        columns: those that the file carries, in order.
        flavour: of the server that loads.
        file: name of the file as the client finds it.
    """
    targets: list[str] = []
    assignments: list[str] = []
    for number, column in enumerate(columns):
        name = quote_name(column.name)
        converted = _converted(column, f"@c{number}", flavour)
        if converted is None:
            targets.append(name)
        else:
            targets.append(f"@c{number}")
            assignments.append(f"{name} = {converted}")
    statement = f"LOAD DATA LOCAL INFILE {quote_text(file)} INTO TABLE {table} CHARACTER SET binary"
    # A table whose columns are all computed has a file with one number a row, which goes nowhere.
    statement += f" ({', '.join(targets) or '@ignored'})"
    return statement + (f" SET {', '.join(assignments)}" if assignments else "")


def _converted(column: Column, variable: str, flavour: Flavour) -> Optional[str]:
    if column.data_type in _FIXED_BYTES or (column.data_type == "json" and not flavour.json_is_text):
        # Bytes would be taken for the type's inner form.
        return f"CONVERT({variable} USING utf8mb4)"
    return None


def digest_query(database: str, table: Table, flavour: Flavour) -> str:
    """A query for the number of rows and a digest that does not depend on their order.

    Each row's columns are joined with their lengths, so that no two rows look alike, and hashed; two pieces of all
    hashes are added up. Large columns enter by their own hash: a joined row may not grow beyond
    max_allowed_packet, where the server would put NULL in its place.
    """
    columns = stored_columns(table, flavour.keeps_history)
    parts = ", ".join(_digested(column, flavour) for column in columns) or "''"
    joined = f"CONCAT_WS('|', {parts})"
    return (
        "SELECT COUNT(*), COUNT(h), SUM(CAST(CONV(LEFT(h, 16), 16, 10) AS UNSIGNED)), "
        f"SUM(CAST(CONV(RIGHT(h, 16), 16, 10) AS UNSIGNED)) FROM (SELECT {flavour.hashed(joined)} AS h "
        f"FROM {source_of(database, table, flavour.keeps_history)}) AS hashes"
    )


def count_query(database: str, table: Table, flavour: Flavour) -> str:
    """A query for the number of rows."""
    return f"SELECT COUNT(*) FROM {source_of(database, table, flavour.keeps_history)}"


def _digested(column: Column, flavour: Flavour) -> str:
    name = quote_name(column.name)
    if column.data_type == "json" and not flavour.json_is_text:
        expression = flavour.hashed(f"CAST({name} AS CHAR CHARACTER SET utf8mb4)")
    elif column.data_type in _LARGE or column.data_type in _GEOMETRY:
        expression = flavour.hashed(f"CAST({name} AS BINARY)")
    elif column.data_type == "float":
        expression = f"CAST({name} AS DOUBLE)"
    elif column.data_type in _FIXED_BYTES:
        expression = f"CAST({name} AS CHAR CHARACTER SET utf8mb4)"
    elif column.data_type == "bit":
        expression = f"CAST({name} AS UNSIGNED)"
    elif column.data_type in _STRINGS:
        expression = f"CONCAT(LENGTH({name}), ':', CAST({name} AS BINARY))"
    else:
        expression = name
    return f"IFNULL({expression}, 'N')" if column.nullable else expression
