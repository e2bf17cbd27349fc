# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What happens when things are wrong: a clear message, and nothing half-made is left."""

from __future__ import annotations

import json
import os
import re
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._codec import write_bytes
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.shadow import MARKER
from ansible_collections.vya.backupdb.plugins.module_utils._errors import (
    BackupError,
    ConnectionFailed,
    MissingProgram,
    UsageError,
)

from tests.integration.modules.harness import Workplace, call, message_of, until
from tests.integration.mysql.conftest import Journey, databases_of, drop_all, engine, numbers, script
from tests.support.mariadb import MariaDBServer

SHOP = r"""
CREATE DATABASE shop;
USE shop;
CREATE TABLE orders (id INT PRIMARY KEY, v INT, pad VARCHAR(200));
INSERT INTO orders SELECT seq, seq, REPEAT('x', 200) FROM MANY;
CREATE TABLE items (id INT PRIMARY KEY);
INSERT INTO items SELECT seq FROM SOME;
CREATE VIEW cheap AS SELECT id FROM orders;
CREATE PROCEDURE p() SELECT 1;
CREATE TRIGGER stamp BEFORE INSERT ON orders FOR EACH ROW SET NEW.v = 0;
CREATE EVENT e ON SCHEDULE EVERY 1 DAY DISABLE DO SELECT 1;
""".replace("MANY", numbers(8000)).replace("SOME", numbers(500))
#: Users of sessions that are the server's own.
OF_SERVER = "('system user', 'event_scheduler')"


def nothing_left(server: MariaDBServer, *there: str) -> None:
    """Only some databases are there, and no user of a database but us."""
    assert databases_of(server) == sorted(there)
    until(
        lambda: server.value(f"SELECT COUNT(*) FROM information_schema.processlist WHERE user NOT IN {OF_SERVER}") <= 1,
        "all connections are closed",
    )


# M21: the name of a database never points at a half of it


@pytest.mark.parametrize("part", ["load", "routines", "views", "triggers", "events"])
def test_m21_a_restore_that_fails_leaves_nothing(
    source: MariaDBServer, target: MariaDBServer, journey: Journey, part: str
) -> None:
    """The set is altered so that one part of it fails; the restore is asked through the engine, which trusts the set."""
    script(source, SHOP)
    journey.dump(source, "shop")
    folder = Path(journey.latest.directory) / "databases" / "shop"
    victim = next((folder / "data").glob("*orders*")) if part == "load" else folder / f"{part}.sql.zst"
    replace_content(victim, "1\t1\tonly one\n" if part == "load" else "SELECT nonsense FROM nowhere;\n")
    target.sql("CREATE DATABASE other")
    with engine(target) as opened:
        request = restore_request(shop="shop")
        plan = opened.plan_restore(request, journey.latest)
        assert plan.problems == ()
        expected = "1 rows were loaded instead of 8000" if part == "load" else "error 1054|error 1046|error 1146"
        with pytest.raises(BackupError, match=expected):
            opened.restore(request, plan, journey.latest)
    nothing_left(target, "other")


def replace_content(path: Path, text: str) -> None:
    path.unlink()
    path.touch()
    write_bytes(str(path), text.encode())


def restore_request(**databases: str) -> Any:
    from ansible_collections.vya.backupdb.plugins.module_utils._engines.base import RestoreRequest

    return RestoreRequest(databases, roles="none", jobs=2)


def test_m21_a_failed_restore_puts_the_empty_database_back(
    source: MariaDBServer, target: MariaDBServer, journey: Journey
) -> None:
    script(source, SHOP)
    journey.dump(source, "shop")
    folder = Path(journey.latest.directory) / "databases" / "shop"
    replace_content(folder / "events.sql.zst", "SELECT nonsense;")
    target.sql("CREATE DATABASE shop CHARACTER SET koi8r /*M! COMMENT 'mine' */")
    with engine(target) as opened:
        plan = opened.plan_restore(restore_request(shop="shop"), journey.latest)
        with pytest.raises(BackupError, match="nonsense"):
            opened.restore(restore_request(shop="shop"), plan, journey.latest)
    nothing_left(target, "shop")
    assert target.sql("SHOW TABLES FROM shop") == []
    assert "koi8r" in target.sql("SHOW CREATE DATABASE shop")[0][1]


