# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who uses a database, so that it cannot be renamed, and ending that. Private to this collection."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.connection import (
    Access,
    explained,
    psycopg_error,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.instance import Server
from ansible_collections.vya.backupdb.plugins.module_utils._errors import BackupError, InUse, MissingPrivilege
from ansible_collections.vya.backupdb.plugins.module_utils._interrupts import submit

if TYPE_CHECKING:
    from psycopg import Connection as Session

#: The server itself ends workers of autovacuum that are in the way. What others do is hidden from logins without
#: privileges, so nothing may be asked of a column that is NULL for them.
_SESSIONS = """
SELECT pg_catalog.concat(
           'pid ', pid, ', user ', COALESCE(usename, 'none'),
           CASE WHEN COALESCE(backend_type, 'client backend') <> 'client backend' THEN ', ' || backend_type END,
           ', ', COALESCE(NULLIF(application_name, ''), 'no name'),
           CASE WHEN client_addr IS NOT NULL THEN ', from ' || pg_catalog.host(client_addr)
                WHEN client_port = -1 THEN ', from this host' END)
  FROM pg_catalog.pg_stat_activity
 WHERE datname = %s AND pid <> ALL (%s) AND backend_type IS DISTINCT FROM 'autovacuum worker'
 ORDER BY pid
"""
_PREPARED = """
SELECT pg_catalog.concat('prepared transaction ', pg_catalog.quote_literal(gid), ', owner ', owner)
  FROM pg_catalog.pg_prepared_xacts WHERE database = %s ORDER BY prepared
"""
_PIDS = """
SELECT pid FROM pg_catalog.pg_stat_activity
 WHERE datname = ANY (%s) AND pid <> ALL (%s) AND backend_type IS DISTINCT FROM 'autovacuum worker'
"""
_STATE = """
SELECT d.datconnlimit = -2, pg_catalog.pg_has_role(d.datdba, 'USAGE'), pg_catalog.pg_get_userbyid(d.datdba)
  FROM pg_catalog.pg_database d WHERE d.datname = %s
"""
_SLOTS = "SELECT slot_name FROM pg_catalog.pg_replication_slots WHERE database = %s AND NOT temporary ORDER BY 1"
_SUBSCRIPTIONS = """
SELECT s.subname FROM pg_catalog.pg_subscription s JOIN pg_catalog.pg_database d ON d.oid = s.subdbid
 WHERE d.datname = %s ORDER BY 1
"""
_SECONDS_BETWEEN_LOOKS = 0.05
_INSUFFICIENT_PRIVILEGE = "42501"
_SHOWN = 10


def sessions_in(session: Session[Any], database: str, own: Sequence[int] = ()) -> list[str]:
    """Who is connected to a database, each as a text; own backends left out."""
    return [row[0] for row in session.execute(_SESSIONS, (database, list(own)))]


def prepared_in(session: Session[Any], database: str) -> list[str]:
    """Transactions of a database that wait for COMMIT PREPARED, each as a text."""
    return [row[0] for row in session.execute(_PREPARED, (database,))]


def obstacles(session: Session[Any], database: str, own: Sequence[int], disconnect: bool) -> list[str]:
    """Why a database cannot be renamed now, each a sentence with its remedy.

    Args:
        session: to any database.
        database: the one to rename.
        own: backends that do not count.
        disconnect: sessions are ended, so they do not count either.
    """
    found = []
    busy = [] if disconnect else sessions_in(session, database, own)
    if busy:
        found.append(
            f"The database {database!r} is to be replaced, and {counted(busy)}: {_some(busy)}. Stop the applications, or"
            " end their sessions (disconnect: true)."
        )
    prepared = prepared_in(session, database)
    if prepared:
        found.append(
            f"The database {database!r} is to be replaced, and transactions of it are prepared: {_some(prepared)}."
            f" COMMIT PREPARED or ROLLBACK PREPARED them in {database!r}."
        )
    return found


