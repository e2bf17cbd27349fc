# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs and servers killed at every phase of a replacing restore: the live name is wholly old or wholly new."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql import swap
from ansible_collections.vya.backupdb.plugins.module_utils._engines.placement import Placement
from ansible_collections.vya.backupdb.plugins.module_utils._errors import BackupError

from tests.integration.postgresql.rig import back_up, differences, restore
from tests.integration.postgresql.standing import NEW, OLD, Standing
from tests.integration.postgresql.test_faults import soon, wait_for_sessions_to_end
from tests.support.postgresql import PostgresServer

REPLACE_FOR_EVER = """
import sys
from tests.support.paths import link_collection
link_collection()
from ansible_collections.vya.backupdb.plugins.module_utils._engines.base import RestoreRequest
from ansible_collections.vya.backupdb.plugins.module_utils._engines.placement import Placement
from ansible_collections.vya.backupdb.plugins.module_utils._engines.postgresql import PostgresqlEngine
from ansible_collections.vya.backupdb.plugins.module_utils._model import Connection
from ansible_collections.vya.backupdb.plugins.module_utils._progress import Reporter
from ansible_collections.vya.backupdb.plugins.module_utils._repository import SetReader
reader = SetReader(sys.argv[1])
request = RestoreRequest({"shop": "shop", "crm": "crm"}, placement=Placement("replace", 99, True, sys.argv[4]), analyze=False)
print("begin", flush=True)
while True:
    connection = Connection(unix_socket=sys.argv[2], port=int(sys.argv[3]), user="postgres")
    with PostgresqlEngine(connection, Reporter()) as engine:
        engine.restore(request, engine.plan_restore(request, reader), reader)
    print("end", flush=True)
"""
KILLS = 4


def locked(server: PostgresServer) -> Callable[[], bool]:
    query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query ~ 'RENAME'"
    return lambda: bool(server.value(query))


def check(standing: Standing) -> list[str]:
    """That each live name is wholly old or new, and that nothing of the old content is gone; returns which."""
    states = [standing.state(name) for name in standing.names]
    there = standing.databases()
    for name, state in zip(standing.names, states):
        older = [item for item in there if item.startswith(f"{name}__before_")]
        contents = [state, *(standing.state(item) for item in older)]
        assert OLD in contents
        if state == NEW:
            assert older
    return states


def after(seconds: float) -> Callable[[], bool]:
    """Whether some time has passed from now on."""
    moment = time.monotonic() + seconds
    return lambda: time.monotonic() > moment


def run(standing: Standing) -> subprocess.Popen[str]:
    server = standing.server
    argv = [sys.executable, "-c", REPLACE_FOR_EVER, standing.made.reader.directory, str(server.socket_dir)]
    return subprocess.Popen([*argv, str(server.port), standing.stamp], stdout=subprocess.PIPE, text=True)


def test_p31_killed_at_any_moment_the_live_name_is_wholly_old_or_new(standing: Standing) -> None:
    with run(standing) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begin\n"
        began = time.monotonic()
        assert process.stdout.readline() == "end\n"
        took = time.monotonic() - began
        process.kill()
    wait_for_sessions_to_end(standing.server)
    seen = set()
    for number in range(KILLS):
        standing.reset()
        with run(standing) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "begin\n"
            time.sleep(took * (number + 0.5) / KILLS)
            process.kill()
        wait_for_sessions_to_end(standing.server)
        seen.update(check(standing))
    assert OLD in seen
    standing.replace(standing.request())
    assert standing.server.value("SELECT count(*) FROM pg_database WHERE datname ~ 'shadow'") == 0
    # The last kill may have come after the swap; then this run has replaced what was new already.
    assert [standing.state(name) for name in standing.names] == [NEW, NEW]


def test_p31_killed_while_it_waits_to_rename_nothing_is_renamed_later(standing: Standing) -> None:
    with standing.server.connect() as other, other.transaction():
        other.execute("COMMENT ON DATABASE crm IS 'busy'")
        with run(standing) as process, soon(locked(standing.server), process.kill):
            process.wait()
    wait_for_sessions_to_end(standing.server)
    states = dict(zip(standing.names, check(standing)))
    assert states["crm"] == OLD
    _outcome, warnings = standing.replace(standing.request())
    assert any("unfinished restore of a run that died" in text for text in warnings)


