# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Dumps by the servers' own tools, renamed, loaded into real servers and dumped again: only the name differs."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._sql.inventory import take_inventory
from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_splitter import MySQLSplitter
from ansible_collections.vya.backupdb.plugins.module_utils._sql.postgresql_splitter import PostgresSplitter
from ansible_collections.vya.backupdb.plugins.module_utils._sql.tokens import COMMENT, END, Statement

from tests.support.mariadb import MariaDBServer
from tests.support.postgresql import PostgresServer
from tests.unit.sql.support import rename

#: everything is called shop: database, sequence, table, column, constraint, function, parameter, trigger, event, aliases
MARIADB = r"""
CREATE DATABASE shop; CREATE DATABASE other; USE shop;
CREATE SEQUENCE shop;
CREATE TABLE t (shop int PRIMARY KEY, b varchar(200) DEFAULT 'shop.t `shop`.`t`', c int);
CREATE TABLE `sh``op` (shop int, CONSTRAINT shop FOREIGN KEY (shop) REFERENCES shop.t (shop) ON DELETE CASCADE,
  CHECK (shop > 0 AND `sh``op`.shop < 1000));
CREATE TABLE u (a int GENERATED ALWAYS AS (shop.u.b + 1) VIRTUAL, b int COMMENT 'shop.u', c int DEFAULT nextval(shop.shop));
INSERT INTO t (shop, b) VALUES (1, 'it''s `shop`.`t`; USE `shop`; -- \\ "'), (2, 'shop');
CREATE FUNCTION shop(a int) RETURNS int DETERMINISTIC RETURN a + (SELECT COUNT(*) FROM shop.t);
USE other;
CREATE VIEW shop.v AS SELECT shop.t.shop, shop.shop(1) AS f, x.b AS shop_ FROM shop.t JOIN shop.t AS x ON x.shop = shop.t.shop
  WHERE x.b <> 'shop.t';
CREATE VIEW shop.w AS SELECT shop.shop AS shop FROM shop.t AS shop, (SELECT shop FROM shop.v) y
  WHERE shop.b IN (SELECT b FROM shop.t);
CREATE VIEW shop.z AS WITH shop AS (SELECT 1 AS a) SELECT shop.a, EXTRACT(DAY FROM shop.a) d FROM shop;
USE shop;
DELIMITER //
CREATE PROCEDURE p(IN shop int) BEGIN DECLARE x int; SELECT t.shop INTO x FROM shop.t WHERE t.shop = shop LIMIT 1;
  SET @s = 'SELECT * FROM shop.t'; UPDATE shop.t, u SET t.b = shop.shop(3) WHERE shop.t.shop = 5; END//
CREATE TRIGGER shop BEFORE INSERT ON t FOR EACH ROW BEGIN SET NEW.c = shop.shop(1); DELETE FROM shop.u WHERE b = NEW.shop; END//
CREATE EVENT shop ON SCHEDULE EVERY 1 YEAR STARTS '2030-01-01' DO INSERT INTO shop.u (b) SELECT shop FROM shop.t//
DELIMITER ;
"""
ROWS = "SELECT shop, b FROM `{}`.t ORDER BY shop"


def ran(command: Sequence[str], **options: Any) -> subprocess.CompletedProcess[bytes]:
    """A program's run, which must succeed."""
    done = subprocess.run(command, check=False, capture_output=True, **options)
    assert done.returncode == 0, done.stderr.decode()
    return done


@pytest.fixture(scope="module")
def mariadb() -> Iterator[MariaDBServer]:
    """For tests that drop what they made."""
    with MariaDBServer() as server:
        yield server


@pytest.fixture
def shop(mariadb: MariaDBServer) -> Iterator[MariaDBServer]:
    """A server with the database that everything is called after."""
    mariadb.client(input_text=MARIADB)
    yield mariadb
    kept = ("information_schema", "mysql", "performance_schema", "sys")
    for (name,) in mariadb.sql("SELECT schema_name FROM information_schema.schemata"):
        if name not in kept:
            mariadb.sql("DROP DATABASE `{}`".format(name.replace("`", "``")))


def dumped(server: MariaDBServer, database: str) -> bytes:
    command = ["mysqldump", *server.client_options(), "--routines", "--events", "--triggers", "--databases", database]
    return ran(command).stdout


def load(server: MariaDBServer, dump: bytes, *options: str) -> None:
    ran(["mysql", *server.client_options(), *options], input=dump)


