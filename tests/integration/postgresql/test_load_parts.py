# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Parts of dumps that other tools made: what is chosen comes complete, what cannot come is named, as from a set."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._errors import BackupError, UsageError
from ansible_collections.vya.backupdb.plugins.module_utils._modules._request import FailedResult

from tests.integration.modules.harness import call
from tests.integration.postgresql.dumps import dump
from tests.integration.postgresql.test_parts import SHOP, objects, shadows
from tests.support.postgresql import PostgresServer

FORMS = {
    "plain": [],
    "inserts": ["--inserts", "--rows-per-insert=7"],
    "create": ["--create", "--clean", "--if-exists"],
    "custom": ["--format=custom"],
    "tar": ["--format=tar"],
    "directory": ["--format=directory"],
}
#: As pg_dump wrote before 10.3: names without schemas, found by the search path.
OLD = r"""
CREATE SCHEMA sales;
SET search_path = sales, pg_catalog;
CREATE TYPE mood AS ENUM ('a', 'b');
SET search_path = public, pg_catalog;
CREATE TABLE customer (id integer, city text);
SET search_path = sales, pg_catalog;
CREATE TABLE customer (id integer NOT NULL, how mood, parent integer);
CREATE SEQUENCE customer_id_seq;
ALTER SEQUENCE customer_id_seq OWNED BY customer.id;
ALTER TABLE ONLY customer ALTER COLUMN id SET DEFAULT nextval('customer_id_seq'::regclass);
CREATE TABLE other (id integer);
COPY customer (id, how, parent) FROM stdin;
1	a	\N
2	b	1
\.
SELECT pg_catalog.setval('customer_id_seq', 9, true);
COPY other (id) FROM stdin;
7
\.
SET search_path = public, pg_catalog;
COPY customer (id, city) FROM stdin;
5	x
\.
ALTER TABLE ONLY customer ADD CONSTRAINT customer_pkey PRIMARY KEY (id);
SET search_path = sales, pg_catalog;
ALTER TABLE ONLY customer ADD CONSTRAINT customer_pkey PRIMARY KEY (id);
ALTER TABLE ONLY customer ADD CONSTRAINT to_parent FOREIGN KEY (parent) REFERENCES customer(id);
"""


@pytest.fixture(scope="module")
def source() -> Iterator[PostgresServer]:
    """A server with the database shop, which is loaded into as well."""
    with PostgresServer() as server:
        server.sql("CREATE DATABASE shop")
        server.sql(SHOP, database="shop")
        yield server


