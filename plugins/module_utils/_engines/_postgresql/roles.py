# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Roles, memberships and grants on parameters: read as data, made again as idempotent SQL. Private to this collection."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql import acl
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.quoting import (
    dollar_quoted,
    identifier,
    literal,
    parameter,
    setting,
)

if TYPE_CHECKING:
    from psycopg import Connection as Session

#: First version whose memberships carry a grantor that counts, and the options INHERIT and SET.
MEMBERSHIP_OPTIONS = 160000
PARAMETER_GRANTS = 150000
MASK = "********"
_FLAGS = ("superuser", "inherit", "createrole", "createdb", "login", "replication", "bypassrls")

_ROLES = """
SELECT r.rolname, r.rolsuper, r.rolinherit, r.rolcreaterole, r.rolcreatedb, r.rolcanlogin, r.rolreplication,
       r.rolbypassrls, r.rolconnlimit,
       r.rolvaliduntil::text, {password}, pg_catalog.shobj_description(r.oid, 'pg_authid'), s.setconfig, r.oid = 10, r.rolname = session_user
  FROM pg_catalog.{catalog} r
  LEFT JOIN pg_catalog.pg_db_role_setting s ON s.setrole = r.oid AND s.setdatabase = 0
 WHERE r.rolname !~ '^pg_'
 ORDER BY 1
"""
_LABELS = """
SELECT r.rolname, l.provider, l.label FROM pg_catalog.pg_shseclabel l JOIN pg_catalog.pg_roles r ON r.oid = l.objoid
 WHERE l.classoid = 'pg_catalog.pg_authid'::pg_catalog.regclass
"""
# What initdb itself made, memberships among the predefined roles, is on every server.
_MEMBERSHIPS = """
SELECT r.rolname, m.rolname, g.rolname, a.admin_option, {options}
  FROM pg_catalog.pg_auth_members a
  JOIN pg_catalog.pg_roles r ON r.oid = a.roleid
  JOIN pg_catalog.pg_roles m ON m.oid = a.member
  LEFT JOIN pg_catalog.pg_roles g ON g.oid = a.grantor
 WHERE NOT (r.rolname ~ '^pg_' AND m.rolname ~ '^pg_')
 ORDER BY 1, 2, 3
"""


@dataclass(frozen=True)
class Role:
    """A role with everything that belongs to it alone.

    Args:
        name: its name, unquoted.
        superuser, inherit, createrole, createdb, login, replication, bypassrls: its attributes.
        connection_limit: sessions at a time, -1 for no limit.
        valid_until: when its password ends, as text in UTC, or None.
        password: the stored verifier, None for none.
        password_readable: whether the verifier could be read.
        comment: its comment.
        settings: ``name=value`` of its own run-time parameters, in all databases.
        security_labels: provider -> label.
        bootstrap: whether it is the superuser that initdb made.
        connected: whether it was the login in use.
    """

    name: str
    superuser: bool = False
    inherit: bool = True
    createrole: bool = False
    createdb: bool = False
    login: bool = False
    replication: bool = False
    bypassrls: bool = False
    connection_limit: int = -1
    valid_until: Optional[str] = None
    password: Optional[str] = field(default=None, repr=False)
    password_readable: bool = True
    comment: Optional[str] = None
    settings: Sequence[str] = ()
    security_labels: Mapping[str, str] = field(default_factory=dict)
    bootstrap: bool = False
    connected: bool = False

    @property
    def administrator(self) -> bool:
        """Whether a restore leaves this role as it finds it: it is the server's own, or the one at work."""
        return self.bootstrap or self.connected


@dataclass(frozen=True)
class Membership:
    """One role in another. ``inherit`` and ``set_role`` are None before version 16, which had no such options."""

    role: str
    member: str
    grantor: Optional[str] = None
    admin: bool = False
    inherit: Optional[bool] = None
    set_role: Optional[bool] = None