def without_comments(dump: bytes) -> list[bytes]:
    return [line for line in dump.split(b"\n") if not line.startswith(b"-- ")]


# no quotes: mariadb-dump escapes them where it selects the database, and does not find it
@pytest.mark.parametrize("new", ["copy", "ne`w sh;op", "sélect_%"])
def test_m22_a_mariadb_database_lives_on_under_another_name(shop: MariaDBServer, new: str) -> None:
    server = shop
    before = server.sql(ROWS.format("shop"))
    dump = dumped(server, "shop")
    renamed = rename("mysql", dump, {"shop": new})
    load(server, renamed.output)
    quoted = new.replace("`", "``")
    assert server.sql(ROWS.format(quoted)) == before
    # nothing of the copy may need the original
    server.sql("DROP DATABASE shop")
    assert without_comments(dumped(server, new)) == without_comments(renamed.output)
    for view in "vwz":
        server.sql(f"SELECT * FROM `{quoted}`.{view}")
    server.sql(f"INSERT INTO `{quoted}`.t (shop) VALUES (7)")
    server.sql(f"CALL `{quoted}`.p(1)")
    # the procedure's dynamic SQL, and the view's constant
    assert [line.split(": ")[1].split(" (")[0] for line in renamed.references] == ["SQL in a string names it"] * 2


def test_m22_sed_corrupts_a_mariadb_dump_and_we_do_not(shop: MariaDBServer) -> None:
    before = shop.sql(ROWS.format("shop"))
    dump = dumped(shop, "shop")
    ours = rename("mysql", dump, {"shop": "copy"}).output
    load(shop, ours)
    assert shop.sql(ROWS.format("copy")) == before
    shop.sql("DROP DATABASE copy")
    careful = sed("s/`shop`/`copy`/g", dump)
    # the rows' own words are gone
    assert b"it\\'s `copy`.`t`; USE `copy`;" in careful
    assert b"it\\'s `shop`.`t`; USE `shop`;" in ours
    # and so are columns, triggers, aliases: what is left unquoted no longer finds them
    with pytest.raises(AssertionError, match="ERROR"):
        load(shop, careful)


def test_m22_sed_changes_rows_silently(shop: MariaDBServer) -> None:
    """Where the database's name is nobody else's, sed's dump loads without an error, with other data."""
    shop.sql("CREATE DATABASE crm; CREATE TABLE crm.t (shop int PRIMARY KEY, b text)")
    shop.sql("INSERT INTO crm.t VALUES (1, 'see crm.example.com'), (2, 'USE `crm`;')")
    before = shop.sql(ROWS.format("crm"))
    dump = dumped(shop, "crm")
    load(shop, sed("s/crm/copy/g", dump))
    assert shop.sql(ROWS.format("copy")) != before
    shop.sql("DROP DATABASE copy")
    load(shop, rename("mysql", dump, {"crm": "copy"}).output)
    assert shop.sql(ROWS.format("copy")) == before
    assert shop.sql(ROWS.format("crm")) == before


def sed(script: str, dump: bytes) -> bytes:
    environment = {**os.environ, "LC_ALL": "C"}
    return ran(["sed", script], input=dump, env=environment).stdout


def test_m22_grants_follow_with_their_wildcards_escaped(shop: MariaDBServer) -> None:
    server = shop
    server.sql("CREATE DATABASE a_b; CREATE TABLE a_b.t (x int); CREATE USER u IDENTIFIED BY 'x'")
    server.sql("GRANT SELECT ON `a\\_b`.* TO u; GRANT INSERT (x) ON a_b.t TO u")
    rows = server.sql("SHOW GRANTS FOR u")
    grants = [next(iter(row.values())) if isinstance(row, dict) else row[0] for row in rows]
    renamed = rename("mysql", ";\n".join([*grants, ""]).encode(), {"a_b": "c_%d"}).output.decode()
    assert "ON `c\\_\\%d`.* TO" in renamed
    assert "ON `c_%d`.`t` TO" in renamed
    server.sql("CREATE DATABASE `c_%d`")
    server.sql("CREATE TABLE `c_%d`.t (x int)")
    load(server, renamed.encode())


