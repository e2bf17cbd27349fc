# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a database is besides its content: read as data, created again under any name. Private to this collection.

Owner, encoding, locale, access list, settings, comment and limits live in catalogs of the whole server, and no dump of
a database has them unless it creates the database under its own name. The syntax is chosen by the target's version.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql import acl
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.quoting import (
    identifier,
    literal,
    setting,
)
from ansible_collections.vya.backupdb.plugins.module_utils._model import Database

if TYPE_CHECKING:
    from psycopg import Connection as Session

#: Letters of pg_database.datlocprovider.
PROVIDERS = {"c": "libc", "i": "icu", "b": "builtin"}
DEFAULT_TABLESPACE = "pg_default"
#: A connection limit that marks a database whose removal was interrupted (DATCONNLIMIT_INVALID_DB).
_INVALID = -2

_DATABASES = """
SELECT d.datname, pg_catalog.pg_get_userbyid(d.datdba), pg_catalog.pg_encoding_to_char(d.encoding),
       d.datcollate, d.datctype, {provider}, {locale}, {icu_rules}, {collation_version},
       t.spcname, d.datconnlimit, d.datallowconn, d.datistemplate, d.datacl::text[],
       pg_catalog.shobj_description(d.oid, 'pg_database'),
       CASE WHEN d.datconnlimit <> -2 AND (pg_catalog.has_database_privilege(d.oid, 'CONNECT')
                 OR pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE'))
            THEN pg_catalog.pg_database_size(d.oid) ELSE 0 END,
       pg_catalog.has_database_privilege(d.oid, 'CONNECT')
  FROM pg_catalog.pg_database d JOIN pg_catalog.pg_tablespace t ON t.oid = d.dattablespace
 WHERE d.datname <> 'template0'
"""
_SETTINGS = """
SELECT d.datname, r.rolname, s.setconfig
  FROM pg_catalog.pg_db_role_setting s
  JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase
  LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole
 WHERE s.setrole = 0 OR r.rolname IS NOT NULL
 ORDER BY 1, 2 NULLS FIRST
"""
_LABELS = """
SELECT d.datname, l.provider, l.label
  FROM pg_catalog.pg_shseclabel l JOIN pg_catalog.pg_database d ON d.oid = l.objoid
 WHERE l.classoid = 'pg_catalog.pg_database'::pg_catalog.regclass
"""


def read_databases(session: Session[Any], version: int) -> list[Database]:
    """Every database but template0, the biggest first.

    Args:
        session: to any database of the server.
        version: the server's version number as libpq says it: 150018.
    """
    query = _DATABASES.format(
        provider="d.datlocprovider" if version >= 150000 else "'c'",
        locale="d.datlocale" if version >= 170000 else "d.daticulocale" if version >= 150000 else "NULL",
        icu_rules="d.daticurules" if version >= 160000 else "NULL",
        collation_version="d.datcollversion" if version >= 150000 else "NULL",
    )
    rows = session.execute(query).fetchall()
    settings: dict[str, list[dict[str, Any]]] = {}
    for database, role, values in session.execute(_SETTINGS):
        settings.setdefault(database, []).append({"role": role, "settings": list(values)})
    labels: dict[str, dict[str, str]] = {}
    for database, provider, label in session.execute(_LABELS):
        labels.setdefault(database, {})[provider] = label
    databases = [_database(row, settings, labels) for row in rows]
    return sorted(databases, key=lambda database: (-database.size, database.name))


def _database(
    row: Sequence[Any], settings: Mapping[str, list[dict[str, Any]]], labels: Mapping[str, dict[str, str]]
) -> Database:
    (name, owner, encoding, collate, ctype, provider, locale, rules, collation_version, tablespace, limit, allowed,
     template, access, comment, size, connectable) = row  # fmt: skip
    return Database(
        name,
        size,
        {
            "owner": owner,
            "encoding": encoding,
            "locale_provider": PROVIDERS.get(provider, provider),
            "lc_collate": collate,
            "lc_ctype": ctype,
            "locale": locale,
            "icu_rules": rules,
            "collation_version": collation_version,
            "tablespace": tablespace,
            "connection_limit": limit,
            "allow_connections": allowed,
            "is_template": template,
            "acl": None if access is None else [list(entry) for entry in acl.entries_of(access)],
            "comment": comment,
            "settings": settings.get(name, []),
            "security_labels": labels.get(name, {}),
            "valid": limit != _INVALID,
            "connectable": connectable,
        },
    )


