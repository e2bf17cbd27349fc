# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What statements of a dump belong to and name, for taking parts of it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._sql.inventory import take_inventory
from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_foreign_keys import foreign_keys, without
from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_splitter import MySQLSplitter
from ansible_collections.vya.backupdb.plugins.module_utils._sql.postgresql_objects import (
    Fact,
    Numbering,
    fact_of,
)
from ansible_collections.vya.backupdb.plugins.module_utils._sql.postgresql_splitter import PostgresSplitter
from ansible_collections.vya.backupdb.plugins.module_utils._sql.postgresql_words import PathFollower
from ansible_collections.vya.backupdb.plugins.module_utils._sql.tokens import Statement


def facts(dump: str) -> list[list[Fact] | None]:
    path = PathFollower()
    found = []
    for item in PostgresSplitter([dump.encode()]):
        if isinstance(item, Statement) and not item.part:
            path.see(item)
            if item.kind not in ("set", "set_config", "connect"):
                found.append(fact_of(item, path.schema))
    return found


@pytest.mark.parametrize(
    ("statement", "kind", "tag", "needs"),
    [
        ("CREATE TABLE s.\"a b\" (i s.t DEFAULT 'x'::s.t)", "TABLE", "a b", {("s", "t")}),
        ("CREATE FOREIGN TABLE s.f (i int) SERVER far", "FOREIGN TABLE", "f", {("", "server", "far")}),
        ("CREATE MATERIALIZED VIEW s.m AS SELECT 1 FROM o.t", "MATERIALIZED VIEW", "m", {("o", "t")}),
        (
            "ALTER TABLE ONLY s.a ADD CONSTRAINT k FOREIGN KEY (b) REFERENCES s.c(d)",
            "FK CONSTRAINT",
            "a k",
            {("s", "c")},
        ),
        ("ALTER TABLE ONLY s.a ADD CONSTRAINT k CHECK ((s.f(b) > 0))", "CONSTRAINT", "a k", {("s", "f")}),
        ("ALTER TABLE s.a ALTER COLUMN b SET DEFAULT nextval('s.\"Q\"'::regclass)", "DEFAULT", "a b", {("s", "Q")}),
        (
            "ALTER TABLE s.a ALTER COLUMN b ADD GENERATED ALWAYS AS IDENTITY (SEQUENCE NAME s.q)",
            "SEQUENCE",
            "q",
            {("s", "a")},
        ),
        ("ALTER TABLE ONLY s.p ATTACH PARTITION s.a DEFAULT", "TABLE ATTACH", "a", {("s", "p")}),
        ("ALTER SEQUENCE s.q OWNED BY s.a.b", "SEQUENCE OWNED BY", "q", {("s", "a")}),
        ("CREATE UNIQUE INDEX i ON ONLY s.a USING btree (s.f(b))", "INDEX", "i", {("s", "a"), ("s", "f")}),
        (
            "CREATE TRIGGER t AFTER UPDATE OF b ON s.a FOR EACH ROW EXECUTE FUNCTION s.f()",
            "TRIGGER",
            "a t",
            {("s", "a")},
        ),
        ("CREATE RULE r AS ON DELETE TO s.a DO INSTEAD NOTHING", "RULE", "a r", {("s", "a")}),
        ("CREATE POLICY p ON s.a TO bob USING (true)", "POLICY", "a p", {("s", "a")}),
        ("COMMENT ON CONSTRAINT k ON s.a IS 'x'", "COMMENT", None, {("s", "a"), ("s", "a", "k")}),
        ("COMMENT ON COLUMN s.a.b IS 'x'", "COMMENT", None, {("s", "a")}),
        ("GRANT USAGE ON SCHEMA s, t TO bob", "COMMENT", None, {("", "schema", "s"), ("", "schema", "t")}),
        ("SELECT pg_catalog.setval('s.q', 7, true)", "SEQUENCE SET", "q", set()),
        ("COPY s.a (b) FROM stdin;\n1\n\\.\n", "TABLE DATA", "a", set()),
        ("INSERT INTO s.a VALUES (1)", "TABLE DATA", "a", set()),
        ("SELECT pg_catalog.lo_create('1')", "BLOB", "", set()),
        ("ALTER TEXT SEARCH CONFIGURATION s.c ADD MAPPING FOR word WITH s.d", "TEXT SEARCH", "c", {("s", "d")}),
        ("CREATE FUNCTION s.f() RETURNS int LANGUAGE plperl AS 'x'", "FUNCTION", "f", {("", "language", "plperl")}),
        ("CREATE EVENT TRIGGER e ON ddl_command_start EXECUTE FUNCTION s.f()", "EVENT TRIGGER", "e", set()),
    ],
)
def test_statements_of_postgresql_say_what_they_are(
    statement: str, kind: str, tag: str | None, needs: set[tuple[str, ...]]
) -> None:
    ((found,),) = facts(f"SELECT pg_catalog.set_config('search_path', '', false);\n{statement};\n")  # type: ignore[misc]
    assert found.kind == kind
    assert tag is None or found.tag == tag
    assert needs <= found.needs | {found.owner}


