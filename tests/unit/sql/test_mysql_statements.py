# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a MySQL dump is cut into: kinds, lines, heads, the current database, modes."""

from __future__ import annotations

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_lexer import MySQLMode
from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_session import MySQLSession
from ansible_collections.vya.backupdb.plugins.module_utils._sql.subjects import database_of, subject_of
from ansible_collections.vya.backupdb.plugins.module_utils._sql.tokens import Data, Statement

from tests.unit.sql.support import items, rename, splitter_of


def statements(dump: str) -> list[Statement]:
    return [item for item in items("mysql", dump.encode()) if isinstance(item, Statement) and not item.part]


@pytest.mark.parametrize(
    ("text", "kind", "subject"),
    [
        ("CREATE DATABASE /*!32312 IF NOT EXISTS*/ `a` ;", "create_database", "database a"),
        ("create schema a;", "create_database", "database a"),
        ("/*!40000 DROP DATABASE IF EXISTS `a`*/;", "drop_database", "database a"),
        ("ALTER DATABASE `a` COLLATE x;", "alter_database", "database a"),
        ("CREATE TEMPORARY TABLE IF NOT EXISTS `a`.`b``c` (x int);", "create_table", "table a.b`c"),
        ("DROP TABLE IF EXISTS `t`;", "drop_table", "table t"),
        ("/*!40000 ALTER TABLE `t` DISABLE KEYS */;", "alter_table", "table t"),
        ("LOCK TABLES `t` WRITE;", "lock_table", "table t"),
        (
            "/*!50001 CREATE ALGORITHM=UNDEFINED */ /*!50013 DEFINER=`v`@`%` */ /*!50001 VIEW `w` AS select 1 */;",
            "create_view",
            "view w",
        ),
        (
            "CREATE DEFINER=event@view TRIGGER t BEFORE INSERT ON b FOR EACH ROW SET @a=1;",
            "create_trigger",
            "trigger t",
        ),
        ("CREATE DEFINER=CURRENT_USER PROCEDURE p() SELECT 1;", "create_routine", "routine p"),
        ("CREATE OR REPLACE AGGREGATE FUNCTION f() RETURNS INT RETURN 1;", "create_routine", "routine f"),
        ("/*!50106 CREATE EVENT `e` ON SCHEDULE EVERY 1 DAY DO SELECT 1 */;", "create_event", "event e"),
        ("CREATE FULLTEXT INDEX i ON t (a);", "create_index", "index i"),
        ("INSERT IGNORE INTO `db`.`t` (a) VALUES (1);", "insert", "row db.t"),
        ("REPLACE t VALUES (1);", "insert", "row t"),
        ("CREATE USER `u`@`%` IDENTIFIED BY 'secret';", "create_role", "role u"),
        ("GRANT ALL ON *.* TO x;", "grant", None),
        ("SET NAMES utf8mb4;", "set", None),
        ("USE `a b`;", "use", None),
        ("COMMIT;", "transaction", None),
        ("CREATE SERVER s FOREIGN DATA WRAPPER mysql OPTIONS (HOST 'x');", "create_server", "server s"),
        ("system id", "meta", None),
    ],
)
def test_kinds_and_subjects(text: str, kind: str, subject: str | None) -> None:
    (statement,) = statements(text)
    assert statement.kind == kind
    found = subject_of(statement, "mysql")
    assert (str(found) if found else None) == subject


def test_f17_heads_name_the_statement_without_its_secrets() -> None:
    found = statements(
        "\n\n-- x\nCREATE USER `u`@`%` -- y\n  IDENTIFIED BY 'secret''s' REQUIRE\tSSL;" + "SELECT " + "a, " * 99 + "b;"
    )
    assert found[0].head == "CREATE USER `u`@`%` IDENTIFIED BY '…' REQUIRE SSL"
    assert found[0].line == 4
    assert len(found[1].head) == 100
    assert found[1].head.endswith("…")


def test_the_current_database_follows_use() -> None:
    found = statements("SELECT 1; USE `a``b`; SELECT 2;\nuse c\nSELECT 3; DROP TABLE d.t; CREATE DATABASE e;")
    current = [(statement.head, database_of(statement, "mysql")) for statement in found]
    assert current == [
        ("SELECT 1", None),
        ("USE `a``b`", "a`b"),
        ("SELECT 2", "a`b"),
        ("use c", "c"),
        ("SELECT 3", "c"),
        ("DROP TABLE d.t", "d"),
        ("CREATE DATABASE e", "e"),
    ]


