# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The databases that a name has had before, on a server. Private to this collection."""

from __future__ import annotations

from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.connection import (
    Session,
    explaining,
    quote_name,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines.previous import previous_name, previous_of
from ansible_collections.vya.backupdb.plugins.module_utils._errors import BackupError
from ansible_collections.vya.backupdb.plugins.module_utils._progress import Reporter

LONGEST_NAME = 64


def _names(session: Session) -> dict[str, str]:
    """Every database by the name that it would have on a server that keeps capital letters."""
    with explaining("listing the databases"):
        folded = bool(int(session.value("SELECT @@lower_case_table_names = 1")))
        names = [row[0] for row in session.rows("SELECT schema_name FROM information_schema.schemata")]
    if not folded:
        return {name: name for name in names}
    found = {}
    for name in names:
        head, between, stamp = name.rpartition("__before_")
        found[head + between + stamp.upper() if between else name] = name
    return found


def name_for_previous(session: Session, name: str, stamp: str) -> str:
    """A free name for what has a name until now."""
    return previous_name(name, stamp, set(_names(session)), LONGEST_NAME, in_bytes=False)


def previous_databases(session: Session, name: str) -> list[str]:
    """What a name has had before, the newest first."""
    there = _names(session)
    return [there[found] for found in previous_of(name, there, LONGEST_NAME, in_bytes=False)]


def prune(session: Session, name: str, just_replaced: str, keep: int, reporter: Reporter) -> None:
    """Remove older ones, and at last the one that was replaced now, beyond those that stay.

    A refusal is a warning: the new database is there already.
    """
    older = [found for found in previous_databases(session, name) if found != just_replaced]
    gone = older[max(0, keep - 1) :] + ([just_replaced] if keep < 1 else [])
    for database in gone:
        try:
            with explaining(f"dropping the previous database {database}"):
                session.execute("SET SESSION foreign_key_checks = 0, lock_wait_timeout = 10")
                session.execute(f"DROP DATABASE IF EXISTS {quote_name(database)}")
        except BackupError as error:
            reporter.warn(f"A previous database stays: drop it when nobody uses it any more. {error}")
