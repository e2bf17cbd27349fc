# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Taking SQL of MySQL and MariaDB apart: names and strings can hold anything."""

from __future__ import annotations

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._errors import BackupError
from ansible_collections.vya.backupdb.plugins.module_utils._sql import mysql_accounts as accounts
from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_accounts import (
    Name,
    account_clauses,
    clause_sections,
    login_plugins,
    parse_account_statement,
    parse_account_statements,
    with_clause,
)
from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_create_table import (
    parse_create_table,
    split_sequence_default,
    without_auto_increment,
)
from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_definitions import without_event_status
from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_statements import split_statements
from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_words import Reader, split_list, tokens

TABLE = r"""CREATE TABLE `or``ders),(` (
  `id, (x)` int(11) NOT NULL AUTO_INCREMENT COMMENT 'it''s \'), KEY `no` (`x`)',
  `b` enum('a,b','c)','AUTO_INCREMENT=7') DEFAULT 'c)',
  `s` bigint(20) NOT NULL DEFAULT nextval(`sh,op`.`se)q`),
  `t` int(11) DEFAULT (nextval(`shop`.`seq`) + 1) COMMENT 'nextval(',
  `u` int(11) GENERATED ALWAYS AS (`id, (x)` + 1) VIRTUAL,
  PRIMARY KEY (`id, (x)`),
  UNIQUE KEY `un``ique` (`b`(10),`s` DESC) USING BTREE COMMENT '), ADD',
  KEY `k` (`s`),
  FULLTEXT KEY `f` (`b`),
  SPATIAL KEY `p` (`b`),
  CONSTRAINT `fk` FOREIGN KEY (`s`,`t`) REFERENCES `other``db`.`par``ent` (`x`,`y`) ON DELETE CASCADE,
  CONSTRAINT `fk2` FOREIGN KEY (`s`) REFERENCES `parent` (`x`),
  CONSTRAINT `small` CHECK (`s` < 10 and `b` <> ','),
  PERIOD FOR SYSTEM_TIME (`a`, `b`)
) ENGINE=InnoDB AUTO_INCREMENT=44 DEFAULT CHARSET=latin1 COMMENT='AUTO_INCREMENT=3)'
 PARTITION BY RANGE (`s`)
(PARTITION `p0` VALUES LESS THAN (5) ENGINE = InnoDB)"""


def test_create_table_comes_apart_and_together_again() -> None:
    parts = parse_create_table(TABLE)
    assert parts.name == "or`ders),("
    assert parts.text() == TABLE
    assert [(element.kind, element.name) for element in parts.elements] == [
        ("column", "id, (x)"),
        ("column", "b"),
        ("column", "s"),
        ("column", "t"),
        ("column", "u"),
        ("primary key", "PRIMARY"),
        ("unique key", "un`ique"),
        ("key", "k"),
        ("fulltext key", "f"),
        ("spatial key", "p"),
        ("foreign key", "fk"),
        ("foreign key", "fk2"),
        ("check", "small"),
        ("period", ""),
    ]
    assert parts.elements[6].columns == ("b", "s")
    assert parts.elements[10].columns == ("s", "t")
    assert parts.elements[10].referenced == ("other`db", "par`ent", ("x", "y"))
    assert parts.elements[11].referenced == (None, "parent", ("x",))


def test_counter_is_taken_out_of_the_options_and_out_of_nothing_else() -> None:
    tail = parse_create_table(TABLE).tail
    assert without_auto_increment(tail) == tail.replace(" AUTO_INCREMENT=44", "")
    assert (
        without_auto_increment(" ENGINE=InnoDB COMMENT='AUTO_INCREMENT=3'")
        == " ENGINE=InnoDB COMMENT='AUTO_INCREMENT=3'"
    )