def create_statement(name: str, properties: Mapping[str, Any], version: int, closed: bool) -> str:
    """CREATE DATABASE from template0 with recorded properties, in the words that the target knows.

    Args:
        name: the name to create it under.
        properties: as :func:`read_databases` made them.
        version: the target's version number.
        closed: keep everybody but superusers out for now.
    """
    options = [
        ("TEMPLATE", "template0"),
        ("OWNER", identifier(properties["owner"])),
        ("ENCODING", literal(properties["encoding"])),
    ]
    provider = properties.get("locale_provider", "libc")
    if version >= 150000:
        options.append(("LOCALE_PROVIDER", provider))
        if provider == "icu":
            options.append(("ICU_LOCALE", literal(properties["locale"])))
        elif provider == "builtin":
            options.append(("BUILTIN_LOCALE", literal(properties["locale"])))
    if version >= 160000 and properties.get("icu_rules"):
        options.append(("ICU_RULES", literal(properties["icu_rules"])))
    options += [("LC_COLLATE", literal(properties["lc_collate"])), ("LC_CTYPE", literal(properties["lc_ctype"]))]
    if properties.get("tablespace", DEFAULT_TABLESPACE) != DEFAULT_TABLESPACE:
        options.append(("TABLESPACE", identifier(properties["tablespace"])))
    if closed:
        options.append(("CONNECTION LIMIT", "0"))
    return f"CREATE DATABASE {identifier(name)} " + " ".join(f"{word} = {value}" for word, value in options)


def property_statements(name: str, properties: Mapping[str, Any], roles: Optional[frozenset[str]] = None) -> list[str]:
    """SQL that gives a database its comment, labels, privileges and settings; all of it may run in one transaction.

    Args:
        name: its name now.
        properties: as recorded.
        roles: roles that exist; settings of others are left out. None takes all.
    """
    target = f"DATABASE {identifier(name)}"
    sql = []
    if properties.get("comment") is not None:
        sql.append(f"COMMENT ON {target} IS {literal(properties['comment'])}")
    for provider, label in sorted((properties.get("security_labels") or {}).items()):
        sql.append(f"SECURITY LABEL FOR {identifier(provider)} ON {target} IS {literal(label)}")
    if properties.get("acl") is not None:
        entries = [acl.AclEntry(*entry) for entry in properties["acl"]]
        sql += acl.statements(target, properties["owner"], entries)
    for group in properties.get("settings") or ():
        role = group["role"]
        if role is not None and roles is not None and role not in roles:
            continue
        subject = f"ALTER {target}" if role is None else f"ALTER ROLE {identifier(role)} IN {target}"
        for item in group["settings"]:
            parameter, _equals, value = item.partition("=")
            sql.append(f"{subject} SET {setting(parameter, value)}")
    return sql


def opening_statement(name: str, properties: Mapping[str, Any]) -> str:
    """SQL that lets a finished database be used as recorded; the last thing that a restore does to it."""
    limit = properties.get("connection_limit", -1)
    allowed = "true" if properties.get("allow_connections", True) else "false"
    template = "true" if properties.get("is_template", False) else "false"
    return (
        f"ALTER DATABASE {identifier(name)} WITH CONNECTION LIMIT {limit}"
        f" ALLOW_CONNECTIONS {allowed} IS_TEMPLATE {template}"
    )


def roles_named(properties: Mapping[str, Any]) -> frozenset[str]:
    """Every role that the properties of a database name."""
    names = {properties["owner"]}
    for _privilege, grantee, _grantable, grantor in properties.get("acl") or ():
        names |= {grantee, grantor}
    names |= {group["role"] for group in properties.get("settings") or () if group["role"] is not None}
    return frozenset(names - {acl.PUBLIC})
