# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The proof of what belongs to the whole server: roles, memberships, tablespaces. Private to this collection."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql import acl
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.catalog import (
    digest,
    options,
    plain,
    shown,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.roles import (
    MEMBERSHIP_OPTIONS,
    Membership,
    Role,
    Roles,
)
from ansible_collections.vya.backupdb.plugins.module_utils._proof.model import ProofObject

ROLE = "role"
MEMBERSHIP = "membership"
TABLESPACE = "tablespace"
PARAMETER = "parameter"
#: Attribute of a role that a restore leaves as it finds it.
ADMINISTRATOR = "administrator"
PASSWORD = "password"
PASSWORD_DIGEST = "password digest"
UNREADABLE = "not readable"
BOOTSTRAP = "the server's own superuser"


def instance_objects(roles: Roles, tablespaces: Sequence[Mapping[str, Any]]) -> list[ProofObject]:
    """The objects of the whole server.

    Args:
        roles: its roles.
        tablespaces: as :func:`settings.read_settings` reads them.
    """
    objects = [_role(role) for role in roles.roles]
    objects += _memberships(roles)
    objects += [_tablespace(item) for item in tablespaces]
    for name, entries in roles.parameters.items():
        # The server's own superuser holds everything on each of them.
        grants = acl.grants_of_entries([entry for entry in entries if entry.grantee != entry.grantor])
        objects.append(ProofObject(PARAMETER, name, grants=grants))
    return objects


def _role(role: Role) -> ProofObject:
    attributes: dict[str, object] = {
        "superuser": role.superuser,
        "inherits": "yes" if role.inherit else "no",
        "creates roles": role.createrole,
        "creates databases": role.createdb,
        "login": role.login,
        "replication": role.replication,
        "bypasses row security": role.bypassrls,
        "connection limit": None if role.connection_limit == -1 else role.connection_limit,
        "valid until": role.valid_until,
        ADMINISTRATOR: BOOTSTRAP if role.bootstrap else "connected" if role.connected else None,
    }
    if not role.password_readable:
        attributes[PASSWORD] = UNREADABLE
    elif role.password is not None:
        attributes[PASSWORD_DIGEST] = digest([role.password])
    texts = plain(attributes)
    if role.comment is not None:
        texts["comment"] = shown(role.comment)
    for provider, label in role.security_labels.items():
        texts[f"security label ({provider})"] = shown(label)
    for setting in options(role.settings):
        name, _equals, value = setting.partition("=")
        texts[f"setting {name}"] = shown(value)
    return ProofObject(ROLE, role.name, attributes=texts)


def _memberships(roles: Roles) -> Iterator[ProofObject]:
    """Memberships; those that several grantors gave are told apart by the grantor."""
    given: dict[tuple[str, str], list[Membership]] = {}
    for membership in roles.memberships:
        given.setdefault((membership.role, membership.member), []).append(membership)
    for (role, member), items in given.items():
        for item in items:
            # Before 16 it is the role that said GRANT; since then the server's own superuser stands for all superusers.
            owns = roles.version >= MEMBERSHIP_OPTIONS and item.grantor == roles.bootstrap
            grantor = BOOTSTRAP if owns else item.grantor
            name = f"{member} in {role}"
            if len(items) > 1:
                name += f", granted by {grantor}"
            attributes = {
                "grantor": grantor,
                "admin option": item.admin,
                "inherit option": _word(item.inherit),
                "set option": _word(item.set_role),
            }
            yield ProofObject(MEMBERSHIP, name, attributes=plain(attributes))


def _word(value: bool | None) -> str | None:
    return None if value is None else "yes" if value else "no"


def _tablespace(item: Mapping[str, Any]) -> ProofObject:
    attributes = {"location": item["location"], "options": options(item["options"]), "comment": item["comment"]}
    owner = None if item["name"].startswith("pg_") else item["owner"]
    return ProofObject(
        TABLESPACE,
        item["name"],
        owner=owner,
        grants=acl.grants_of_entries(item["acl"] or ()),
        attributes=plain(attributes),
    )
