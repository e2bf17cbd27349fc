# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The disk fills and connections are cut while a dump of another tool is loaded: the live name is wholly old, and it is said."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engines.part import DATA, SCHEMA, Part
from ansible_collections.vya.backupdb.plugins.module_utils._errors import BackupError

from tests.integration.postgresql.dumps import dump, load, told, written
from tests.integration.postgresql.rig import differences, prove
from tests.integration.postgresql.test_faults import soon
from tests.support.postgresql import PostgresServer

#: Loading it takes long, for wherever it is loaded the name of the database is another one.
SLOW = """
CREATE FUNCTION slowly(i int) RETURNS bool IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN
  IF current_database() <> 'live' THEN PERFORM pg_catalog.pg_sleep(60); END IF; RETURN true; END $$;
CREATE TABLE quick (i int);
CREATE TABLE slow (i int CHECK (slowly(i)));
INSERT INTO quick SELECT generate_series(1, 100);
INSERT INTO slow VALUES (1), (2);
"""
FORMS = pytest.mark.parametrize("form", ["plain", "custom"])


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """A server with a live database, which a dump of it is to replace."""
    with PostgresServer() as found:
        found.sql("CREATE DATABASE live")
        found.sql(SLOW, database="live")
        yield found


def names(server: PostgresServer) -> list[str]:
    return [name for (name,) in server.sql("SELECT datname FROM pg_database ORDER BY 1")]


@FORMS
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small file system")
def test_f09_a_disk_that_fills_while_a_dump_is_loaded(server: PostgresServer, reachable_tmp: Path, form: str) -> None:
    small = reachable_tmp / "small"
    small.mkdir()
    with contextlib.ExitStack() as stack:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=34m,mode=0700", "none", small], check=True)
        stack.callback(subprocess.run, ["umount", small], check=True)
        subprocess.run(["chown", server.account, small], check=True)
        server.sql(f"CREATE TABLESPACE small LOCATION '{small}'")
        stack.callback(server.sql, "DROP TABLESPACE small")
        server.sql("CREATE DATABASE large TABLESPACE small")
        stack.callback(server.sql, "DROP DATABASE large")
        rows = "SELECT g, repeat(md5(g::text), 3) FROM generate_series(1, 110000) g"
        server.sql(f"CREATE TABLE t AS {rows}", database="large")
        # What CREATE DATABASE wrote has holes until then, which nothing could fill later.
        server.sql("CHECKPOINT")
        before, proof = names(server), prove(server, "large")
        path = written(reachable_tmp, dump(server, "pg_dump", f"--format={form}", "large"))
        try:
            found = told(load(server, path, {_key(path): "large"}, if_exists="replace", keep_previous=0))
        except BackupError as error:
            found = [str(error)]
        (text,) = found
        assert "No space left on device" in text
        assert names(server) == before
        assert differences(server, proof, {"large": "large"}, instance=False) == []


def _key(path: Path) -> str:
    return "large" if path.read_bytes().startswith(b"PGDMP") else ""


@FORMS
@pytest.mark.parametrize("keep", [False, True])
def test_f18_a_connection_that_is_cut_while_a_dump_is_loaded(
    server: PostgresServer, tmp_path: Path, form: str, keep: bool
) -> None:
    path = written(tmp_path, dump(server, "pg_dump", f"--format={form}", "live"))
    before, proof = names(server), prove(server, "live")
    sleeping = "wait_event = 'PgSleep' AND datname <> 'live'"

    def waits() -> bool:
        return bool(server.value(f"SELECT count(*) FROM pg_stat_activity WHERE {sleeping}"))

    def cut() -> None:
        server.sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {sleeping}")

    with soon(waits, cut):
        try:
            found = told(load(server, path, {_of_live(path): "live"}, if_exists="replace", keep_failed=keep))
        except BackupError as error:
            found = [str(error)]
    assert "terminating connection due to administrator command" in " ".join(
        found
    ) or "ended the connection" in " ".join(found)
    left = [name for name in names(server) if name not in before]
    assert [name.partition("__")[0] for name in left] == (["live"] if keep else [])
    assert not any("shadow" in name for name in left)
    assert differences(server, proof, {"live": "live"}, instance=False) == []
    for name in left:
        assert server.value("SELECT count(*) FROM quick", database=name) == 100
        server.sql(f'DROP DATABASE "{name}"')


def _of_live(path: Path) -> str:
    return "live" if path.read_bytes().startswith(b"PGDMP") else ""


@FORMS
def test_f18_a_connection_that_is_cut_while_rows_are_loaded(server: PostgresServer, tmp_path: Path, form: str) -> None:
    path = written(tmp_path, dump(server, "pg_dump", f"--format={form}", "live"))
    key = _of_live(path)
    load(server, path, {key: "copy"}, part=Part(content=SCHEMA))
    sleeping = "wait_event = 'PgSleep' AND datname = 'copy'"
    cut = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {sleeping}"
    waits = f"SELECT count(*) FROM pg_stat_activity WHERE {sleeping}"
    with (
        soon(lambda: bool(server.value(waits)), lambda: server.sql(cut)),
        pytest.raises(BackupError, match="ended the connection"),
    ):
        load(server, path, {key: "copy"}, part=Part(content=DATA))
    assert [server.value(f"SELECT count(*) FROM {table}", database="copy") for table in ("quick", "slow")] == [0, 0]
    server.sql("DROP DATABASE copy")


def test_f18_a_server_that_dies_while_a_dump_is_loaded(fresh_pg: Callable[..., PostgresServer], tmp_path: Path) -> None:
    server = fresh_pg()
    server.sql("CREATE DATABASE live")
    server.sql(SLOW, database="live", options="-c synchronous_commit=on")
    path = written(tmp_path, dump(server, "pg_dump", "live"))
    proof = prove(server, "live")
    waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
    with soon(lambda: bool(server.value(waits)), server.kill), pytest.raises(BackupError):
        load(server, path, {"": "live"}, if_exists="replace")
    server.start()
    assert differences(server, proof, {"live": "live"}, instance=False) == []
    warnings: list[str] = []
    load(server, written(tmp_path, "CREATE TABLE t (i int);", "other"), {"": "other"}, warnings)
    assert any("unfinished restore of a run that died" in text for text in warnings)
    assert not any("shadow" in name for name in names(server))
