# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The proof of a MySQL or MariaDB server. Private to this collection.

Columns, indexes and constraints are objects of their own, so that a difference names exactly what differs.
"""

from __future__ import annotations

import hashlib
import string
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Optional

from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.catalog import (
    SEQUENCE,
    Catalog,
    Definition,
    Table,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.connection import Session, explaining
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.flavour import Flavour
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.programs import Program, renamed
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.rows import count_query, digest_query
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.users import PUBLIC, Account, limits_of
from ansible_collections.vya.backupdb.plugins.module_utils._errors import ServerRefused
from ansible_collections.vya.backupdb.plugins.module_utils._proof.model import CONTENT, Grant, ProofObject
from ansible_collections.vya.backupdb.plugins.module_utils._sql import mysql_accounts as levels
from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_accounts import Name, clause_sections
from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_create_table import (
    CHECK,
    COLUMN,
    FOREIGN_KEY,
    FULLTEXT,
    KEY,
    PRIMARY,
    SPATIAL,
    UNIQUE,
    Element,
    parse_create_table,
)
from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_definitions import without_event_status

#: Kind of an element of a table -> how the proof calls it.
_KINDS = {
    COLUMN: "column",
    PRIMARY: "index",
    UNIQUE: "index",
    KEY: "index",
    FULLTEXT: "index",
    SPATIAL: "index",
    FOREIGN_KEY: "foreign key",
    CHECK: "check",
}

#: Stands for the name of the database itself in definitions.
_ITSELF = "the database itself"

PASSWORD = "password digest"
SERVER = "*.*"

_OBJECT_KINDS = {
    levels.TABLE: ("table", "view", "sequence"),
    levels.FUNCTION: ("function",),
    levels.PROCEDURE: ("procedure",),
    levels.PACKAGE: ("package",),
    levels.PACKAGE_BODY: ("package body",),
}


@dataclass(frozen=True)
class TableProof:
    """Rows of a table, and their digest where it was asked for."""

    rows: int
    content: Optional[str] = None


def _digest(*parts: str) -> str:
    joined = "\0".join(parts)
    return hashlib.sha256(joined.encode("utf-8", "surrogateescape")).hexdigest()


def prove_table(session: Session, flavour: Flavour, database: str, table: Table, level: str) -> TableProof:
    """Count, and if asked digest, the rows of a table as a session sees them.

    Raises:
        BackupError: the server refused, or could not hash a row.
    """
    with explaining(f"reading table {database}.{table.name}", f"check it with CHECK TABLE {database}.{table.name}"):
        if level != CONTENT:
            return TableProof(int(session.value(count_query(database, table, flavour))))
        rows, hashed, first, second = session.rows(digest_query(database, table, flavour))[0]
    if rows != hashed:
        raise ServerRefused(
            f"{rows - hashed} rows of table {database}.{table.name} cannot be digested by the server.",
            "raise max_allowed_packet on the server above the size of the largest row",
        )
    return TableProof(int(rows), f"{int(first or 0) % (1 << 96):024x}{int(second or 0) % (1 << 96):024x}")


def database_objects(
    catalog: Catalog, tables: Mapping[str, TableProof], accounts: Sequence[Account]
) -> tuple[ProofObject, ...]:
    """The proof of a database.

    Args:
        catalog: what it holds.
        tables: name -> rows of each table that has rows.
        accounts: of the server, for the grants.
    """
    grants = _grants_in(catalog.database, accounts)
    properties = {"character set": "charset", "collation": "collation", "comment": "comment"}
    attributes = {title: str(catalog.properties.get(key, "")) for title, key in properties.items()}
    objects = [ProofObject("database", "", grants=grants.get(("database", ""), ()), attributes=attributes)]
    for table in catalog.tables:
        neutral = replace(table, create=_without_name(table.create, catalog.database, "table"))
        objects += _table_objects(neutral, tables.get(table.name), grants.get(("table", table.name), ()))
    for item in catalog.definitions:
        text = _without_name(item.text, catalog.database, item.kind, item.settings.get("sql_mode", ""))
        objects.append(_definition_object(replace(item, text=text), grants.get((item.kind, item.name), ())))
    return tuple(objects)


def _without_name(text: str, database: str, kind: str, sql_mode: str = "") -> str:
    """A definition without the name of its own database, so that it is the same under another name."""
    if database.lower() not in text.lower() and "`" not in database:
        return text
    program = Program(kind, "", text.encode("utf-8", "surrogateescape"), sql_mode=sql_mode)
    found, _doubts = renamed(program, {database: _ITSELF}, ignore_case=False)
    return found.text.decode("utf-8", "surrogateescape")


def _table_objects(table: Table, proof: Optional[TableProof], grants: Sequence[Grant]) -> list[ProofObject]:
    parts = parse_create_table(table.create)
    attributes = {
        "engine": table.engine,
        "column order": ", ".join(column.name for column in table.columns),
    }
    if table.auto_increment is not None:
        attributes["auto_increment"] = str(table.auto_increment)
    # What is no object of its own: options, partitions, periods.
    rest = [element.text for element in parts.elements if element.kind not in _KINDS]
    objects = [
        ProofObject(
            "table",
            table.name,
            digest=_digest(parts.tail.strip(), *rest),
            grants=grants,
            attributes=attributes,
            rows=proof.rows if proof else None,
            content=proof.content if proof else None,
        )
    ]
    for element in parts.elements:
        if element.kind in _KINDS:
            objects.append(
                ProofObject(_KINDS[element.kind], _element_name(table, element), digest=_digest(element.text))
            )
    return objects


def _element_name(table: Table, element: Element) -> str:
    # A check without a name is told by what it says.
    return f"{table.name}.{element.name or element.text}"


def _definition_object(item: Definition, grants: Sequence[Grant]) -> ProofObject:
    text = without_event_status(item.text) if item.kind == "event" else item.text
    # MySQL keeps what divided a program from the next statement of a packet, and loses it when the program is made again
    text = text.rstrip(";" + string.whitespace)
    settings = [f"{name}={value}" for name, value in sorted(item.settings.items())]
    attributes = dict(item.attributes)
    if item.kind == SEQUENCE:
        settings = []
    return ProofObject(
        item.kind,
        item.name,
        digest=_digest(text, *settings),
        owner=item.definer,
        grants=grants,
        attributes=attributes,
    )


def _grants_in(database: str, accounts: Iterable[Account]) -> dict[tuple[str, str], tuple[Grant, ...]]:
    """Grants on a database and its objects: (kind, name) -> grants."""
    found: dict[tuple[str, str], set[Grant]] = {}
    for account in accounts:
        for item in account.grants:
            if item.level == levels.DATABASE and unescape_pattern(item.database or "") == database:
                keys: Sequence[tuple[str, str]] = (("database", ""),)
            elif item.level in _OBJECT_KINDS and item.database == database:
                keys = [(kind, item.object or "") for kind in _OBJECT_KINDS[item.level]]
            else:
                continue
            for key in keys:
                found.setdefault(key, set()).update(_as_grants(item, account.name))
    return {key: tuple(sorted(grants)) for key, grants in found.items()}


def _as_grants(item: levels.AccountStatement, name: Name) -> list[Grant]:
    privileges = [privilege for privilege in item.privileges if privilege != "USAGE"]
    return [Grant(privilege, str(name), item.grantable) for privilege in privileges or ["USAGE"]]


def unescape_pattern(pattern: str) -> Optional[str]:
    """The one database that a grant's pattern names; None where it has wildcards.

    The server keeps ``\\_`` and ``\\%`` for characters that stand for themselves.
    """
    name = ""
    escaped = False
    for character in pattern:
        if escaped:
            name += character if character in "_%\\" else "\\" + character
            escaped = False
        elif character == "\\":
            escaped = True
        elif character == "%":
            return None
        else:
            name += character
    return name + ("\\" if escaped else "")


def instance_objects(accounts: Sequence[Account], in_use: Optional[Name] = None) -> tuple[ProofObject, ...]:
    """The proof of the server's accounts.

    Args:
        accounts: all of them.
        in_use: the account whose password is left out, since a restore never changes the one that it runs under.
    """
    objects: list[ProofObject] = []
    server: list[Grant] = []
    patterns: dict[str, list[Grant]] = {}
    for account in accounts:
        if account.name != PUBLIC:
            objects.append(_account_object(account, account.name != in_use))
        for item in account.grants:
            if item.level == levels.GLOBAL:
                server += _as_grants(item, account.name)
            elif item.level == levels.ROLE:
                option = {"admin option": "yes" if item.grantable else "no"}
                objects.append(ProofObject("membership", f"{item.other} to {account.name}", attributes=option))
            elif item.level == levels.PROXY:
                option = {"grant option": "yes" if item.grantable else "no"}
                objects.append(ProofObject("proxy", f"{item.other} to {account.name}", attributes=option))
            elif item.level == levels.REVOKE:
                patterns.setdefault(item.database or SERVER, []).extend(_as_grants(item, account.name))
            elif item.level == levels.DATABASE and unescape_pattern(item.database or "") is None:
                patterns.setdefault(item.database or "", []).extend(_as_grants(item, account.name))
    objects.append(ProofObject("server", SERVER, grants=tuple(sorted(set(server)))))
    objects += [
        ProofObject("database pattern", name, grants=tuple(sorted(set(grants)))) for name, grants in patterns.items()
    ]
    return tuple(objects)


def _account_object(account: Account, with_password: bool) -> ProofObject:
    attributes: dict[str, str] = {}
    default = next((str(item.other) for item in account.grants if item.level == levels.DEFAULT_ROLE), None)
    if default is not None:
        attributes["default role"] = default
    if account.is_role:
        return ProofObject("role", account.name.user, attributes=attributes)
    sections = clause_sections(account.clauses)
    if with_password:
        attributes[PASSWORD] = _digest(sections.pop("IDENTIFIED", ""))
    sections.pop("IDENTIFIED", None)
    attributes["tls"] = sections.pop("REQUIRE", "REQUIRE NONE")[len("REQUIRE ") :]
    for name, value in limits_of(sections).items():
        if float(value):
            attributes[name.lower().replace("_", " ")] = value
    sections.pop("WITH", None)
    attributes["locked"] = "yes" if sections.pop("ACCOUNT", "").endswith(" LOCK") else "no"
    attributes["password expiry"] = sections.pop("PASSWORD EXPIRE", "PASSWORD EXPIRE DEFAULT")[len("PASSWORD EXPIRE") :]
    attributes["password expiry"] = attributes["password expiry"].strip() or "expired"
    attributes.update({name.lower(): text for name, text in sections.items()})
    return ProofObject("user", str(account.name), attributes=attributes)