@pytest.mark.parametrize("program", ["zstd"])
def test_m21_what_a_killed_restore_left_is_swept(
    source: MariaDBServer, target: MariaDBServer, journey: Journey, reachable_tmp: Path, program: str
) -> None:
    """Killed while it loads: the next run drops what is left, and says so."""
    script(source, SHOP)
    journey.dump(source, "shop")
    work = Workplace(reachable_tmp)
    work.hold(program)
    if program == "zstd":
        # only the one that decompresses rows waits
        text = (work.bin / program).read_text()
        (work.bin / program).write_text(text.replace('for word in "$@"', 'case "$*" in */data/*);; *) exec /usr/bin/zstd "$@";; esac\n'
                                                     'for word in "$@"'))  # fmt: skip
    with work.started("restore", **target.login(), **journey.place, jobs=1) as process:
        work.held()
        there = databases_of(target)
        assert any("__restoring_" in name for name in there), there
        # whoever looks for databases to back up does not see these
        with engine(target) as opened:
            assert opened.inspect().databases == ()
            # and a living run is never swept
            plan = opened.plan_restore(restore_request(shop="shop"), journey.latest)
            assert not any("died" in text for text in plan.warnings)
        process.send_signal(signal.SIGKILL)
        process.wait()
    work.release()
    until(lambda: not work.processes(), "the programs ended with the module")
    assert databases_of(target) == there
    until(lambda: journey.restore(target, check=True)["warnings"], "the server has noticed that the run is dead")
    assert databases_of(target) == there
    result = journey.restore(target)
    assert any("had left, was dropped" in text for text in result["warnings"])
    assert databases_of(target) == ["shop"]
    assert journey.differences(target) == []


def test_marker_is_no_part_of_a_restored_database(
    source: MariaDBServer, target: MariaDBServer, journey: Journey
) -> None:
    script(source, SHOP)
    journey.dump(source, "shop")
    journey.restore(target)
    assert target.value("SELECT COUNT(*) FROM information_schema.tables WHERE table_name = %s", MARKER) == 0


# refusals


def test_server_that_is_not_there(tmp_path: Path, journey: Journey) -> None:
    with pytest.raises(ConnectionFailed, match="cannot be reached.*make sure that the server runs"):
        call("dump", engine="mysql", login_unix_socket=str(tmp_path / "none.sock"), **journey.place)
    with pytest.raises(ConnectionFailed, match="cannot be reached as root at 127.0.0.1:1"):
        call("dump", engine="mysql", login_host="127.0.0.1", login_port=1, **journey.place)


def test_wrong_password_and_unknown_account(source: MariaDBServer, journey: Journey) -> None:
    for options in (source.login(user="nobody", password="wrong"), source.login(user="mysql")):
        with pytest.raises(ConnectionFailed, match=r"refused the login (nobody|mysql) at .*login_user") as caught:
            call("dump", **options, **journey.place)
        assert "wrong" not in str(caught.value)


def test_database_that_does_not_exist(source: MariaDBServer, journey: Journey) -> None:
    source.sql("CREATE DATABASE there")
    with pytest.raises(UsageError, match="No database matches 'absent'.*'there'"):
        journey.dump(source, "absent")
    with pytest.raises(UsageError, match="No database matches 'mysql'"):
        journey.dump(source, "mysql")


