# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Foreign keys of other databases into one that is replaced. Private to this collection.

A foreign key follows the table that it points to when that gets another name: those of other databases would follow into
the previous one. They are led back to the name that they were made for.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.connection import (
    Session,
    explaining,
    qualified,
    quote_name,
)
from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_create_table import (
    FOREIGN_KEY,
    parse_create_table,
)


class ForeignKey(NamedTuple):
    """A foreign key: where it is, its name, and how it is written in the table's definition."""

    database: str
    table: str
    name: str
    text: str


def foreign_keys_into(session: Session, database: str, besides: Collection[str]) -> tuple[ForeignKey, ...]:
    """Foreign keys of other databases into one.

    Args:
        session: for reading.
        database: where they point to.
        besides: databases whose own foreign keys do not matter.

    Raises:
        BackupError: the server refused.
    """
    with explaining(f"looking for foreign keys into {database}"):
        listed = session.rows(
            "SELECT DISTINCT constraint_schema, table_name, constraint_name FROM information_schema.referential_constraints "
            "WHERE unique_constraint_schema = %s AND constraint_schema <> %s",
            [database, database],
        )
        found = []
        for schema, table, name in listed:
            if schema in besides:
                continue
            text = session.rows(f"SHOW CREATE TABLE {qualified(schema, table)}")[0][1]
            found += [
                ForeignKey(schema, table, name, element.text)
                for element in parse_create_table(text).of_kind(FOREIGN_KEY)
                if element.name == name
            ]
    return tuple(found)


def lead_to(session: Session, keys: Sequence[ForeignKey], database: str) -> None:
    """Make foreign keys point to a database, by its name; rows are not checked.

    Args:
        session: with foreign_key_checks off.
        keys: as :func:`foreign_keys_into` found them.
        database: where they are to point.

    Raises:
        pymysql.MySQLError: the server refused.
    """
    for key in keys:
        table = qualified(key.database, key.table)
        there = {
            element.name: element
            for element in parse_create_table(session.rows(f"SHOW CREATE TABLE {table}")[0][1]).of_kind(FOREIGN_KEY)
        }
        if key.name in there:
            referenced = there[key.name].referenced
            if referenced is not None and referenced[0] == database:
                continue
            session.execute(f"ALTER TABLE {table} DROP FOREIGN KEY {quote_name(key.name)}")
        session.execute(f"ALTER TABLE {table} ADD {key.text}")
