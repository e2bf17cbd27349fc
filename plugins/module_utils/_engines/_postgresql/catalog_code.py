# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Proof of functions, types, operators, casts, text search and their like. Private to this collection."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.catalog import (
    Catalog,
    of_users,
    options,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.catalog_tables import column_text
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.deparsed import stable
from ansible_collections.vya.backupdb.plugins.module_utils._proof.model import ProofObject

_ROUTINES = {"f": "function", "p": "procedure", "a": "aggregate", "w": "window function"}
# Constructors of ranges are made with their type, by whoever makes it.
_ROUTINE = f"""
SELECT p.oid, p.prokind,
       pg_catalog.format('%I.%I(%s)', n.nspname, p.proname, pg_catalog.oidvectortypes(p.proargtypes)),
       pg_catalog.pg_get_userbyid(p.proowner), COALESCE(p.proacl, pg_catalog.acldefault('f', p.proowner))::text[],
       l.lanname, p.provolatile, p.proisstrict, p.prosecdef, p.proleakproof, p.proparallel, p.procost, p.prorows,
       pg_catalog.pg_get_function_arguments(p.oid), pg_catalog.pg_get_function_result(p.oid), p.prosrc, p.probin,
       p.proconfig, NULLIF(p.prosupport::oid, 0)::regproc::text, p.protrftypes::regtype[]::text[], {{body}},
       CASE WHEN p.prokind = 'a' THEN
            (SELECT pg_catalog.row_to_json(x)::text FROM (
                SELECT a.aggkind, a.aggnumdirectargs, a.aggtransfn::regproc, a.aggfinalfn::regproc,
                       a.aggcombinefn::regproc, a.aggserialfn::regproc, a.aggdeserialfn::regproc, a.aggmtransfn::regproc,
                       a.aggminvtransfn::regproc, a.aggmfinalfn::regproc, a.aggfinalextra, a.aggmfinalextra,
                       a.aggfinalmodify, a.aggmfinalmodify, a.aggsortop::regoperator, a.aggtranstype::regtype,
                       a.aggtransspace, a.aggmtranstype::regtype, a.aggmtransspace, a.agginitval, a.aggminitval
                  FROM pg_catalog.pg_aggregate a WHERE a.aggfnoid = p.oid) x) END
  FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
  JOIN pg_catalog.pg_language l ON l.oid = p.prolang
 WHERE {of_users("p")}
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_proc'::regclass
                      AND d.objid = p.oid AND d.deptype = 'i')
"""
# Multiranges are made with their ranges. Array types and the row types of tables are found by what points to them.
_TYPE = f"""
SELECT t.oid, t.typtype, pg_catalog.format('%I.%I', n.nspname, t.typname), pg_catalog.pg_get_userbyid(t.typowner),
       COALESCE(t.typacl, pg_catalog.acldefault('T', t.typowner))::text[], t.typrelid, t.typisdefined,
       CASE t.typtype
       WHEN 'd' THEN pg_catalog.jsonb_build_array(pg_catalog.format_type(t.typbasetype, t.typtypmod), t.typnotnull,
            t.typdefault, t.typcollation::regcollation::text)
       WHEN 'e' THEN (SELECT pg_catalog.jsonb_agg(e.enumlabel ORDER BY e.enumsortorder)
                        FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.oid)
       WHEN 'r' THEN (SELECT pg_catalog.jsonb_build_array(r.rngsubtype::regtype::text, r.rngcollation::regcollation::text,
                             (SELECT pg_catalog.format('%s.%s', o.opcnamespace::regnamespace, o.opcname)
                                FROM pg_catalog.pg_opclass o WHERE o.oid = r.rngsubopc),
                             r.rngcanonical::regproc::text, r.rngsubdiff::regproc::text)
                        FROM pg_catalog.pg_range r WHERE r.rngtypid = t.oid)
       WHEN 'b' THEN pg_catalog.jsonb_build_array(t.typinput::regproc::text, t.typoutput::regproc::text,
            t.typreceive::regproc::text, t.typsend::regproc::text, t.typmodin::regproc::text, t.typmodout::regproc::text,
            t.typanalyze::regproc::text, t.typlen, t.typbyval, t.typalign, t.typstorage, t.typcategory, t.typispreferred,
            t.typdelim, t.typdefault, t.typelem::regtype::text)
       END::text
  FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
 WHERE t.typtype IN ('b', 'c', 'd', 'e', 'r')
   AND (t.typtype <> 'c' OR (SELECT c.relkind = 'c' FROM pg_catalog.pg_class c WHERE c.oid = t.typrelid))
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_type e WHERE e.typarray = t.oid) AND {of_users("t")}
"""
_TYPES = {"b": "base type", "c": "composite type", "d": "domain", "e": "enum", "r": "range"}

