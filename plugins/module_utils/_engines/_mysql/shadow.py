# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Databases that are being restored, and what a dead restore left. Private to this collection.

A restore loads into a database of its own, the shadow, and moves the tables when all are complete. Until then the shadow
holds a marker: a table that names a lock. The lock belongs to the connection of the run and ends with it, so that
anybody can tell whether the run is alive.
"""

from __future__ import annotations

import re
import secrets

from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.connection import (
    Session,
    driver_errors,
    explaining,
    qualified,
    quote_name,
    quote_text,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines.previous import is_previous

MARKER = "__vya_backupdb_restoring"
#: What an exchange of databases needs to go on or back.
JOURNAL = "__vya_backupdb_exchange"
#: What a database that was replaced needs when it gets its name back.
KEPT = "__vya_backupdb_kept"
#: While one of the others is being written.
UNWRITTEN = "__vya_backupdb_unwritten"
#: Tables that are no part of the database that they are in.
OURS = (MARKER, JOURNAL, KEPT, UNWRITTEN)
_SHADOW = re.compile(r"__restoring_[0-9a-f]{8}(_\d+)?\Z")
_LOCK_PREFIX = "vya.backupdb.restore."
_LONGEST = 36


def shadow_name(database: str, run: str) -> str:
    """A name for the shadow of a database: recognisable, and valid everywhere."""
    return f"{re.sub(r'[^A-Za-z0-9_]', '_', database).lower()[:_LONGEST]}__restoring_{run}"


def is_ours(database: str) -> bool:
    """Whether a database has a name that only we give: a shadow, or what was replaced.

    What stands in our tables is believed nowhere else: whoever may make tables in a database of an application must
    not be able to make a restore run statements with its rights, or to hide that database from backups.
    """
    return bool(_SHADOW.search(database)) or is_previous(database)


class Run:
    """A run of a restore: holds the lock that says that it is alive.

    Args:
        session: lives as long as the run.
    """

    def __init__(self, session: Session) -> None:
        self.id = secrets.token_hex(4)
        self.lock = _LOCK_PREFIX + self.id
        with explaining("taking the lock of the restore"):
            session.execute("SELECT GET_LOCK(%s, 0)", [self.lock])

    def mark(self, session: Session, database: str) -> None:
        """Put the marker into a database."""
        table = qualified(database, MARKER)
        with explaining(f"marking database {database}"):
            session.execute(
                f"CREATE TABLE {table} (held_by VARCHAR(64) CHARACTER SET ascii NOT NULL PRIMARY KEY) ENGINE=InnoDB "
                "COMMENT='This database is being restored by vya.backupdb; it is dropped if that run has died'"
            )
            session.execute(f"INSERT INTO {table} VALUES ({quote_text(self.lock)})")

    def unmark(self, session: Session, database: str) -> None:
        """Take the marker out: the database is complete."""
        with explaining(f"completing database {database}"):
            session.execute(f"DROP TABLE {qualified(database, MARKER)}")


def marked_databases(session: Session) -> set[str]:
    """Databases that a restore works on, alive or dead."""
    return set(databases_with(session, MARKER))


def databases_with(session: Session, table: str) -> list[str]:
    """Databases of ours that hold one of our tables, by name."""
    rows = session.rows("SELECT table_schema FROM information_schema.tables WHERE table_name = %s ORDER BY 1", [table])
    return [row[0] for row in rows if is_ours(row[0])]


def leftovers(session: Session) -> list[str]:
    """Databases that a dead restore left, by name."""
    found = []
    with explaining("looking for what dead restores left"):
        # What is in the middle of an exchange is no leftover: see swap.recover.
        for database in sorted(marked_databases(session) - set(databases_with(session, JOURNAL))):
            try:
                lock = session.value(f"SELECT held_by FROM {qualified(database, MARKER)}")
            except driver_errors():
                # Another run has just completed or dropped it.
                continue
            # A marker without a lock was not finished by its run, which died within that moment or writes it now.
            if lock is not None and session.value("SELECT IS_FREE_LOCK(%s)", [lock]) == 1:
                found.append(database)
    return found


def sweep(session: Session) -> list[str]:
    """Drop what dead restores left; returns the names."""
    found = leftovers(session)
    for database in found:
        with explaining(f"dropping the unfinished database {database}"):
            session.execute(f"DROP DATABASE IF EXISTS {quote_name(database)}")
    return found


def is_empty(session: Session, database: str) -> bool:
    """Whether a database holds nothing at all."""
    where = quote_text(database)
    with explaining(f"looking into database {database}"):
        return not session.value(
            f"SELECT EXISTS (SELECT 1 FROM information_schema.tables WHERE table_schema = {where}) "
            f"OR EXISTS (SELECT 1 FROM information_schema.routines WHERE routine_schema = {where}) "
            f"OR EXISTS (SELECT 1 FROM information_schema.events WHERE event_schema = {where})"
        )


def exists(session: Session, database: str) -> bool:
    """Whether there is a database of a name."""
    with explaining(f"looking for database {database}"):
        return bool(
            session.value("SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = %s", [database])
        )
