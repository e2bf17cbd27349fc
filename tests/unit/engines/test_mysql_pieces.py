# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Small parts of the engine for MySQL and MariaDB."""

from __future__ import annotations

import threading

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.accounts_restore import (
    plan_accounts,
    regrant,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.catalog import (
    Catalog,
    Column,
    Definition,
    Table,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.connection import (
    _quote_option,
    quote_name,
    quote_text,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.dump import data_file
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.events import events_script
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.flavour import flavour_of
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.instance import program_version
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.proof import (
    database_objects,
    unescape_pattern,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.rows import (
    digest_query,
    load_statement,
    select_rows,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.settings import is_secret
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.shadow import shadow_name
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.snapshot import Splitter
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.users import (
    Account,
    complete_clauses,
    existence_statements,
    mask_login,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.workers import work_off
from ansible_collections.vya.backupdb.plugins.module_utils._errors import BackupError
from ansible_collections.vya.backupdb.plugins.module_utils._model import Connection
from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_accounts import Name, parse_account_statement

MARIADB = flavour_of("10.11.6-MariaDB-0+deb12u1-log")
MYSQL = flavour_of("9.1.0")


def test_flavours() -> None:
    assert (MARIADB.name, MARIADB.number, MARIADB.too_old) == ("mariadb", (10, 11, 6), None)
    assert flavour_of("5.5.5-10.6.18-MariaDB").number == (10, 6, 18)
    assert (MYSQL.name, MYSQL.title, MYSQL.keeps_history) == ("mysql", "MySQL", False)
    assert "older than 8.0" in str(flavour_of("5.7.44-log").too_old)
    assert "older than 10.4" in str(flavour_of("10.3.39-MariaDB").too_old)
    with pytest.raises(BackupError, match="calls its version"):
        flavour_of("something")


@pytest.mark.parametrize(
    ("output", "version"),
    [
        ("mariadb  Ver 15.1 Distrib 10.11.19-MariaDB, for debian-linux-gnu (x86_64)", "10.11.19-MariaDB"),
        ("mariadb from 11.8.3-MariaDB, client 15.2 for debian-linux-gnu", "11.8.3-MariaDB"),
        ("mysql  Ver 8.4.3 for Linux on x86_64 (MySQL Community Server - GPL)", "8.4.3"),
        ("mysqldump  Ver 9.1.0 for Linux on x86_64 (MySQL Community Server - GPL)", "9.1.0"),
        ("*** Zstandard CLI (64-bit) v1.5.4, by Yann Collet ***", "1.5.4"),
        ("nonsense", "nonsense"),
    ],
)
def test_versions_of_programs(output: str, version: str) -> None:
    assert program_version(output) == version


@pytest.mark.parametrize(
    ("mode", "mariadb", "mysql"),
    [
        ("disable", [("skip-ssl", None)], [("ssl-mode", "DISABLED")]),
        ("require", [("ssl", None), ("skip-ssl-verify-server-cert", None), ("ssl-ca", "/ca")],
         [("ssl-mode", "REQUIRED"), ("ssl-ca", "/ca")]),
        ("verify-ca", [("ssl", None), ("skip-ssl-verify-server-cert", None), ("ssl-ca", "/ca")],
         [("ssl-mode", "VERIFY_CA"), ("ssl-ca", "/ca")]),
        ("verify-full", [("ssl", None), ("ssl-verify-server-cert", None), ("ssl-ca", "/ca")],
         [("ssl-mode", "VERIFY_IDENTITY"), ("ssl-ca", "/ca")]),
    ],
)  # fmt: skip
def test_m27_tls_reaches_the_client_programs(mode, mariadb, mysql) -> None:
    connection = Connection(ca_cert="/ca")
    assert MARIADB.client_tls(mode, connection) == mariadb
    assert MYSQL.client_tls(mode, connection) == mysql


def test_quoting() -> None:
    assert quote_name("a`b") == "`a``b`"
    assert quote_text("a'b\\c\n\0\r\x1a") == "'a\\'b\\\\c\\n\\0\\r\\Z'"
    assert _quote_option('p#"\\\n\t') == '"p#\\"\\\\\\n\\t"'


def splitted(word: str, *chunks: bytes) -> tuple[bytes, int]:
    out: list[bytes] = []
    splitter = Splitter(word, out.append, True)
    for chunk in chunks:
        splitter.feed(chunk)
    splitter.close()
    assert splitter.size == len(b"".join(out))
    return b"".join(out), splitter.rows


def test_the_word_for_null_is_replaced_wherever_it_is_cut() -> None:
    word = "0123456789abcdef"
    data = f"1\t{word}\n{word}\t{word[:-1]}\n\t{word}{word}\n".encode()
    expected = f"1\t\\N\n\\N\t{word[:-1]}\n\t\\N\\N\n".encode()
    for cut in range(len(data)):
        assert splitted(word, data[:cut], data[cut:]) == (expected, 3)
    assert splitted(word, *(data[index : index + 1] for index in range(len(data)))) == (expected, 3)
    assert splitted("", data) == (data, 3)


TABLE = Table(
    "t`x",
    "",
    "InnoDB",
    (
        Column("a", "int", "int(11)", False),
        Column("f", "float", "float", True),
        Column("j", "json", "json", True),
        Column("g", "point", "point", False),
        Column("v", "int", "int(11)", True, generated=True),
        Column("u", "uuid", "uuid", True),
        Column("e", "enum", "enum('a')", True),
    ),
)


def test_queries_for_rows() -> None:
    query = select_rows("d", TABLE, MYSQL, "word")
    assert query == (
        "SELECT `a`, IFNULL(CAST(`f` AS DOUBLE), 'word'), IFNULL(CAST(`j` AS CHAR CHARACTER SET utf8mb4), 'word'), "
        "CAST(`g` AS BINARY), IFNULL(CAST(`u` AS CHAR CHARACTER SET utf8mb4), 'word'), IFNULL(`e`, 'word') FROM `d`.`t``x`"
    )
    columns = [column for column in TABLE.columns if not column.generated]
    assert load_statement("`t`", columns, MYSQL, "/dev/stdin") == (
        "LOAD DATA LOCAL INFILE '/dev/stdin' INTO TABLE `t` CHARACTER SET binary (`a`, `f`, @c2, `g`, @c4, `e`) "
        "SET `j` = CONVERT(@c2 USING utf8mb4), `u` = CONVERT(@c4 USING utf8mb4)"
    )
    assert ", `j`, " in load_statement("`t`", columns, MARIADB, "f")
    assert "`v`" not in digest_query("d", TABLE, MARIADB)


def test_names_of_files_and_shadows_are_harmless() -> None:
    assert data_file(7, "../a b\n☃") == "data/00007.___a_b__.tsv"
    assert len(shadow_name("x" * 64, "0badcafe")) <= 64
    assert shadow_name("Ünï; `x`", "0badcafe") == "_n____x___restoring_0badcafe"


@pytest.mark.parametrize(
    ("pattern", "name"),
    [("shop", "shop"), (r"my\_shop", "my_shop"), (r"100\%", "100%"), ("sh%", None), ("a_b", "a_b"), ("x\\\\y", "x\\y")],
)
def test_patterns_of_grants(pattern: str, name: str | None) -> None:
    assert unescape_pattern(pattern) == name


def test_grants_are_written_for_another_database() -> None:
    column = parse_account_statement("GRANT UPDATE (`a``b`), SELECT ON `old`.`t` TO `u`@`h` WITH GRANT OPTION")
    assert regrant(column, "n`ew").text == "GRANT UPDATE (`a``b`), SELECT ON `n``ew`.`t` TO `u`@`h` WITH GRANT OPTION"
    whole = parse_account_statement("GRANT SELECT ON `old`.* TO `r`")
    assert regrant(whole, "new_1%").text == "GRANT SELECT ON `new\\_1\\%`.* TO `r`"
    routine = parse_account_statement("GRANT EXECUTE ON FUNCTION `old`.`f` TO `r`")
    assert regrant(routine, "new").text == "GRANT EXECUTE ON FUNCTION `new`.`f` TO `r`"


def test_hashes_are_masked_and_nothing_else() -> None:
    statement = "CREATE USER `u'1`@`%` IDENTIFIED VIA unix_socket OR ed25519 USING 'secret' REQUIRE SUBJECT '/CN=x'"
    assert mask_login(statement) == statement.replace("'secret'", "'***'")
    assert mask_login("ALTER USER `u`@`h` IDENTIFIED WITH 'caching_sha2_password' AS 0x2441 REQUIRE NONE") == (
        "ALTER USER `u`@`h` IDENTIFIED WITH '***' AS '***' REQUIRE NONE"
    )
    grant = "GRANT SELECT ON `a`.* TO `b`"
    assert mask_login(grant) == grant


NO_LIMITS = "WITH MAX_QUERIES_PER_HOUR 0 MAX_UPDATES_PER_HOUR 0 MAX_CONNECTIONS_PER_HOUR 0 MAX_USER_CONNECTIONS 0"
NO_LIMITS += " FAILED_LOGIN_ATTEMPTS 0 PASSWORD_LOCK_TIME 0"


def test_altering_leaves_nothing_behind() -> None:
    assert complete_clauses("IDENTIFIED BY PASSWORD '*A' WITH MAX_USER_CONNECTIONS 3", MARIADB) == (
        "IDENTIFIED BY PASSWORD '*A' REQUIRE NONE WITH MAX_QUERIES_PER_HOUR 0 MAX_UPDATES_PER_HOUR 0 "
        "MAX_CONNECTIONS_PER_HOUR 0 MAX_USER_CONNECTIONS 3 MAX_STATEMENT_TIME 0 ACCOUNT UNLOCK PASSWORD EXPIRE DEFAULT"
    )
    rest = "PASSWORD EXPIRE DEFAULT ACCOUNT UNLOCK"
    for given in ("", "WITH MAX_USER_CONNECTIONS 3 "):
        limits = NO_LIMITS.replace("USER_CONNECTIONS 0", "USER_CONNECTIONS 3") if given else NO_LIMITS
        # an empty password that is not said to be one would have expired
        for login, completed in (("", " AS ''"), (" AS 0x24", " AS 0x24")):
            assert complete_clauses(f"IDENTIFIED WITH 'x'{login} REQUIRE SSL {given}{rest}", MYSQL) == (
                f"IDENTIFIED WITH 'x'{completed} REQUIRE SSL {limits} {rest}"
            )


def test_default_roles_of_mysql_come_after_the_memberships() -> None:
    clauses = "IDENTIFIED WITH 'p' AS 0x00 DEFAULT ROLE `r`@`%` REQUIRE NONE"
    assert MYSQL.split_default_roles(clauses) == ("IDENTIFIED WITH 'p' AS 0x00 REQUIRE NONE", "DEFAULT ROLE `r`@`%`")


def event(charset: str) -> Definition:
    settings = {"character set": charset, "collation": "c", "sql_mode": "ANSI", "time zone": "SYSTEM"}
    return Definition("event", "e", "CREATE EVENT `e` DO SELECT 'ü;'", "u@h", settings)


def test_events_are_written_in_their_character_set() -> None:
    text = events_script("it's", [event("latin1")])
    assert b"SELECT '\xfc;'" in text
    assert b"SET character_set_client = latin1;" in text
    with pytest.raises(BackupError, match="character set koi8r"):
        events_script("it's", [event("koi8r")])


def test_the_first_failure_of_a_worker_stops_the_others() -> None:
    woken = threading.Event()
    done: list[int] = []

    def failing(item: int) -> None:
        raise BackupError(f"item {item}")

    def waiting(item: int) -> None:
        assert woken.wait(30)
        done.append(item)
        raise BackupError("only a consequence")

    with pytest.raises(BackupError, match="item"):
        work_off(list(range(100)), [waiting, failing], woken.set)
    assert len(done) <= 1


def test_every_item_is_worked_off() -> None:
    lock = threading.Lock()
    done: list[int] = []

    def work(item: int) -> None:
        with lock:
            done.append(item)

    work_off(list(range(50)), [work] * 4)
    work_off([], [work])
    assert sorted(done) == list(range(50))


LIKE_ROLE = "IDENTIFIED WITH 'caching_sha2_password' REQUIRE NONE PASSWORD EXPIRE ACCOUNT LOCK PASSWORD HISTORY DEFAULT"


@pytest.mark.parametrize(
    ("clauses", "first"),
    [
        (LIKE_ROLE, "CREATE ROLE IF NOT EXISTS `r`@`%`"),
        (LIKE_ROLE.replace("password' ", "password' AS 0x24 "), "CREATE USER IF NOT EXISTS `r`@`%` IDENTIFIED"),
        (LIKE_ROLE.replace("EXPIRE ", "EXPIRE DEFAULT "), "CREATE USER IF NOT EXISTS `r`@`%` IDENTIFIED"),
        (LIKE_ROLE.replace(" LOCK", " UNLOCK"), "CREATE USER IF NOT EXISTS `r`@`%` IDENTIFIED"),
    ],
)
def test_roles_of_mysql_are_made_as_roles(clauses: str, first: str) -> None:
    created, altered = existence_statements(Account(Name("r", "%"), False, clauses), MYSQL)
    assert created.startswith(first)
    login = "" if clauses == LIKE_ROLE or " AS " in clauses else " AS ''"
    assert altered == f"ALTER USER `r`@`%` {clauses}".replace(" REQUIRE NONE", f"{login} REQUIRE NONE {NO_LIMITS}")


def test_rules_for_passwords_do_not_forbid_roles_of_mysql() -> None:
    role = Account(Name("r", "%"), False, LIKE_ROLE)
    recorded = [parse_account_statement(text) for text in existence_statements(role, MYSQL)]
    root = Name("root", "localhost")
    new = plan_accounts(recorded, [], MYSQL, root, {})
    assert [item.text for item in new.statements] == [
        "CREATE ROLE IF NOT EXISTS `r`@`%`",
        f"ALTER USER `r`@`%` REQUIRE NONE {NO_LIMITS} PASSWORD EXPIRE ACCOUNT LOCK PASSWORD HISTORY DEFAULT",
    ]
    # nobody becomes a member by making it
    assert new.revoked == ()
    assert plan_accounts(recorded, [role], MYSQL, root, {}).statements == ()
    other = Account(Name("r", "%"), False, LIKE_ROLE.replace("password' ", "password' AS 0x24 "))
    (back,) = plan_accounts(recorded, [other], MYSQL, root, {}).statements
    assert back.text == f"ALTER USER `r`@`%` {LIKE_ROLE}".replace("REQUIRE NONE", f"REQUIRE NONE {NO_LIMITS}")


def test_invisible_keys_of_mysql_are_shown_and_never_made() -> None:
    assert flavour_of("9.7.4").session["show_gipk_in_create_table_and_information_schema"] == "1"
    assert flavour_of("9.7.4").load_session["sql_generate_invisible_primary_key"] == "0"
    assert any("show_gipk" in option for option in flavour_of("9.7.4").dump_options)
    assert not any("gipk" in name for name in flavour_of("8.0.29").session)


def test_mysql_hashes_without_md5() -> None:
    table = Table("t", "", "InnoDB", (Column("b", "blob", "blob", True), Column("v", "vector", "vector(3)", True)))
    digest = digest_query("d", table, flavour_of("9.7.4"))
    assert "MD5" not in digest and "SHA2(CAST(`b` AS BINARY), 256)" in digest
    assert "MD5(CAST(`b` AS BINARY))" in digest_query("d", table, MARIADB)
    assert "IFNULL(CAST(`v` AS BINARY), 'null')" in select_rows("d", table, flavour_of("9.7.4"), "null")


@pytest.mark.parametrize(
    ("name", "value", "secret"),
    [
        ("report_password", "x", True),
        ("wsrep_sst_auth", "root:x", True),
        ("ssl_passphrase", "x", True),
        ("authentication_ldap_simple_bind_root_pwd", "x", True),
        ("file_key_management_filekey", "x", True),
        ("keyring_hashicorp_secret_id", "x", True),
        ("validate_password.length", "11", False),
        ("simple_password_check_digits", "2", False),
        ("default_authentication_plugin", "caching_sha2_password", False),
        ("disconnect_on_expired_password", "OFF", False),
    ],
)
def test_f17_variables_with_secrets_are_told_from_rules_for_passwords(name: str, value: str, secret: bool) -> None:
    assert is_secret(name, value) is secret


def test_programs_are_the_same_with_the_semicolon_that_mysql_keeps() -> None:
    def digests(end: str) -> list[str | None]:
        event = Definition("event", "e", f"CREATE EVENT `e` ON SCHEDULE EVERY 1 DAY ENABLE DO SELECT 1{end}")
        trigger = Definition("trigger", "t", f"CREATE TRIGGER `t` BEFORE INSERT ON `x` FOR EACH ROW SET @a = 1{end}")
        return [item.digest for item in database_objects(Catalog("shop", {}, (), (event, trigger)), {}, ())]

    assert digests("") == digests(";") == digests(" ;\n")
    assert digests("") != digests("1")