@dataclass(frozen=True)
class Roles:
    """All roles of a server.

    Args:
        version: number of the server that they were read from.
        roles: those that are not predefined.
        memberships: who is in which.
        parameters: privileges on run-time parameters: name -> entries (15 and newer).
    """

    version: int
    roles: Sequence[Role] = ()
    memberships: Sequence[Membership] = ()
    parameters: Mapping[str, Sequence[acl.AclEntry]] = field(default_factory=dict)

    @property
    def names(self) -> frozenset[str]:
        """Names of the roles."""
        return frozenset(role.name for role in self.roles)

    @property
    def bootstrap(self) -> Optional[str]:
        """Name of the superuser that initdb made."""
        return next((role.name for role in self.roles if role.bootstrap), None)

    def role(self, name: str) -> Optional[Role]:
        """The role of a name, or None."""
        return next((role for role in self.roles if role.name == name), None)

    def to_json(self) -> dict[str, Any]:
        """The roles as JSON values; they hold secrets."""
        return {
            "version": self.version,
            "roles": [asdict(role) for role in self.roles],
            "memberships": [asdict(membership) for membership in self.memberships],
            "parameters": {name: [list(entry) for entry in entries] for name, entries in self.parameters.items()},
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Roles:
        """The roles from JSON values."""
        return cls(
            data["version"],
            tuple(Role(**{**item, "settings": tuple(item["settings"])}) for item in data["roles"]),
            tuple(Membership(**item) for item in data["memberships"]),
            {name: tuple(acl.AclEntry(*entry) for entry in entries) for name, entries in data["parameters"].items()},
        )


def read_roles(session: Session[Any], version: int, hashes: bool) -> Roles:
    """Every role but the predefined ones.

    Args:
        session: to any database of the server, with stable text forms.
        version: the server's version number.
        hashes: whether pg_authid can be read.
    """
    labels: dict[str, dict[str, str]] = {}
    for name, provider, label in session.execute(_LABELS):
        labels.setdefault(name, {})[provider] = label
    roles = []
    query = _ROLES.format(password="r.rolpassword" if hashes else "NULL", catalog="pg_authid" if hashes else "pg_roles")
    for row in session.execute(query):
        (name, *flags, limit, valid_until, password, comment, settings, bootstrap, connected) = row
        roles.append(
            Role(
                name,
                *flags,
                connection_limit=limit,
                valid_until=valid_until,
                password=password,
                password_readable=hashes,
                comment=comment,
                settings=tuple(settings or ()),
                security_labels=labels.get(name, {}),
                bootstrap=bootstrap,
                connected=connected,
            )
        )
    options = "a.inherit_option, a.set_option" if version >= MEMBERSHIP_OPTIONS else "NULL::boolean, NULL::boolean"
    memberships = [Membership(*row) for row in session.execute(_MEMBERSHIPS.format(options=options))]
    parameters = {}
    if version >= PARAMETER_GRANTS:
        query = "SELECT parname, paracl::text[] FROM pg_catalog.pg_parameter_acl ORDER BY 1"
        parameters = {name: acl.entries_of(items) for name, items in session.execute(query)}
    return Roles(version, tuple(roles), tuple(memberships), parameters)


def alter_statements(role: Role, existing: Optional[Role], mask: bool = False) -> list[str]:
    """SQL that makes a role, which exists by now, what was recorded; empty if it is that already.

    Args:
        role: as recorded.
        existing: as it is on the target; None for a role just created.
        mask: hide the password's verifier.
    """
    now = existing if existing is not None else Role(role.name)
    words = [
        (flag if getattr(role, flag) else f"no{flag}").upper()
        for flag in _FLAGS
        if existing is None or getattr(role, flag) != getattr(now, flag)
    ]
    if role.connection_limit != now.connection_limit:
        words.append(f"CONNECTION LIMIT {role.connection_limit}")
    if role.valid_until != now.valid_until:
        words.append(f"VALID UNTIL {literal(role.valid_until or 'infinity')}")
    if role.password_readable and (role.password != now.password or not now.password_readable):
        verifier = MASK if mask else role.password
        words.append("PASSWORD NULL" if role.password is None else f"PASSWORD {literal(verifier or '')}")
    name = identifier(role.name)
    sql = [f"ALTER ROLE {name} WITH {' '.join(words)}"] if words else []
    if role.comment != now.comment:
        sql.append(f"COMMENT ON ROLE {name} IS {'NULL' if role.comment is None else literal(role.comment)}")
    for provider, label in sorted(role.security_labels.items()):
        if now.security_labels.get(provider) != label:
            sql.append(f"SECURITY LABEL FOR {identifier(provider)} ON ROLE {name} IS {literal(label)}")
    return sql + _setting_statements(f"ALTER ROLE {name}", role.settings, now.settings)


def _setting_statements(subject: str, wanted: Iterable[str], there: Iterable[str]) -> list[str]:
    recorded = dict(item.split("=", 1) for item in wanted)
    present = dict(item.split("=", 1) for item in there)
    sql = [f"{subject} RESET {parameter(name)}" for name in sorted(present) if name not in recorded]
    sql += [f"{subject} SET {setting(name, value)}" for name, value in recorded.items() if present.get(name) != value]
    return sql


def membership_statement(membership: Membership, recorded: Roles, target: int) -> str:
    """GRANT of a membership with the options that the target's version knows.

    Args:
        membership: what to grant.
        recorded: the roles that it is from.
        target: version number of the server that will run it.
    """
    sql = f"GRANT {identifier(membership.role)} TO {identifier(membership.member)}"
    if target >= MEMBERSHIP_OPTIONS and membership.inherit is not None:
        options = {"ADMIN": membership.admin, "INHERIT": membership.inherit, "SET": membership.set_role}
        sql += " WITH " + ", ".join(f"{word} {'TRUE' if value else 'FALSE'}" for word, value in options.items())
    elif membership.admin:
        sql += " WITH ADMIN OPTION"
    if membership.grantor is not None and _names_grantor(membership.grantor, recorded, target):
        sql += f" GRANTED BY {identifier(membership.grantor)}"
    return sql


def _names_grantor(grantor: str, recorded: Roles, target: int) -> bool:
    if target < MEMBERSHIP_OPTIONS:
        return True
    # Before 16 a grantor needed no right of its own, so a newer server may refuse it. The server's own superuser, who
    # may have another name on the target, is the grantor of whatever a superuser grants.
    return recorded.version >= MEMBERSHIP_OPTIONS and grantor != recorded.bootstrap


def ordered(memberships: Sequence[Membership], bootstrap: frozenset[str]) -> list[Membership]:
    """Memberships in an order in which each grantor already holds the right to grant.

    Args:
        memberships: in any order.
        bootstrap: superusers, who may grant anything.
    """
    done: list[Membership] = []
    able = {(membership.role, name) for membership in memberships for name in bootstrap}
    waiting = list(memberships)
    while waiting:
        ready = [item for item in waiting if item.grantor is None or (item.role, item.grantor) in able]
        if not ready:
            # A circle, or grantors that lost the right since: the server decides, and says so.
            return done + waiting
        ready.sort(key=lambda item: not item.admin)
        done += ready
        able |= {(item.role, item.member) for item in ready if item.admin}
        waiting = [item for item in waiting if item not in ready]
    return done


def parameter_statements(recorded: Roles, existing: Mapping[str, Sequence[acl.AclEntry]]) -> list[str]:
    """GRANT of every recorded privilege on run-time parameters that is not there."""
    sql = []
    for name, entries in sorted(recorded.parameters.items()):
        there = {(entry.privilege, entry.grantee, entry.grantable) for entry in existing.get(name, ())}
        for entry in entries:
            if (entry.privilege, entry.grantee, entry.grantable) not in there and entry.grantee != entry.grantor:
                option = " WITH GRANT OPTION" if entry.grantable else ""
                sql.append(
                    f"GRANT {entry.privilege} ON PARAMETER {parameter(name)} TO {acl.role(entry.grantee)}{option}"
                )
    return sql


def superusers(roles: Roles) -> frozenset[str]:
    """Names of the superusers."""
    return frozenset(role.name for role in roles.roles if role.superuser)


def script(recorded: Roles) -> bytes:
    """All roles as SQL for psql that can run any number of times, on a server that has some of them or none.

    The role that runs it, and the server's own superuser, stay as they are.
    """
    lines = [
        "-- Roles of a PostgreSQL server, with password verifiers: keep this file secret.",
        "-- It can run again: a role that exists is altered. The role that runs it is not touched.",
        "SET client_encoding = 'UTF8';",
        "SET standard_conforming_strings = on;",
        "-- Keep the verifiers out of the server's log.",
        "SELECT pg_catalog.set_config(name, value, false)",
        "  FROM (VALUES ('log_statement', 'none'), ('log_min_duration_statement', '-1'),",
        "               ('log_min_error_statement', 'panic')) AS quiet (name, value)",
        " WHERE (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user);",
        "",
    ]
    lines += [_create_if_missing(role) for role in recorded.roles]
    lines.append("")
    for role in recorded.roles:
        lines += [_unless_administrator(role, statement) for statement in alter_statements(role, None)]
    lines.append("")
    for membership in ordered(recorded.memberships, superusers(recorded)):
        lines.append(membership_statement(membership, recorded, recorded.version) + ";")
    lines += [f"{statement};" for statement in parameter_statements(recorded, {})]
    return ("\n".join(lines) + "\n").encode("utf-8", "surrogateescape")


def _create_if_missing(role: Role) -> str:
    body = (
        f"BEGIN IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = {literal(role.name)})"
        f" THEN CREATE ROLE {identifier(role.name)}; END IF; END"
    )
    return f"DO {dollar_quoted(body)};"


def _unless_administrator(role: Role, statement: str) -> str:
    if not (role.administrator or role.superuser or role.createrole):
        # It cannot be the one that runs this.
        return f"{statement};"
    body = (
        "BEGIN IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles"
        f" WHERE rolname = {literal(role.name)} AND (oid = 10 OR rolname = current_user))"
        f" THEN {statement}; END IF; END"
    )
    return f"DO {dollar_quoted(body)};"


def masked(recorded: Roles) -> dict[str, str]:
    """Name of each role -> its statements with every verifier masked, for diffs."""
    texts = {}
    for role in recorded.roles:
        sql = [f"CREATE ROLE {identifier(role.name)}", *alter_statements(role, None, mask=True)]
        for membership in recorded.memberships:
            if membership.member == role.name:
                sql.append(membership_statement(membership, recorded, recorded.version))
        texts[role.name] = "".join(f"{statement};\n" for statement in sql)
    return texts