def test_f18_server_killed_at_any_moment_the_live_name_is_wholly_old_or_new(standing: Standing) -> None:
    server = standing.server
    began = time.monotonic()
    standing.replace(standing.request())
    took = time.monotonic() - began

    def renamed() -> bool:
        return bool(server.value("SELECT count(*) FROM pg_database WHERE datname ~ '__before_'"))

    for number in range(KILLS + 2):
        standing.reset()
        said = None
        with soon(renamed if number >= KILLS else after(took * (number + 0.5) / KILLS), server.kill):
            try:
                standing.replace(standing.request())
            except BackupError as error:
                said = str(error)
        if server.running():
            server.kill()
        server.start_again()
        states = dict(zip(standing.names, check(standing)))
        for name, state in states.items():
            if said is None or f"{name!r} is the restored database already" in said:
                assert state == NEW
            elif f"Whether {name!r} is already" not in said:
                assert state == OLD


def test_f18_success_that_was_reported_survives_a_crash(standing: Standing) -> None:
    standing.replace(standing.request("shop"))
    standing.server.kill()
    standing.server.start_again()
    assert check(standing) == [NEW, OLD]


def test_failure_says_what_was_replaced_before(standing: Standing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(swap, "_LOCK_TIMEOUT", 200)
    first, second = (database.name for database in standing.made.reader.manifest.databases)
    with standing.server.connect() as other, other.transaction():
        other.execute(f"COMMENT ON DATABASE {second} IS 'busy'")
        with pytest.raises(BackupError, match=f"holds a lock on the database '{second}'") as failure:
            standing.replace(standing.request())
    kept = f"{first}__before_{standing.stamp}"
    assert f"'{first}' is the restored database already; what it was is called '{kept}' now." in str(failure.value)
    assert f"'{second}' is the restored" not in str(failure.value)
    assert (standing.state(first), standing.state(kept), standing.state(second)) == (NEW, OLD, OLD)


def test_f18_connection_cut_while_renaming_is_told_truthfully(standing: Standing) -> None:
    first, second = (database.name for database in standing.made.reader.manifest.databases)
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query ~ 'RENAME'"
    with standing.server.connect() as other, other.transaction():
        other.execute(f"COMMENT ON DATABASE {second} IS 'busy'")
        with (
            soon(locked(standing.server), lambda: standing.server.sql(cut)),
            pytest.raises(BackupError, match="ended the connection") as failure,
        ):
            standing.replace(standing.request())
    assert f"'{first}' is the restored database already" in str(failure.value)
    assert f"'{second}' is the restored" not in str(failure.value)
    assert (standing.state(first), standing.state(second)) == (NEW, OLD)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small file system")
def test_f09_full_disk_leaves_the_live_database(standing: Standing, reachable_tmp: Path) -> None:
    server = standing.server
    small = reachable_tmp / "small"
    small.mkdir()
    with contextlib.ExitStack() as stack:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=30m,mode=0700", "none", small], check=True)
        stack.callback(subprocess.run, ["umount", small], check=True)
        subprocess.run(["chown", server.account, small], check=True)
        server.sql(f"CREATE TABLESPACE small LOCATION '{small}'")
        stack.callback(server.sql, "DROP TABLESPACE small")
        stack.callback(standing.reset)
        server.sql("CREATE DATABASE large TABLESPACE small")
        server.sql(
            "CREATE TABLE t AS SELECT g, repeat(md5(g::text), 3) FROM generate_series(1, 140000) g", database="large"
        )
        # What CREATE DATABASE wrote has holes until then, which nothing could fill later.
        server.sql("CHECKPOINT")
        made = back_up(server, standing.repository, "large", level="counts")
        placement = Placement("replace", 1, False, made.reader.manifest.set_id)
        with pytest.raises(BackupError, match="No space left on device"):
            restore(server, made.reader, {"large": "large"}, placement=placement)
        assert differences(server, made.proof, instance=False) == []
        assert standing.databases() == ["crm", "large", "shop"]
