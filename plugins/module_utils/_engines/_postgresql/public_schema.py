# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Schema public: every new database has it, and version 15 changed its owner and privileges. Private to this collection.

A dump says how it differs from what the dumping program takes for the default, so between versions, and where it was
removed, the recorded state has to be made by hand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql import acl
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.quoting import identifier

if TYPE_CHECKING:
    from psycopg import Connection as Session

STATE = """
SELECT pg_catalog.pg_get_userbyid(nspowner), COALESCE(nspacl, pg_catalog.acldefault('n', nspowner))::text[]
  FROM pg_catalog.pg_namespace WHERE nspname = 'public'
"""


def state(session: Session[Any]) -> Optional[dict[str, Any]]:
    """Owner and privileges of schema public as JSON values; None if it was removed."""
    return described(session.execute(STATE).fetchall())


def described(rows: Sequence[Any]) -> Optional[dict[str, Any]]:
    """The state that the rows of :data:`STATE` say."""
    row = rows[0] if rows else None
    return None if row is None else {"owner": row[0], "acl": [list(entry) for entry in acl.entries_of(row[1])]}


def prepare(session: Session[Any], recorded: Optional[Mapping[str, Any]]) -> None:
    """Before a load: remove the schema if the recorded database had none."""
    if recorded is None:
        session.execute("DROP SCHEMA IF EXISTS public")


def enforce(session: Session[Any], recorded: Optional[Mapping[str, Any]]) -> None:
    """After a load: give the schema its recorded owner and privileges."""
    now = state(session)
    if recorded is None or now is None:
        return
    if now["owner"] != recorded["owner"]:
        session.execute(f"ALTER SCHEMA public OWNER TO {identifier(recorded['owner'])}")
    wanted = [acl.AclEntry(*entry) for entry in recorded["acl"]]
    there = [acl.AclEntry(*entry) for entry in now["acl"]]
    if acl.without_grantors(there) != acl.without_grantors(wanted):
        for statement in acl.statements("SCHEMA public", recorded["owner"], wanted):
            session.execute(statement)
