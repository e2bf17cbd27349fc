# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Dumps that other tools made of PostgreSQL, loaded into real servers: complete, renamed, compared with their source."""

from __future__ import annotations

import gzip
import os
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._errors import ConnectionFailed, DamagedSet, Interrupted
from ansible_collections.vya.backupdb.plugins.module_utils._sql.tokens import SqlError

from tests.integration.postgresql.dumps import STAMP, dump, load, plan, sources, told, written
from tests.integration.postgresql.rig import SQL, differences, fill, prove
from tests.integration.postgresql.test_faults import soon
from tests.support.paths import BUILD, CHECKOUT
from tests.support.postgresql import PostgresServer

SAKILA = CHECKOUT.parent / "shared" / "data" / "sakila-postgresql"
#: What a dump without --create cannot say.
OF_DATABASE = ("of database:", "on database")

#: Everything is called shop, and the rows look like the rest of a dump.
HOSTILE = r"""
CREATE SCHEMA shop AUTHORIZATION shop;
CREATE TABLE shop.shop (shop text PRIMARY KEY DEFAULT 'shop.public.shop', n int);
CREATE TABLE shop.t (shop text CONSTRAINT shop REFERENCES shop.shop.shop (shop) CHECK (shop.shop.t.shop <> E'\'shop\\'));
INSERT INTO shop.shop VALUES (E'it''s "shop"; \\connect shop\n\\.\nCOMMENT ON DATABASE shop IS ''x'';\t\\'), ('$$'), (''),
    (E';\nINSERT INTO shop.shop VALUES ('), (E'\');\nINSERT INTO shop.shop VALUES (\'x'), ('DROP DATABASE shop; -- /*');
INSERT INTO shop.shop SELECT repeat('row '';''', 20) || g, g FROM generate_series(1, 6000) g;
CREATE VIEW shop.v AS SELECT shop.shop AS shop FROM shop.shop shop, shop.shop.t x;
CREATE FUNCTION shop.f() RETURNS text LANGUAGE plpgsql AS $_$ begin execute 'SELECT 1 FROM shop.public.t'; return 'x'; end $_$;
CREATE FUNCTION shop.g() RETURNS bigint BEGIN ATOMIC SELECT count(*) FROM shop.shop.shop; SELECT CASE WHEN true THEN 1 END; END;
CREATE RULE r AS ON INSERT TO shop.t DO ALSO (DELETE FROM shop.shop WHERE shop = NEW.shop; SELECT 1);
CREATE FUNCTION shop.no() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''not allowed: %'', tg_tag; END';
CREATE MATERIALIZED VIEW shop.m AS SELECT count(*) FROM shop.shop;
SELECT lo_from_bytea(4711, 'shop');
CREATE EVENT TRIGGER shop ON ddl_command_start EXECUTE FUNCTION shop.no();
COMMENT ON EVENT TRIGGER shop IS 'forbids';
ALTER DATABASE shop SET search_path TO shop, public;
ALTER ROLE shop IN DATABASE shop SET work_mem TO '5MB';
COMMENT ON DATABASE shop IS 'shop: \connect shop';
GRANT CONNECT ON DATABASE shop TO shop WITH GRANT OPTION;
"""


@pytest.fixture(scope="module")
def source() -> Iterator[PostgresServer]:
    """A server with hostile content; tests leave it as it is."""
    with PostgresServer(lost=True) as server:
        server.sql("CREATE ROLE shop PASSWORD 'geheim'")
        server.sql("CREATE DATABASE shop OWNER shop CONNECTION LIMIT 17")
        server.psql(database="shop", input_text=HOSTILE)
        yield server


@pytest.fixture(scope="module")
def target() -> Iterator[PostgresServer]:
    """A server that has the roles of the source and nothing else; each test makes databases of its own."""
    with PostgresServer(settings={"log_statement": "all"}) as server:
        server.psql("-f", str(SQL / "roles.sql"))
        server.sql("CREATE ROLE shop")
        yield server


def databases(server: PostgresServer) -> set[str]:
    return {name for (name,) in server.sql("SELECT datname FROM pg_database")}