def test_defaults_from_sequences_are_found() -> None:
    columns = {element.name: element.text for element in parse_create_table(TABLE).of_kind("column")}
    assert split_sequence_default(columns["s"]) == ("`s` bigint(20) NOT NULL", True)
    assert split_sequence_default(columns["t"]) == ("`t` int(11) COMMENT 'nextval('", True)
    assert split_sequence_default(columns["b"]) == (columns["b"], False)
    assert split_sequence_default("`x` int DEFAULT (uuid_short())") == ("`x` int DEFAULT (uuid_short())", False)
    assert split_sequence_default("`DEFAULT nextval(1)` int") == ("`DEFAULT nextval(1)` int", False)


@pytest.mark.parametrize("sql", ["", "DROP TABLE x", "CREATE TABLE `t` (`a` int", "CREATE TABLE `t`"])
def test_what_is_no_table_is_refused(sql: str) -> None:
    with pytest.raises(BackupError):
        parse_create_table(sql)


def test_names_and_strings_have_values() -> None:
    found = [
        token.value for token in tokens(r"""`a``b` 'it''s' 'a\'b\n\\\%' "x""y\"z" word""") if token.kind != "space"
    ]
    assert found == ["a`b", "it's", "a'b\n\\%", 'x"y"z', "word"]


def test_list_without_end_is_refused() -> None:
    assert split_list("x (a, (b, c), 'd)') rest", 2) == (["a", "(b, c)", "'d)'"], 19)
    assert split_list("()", 0) == ([], 2)
    with pytest.raises(BackupError, match="no end"):
        split_list("(a, b", 0)


def test_reader_takes_words_only_outside_of_quotes() -> None:
    reader = Reader("-- not this: GRANT\n/* nor GRANT */ `GRANT` GRANT OPTION")
    assert not reader.accept("GRANT")
    assert reader.take().value == "GRANT"
    assert reader.accept("GRANT", "OPTION")
    assert reader.next is None
    with pytest.raises(BackupError, match="ends too early"):
        reader.take()


def test_statements_are_split_where_they_end() -> None:
    script = (
        "-- a; comment\nSET x = ';';\n\n/*!40101 SET NAMES `a;b` */;\n;\n# hash;\nCREATE TABLE `t;\n` (a int); SELECT 1"
    )
    assert [(item.text, item.line) for item in split_statements(script)] == [
        ("SET x = ';'", 2),
        ("/*!40101 SET NAMES `a;b` */", 4),
        ("CREATE TABLE `t;\n` (a int)", 7),
        ("SELECT 1", 8),
    ]


@pytest.mark.parametrize(
    ("sql", "level", "grantee", "privileges", "database", "name", "grantable", "text"),
    [
        (
            "GRANT ALL PRIVILEGES ON *.* TO `root`@`localhost` IDENTIFIED BY PASSWORD '*H' REQUIRE SSL WITH GRANT OPTION",
            accounts.GLOBAL,
            Name("root", "localhost"),
            ("ALL PRIVILEGES",),
            None,
            None,
            True,
            "GRANT ALL PRIVILEGES ON *.* TO `root`@`localhost` WITH GRANT OPTION",
        ),
        (
            r"GRANT SELECT, CREATE TEMPORARY TABLES ON `my\_db`.* TO `a``b'c`@`%`",
            accounts.DATABASE,
            Name("a`b'c", "%"),
            ("SELECT", "CREATE TEMPORARY TABLES"),
            r"my\_db",
            None,
            False,
            None,
        ),
        (
            "GRANT SELECT (`b`, `a ON x TO y`), INSERT ON `d b`.`t.*` TO `r`",
            accounts.TABLE,
            Name("r", None),
            ("SELECT (a ON x TO y)", "SELECT (b)", "INSERT"),
            "d b",
            "t.*",
            False,
            None,
        ),
        (
            "GRANT EXECUTE ON PROCEDURE `d`.`p` TO 'u'@'h' WITH GRANT OPTION",
            accounts.PROCEDURE,
            Name("u", "h"),
            ("EXECUTE",),
            "d",
            "p",
            True,
            None,
        ),
        ("GRANT EXECUTE ON PACKAGE BODY `d`.`p` TO `u`@`h`", accounts.PACKAGE_BODY, Name("u", "h"), ("EXECUTE",), "d", "p", False, None),
        ("GRANT SELECT ON `*`.* TO `u`@`h`", accounts.DATABASE, Name("u", "h"), ("SELECT",), "*", None, False, None),
        ("REVOKE SELECT ON `mysql`.* FROM `u`@`h`", accounts.REVOKE, Name("u", "h"), ("SELECT revoked on database",), "mysql", None, False, None),
    ],
)  # fmt: skip
def test_grants(sql, level, grantee, privileges, database, name, grantable, text) -> None:
    found = parse_account_statement(sql)
    assert (
        found.level,
        found.grantee,
        found.privileges,
        found.database,
        found.object,
        found.grantable,
        found.text,
    ) == (
        level,
        grantee,
        privileges,
        database,
        name,
        grantable,
        text or sql,
    )


