# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What becomes of each statement of a MySQL dump, what it needs, and how its events wait."""

from __future__ import annotations

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._sql.inventory import take_inventory
from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_database import database_options, waiting_event
from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_lexer import MySQLMode
from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_policy import policy_of
from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_rows import inserted_columns, inserted_values
from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_splitter import MySQLSplitter
from ansible_collections.vya.backupdb.plugins.module_utils._sql.tokens import Statement


def statement(sql: str) -> Statement:
    items = MySQLSplitter([b"DELIMITER //\n" + sql.encode() + b"//\n"])
    return next(item for item in items if isinstance(item, Statement) and item.kind != "delimiter")


@pytest.mark.parametrize(
    ("action", "statements"),
    [
        ("execute", ["CREATE TABLE t (a INT)", "INSERT INTO t SELECT 1", "DROP VIEW v", "CREATE PACKAGE BODY p AS BEGIN END"]),
        ("execute", ["/*!50003 CREATE*/ /*!50017 DEFINER=`a`@`b`*/ /*!50003 TRIGGER x BEFORE INSERT ON t FOR EACH ROW SET @a=1 */"]),
        ("execute", ["DO SETVAL(s, 5)", "SELECT SETVAL(s, 5)", "SELECT MAX(a) INTO @m FROM t", "SELECT @a := 5", "RENAME TABLE a TO b"]),
        ("setting", ["SET NAMES utf8", "/*!40101 SET @OLD=@@SQL_MODE, SQL_MODE='' */", "SET time_zone = '+00:00'"]),
        ("ignore", ["LOCK TABLES t WRITE", "UNLOCK TABLES", "START TRANSACTION", "COMMIT", "BEGIN", "SELECT 1", "SHOW TABLES"]),
        ("ignore", ["SET @@SESSION.SQL_LOG_BIN= 0", "SET ROLE NONE", "DROP ROLE mariadb_dump_import_role"]),
        ("ignore", ["/*M!100203 EXECUTE IMMEDIATE CONCAT('SET ROLE ', @current_role) */"]),
        ("setting", ["SET SESSION sql_mode = REPLACE(@@global.sql_mode, 'a.b', '')", "SET @a = @@GLOBAL.x"]),
        ("omit", ["SET " + "@a = 1, " * 30 + "GLOBAL max_connections = 1", "SET @a = 1, @@global.x = 2"]),
        ("omit", ["SET @@GLOBAL.GTID_PURGED='x'", "SET PERSIST a = 1", "CHANGE MASTER TO MASTER_HOST='x'", "START SLAVE"]),
        ("omit", ["FLUSH PRIVILEGES", "INSTALL PLUGIN a SONAME 'b'", "CREATE FUNCTION f RETURNS INT SONAME 'x'", "KILL 5"]),
        ("omit", ["SELECT 1 INTO OUTFILE '/x'", "SELECT 1 INTO DUMPFILE '/x'", "SET PASSWORD = 'x'", "CREATE SERVER s OPTIONS ()"]),
        ("database", ["USE d", "CREATE SCHEMA d", "ALTER DATABASE d COLLATE x", "DROP DATABASE d"]),
        ("account", ["CREATE USER u", "GRANT ALL ON *.* TO u", "SET DEFAULT ROLE r FOR u", "CREATE ROLE r WITH ADMIN mariadb_dump_import_role"]),
        ("refuse", ["LOAD DATA LOCAL INFILE 'x' INTO TABLE t", "CALL p()", "PREPARE s FROM 'x'", "BINLOG 'x'", "HANDLER t OPEN"]),
        ("refuse", ["BEGIN NOT ATOMIC SELECT 1; END", "SET STATEMENT a=1 FOR SELECT 1", "ROLLBACK", "XA START 'x'", "IF 1 THEN SELECT 1; END IF"]),
    ],
)  # fmt: skip
def test_each_statement_has_its_policy(action: str, statements: list[str]) -> None:
    assert [policy_of(statement(sql)).action for sql in statements] == [action] * len(statements)


