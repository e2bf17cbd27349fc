# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The disk fills and connections are cut while a dump of another tool is loaded: the live name is wholly old, and it is said."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._errors import BackupError
from ansible_collections.vya.backupdb.plugins.module_utils._modules._request import FailedResult

from tests.integration.modules.harness import call, until
from tests.integration.mysql.conftest import databases_of, drop_all, numbers
from tests.support.mariadb import MariaDBServer
from tests.support.mysql import mysql_server

SLEEPING = "SELECT id FROM information_schema.processlist WHERE info LIKE 'INSERT INTO t SELECT SLEEP%'"


def load(server: MariaDBServer, path: Path, content: bytes, **options: Any) -> dict[str, Any]:
    path.write_bytes(content)
    return call("restore", **server.login(), src=str(path), roles="none", target="shop", if_exists="replace", **options)


def live(server: MariaDBServer) -> None:
    server.sql("CREATE DATABASE shop; CREATE TABLE shop.t (a INT); INSERT INTO shop.t VALUES (1)")


@pytest.fixture
def small_disk(reachable_tmp: Path) -> Iterator[Path]:
    """A file system of its own."""
    place = reachable_tmp / "disk"
    place.mkdir()
    with contextlib.ExitStack() as stack:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=110m,mode=0755", "none", place], check=True)
        stack.callback(subprocess.run, ["umount", place], check=True)
        yield place


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small file system")
def test_f09_a_disk_that_fills_while_a_dump_is_loaded(small_disk: Path, tmp_path: Path) -> None:
    if shutil.which("mariadbd", path=f"{os.environ['PATH']}:/usr/sbin") is None:
        pytest.skip("an empty server of MySQL is larger than this disk")
    settings = {"innodb_log_file_size": "4M", "innodb_temp_data_file_path": "ibtmp1:12M:autoextend:max:32M"}
    with mysql_server(directory=small_disk, settings=settings) as server:
        live(server)
        rows = f"INSERT INTO t SELECT REPEAT(SHA2(seq, 256), 125) FROM {numbers(4000)};\n".encode()
        dump = b"CREATE TABLE t (a TEXT);\n" + rows * 8
        with pytest.raises(FailedResult) as failure:
            load(server, tmp_path / "dump", dump)
        (error, *_more) = failure.value.result["errors"]
        assert error["line"] > 1
        assert "full" in error["message"]
        assert "no database got its name" in str(failure.value)
        assert databases_of(server) == ["shop"]
        assert server.sql("SELECT a FROM shop.t") == [(1,)]
        load(server, tmp_path / "dump", b"CREATE TABLE t (a INT);\nINSERT INTO t VALUES (2);\n")
        assert server.sql("SELECT a FROM shop.t") == [(2,)]


@pytest.mark.parametrize("keep", [False, True])
def test_f18_a_connection_that_is_cut_while_a_dump_is_loaded(target: MariaDBServer, tmp_path: Path, keep: bool) -> None:
    live(target)
    dump = b"CREATE TABLE quick (a INT);\nINSERT INTO quick VALUES (7);\nCREATE TABLE t (a INT);\nINSERT INTO t SELECT SLEEP(60);\n"
    failures: list[str] = []

    def run() -> None:
        try:
            load(target, tmp_path / "dump", dump, keep_failed=keep)
        except BackupError as error:
            failures.append(str(error))

    thread = threading.Thread(target=run)
    thread.start()
    ((connection,),) = until(lambda: target.sql(SLEEPING), "the load waits")
    target.sql(f"KILL {connection}")
    thread.join(60)
    (text,) = failures
    assert "connection was lost" in text
    assert "line 4" in text
    assert target.sql("SELECT a FROM shop.t") == [(1,)]
    left = [name for name in databases_of(target) if name != "shop"]
    assert len(left) == int(keep)
    assert [target.sql(f"SHOW TABLES FROM `{name}`") for name in left] == [[("quick",), ("t",)]] * len(left)
    drop_all(target)


def test_f18_a_connection_that_is_cut_while_rows_are_loaded(target: MariaDBServer, tmp_path: Path) -> None:
    target.sql("CREATE DATABASE shop; CREATE TABLE shop.quick (a INT); CREATE TABLE shop.t (a INT)")
    (tmp_path / "dump").write_bytes(b"INSERT INTO quick VALUES (7);\nINSERT INTO t SELECT SLEEP(60);\n")
    failures: list[str] = []

    def run() -> None:
        try:
            call("restore", **target.login(), src=str(tmp_path / "dump"), roles="none", target="shop", content="data")
        except BackupError as error:
            failures.append(str(error))

    thread = threading.Thread(target=run)
    thread.start()
    ((connection,),) = until(lambda: target.sql(SLEEPING), "the load waits")
    target.sql(f"KILL {connection}")
    thread.join(60)
    assert "connection was lost" in failures[0]
    assert target.sql("SELECT * FROM shop.quick UNION SELECT * FROM shop.t") == []