CUT_BY_MYSQL = r"""SELECT 1; SELECT 'a;b', "c;d", 2 AS `x;y`; SELECT 'it\'s;', "a\";b", 'a\'\';b', 'a'';b', 3 AS `a\`;
SELECT 2 -- ; x
;
SELECT 3 # ; '
;
SELECT 4 /* ; ' */ + 1; SELECT 5 /*!50001 + 1 */, 6--1, 7 /*M! + 1 */; /*!40101 SET @a = ';' */;
SELECT 'a
;b' AS `c
;d`;
DELIMITER //
CREATE PROCEDURE p() BEGIN SELECT ';'; SELECT 1; END// SELECT 8 //
DELIMITER $$
SELECT 9$$ SELECT 'a$$b' $$
delimiter ;
SET sql_mode='NO_BACKSLASH_ESCAPES'; SELECT '\'; SET sql_mode=''; SELECT '\';';
SET sql_mode='ANSI_QUOTES'; SELECT 10 AS "x;y", 11 AS "x'"; SET sql_mode='';
SELECT 12"""


def test_our_splitter_ends_statements_where_mysql_does(shop: MariaDBServer) -> None:
    """The server logs what the client sends; that must be what we cut."""
    shop.sql("CREATE DATABASE cut; SET GLOBAL log_output='TABLE'; TRUNCATE mysql.general_log; SET GLOBAL general_log=1")
    load(shop, b"USE cut;\n" + CUT_BY_MYSQL.encode(), "--comments")
    shop.sql("SET GLOBAL general_log=0")
    log = shop.sql("SELECT argument FROM mysql.general_log WHERE command_type='Query' ORDER BY event_time")
    sent = [squeezed(next(iter(row.values())) if isinstance(row, dict) else row[0]) for row in log]
    sent = sent[sent.index("SELECT 1") : sent.index("SELECT 12") + 1]
    cut = [
        squeezed(b"".join(text for kind, text in item.tokens if kind not in (COMMENT, END)).decode())
        for item in MySQLSplitter([CUT_BY_MYSQL.encode()])
        if isinstance(item, Statement) and item.kind != "delimiter"
    ]
    assert cut == [squeezed(re.sub(r"/\* ; ' \*/|# ; '", "", text)) for text in sent]


POSTGRES = r"""
CREATE SCHEMA shop AUTHORIZATION shop;
CREATE TABLE shop.shop (shop text PRIMARY KEY DEFAULT 'shop.public.shop');
CREATE TABLE shop.t (shop text CONSTRAINT shop REFERENCES shop.shop.shop (shop) CHECK (shop.shop.t.shop <> E'\'shop\\'));
INSERT INTO shop.shop VALUES (E'it''s "shop"; \\connect shop\n\\.\nCOMMENT ON DATABASE shop IS ''x'';\t\\'), ('$$'), ('');
CREATE VIEW shop.v AS SELECT shop.shop AS shop FROM shop.shop shop, shop.shop.t x;
CREATE FUNCTION shop.f() RETURNS text LANGUAGE plpgsql AS $_$ begin return 'shop'; end $_$;
CREATE FUNCTION shop.g() RETURNS bigint BEGIN ATOMIC SELECT count(*) FROM shop.shop.shop; SELECT CASE WHEN true THEN 1 END; END;
CREATE RULE r AS ON INSERT TO shop.t DO ALSO (DELETE FROM shop.shop WHERE shop = NEW.shop; SELECT 1);
ALTER DATABASE shop SET search_path TO shop, public;
ALTER ROLE shop IN DATABASE shop SET work_mem TO '5MB';
COMMENT ON DATABASE shop IS 'shop: \connect shop';
GRANT CONNECT ON DATABASE shop TO shop;
"""


def without_header(dump: bytes) -> list[bytes]:
    """Without comments, the random key of fixed versions, and what comes before connecting to an odd name."""
    dropped = (b"-- ", b"\\restrict", b"\\unrestrict", b"\\encoding SQL_ASCII")
    return [line for line in dump.split(b"\n") if not line.startswith(dropped)]


@pytest.fixture(scope="module")
def source() -> Iterator[PostgresServer]:
    """A server with the database that everything is called after; nobody changes it."""
    with PostgresServer() as server:
        server.sql("CREATE ROLE shop")
        server.sql("CREATE DATABASE shop OWNER shop")
        server.psql(database="shop", input_text=POSTGRES)
        yield server


@pytest.fixture(scope="module")
def empty() -> Iterator[PostgresServer]:
    """A server that holds nothing."""
    with PostgresServer() as server:
        yield server


@pytest.fixture
def target(empty: PostgresServer) -> Iterator[PostgresServer]:
    """A server that holds nothing, and does again afterwards."""
    yield empty
    for (name,) in empty.sql("SELECT datname FROM pg_database WHERE NOT datistemplate AND datname <> 'postgres'"):
        empty.sql('DROP DATABASE "{}"'.format(name.replace('"', '""')))
    empty.sql("DROP ROLE IF EXISTS shop, copy")