@pytest.fixture
def untouched(target: PostgresServer) -> Iterator[PostgresServer]:
    """The target; after the test it must have the databases that it had."""
    before = databases(target)
    yield target
    assert databases(target) == before


# every form


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--create"],
        ["--clean", "--create"],
        ["--clean"],
        ["--inserts"],
        ["--column-inserts", "--rows-per-insert=100"],
        ["--create", "--use-set-session-authorization"],
        ["--encoding=LATIN1", "--quote-all-identifiers"],
        ["--format=custom"],
        ["--format=tar"],
    ],
    ids=" ".join,
)
def test_p06_whatever_pg_dump_writes_is_loaded_under_another_name(
    arguments: Sequence[str], source: PostgresServer, target: PostgresServer, tmp_path: Path
) -> None:
    path = written(tmp_path, dump(source, "pg_dump", *arguments, "shop"))
    (name,) = sources(path)[0].databases
    new = f"New \"Sh'op\\; {' '.join(arguments)}"[:63]
    outcome = load(target, path, {name: new})
    assert told(outcome) == []
    assert [(item.recorded, item.name) for item in outcome.databases] == [(name, new)]
    found = differences(target, prove(source, "shop"), {"shop": new}, instance=False)
    whole = "--create" in arguments or "--format" in arguments[0] if arguments else False
    assert [text for text in found if whole or not any(words in text for words in OF_DATABASE)] == []
    assert not [name for name in databases(target) if name.startswith("backupdb_shadow")]


def test_a_database_with_an_object_of_every_class_is_loaded(
    filled: PostgresServer, target: PostgresServer, tmp_path: Path
) -> None:
    proof = prove(filled, "shop")
    for form in ("custom", "directory", "plain"):
        path = tmp_path / form
        dump(filled, "pg_dump", "--create", f"--format={form}", f"--file={path}", "shop")
        assert told(load(target, path, {"shop": f"all {form}"})) == []
        assert differences(target, proof, {"shop": f"all {form}"}, instance=False) == []


def test_the_zip_of_the_earlier_tool_is_loaded(source: PostgresServer, target: PostgresServer, tmp_path: Path) -> None:
    path = tmp_path / "20260113_170055_postgresql_chatwoot_db.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("20260113_170055_postgresql_chatwoot_db.sql", dump(source, "pg_dump", "shop"))
    assert sources(path)[0].databases == {"": ""}
    assert told(load(target, path, {"": "chatwoot"})) == []
    assert target.value("SELECT count(*) FROM shop.shop", database="chatwoot") == 6006


def test_a_packed_archive_is_unpacked_to_be_loaded(
    source: PostgresServer, target: PostgresServer, tmp_path: Path
) -> None:
    for form in ("custom", "tar"):
        data = dump(source, "pg_dump", f"--format={form}", "shop")
        path = written(tmp_path, gzip.compress(data, 1), form)
        assert told(load(target, path, {"shop": f"packed {form}"})) == []
        assert target.value("SELECT count(*) FROM shop.shop", database=f"packed {form}") == 6006


@pytest.mark.skipif(not SAKILA.is_dir(), reason="the sample database is not beside the checkout")
def test_the_sample_database_is_loaded_as_psql_loads_it(target: PostgresServer, tmp_path: Path) -> None:
    text = (SAKILA / "schema.sql").read_bytes() + (SAKILA / "data.sql").read_bytes()
    target.sql("CREATE DATABASE by_psql")
    target.psql("-f", str(written(tmp_path, text, "both.sql")), database="by_psql")
    outcome = load(target, tmp_path / "both.sql", {"": "film store"})
    assert told(outcome) == []
    assert differences(target, prove(target, "by_psql"), {"by_psql": "film store"}, instance=False) == []