def test_roles_and_proxies() -> None:
    member = parse_account_statement("GRANT `ro``le` TO `u`@`%` WITH ADMIN OPTION")
    assert (member.level, member.other, member.grantee, member.grantable) == (
        accounts.ROLE,
        Name("ro`le", None),
        Name("u", "%"),
        True,
    )
    of_mysql = parse_account_statement("GRANT `r1`@`%` TO `u`@`h`")
    assert (of_mysql.other, of_mysql.grantee, of_mysql.grantable) == (Name("r1", "%"), Name("u", "h"), False)
    proxy = parse_account_statement("GRANT PROXY ON ``@`%` TO `root`@`localhost` WITH GRANT OPTION")
    assert (proxy.level, proxy.other, proxy.grantable) == (accounts.PROXY, Name("", "%"), True)
    default = parse_account_statement("SET DEFAULT ROLE `r` FOR `u`@`h`")
    assert (default.level, default.other, default.grantee) == (accounts.DEFAULT_ROLE, Name("r", None), Name("u", "h"))


def test_several_roles_in_one_grant_are_several_grants() -> None:
    found = parse_account_statements("GRANT `a``,b`@`%`,`r2`@`h` TO `u`@`h` WITH ADMIN OPTION")
    assert [(item.level, item.other, item.grantee, item.grantable) for item in found] == [
        (accounts.ROLE, Name("a`,b", "%"), Name("u", "h"), True),
        (accounts.ROLE, Name("r2", "h"), Name("u", "h"), True),
    ]
    assert [item.text for item in found] == [
        "GRANT `a``,b`@`%` TO `u`@`h` WITH ADMIN OPTION",
        "GRANT `r2`@`h` TO `u`@`h` WITH ADMIN OPTION",
    ]
    with pytest.raises(BackupError):
        parse_account_statement("GRANT `a`,`b` TO `u`")
    (plain,) = parse_account_statements("GRANT SELECT, INSERT ON *.* TO `u`@`h`")
    assert plain.privileges == ("SELECT", "INSERT")


def test_default_roles_of_mysql_are_not_an_alteration_of_the_login() -> None:
    found = parse_account_statement("ALTER USER `u`@`h` DEFAULT ROLE `a`@`%`,`b`@`%`;")
    assert (found.level, found.grantee, str(found.other)) == (accounts.DEFAULT_ROLE, Name("u", "h"), "`a`@`%`,`b`@`%`")
    assert found.text == "ALTER USER `u`@`h` DEFAULT ROLE `a`@`%`,`b`@`%`"
    assert parse_account_statement("ALTER USER `u`@`h` ACCOUNT LOCK").level == accounts.ALTER_USER