def of_cluster(server: PostgresServer, *options: str) -> bytes:
    environment = {**os.environ, **server.client_environment("postgres")}
    return ran(["pg_dumpall", "--no-role-passwords", *options], env=environment).stdout


def load_cluster(server: PostgresServer, dump: bytes) -> None:
    """The bootstrap role is there already; psql goes on over it."""
    environment = {**os.environ, **server.client_environment("postgres")}
    ran(["psql", "-X", "-q"], input=dump, env=environment)


@pytest.mark.parametrize(
    ("new", "options"),
    [
        ("copy", []),
        ("select", ["--inserts"]),
        ("a=b", []),
        ("New \"Sh'op\\;é", ["--column-inserts", "--rows-per-insert=2"]),
    ],
)
def test_p06_p07_p34_a_postgresql_cluster_lives_on_under_another_name(
    source: PostgresServer, target: PostgresServer, new: str, options: list[str]
) -> None:
    dump = of_cluster(source, *options)
    renamed = rename("postgresql", dump, {"shop": new})
    assert not renamed.unfinished
    inventory = take_inventory([renamed.output], "postgresql")
    assert new in inventory.databases
    assert "shop" not in inventory.databases
    assert inventory.truncated is None
    assert not inventory.refused
    load_cluster(target, renamed.output)
    # databases come in the order of their names
    assert sorted(without_header(of_cluster(target, *options))) == sorted(without_header(renamed.output))
    assert rename("postgresql", renamed.output, {new: "shop"}).output == dump


def test_sed_corrupts_a_postgresql_dump_and_we_do_not(source: PostgresServer, target: PostgresServer) -> None:
    rows = "SELECT shop FROM shop.shop ORDER BY 1"
    before = source.sql(rows, database="shop")
    dump = of_cluster(source)
    # loads without a word, and has changed rows, schemas, tables, columns and roles
    load_cluster(target, sed("s/shop/copy/g", dump))
    assert target.sql("SELECT copy FROM copy.copy ORDER BY 1", database="copy") != before
    target.sql("DROP DATABASE copy")
    target.sql("DROP ROLE copy")
    # a careful pattern misses \\connect: the content goes where the dump's session happens to be
    assert b"\\connect shop" in sed("s/DATABASE shop/DATABASE copy/g", dump)
    load_cluster(target, rename("postgresql", dump, {"shop": "copy"}).output)
    assert target.sql(rows, database="copy") == before


def test_our_splitter_ends_statements_where_psql_does(fresh_pg: Callable[..., PostgresServer]) -> None:
    """The server logs what psql sends; that must be what we cut."""
    dump = (
        "SELECT 1; SELECT 2 -- ; x\n;\nSELECT 'a;b', E'a\\';b', $$;$$, $a$;$$;$a$, \"x;y\" FROM (SELECT 1 AS \"x;y\") z;"
        "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT CASE WHEN true THEN 1 END; END;"
        "CREATE TABLE begin (a int);SELECT /* ; /* ; */ ; */ 3; SELECT U&'\\0041;', B'1', X'f', N';' , 5 AS a$b$c;\n"
        "SET standard_conforming_strings = off;\nSELECT 'a\\';b';SET standard_conforming_strings = on;\nSELECT '\\';\n"
        "SELECT E'a'\n 'b'';c';CREATE RULE r AS ON INSERT TO begin DO (SELECT 1; SELECT 2);COPY begin FROM stdin;\n1\n\\.\nSELECT 6"
    )
    server = fresh_pg(settings={"log_statement": "all", "log_min_messages": "log"})
    ran(
        ["psql", "-X", "-q"],
        input=dump.encode(),
        env={**os.environ, **server.client_environment("postgres")},
    )
    log = server.log_tail(400)
    sent = [squeezed(text) for text in re.findall(r"LOG:  statement: (.*?)(?=\n\S|\Z)", log, re.DOTALL)]
    sent = sent[sent.index("SELECT 1;") :]
    cut = [
        squeezed(item.bytes().decode())
        for item in PostgresSplitter([dump.encode()])
        if isinstance(item, Statement) and not item.part
    ]
    assert cut == sent


def squeezed(text: str) -> str:
    return " ".join(re.sub(r"\s*--[^\n]*", "", text).split())