def test_adminers_exports_are_loaded(target: PostgresServer, tmp_path: Path) -> None:
    text = """-- Adminer 4.8.1 PostgreSQL 15.5 dump

\\connect "web shop";

DROP TABLE IF EXISTS "t";
DROP SEQUENCE IF EXISTS t_id_seq;
CREATE SEQUENCE t_id_seq INCREMENT 1 MINVALUE 1 MAXVALUE 2147483647 START 3 CACHE 1;

CREATE TABLE "public"."t" (
    "id" integer DEFAULT nextval('t_id_seq') NOT NULL,
    "a" text,
    CONSTRAINT "t_pkey" PRIMARY KEY ("id")
) WITH (oids = false);

INSERT INTO "t" ("id", "a") VALUES
(1,\t'a;\n''b'''),
(2,\tNULL);

-- 2026-01-13 15:54:40.123+00
"""
    assert told(load(target, written(tmp_path, text))) == []
    assert target.sql("SELECT id, a FROM t ORDER BY 1", database="web shop") == [(1, "a;\n'b'"), (2, None)]


def test_old_strings_with_backslashes_are_read_as_the_dump_says(target: PostgresServer, tmp_path: Path) -> None:
    text = (
        "SET client_encoding = 'LATIN1';\nSET standard_conforming_strings = off;\nSET escape_string_warning = off;\n"
        "CREATE TABLE t (a text, b text);\nINSERT INTO t VALUES ('it\\'s; \\\\', '\xfc');\n"
        "INSERT INTO t VALUES ('\\';', '\xe4');\nCOPY t FROM stdin;\n\\\\.\t\xdf\n\\.\n\n"
        "COMMENT ON TABLE t IS 'a\\'b;';\n"
    ).encode("latin-1")
    assert told(load(target, written(tmp_path, text), {"": "old strings"})) == []
    rows = target.sql("SELECT a, b FROM t", database="old strings")
    assert rows == [("it's; \\", "ü"), ("';", "ä"), ("\\.", "ß")]
    assert target.value("SELECT obj_description('t'::regclass)", database="old strings") == "a'b;"


def test_the_dump_of_one_schema_creates_public_itself(
    source: PostgresServer, target: PostgresServer, tmp_path: Path
) -> None:
    for form in ("plain", "custom"):
        path = written(tmp_path, dump(source, "pg_dump", f"--format={form}", "--schema=public"), form)
        (name,) = sources(path)[0].databases
        assert told(load(target, path, {name: f"only public {form}"})) == []
        assert target.value("SELECT 1 FROM pg_namespace WHERE nspname = 'public'", database=f"only public {form}") == 1


def test_transactions_of_a_dump_work(target: PostgresServer, tmp_path: Path) -> None:
    text = (
        "CREATE PROCEDURAL LANGUAGE plpgsql;\nBEGIN;\nDROP TABLE t;\nCREATE TABLE t (a int);\n"
        "INSERT INTO t VALUES (1);\nINSERT INTO t VALUES (2);\nCOMMIT;\n"
    )
    assert told(load(target, written(tmp_path, text), {"": "one transaction"})) == []
    assert target.value("SELECT sum(a) FROM t", database="one transaction") == 3
    path = written(tmp_path, "CREATE TABLE t (a int);\nBEGIN;\nINSERT INTO t VALUES (1);\n")
    (error,) = load(target, path, {"": "lost"}).errors
    assert (error.line, "never committed" in error.message) == (2, True)


# the cluster


def test_p01_p07_a_cluster_moves_with_its_roles(
    source: PostgresServer, fresh_pg: Callable[..., PostgresServer], tmp_path: Path
) -> None:
    with PostgresServer(lost=True) as cluster:
        fill(cluster)
        cluster.sql("CREATE TABLE t AS SELECT 1 AS a")
        cluster.sql('CREATE DATABASE "a=b \'\\"')
        cluster.sql("CREATE TABLE t AS SELECT 2 AS a", database="a=b '\\")
        cluster.sql("CREATE TABLE t AS SELECT 3 AS a", database="template1")
        names = {"shop": "shop 2", "postgres": "postgres", "template1": "template1", "a=b '\\": "other"}
        proof = prove(cluster, *names)
        path = written(tmp_path, dump(cluster, "pg_dumpall", "--clean"))
    server = fresh_pg()
    warnings: list[str] = []
    outcome = load(server, path, names, warnings, roles="all")
    assert told(outcome) == []
    assert differences(server, proof, names) == []
    assert any("remove roles" in text for text in warnings)
    again = plan(server, path, names, roles="all", if_exists="skip")
    assert (again.changes, list(again.roles), set(again.skipped)) == (False, [], set(names.values()))


