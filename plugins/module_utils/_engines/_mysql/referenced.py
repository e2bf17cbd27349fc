# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which accounts of a set some databases need. Private to this collection."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Optional

from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.proof import unescape_pattern
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.users import PUBLIC
from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_accounts import (
    DATABASE,
    OBJECT_LEVELS,
    PROXY,
    ROLE,
    AccountStatement,
    Name,
)


def referenced(
    recorded: Sequence[AccountStatement], databases: Collection[str], definers: Collection[str]
) -> list[AccountStatement]:
    """The statements about accounts that some databases need, in their order.

    Needed are the definers of their objects, whoever was granted something on them, the roles that these have, and the
    members of roles that were granted something on them. Grants on other databases are left out.

    Args:
        recorded: everything that the set says.
        databases: recorded names.
        definers: of objects in them, ``user@host`` as the server writes it.
    """
    granted = {item.grantee for item in recorded if _concerns(item, databases)}
    memberships = [(item.grantee, item.other) for item in recorded if item.level == ROLE and item.other is not None]
    # Members of the roles that were granted something, then the roles of all.
    wanted = _closure(granted, [(role, member) for member, role in memberships])
    wanted |= {item.grantee for item in recorded if _definer(item.grantee) in definers}
    wanted = _closure(wanted, memberships)
    return [item for item in recorded if item.grantee in wanted and _belongs(item, databases, wanted)]


def _concerns(item: AccountStatement, databases: Collection[str]) -> bool:
    return item.grantee != PUBLIC and item.level in (DATABASE, *OBJECT_LEVELS) and _database(item) in databases


def _database(item: AccountStatement) -> Optional[str]:
    return unescape_pattern(item.database or "") if item.level == DATABASE else item.database


def _definer(name: Name) -> str:
    return name.user if name.host is None else f"{name.user}@{name.host}"


def _closure(begin: set[Name], edges: Sequence[tuple[Name, Name]]) -> set[Name]:
    found = set(begin)
    while True:
        more = {end for start, end in edges if start in found} - found
        if not more:
            return found
        found |= more


def _belongs(item: AccountStatement, databases: Collection[str], wanted: Collection[Name]) -> bool:
    if item.level in (DATABASE, *OBJECT_LEVELS):
        return _database(item) in databases
    if item.level in (ROLE, PROXY):
        return item.other in wanted
    return True
