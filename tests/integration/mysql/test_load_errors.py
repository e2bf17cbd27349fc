# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Dumps that do not load: what is said, with its line, and that nothing is left or touched."""

from __future__ import annotations

import signal
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.load_dump_session import DumpSession
from ansible_collections.vya.backupdb.plugins.module_utils._errors import BackupError, ConnectionFailed
from ansible_collections.vya.backupdb.plugins.module_utils._modules._request import FailedResult

from tests.integration.modules.harness import Workplace, call, until
from tests.integration.mysql.conftest import databases_of, drop_all, engine, foreign_collation
from tests.support.mariadb import MariaDBServer

FAULTY = b"""-- MySQL dump 10.13  Distrib 8.0.36, for Linux (x86_64)
CREATE DATABASE shop;
USE shop;
CREATE TABLE t (a INT PRIMARY KEY, secret VARCHAR(20));

INSERT INTO t VALUES (1, 'hunter2'),
  (2, 'x'),
  (1, 'hunter2');
CREATE TABLE u (a INT,, b INT);
DELIMITER //
CREATE PROCEDURE p() BEGIN SELECT 1;
  SELEC 'hunter2'; END//
DELIMITER ;
INSERT INTO t VALUES (3, 'good');
INSERT INTO gone VALUES (1);
INSERT INTO t VALUES (3, 'again');
-- Dump completed on 2026-01-13 15:54:40
"""


def load(server: MariaDBServer, path: Path, content: bytes, check: bool = False, **options: Any) -> dict[str, Any]:
    path.write_bytes(content)
    return call("restore", check=check, **server.login(), src=str(path), **{"roles": "none", **options})


def refused(server: MariaDBServer, path: Path, content: bytes, **options: Any) -> str:
    """The message of a load that fails, and that leaves nothing."""
    before = databases_of(server)
    with pytest.raises(BackupError) as caught:
        load(server, path, content, **options)
    assert databases_of(server) == before
    return str(caught.value)


@pytest.mark.parametrize("on_error", ["stop", "continue"])
def test_m21_every_statement_that_fails_is_named_with_its_line(
    target: MariaDBServer, tmp_path: Path, on_error: str
) -> None:
    with pytest.raises(FailedResult) as caught:
        load(target, tmp_path / "dump", FAULTY, on_error=on_error)
    found = [(item["line"], item["message"].rpartition("error ")[2]) for item in caught.value.result["errors"]]
    expected = [(6, "1062)"), (9, "1064)"), (11, "1064)"), (15, "1146)"), (16, "1062)")]
    assert found == (expected if on_error == "continue" else expected[:1])
    assert caught.value.result["errors"][0]["statement"] == "INSERT INTO t VALUES"
    # the server's own words hold what it stumbled over; ours never hold a constant
    assert "hunter2" not in " ".join(item["statement"] for item in caught.value.result["errors"])
    assert "restoring" not in str(caught.value)
    assert databases_of(target) == []


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("TINYINT", "300", "Out of range"),
        ("VARCHAR(3)", "'long'", "too long"),
        ("DATE", "'2024-02-31'", "Data truncated"),
        ("INT NOT NULL", "NULL", "cannot be null"),
        ("VARCHAR(9) CHARACTER SET latin1", "'\xe6\xbc\xa2'", "Incorrect string value"),
        ("ENUM('a', 'b')", "'c'", "Data truncated"),
        ("DECIMAL(4, 1)", "1.25", "Data truncated"),
        ("INT", "'x'", "Incorrect integer value"),
    ],
)
def test_m20_a_row_that_would_not_be_what_it_was_is_an_error(
    target: MariaDBServer, tmp_path: Path, column: str, value: str, message: str
) -> None:
    dump = f"SET sql_mode = '', sql_notes = 0;\nCREATE TABLE t (a {column});\nINSERT INTO t VALUES\n ({value}), ({value});\n"
    text = refused(target, tmp_path / "dump", dump.encode("latin-1"), target="shop")
    assert "line 3: INSERT INTO t VALUES" in text
    assert "the row would not be what it was" in text
    if (target.flavour, column) == ("mysql", "DATE"):
        message = "Out of range"
    assert message in text or message.replace("too long", "truncated") in text


