# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Subscriptions and connections that are off until they are released. Private to this collection.

A connection limit of 0 keeps everybody out but superusers, who are needed to look at what was rebuilt and to release it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.connection import (
    Access,
    explained,
    sql,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.quoting import identifier
from ansible_collections.vya.backupdb.plugins.module_utils._engines.fencing import ReleasePlan
from ansible_collections.vya.backupdb.plugins.module_utils._model import Database, InstanceInfo
from ansible_collections.vya.backupdb.plugins.module_utils._proof.fence import CONNECTIONS, SUBSCRIPTION, Fence

if TYPE_CHECKING:
    from psycopg import Connection as Session

_LIMITS = "SELECT datname, datconnlimit FROM pg_catalog.pg_database"
#: Everybody may look at these columns; the connection is not among them.
_SUBSCRIPTIONS = """
SELECT d.datname, pg_catalog.quote_ident(s.subname), s.subenabled, s.subslotname IS NOT NULL
  FROM pg_catalog.pg_subscription s JOIN pg_catalog.pg_database d ON d.oid = s.subdbid
"""
_TABLES = """
SELECT pg_catalog.count(*) FROM pg_catalog.pg_subscription_rel r JOIN pg_catalog.pg_subscription s ON s.oid = r.srsubid
 WHERE pg_catalog.quote_ident(s.subname) = %s AND s.subdbid = (SELECT oid FROM pg_catalog.pg_database
                                                                 WHERE datname = pg_catalog.current_database())
"""


def closed(database: Database, fence: Sequence[str]) -> Database:
    """A recorded database that lets nobody but superusers in, if that is to be fenced."""
    if CONNECTIONS not in fence or not database.properties.get("allow_connections", True):
        return database
    return replace(database, properties={**database.properties, "connection_limit": 0})


def fence_problems(fence: Sequence[str], superuser: bool, login: str) -> list[str]:
    """What forbids to keep connections out: whoever does it must be able to come in again."""
    if CONNECTIONS not in fence or superuser:
        return []
    text = (
        f"{login} is not a superuser, and would be kept out of the databases too: rebuild without fencing connections, or"
        " with the login of a superuser."
    )
    return [text]


@dataclass(frozen=True)
class _Subscription:
    enabled: bool
    has_slot: bool


def plan_release(access: Access, session: Session[Any], info: InstanceInfo, recorded: Sequence[Fence]) -> ReleasePlan:
    """Which of the things that were on are off now.

    Args:
        access: the way to the server.
        session: to any database of it.
        info: what it is.
        recorded: what was on.
    """
    limits: Mapping[str, int] = dict(session.execute(_LIMITS).fetchall())
    subscriptions = {
        (database, name): _Subscription(enabled, has_slot)
        for database, name, enabled, has_slot in session.execute(_SUBSCRIPTIONS).fetchall()
    }
    waiting: list[Fence] = []
    missing: list[Fence] = []
    problems: list[str] = []
    warnings: list[str] = []
    for item in recorded:
        if item.database is None:
            continue
        if item.database not in limits:
            missing.append(item)
        elif item.kind == CONNECTIONS and limits[item.database] == 0:
            waiting.append(item)
        elif item.kind == SUBSCRIPTION:
            found = subscriptions.get((item.database, item.name))
            if found is None:
                missing.append(item)
            elif not found.enabled:
                waiting.append(item)
                problems += _slot_problem(item, found)
                warnings += _table_warning(access, item)
    return ReleasePlan(info, waiting, missing, problems, warnings)


def _slot_problem(item: Fence, found: _Subscription) -> list[str]:
    if found.has_slot:
        return []
    text = (
        f"The {item} names no replication slot, so it cannot be enabled: make one on its publisher and name it with ALTER"
        f" SUBSCRIPTION {item.name} SET (slot_name = …), or drop the subscription."
    )
    return [text]


def _table_warning(access: Access, item: Fence) -> list[str]:
    """A dump holds neither which tables a subscription takes nor how far it had come.

    So what its publisher has sent since the backup, and what it sends before the tables are known, is not sent again.
    """
    with access.session(item.database) as inside, explained(f"looking at the {item}"):
        row = inside.execute(_TABLES, (item.name,)).fetchone()
    if row is not None and row[0]:
        return []
    text = (
        f"The {item} takes no table until its publisher is asked which, and what was changed there since the backup is not"
        f" sent again: empty its tables, then run ALTER SUBSCRIPTION {item.name} REFRESH PUBLICATION, which copies them anew."
    )
    return [text]


def release(access: Access, waiting: Sequence[Fence]) -> None:
    """Turn things on, each in a statement of its own.

    Raises:
        BackupError: the server refused.
    """
    for item in waiting:
        with explained(f"releasing the {item}"), access.session(_place(item)) as session:
            session.execute(sql(_statement(item)))


def _place(item: Fence) -> Optional[str]:
    return item.database if item.kind == SUBSCRIPTION else None


def _statement(item: Fence) -> str:
    if item.kind == SUBSCRIPTION:
        # The name is quoted already: so the proof has it.
        return f"ALTER SUBSCRIPTION {item.name} ENABLE"
    return f"ALTER DATABASE {identifier(item.database or '')} WITH CONNECTION LIMIT {int(item.value or -1)}"