def test_only_chosen_databases_and_the_roles_that_they_need(
    fresh_pg: Callable[..., PostgresServer], tmp_path: Path
) -> None:
    text = (
        "CREATE ROLE app LOGIN PASSWORD 'one';\nCREATE ROLE boss;\nCREATE ROLE stranger;\nGRANT boss TO app;\n"
        "GRANT pg_of_newer_versions TO app;\n"
        "CREATE DATABASE a OWNER app;\nCREATE DATABASE b OWNER stranger;\n"
        "\\connect a\nCREATE TABLE t (a int);\n\\connect b\nCREATE TABLE broken (a nonsense);\nCOPY x FROM stdin;\n1\n\\.\n"
    )
    server, path = fresh_pg(), written(tmp_path, text)
    problems = plan(server, path, {"a": "c"}, roles="none").problems
    assert "roles that the database 'a' names, first in line 6 do not exist: app" in problems[0]
    assert "Restore the roles too" in problems[0]
    outcome = load(server, path, {"a": "c"}, roles="referenced")
    assert list(outcome.roles) == ["create role app", "create role boss", "grant boss to app"]
    roles = "SELECT rolname FROM pg_roles WHERE rolname !~ '^pg_' ORDER BY 1"
    assert server.sql(roles) == [("app",), ("boss",), ("postgres",)]
    assert server.value("SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'c'") == "app"
    assert "b" not in databases(server)
    server.sql("SELECT 1", user="app", password="one", database="c")


def test_names_of_roles_that_no_server_accepts_are_quoted(
    fresh_pg: Callable[..., PostgresServer], tmp_path: Path
) -> None:
    text = (
        "CREATE ROLE admin@example.com LOGIN;\nCREATE ROLE postgres NOSUPERUSER NOLOGIN PASSWORD 'stolen';\n"
        "CREATE TABLE t (a int);\nALTER TABLE t OWNER TO admin@example.com;\nGRANT SELECT ON t TO admin@example.com;\n"
    )
    server = fresh_pg()
    before = server.sql("SELECT * FROM pg_authid WHERE rolname = 'postgres'")
    warnings: list[str] = []
    path = written(tmp_path, text)
    assert told(load(server, path, {"": "repaired"}, warnings, roles="all")) == []
    assert server.value("SELECT tableowner FROM pg_tables WHERE tablename = 't'", database="repaired") == (
        "admin@example.com"
    )
    assert [text for text in warnings if "line 1: the role admin@example.com was not quoted" in text]
    assert server.sql("SELECT * FROM pg_authid WHERE rolname = 'postgres'") == before


def test_what_may_still_name_the_old_database_is_listed(
    source: PostgresServer, target: PostgresServer, tmp_path: Path
) -> None:
    path = written(tmp_path, dump(source, "pg_dump", "--create", "shop"))
    line = next(
        number for number, text in enumerate(path.read_bytes().split(b"\n"), 1) if b"FROM shop.public.t" in text
    )
    (warning,) = plan(target, path, {"shop": "elsewhere"}).warnings
    assert f"line {line}: SQL in a string names it ('shop')" in warning
    assert plan(target, path, {"shop": "shop"}).warnings == []