def test_m20_an_enum_that_was_empty_is_no_error(target: MariaDBServer, tmp_path: Path) -> None:
    dump = b"SET sql_mode = '';\nCREATE TABLE t (x INT, e ENUM('a') NOT NULL, f ENUM('b'));\n"
    dump += (
        b"INSERT INTO t VALUES (1, '', 'b'), (2, 'a', ''), (3, '', '');\nINSERT INTO t (f, x, e) VALUES ('', 4, 'a');\n"
    )
    dump += (
        b"SET sql_mode = 'ANSI_QUOTES';\nINSERT INTO \"t\" (\"f\", \"x\", \"e\") VALUES ('b', 6, ''), ('b', 7, 'a');\n"
    )
    load(target, tmp_path / "dump", dump, target="shop")
    assert target.value("SELECT SUM((e = 0) + 10 * (f = 0)) FROM shop.t") == 33
    wrong = dump + b"INSERT INTO t (f, x, e) VALUES ('', 4, 'a'), ('', 5, 'c');\n"
    assert "line 7" in refused(target, tmp_path / "wrong", wrong, target="shop2")


def test_m28_a_storage_engine_or_collation_that_is_absent_is_said_before_anything_begins(
    target: MariaDBServer, tmp_path: Path
) -> None:
    absent = foreign_collation(target)
    dump = b"CREATE DATABASE a; USE a;\nCREATE TABLE t (a INT) ENGINE=ROCKSDB;\n"
    dump += f"CREATE TABLE u (a VARCHAR(9) COLLATE {absent}) DEFAULT CHARSET=utf8mb4 COLLATE={absent};\n".encode()
    dump += (
        b"CREATE TABLE v (a VARCHAR(9) CHARACTER SET utf8 COLLATE utf8_general_ci) ENGINE=Aria /*!80000 ENGINE=X */;\n"
    )
    dump += b"CREATE DATABASE b; USE b; CREATE TABLE w (a INT) ENGINE=Nothing;\n"
    text = refused(target, tmp_path / "dump", dump, databases=["a"], check=True)
    assert f"needs the collation {absent} (table u in line 3" in text
    assert "needs the storage engine rocksdb (table t in line 2)" in text
    assert "nothing" not in text.lower().replace("nothing was changed", "")
    assert "utf8_general_ci" not in text


def test_m28_what_tables_need_that_are_not_chosen_forbids_nothing(target: MariaDBServer, tmp_path: Path) -> None:
    table = f"CREATE TABLE u (a VARCHAR(9)) COLLATE {foreign_collation(target)};\n"
    dump = b"CREATE TABLE t (a INT);\n" + table.encode()
    load(target, tmp_path / "dump", dump, target="part", tables=["t"])
    assert "(table u in line 2)" in refused(target, tmp_path / "dump", dump, target="other", tables=["u"])


@pytest.mark.parametrize(
    "use",
    [
        lambda session: session.enter("mysql"),
        DumpSession.environment,
        DumpSession.reading,
        lambda session: session.send(b"DO 1"),
    ],
)
def test_f18_a_connection_that_is_lost_is_no_statement_that_failed(
    target: MariaDBServer, use: Callable[[DumpSession], object]
) -> None:
    with engine(target) as opened:
        session = DumpSession(opened._server)
    there = f"SELECT 1 FROM information_schema.processlist WHERE id = {session.id}"
    target.sql(f"KILL {session.id}")
    until(lambda: not target.sql(there), "the connection has ended")
    with pytest.raises(ConnectionFailed, match="connection was lost"):
        use(session)
    assert not session.busy
    session.close()


