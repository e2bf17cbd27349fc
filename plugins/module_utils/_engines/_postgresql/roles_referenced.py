# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which of the recorded roles some databases need. Private to this collection."""

from __future__ import annotations

import dataclasses

from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.roles import Roles

#: Run-time parameters of a role whose value is the name of a role.
_ROLE_PARAMETERS = ("role", "session_authorization")


def referenced(recorded: Roles, named: frozenset[str]) -> Roles:
    """The roles that databases name, and every role that these are members of, with what belongs to them alone.

    A membership that a role outside of these granted is granted by whoever restores it.

    Args:
        recorded: all roles of the set.
        named: roles that the databases name.
    """
    names = _closure(recorded, named)
    memberships = []
    for membership in recorded.memberships:
        if membership.member in names and (membership.role in names or membership.role.startswith("pg_")):
            known = membership.grantor in names and membership.grantor != recorded.bootstrap
            memberships.append(membership if known else dataclasses.replace(membership, grantor=None))
    parameters = {
        name: tuple(entry for entry in entries if entry.grantee in names)
        for name, entries in recorded.parameters.items()
    }
    return Roles(
        recorded.version,
        tuple(role for role in recorded.roles if role.name in names),
        tuple(memberships),
        {name: entries for name, entries in parameters.items() if entries},
    )


def _closure(recorded: Roles, named: frozenset[str]) -> frozenset[str]:
    found: set[str] = set()
    waiting = [name for name in named if recorded.role(name) is not None]
    while waiting:
        name = waiting.pop()
        role = recorded.role(name)
        if role is None or name in found:
            continue
        found.add(name)
        waiting += [membership.role for membership in recorded.memberships if membership.member == name]
        for item in role.settings:
            parameter, _equals, value = item.partition("=")
            if parameter in _ROLE_PARAMETERS:
                waiting.append(value)
    return frozenset(found)