def test_m15_m28_what_a_dump_needs_is_listed_with_its_places() -> None:
    dump = (
        b"CREATE DATABASE a /*!40100 DEFAULT CHARACTER SET latin1 COLLATE latin1_bin */; USE a;\n"
        b"CREATE TABLE t (x INT COMMENT 'ENGINE=no', y TEXT CHARACTER SET 'big5' COLLATE `big5_bin`) ENGINE = Aria;\n"
        b"CREATE TABLE a.u (engine INT) /*!80000 ENGINE=Hidden COLLATE=utf8mb4_0900_ai_ci */ CHARSET=DEFAULT;\n"
        b"INSERT INTO t VALUES ('ENGINE=no COLLATE no');\n/*!50003 SET collation_connection = utf8mb3_bin */;\n"
    )
    found = take_inventory([dump], "mysql").mysql.needs
    assert {(sort, name) for _database, sort, name in found} == {
        ("character set", "latin1"),
        ("collation", "latin1_bin"),
        ("character set", "big5"),
        ("collation", "big5_bin"),
        ("storage engine", "Aria"),
        ("collation", "utf8mb3_bin"),
    }
    assert found["a", "storage engine", "Aria"] == ["table t in line 2"]


@pytest.mark.parametrize(
    ("sql", "expected", "status"),
    [
        ("CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO SELECT 1", "EVERY 1 DAY  DISABLE DO SELECT", ""),
        ("CREATE EVENT do ON SCHEDULE AT NOW() ENABLE COMMENT 'DO' DO SELECT 'ENABLE'", "DISABLE COMMENT 'DO'", "ENABLED"),
        ("/*!50106 CREATE EVENT e ON SCHEDULE EVERY 1 DAY DISABLE ON SLAVE DO BEGIN END */", "DISABLE DO", "SLAVESIDE_DISABLED"),
        ("ALTER EVENT e ENABLE", "DISABLE", "ENABLED"),
        ("ALTER EVENT e DISABLE", "DISABLE", "DISABLED"),
    ],
)  # fmt: skip
def test_m09_events_wait_disabled(sql: str, expected: str, status: str) -> None:
    changed, found = waiting_event(statement(sql))
    text = changed.bytes().decode()
    assert found == status
    assert " ".join(expected.split()) in " ".join(text.split())
    assert text.count("DISABLE") == 1
    assert "ENABLE" not in text.replace("'ENABLE'", "")


def test_the_options_of_a_database() -> None:
    sql = "CREATE DATABASE d /*!40100 DEFAULT CHARACTER SET = 'utf8mb4' COLLATE utf8mb4_bin */ COMMENT 'it''s'"
    assert database_options(statement(sql)) == {"charset": "utf8mb4", "collation": "utf8mb4_bin", "comment": "'it''s'"}
    assert database_options(statement("ALTER DATABASE CHARSET latin1")) == {"charset": "latin1"}


def test_m20_single_values_of_an_insert() -> None:
    sql = b"INSERT INTO t (`a,(`, b) VALUES ('', NOW()),\n(-1, CONCAT('a', (1))) ON DUPLICATE KEY UPDATE b = (5)"
    assert inserted_columns(sql, MySQLMode()) == ["a,(", "b"]
    assert list(inserted_values(sql, MySQLMode()))[:4] == [
        (1, 1, b"''"),
        (1, 2, b"NOW()"),
        (2, 1, b"-1"),
        (2, 2, b"CONCAT('a',(1))"),
    ]
    assert inserted_columns(b"INSERT INTO t VALUES (1)", MySQLMode()) == []
    assert inserted_columns(b'INSERT INTO "t" ("a", b) VALUES (1, 2)', MySQLMode(ansi_quotes=True)) == ["a", "b"]


def test_numbers_as_long_as_a_dump_likes_are_no_number() -> None:
    digits = b"9" * 5000
    dump = b"SET sql_mode = " + digits + b";\nCREATE TABLE t (a INT) AUTO_INCREMENT=" + digits + b";\n"
    assert take_inventory([dump], "mysql").mysql.objects.objects[""].tables["t"].counter == 0