@pytest.mark.parametrize(
    "sql", ["DROP USER x", "SET DEFAULT ROLE `r`", "REVOKE SELECT ON a.b TO c", "GRANT SELECT", ""]
)
def test_other_statements_are_refused(sql: str) -> None:
    with pytest.raises(BackupError):
        parse_account_statement(sql)


def test_clauses_of_a_mariadb_account() -> None:
    create = (
        "CREATE USER `app`@`%` IDENTIFIED VIA unix_socket OR mysql_native_password USING '*A WITH B' REQUIRE SUBJECT '/CN=a' "
        "AND ISSUER 'REQUIRE' WITH MAX_QUERIES_PER_HOUR 9 MAX_USER_CONNECTIONS 3 ACCOUNT LOCK PASSWORD EXPIRE NEVER"
    )
    assert clause_sections(account_clauses(create)) == {
        "IDENTIFIED": "IDENTIFIED VIA unix_socket OR mysql_native_password USING '*A WITH B'",
        "REQUIRE": "REQUIRE SUBJECT '/CN=a' AND ISSUER 'REQUIRE'",
        "WITH": "WITH MAX_QUERIES_PER_HOUR 9 MAX_USER_CONNECTIONS 3",
        "ACCOUNT": "ACCOUNT LOCK",
        "PASSWORD EXPIRE": "PASSWORD EXPIRE NEVER",
    }
    assert login_plugins(create) == ["unix_socket", "mysql_native_password"]
    assert clause_sections("IDENTIFIED BY PASSWORD '*A'") == {"IDENTIFIED": "IDENTIFIED BY PASSWORD '*A'"}


def test_a_clause_is_told_from_a_comment_that_speaks_of_it() -> None:
    create = "CREATE USER `a`@`%` IDENTIFIED BY 'x' ACCOUNT UNLOCK PASSWORD HISTORY DEFAULT COMMENT 'ACCOUNT UNLOCK'"
    assert with_clause(create, "ACCOUNT", "ACCOUNT LOCK") == (
        "CREATE USER `a`@`%` IDENTIFIED BY 'x' ACCOUNT LOCK PASSWORD HISTORY DEFAULT COMMENT 'ACCOUNT UNLOCK'"
    )
    assert with_clause("CREATE USER `a`", "ACCOUNT", "ACCOUNT LOCK") == "CREATE USER `a` ACCOUNT LOCK"
    assert with_clause(create, "IDENTIFIED", "").startswith("CREATE USER `a`@`%` ACCOUNT UNLOCK PASSWORD HISTORY")
    assert with_clause("ALTER USER `a` ACCOUNT LOCK", "IDENTIFIED", "") == "ALTER USER `a` ACCOUNT LOCK"
    assert clause_sections("") == {}
    assert login_plugins("CREATE USER `a`@`b` IDENTIFIED BY PASSWORD '*X'") == []


def test_clauses_of_a_mysql_account() -> None:
    """The form of MySQL 8.4's manual for SHOW CREATE USER."""
    create = (
        "CREATE USER `u`@`h` IDENTIFIED WITH 'caching_sha2_password' AS 0x244124303035 DEFAULT ROLE `r`@`%`,`s`@`%` "
        "REQUIRE NONE WITH MAX_QUERIES_PER_HOUR 5 PASSWORD EXPIRE DEFAULT ACCOUNT UNLOCK PASSWORD HISTORY DEFAULT "
        "PASSWORD REUSE INTERVAL DEFAULT PASSWORD REQUIRE CURRENT DEFAULT FAILED_LOGIN_ATTEMPTS 3 PASSWORD_LOCK_TIME 2 "
        'ATTRIBUTE \'{"comment": "REQUIRE x"}\''
    )
    sections = clause_sections(account_clauses(create))
    assert list(sections) == [
        "IDENTIFIED",
        "DEFAULT",
        "REQUIRE",
        "WITH",
        "PASSWORD EXPIRE",
        "ACCOUNT",
        "PASSWORD HISTORY",
        "PASSWORD REUSE",
        "PASSWORD REQUIRE",
        "FAILED_LOGIN_ATTEMPTS",
        "PASSWORD_LOCK_TIME",
        "ATTRIBUTE",
    ]
    assert sections["DEFAULT"] == "DEFAULT ROLE `r`@`%`,`s`@`%`"
    assert sections["PASSWORD REQUIRE"] == "PASSWORD REQUIRE CURRENT DEFAULT"
    assert login_plugins(create) == ["caching_sha2_password"]