@pytest.fixture(scope="module")
def dumps(source: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The database in every form."""
    folder = tmp_path_factory.mktemp("dumps")
    made = {}
    for name, arguments in FORMS.items():
        made[name] = folder / name
        if name == "directory":
            dump(source, "pg_dump", *arguments, f"--file={made[name]}", "shop")
        else:
            made[name].write_bytes(dump(source, "pg_dump", *arguments, "shop"))
    made["packed"] = folder / "packed"
    made["packed"].write_bytes(gzip.compress(made["custom"].read_bytes()))
    return made


@pytest.fixture
def part(source: PostgresServer) -> Iterator[Any]:
    """Loads a part of a dump as "part", which is not there before."""

    def load(src: Path, check: bool = False, diff: bool = False, **options: Any) -> dict[str, Any]:
        given = {
            "engine": "postgresql",
            "login_unix_socket": str(source.socket_dir),
            "login_port": source.port,
            "src": str(src),
            "target": "part",
            "roles": "none",
            "jobs": 2,
            "analyze": False,
        }
        return call("restore", check=check, diff=diff, **{**given, **options})

    source.sql('DROP DATABASE IF EXISTS "part"')
    yield load
    source.sql('DROP DATABASE IF EXISTS "part"')


def names(server: PostgresServer) -> list[str]:
    return [name for (name,) in server.sql("SELECT datname FROM pg_database ORDER BY 1")]


@pytest.mark.parametrize("form", ["plain", "create", "custom", "directory"])
def test_a_table_comes_with_all_that_belongs_to_it_and_all_that_it_needs(
    source: PostgresServer, dumps: dict[str, Path], part: Any, form: str
) -> None:
    result = part(dumps[form], tables=["or der"])
    (included,) = result["included"]
    assert included["tables"] == ["sales.or der"]
    assert {text.removesuffix("()") for text in included["needed"]} == {
        "schema sales",
        "type sales.state",
        "domain public.positive",
        "function sales.stamp",
    }
    (foreign_key, large) = included["left_out"]
    assert foreign_key == "the foreign key sales.or der or der_customer_fkey, since sales.customer is not chosen"
    assert large.startswith("large objects")
    assert all(any(text in warning for warning in result["warnings"]) for text in included["left_out"])
    there, recorded = objects(source, "part"), objects(source, "shop")
    assert {key: item for key, item in there.items() if recorded.get(key) != item} == {}
    about = {key for key in recorded if "or der" in key[1] or key[1] in ("sales.related", 'sales."by amount"')}
    assert {key for key in about if key not in there} == {key for key in about if "or der_customer_fkey" in key[1]}
    assert ("function", "public.unrelated()") not in there
    assert source.value("SELECT nextval('sales.\"or der_id_seq\"')", database="part") == 201


@pytest.mark.parametrize("form", ["plain", "custom"])
def test_views_and_partitions_bring_what_they_need(
    source: PostgresServer, dumps: dict[str, Path], part: Any, form: str
) -> None:
    (included,) = part(dumps[form], tables=["counted", "measured_1"])["included"]
    assert {"table sales.customer", "table public.measured", "extension hstore"} <= set(included["needed"])
    assert source.value("SELECT n FROM sales.counted", database="part") == 50
    assert source.value("SELECT count(*) FROM measured", database="part") == 9
    there, recorded = objects(source, "part"), objects(source, "shop")
    assert {key for key, item in there.items() if recorded.get(key) != item} == set()
    assert ("table", "public.measured_2") not in there
    assert {key[1] for key in there if key[0] == "policy"} == {key[1] for key in recorded if key[0] == "policy"}


@pytest.mark.parametrize("form", ["plain", "tar"])
def test_a_schema_comes_with_everything_in_it(
    source: PostgresServer, dumps: dict[str, Path], part: Any, form: str
) -> None:
    part(dumps[form], schemas=["sales", "em*"], tables=["measured"])
    there, recorded = objects(source, "part"), objects(source, "shop")
    missing = {key for key in recorded if key not in there}
    assert {key for key in missing if key[1].startswith(("sales.", "empty")) and key[0] != "publication"} == set()
    assert ("table", "public.plain") in missing
    assert source.value("SELECT count(*) FROM measured", database="part") == 19
    assert {key for key, item in there.items() if recorded.get(key) != item} == set()


@pytest.mark.parametrize("form", ["inserts", "directory", "tar", "packed"])
def test_schema_brings_no_rows_and_then_data_brings_them(
    source: PostgresServer, dumps: dict[str, Path], part: Any, form: str
) -> None:
    part(dumps[form], content="schema")
    tables = ("sales.customer", 'sales."or der"', "measured", "plain")
    assert [source.value(f"SELECT count(*) FROM {table}", database="part") for table in tables] == [0, 0, 0, 0]
    assert source.value("SELECT is_called FROM sales.customer_id_seq", database="part") is False
    there, recorded = objects(source, "part"), objects(source, "shop")
    assert {key for key in recorded if key not in there and key[0] != "large object"} == set()
    assert {key for key, item in there.items() if recorded[key].digest != item.digest} == set()
    (included,) = part(dumps[form], content="data")["included"]
    assert {text.partition(":")[0] for text in included["left_out"]} == {
        "the rows of materialized view sales.counted",
        "large objects",
    }
    source.sql("REFRESH MATERIALIZED VIEW sales.counted", database="part")
    there = objects(source, "part")
    assert {key for key, item in there.items() if recorded[key] != item} == set()
    with pytest.raises(BackupError, match="are not empty"):
        part(dumps[form], content="data", tables=["plain"])


@pytest.mark.parametrize("form", ["plain", "custom"])
def test_data_that_fails_leaves_the_tables_empty(
    source: PostgresServer, dumps: dict[str, Path], part: Any, form: str
) -> None:
    with pytest.raises(BackupError, match="'part' does not exist"):
        part(dumps[form], content="data", tables=["plain"])
    part(dumps[form], content="schema")

    def state() -> list[Any]:
        rows = [source.value(f"SELECT count(*) FROM {table}", database="part") for table in ('sales."or der"', "plain")]
        return [*rows, source.value('SELECT last_value FROM sales."or der_id_seq"', database="part")]

    # the customers are neither there nor loaded
    with pytest.raises(BackupError, match=r"or der_customer_fkey of sales\.\"or der\""):
        part(dumps[form], content="data", tables=["plain", "or der"])
    assert state() == [0, 0, 1]
    source.sql("ALTER TABLE plain ADD CHECK (a < 3)", database="part")
    for on_error in ("stop", "continue"):
        with pytest.raises(FailedResult, match="the tables are empty as before") as failure:
            part(dumps[form], content="data", tables=["plain", "customer"], on_error=on_error)
        (error,) = failure.value.result["errors"]
        assert "plain_a_check" in error["message"]
        assert error["line"] > 0
        assert state() == [0, 0, 1]
    source.sql("ALTER TABLE plain DROP CONSTRAINT plain_a_check", database="part")
    part(dumps[form], content="data", tables=["plain", "or der", "customer"])
    assert state() == [200, 3, 200]


def test_rows_alone_are_taken_from_dumps_of_rows_alone(source: PostgresServer, part: Any, tmp_path: Path) -> None:
    for form in ("--format=custom", "--format=plain"):
        path = tmp_path / form
        path.write_bytes(dump(source, "pg_dump", form, "--data-only", "shop"))
        whole = tmp_path / "schema"
        whole.write_bytes(dump(source, "pg_dump", "--schema-only", "shop"))
        part(whole)
        (included,) = part(path, content="data", tables=["plain", "customer"])["included"]
        assert included["tables"] == ["public.plain", "sales.customer"]
        assert any("customer_id_seq" in text for text in included["left_out"])
        assert source.value("SELECT count(*) FROM sales.customer", database="part") == 50
        assert source.value('SELECT count(*) FROM sales."or der"', database="part") == 0
        source.sql('DROP DATABASE "part"')


def test_check_mode_says_what_would_come_and_patterns_are_checked(
    source: PostgresServer, dumps: dict[str, Path], part: Any
) -> None:
    before = names(source)
    for form in ("plain", "custom"):
        result = part(dumps[form], check=True, diff=True, tables=["or der"])
        after = result["diff"]["after"]
        assert "part: table sales.or der" in after
        assert "part: type sales.state, which that needs" in after
        assert "part: without the foreign key sales.or der or der_customer_fkey" in after
        with pytest.raises(BackupError) as failure:
            part(dumps[form], tables=["or der", "custmer"], schemas=["sale"])
        text = str(failure.value)
        assert "'custmer' matches no table of the database" in text
        assert "in the dump" in text
        assert "'sales.customer'" in text
        assert "'sale' matches no schema" in text
    with pytest.raises(UsageError, match="if_exists: replace says nothing"):
        part(dumps["plain"], content="data", if_exists="replace")
    assert names(source) == before


def test_what_cannot_be_told_apart_is_refused_with_its_line(source: PostgresServer, part: Any, tmp_path: Path) -> None:
    path = tmp_path / "dump"
    path.write_text("CREATE TABLE a (b int);\nCREATE TABLE c (d int);\nDO $$ BEGIN DELETE FROM a; END $$;\n")
    for options in ({"tables": ["a"]}, {"content": "schema"}):
        with pytest.raises(BackupError, match=r"line 3: DO .*restore the whole database under another name"):
            part(path, **options)
    part(path)
    assert shadows(source) == []


def test_f16_a_dump_reads_no_file_of_the_server(source: PostgresServer, part: Any, tmp_path: Path) -> None:
    path = tmp_path / "dump"
    path.write_text(
        "CREATE TABLE a (b text);\nCOPY a FROM PROGRAM 'id';\nCOPY a FROM '/etc/passwd';\nCOPY a TO STDOUT;\n"
        "COPY a TO '/tmp/x';\n"
    )
    with pytest.raises(BackupError) as failure:
        part(path)
    assert [f"line {line}:" in str(failure.value) for line in (2, 3, 4, 5)] == [True, True, False, True]
    assert shadows(source) == []


def test_names_without_schemas_are_where_the_search_path_says(
    source: PostgresServer, part: Any, tmp_path: Path
) -> None:
    path = tmp_path / "dump"
    path.write_text(OLD)
    (included,) = part(path, tables=["sales.customer"])["included"]
    assert included["tables"] == ["sales.customer"]
    assert {"schema sales", "type sales.mood"} <= set(included["needed"])
    assert source.sql("SELECT id, how::text, parent FROM sales.customer ORDER BY 1", database="part") == [
        (1, "a", None),
        (2, "b", 1),
    ]
    assert source.value("SELECT nextval('sales.customer_id_seq')", database="part") == 10
    assert source.value(
        "SELECT to_regclass('public.customer') IS NULL AND to_regclass('sales.other') IS NULL", database="part"
    )
    source.sql("TRUNCATE sales.customer", database="part")
    part(path, tables=["sales.customer"], content="data")
    assert source.value("SELECT count(*) FROM sales.customer", database="part") == 2


def test_roles_and_extensions_are_wanted_only_by_what_is_chosen(
    source: PostgresServer, part: Any, tmp_path: Path
) -> None:
    path = tmp_path / "dump"
    path.write_text(
        "SELECT pg_catalog.set_config('search_path', '', false);\nCREATE EXTENSION nothing_of_that_name WITH SCHEMA public;\nCREATE TABLE public.a (b int);\n"
        "CREATE TABLE public.c (d public.strange);\nALTER TABLE public.c OWNER TO nobody_of_that_name;\n"
    )
    part(path, tables=["a"])
    assert source.value("SELECT to_regclass('public.a') IS NOT NULL", database="part")
    with pytest.raises(BackupError) as failure:
        part(path, tables=["c"], if_exists="replace")
    assert "the extension nothing_of_that_name" in str(failure.value)
    assert "nobody_of_that_name" in str(failure.value)
