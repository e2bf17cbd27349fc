# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A rebuilt application does nothing before it is released, by the operator or by a hook; what hooks of a rebuild do."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable

import pytest

from tests.integration.playbooks.site import Site
from tests.support.mariadb import MariaDBServer

STATUS = "SELECT status FROM information_schema.events"


@pytest.fixture
def server(site: Site, fresh_mariadb: Callable[..., MariaDBServer]) -> MariaDBServer:
    """Where the host "old", which had an event, is rebuilt as "new"."""
    old, new = fresh_mariadb(), fresh_mariadb(settings={"event_scheduler": "ON"})
    old.sql("CREATE DATABASE jobs; CREATE TABLE jobs.log (what INT)")
    old.sql("CREATE EVENT jobs.mail ON SCHEDULE EVERY 1 SECOND DO INSERT INTO log VALUES (1)")
    site.host("old", [{"name": "main", **old.login()}])
    site.play("backup")
    old.stop()
    site.hosts.pop("old")
    site.host("new", [{"name": "main", **new.login()}], backupdb_rebuild_from="old")
    return new


def test_f12_m09_a_rebuild_sleeps_until_it_is_released(site: Site, server: MariaDBServer) -> None:
    run = site.play("disaster_recovery")
    assert (run.row("main")["ok"], run.row("main")["fenced"]) == (True, {"event": 1})
    assert "1 of 1 instance proven, 0 differences" in run.output
    (command,) = re.findall(
        r"new, main: fenced: 1 event; release with ansible-playbook (.*)$", run.output, re.MULTILINE
    )
    assert (server.value(STATUS), server.value("SELECT COUNT(*) FROM jobs.log")) == ("DISABLED", 0)
    again = site.play("disaster_recovery")
    assert "nothing, it is proven already" in again.output
    assert f"release with ansible-playbook {command}" in again.output

    playbook, *options = shlex.split(command)
    assert playbook == "vya.backupdb.release"
    run = site.play("release", code=2)
    assert "It is not said from which sets new was rebuilt." in run.message
    run = site.play("release", *options, "--check")
    assert (run.counts("new")["changed"], server.value(STATUS)) == (1, "DISABLED")
    run = site.play("release", *options)
    assert [row[1::2] for row in run.table("Host")] == [["main", "1 event"]]
    assert (run.counts("new")["changed"], server.value(STATUS)) == (1, "ENABLED")
    run = site.play("release", *options)
    assert run.counts("new")["changed"] == 0


def test_f12_hooks_of_a_rebuild(site: Site, server: MariaDBServer) -> None:
    log = site.folder / "log"

    def note(more: str = "true") -> dict[str, list[str]]:
        seen = f"$({server.client_program} {' '.join(server.client_options())} -NBe {shlex.quote(STATUS)} 2>&1)"
        return {
            "command": ["sh", "-c", f'echo "$BACKUPDB_MOMENT $BACKUPDB_JOB $BACKUPDB_SOURCE" "{seen}" >> {log}; {more}']
        }

    release = site.folder / "release.yml"
    release.write_text(
        """
- name: Release
  ansible.builtin.include_role:
    name: vya.backupdb.disaster_recovery
    tasks_from: release
"""
    )
    hooks = site.vars["backupdb_hooks"] = {
        "before_rebuild": [note("exit 3")],
        "after_restore": [note()],
        "after_proof": [{"tasks": str(release)}, note()],
        "on_failure": [note()],
    }
    run = site.play("disaster_recovery", "--check")
    for moment in ("before_rebuild", "after_restore", "after_proof"):
        assert f"Hook that would run {moment} on new: " in run.output
    assert not log.exists()

    run = site.play("disaster_recovery", code=2)
    assert "The hook before_rebuild of new failed, command sh: non-zero return code" in run.message
    assert log.read_text().splitlines() == ["before_rebuild rebuild old ", "on_failure rebuild old "]
    assert server.sql("SHOW DATABASES LIKE 'jobs'") == []

    log.unlink()
    hooks["before_rebuild"], hooks["after_restore"] = [note()], [note("exit 4")]
    run = site.play("disaster_recovery", code=2)
    assert "The hook after_restore of new failed" in run.message
    assert log.read_text().splitlines() == [
        "before_rebuild rebuild old ",
        "after_restore rebuild old DISABLED",
        "on_failure rebuild old DISABLED",
    ]

    # nothing is left to restore, and what comes after the proof was never done
    log.unlink()
    run = site.play("disaster_recovery")
    assert run.row("main")["ok"]
    assert log.read_text() == "after_proof rebuild old ENABLED\n"


def test_f12_events_run_at_once_where_that_is_wanted(site: Site, server: MariaDBServer) -> None:
    run = site.play("disaster_recovery", "-e", "backupdb_fence=none", code=None)
    assert "fenced: " not in run.output
    assert server.value(STATUS) == "ENABLED"
