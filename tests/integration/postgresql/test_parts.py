# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Parts of databases: what is chosen comes complete, what cannot come is named, and nothing else is touched."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engines import part_rows
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql import rows_only
from ansible_collections.vya.backupdb.plugins.module_utils._errors import BackupError, UsageError
from ansible_collections.vya.backupdb.plugins.module_utils._proof.model import ProofObject

from tests.integration.modules.harness import call
from tests.integration.postgresql.rig import Backup, back_up, prove
from tests.support.postgresql import PostgresServer

SHOP = r"""
CREATE SCHEMA sales;
CREATE SCHEMA empty;
COMMENT ON SCHEMA public IS 'changed';
ALTER SCHEMA public OWNER TO postgres;
GRANT CREATE ON SCHEMA public TO PUBLIC;
CREATE EXTENSION hstore;
CREATE TYPE sales.state AS ENUM ('new', 'paid');
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE FUNCTION sales.stamp() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.amount := NEW.amount + 1000; RETURN NEW; END';
CREATE FUNCTION unrelated() RETURNS int LANGUAGE sql RETURN 1;
CREATE TABLE sales.customer (id serial PRIMARY KEY, name text UNIQUE, attributes hstore);
CREATE TABLE sales."or der" (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer int REFERENCES sales.customer,
  state sales.state DEFAULT 'new', amount positive, self int CONSTRAINT to_self REFERENCES sales."or der",
  twice int GENERATED ALWAYS AS (amount * 2) STORED, CONSTRAINT small CHECK (amount < 100000));
CREATE INDEX "by amount" ON sales."or der" (amount) WHERE amount > 5;
CREATE TRIGGER "stamp it" BEFORE UPDATE ON sales."or der" FOR EACH ROW EXECUTE FUNCTION sales.stamp();
CREATE STATISTICS sales.related ON customer, state FROM sales."or der";
COMMENT ON TABLE sales."or der" IS 'a table; -- with a comment';
COMMENT ON CONSTRAINT small ON sales."or der" IS 'of a constraint';
GRANT SELECT (id, state) ON sales."or der" TO PUBLIC;
ALTER TABLE sales.customer ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON sales.customer USING (name = current_user);
CREATE RULE quiet AS ON DELETE TO sales.customer DO INSTEAD NOTHING;
CREATE TABLE measured (day int, value text, PRIMARY KEY (day)) PARTITION BY RANGE (day);
CREATE TABLE measured_1 PARTITION OF measured FOR VALUES FROM (0) TO (10);
CREATE TABLE measured_2 PARTITION OF measured FOR VALUES FROM (10) TO (20);
CREATE TABLE plain (a int, b text);
CREATE VIEW sales.names AS SELECT id, name FROM sales.customer;
CREATE MATERIALIZED VIEW sales.counted AS SELECT count(*) AS n FROM sales.names;
CREATE PUBLICATION everything FOR TABLE sales.customer;
INSERT INTO sales.customer (name, attributes) SELECT 'c' || i, 'a=>1' FROM generate_series(1, 50) i;
INSERT INTO sales."or der" (customer, amount, self) SELECT i % 50 + 1, i, nullif(i - 1, 0) FROM generate_series(1, 200) i;
INSERT INTO measured SELECT i, E'back\\slash\ttab\nline' FROM generate_series(1, 19) i;
INSERT INTO plain VALUES (1, '\.'), (2, NULL), (3, E'\\N');
SELECT lo_from_bytea(4001, 'large');
COMMENT ON LARGE OBJECT 4001 IS 'of a large object';
REFRESH MATERIALIZED VIEW sales.counted;
"""


@pytest.fixture(scope="module")
def source() -> Iterator[PostgresServer]:
    """A server with the database shop, which is restored to as well."""
    with PostgresServer() as server:
        server.sql("CREATE DATABASE shop")
        server.sql(SHOP, database="shop")
        yield server