def test_a_name_in_front_of_schema_and_table_follows(target: PostgresServer, tmp_path: Path) -> None:
    text = (
        "CREATE DATABASE site ENCODING 'UTF8';\nALTER DATABASE site SET work_mem = '7MB';\n"
        "COMMENT ON DATABASE site IS 'site';\nALTER ROLE ghost IN DATABASE site SET work_mem = '1MB';\nCREATE TABLE site.public.site (site text);\n"
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid();\nCOPY site.public.site TO stdout;\n"
        "INSERT INTO site.public.site VALUES ('site.public.site');\nINSERT INTO site.public.site VALUES ('x');\n"
        "CREATE VIEW v AS SELECT site.site AS site FROM site.public.site;\n"
    )
    warnings: list[str] = []
    assert told(load(target, written(tmp_path, text), {"": "new site"}, warnings)) == []
    assert [text for text in warnings if "roles that do not exist are left out: ghost" in text]
    assert target.sql("SELECT site FROM v", database="new site") == [("site.public.site",), ("x",)]
    assert target.value("SHOW work_mem", database="new site") == "7MB"
    comment = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = 'new site'"
    assert target.value(comment) == "site"


def test_roles_alone_are_restored_from_a_dump_of_nothing_else(
    source: PostgresServer, fresh_pg: Callable[..., PostgresServer], tmp_path: Path
) -> None:
    server, path = fresh_pg(), written(tmp_path, dump(source, "pg_dumpall", "--globals-only"))
    assert list(plan(server, path, {}, roles="none").roles) == []
    assert plan(server, path, {}, roles="none").warnings[0].endswith("applied with roles: all, or roles: referenced.")
    assert load(server, path, {}, roles="all").roles == ["create role shop"]
    hashes = "SELECT rolpassword FROM pg_authid WHERE rolname = 'shop'"
    assert server.value(hashes) == source.value(hashes)
    assert not plan(server, path, {}, roles="all").changes


# what is there already


def test_a_database_is_replaced_and_keeps_what_the_dump_does_not_say(
    fresh_pg: Callable[..., PostgresServer], tmp_path: Path
) -> None:
    server = fresh_pg()
    server.sql("CREATE ROLE app")
    server.sql("CREATE DATABASE shop OWNER app")
    server.sql("ALTER DATABASE shop SET work_mem = '9MB'; GRANT CONNECT ON DATABASE shop TO pg_monitor")
    server.sql("CREATE TABLE old (a int)", database="shop")
    path = written(tmp_path, "CREATE TABLE new (a int);\n")
    (problem,) = plan(server, path, {"": "shop"}).problems
    assert "exists already" in problem
    assert plan(server, path, {"": "shop"}, if_exists="skip").skipped == ["shop"]
    state = "SELECT pg_get_userbyid(datdba), datacl::text FROM pg_database WHERE datname = 'shop'"
    before = server.sql(state)
    (item,) = load(server, path, {"": "shop"}, if_exists="replace").databases
    assert (item.name, item.previous) == ("shop", f"shop__before_{STAMP}")
    assert server.sql(state) == before
    assert server.value("SHOW work_mem", database="shop") == "9MB"
    tables = "SELECT relname FROM pg_class WHERE relname IN ('old', 'new')"
    assert server.sql(tables, database="shop") == [("new",)]
    assert server.sql(tables, database=f"shop__before_{STAMP}") == [("old",)]


# what goes wrong

BROKEN = """CREATE TABLE t (id int PRIMARY KEY, b int);
COPY t (id, b) FROM stdin;
1\t2
3\tsecret
\\.

CREATE TABLE u (a nonsense);
INSERT INTO t VALUES (10, 1);
INSERT INTO t VALUES (11, 1);
INSERT INTO t VALUES (11, 2);
INSERT INTO t VALUES (12, 1);
BEGIN;
SELECT 1/0;
CREATE TABLE v (a int);
COMMIT;
CREATE USER MAPPING FOR postgres SERVER nowhere OPTIONS (password 'secret');
DO $$
BEGIN
  RAISE EXCEPTION 'no' USING HINT = 'ask';
END $$;
"""