def irreplaceable(session: Session[Any], server: Server, database: str) -> list[str]:
    """What forbids that a login ever renames a database, each a sentence with its remedy."""
    row = session.execute(_STATE, (database,)).fetchone()
    if row is None:
        return []
    (invalid, owned, owner) = row
    found = []
    if invalid:
        found.append(
            f"The database {database!r} is left over from an interrupted DROP DATABASE: drop it, then run again."
        )
    if not (server.superuser or (owned and server.create_database)):
        found.append(
            f"{server.user} may not rename the database {database!r} of {owner}: use a superuser, or a member of {owner}"
            " with CREATEDB."
        )
    return found


def attached(session: Session[Any], database: str) -> list[str]:
    """What goes along with a database when another one takes its name, each as a warning."""
    found = []
    slots = [row[0] for row in session.execute(_SLOTS, (database,))]
    if slots:
        found.append(
            f"The replication slots {', '.join(slots)} belong to the database that is {database!r} now. They stay with it"
            " under its new name and keep WAL until they are dropped; subscribers of the restored one need new ones."
        )
    subscriptions = [row[0] for row in session.execute(_SUBSCRIPTIONS, (database,))]
    if subscriptions:
        found.append(
            f"The subscriptions {', '.join(subscriptions)} belong to the database that is {database!r} now, and go on"
            " writing to it under its new name. Those of the restored one are disabled."
        )
    return found


def in_use(name: str, users: Sequence[str]) -> BackupError:
    """The error for a database that cannot be renamed because of its sessions."""
    return InUse(
        f"The database {name!r} has to be replaced, and {counted(users)}. It is as it was.",
        "stop the applications, or end their sessions (disconnect: true); then run again",
        users[:_SHOWN],
    )


def counted(users: Sequence[str]) -> str:
    """How many sessions there are, as a part of a sentence."""
    return "1 session uses it" if len(users) == 1 else f"{len(users)} sessions use it"


@contextlib.contextmanager
def without_sessions(access: Access, beside: str, databases: Sequence[str]) -> Iterator[Callable[[], None]]:
    """End the sessions of databases, and those that come back, as long as the block lasts.

    Args:
        access: the way to the server; its own sessions stay.
        beside: another database, to do it from.
        databases: whose sessions to end; empty does nothing.

    Yields:
        to call when sessions were in the way all the same: raises MissingPrivilege if the login may not end them, or
        whatever else kept them from being ended. Where none was in the way, that does not matter.
    """
    if not databases:
        yield lambda: None
        return
    refused: list[str] = []
    done = threading.Event()
    with access.session(beside) as session, ThreadPoolExecutor(1, thread_name_prefix="backupdb-ending") as pool:
        future = submit(pool, _end, access, session, list(databases), done, refused)

        def check() -> None:
            if future.done():
                future.result()
            if refused:
                raise MissingPrivilege(
                    f"The login may not end the sessions of {', '.join(map(repr, databases))}: {refused[-1]}.",
                    "grant it pg_signal_backend, or use a superuser",
                )

        try:
            yield check
        finally:
            done.set()


def _end(
    access: Access, session: Session[Any], databases: Sequence[str], done: threading.Event, refused: list[str]
) -> None:
    with explained(f"ending the sessions of {', '.join(databases)}"):
        while True:
            for (pid,) in session.execute(_PIDS, (databases, access.backends)).fetchall():
                try:
                    session.execute("SELECT pg_catalog.pg_terminate_backend(%s)", (pid,))
                except psycopg_error() as error:
                    if getattr(error, "sqlstate", None) != _INSUFFICIENT_PRIVILEGE:
                        raise
                    refused.append(" ".join(str(error).split()))
            if done.wait(_SECONDS_BETWEEN_LOOKS):
                return


def _some(texts: Sequence[str]) -> str:
    more = f" and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else ""
    return "; ".join(texts[:_SHOWN]) + more