@pytest.mark.parametrize(
    "statement",
    [
        "LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE t",
        "CALL live.wipe()",
        "PREPARE s FROM 'DROP DATABASE live'",
        "EXECUTE IMMEDIATE 'DROP DATABASE live'",
        "SET STATEMENT max_statement_time = 9 FOR DROP DATABASE live",
        "BEGIN NOT ATOMIC DROP DATABASE live",
        "ROLLBACK",
        "BINLOG 'AAAA'",
        "DROP TABLE t, live.t",
        "ALTER TABLE t RENAME TO live.u",
        "ALTER TABLE t ADD b INT, ADD c INT, ADD d INT, ADD e INT, ADD f INT, ADD g INT, ADD h INT, RENAME live.u",
        "ALTER TABLE t EXCHANGE PARTITION p WITH TABLE live.t",
        "CREATE INDEX i ON live.t (a)",
        "RENAME TABLE t TO live.u",
        "TRUNCATE live.t",
        "DELETE live.t FROM live.t JOIN t",
        "UPDATE t, live.t SET live.t.a = 2",
        "SELECT live.wiped() INTO @x",
        "SET @x = live.wiped()",
        "DO live.wiped() + SETVAL(s, 1)",
        "system touch /tmp/pwned",
    ],
)
def test_f16_nothing_in_a_dump_reaches_another_database_or_a_file(
    source: MariaDBServer, tmp_path: Path, statement: str
) -> None:
    source.sql("CREATE DATABASE live; CREATE TABLE live.t (a INT); INSERT INTO live.t VALUES (1)")
    source.sql("CREATE PROCEDURE live.wipe() DELETE FROM live.t")
    source.sql(
        "CREATE FUNCTION live.wiped() RETURNS INT DETERMINISTIC MODIFIES SQL DATA BEGIN DELETE FROM live.t; RETURN 1; END"
    )
    dump = f"CREATE DATABASE shop;\nUSE shop;\nCREATE TABLE t (a INT);\nINSERT INTO t VALUES (1);\n{statement};\n"
    text = refused(source, tmp_path / "dump", dump.encode(), databases=["shop"])
    assert "line 5" in text
    assert source.sql("SELECT * FROM live.t") == [(1,)]


def test_m12_m13_what_concerns_the_server_is_left_out_and_said(target: MariaDBServer, tmp_path: Path) -> None:
    dump = (
        b"SET @MYSQLDUMP_TEMP_LOG_BIN = @@SESSION.SQL_LOG_BIN;\nSET @@SESSION.SQL_LOG_BIN= 0;\n"
        b"SET @@GLOBAL.GTID_PURGED=/*!80000 '+'*/ '3E11FA47-71CA-11E1-9E33-C80AA9429562:1-5';\n"
        b"CHANGE MASTER TO MASTER_LOG_FILE='x', MASTER_LOG_POS=4;\nSET GLOBAL max_connections = 7;\n"
        b"INSTALL SONAME 'ha_blackhole';\nCREATE FUNCTION f RETURNS STRING SONAME 'x.so';\nFLUSH TABLES;\nSTART SLAVE;\n"
        b"CREATE TABLE t (a INT);\nSELECT 1 INTO OUTFILE '/tmp/x';\nLOCK TABLES t WRITE;\nINSERT INTO t VALUES (1);\nUNLOCK TABLES;\n"
        b"CREATE USER u IDENTIFIED BY 'hunter2';\nGRANT SELECT ON *.* TO u;\nSET PASSWORD FOR u = PASSWORD('hunter2');\n"
    )
    before = target.value("SELECT @@GLOBAL.max_connections")
    result = load(target, tmp_path / "dump", dump, target="shop")
    assert target.sql("SELECT * FROM shop.t") == [(1,)]
    assert target.value("SELECT @@GLOBAL.max_connections") == before
    assert target.value("SELECT COUNT(*) FROM mysql.user WHERE user = 'u'") == 0
    text = " ".join(result["warnings"])
    for line in (3, 4, 5, 6, 7, 8, 9, 11, 15, 17):
        assert f"line {line}" in text, line
    assert "hunter2" not in str(result)


def test_m07_accounts_of_a_dump_are_made_when_asked(target: MariaDBServer, tmp_path: Path) -> None:
    dump = (
        b"CREATE USER `app`@`%` IDENTIFIED BY 'pw';\nCREATE USER other;\nCREATE ROLE readers;\nGRANT readers TO `app`@`%`;\n"
        b"CREATE DATABASE a_b;\nUSE a_b;\nCREATE TABLE t (a INT);\nCREATE DEFINER=`app`@`%` VIEW v AS SELECT a FROM t;\n"
        b"GRANT SELECT ON `a\\_b`.* TO `app`@`%`;\nGRANT INSERT (a) ON `a_b`.`t` TO `readers`;\nDROP USER nobody;\n"
    )
    assert "the definer app@% of views" in refused(target, tmp_path / "dump", dump)
    result = load(target, tmp_path / "dump", dump, roles="referenced", rename={"a_b": "c_d"})
    assert result["roles"] == ["create role readers", "create user 'app'@'%'"]
    assert any("line 11: DROP USER" in text for text in result["warnings"])
    assert target.sql("SELECT user FROM mysql.user WHERE user IN ('app', 'readers', 'other') ORDER BY 1") == [
        ("app",),
        ("readers",),
    ]
    grants = {row[0] for row in target.sql("SHOW GRANTS FOR `app`@`%`")}
    assert "GRANT SELECT ON `c\\_d`.* TO `app`@`%`" in grants
    # a role of MySQL has a host
    grants = {row[0].replace("`readers`@`%`", "`readers`") for row in target.sql("SHOW GRANTS FOR readers")}
    assert "GRANT INSERT (`a`) ON `c_d`.`t` TO `readers`" in grants
    target.sql("DROP USER app; DROP ROLE readers")


