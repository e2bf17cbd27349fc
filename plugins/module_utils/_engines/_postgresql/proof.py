# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The proof of one database: its objects, counted and digested. Private to this collection."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql import (
    acl,
    catalog_code,
    catalog_grants,
    catalog_on_tables,
    catalog_others,
    catalog_tables,
    content,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.catalog import (
    FIRST_USER_OID,
    Catalog,
    options,
    plain,
    shown,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.workers import Team
from ansible_collections.vya.backupdb.plugins.module_utils._model import Database
from ansible_collections.vya.backupdb.plugins.module_utils._proof.model import Grant, ProofObject

if TYPE_CHECKING:
    from psycopg import Connection as Session

Reader = Callable[[Catalog], Iterator[ProofObject]]
DATABASE = "database"
#: Bytes from which on several sessions read a database together.
_HEAVY = 16 << 20

#: Kinds that every database is asked for.
_COMMON: Sequence[Reader] = (
    catalog_tables.schemas,
    catalog_on_tables.constraints,
    catalog_on_tables.indexes,
    catalog_others.extensions,
    catalog_others.languages,
    catalog_grants.changed,
)
#: Catalogs whose every row is somebody's: they are asked only where they are filled.
_RARE: Mapping[str, Sequence[Reader]] = {
    "pg_trigger": (catalog_on_tables.triggers,),
    "pg_policy": (catalog_on_tables.policies,),
    "pg_statistic_ext": (catalog_on_tables.statistics,),
    "pg_foreign_data_wrapper": (catalog_others.wrappers,),
    "pg_foreign_server": (catalog_others.servers, catalog_others.mappings),
    "pg_event_trigger": (catalog_others.event_triggers,),
    "pg_publication": (catalog_others.publications,),
    "pg_subscription": (catalog_others.subscriptions,),
    "pg_default_acl": (catalog_others.default_privileges,),
    "pg_transform": (catalog_code.simple("transform"),),
}
#: Catalogs where what initdb made has small object ids.
_BY_ID: Mapping[str, Reader] = {
    "pg_proc": catalog_code.routines,
    "pg_collation": catalog_code.collations,
    "pg_cast": catalog_code.simple("cast"),
    "pg_am": catalog_code.simple("access method"),
    "pg_operator": catalog_code.simple("operator"),
    "pg_opclass": catalog_code.simple("operator class"),
    "pg_opfamily": catalog_code.simple("operator family"),
    "pg_conversion": catalog_code.simple("conversion"),
    "pg_ts_config": catalog_code.simple("text search configuration"),
    "pg_ts_dict": catalog_code.simple("text search dictionary"),
    "pg_ts_template": catalog_code.simple("text search template"),
    "pg_ts_parser": catalog_code.simple("text search parser"),
}
#: What somebody made, but for the types of tables and their arrays: arrays are read by array_in.
_TYPES = """
SELECT FROM pg_catalog.pg_type WHERE oid >= 16384 AND (typtype IN ('d', 'e', 'r')
    OR typtype = 'b' AND typinput <> 'pg_catalog.array_in'::regproc
    OR typtype = 'c' AND (SELECT c.relkind = 'c' FROM pg_catalog.pg_class c WHERE c.oid = typrelid))
"""
_RULES = "SELECT FROM pg_catalog.pg_rewrite WHERE oid >= 16384 AND rulename <> '_RETURN'"
_QUESTIONS = (
    _TYPES,
    _RULES,
    *(f"SELECT FROM pg_catalog.{name} WHERE oid >= {FIRST_USER_OID}" for name in _BY_ID),
)
_PRESENCE = "SELECT " + ", ".join(f"EXISTS ({query})" for query in _QUESTIONS)
#: Bytes of a database from which on it may have very many objects.
_MANY_OBJECTS = 256 << 20


@dataclass(frozen=True)
class Inventory:
    """The objects of a database, before anything is measured.

    Args:
        objects: all but large objects.
        large_objects: object id, owner and access list of each.
        catalog: where they were read.
    """

    objects: Sequence[ProofObject]
    large_objects: Sequence[tuple[int, str, list[str]]]
    catalog: Catalog


@dataclass(frozen=True)
class Effort:
    """How a database is measured.

    Args:
        content: whether contents are digested.
        workers: how many sessions read at a time.
        helper: opens a session that sees the same snapshot as the main one.
        team: whose work this is.
        check: called between pieces of work; raises to stop.
    """

    content: bool
    workers: int
    helper: Callable[[], AbstractContextManager[Session[Any]]]
    team: Team
    check: Callable[[], None]


def take_inventory(session: Session[Any], version: int, soon: Sequence[str] = (), size: int = 0) -> Inventory:
    """Read the catalogs of a database.

    Args:
        session: to the database.
        version: the server's version number.
        soon: what else will be asked of the catalog.
        size: of the database in bytes; where it may have very many objects, their answers are not kept beside each other.
    """
    catalog = Catalog.read(session, version, [] if size > _MANY_OBJECTS else [*_usual(version), *soon])
    columns = catalog_tables.columns_by_relation(catalog)
    objects = [item for _oid, item in catalog_tables.relations(catalog, columns)]
    objects += catalog_tables.sequences(catalog)
    (answers,) = catalog.rows(_PRESENCE)
    types, rules, *others = answers
    if types:
        objects += catalog_code.types(catalog, columns)
    if rules:
        objects += catalog_on_tables.rules(catalog)
    rare = [reader for name, readers in _RARE.items() if name in catalog.filled for reader in readers]
    present = [reader for reader, there in zip(_BY_ID.values(), others) if there]
    for reader in (*_COMMON, *rare, *present):
        objects += reader(catalog)
    return Inventory(objects, catalog_others.large_objects(catalog), catalog)


def _usual(version: int) -> list[str]:
    """What is asked of every database."""
    return [
        catalog_tables.columns_query(version),
        *catalog_tables.USUAL,
        *catalog_on_tables.USUAL,
        *catalog_others.USUAL,
        *catalog_grants.USUAL,
        _PRESENCE,
        content.TABLES,
    ]


def measure(session: Session[Any], inventory: Inventory, effort: Effort) -> list[ProofObject]:
    """Count rows, and digest contents if asked for; returns the complete objects of the database.

    Args:
        session: the one that took the inventory.
        inventory: the objects.
        effort: how to go about it.
    """
    measures = content.Measures()
    todo: list[Callable[[Session[Any]], None]] = []
    catalog = inventory.catalog
    tables = catalog.rows(content.TABLES)
    pieces = content.pieces(session, catalog.version, effort.content, effort.workers, tables)
    for group in content.groups(pieces):
        todo.append(functools.partial(measures.read, pieces=group))
    for ids in content.batches([oid for oid, _owner, _access in inventory.large_objects]):
        todo.append(functools.partial(measures.read_large_objects, ids=ids, content=effort.content))

    def work(session: Session[Any], items: Iterator[Callable[[Session[Any]], None]]) -> None:
        for item in items:
            effort.check()
            item(session)

    def work_apart(items: Iterator[Callable[[Session[Any]], None]]) -> None:
        with effort.helper() as own:
            work(own, items)

    heavy = sum(piece.size for piece in pieces) > _HEAVY
    if effort.workers > 1 and heavy:
        effort.team.spread(todo, effort.workers, work_apart)
    else:
        work(session, iter(todo))
    measured = measures.tables()
    objects = [_measured(item, measured) for item in inventory.objects]
    rows = list(inventory.large_objects)
    objects += catalog_others.prove_large_objects(catalog, rows, measures.large_objects)
    return objects


def _measured(item: ProofObject, tables: Mapping[str, tuple[int, Optional[str]]]) -> ProofObject:
    if item.kind != catalog_tables.TABLE or item.name not in tables:
        return item
    rows, digest = tables[item.name]
    return dataclasses.replace(item, rows=rows, content=digest)


def with_sequence_values(objects: Sequence[ProofObject], values: Mapping[str, tuple[int, bool]]) -> list[ProofObject]:
    """The objects, with other values of some sequences."""
    found = []
    for item in objects:
        if item.kind == catalog_tables.SEQUENCE and item.name in values:
            attributes = {**item.attributes, **catalog_tables.value_attributes(*values[item.name])}
            found.append(dataclasses.replace(item, attributes=attributes))
        else:
            found.append(item)
    return found


def database_object(database: Database) -> ProofObject:
    """The database itself: what its properties say."""
    properties = database.properties
    attributes: dict[str, Any] = {
        "encoding": properties["encoding"],
        "locale provider": properties["locale_provider"],
        "collation": properties["lc_collate"],
        "character classes": properties["lc_ctype"],
        "locale": properties["locale"],
        "ICU rules": properties["icu_rules"],
        "tablespace": properties["tablespace"],
        "connection limit": properties["connection_limit"],
        "allows connections": "yes" if properties["allow_connections"] else "no",
        "template": properties["is_template"],
    }
    texts = plain(attributes)
    if properties["comment"] is not None:
        texts["comment"] = shown(properties["comment"])
    for provider, label in properties["security_labels"].items():
        texts[f"security label ({provider})"] = shown(label)
    for group in properties["settings"]:
        whose = "" if group["role"] is None else f" of role {group['role']}"
        for setting in options(group["settings"]):
            name, _equals, value = setting.partition("=")
            texts[f"setting {name}{whose}"] = shown(value)
    return ProofObject(DATABASE, "", owner=properties["owner"], grants=_database_grants(properties), attributes=texts)


def _database_grants(properties: Mapping[str, Any]) -> tuple[Grant, ...]:
    owner = properties["owner"]
    entries = properties["acl"]
    if entries is None:
        # As acldefault('d', owner) has it.
        defaults = [(name, owner) for name in ("CONNECT", "CREATE", "TEMPORARY")]
        defaults += [(name, acl.PUBLIC) for name in ("CONNECT", "TEMPORARY")]
        return tuple(Grant(privilege, grantee) for privilege, grantee in sorted(defaults))
    return acl.grants_of_entries(entries)
