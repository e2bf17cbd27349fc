# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a statement of PostgreSQL does. Private to this collection.

Kinds are words such as ``create_table``, ``copy``, ``grant_on_database``, ``comment_on_role``, ``grant_role``, ``connect``.
A dump of a whole cluster holds four levels at once; `postgres_level` tells them apart.
"""

from __future__ import annotations

from typing import Optional

_OBJECTS = {
    b"ROLE": "role",
    b"USER": "role",
    b"GROUP": "role",
    b"DATABASE": "database",
    b"TABLESPACE": "tablespace",
    b"SCHEMA": "schema",
    b"EXTENSION": "extension",
    b"TABLE": "table",
    b"VIEW": "view",
    b"INDEX": "index",
    b"SEQUENCE": "sequence",
    b"FUNCTION": "routine",
    b"PROCEDURE": "routine",
    b"ROUTINE": "routine",
    b"AGGREGATE": "aggregate",
    b"TRIGGER": "trigger",
    b"RULE": "rule",
    b"POLICY": "policy",
    b"TYPE": "type",
    b"DOMAIN": "domain",
    b"CAST": "cast",
    b"COLLATION": "collation",
    b"CONVERSION": "conversion",
    b"LANGUAGE": "language",
    b"OPERATOR": "operator",
    b"PUBLICATION": "publication",
    b"SUBSCRIPTION": "subscription",
    b"STATISTICS": "statistics",
    b"SERVER": "server",
    b"WRAPPER": "wrapper",
    b"TRANSFORM": "transform",
    b"METHOD": "access_method",
    b"SEARCH": "text_search",
    b"MAPPING": "user_mapping",
    b"PRIVILEGES": "privileges",
    b"SYSTEM": "system",
    b"LARGE": "large_object",
    b"COLUMN": "column",
    b"CONSTRAINT": "constraint",
    b"PARAMETER": "parameter",
    b"DATA": "wrapper",
}
#: words in front of an object's type that are types themselves
_BEFORE = frozenset((b"USER", b"EVENT", b"DEFAULT", b"FOREIGN", b"CONSTRAINT", b"PROCEDURAL", b"TEXT", b"MATERIALIZED"))
_TRANSACTION = frozenset((b"BEGIN", b"START", b"COMMIT", b"ROLLBACK", b"END", b"ABORT"))
_CLUSTER_OBJECTS = frozenset(("tablespace", "system", "parameter"))


def postgres_kind(words: list[bytes], on: Optional[list[bytes]] = None) -> str:
    """The kind of a statement.

    Args:
        words: its first words, upper case, see `Statement.words`.
        on: for GRANT, REVOKE, COMMENT and SECURITY LABEL the words after ON; None when there is no ON.
    """
    if not words:
        return "empty"
    verb = words[0]
    if verb in (b"CREATE", b"ALTER", b"DROP"):
        return _object_kind(words)
    if verb in (b"GRANT", b"REVOKE"):
        # without ON it is about memberships
        return f"{verb.decode('ascii').lower()}_{'on_' + object_type(on) if on is not None else 'role'}"
    if verb == b"COMMENT" or words[:2] == [b"SECURITY", b"LABEL"]:
        return f"{verb.decode('ascii').lower()}_on_{object_type(on or [])}"
    if verb == b"UPDATE" and b"PG_DATABASE" in words[1:4]:
        # as pg_dump --clean prepares to drop a template
        return "update_database"
    if verb == b"SELECT" and b"SET_CONFIG" in words[:5]:
        return "set_config"
    if verb in _TRANSACTION:
        return "transaction"
    if verb in (b"DROP", b"REASSIGN") and words[1:2] == [b"OWNED"]:
        return "owned"
    return verb.decode("latin-1").lower()


def _object_kind(words: list[bytes]) -> str:
    verb = words[0].decode("ascii").lower()
    if words[1:2] == [b"OWNED"]:
        return "owned"
    kind = object_type(words[1:])
    if kind == "role" and b"DATABASE" in words and b"IN" in words:
        # ALTER ROLE name IN DATABASE name SET …
        place = words.index(b"DATABASE")
        if words[place - 1] == b"IN":
            return "alter_role_in_database"
    return f"{verb}_{kind}"


def object_type(words: list[bytes]) -> str:
    """The type of the object that some words name; what is named without its type is a table."""
    for position, word in enumerate(words[:8]):
        following = words[position + 1] if position + 1 < len(words) else b""
        if word in _BEFORE and following in (b"MAPPING", b"TRIGGER", b"PRIVILEGES", b"TABLE", b"LANGUAGE"):
            continue
        if word in (b"FOREIGN", b"TEXT", b"MATERIALIZED", b"EVENT", b"ACCESS", b"PROCEDURAL"):
            continue
        if word in _OBJECTS:
            return _OBJECTS[word]
        if word not in _MODIFIERS:
            break
    return "table"


_MODIFIERS = frozenset(
    b"OR REPLACE GLOBAL LOCAL TEMPORARY TEMP UNLOGGED UNIQUE RECURSIVE TRUSTED DEFAULT ALL CONCURRENTLY".split()
)


def postgres_level(kind: str) -> str:
    """What a statement works on.

    Returns:
        ``database`` (a database as a whole, or the connection to one), ``role``, ``cluster`` (tablespaces, parameters,
        ALTER SYSTEM), ``session`` (SET and the like), ``client`` (commands to psql), ``content`` (what is in a database).
    """
    if kind == "connect" or kind.endswith("_database"):
        return "database"
    if kind == "meta":
        return "client"
    if kind.endswith("_role") or kind == "owned":
        return "role"
    verb, _separator, rest = kind.partition("_")
    if rest in _CLUSTER_OBJECTS or rest.replace("on_", "", 1) in _CLUSTER_OBJECTS:
        return "cluster"
    if verb in ("set", "reset", "transaction", "discard", "empty"):
        return "session"
    return "content"