# An operator that was only named, as another one's negator or commutator, has no function: nothing can use it, and a dump has it
# only as long as that other one names it.
_OPERATORS = f"""
SELECT o.oid, pg_catalog.format('%I.%s(%s,%s)', n.nspname, o.oprname,
            COALESCE(NULLIF(o.oprleft, 0)::regtype::text, 'NONE'), COALESCE(NULLIF(o.oprright, 0)::regtype::text, 'NONE')),
       pg_catalog.pg_get_userbyid(o.oprowner), ARRAY[o.oprcode::regprocedure::text, o.oprcom::regoperator::text,
            o.oprnegate::regoperator::text, o.oprrest::regproc::text, o.oprjoin::regproc::text, o.oprcanmerge::text,
            o.oprcanhash::text, o.oprresult::regtype::text]
  FROM pg_catalog.pg_operator o JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace
 WHERE o.oprcode <> 0 AND {of_users("o")}
"""
_OPCLASSES = f"""
SELECT o.oid, pg_catalog.format('%I.%I using %I', n.nspname, o.opcname, a.amname), pg_catalog.pg_get_userbyid(o.opcowner),
       ARRAY[o.opcintype::regtype::text, o.opcdefault::text, NULLIF(o.opckeytype, 0)::regtype::text,
            (SELECT pg_catalog.format('%I.%I', f.opfnamespace::regnamespace, f.opfname) FROM pg_catalog.pg_opfamily f
              WHERE f.oid = o.opcfamily)]
  FROM pg_catalog.pg_opclass o JOIN pg_catalog.pg_namespace n ON n.oid = o.opcnamespace
  JOIN pg_catalog.pg_am a ON a.oid = o.opcmethod WHERE {of_users("o")}
"""
_OPFAMILIES = f"""
SELECT o.oid, pg_catalog.format('%I.%I using %I', n.nspname, o.opfname, a.amname), pg_catalog.pg_get_userbyid(o.opfowner),
       ARRAY(SELECT pg_catalog.format('operator %s %s %s %s', m.amopstrategy, m.amopopr::regoperator, m.amoppurpose,
                    (SELECT f.opfname FROM pg_catalog.pg_opfamily f WHERE f.oid = m.amopsortfamily))
                    FROM pg_catalog.pg_amop m WHERE m.amopfamily = o.oid ORDER BY 1)
    || ARRAY(SELECT pg_catalog.format('function %s %s %s %s', m.amprocnum, m.amproc::regprocedure, m.amproclefttype::regtype,
                    m.amprocrighttype::regtype) FROM pg_catalog.pg_amproc m WHERE m.amprocfamily = o.oid ORDER BY 1)
  FROM pg_catalog.pg_opfamily o JOIN pg_catalog.pg_namespace n ON n.oid = o.opfnamespace
  JOIN pg_catalog.pg_am a ON a.oid = o.opfmethod WHERE {of_users("o")}
"""
_CASTS = """
SELECT c.oid, pg_catalog.format('%s as %s', c.castsource::regtype, c.casttarget::regtype), NULL::text,
       ARRAY[NULLIF(c.castfunc, 0)::regprocedure::text, c.castcontext::text, c.castmethod::text]
  FROM pg_catalog.pg_cast c WHERE c.oid >= 16384
"""
_CONVERSIONS = f"""
SELECT c.oid, pg_catalog.format('%I.%I', n.nspname, c.conname), pg_catalog.pg_get_userbyid(c.conowner),
       ARRAY[pg_catalog.pg_encoding_to_char(c.conforencoding), pg_catalog.pg_encoding_to_char(c.contoencoding),
            c.conproc::regproc::text, c.condefault::text]
  FROM pg_catalog.pg_conversion c JOIN pg_catalog.pg_namespace n ON n.oid = c.connamespace WHERE {of_users("c")}
"""
_COLLATIONS = f"""
SELECT c.oid, pg_catalog.format('%I.%I', n.nspname, c.collname), pg_catalog.pg_get_userbyid(c.collowner),
       ARRAY[c.collprovider::text, c.collcollate, c.collctype, {{locale}}, {{rules}}, c.collisdeterministic::text]
  FROM pg_catalog.pg_collation c JOIN pg_catalog.pg_namespace n ON n.oid = c.collnamespace WHERE {of_users("c")}
"""
_TS_CONFIGURATIONS = f"""
SELECT c.oid, pg_catalog.format('%I.%I', n.nspname, c.cfgname), pg_catalog.pg_get_userbyid(c.cfgowner),
       ARRAY[(SELECT pg_catalog.format('%I.%I', p.prsnamespace::regnamespace, p.prsname) FROM pg_catalog.pg_ts_parser p
               WHERE p.oid = c.cfgparser)]
    || ARRAY(SELECT pg_catalog.format('%s %s %s', m.maptokentype, m.mapseqno, m.mapdict::regdictionary)
               FROM pg_catalog.pg_ts_config_map m WHERE m.mapcfg = c.oid ORDER BY m.maptokentype, m.mapseqno)
  FROM pg_catalog.pg_ts_config c JOIN pg_catalog.pg_namespace n ON n.oid = c.cfgnamespace WHERE {of_users("c")}
"""
_TS_DICTIONARIES = f"""
SELECT d.oid, pg_catalog.format('%I.%I', n.nspname, d.dictname), pg_catalog.pg_get_userbyid(d.dictowner),
       ARRAY[(SELECT pg_catalog.format('%I.%I', t.tmplnamespace::regnamespace, t.tmplname)
                FROM pg_catalog.pg_ts_template t WHERE t.oid = d.dicttemplate), d.dictinitoption]
  FROM pg_catalog.pg_ts_dict d JOIN pg_catalog.pg_namespace n ON n.oid = d.dictnamespace WHERE {of_users("d")}
"""
_TS_TEMPLATES = f"""
SELECT t.oid, pg_catalog.format('%I.%I', n.nspname, t.tmplname), NULL::text,
       ARRAY[t.tmplinit::regproc::text, t.tmpllexize::regproc::text]
  FROM pg_catalog.pg_ts_template t JOIN pg_catalog.pg_namespace n ON n.oid = t.tmplnamespace WHERE {of_users("t")}
"""
_TS_PARSERS = f"""
SELECT p.oid, pg_catalog.format('%I.%I', n.nspname, p.prsname), NULL::text,
       ARRAY[p.prsstart::regproc::text, p.prstoken::regproc::text, p.prsend::regproc::text, p.prsheadline::regproc::text,
            p.prslextype::regproc::text]
  FROM pg_catalog.pg_ts_parser p JOIN pg_catalog.pg_namespace n ON n.oid = p.prsnamespace WHERE {of_users("p")}
"""
_TRANSFORMS = """
SELECT t.oid, pg_catalog.format('for %s language %I', t.trftype::regtype, l.lanname), NULL::text,
       ARRAY[NULLIF(t.trffromsql::oid, 0)::regprocedure::text, NULLIF(t.trftosql::oid, 0)::regprocedure::text]
  FROM pg_catalog.pg_transform t JOIN pg_catalog.pg_language l ON l.oid = t.trflang
"""
_ACCESS_METHODS = """
SELECT a.oid, pg_catalog.quote_ident(a.amname), NULL::text, ARRAY[a.amhandler::regproc::text, a.amtype::text]
  FROM pg_catalog.pg_am a WHERE a.oid >= 16384
"""

