# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sessions that use a database which is to be replaced. Private to this collection."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.connection import (
    Server,
    Session,
    driver_errors,
    explaining,
    quote_text,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.instance import global_privileges, missing
from ansible_collections.vya.backupdb.plugins.module_utils._errors import BackupError
from ansible_collections.vya.backupdb.plugins.module_utils._interrupts import submit

_MOST = 20
_EVERY = 0.05
#: Threads of the server itself.
_SERVER = ("system user", "event_scheduler")


def occupants(session: Session, databases: Iterable[str], own: Iterable[int] = ()) -> list[dict[str, Any]]:
    """Sessions whose default database is one of some, or that are known to hold locks on their tables.

    Args:
        session: for reading; does not count.
        databases: their names.
        own: numbers of further sessions that do not count.

    Raises:
        BackupError: the login may not see them.
    """
    names = ", ".join(quote_text(name) for name in databases)
    if not names:
        return []
    server = ", ".join(quote_text(name) for name in _SERVER)
    ours = ", ".join(map(str, (0, *own)))
    with explaining("listing the sessions", "grant the login PROCESS on *.*"):
        return session.records(
            "SELECT id AS id, user AS user, host AS host, db AS db, command AS command, time AS seconds "
            f"FROM information_schema.processlist WHERE (db IN ({names}) OR id IN ({_holders(session, names)})) "
            f"AND id <> CONNECTION_ID() AND id NOT IN ({ours}) AND user NOT IN ({server}) AND command NOT IN ('Daemon', 'Binlog Dump', 'Killed') "
            "ORDER BY id"
        )


def _holders(session: Session, names: str) -> str:
    """Numbers of the sessions that hold locks on tables, where the server can tell, as SQL."""
    threads = (
        "SELECT t.processlist_id FROM performance_schema.metadata_locks l JOIN performance_schema.threads t "
        f"ON t.thread_id = l.owner_thread_id WHERE l.lock_status = 'GRANTED' AND l.object_schema IN ({names})"
    )
    plugin = f"SELECT thread_id FROM information_schema.metadata_lock_info WHERE table_schema IN ({names})"
    numbers = {0}
    for query in (threads, plugin):
        # MariaDB has the second one where its plugin is installed.
        with contextlib.suppress(driver_errors()):
            numbers.update(int(row[0]) for row in session.rows(query) if row[0])
    return ", ".join(map(str, sorted(numbers)))


def in_transactions(session: Session) -> list[dict[str, Any]]:
    """Other sessions in a transaction: one of them may hold a lock, where the server cannot tell which."""
    with explaining("listing the transactions", "grant the login PROCESS on *.*"):
        return session.records(
            "SELECT p.id AS id, p.user AS user, p.host AS host, p.db AS db, p.command AS command, p.time AS seconds "
            "FROM information_schema.innodb_trx t JOIN information_schema.processlist p ON p.id = t.trx_mysql_thread_id "
            "WHERE p.id <> CONNECTION_ID() ORDER BY p.id"
        )


def described(found: Sequence[dict[str, Any]]) -> str:
    """Sessions in words: who, from where, since when."""
    texts = [
        f"{item['user']} from {item['host'] or 'here'} (connection {item['id']}, {str(item['command']).lower()} for "
        f"{item['seconds']} s)"
        for item in found[:_MOST]
    ]
    return ", ".join(texts) + (f" and {len(found) - _MOST} more" if len(found) > _MOST else "")


def end(session: Session, found: Sequence[dict[str, Any]]) -> None:
    """End sessions; one that has ended by itself is as good."""
    for item in found:
        with contextlib.suppress(driver_errors()):
            session.execute(f"KILL CONNECTION {int(item['id'])}")


@contextlib.contextmanager
def kept_away(server: Server, databases: Sequence[str], own: Sequence[int]) -> Iterator[None]:
    """End every session that uses some databases, again and again, while something waits for their tables.

    A session that comes back at once waits behind whoever waits for the tables, so that its turn comes.

    Args:
        server: where.
        databases: their names.
        own: numbers of sessions that may use them.
    """
    stopped = threading.Event()

    def work(session: Session) -> None:
        # If that fails, the wait for the tables says so.
        with contextlib.suppress(BackupError):
            while not stopped.wait(_EVERY):
                end(session, occupants(session, databases, own))

    with server.session() as session, ThreadPoolExecutor(1, thread_name_prefix="backupdb") as pool:
        future = submit(pool, work, session)
        try:
            yield
        finally:
            stopped.set()
            future.result()


def replace_problems(session: Session, names: Iterable[str], disconnect: bool) -> list[str]:
    """What forbids to replace some databases: sessions that use them, rights to see and to end those.

    Args:
        session: for reading.
        names: of the databases.
        disconnect: sessions are ended.
    """
    names = list(names)
    if not names:
        return []
    privileges = global_privileges(session)
    problems = missing(privileges, {"PROCESS": "to see which sessions use the databases that are replaced"})
    if disconnect and not privileges & {"ALL PRIVILEGES", "SUPER", "CONNECTION ADMIN", "CONNECTION_ADMIN"}:
        problems.append(
            "The privilege CONNECTION ADMIN (MySQL: CONNECTION_ADMIN) is missing: it is needed to end sessions."
        )
    if problems or disconnect:
        return problems
    for name in names:
        found = occupants(session, [name])
        if found:
            problems.append(
                f"Database {name} cannot be replaced while sessions use it: {described(found)}. Stop the applications, "
                "or let their sessions be ended (disconnect: true)."
            )
    return problems