@pytest.mark.parametrize("status", ["ENABLE", "DISABLE", "DISABLE ON SLAVE", "DISABLE ON REPLICA"])
def test_status_of_an_event_is_taken_out(status: str) -> None:
    before = "CREATE EVENT `ENABLE` ON SCHEDULE EVERY 1 DAY ON COMPLETION NOT PRESERVE"
    after = " COMMENT 'ENABLE' DO SELECT 'DISABLE'"
    assert without_event_status(f"{before} {status}{after}") == before + after
    assert without_event_status("CREATE EVENT `e` DO SELECT 1") == "CREATE EVENT `e` DO SELECT 1"


@pytest.mark.parametrize(
    ("new", "old"),
    [
        ("`a` varchar(50) DEFAULT 'none' INVISIBLE", "`a` varchar(50) INVISIBLE DEFAULT 'none'"),
        (
            "`a` timestamp NOT NULL DEFAULT current_timestamp() ON UPDATE current_timestamp() INVISIBLE COMMENT 'INVISIBLE'",
            "`a` timestamp NOT NULL INVISIBLE DEFAULT current_timestamp() ON UPDATE current_timestamp() COMMENT 'INVISIBLE'",
        ),
        ("`a` int(11) NOT NULL INVISIBLE AUTO_INCREMENT", "`a` int(11) NOT NULL INVISIBLE AUTO_INCREMENT"),
        ("`INVISIBLE` int(11) DEFAULT (if(1,2,3)) COMMENT 'x'", "`INVISIBLE` int(11) DEFAULT (if(1,2,3)) COMMENT 'x'"),
        (
            "`a` int(11) GENERATED ALWAYS AS (1) VIRTUAL INVISIBLE",
            "`a` int(11) GENERATED ALWAYS AS (1) VIRTUAL INVISIBLE",
        ),
    ],
)
def test_invisible_columns_are_the_same_whichever_version_wrote_them(new: str, old: str) -> None:
    assert column_of(new) == old
    assert column_of(old) == old


@pytest.mark.parametrize(
    ("inherited", "told"),
    [
        ("`a` varchar(9) COLLATE utf8mb4_bin", "`a` varchar(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"),
        (
            "`COLLATE` enum('COLLATE') COLLATE latin1_bin GENERATED ALWAYS AS ((`a` collate utf8mb4_bin)) VIRTUAL",
            "`COLLATE` enum('COLLATE') CHARACTER SET latin1 COLLATE latin1_bin GENERATED ALWAYS AS ((`a` collate utf8mb4_bin)) VIRTUAL",
        ),
        ("`a` int DEFAULT ((1 collate utf8mb4_bin))", "`a` int DEFAULT ((1 collate utf8mb4_bin))"),
        ("`a` text COLLATE uca1400_ai_ci", "`a` text COLLATE uca1400_ai_ci"),
        ("`a` text COMMENT 'COLLATE utf8mb4_bin'", "`a` text COMMENT 'COLLATE utf8mb4_bin'"),
    ],
)
def test_columns_are_the_same_whether_their_collation_was_inherited_or_told(inherited: str, told: str) -> None:
    assert column_of(inherited) == told
    assert column_of(told) == told


def column_of(text: str) -> str:
    (column,) = parse_create_table(f"CREATE TABLE `t` (\n  {text}\n) ENGINE=InnoDB").elements
    return column.text