def test_m07_the_accounts_that_mariadb_dump_writes_are_made_once(
    two_servers: tuple[MariaDBServer, MariaDBServer], tmp_path: Path
) -> None:
    source, target = two_servers
    if source.flavour == "mysql":
        pytest.skip("the dump program of MySQL writes no accounts")
    source.sql("CREATE ROLE r; CREATE USER a IDENTIFIED BY 'x'; GRANT r TO a; SET DEFAULT ROLE r FOR a")
    source.sql("CREATE DATABASE d; GRANT SELECT ON d.* TO r")
    command = [source.dump_program, *source.client_options(), "--system=users"]
    dump = subprocess.run(command, check=True, capture_output=True).stdout
    result = load(target, tmp_path / "dump", dump, roles="all")
    assert {"create role r", "create user 'a'@'%'"} <= set(result["roles"])
    for account in ("a", "r"):
        assert target.sql(f"SHOW GRANTS FOR {account}") == source.sql(f"SHOW GRANTS FOR {account}")
    assert load(target, tmp_path / "dump", dump, roles="all")["changed"] is False
    assert target.sql("SELECT user FROM mysql.user WHERE user LIKE '%dump%'") == []


def test_a_dump_that_is_cut_off_is_not_loaded(target: MariaDBServer, tmp_path: Path) -> None:
    cut = FAULTY[: FAULTY.index(b"hunter2") + 3]
    assert "is not complete" in refused(target, tmp_path / "dump", cut)


def test_a_failed_load_is_kept_when_asked(target: MariaDBServer, tmp_path: Path) -> None:
    (tmp_path / "dump").write_bytes(FAULTY)
    options = {"src": str(tmp_path / "dump"), "roles": "none", "keep_failed": True, "on_error": "continue"}
    with pytest.raises(FailedResult):
        call("restore", **target.login(), **options)
    (kept,) = databases_of(target)
    assert kept != "shop"
    assert target.sql(f"SELECT a FROM `{kept}`.t") == [(3,)]
    # the next run leaves it alone
    load(target, tmp_path / "good", b"CREATE TABLE t (a INT);\n", target="fine")
    assert databases_of(target) == sorted([kept, "fine"])


def test_what_exists_stays_gives_way_or_is_kept_beside(target: MariaDBServer, tmp_path: Path) -> None:
    def dump(number: int) -> bytes:
        return (
            f"CREATE DATABASE shop; USE shop;\nCREATE TABLE t (a INT);\nINSERT INTO t VALUES ({number});\n"
            "CREATE VIEW v AS SELECT a FROM shop.t;\nCREATE TRIGGER r BEFORE INSERT ON t FOR EACH ROW SET NEW.a = 9;\n"
        ).encode()

    load(target, tmp_path / "dump", dump(1))
    assert "exists" in refused(target, tmp_path / "dump", dump(2))
    assert load(target, tmp_path / "dump", dump(2), if_exists="skip")["changed"] is False
    assert "1 statement" in refused(
        target, tmp_path / "dump", dump(2) + b"INSERT INTO gone VALUES (1);\n", if_exists="replace"
    )
    assert target.sql("SELECT a FROM shop.v") == [(1,)]
    result = load(target, tmp_path / "dump", dump(2), if_exists="replace")
    (previous,) = [item["previous"] for item in result["databases"]]
    assert target.sql(f"SELECT 1 FROM shop.v WHERE a = 2 UNION ALL SELECT a FROM `{previous}`.v") == [(1,), (1,)]
    user = target.connect("shop")
    try:
        assert "cannot be replaced while sessions use it" in refused(
            target, tmp_path / "dump", dump(3), if_exists="replace"
        )
        load(target, tmp_path / "dump", dump(3), if_exists="replace", disconnect=True, keep_previous=0)
    finally:
        user.close()
    assert databases_of(target) == ["shop"]
    assert target.sql("SELECT a FROM shop.v") == [(3,)]