@pytest.fixture(scope="module")
def made(source: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Backup:
    """A set of it."""
    return back_up(source, tmp_path_factory.mktemp("parts"), "shop")


@pytest.fixture
def part(source: PostgresServer, made: Backup) -> Iterator[Any]:
    """Restores a part of shop as "part", which is not there before."""

    def restore(check: bool = False, diff: bool = False, module: str = "restore", **options: Any) -> dict[str, Any]:
        place = Path(made.reader.directory)
        given = {
            "engine": "postgresql",
            "login_unix_socket": str(source.socket_dir),
            "login_port": source.port,
            "repository": str(place.parents[2]),
            "source": "source",
            "instance": "main",
            "target": "part",
            "roles": "none",
            "jobs": 2,
            "analyze": False,
        }
        if module != "restore":
            del given["jobs"], given["analyze"]
        return call(module, check=check, diff=diff, **{**given, **options})

    source.sql('DROP DATABASE IF EXISTS "part"')
    yield restore
    source.sql('DROP DATABASE IF EXISTS "part"')


def objects(server: PostgresServer, database: str) -> dict[tuple[str, str], ProofObject]:
    found = prove(server, database, instance=False).databases[database]
    return {item.key: item for item in found if item.kind != "database"}


def shadows(server: PostgresServer) -> list[Any]:
    return server.sql("SELECT datname FROM pg_database WHERE datname ~ 'shadow'")


def test_a_table_comes_with_all_that_belongs_to_it(source: PostgresServer, part: Any) -> None:
    result = part(tables=["or der"])
    (included,) = result["included"]
    assert included["tables"] == ["sales.or der"]
    assert set(included["needed"]) == {
        "schema sales",
        "type sales.state",
        "domain public.positive",
        "function sales.stamp()",
    }
    (foreign_key, large) = included["left_out"]
    assert foreign_key == "the foreign key sales.or der or der_customer_fkey, since sales.customer is not chosen"
    assert large.startswith("large objects")
    assert all(any(text in warning for warning in result["warnings"]) for text in included["left_out"])
    assert result["databases"][0]["counted"] == 1
    there, recorded = objects(source, "part"), objects(source, "shop")
    assert {key: item for key, item in there.items() if recorded.get(key) != item} == {}
    about = {key for key in recorded if "or der" in key[1] or key[1] in ("sales.related", 'sales."by amount"')}
    assert {key for key in about if key not in there} == {key for key in about if "or der_customer_fkey" in key[1]}
    assert ("function", "public.unrelated()") not in there
    assert source.value("SELECT nextval('sales.\"or der_id_seq\"')", database="part") == 201


def test_foreign_keys_stay_where_both_tables_come(source: PostgresServer, part: Any) -> None:
    result = part(tables=["sales.or*", "sales.customer"])
    (included,) = result["included"]
    assert "extension hstore" in included["needed"]
    assert not any("foreign key" in text for text in included["left_out"])
    assert any("publication table" in text for text in included["left_out"])
    there, recorded = objects(source, "part"), objects(source, "shop")
    assert {key for key, item in there.items() if recorded.get(key) != item} == set()
    assert {key[1] for key in there if key[0] == "policy"} == {key[1] for key in recorded if key[0] == "policy"}


@pytest.mark.parametrize(
    ("wanted", "tables", "parents", "rows"),
    [("measured", ["measured", "measured_1", "measured_2"], [], 19), ("measured_1", ["measured_1"], ["measured"], 9)],
)
def test_partitions_come_with_the_whole_and_one_comes_in_its_frame(
    source: PostgresServer, part: Any, wanted: str, tables: list[str], parents: list[str], rows: int
) -> None:
    (included,) = part(tables=[wanted])["included"]
    assert included["tables"] == [f"public.{name}" for name in tables]
    assert included["needed"] == [f"table public.{name}" for name in parents]
    found = source.sql(
        "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace ORDER BY 1",
        database="part",
    )
    assert [name for (name,) in found] == parents + tables
    assert source.value("SELECT count(*) FROM measured", database="part") == rows
    there, recorded = objects(source, "part"), objects(source, "shop")
    assert {key for key, item in there.items() if recorded.get(key) != item} == set()


def test_views_bring_what_they_show(source: PostgresServer, part: Any) -> None:
    result = part(tables=["counted"])
    assert "table sales.customer" in result["included"][0]["needed"]
    assert source.value("SELECT n FROM sales.counted", database="part") == 50
    assert source.value("SELECT count(*) FROM sales.names", database="part") == 50


def test_a_schema_comes_with_everything_in_it(source: PostgresServer, part: Any) -> None:
    part(schemas=["sales", "em*"], tables=["plain"])
    there, recorded = objects(source, "part"), objects(source, "shop")
    missing = {key for key in recorded if key not in there}
    assert {key for key in missing if key[1].startswith(("sales.", "empty")) and key[0] != "publication"} == set()
    assert ("table", "public.plain") in there
    assert ("partitioned table", "public.measured") in missing
    assert {key for key, item in there.items() if recorded.get(key) != item} == set()


def test_schema_public_is_as_it_was_whatever_is_chosen(source: PostgresServer, part: Any) -> None:
    assert part(schemas=["empty"])["included"][0]["needed"] == []
    there, recorded = objects(source, "part"), objects(source, "shop")
    assert there == {key: recorded[key] for key in there}
    assert set(there) >= {("schema", "public"), ("schema", "empty")}


def test_patterns_that_match_nothing_are_named_with_what_there_is(source: PostgresServer, part: Any) -> None:
    with pytest.raises(BackupError) as failure:
        part(tables=["or der", "custmer"], schemas=["sale"])
    text = str(failure.value)
    assert "'custmer' matches no table" in text
    assert "'sales.customer'" in text
    assert "'sale' matches no schema" in text
    assert "'sales'" in text
    assert "part" not in [name for (name,) in source.sql("SELECT datname FROM pg_database")]


def test_check_mode_says_what_would_come(source: PostgresServer, part: Any) -> None:
    result = part(check=True, diff=True, tables=["or der"])
    after = result["diff"]["after"]
    assert "part: table sales.or der" in after
    assert "part: type sales.state, which that needs" in after
    assert "part: without the foreign key sales.or der or der_customer_fkey" in after
    asked = part(module="preflight_info", tables=["or der"])
    assert (asked["ready"], asked["included"]) == (True, result["included"])
    asked = part(module="preflight_info", tables=["or der"], content="data")
    assert (asked["ready"], len(asked["problems"])) == (False, 1)
    assert "part" not in [name for (name,) in source.sql("SELECT datname FROM pg_database")]


def test_schema_brings_no_rows_and_then_data_brings_them(source: PostgresServer, part: Any) -> None:
    result = part(content="schema")
    assert "counted" not in result["databases"][0]
    for table in ("sales.customer", 'sales."or der"', "measured", "plain"):
        assert source.value(f"SELECT count(*) FROM {table}", database="part") == 0
    assert source.value("SELECT is_called FROM sales.customer_id_seq", database="part") is False
    there, recorded = objects(source, "part"), objects(source, "shop")
    assert {key for key in recorded if key not in there and key[0] != "large object"} == set()
    assert {key for key, item in there.items() if recorded[key].digest != item.digest} == set()
    result = part(content="data")
    assert result["databases"][0]["counted"] == 5
    assert {text.partition(":")[0] for text in result["included"][0]["left_out"]} == {
        "the rows of materialized view sales.counted",
        "large objects",
    }
    source.sql("REFRESH MATERIALIZED VIEW sales.counted", database="part")
    there = objects(source, "part")
    assert {key for key, item in there.items() if recorded[key] != item} == set()


def test_data_fills_only_what_is_chosen_and_only_what_is_empty(source: PostgresServer, part: Any) -> None:
    with pytest.raises(BackupError, match="'part' does not exist"):
        part(content="data", tables=["plain"])
    part(content="schema")
    part(content="data", tables=["plain", "customer"])
    assert source.value('SELECT count(*) FROM sales."or der"', database="part") == 0
    assert source.value("SELECT nextval('sales.customer_id_seq')", database="part") == 51
    assert source.value('SELECT last_value FROM sales."or der_id_seq"', database="part") == 1
    source.sql("DROP TABLE measured_2", database="part")
    source.sql('ALTER TABLE sales."or der" ENABLE ALWAYS TRIGGER "stamp it"', database="part")
    source.sql(
        'CREATE TRIGGER fires BEFORE INSERT ON sales."or der" FOR EACH ROW EXECUTE FUNCTION sales.stamp()',
        database="part",
    )
    source.sql('ALTER TABLE sales."or der" ENABLE ALWAYS TRIGGER fires', database="part")
    with pytest.raises(BackupError) as failure:
        part(content="data")
    text = str(failure.value)
    assert "not empty: sales.customer, public.plain" in text or "not empty: public.plain, sales.customer" in text
    assert "public.measured_2" in text
    assert 'fires of sales."or der"' in text
    assert "stamp it" not in text
    with pytest.raises(UsageError, match="if_exists: replace says nothing"):
        part(content="data", if_exists="replace")


def test_data_leaves_tables_empty_when_it_fails(
    source: PostgresServer, part: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    part(content="schema")

    def state() -> list[Any]:
        rows = [source.value(f"SELECT count(*) FROM {table}", database="part") for table in ('sales."or der"', "plain")]
        return [*rows, source.value('SELECT last_value FROM sales."or der_id_seq"', database="part")]

    # the customers are neither there nor loaded
    with pytest.raises(BackupError, match=r"or der_customer_fkey of sales\.\"or der\""):
        part(content="data", tables=["plain", "or der"])
    assert state() == [0, 0, 1]
    with monkeypatch.context() as patched:
        patched.setattr(rows_only, "recorded_rows", lambda *_given: {"public.plain": 4})
        with pytest.raises(BackupError, match="has not the rows"):
            part(content="data", tables=["plain"])
    assert state() == [0, 0, 1]
    source.sql("ALTER TABLE plain ADD CHECK (a < 3)", database="part")
    with pytest.raises(BackupError, match="plain_a_check"):
        part(content="data", tables=["plain"])
    assert state() == [0, 0, 1]


def test_a_login_of_no_superuser_fills_in_the_order_of_foreign_keys(source: PostgresServer, part: Any) -> None:
    part(content="schema")
    source.sql("CREATE ROLE clerk LOGIN PASSWORD 'clerk'")
    try:
        source.sql(
            "GRANT ALL ON SCHEMA sales, public TO clerk; ALTER TABLE sales.customer OWNER TO clerk;"
            'ALTER TABLE sales."or der" OWNER TO clerk',
            database="part",
        )
        login = {"login_unix_socket": None, "login_host": "127.0.0.1", "login_user": "clerk", "login_password": "clerk"}
        result = part(content="data", schemas=["sales"], **login)
        assert result["databases"][0]["counted"] == 2
        assert source.value('SELECT count(*) FROM sales."or der"', database="part") == 200
    finally:
        source.sql('DROP DATABASE "part"')
        source.sql("DROP ROLE clerk")


def test_rows_are_counted_before_the_database_gets_its_name(
    source: PostgresServer, part: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = part_rows.recorded_rows
    where = "ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.run_restore.recorded_rows"
    monkeypatch.setattr(where, lambda *given: {**real(*given), "public.plain": 4})
    with pytest.raises(BackupError, match="has not the rows") as failure:
        part(tables=["plain"])
    assert "public.plain: 4 recorded, 3 loaded" in str(failure.value)
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        source.connect("part")
    assert shadows(source) == []


def test_roles_alone(source: PostgresServer, part: Any) -> None:
    before = source.sql("SELECT datname FROM pg_database ORDER BY 1")
    result = part(databases=[], target=None, roles="all")
    assert (result["databases"], "included" in result) == ([], False)
    assert source.sql("SELECT datname FROM pg_database ORDER BY 1") == before
    with pytest.raises(UsageError, match="no database is"):
        part(databases=[], target=None, tables=["plain"])


def test_names_and_rows_in_another_encoding(
    source: PostgresServer, part: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    source.sql("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    try:
        with source.connect("latin", client_encoding="utf8") as session:
            session.execute('CREATE TABLE "été" (id serial, "où" text)')
            session.execute("CREATE TABLE other ()")
            session.execute("INSERT INTO \"été\" (\"où\") VALUES ('çà'), ('là')")
        made = back_up(source, tmp_path_factory.mktemp("latin"), "latin")
        place = {"repository": str(Path(made.reader.directory).parents[2]), "tables": ["?t?"]}
        assert part(content="schema", **place)["included"][0]["tables"] == ["public.été"]
        assert part(content="data", **place)["databases"][0]["counted"] == 1
        with source.connect("part", client_encoding="utf8") as session:
            assert session.execute('SELECT * FROM "été" ORDER BY 1').fetchall() == [(1, "çà"), (2, "là")]
            assert session.execute("SELECT nextval('\"été_id_seq\"')").fetchone() == (3,)
    finally:
        source.sql("DROP DATABASE latin")


def test_a_part_in_the_place_of_a_whole_database_is_said_to_be_one(source: PostgresServer, part: Any) -> None:
    part(content="schema")
    result = part(tables=["plain"], if_exists="replace", keep_previous=0)
    assert "A part takes the place of whole databases: part." in result["warnings"]
    assert [name for kind, name in objects(source, "part") if kind == "table"] == ["public.plain"]


RACE = """
CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.n := -1; RETURN NEW; END';
CREATE TABLE many (k int, n int) PARTITION BY LIST (k);
DO 'BEGIN FOR i IN 1..2 LOOP EXECUTE format(''CREATE TABLE many_%s PARTITION OF many FOR VALUES IN (%s)'', i, i); END LOOP; END';
INSERT INTO many SELECT i % 2 + 1, i FROM generate_series(1, 4000) i;
CREATE TRIGGER "on every one" BEFORE INSERT ON many FOR EACH ROW EXECUTE FUNCTION spoil();
COMMENT ON TRIGGER "on every one" ON many IS 'of a trigger';
"""


@pytest.mark.parametrize("wanted", [{}, {"tables": ["many"]}])
def test_triggers_of_partitioned_tables_come_after_the_rows(
    source: PostgresServer, part: Any, tmp_path_factory: pytest.TempPathFactory, wanted: dict[str, Any]
) -> None:
    # sessions of pg_restore would make the trigger while rows come, now and then
    source.sql("CREATE DATABASE race")
    try:
        source.sql(RACE, database="race")
        made = back_up(source, tmp_path_factory.mktemp("race"), "race")
        part(repository=str(Path(made.reader.directory).parents[2]), jobs=4, **wanted)
        assert source.value("SELECT count(*) FROM many WHERE n < 0", database="part") == 0
        recorded = objects(source, "race")
        assert objects(source, "part") == recorded
    finally:
        source.sql("DROP DATABASE race")
