# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Giving a finished database its name, in the place of the one that has it now. Private to this collection.

It is one transaction of two renamings: whoever looks sees the old database or the new one, and a crash leaves one of
them. RENAME locks the name of the database while it waits, up to five seconds, for the sessions that are in it, so that
no new one comes in; what ends the old ones meanwhile needs a session of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.connection import (
    Access,
    explained,
    psycopg_error,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.instance import INITIAL_DATABASES
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.occupants import (
    in_use,
    obstacles,
    sessions_in,
    without_sessions,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.quoting import identifier
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.shadow import is_shadow
from ansible_collections.vya.backupdb.plugins.module_utils._errors import (
    BackupError,
    ConnectionFailed,
    Interrupted,
    InUse,
    MissingPrivilege,
)

if TYPE_CHECKING:
    from psycopg import Connection as Session

#: How long a name of PostgreSQL may be, in bytes of the server's encoding (NAMEDATALEN - 1).
LONGEST_NAME = 63
_OBJECT_IN_USE = "55006"
_LOCK_NOT_AVAILABLE = "55P03"
_ATTEMPTS = 3
#: Milliseconds to wait for a lock on a database that another transaction holds.
_LOCK_TIMEOUT = 20_000
_OTHER_DATABASES = """
SELECT datname FROM pg_catalog.pg_database
 WHERE datallowconn AND NOT datistemplate AND datconnlimit <> -2 ORDER BY oid
"""
# A commit that is not on disk would be lost by a crash after it was reported.
_DURABLE = """
SELECT pg_catalog.set_config('synchronous_commit', 'on', true)
 WHERE pg_catalog.current_setting('synchronous_commit') = 'off'
"""


@dataclass(frozen=True)
class Swap:
    """A database that gets a name.

    Args:
        name: the name.
        shadow: what it is called until now.
        previous: what the one that has the name now is called then; None where nobody has it.
        statements: SQL that belongs to the same transaction, run first, while nothing is renamed yet.
        ours: nobody but the run has anything to do in the shadow, so that its sessions may be ended.
    """

    name: str
    shadow: str
    previous: Optional[str] = None
    statements: Sequence[str] = ()
    ours: bool = True

    @property
    def avoid(self) -> frozenset[str]:
        """Databases that no session of the run may be in."""
        return frozenset({self.name, self.shadow})


def swap(access: Access, session: Session[Any], item: Swap, disconnect: bool = False) -> None:
    """Let a finished database take its name, wholly or not at all.

    Args:
        access: the way to the server.
        session: to a database that is not renamed; see :func:`open_beside`.
        item: what to do.
        disconnect: end the sessions of the database that has the name; without it they forbid this.

    Raises:
        BackupError: somebody uses the database, or took the name; everything is as it was.
        ConnectionFailed: the connection broke; where it did so in the last moment, it may have been done.
    """
    beside = session.info.dbname
    with explained(f"giving {item.shadow} the name {item.name}"):
        for attempt in range(1, _ATTEMPTS + 1):
            ending = _to_empty(access, session, item, disconnect)
            with without_sessions(access, beside, ending) as check:
                try:
                    _rename(session, item)
                except psycopg_error() as error:
                    code = getattr(error, "sqlstate", None)
                    if code == _LOCK_NOT_AVAILABLE:
                        raise _locked(item.name) from None
                    if code != _OBJECT_IN_USE:
                        raise
                    check()
                    _refuse_if_in_use(access, session, item, disconnect)
                    if attempt == _ATTEMPTS:
                        raise
                except Interrupted:
                    # The server would go on waiting for a lock, and everybody else behind it.
                    access.cancel_all()
                    raise
                else:
                    return


def _to_empty(access: Access, session: Session[Any], item: Swap, disconnect: bool) -> list[str]:
    """Databases whose sessions to end."""
    found = []
    if disconnect:
        found = [item.name, item.shadow] if item.previous is not None else [item.shadow]
    elif item.ours and sessions_in(session, item.shadow, access.backends):
        # Monitoring, say, which looks into every database.
        found = [item.shadow]
    return found


def _rename(session: Session[Any], item: Swap) -> None:
    with session.transaction():
        session.execute(_DURABLE)
        session.execute(f"SET LOCAL lock_timeout = {_LOCK_TIMEOUT}")
        for statement in item.statements:
            session.execute(statement)
        if item.previous is not None:
            session.execute(f"ALTER DATABASE {identifier(item.name)} RENAME TO {identifier(item.previous)}")
        session.execute(f"ALTER DATABASE {identifier(item.shadow)} RENAME TO {identifier(item.name)}")


def _refuse_if_in_use(access: Access, session: Session[Any], item: Swap, disconnect: bool) -> None:
    """Raise if there is no point in trying again."""
    for name in [item.name] if item.ours else [item.name, item.shadow]:
        busy = sessions_in(session, name, access.backends)
        if busy and not disconnect:
            raise in_use(name, busy)
        for text in obstacles(session, name, access.backends, True):
            raise InUse(f"{text} It is as it was.")


def _locked(name: str) -> BackupError:
    return InUse(
        f"Another transaction holds a lock on the database {name!r} (ALTER DATABASE, CREATE DATABASE from it, …)"
        f" for more than {_LOCK_TIMEOUT // 1000} seconds. It is as it was.",
        "let that transaction end, then run again",
    )


def open_beside(
    access: Access, avoid: Collection[str], application: str, rather_not: Collection[str] = ()
) -> Session[Any]:
    """A session to a database that is not among those to avoid; to be closed with :meth:`Access.forget`.

    Args:
        access: the way to the server.
        avoid: databases that are renamed now.
        application: ``application_name`` of the session.
        rather_not: databases that will be renamed later.

    Raises:
        BackupError: there is no other database that the login may enter.
    """
    usual = [access.maintenance_database, *INITIAL_DATABASES]
    usual.sort(key=lambda name: name in rather_not)
    failures: dict[str, ConnectionFailed] = {}
    for find in (lambda: usual, lambda: _databases(access)):
        for name in find():
            if name in avoid or name in failures:
                continue
            try:
                return access.open(name, application=application)
            except ConnectionFailed as error:
                failures[name] = error
    raise MissingPrivilege(
        f"The databases {', '.join(map(repr, sorted(avoid)))} can only be renamed from another one, and the login cannot"
        " enter any.",
        "let the login CONNECT to the database postgres",
        [error.message for error in failures.values()],
    )


def _databases(access: Access) -> list[str]:
    with explained("looking for a database to work from"), access.session() as session:
        return [row[0] for row in session.execute(_OTHER_DATABASES) if not is_shadow(row[0])]
