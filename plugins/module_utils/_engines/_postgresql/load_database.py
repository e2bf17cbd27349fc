# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From what a dump says of a database to the properties that it is created with. Private to this collection."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.instance import TEMPLATE1, Server
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.load_survey import (
    DumpedDatabase,
    Said,
    again,
    databases_named,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.load_words import integer_of
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.properties import DEFAULT_TABLESPACE
from ansible_collections.vya.backupdb.plugins.module_utils._sql.postgresql_rename import PostgresRenamer
from ansible_collections.vya.backupdb.plugins.module_utils._sql.postgresql_roles import role_names
from ansible_collections.vya.backupdb.plugins.module_utils._sql.tokens import SqlError

if TYPE_CHECKING:
    from psycopg import Connection as Session

_NO_ENCODING = "SQL_ASCII"
_ANY_ENCODING = frozenset(("C", "POSIX"))
#: As in "German_Germany.1252".
_WINDOWS = re.compile(r"[A-Z][A-Za-z ()]+(_[A-Z][A-Za-z .()]+)?\.(\d{3,5}|utf8)\Z")
_PARTS = ("encoding", "locale_provider", "lc_collate", "lc_ctype", "locale", "icu_rules")


def properties_of(found: DumpedDatabase, server: Server, present: Optional[Mapping[str, Any]] = None) -> dict[str, Any]:
    """The properties, as `properties.read_databases` would name them; what the dump does not say is the server's default.

    Args:
        found: what the dump says.
        server: where the database will be.
        present: properties of the database that it takes the place of, where they are its own too.
    """
    properties = dict(present) if present is not None else _defaults(found, server)
    options = found.create.options if found.create is not None else {}
    for name in ("owner", "encoding", "tablespace"):
        if name in options:
            properties[name] = options[name]
    for name in ("allow_connections", "is_template"):
        if name in options:
            properties[name] = options[name].lower() == "true"
    limit = integer_of(options.get("connection_limit"))
    if limit is not None:
        properties["connection_limit"] = limit
    properties.update(_locale(options, properties))
    properties.update(found.properties)
    return properties


def _defaults(found: DumpedDatabase, server: Server) -> dict[str, Any]:
    """Those of a database that nothing is said about."""
    template = server.database(TEMPLATE1)
    given: Mapping[str, Any] = template.properties if template is not None else {}
    initial = {"encoding": "UTF8", "locale_provider": "libc", "lc_collate": "C", "lc_ctype": "C", "locale": None}
    properties = {key: given.get(key, initial.get(key)) for key in _PARTS}
    if properties["encoding"] == _NO_ENCODING and found.encoding and properties["lc_ctype"] in _ANY_ENCODING:
        properties["encoding"] = found.encoding
    return {
        **properties,
        "owner": server.user,
        "tablespace": DEFAULT_TABLESPACE,
        "connection_limit": -1,
        "allow_connections": True,
        "is_template": False,
        "comment": None,
        "acl": None,
        "settings": [],
    }


def _locale(options: Mapping[str, str], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """What the options of CREATE DATABASE say about locales, each version's way; empty if nothing."""
    named = {"locale", "lc_collate", "lc_ctype", "locale_provider", "icu_locale", "builtin_locale", "icu_rules"}
    if not named & set(options):
        return {}
    provider = options.get("locale_provider", "").lower()
    if not provider:
        provider = "icu" if "icu_locale" in options else "builtin" if "builtin_locale" in options else "libc"
    general = options.get("locale")
    own = {"icu": options.get("icu_locale"), "builtin": options.get("builtin_locale")}.get(provider)
    return {
        "locale_provider": provider,
        "lc_collate": options.get("lc_collate", general or defaults["lc_collate"]),
        "lc_ctype": options.get("lc_ctype", general or defaults["lc_ctype"]),
        "locale": None if provider == "libc" else own or general,
        "icu_rules": options.get("icu_rules"),
    }


def translate_locale(properties: dict[str, Any], server: Server) -> Optional[str]:
    """Put the server's default in the place of a locale that only Windows has, and return that one; None if there is none."""
    found = next((name for name in (properties["lc_collate"], properties["lc_ctype"]) if _WINDOWS.match(name)), None)
    template = server.database(TEMPLATE1)
    if found is None or template is None:
        return None
    for key in ("lc_collate", "lc_ctype", "encoding"):
        properties[key] = template.properties[key]
    return str(found)


def encoding_is_known(session: Session[Any], name: str) -> bool:
    """Whether the server knows an encoding."""
    row = session.execute("SELECT pg_catalog.pg_char_to_encoding(%s)", (name,)).fetchone()
    return row is not None and row[0] >= 0


def statements_for(found: DumpedDatabase, shadow: str, roles: frozenset[str]) -> list[str]:
    """What the dump says of the database as a whole, as SQL for its shadow.

    Args:
        found: what the dump says.
        shadow: what the database is called when they run.
        roles: those that exist; settings of others are left out.
    """
    renamer = PostgresRenamer({found.name: shadow} if found.name else {})
    sql = []
    for item in found.statements:
        if item.statement.kind == "alter_role_in_database" and not roles.issuperset(role_names(item.statement)):
            continue
        sql += _spelled(item, renamer, shadow)
    return sql


def _spelled(item: Said, renamer: PostgresRenamer, shadow: str) -> list[str]:
    renamed = renamer.apply(item.statement)
    if databases_named(again(item.statement, renamed, item.conforming)) != [shadow]:
        # Whatever the reason: it would change another database.
        raise SqlError(
            f"Line {item.statement.line} of the dump cannot be applied to another name: {item.statement.head}",
            remedy="remove it from the dump, and do by hand what it says",
        )
    text = renamed.decode(item.statement.codec, "surrogateescape").strip().rstrip(";")
    if item.conforming:
        return [text]
    return ["SET LOCAL standard_conforming_strings = off", text, "SET LOCAL standard_conforming_strings = on"]
