# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Definitions that the server prints otherwise after a dump and a restore, although they mean the same."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.deparsed import stable

from tests.support.postgresql import PostgresServer

OBJECTS = """
CREATE TYPE mood AS ENUM ('x', 'y');
CREATE SCHEMA "Odd, S";
CREATE DOMAIN "Odd, S"."D d" AS varchar;
CREATE TABLE t (v varchar CHECK (v IN ('a', 'b')), n numeric(10,2), c char(3), i smallint, m mood, a varchar[],
                d "Odd, S"."D d", g text GENERATED ALWAYS AS (CASE WHEN v IN ('a', 'c') THEN 'q' END) STORED);
CREATE INDEX ON t (v) WHERE v IN ('a', 'z');
CREATE POLICY p ON t USING (v IN ('a', 'p') AND i NOT IN (1, 2));
CREATE VIEW v1 AS SELECT * FROM t WHERE v IN ('a', 'b''])::text[]', '(c, ');
CREATE VIEW v2 AS SELECT * FROM t WHERE n IN (1, 2.5) AND i IN (1, 2, 100000) AND m IN ('x', 'y');
CREATE VIEW v3 AS SELECT * FROM t WHERE d IN ('x', 'z') OR c IN ('a', 'b');
CREATE VIEW v4 AS SELECT * FROM t WHERE v = ANY (ARRAY['x', v || 'q', upper(v)]::varchar[]);
CREATE VIEW v5 AS SELECT * FROM t WHERE v || 'a' NOT IN ('x', v) AND v = ANY (ARRAY[v, c]);
CREATE VIEW v6 AS SELECT * FROM t WHERE v ILIKE ANY (ARRAY[v, 'x']) AND (a::text[] && ARRAY['y'] OR i BETWEEN 1 AND 3);
CREATE VIEW v7 AS SELECT (ARRAY['a'::varchar, 'b'])::text[] AS q, (ARRAY[1.5, 2])::numeric(5,1)[] AS r;
"""
PRINTED = """
SELECT relname::text, pg_get_viewdef(oid) FROM pg_class WHERE relkind = 'v' AND relnamespace = 'public'::regnamespace
UNION ALL SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace
UNION ALL SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
UNION ALL SELECT polname, pg_get_expr(polqual, polrelid) FROM pg_policy
UNION ALL SELECT 'generated', pg_get_expr(adbin, adrelid) FROM pg_attrdef
"""


def test_p18_definitions_are_equal_after_a_restore(fresh_pg: Callable[..., PostgresServer]) -> None:
    server = fresh_pg()
    server.sql("CREATE DATABASE before")
    server.sql("CREATE DATABASE after")
    server.sql(OBJECTS, database="before")
    dump = subprocess.run(
        ["pg_dump", "before"], env=server.client_environment(), capture_output=True, text=True, check=True
    ).stdout
    server.psql(database="after", input_text=dump)
    before, after = (dict(server.sql(PRINTED, database=name)) for name in ("before", "after"))
    assert before.keys() == after.keys()
    # otherwise this test would prove nothing
    assert {name for name in before if before[name] != after[name]} >= {"v1", "v3", "v4", "v5", "v6", "p", "t_v_check"}
    assert {name: stable(text) for name, text in before.items()} == {name: stable(text) for name, text in after.items()}