def test_errors_name_their_line_and_all_of_them_are_found(untouched: PostgresServer, tmp_path: Path) -> None:
    path = written(tmp_path, BROKEN)
    outcome = load(untouched, path, {"": "broken"}, on_error="continue")
    assert not outcome.databases
    assert outcome.error_count == len(outcome.errors) == 6
    assert [error.line for error in outcome.errors] == [4, 7, 10, 13, 16, 17]
    texts = told(outcome)
    assert 'line 4: COPY t (id, b) FROM stdin: invalid input syntax for type integer: "secret"' in texts[0]
    assert 'type "nonsense" does not exist' in texts[1]
    assert "Key (id)=(11) already exists." in texts[2]
    assert "division by zero" in texts[3]
    assert "secret" not in texts[4]
    assert texts[5].endswith("DO '…': no ask (PL/pgSQL function inline_code_block line 3 at RAISE)")
    path = written(tmp_path, "CREATE TABLE t (a text);\nDELETE FROM t\0 WHERE a = '';\nINSERT INTO t VALUES ('\0');\n")
    assert [error.line for error in load(untouched, path, {"": "broken"}, on_error="continue").errors] == [2, 3]
    path = written(tmp_path, BROKEN)
    few = load(untouched, path, {"": "broken"}, on_error="continue", error_limit=2)
    assert (len(few.errors), few.error_count) == (2, 6)


def test_the_first_error_ends_the_load(untouched: PostgresServer, tmp_path: Path) -> None:
    outcome = load(untouched, written(tmp_path, BROKEN), {"": "broken"})
    assert ([error.line for error in outcome.errors], outcome.error_count) == ([4], 1)


def test_an_error_in_one_database_keeps_the_others_from_their_names(untouched: PostgresServer, tmp_path: Path) -> None:
    good = "\\connect good\nCREATE TABLE t (a int);\nSELECT pg_sleep(0.3);\n"
    path = written(tmp_path, f"{good}\\connect bad\nSELECT 1/0;\n{good}")
    for on_error in ("stop", "continue"):
        outcome = load(untouched, path, on_error=on_error)
        assert [error.line for error in outcome.errors][:1] == [5]
        assert not outcome.databases
    assert len(outcome.errors) == 2
    assert 'relation "t" already exists' in outcome.errors[1].message


def test_errors_of_archives_name_what_failed(source: PostgresServer, untouched: PostgresServer, tmp_path: Path) -> None:
    with PostgresServer() as other:
        other.sql("CREATE TABLE good (a int); CREATE TABLE t (a int, b int); INSERT INTO t VALUES (1, 1), (1, 1)")
        data = dump(other, "pg_dump", "--format=custom")
    path = written(tmp_path, data.replace(b"b integer\n", b"b nonsens\n"))
    outcome = load(untouched, path, {"postgres": "broken"}, on_error="continue")
    assert outcome.error_count >= len(outcome.errors) == 3
    assert outcome.errors[0].head == "CREATE TABLE public.t"
    assert 'type "nonsens" does not exist' in outcome.errors[0].message
    assert not outcome.databases


def test_an_incomplete_database_can_be_kept_for_inspection(target: PostgresServer, tmp_path: Path) -> None:
    warnings: list[str] = []
    before = databases(target)
    load(target, written(tmp_path, BROKEN), {"": "kept"}, warnings, on_error="continue", keep_failed=True)
    (name,) = databases(target) - before
    assert any(repr(name) in text for text in warnings)
    assert target.value("SELECT count(*) FROM t", database=name) == 3
    target.sql(f'DROP DATABASE "{name}"')


def test_a_dump_that_ends_in_the_middle_is_refused(
    source: PostgresServer, untouched: PostgresServer, tmp_path: Path
) -> None:
    data = dump(source, "pg_dump", "shop")
    cut = data.index(b"\n", data.index(b"row ';'")) + 1
    path = written(tmp_path, data[:cut])
    (found,) = sources(path)
    assert found.inventory is not None
    assert "ends inside of the COPY data" in str(found.inventory.truncated)
    with pytest.raises(DamagedSet, match="ends inside of the COPY data that begins in line"):
        load(untouched, path, {"": "cut"})
    archive = written(tmp_path, dump(source, "pg_dump", "--format=custom", "shop")[:-3000])
    assert load(untouched, archive, {"shop": "cut"}).error_count == 1


