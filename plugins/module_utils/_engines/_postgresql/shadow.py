# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Databases under a shadow name: made, swept, removed. Private to this collection.

A database is loaded under a shadow name and renamed when it is complete, so that its name never points at a part of it.
The shadow's name carries the token of its run; as long as the run lives, one of its sessions shows the token in
``application_name``. A shadow without such a session is what a dead run left.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.connection import (
    APPLICATION,
    Access,
    sql,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.quoting import identifier, literal

if TYPE_CHECKING:
    from psycopg import Connection as Session

_PREFIX = "backupdb_shadow_"
_SHADOW = re.compile(r"\Abackupdb_shadow_([0-9a-f]{12})_\d+\Z")
_LEASE = f"{APPLICATION} restore "
_HAS_SUBSCRIPTIONS = """
SELECT FROM pg_catalog.pg_subscription s JOIN pg_catalog.pg_database d ON d.oid = s.subdbid WHERE d.datname = %s
"""
_IS_TEMPLATE = "SELECT FROM pg_catalog.pg_database WHERE datname = %s AND datistemplate"
_SUBSCRIPTIONS = """
SELECT pg_catalog.quote_ident(s.subname) FROM pg_catalog.pg_subscription s
  JOIN pg_catalog.pg_database d ON d.oid = s.subdbid WHERE d.datname = pg_catalog.current_database()
"""


class Shadows:
    """The shadow databases of one run."""

    def __init__(self) -> None:
        self.token = secrets.token_hex(6)

    @property
    def application(self) -> str:
        """``application_name`` of a session that keeps the shadows of this run from being swept."""
        return _LEASE + self.token

    def name(self, number: int) -> str:
        """The name of a shadow."""
        return f"{_PREFIX}{self.token}_{number}"

    def mine(self, session: Session[Any]) -> list[str]:
        """The shadows of this run that exist."""
        query = "SELECT datname FROM pg_catalog.pg_database WHERE pg_catalog.starts_with(datname, %s) ORDER BY 1"
        return [row[0] for row in session.execute(query, (f"{_PREFIX}{self.token}_",))]

    @staticmethod
    def leftovers(session: Session[Any], names: Sequence[str]) -> list[str]:
        """Those of some databases' names that dead runs left.

        Args:
            session: to any database of the server.
            names: the databases there are.
        """
        alive = {
            row[0].partition(_LEASE)[2]
            for row in session.execute(
                "SELECT DISTINCT application_name FROM pg_catalog.pg_stat_activity WHERE application_name IS NOT NULL"
            )
        }
        tokens = {name: match[1] for name in names for match in [_SHADOW.match(name)] if match}
        return sorted(name for name, token in tokens.items() if token not in alive)


def is_shadow(name: str) -> bool:
    """Whether a database's name is that of a shadow."""
    return bool(_SHADOW.match(name))


def drop(access: Access, session: Session[Any], name: str, version: int) -> None:
    """Remove a database with whoever is still connected to it, if it is there.

    Args:
        access: the way to the server.
        session: to another database.
        name: what to remove.
        version: the server's version number.
    """
    _drop_subscriptions(access, session, name)
    no_template(session, name)
    if version >= 130000:
        session.execute(f"DROP DATABASE IF EXISTS {identifier(name)} WITH (FORCE)")
        return
    session.execute(
        f"SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity WHERE datname = {literal(name)}"
    )
    session.execute(f"DROP DATABASE IF EXISTS {identifier(name)}")


def no_template(session: Session[Any], name: str) -> None:
    """Let a database be removed even if it was a template."""
    if session.execute(_IS_TEMPLATE, (name,)).fetchone() is not None:
        session.execute(f"ALTER DATABASE {identifier(name)} WITH IS_TEMPLATE false")


def has_subscriptions(session: Session[Any], name: str) -> bool:
    """Whether a database subscribes to others, so that it cannot be removed and keeps being written to."""
    return session.execute(_HAS_SUBSCRIPTIONS, (name,)).fetchone() is not None


def _drop_subscriptions(access: Access, session: Session[Any], name: str) -> None:
    """Remove the subscriptions of a database, which keep it from being removed; slots elsewhere are not touched."""
    if not has_subscriptions(session, name):
        return
    with access.session(name) as inside:
        for (subscription,) in inside.execute(_SUBSCRIPTIONS).fetchall():
            inside.execute(sql(f"ALTER SUBSCRIPTION {subscription} DISABLE"))
            inside.execute(sql(f"ALTER SUBSCRIPTION {subscription} SET (slot_name = NONE)"))
            inside.execute(sql(f"DROP SUBSCRIPTION {subscription}"))