def test_programs_that_are_absent(
    source: MariaDBServer, journey: Journey, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from ansible_collections.vya.backupdb.plugins.module_utils import _process

    (tmp_path / "zstd").symlink_to("/usr/bin/zstd")
    (tmp_path / "setpriv").symlink_to("/usr/bin/setpriv")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(_process, "_SYSTEM_PATH", str(tmp_path))
    program, package = ("mariadb or mysql", "mariadb") if source.flavour == "mariadb" else ("program mysql", "mysql")
    with pytest.raises(MissingProgram, match=f"{program} is not installed.*{package}-client"):
        journey.dump(source)


def test_driver_that_is_absent(source: MariaDBServer, journey: Journey, monkeypatch: pytest.MonkeyPatch) -> None:
    from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql import connection

    monkeypatch.setattr(connection, "pymysql", None)
    with pytest.raises(MissingProgram, match="PyMySQL is not installed.*python3-pymysql"):
        journey.dump(source)


@pytest.mark.parametrize("lacking", ["SELECT", "SHOW VIEW", "TRIGGER", "EVENT", "RELOAD"])
def test_m30_each_missing_privilege_is_named(source: MariaDBServer, journey: Journey, lacking: str) -> None:
    privileges = [name for name in ("SELECT", "SHOW VIEW", "TRIGGER", "EVENT", "RELOAD") if name != lacking]
    source.sql("CREATE USER IF NOT EXISTS limited@'%' IDENTIFIED BY 'x'")
    source.sql(f"GRANT {', '.join(privileges)} ON *.* TO limited@'%'")
    with pytest.raises(BackupError, match=f"privilege {lacking} on \\*.\\* is missing"):
        journey.dump(source, login=source.login(user="limited", password="x"))
    source.sql("DROP USER limited@'%'")


def test_m30_the_least_account_backs_everything_up(
    source: MariaDBServer, target: MariaDBServer, journey: Journey
) -> None:
    script(source, SHOP)
    source.sql("CREATE USER IF NOT EXISTS limited@'%' IDENTIFIED BY 'x'")
    source.sql("GRANT SELECT, SHOW VIEW, TRIGGER, EVENT, RELOAD ON *.* TO limited@'%'")
    journey.dump(source, login=source.login(user="limited", password="x"))
    source.sql("DROP USER limited@'%'")
    journey.restore(target, roles="none")
    assert journey.differences(target) == []


def test_m30_missing_privileges_for_a_restore_are_named(
    source: MariaDBServer, target: MariaDBServer, journey: Journey
) -> None:
    script(source, SHOP)
    journey.dump(source, "shop")
    target.sql("CREATE USER IF NOT EXISTS limited@'%' IDENTIFIED BY 'x'; GRANT SELECT ON *.* TO limited@'%'")
    with pytest.raises(BackupError, match="privilege CREATE VIEW on"):
        journey.restore(target, login=target.login(user="limited", password="x"))
    target.sql("DROP USER limited@'%'")
    nothing_left(target)


def test_broken_view_is_named_before_anything_starts(source: MariaDBServer, journey: Journey) -> None:
    source.sql("CREATE DATABASE shop; CREATE TABLE shop.t (id INT); CREATE VIEW shop.v AS SELECT id FROM shop.t")
    source.sql("DROP TABLE shop.t")
    with pytest.raises(BackupError, match=r"View shop\.v cannot be read.*1356"):
        journey.dump(source)
    assert list(journey.repository.iterdir()) == []


def test_definitions_that_change_meanwhile_stop_the_backup(
    source: MariaDBServer, journey: Journey, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql import backup

    script(source, SHOP)
    real = backup.dump_definitions

    def altered(*arguments: Any) -> Any:
        source.sql("ALTER TABLE shop.items ADD COLUMN late INT")
        return real(*arguments)

    monkeypatch.setattr(backup, "dump_definitions", altered)
    with pytest.raises(BackupError, match="Definitions in shop changed while the backup ran"):
        journey.dump(source, "shop")
    assert not list(journey.repository.glob("*/*/2*"))


def test_lock_that_is_not_granted_says_so(
    source: MariaDBServer, journey: Journey, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql import snapshot

    monkeypatch.setattr(snapshot, "LOCK_SECONDS", 1)
    source.sql("CREATE DATABASE shop; CREATE TABLE shop.t (id INT) ENGINE=MyISAM")
    with source.connect() as other, other.cursor() as cursor:
        cursor.execute("LOCK TABLES shop.t WRITE")
        with pytest.raises(BackupError, match="global read lock.*1205"):
            journey.dump(source, "shop")
    nothing_left(source, "shop")


def test_server_killed_in_the_middle_of_a_dump(
    fresh_mysql: Callable[..., MariaDBServer], journey: Journey, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.dump import TableDumper

    server = fresh_mysql()
    server.sql("CREATE DATABASE shop; CREATE TABLE shop.t (id INT PRIMARY KEY, v LONGTEXT)")
    server.sql(f"INSERT INTO t SELECT seq, REPEAT(UUID(), 5000) FROM {numbers(300)}", database="shop")
    real = TableDumper.dump
    lock = threading.Lock()

    def killing(self: Any, reader: Any, table: Any, number: int, expected: Any) -> Any:
        progress = self._progress

        def kill(size: int) -> None:
            with lock:
                if server.running():
                    server.kill()
            progress(size)

        self._progress = kill
        return real(self, reader, table, number, expected)

    monkeypatch.setattr(TableDumper, "dump", killing)
    with pytest.raises(BackupError) as caught:
        journey.dump(server, "shop", proof="counts")
    assert re.search("lost connection|gone away|connection was lost", str(caught.value), re.IGNORECASE)
    assert not list(journey.repository.glob("*/*/2*"))


@pytest.mark.parametrize("program", ["zstd", "client", "dump"])
def test_program_killed_in_the_middle_of_a_dump(source: MariaDBServer, reachable_tmp: Path, program: str) -> None:
    program = {"client": source.client_program.name, "dump": source.dump_program.name}.get(program, program)
    script(source, SHOP)
    source.sql(
        f"INSERT INTO shop.orders SELECT seq + 9000, seq, REPEAT(SHA2(seq, 224), 3) FROM {numbers(11000)}",
        database="shop",
    )
    work = Workplace(reachable_tmp)
    work.hold(program)
    with work.started("dump", **source.login(), **work.place, databases=["shop"]) as process:
        os.kill(work.held(), signal.SIGKILL)
        work.release()
        output, _errors = process.communicate(timeout=60)
    message = message_of(json.loads(output.splitlines()[-1]), program)
    assert "SIGKILL" in message
    work.assert_clean()
    nothing_left(source, "shop")


def test_other_settings_of_the_server_are_refused(
    source: MariaDBServer, fresh_mysql: Callable[..., MariaDBServer], journey: Journey
) -> None:
    """M18, M19: lower_case_table_names is fixed at initialisation, a smaller packet is worth a warning."""
    source.sql("CREATE DATABASE shop; CREATE TABLE shop.t (id INT PRIMARY KEY)")
    journey.dump(source, "shop")
    with pytest.raises(BackupError, match="lower_case_table_names = 0, the server has 1"):
        # MySQL is told of it from the beginning
        setting = {"lower_case_table_names": "1"}
        journey.restore(fresh_mysql(settings=setting, install_args=["--lower-case-table-names=1"]))
    server = fresh_mysql(settings={"max_allowed_packet": "2M", "local_infile": "OFF"})
    result = journey.restore(server)
    assert any("max_allowed_packet is 2097152" in text for text in result["warnings"])
    assert journey.differences(server) == []
    assert server.value("SELECT @@GLOBAL.local_infile") == 0


def test_local_infile_that_may_not_be_set_is_named(
    source: MariaDBServer, fresh_mysql: Callable[..., MariaDBServer], journey: Journey
) -> None:
    source.sql("CREATE DATABASE shop; CREATE TABLE shop.t (id INT PRIMARY KEY)")
    journey.dump(source, "shop")
    server = fresh_mysql(settings={"local_infile": "OFF"})
    server.create_account(
        "limited",
        "x",
        grants="SELECT, INSERT, CREATE, DROP, ALTER, INDEX, REFERENCES, CREATE VIEW, SHOW VIEW, CREATE ROUTINE, "
        "ALTER ROUTINE, TRIGGER, EVENT, CREATE USER ON *.*",
    )
    with pytest.raises(BackupError, match="does not accept LOAD DATA LOCAL: set the global variable local_infile"):
        journey.restore(server, login=server.login(user="limited", password="x"))


def test_m28_storage_engine_that_is_absent(
    source: MariaDBServer, target: MariaDBServer, fresh_mysql: Callable[..., MariaDBServer], journey: Journey
) -> None:
    # MySQL has it from the beginning, unless it was told otherwise
    is_mariadb = source.flavour == "mariadb"
    without = target if is_mariadb else fresh_mysql(settings={"archive": "OFF"})
    try:
        if is_mariadb:
            source.sql("INSTALL SONAME 'ha_archive'")
        source.sql("CREATE DATABASE shop; CREATE TABLE shop.t (id INT) ENGINE=ARCHIVE; INSERT INTO shop.t VALUES (1)")
        journey.dump(source, "shop")
        with pytest.raises(BackupError, match=r"storage engine ARCHIVE \(of table shop\.t\) is not there"):
            journey.restore(without)
        if is_mariadb:
            target.sql("INSTALL SONAME 'ha_archive'")
        journey.restore(target)
        assert journey.differences(target) == []
    finally:
        for server in (source, target):
            drop_all(server)
            if is_mariadb:
                server.sql("UNINSTALL SONAME IF EXISTS 'ha_archive'")