def test_a_dump_never_runs_a_command_here(untouched: PostgresServer, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    path = written(tmp_path, f"CREATE TABLE t (a int);\n\\! touch {mark}\nSELECT 1 \\g | touch {mark}\n")
    (found,) = sources(path)
    assert found.inventory is not None
    assert len(found.inventory.refused) == 2
    with pytest.raises(SqlError, match=r"Line 2: the dump gives a command to psql, \\!"):
        load(untouched, path, {"": "commands"})
    assert not mark.exists()


def test_what_a_dump_needs_is_asked_for_before(
    source: PostgresServer, untouched: PostgresServer, tmp_path: Path
) -> None:
    text = (
        "CREATE DATABASE d WITH ENCODING = 'KLINGON' LOCALE = 'de_XX.UTF-8' FUTURE_OPTION = 3 TABLESPACE = fast;\n"
        "\\connect d\nCREATE EXTENSION IF NOT EXISTS nowhere WITH SCHEMA public;\nCREATE TABLE t (a int);\n"
        "ALTER TABLE t OWNER TO nobody_here;\nSET default_tablespace = faster;\nCREATE TABLESPACE fast LOCATION '/x';\n"
    )
    found = plan(untouched, written(tmp_path, text), {"d": "d"}, roles="all")
    problems = "\n".join(found.problems)
    for words in ("nobody_here. Create them first", "extension nowhere", "KLINGON", "'fast'", "'faster'"):
        assert words in problems
    warnings = "\n".join(found.warnings)
    assert "line 1: options of CREATE DATABASE that are left out: FUTURE_OPTION" in warnings
    assert "line 7: left out, it is about the whole server: CREATE TABLESPACE fast" in warnings
    archive = bytearray(dump(source, "pg_dump", "--format=custom", "shop"))
    archive[6:7] = b"\x63"
    (problem,) = plan(untouched, written(tmp_path, bytes(archive)), {"shop": "d"}).problems
    assert "archive format 1.99" in problem
    assert "install" in problem.lower()


def test_the_servers_log_shows_no_passwords(target: PostgresServer, tmp_path: Path) -> None:
    text = (
        "CREATE ROLE logged PASSWORD 'in-the-log-1';\nCREATE EXTENSION postgres_fdw;\n"
        "CREATE SERVER s FOREIGN DATA WRAPPER postgres_fdw;\n"
        "CREATE USER MAPPING FOR postgres SERVER s OPTIONS (password 'in-the-log-2');\n"
        "CREATE USER MAPPING FOR postgres SERVER nowhere OPTIONS (password 'in-the-log-3');\n"
    )
    load(target, written(tmp_path, text), {"": "logged"}, roles="all")
    assert "CREATE DATABASE" in target.log_tail(10_000)
    assert "in-the-log" not in target.log_tail(10_000)


def test_the_locale_of_a_dump_is_what_the_server_can_do(target: PostgresServer, tmp_path: Path) -> None:
    text = "CREATE DATABASE w WITH TEMPLATE = template0 ENCODING = '{}' {};\n\\connect w\nCREATE TABLE t (a int);\n"
    icu = text.format(
        "UTF8", "LOCALE_PROVIDER = icu LOCALE = 'C.UTF-8' ICU_LOCALE = 'de-DE' STRATEGY = wal_log OID = 7"
    )
    assert told(load(target, written(tmp_path, icu), {"w": "by icu"})) == []
    locale = "SELECT datcollate, daticulocale FROM pg_database WHERE datname = 'by icu'"
    assert target.sql(locale) == [("C.UTF-8", "de-DE")]
    path = written(
        tmp_path, text.format("WIN1252", "LC_COLLATE = 'German_Germany.1252' LC_CTYPE = 'German_Germany.1252'")
    )
    warnings: list[str] = []
    assert told(load(target, path, {"w": "from Windows"}, warnings)) == []
    assert any("sorts by 'German_Germany.1252', which only Windows has" in text for text in warnings)
    path = written(tmp_path, text.format("UTF8", "LOCALE = 'xx_XX.UTF-8'"))
    assert "no locale 'xx_XX.UTF-8'" in plan(target, path, {"w": "w"}).problems[0]


def test_a_login_without_superuser_loads_what_it_may(fresh_pg: Callable[..., PostgresServer], tmp_path: Path) -> None:
    server = fresh_pg()
    server.sql("CREATE ROLE app LOGIN CREATEDB PASSWORD 'app'")
    text = "COMMENT ON EXTENSION plpgsql IS 'PL/pgSQL';\nCREATE TABLE t (a int);\nCOPY t FROM stdin;\n1\n\\.\n"
    outcome = load(server, written(tmp_path, text), {"": "mine"}, connect={"user": "app", "password": "app"})
    assert told(outcome) == []
    assert server.value("SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'mine'") == "app"
    server.sql("SELECT a FROM t", database="mine", user="app", password="app")


def test_a_server_that_dies_leaves_no_half_database(fresh_pg: Callable[..., PostgresServer], tmp_path: Path) -> None:
    server = fresh_pg()
    path = written(tmp_path, "CREATE TABLE t (a int);\nSELECT pg_sleep(60);\nCREATE TABLE u (a int);\n")

    def sleeping() -> bool:
        return bool(server.value("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"))

    with soon(sleeping, server.kill), pytest.raises(ConnectionFailed):
        load(server, path, {"": "half"})
    server.start()
    assert "half" not in databases(server)
    warnings: list[str] = []
    assert told(load(server, written(tmp_path, "CREATE TABLE t (a int);"), {"": "half"}, warnings)) == []
    assert any("unfinished restore of a run that died" in text for text in warnings)
    assert not [name for name in databases(server) if name.startswith("backupdb_shadow")]


def test_an_interrupted_load_leaves_nothing(untouched: PostgresServer, tmp_path: Path) -> None:
    path = written(tmp_path, "CREATE TABLE t (a int);\nSELECT pg_sleep(60);\n")

    def interrupt(_number: int, _frame: object) -> None:
        raise Interrupted("stopped")

    def sleeping() -> bool:
        return bool(untouched.value("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"))

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        with soon(sleeping, lambda: os.kill(os.getpid(), signal.SIGTERM)), pytest.raises(Interrupted, match="stopped"):
            load(untouched, path, {"": "half"}, on_error="continue")
    finally:
        signal.signal(signal.SIGTERM, before)


LOAD = """
import pathlib, sys
from tests.integration.postgresql.dumps import request
from ansible_collections.vya.backupdb.plugins.module_utils._engines.postgresql import PostgresqlEngine
from ansible_collections.vya.backupdb.plugins.module_utils._model import Connection
from ansible_collections.vya.backupdb.plugins.module_utils._progress import Reporter
socket, port, path = sys.argv[1:]
wanted = request(pathlib.Path(path), {"": "half"})
with PostgresqlEngine(Connection(unix_socket=socket, port=int(port), user="postgres"), Reporter()) as engine:
    engine.load(wanted, engine.plan_load(wanted))
"""


def test_a_killed_load_is_swept_by_the_next(untouched: PostgresServer, tmp_path: Path) -> None:
    path = written(tmp_path, "CREATE TABLE t (a int);\nSELECT pg_sleep(1);\nSELECT 1/0;\n")
    arguments = [str(untouched.socket_dir), str(untouched.port), str(path)]
    environment = {**os.environ, "PYTHONPATH": f"{CHECKOUT}{os.pathsep}{BUILD}"}
    process = subprocess.Popen([sys.executable, "-c", LOAD, *arguments], cwd=CHECKOUT, env=environment)
    while not untouched.value("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"):
        assert process.poll() is None
    process.kill()
    process.wait()
    while untouched.value("SELECT count(*) FROM pg_stat_activity WHERE datname ~ 'shadow'"):
        pass
    assert len([name for name in databases(untouched) if name.startswith("backupdb_shadow")]) == 1
    warnings: list[str] = []
    load(untouched, path, {"": "half"}, warnings)
    assert any("unfinished restore of a run that died" in text for text in warnings)
