# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Proof of extensions, foreign servers, publications, large objects and other things of a database.

Private to this collection.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql import acl
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.catalog import (
    FIRST_USER_OID,
    Catalog,
    digest,
    options,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.deparsed import stable_all
from ansible_collections.vya.backupdb.plugins.module_utils._proof.model import ProofObject

EXTENSION = "extension"
EVENT_TRIGGER = "event trigger"
SUBSCRIPTION = "subscription"
LARGE_OBJECT = "large object"
#: From this number of large objects on they are proven in groups of equal owner and privileges, not one by one.
_MOST_LARGE_OBJECTS = 2000
_ENABLED = {"O": "enabled", "D": "disabled", "R": "on replicas only", "A": "always"}
_DEFAULTS_FOR = {"r": "tables", "S": "sequences", "f": "functions", "T": "types", "n": "schemas", "L": "large objects"}

_EXTENSIONS = """
SELECT e.oid, pg_catalog.quote_ident(e.extname), pg_catalog.pg_get_userbyid(e.extowner), n.nspname, e.extversion
  FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
"""
_LANGUAGES = """
SELECT l.oid, pg_catalog.quote_ident(l.lanname), pg_catalog.pg_get_userbyid(l.lanowner),
       COALESCE(l.lanacl, pg_catalog.acldefault('l', l.lanowner))::text[],
       ARRAY[l.lanpltrusted::text, l.lanplcallfoid::regproc::text, l.laninline::regproc::text, l.lanvalidator::regproc::text]
  FROM pg_catalog.pg_language l WHERE l.lanispl
"""
_WRAPPERS = """
SELECT w.oid, pg_catalog.quote_ident(w.fdwname), pg_catalog.pg_get_userbyid(w.fdwowner),
       COALESCE(w.fdwacl, pg_catalog.acldefault('F', w.fdwowner))::text[], w.fdwhandler::regproc::text,
       w.fdwvalidator::regproc::text, w.fdwoptions
  FROM pg_catalog.pg_foreign_data_wrapper w
"""
_SERVERS = """
SELECT s.oid, pg_catalog.quote_ident(s.srvname), pg_catalog.pg_get_userbyid(s.srvowner),
       COALESCE(s.srvacl, pg_catalog.acldefault('S', s.srvowner))::text[], w.fdwname, s.srvtype, s.srvversion, s.srvoptions
  FROM pg_catalog.pg_foreign_server s JOIN pg_catalog.pg_foreign_data_wrapper w ON w.oid = s.srvfdw
"""
_MAPPINGS = """
SELECT u.umid, pg_catalog.format('%s on %I', CASE WHEN u.umuser = 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(u.usename) END,
       u.srvname), u.umoptions, CASE WHEN u.umuser <> 0 THEN u.usename END
  FROM pg_catalog.pg_user_mappings u
"""
_EVENT_TRIGGERS = """
SELECT e.oid, pg_catalog.quote_ident(e.evtname), pg_catalog.pg_get_userbyid(e.evtowner), e.evtevent,
       e.evtfoid::regprocedure::text, e.evtenabled, e.evttags
  FROM pg_catalog.pg_event_trigger e
"""
_PUBLICATIONS = """
SELECT p.oid, pg_catalog.quote_ident(p.pubname), pg_catalog.pg_get_userbyid(p.pubowner), p.puballtables, p.pubinsert,
       p.pubupdate, p.pubdelete, p.pubtruncate, {via_root}, {generated},
       ARRAY(SELECT pg_catalog.format('%s%s%s', r.prrelid::regclass, {filter}, {columns})
               FROM pg_catalog.pg_publication_rel r WHERE r.prpubid = p.oid ORDER BY 1),
       {schemas}
  FROM pg_catalog.pg_publication p
"""
_SUBSCRIPTIONS = """
SELECT s.oid, pg_catalog.quote_ident(s.subname), pg_catalog.pg_get_userbyid(s.subowner), s.subslotname,
       s.subpublications, s.subsynccommit, s.subenabled, {conninfo}, {options}
  FROM pg_catalog.pg_subscription s JOIN pg_catalog.pg_database d ON d.oid = s.subdbid
 WHERE d.datname = pg_catalog.current_database()
"""
#: Options of subscriptions: first version, word, column, value that means nothing special.
_OPTIONS = (
    (140000, "binary", "s.subbinary::text", "false"),
    (140000, "streaming", "s.substream::text", "off"),
    (150000, "two phases", "(s.subtwophasestate <> 'd')::text", "false"),
    (150000, "disabled on errors", "s.subdisableonerr::text", "false"),
    (160000, "password required", "s.subpasswordrequired::text", "true"),
    (160000, "runs as its owner", "s.subrunasowner::text", "false"),
    (160000, "origin", "s.suborigin", "any"),
    (170000, "failover", "s.subfailover::text", "false"),
)
#: How the column says it: a truth value until 15.
_STREAMING = {"false": "off", "f": "off", "true": "on", "t": "on", "p": "parallel"}
_DEFAULT_PRIVILEGES = """
SELECT a.oid, pg_catalog.pg_get_userbyid(a.defaclrole), n.nspname, a.defaclobjtype, a.defaclacl::text[]
  FROM pg_catalog.pg_default_acl a LEFT JOIN pg_catalog.pg_namespace n ON n.oid = a.defaclnamespace
"""
_LARGE_OBJECTS = """
SELECT m.oid, pg_catalog.pg_get_userbyid(m.lomowner),
       COALESCE(m.lomacl, pg_catalog.acldefault('L', m.lomowner))::text[]
  FROM pg_catalog.pg_largeobject_metadata m ORDER BY m.oid
"""
#: What is asked of every database.
USUAL = (_EXTENSIONS, _LANGUAGES)


def extensions(catalog: Catalog) -> Iterator[ProofObject]:
    """Extensions; what belongs to one is made by it and not listed."""
    for oid, name, owner, schema, version in catalog.rows(_EXTENSIONS):
        attributes = {"schema": schema, "version": version}
        made = catalog.make(EXTENSION, name, "pg_extension", oid, owner=owner, attributes=attributes)
        yield _without_maker(catalog, made, "pg_extension", oid)


def languages(catalog: Catalog) -> Iterator[ProofObject]:
    """Procedural languages. One that an extension made counts for who may use it."""
    for oid, name, owner, access, parts in catalog.rows(_LANGUAGES):
        made = catalog.make("language", name, "pg_language", oid, parts, owner, access)
        yield _without_maker(catalog, made, "pg_language", oid)


def wrappers(catalog: Catalog) -> Iterator[ProofObject]:
    """Foreign-data wrappers. One that an extension made counts for who may use it."""
    for oid, name, owner, access, handler, validator, values in catalog.rows(_WRAPPERS):
        made = catalog.make(
            "foreign-data wrapper",
            name,
            "pg_foreign_data_wrapper",
            oid,
            [handler, validator],
            owner,
            access,
            {"options": options(values)},
        )
        yield _without_maker(catalog, made, "pg_foreign_data_wrapper", oid)


def _without_maker(catalog: Catalog, item: ProofObject, name: str, oid: int) -> ProofObject:
    """An object that initdb or an extension made, without its owner: that is whoever ran them, and may do anything."""
    if oid >= FIRST_USER_OID and (name, oid) not in catalog.members:
        return item
    grants = tuple(grant for grant in item.grants if grant.grantee != item.owner)
    return dataclasses.replace(item, owner=None, grants=grants)


def servers(catalog: Catalog) -> Iterator[ProofObject]:
    """Foreign servers."""
    for oid, name, owner, access, wrapper, kind, version, values in catalog.objects("pg_foreign_server", _SERVERS):
        attributes = {"wrapper": wrapper, "type": kind, "version": version, "options digest": digest(options(values))}
        yield catalog.make("foreign server", name, "pg_foreign_server", oid, None, owner, access, attributes)


def mappings(catalog: Catalog) -> Iterator[ProofObject]:
    """User mappings; their options hold passwords and show as a digest only."""
    for oid, name, values, role in catalog.objects("pg_user_mapping", _MAPPINGS):
        if role is not None:
            catalog.roles.add(role)
        yield catalog.make(
            "user mapping", name, "pg_user_mapping", oid, attributes={"options digest": digest(options(values))}
        )


def event_triggers(catalog: Catalog) -> Iterator[ProofObject]:
    """Event triggers."""
    for oid, name, owner, event, function, enabled, tags in catalog.objects("pg_event_trigger", _EVENT_TRIGGERS):
        attributes = {
            "event": event,
            "function": function,
            "state": _ENABLED.get(enabled, enabled),
            "tags": options(tags),
        }
        yield catalog.make(EVENT_TRIGGER, name, "pg_event_trigger", oid, None, owner, attributes=attributes)


def publications(catalog: Catalog) -> Iterator[ProofObject]:
    """Publications with their tables, row filters, columns and schemas."""
    newer = catalog.version >= 150000
    query = _PUBLICATIONS.format(
        via_root="p.pubviaroot" if catalog.version >= 130000 else "false",
        generated="CASE WHEN p.pubgencols = 's' THEN 'stored' END" if catalog.version >= 180000 else "NULL",
        filter="' where ' || pg_catalog.pg_get_expr(r.prqual, r.prrelid)" if newer else "NULL",
        columns=(
            "' (' || (SELECT pg_catalog.string_agg(pg_catalog.quote_ident(t.attname), ', ' ORDER BY t.attnum)"
            " FROM pg_catalog.pg_attribute t WHERE t.attrelid = r.prrelid AND t.attnum = ANY (r.prattrs)) || ')'"
            if newer
            else "NULL"
        ),
        schemas=(
            "ARRAY(SELECT x.pnnspid::regnamespace::text FROM pg_catalog.pg_publication_namespace x"
            " WHERE x.pnpubid = p.oid ORDER BY 1)"
            if newer
            else "ARRAY[]::text[]"
        ),
    )
    for row in catalog.objects("pg_publication", query):
        oid, name, owner, everything, inserts, updates, deletes, truncates, via_root, generated, tables, schemas = row
        attributes = {
            "all tables": everything,
            "inserts": inserts,
            "updates": updates,
            "deletes": deletes,
            "truncates": truncates,
            "via partition root": via_root,
            "generated columns": generated,
            "tables": stable_all(tables),
            "schemas": schemas,
        }
        yield catalog.make("publication", name, "pg_publication", oid, None, owner, attributes=attributes)


def subscriptions(catalog: Catalog) -> Iterator[ProofObject]:
    """Subscriptions; their connection holds a password and shows as a digest, to superusers only."""
    allowed = catalog.rows(
        "SELECT pg_catalog.has_column_privilege('pg_catalog.pg_subscription', 'subconninfo', 'SELECT')"
    )
    conninfo = "s.subconninfo" if allowed[0][0] else "NULL"
    known = [item for item in _OPTIONS if catalog.version >= item[0]]
    query = _SUBSCRIPTIONS.format(
        conninfo=conninfo, options=f"ARRAY[{', '.join(column for _version, _word, column, _usual in known)}]::text[]"
    )
    for row in catalog.objects("pg_subscription", query):
        oid, name, owner, slot, names, commit, enabled, connection, values = row
        attributes = {
            "slot": slot,
            "publications": options(names),
            "synchronous commit": commit,
            "enabled": "yes" if enabled else "no",
            "connection digest": None if connection is None else digest([connection]),
        }
        for (_version, word, _column, usual), value in zip(known, values):
            said = _STREAMING[value] if word == "streaming" else value
            attributes[word] = None if said == usual else said
        yield catalog.make(SUBSCRIPTION, name, "pg_subscription", oid, None, owner, attributes=attributes)


def default_privileges(catalog: Catalog) -> Iterator[ProofObject]:
    """What ALTER DEFAULT PRIVILEGES set."""
    for oid, role, schema, objects, access in catalog.rows(_DEFAULT_PRIVILEGES):
        catalog.roles.add(role)
        place = "" if schema is None else f" in schema {schema}"
        name = f"of {role} for {_DEFAULTS_FOR.get(objects, objects)}{place}"
        yield catalog.make("default privileges", name, "pg_default_acl", oid, access=access)


def large_objects(catalog: Catalog) -> list[tuple[int, str, list[str]]]:
    """Object id, owner and access list of every large object, in the order of their ids."""
    return catalog.rows(_LARGE_OBJECTS) if "pg_largeobject_metadata" in catalog.filled else []


def prove_large_objects(
    catalog: Catalog, rows: list[tuple[int, str, list[str]]], measured: dict[int, tuple[int, str | None]]
) -> Iterator[ProofObject]:
    """Large objects one by one, or in groups where there are very many.

    Args:
        catalog: the catalog.
        rows: of :func:`large_objects`.
        measured: object id -> its size, and the digest of its content if that was asked for.
    """
    if len(rows) <= _MOST_LARGE_OBJECTS:
        for oid, owner, access in rows:
            size, content = measured[oid]
            yield ProofObject(
                LARGE_OBJECT,
                str(oid),
                owner=owner,
                grants=acl.grants_of(access),
                attributes={"size": str(size), **catalog.extras("pg_largeobject", oid)},
                content=content,
            )
        return
    groups: dict[tuple[str, tuple[str, ...]], list[int]] = {}
    for oid, owner, access in rows:
        groups.setdefault((owner, tuple(access)), []).append(oid)
    for (owner, access), oids in sorted(groups.items()):
        contents = [measured[oid][1] for oid in oids]
        yield ProofObject(
            "large objects",
            f"of {owner} with privileges {digest(list(access))[:8]}",
            owner=owner,
            grants=acl.grants_of(access),
            attributes={"size": str(sum(measured[oid][0] for oid in oids)), "ids digest": digest(oids)},
            rows=len(oids),
            content=None if None in contents else digest(contents),
        )