def test_runs_of_inserts_come_as_data_and_their_lines_are_counted() -> None:
    dump = b"INSERT INTO `t` VALUES (1,'a\n;');\n" * 5000 + b"USE x;\n"
    found = items("mysql", dump)
    assert sum(isinstance(item, Statement) and item.kind == "insert" and not item.part for item in found) < 50
    assert max(len(item.text) for item in found if isinstance(item, Data)) > 1000
    (use,) = [item for item in found if isinstance(item, Statement) and item.kind == "use"]
    assert use.line == 10001


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SET sql_mode = 'ANSI_QUOTES'", MySQLMode(ansi_quotes=True)),
        ('SET SESSION sql_mode = "no_backslash_escapes,ansi"', MySQLMode(ansi_quotes=True, backslash=False)),
        ("SET @@sql_mode := ORACLE", MySQLMode(ansi_quotes=True)),
        ("SET @@LOCAL.sql_mode = 4", MySQLMode(ansi_quotes=True)),
        ("SET `sql_mode` = 1048576", MySQLMode(backslash=False)),
        ("SET GLOBAL sql_mode = 'ANSI_QUOTES'", MySQLMode()),
        ("SET @@global.sql_mode = 'ANSI_QUOTES'", MySQLMode()),
        ("SET @sql_mode = 'ANSI_QUOTES'", MySQLMode()),
        ("SET time_zone = 'x', sql_mode = 'ANSI_QUOTES', @x = 1", MySQLMode(ansi_quotes=True)),
        ("SET NAMES 'gbk' COLLATE gbk_bin", MySQLMode(charset="gbk")),
        ("SET CHARACTER SET big5", MySQLMode(charset="big5")),
        ("SET CHARSET sjis", MySQLMode(charset="sjis")),
        ("SET character_set_client = gbk", MySQLMode(charset="gbk")),
        ("SET NAMES DEFAULT", MySQLMode()),
        ("SET character_set_results = gbk", MySQLMode()),
        ("SET sql_mode = (SELECT REPLACE(@@sql_mode, 'ANSI_QUOTES', ''))", MySQLMode()),
        ("SET sql_mode = CONCAT(@@sql_mode, ',ANSI_QUOTES')", MySQLMode(ansi_quotes=True)),
        ("SET sql_mode = some_function()", MySQLMode()),
    ],
)
def test_m20_modes_that_a_dump_sets_are_followed(text: str, expected: MySQLMode) -> None:
    session = MySQLSession(MySQLMode())
    (statement,) = statements(text)
    session.apply(statement)
    assert session.mode == expected


def test_m20_modes_are_kept_in_variables_and_come_back() -> None:
    dump = (
        "/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='ANSI_QUOTES' */;\n"
        "/*!50003 SET @saved_cs_client = @@character_set_client */ ;\n"
        "/*!50003 SET character_set_client = gbk */ ;\n"
        "/*!50003 SET character_set_client = @saved_cs_client */ ;\n"
        "/*!40101 SET SQL_MODE=@OLD_SQL_MODE */;\n"
    )
    splitter = splitter_of("mysql", [dump.encode()])
    modes = [splitter.session.mode for item in splitter if isinstance(item, Statement)]  # type: ignore[attr-defined]
    assert [(mode.ansi_quotes, mode.charset) for mode in modes] == [
        (True, "utf8mb4"),
        (True, "utf8mb4"),
        (True, "gbk"),
        (True, "utf8mb4"),
        (False, "utf8mb4"),
    ]


def test_the_server_may_begin_with_other_modes() -> None:
    from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_splitter import MySQLSplitter

    splitter = MySQLSplitter(
        [b'SELECT "a;b"; SET sql_mode=DEFAULT; SELECT 1;'], sql_mode="ANSI_QUOTES,NO_BACKSLASH_ESCAPES"
    )
    first = next(item for item in splitter if isinstance(item, Statement))
    assert first.bytes() == b'SELECT "a;b";'
    assert splitter.session.mode.ansi_quotes


def test_p34_a_name_that_the_dump_cannot_write_is_refused() -> None:
    from ansible_collections.vya.backupdb.plugins.module_utils._sql.tokens import SqlError

    with pytest.raises(
        SqlError, match=r"^Line 2: the dump is written in cp1252, which has no letters for the name"
    ) as caught:
        rename("mysql", b"SET NAMES latin1;\nUSE `shop`;", {"shop": "\u8868"})
    assert caught.value.remedy


def test_m19_case_is_ignored_only_when_the_server_ignores_it() -> None:
    from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_rename import MySQLRenamer

    dump = "USE Shop; SELECT * FROM SHOP.t; USE `\u00dcbung`;".encode()
    for ignore, expected in ((False, dump), (True, b"USE new; SELECT * FROM new.t; USE `neu`;")):
        renamer = MySQLRenamer({"shop": "new", "\u00fcbung": "neu"}, ignore_case=ignore)
        assert b"".join(renamer.run(splitter_of("mysql", [dump]))) == expected
        assert len(renamer.references.found) == (0 if ignore else 2)


def test_grants_are_literal_under_partial_revokes() -> None:
    from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_rename import MySQLRenamer

    renamer = MySQLRenamer({"a_b": "c_d"}, wildcards=False)
    dump = b"GRANT ALL ON `a_b`.* TO x; GRANT ALL ON `a\\_b`.* TO x;"
    assert (
        b"".join(renamer.run(splitter_of("mysql", [dump])))
        == b"GRANT ALL ON `c_d`.* TO x; GRANT ALL ON `a\\_b`.* TO x;"
    )