@pytest.mark.parametrize(
    "statement", ["DO $$ BEGIN END $$", "UPDATE a SET b = 1", "CREATE TABLE a AS SELECT 1", "CALL f()"]
)
def test_what_could_concern_anything_is_not_guessed(statement: str) -> None:
    assert facts(f"{statement};\n") == [None]


def test_grants_need_what_they_are_on_and_no_table_of_the_name_of_a_role_or_column() -> None:
    found = facts(
        "GRANT SELECT(col),INSERT ON TABLE t TO role;\nALTER TABLE t OWNER TO role;\nALTER FUNCTION f() OWNER TO role;\n"
    )
    named = [{name[1] for name in item[0].needs} for item in found if item]
    assert [("t" in names or "f" in names, "role" in names or "col" in names) for names in named] == [(True, False)] * 3
    assert facts("GRANT SELECT ON ALL TABLES IN SCHEMA s TO role;\n") == [None]


def test_keywords_can_be_names() -> None:
    ((found,),) = facts("CREATE TABLE domain (id int);\n")  # type: ignore[misc]
    assert found.makes == ("public", "domain")


def test_names_without_schemas_are_placed_by_the_search_path() -> None:
    found = facts(
        'CREATE TABLE a ();\nSET search_path = "S", pg_catalog;\nCREATE TABLE a ();\nSET search_path TO DEFAULT;\n'
        "CREATE TABLE a ();\nSELECT pg_catalog.set_config('search_path', 'x, y', false);\nCREATE TABLE a ();\n"
    )
    assert [item[0].makes for item in found if item] == [("public", "a"), ("S", "a"), ("public", "a"), ("x", "a")]


def test_numbers_do_not_depend_on_how_rows_are_cut() -> None:
    dump = b"CREATE TABLE a ();\n" + b"INSERT INTO a VALUES ('shop');\n" * 50 + b"CREATE TABLE b ();\n"
    numbers = []
    for needles in ((), (b"shop",)):
        numbering = Numbering()
        splitter = PostgresSplitter([dump])
        splitter.needles = needles
        statements = [item for item in splitter if isinstance(item, Statement) and not item.part]
        numbers.append([numbering.of(item) for item in statements][-1])
    assert numbers == [2, 2]


@pytest.mark.parametrize(
    ("dump", "names", "left"),
    [
        (
            "CREATE TABLE `a` (b INT, CONSTRAINT `k,(` FOREIGN KEY (b) REFERENCES `c` (d) ON DELETE CASCADE, KEY (b)) COMMENT='x';",
            ["k,("],
            "CREATE TABLE `a` (b INT, KEY (b)) COMMENT='x';",
        ),
        (
            "ALTER TABLE s.a ADD KEY (b), ADD CONSTRAINT FOREIGN KEY (b) REFERENCES c (d), ADD FOREIGN KEY (b) REFERENCES s.e (f)",
            ["", ""],
            "ALTER TABLE s.a ADD KEY (b)",
        ),
        ("ALTER TABLE a ADD CONSTRAINT k FOREIGN KEY (b) REFERENCES c (d);", ["k"], None),
        ("CREATE TABLE a (b INT REFERENCES c (d));", [""], "CREATE TABLE a (b INT REFERENCES c (d));"),
        (
            "CREATE TABLE a (b INT DEFAULT 'REFERENCES', c INT);",
            [],
            "CREATE TABLE a (b INT DEFAULT 'REFERENCES', c INT);",
        ),
    ],
)
def test_foreign_keys_of_mysql_can_be_left_out(dump: str, names: Sequence[str], left: str | None) -> None:
    (statement,) = [item for item in MySQLSplitter([dump.encode()]) if isinstance(item, Statement)]
    found = foreign_keys(statement)
    assert [key.name for key in found] == names
    shorter = without(statement, [key.element for key in found if key.element is not None])
    assert (None if shorter is None else shorter.bytes().decode()) == left


MENTIONING = b"""-- Host: localhost    Database: shop
CREATE DATABASE first; USE first;
CREATE PROCEDURE p() SET @x = 'SELECT 1 FROM `shop`.t';
CREATE PROCEDURE q() SET @x = 'SELECT 1 FROM first.t';
CREATE TABLE t (a INT COMMENT 'shop.t');
INSERT INTO t VALUES ('SELECT 1 FROM shop.t');
USE shop;
CREATE VIEW v AS SELECT DATABASE() = 'shop';
SET @sql = 'DROP TABLE first.t';
"""


def test_m22_what_may_mean_a_database_is_known_before_a_load() -> None:
    found = take_inventory([MENTIONING], "mysql").mysql.mentions
    assert [(item.database, item.reference.line, item.reference.name) for item in found] == [
        ("first", 4, "first"),
        ("first", 3, "shop"),
        ("shop", 8, "shop"),
        ("shop", 9, "first"),
    ]