#: Kinds whose query gives object id, name, owner and the parts of the definition: kind -> catalog, query.
_SIMPLE: Mapping[str, tuple[str, str]] = {
    "operator": ("pg_operator", _OPERATORS),
    "operator class": ("pg_opclass", _OPCLASSES),
    "operator family": ("pg_opfamily", _OPFAMILIES),
    "cast": ("pg_cast", _CASTS),
    "conversion": ("pg_conversion", _CONVERSIONS),
    "text search configuration": ("pg_ts_config", _TS_CONFIGURATIONS),
    "text search dictionary": ("pg_ts_dict", _TS_DICTIONARIES),
    "text search template": ("pg_ts_template", _TS_TEMPLATES),
    "text search parser": ("pg_ts_parser", _TS_PARSERS),
    "transform": ("pg_transform", _TRANSFORMS),
    "access method": ("pg_am", _ACCESS_METHODS),
}


def routines(catalog: Catalog) -> Iterator[ProofObject]:
    """Functions, procedures, aggregates and window functions."""
    body = "pg_catalog.pg_get_function_sqlbody(p.oid)" if catalog.version >= 140000 else "NULL"
    for row in catalog.objects("pg_proc", _ROUTINE.format(body=body)):
        (oid, prokind, name, owner, access, language, volatility, strict, definer, leakproof, parallel, cost, rows,
         arguments, result, source, binary, settings, support, transforms, sql_body, aggregate) = row  # fmt: skip
        definition = [language, volatility, strict, leakproof, parallel, cost, rows, stable(arguments), result, source,
                      binary, support, transforms, stable(sql_body), aggregate]  # fmt: skip
        attributes = {"security definer": definer, "settings": options(settings)}
        kind = _ROUTINES[prokind]
        yield catalog.make(kind, name, "pg_proc", oid, definition, owner, access, attributes)


