# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Privileges on what the server or an extension brings, where somebody changed them. Private to this collection.

A new server and a new extension bring such objects with privileges of their own, which ``pg_init_privs`` holds; a dump has
what was changed since. So the proof has that alone: it does not depend on the version.
"""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql import acl
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.catalog import (
    FIRST_USER_OID,
    Catalog,
)
from ansible_collections.vya.backupdb.plugins.module_utils._proof.model import ProofObject

KIND = "changed privileges"
#: How many names a message has.
_SHOWN = 20

# No list of privileges means those of the beginning: one that was changed stays a list. Languages, foreign-data wrappers and
# servers are proven with all their privileges, see catalog_others.
_ALL = """
SELECT 'pg_class'::regclass AS class, oid, 0 AS sub, relnamespace AS schema, relowner AS owner, relacl AS access,
       CASE relkind WHEN 'S' THEN 's' ELSE 'r' END::"char" AS letter
  FROM pg_catalog.pg_class WHERE relacl IS NOT NULL
 UNION ALL SELECT 'pg_class', c.oid, a.attnum, c.relnamespace, c.relowner, a.attacl, 'c'
  FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid WHERE a.attacl IS NOT NULL
 UNION ALL SELECT 'pg_proc', oid, 0, pronamespace, proowner, proacl, 'f' FROM pg_catalog.pg_proc WHERE proacl IS NOT NULL
 UNION ALL SELECT 'pg_type', oid, 0, typnamespace, typowner, typacl, 'T' FROM pg_catalog.pg_type WHERE typacl IS NOT NULL
 UNION ALL SELECT 'pg_namespace', oid, 0, oid, nspowner, nspacl, 'n' FROM pg_catalog.pg_namespace WHERE nspacl IS NOT NULL
"""
_IN_DUMPS = f"""
SELECT i.type, i.identity, pg_catalog.pg_get_userbyid(o.owner),
       o.access::text[], COALESCE(p.initprivs, pg_catalog.acldefault(o.letter, o.owner), '{{}}')::text[]
  FROM ({_ALL}) o
  JOIN pg_catalog.pg_namespace n ON n.oid = o.schema
  LEFT JOIN pg_catalog.pg_init_privs p ON p.classoid = o.class AND p.objoid = o.oid AND p.objsubid = o.sub
 CROSS JOIN LATERAL pg_catalog.pg_identify_object(o.class, o.oid, o.sub) i
 WHERE o.access IS DISTINCT FROM p.initprivs
   AND (o.oid < {FIRST_USER_OID} AND n.nspname = 'pg_catalog'
        OR EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.deptype = 'e' AND d.classid = o.class AND d.objid = o.oid))
"""
_NOT_IN_DUMPS = f"""
SELECT pg_catalog.pg_describe_object(o.class, o.oid, 0)
  FROM (SELECT 'pg_class'::regclass AS class, oid, relnamespace AS schema FROM pg_catalog.pg_class WHERE relkind NOT IN ('i', 'I', 't')
        UNION ALL SELECT 'pg_proc', oid, pronamespace FROM pg_catalog.pg_proc
        UNION ALL SELECT 'pg_operator', oid, oprnamespace FROM pg_catalog.pg_operator
        UNION ALL SELECT 'pg_type', oid, typnamespace FROM pg_catalog.pg_type WHERE typrelid = 0 AND typelem = 0) o
  JOIN pg_catalog.pg_namespace n ON n.oid = o.schema
 WHERE o.oid >= {FIRST_USER_OID} AND n.nspname IN ('pg_catalog', 'information_schema')
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.deptype IN ('e', 'i') AND d.classid = o.class AND d.objid = o.oid)
 ORDER BY 1
"""
#: What is asked of every database.
USUAL = (_IN_DUMPS, _NOT_IN_DUMPS)


def changed(catalog: Catalog) -> Iterator[ProofObject]:
    """What was granted and taken away. The owner's own privileges do not count: that is whoever made the object."""
    for kind, identity, owner, now, at_first in catalog.rows(_IN_DUMPS):
        present, original = (
            {item for item in acl.grants_of(access) if item.grantee != owner} for access in (now, at_first)
        )
        if present != original:
            taken = sorted(f"{item.privilege} from {item.grantee}" for item in original - present)
            yield ProofObject(
                kind=KIND,
                name=f"of {kind} {identity}",
                grants=tuple(sorted(present - original)),
                attributes={"taken away": ", ".join(taken)} if taken else {},
            )


def not_in_dumps(catalog: Catalog, database: str) -> list[str]:
    """A sentence about what somebody made where pg_dump does not look: in the schemas of the server."""
    names = [text for (text,) in catalog.rows(_NOT_IN_DUMPS)]
    if not names:
        return []
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return [
        f"{database}: no dump has what was made in the schemas of the server itself: {', '.join(names[:_SHOWN])}{more}."
    ]
