# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The throw-away servers themselves: what the other tests stand on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pymysql
import pytest

from tests.support.mariadb import MariaDBServer
from tests.support.paths import CHECKOUT
from tests.support.postgresql import PostgresServer
from tests.support.server import ServerError

START_AND_SLEEP = """
import signal, sys, time
# whoever runs the tests in the background has it ignored
signal.signal(signal.SIGINT, signal.default_int_handler)
from tests.support.mariadb import MariaDBServer
from tests.support.postgresql import PostgresServer
with {kind}() as server:
    print(server.pid, server.base, flush=True)
    time.sleep(600)
"""


def wait_until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def process_exists(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def test_postgresql_data_survive_stop_and_crash(fresh_pg: Callable[..., PostgresServer]) -> None:
    server = fresh_pg()
    server.psql(input_text="CREATE TABLE t (i int);\nCOPY t FROM stdin;\n1\n2\n\\.\n")
    server.restart()
    assert server.value("SELECT count(*) FROM t") == 2
    server.kill()
    assert not server.running()
    server.start()
    assert server.value("SELECT sum(i) FROM t") == 3


def test_mariadb_data_survive_stop_and_crash(fresh_mariadb: Callable[..., MariaDBServer]) -> None:
    server = fresh_mariadb()
    server.sql("CREATE DATABASE d; CREATE TABLE d.t (i int) ENGINE=InnoDB; INSERT INTO d.t VALUES (1), (2)")
    server.restart()
    assert server.value("SELECT count(*) FROM d.t") == 2
    server.kill()
    assert not server.running()
    server.start()
    assert server.value("SELECT sum(i) FROM t", database="d") == 3


def test_postgresql_is_set_up_as_on_debian(pg_server: PostgresServer) -> None:
    """Peer on the socket, a password over TCP, settings of a test apart from those of the harness."""
    with pytest.raises(psycopg.OperationalError, match=r"[Pp]eer authentication failed"):
        pg_server.connect(host=str(pg_server.socket_dir), user="somebody_else")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        pg_server.connect(password="wrong")
    assert pg_server.value("SELECT source FROM pg_settings WHERE name = 'fsync'") == "command line"


def test_mariadb_is_set_up_as_on_debian(mariadb_server: MariaDBServer) -> None:
    """Root by socket only, no anonymous account, no database test."""
    with pytest.raises(pymysql.err.OperationalError):
        mariadb_server.connect(host="127.0.0.1", password="")
    assert mariadb_server.sql("SELECT user FROM mysql.global_priv WHERE user = ''") == []
    assert "test" not in [name for (name,) in mariadb_server.sql("SHOW DATABASES")]


def test_settings_reach_the_servers(
    fresh_pg: Callable[..., PostgresServer], fresh_mariadb: Callable[..., MariaDBServer]
) -> None:
    postgres = fresh_pg(settings={"work_mem": "5MB", "application_name": "it's"})
    assert postgres.sql("SELECT setting, source FROM pg_settings WHERE name = 'work_mem'") == [
        ("5120", "configuration file")
    ]
    assert fresh_mariadb(settings={"sql_mode": "ANSI"}).value("SELECT @@sql_mode LIKE '%ANSI_QUOTES%'") == 1


def test_initdb_arguments_reach_the_server(fresh_pg: Callable[..., PostgresServer]) -> None:
    server = fresh_pg(superuser="the boss", initdb_args=["--locale=C", "--encoding=LATIN1"])
    assert server.value("SELECT current_user::text") == "the boss"
    assert server.value("SHOW server_encoding") == "LATIN1"


def test_servers_of_one_kind_have_their_own_passwords(fresh_pg: Callable[..., PostgresServer]) -> None:
    one, other = fresh_pg(), fresh_pg()
    assert one.port != other.port
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        one.connect(password=other.password)


def test_server_that_cannot_start_says_why(fresh_pg: Callable[..., PostgresServer]) -> None:
    with pytest.raises(ServerError, match="no_such_setting"):
        fresh_pg(settings={"no_such_setting": "1"})


@pytest.mark.parametrize("kind", ["PostgresServer", "MariaDBServer"])
@pytest.mark.parametrize("ended_by", [signal.SIGKILL, signal.SIGINT], ids=lambda number: number.name)
def test_server_ends_with_the_process_that_started_it(kind: str, ended_by: signal.Signals) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", START_AND_SLEEP.format(kind=kind)],
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert parent.stdout is not None
    pid, base = parent.stdout.readline().split()
    assert process_exists(int(pid))
    parent.send_signal(ended_by)
    parent.communicate()
    wait_until(lambda: not process_exists(int(pid)), "the server's process stayed")
    wait_until(lambda: not Path(base).exists(), "the server's folder stayed")


def test_server_ends_with_its_guard(fresh_mariadb: Callable[..., MariaDBServer]) -> None:
    server = fresh_mariadb()
    assert server.pid is not None
    pid = server.pid
    guard = int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
    os.kill(guard, signal.SIGKILL)
    wait_until(lambda: not process_exists(pid), "the server's process stayed")


def test_server_outlives_the_thread_that_started_it(fresh_pg: Callable[..., PostgresServer]) -> None:
    servers: list[PostgresServer] = []
    thread = threading.Thread(target=lambda: servers.append(fresh_pg()))
    thread.start()
    thread.join()
    assert servers[0].value("SELECT 1") == 1


def test_kept_server_lives_on_until_told() -> None:
    program = START_AND_SLEEP.format(kind="PostgresServer").replace(
        "    time.sleep(600)", "    import os; print(server.keep(), flush=True); os._exit(0)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    pid, base, guard = done.stdout.split()
    assert process_exists(int(pid))
    # by then the guard is past the end of its input and waits for the server
    time.sleep(1)
    os.kill(int(guard), signal.SIGTERM)
    wait_until(lambda: not process_exists(int(pid)), "the server's process stayed")
    wait_until(lambda: not Path(base).exists(), "the server's folder stayed")