def types(catalog: Catalog, columns: Mapping[int, Sequence[Any]]) -> Iterator[ProofObject]:
    """Domains, enums, ranges, composite and base types.

    Args:
        catalog: the catalog.
        columns: of composite types, by the object id of their relation.
    """
    for row in catalog.objects("pg_type", _TYPE):
        oid, typtype, name, owner, access, relation, defined, definition = row
        parts: list[object] = [definition, defined]
        attributes = {}
        if typtype == "c":
            attributes = {f"attribute {column[2]}": column_text(column) for column in columns.get(relation, ())}
            parts = [[column[2] for column in columns.get(relation, ())]]
            for column in columns.get(relation, ()):
                attributes.update(catalog.extras("pg_class", relation, column[1], f" on attribute {column[2]}"))
        yield catalog.make(_TYPES[typtype], name, "pg_type", oid, parts, owner, access, attributes)


def collations(catalog: Catalog) -> Iterator[ProofObject]:
    """Collations."""
    locale = "NULL"
    if catalog.version >= 170000:
        locale = "c.colllocale"
    elif catalog.version >= 150000:
        locale = "c.colliculocale"
    rules = "c.collicurules" if catalog.version >= 160000 else "NULL"
    for oid, name, owner, parts in catalog.objects("pg_collation", _COLLATIONS.format(locale=locale, rules=rules)):
        yield catalog.make("collation", name, "pg_collation", oid, parts, owner)


def simple(kind: str) -> Callable[[Catalog], Iterator[ProofObject]]:
    """The reader of a kind in the table above."""
    catalog_name, query = _SIMPLE[kind]

    def read(catalog: Catalog) -> Iterator[ProofObject]:
        for oid, name, owner, parts in catalog.objects(catalog_name, query):
            yield catalog.make(kind, name, catalog_name, oid, parts, owner)

    return read


#: Kinds that :func:`simple` reads, each with its catalog.
SIMPLE_KINDS: Mapping[str, str] = {kind: name for kind, (name, _query) in _SIMPLE.items()}
