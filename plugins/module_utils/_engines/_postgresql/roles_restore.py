# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What restoring roles would change on a server, and doing it. Private to this collection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.connection import explained
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.pg_restore import QUIET_SETTINGS
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.quoting import identifier
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.roles import (
    MEMBERSHIP_OPTIONS,
    Membership,
    Roles,
    alter_statements,
    membership_statement,
    ordered,
    parameter_statements,
    superusers,
)

if TYPE_CHECKING:
    from psycopg import Connection as Session


@dataclass(frozen=True)
class Change:
    """One thing that restoring roles does: in words, and as SQL with secrets."""

    text: str
    statements: Sequence[str]


def changes(recorded: Roles, existing: Roles) -> list[Change]:
    """What is needed for the recorded roles to be there; nothing for what is equal.

    The target's own superuser and the role at work stay as they are. What the target has beyond the record stays, but
    for the settings of recorded roles.

    Args:
        recorded: roles of the set.
        existing: roles of the target now.
    """
    found: list[Change] = []
    alter: list[Change] = []
    for role in recorded.roles:
        now = existing.role(role.name)
        if now is None:
            found.append(Change(f"create role {role.name}", [f"CREATE ROLE {identifier(role.name)}"]))
            # Comments and settings may name other roles: every role is made first, and completed then.
            alter.append(Change("", alter_statements(role, None)))
        elif not now.administrator:
            statements = alter_statements(role, now)
            if statements:
                alter.append(Change(f"alter role {role.name}", statements))
    grants = []
    there = {_key(membership, existing, recorded) for membership in existing.memberships}
    for membership in ordered(recorded.memberships, superusers(recorded)):
        if _key(membership, recorded, existing) not in there:
            statement = membership_statement(membership, recorded, existing.version)
            grants.append(Change(f"grant {membership.role} to {membership.member}", [statement]))
    parameters = parameter_statements(recorded, existing.parameters)
    if parameters:
        grants.append(Change("grant privileges on parameters", parameters))
    return found + alter + grants


def _key(membership: Membership, of: Roles, other: Roles) -> tuple[object, ...]:
    """What makes two memberships equal, as far as both servers know it."""
    key: tuple[object, ...] = (membership.role, membership.member, membership.admin)
    if min(of.version, other.version) >= MEMBERSHIP_OPTIONS:
        grantor = None if membership.grantor == of.bootstrap else membership.grantor
        key += (membership.inherit, membership.set_role, grantor)
    return key


def texts(planned: Sequence[Change]) -> list[str]:
    """What would change, for people."""
    return [change.text for change in planned if change.text]


def apply(session: Session[Any], planned: Sequence[Change], superuser: bool) -> None:
    """Make the changes, all or none.

    Args:
        session: to any database of the target.
        planned: of :func:`changes`.
        superuser: whether the login is one, so that statements can be kept out of the server's log.
    """
    with session.transaction():
        if superuser:
            for name, value in QUIET_SETTINGS.items():
                session.execute(f"SET LOCAL {name} = '{value}'")
        text = ""
        for change in planned:
            text = change.text or text
            with explained(f"restoring roles ({text})"):
                for statement in change.statements:
                    session.execute(statement)
