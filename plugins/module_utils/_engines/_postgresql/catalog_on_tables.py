# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Proof of what hangs on tables: constraints, indexes, triggers, rules, policies, statistics. Private to this collection."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql import acl
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.catalog import (
    Catalog,
    of_users,
    options,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.deparsed import stable
from ansible_collections.vya.backupdb.plugins.module_utils._proof.model import ProofObject

_NOT_VALID = " NOT VALID"
_ENABLED = {"O": None, "D": "disabled", "R": "on replicas only", "A": "always"}
_COMMANDS = {"r": "select", "a": "insert", "w": "update", "d": "delete", "*": "all"}

# Not-null constraints are said by the columns; 18 has them here too, where they can have a comment, or be NO INHERIT or NOT VALID.
# Foreign keys of partitions that only repeat one of their parent get names of the server's choice; constraint triggers are
# triggers. Only checks and these can be inherited or not: on the key of a partition the mark says how it was attached. A foreign
# key points to an index of the other side.
_CONSTRAINTS = f"""
SELECT k.oid, pg_catalog.quote_ident(k.conname),
       CASE WHEN k.conrelid <> 0 THEN k.conrelid::regclass::text ELSE k.contypid::regtype::text END,
       pg_catalog.pg_get_constraintdef(k.oid), k.convalidated, k.connoinherit AND k.contype IN ('c', 'n'),
       (SELECT t.spcname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_tablespace t ON t.oid = c.reltablespace
         WHERE c.oid = i.indexrelid), i.indexrelid, i.indisvalid, i.indisclustered
  FROM pg_catalog.pg_constraint k
  JOIN pg_catalog.pg_namespace n ON n.oid = k.connamespace
  LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = k.conindid AND k.contype IN ('p', 'u', 'x')
 WHERE (k.contype IN ('c', 'p', 'u', 'x') OR (k.contype = 'f' AND k.conparentid = 0) OR (k.contype = 'n' AND (
           k.connoinherit OR NOT k.convalidated OR EXISTS (
           SELECT FROM pg_catalog.pg_description d
            WHERE d.classoid = 'pg_catalog.pg_constraint'::regclass AND d.objoid = k.oid)))) AND {of_users("k")}
"""
_CONSTRAINT_OWNERS = """
SELECT k.oid FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_depend d ON d.deptype = 'e'
   AND ((d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = k.conrelid AND k.conrelid <> 0)
     OR (d.classid = 'pg_catalog.pg_type'::regclass AND d.objid = k.contypid AND k.contypid <> 0))
"""
_INDEXES = f"""
SELECT c.oid, pg_catalog.format('%I.%I', n.nspname, c.relname), pg_catalog.pg_get_indexdef(c.oid), i.indisvalid,
       i.indisclustered, (SELECT t.spcname FROM pg_catalog.pg_tablespace t WHERE t.oid = c.reltablespace),
       i.indrelid, (SELECT pg_catalog.array_agg(pg_catalog.format('%s=%s', a.attnum, a.attstattarget) ORDER BY a.attnum)
          FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attstattarget >= 0)
  FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE {of_users("c")}
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.conindid = c.oid AND k.contype IN ('p', 'u', 'x'))
"""
_TRIGGERS = """
SELECT t.oid, pg_catalog.quote_ident(t.tgname), t.tgrelid::regclass::text, pg_catalog.pg_get_triggerdef(t.oid), t.tgenabled,
       t.tgrelid
  FROM pg_catalog.pg_trigger t WHERE NOT t.tgisinternal{clones}
"""
_OWN_STATE = """
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_trigger p WHERE p.oid = t.tgparentid AND p.tgenabled = t.tgenabled)
"""
_RULES = f"""
SELECT r.oid, pg_catalog.quote_ident(r.rulename), r.ev_class::regclass::text, pg_catalog.pg_get_ruledef(r.oid),
       r.ev_enabled, r.ev_class
  FROM pg_catalog.pg_rewrite r JOIN pg_catalog.pg_class c ON c.oid = r.ev_class
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE r.rulename <> '_RETURN' AND {of_users("r")}
"""
_POLICIES = """
SELECT p.oid, pg_catalog.quote_ident(p.polname), p.polrelid::regclass::text, p.polcmd, p.polpermissive,
       ARRAY(SELECT COALESCE(pg_catalog.pg_get_userbyid(NULLIF(o, 0))::text, 'PUBLIC')
               FROM pg_catalog.unnest(p.polroles) o ORDER BY 1),
       pg_catalog.pg_get_expr(p.polqual, p.polrelid), pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid)
  FROM pg_catalog.pg_policy p
"""
_STATISTICS = """
SELECT s.oid, pg_catalog.format('%I.%I', n.nspname, s.stxname), pg_catalog.pg_get_userbyid(s.stxowner),
       pg_catalog.pg_get_statisticsobjdef(s.oid), {target}
  FROM pg_catalog.pg_statistic_ext s JOIN pg_catalog.pg_namespace n ON n.oid = s.stxnamespace
"""
#: What is asked of every database.
USUAL = (_CONSTRAINTS, _INDEXES)


def constraints(catalog: Catalog) -> Iterator[ProofObject]:
    """Constraints of tables and domains."""
    tables = any(name in ("pg_class", "pg_type") for name, _oid in catalog.members)
    of_extensions = {oid for (oid,) in catalog.rows(_CONSTRAINT_OWNERS)} if tables else set()
    for row in catalog.objects("pg_constraint", _CONSTRAINTS):
        oid, name, owner, definition, validated, no_inherit, tablespace, index, valid, clustered = row
        if oid in of_extensions:
            continue
        attributes: dict[str, object] = {"validated": None if validated else "no"}
        if index is not None:
            attributes = {
                **attributes,
                "tablespace": tablespace,
                "valid": None if valid else "no",
                "clustered": clustered,
                **catalog.extras("pg_class", index, of=" on the index"),
            }
        yield catalog.make(
            "constraint",
            f"{name} on {owner}",
            "pg_constraint",
            oid,
            [stable(definition.removesuffix(_NOT_VALID)), no_inherit],
            attributes=attributes,
        )


def indexes(catalog: Catalog) -> Iterator[ProofObject]:
    """Indexes that no constraint makes."""
    for oid, name, definition, valid, clustered, tablespace, table, targets in catalog.objects("pg_class", _INDEXES):
        if ("pg_class", table) in catalog.members:
            continue
        attributes = {
            "valid": None if valid else "no",
            "clustered": clustered,
            "tablespace": tablespace,
            "statistics": options(targets),
        }
        yield catalog.make("index", name, "pg_class", oid, [stable(definition)], attributes=attributes)


def triggers(catalog: Catalog) -> Iterator[ProofObject]:
    """Triggers, with their enabled state.

    Those that partitions have from their parent are the parent's, but for those that were enabled or disabled by themselves.
    """
    query = _TRIGGERS.format(clones=_OWN_STATE if catalog.version >= 130000 else "")
    for oid, name, table, definition, enabled, owner in catalog.objects("pg_trigger", query):
        if ("pg_class", owner) in catalog.members:
            continue
        attributes = {"state": _ENABLED.get(enabled, enabled)}
        yield catalog.make(
            "trigger", f"{name} on {table}", "pg_trigger", oid, [stable(definition)], attributes=attributes
        )


def rules(catalog: Catalog) -> Iterator[ProofObject]:
    """Rules, but for those that make views."""
    for oid, name, table, definition, enabled, owner in catalog.objects("pg_rewrite", _RULES):
        if ("pg_class", owner) in catalog.members:
            continue
        attributes = {"state": _ENABLED.get(enabled, enabled)}
        yield catalog.make("rule", f"{name} on {table}", "pg_rewrite", oid, [stable(definition)], attributes=attributes)


def policies(catalog: Catalog) -> Iterator[ProofObject]:
    """Policies of row-level security."""
    for oid, name, table, command, permissive, roles, using, check in catalog.objects("pg_policy", _POLICIES):
        catalog.roles.update(role for role in roles if role != acl.PUBLIC)
        attributes = {
            "command": _COMMANDS.get(command, command),
            "kind": "permissive" if permissive else "restrictive",
            "roles": roles,
        }
        yield catalog.make(
            "policy", f"{name} on {table}", "pg_policy", oid, [stable(using), stable(check)], attributes=attributes
        )


def statistics(catalog: Catalog) -> Iterator[ProofObject]:
    """Extended statistics."""
    target = "CASE WHEN s.stxstattarget >= 0 THEN s.stxstattarget END" if catalog.version >= 130000 else "NULL"
    query = _STATISTICS.format(target=target)
    for oid, name, owner, definition, goal in catalog.objects("pg_statistic_ext", query):
        attributes = {"target": goal}
        yield catalog.make(
            "statistics", name, "pg_statistic_ext", oid, [stable(definition)], owner, attributes=attributes
        )