def test_m18_a_statement_that_is_too_long_for_the_server_is_said(
    fresh_mysql: Callable[..., MariaDBServer], tmp_path: Path
) -> None:
    server = fresh_mysql(settings={"max_allowed_packet": "1M"})
    rows = b",".join(b"('" + b"x" * 1000 + b"')" for _number in range(1100))
    dump = b"CREATE TABLE t (a TEXT);\nINSERT INTO t VALUES " + rows + b";\n"
    text = refused(server, tmp_path / "dump", dump, target="shop")
    assert "line 2: INSERT INTO t VALUES" in text
    assert "max_allowed_packet" in text
    rows = b",".join(b"('" + b"x" * 1000 + b"')" for _number in range(1030))
    load(server, tmp_path / "dump", b"CREATE TABLE t (a TEXT);\nINSERT INTO t VALUES " + rows + b";\n", target="shop")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_f18_a_load_that_is_killed_leaves_the_name_alone(
    target: MariaDBServer, reachable_tmp: Path, number: signal.Signals
) -> None:
    target.sql("CREATE DATABASE shop; CREATE TABLE shop.t (a INT); INSERT INTO shop.t VALUES (1)")
    dump = b"CREATE TABLE t (a INT);\nINSERT INTO t VALUES (2);\nINSERT INTO t SELECT SLEEP(60);\n"
    (reachable_tmp / "dump").write_bytes(dump)
    (reachable_tmp / "packed").write_bytes(
        subprocess.run(["zstd", "-q"], input=dump, check=True, capture_output=True).stdout
    )
    work = Workplace(reachable_tmp)
    options = {"src": str(reachable_tmp / "packed"), "target": "shop", "roles": "none", "if_exists": "replace"}
    sleeping = "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'INSERT INTO t SELECT SLEEP%'"
    with work.started("restore", **target.login(), **options) as process:
        until(lambda: target.value(sleeping), "the load waits")
        process.send_signal(number)
        process.wait(60)
    assert target.sql("SELECT a FROM shop.t") == [(1,)]
    until(lambda: not work.processes(), "every process has ended")
    if number == signal.SIGTERM:
        assert databases_of(target) == ["shop"]
    else:
        assert len(databases_of(target)) == 2
        for (connection,) in target.sql(
            f"SELECT id FROM information_schema.processlist WHERE {sleeping.partition('WHERE')[2]}"
        ):
            target.sql(f"KILL {connection}")
    until(lambda: not target.value(sleeping), "its statement has ended")
    load(target, reachable_tmp / "good", b"CREATE TABLE t (a INT);\n", target="fine")
    assert databases_of(target) == ["fine", "shop"]
    assert target.sql("SELECT a FROM shop.t") == [(1,)]


def test_f18_a_server_that_dies_in_the_middle_is_said_and_the_next_run_cleans_up(
    fresh_mysql: Callable[..., MariaDBServer], tmp_path: Path
) -> None:
    server = fresh_mysql()
    server.sql("CREATE DATABASE shop; CREATE TABLE shop.t (a INT); INSERT INTO shop.t VALUES (1)")
    (tmp_path / "dump").write_bytes(b"CREATE TABLE t (a INT);\n\nINSERT INTO t SELECT SLEEP(30);\n")
    failures: list[str] = []

    def run() -> None:
        try:
            call(
                "restore",
                **server.login(),
                src=str(tmp_path / "dump"),
                target="shop",
                roles="none",
                if_exists="replace",
            )
        except BackupError as error:
            failures.append(str(error))

    thread = threading.Thread(target=run)
    thread.start()
    sleeping = "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'INSERT INTO t SELECT SLEEP%'"
    until(lambda: server.value(sleeping), "the load waits")
    server.kill()
    thread.join(60)
    server.start()
    assert "line 3" in failures[0]
    assert "connection was lost" in failures[0]
    assert [name for name in databases_of(server) if name != "shop"] != []
    result = load(server, tmp_path / "good", b"CREATE TABLE t (a INT);\nINSERT INTO t VALUES (2);\n", target="fine")
    assert any("was dropped" in text for text in result["warnings"])
    assert databases_of(server) == ["fine", "shop"]
    assert server.sql("SELECT a FROM shop.t") == [(1,)]
    drop_all(server)
