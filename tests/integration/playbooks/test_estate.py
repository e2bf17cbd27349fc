# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Several lost hosts at once: who takes whose place, in what order, and what becomes of the others if one fails."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.integration.playbooks.site import Run, Site
from tests.support.postgresql import PostgresServer

MakePostgres = Callable[..., PostgresServer]
TARGETS = {"db2": "db1", "app2": "app1", "log2": "log1", "web2": "web1"}


def trees(folder: Path) -> dict[str, Path]:
    return {name: folder / name for name in ("app1", "log1", "web1")}


def files(tree: Path) -> list[dict[str, Any]]:
    return [{"name": "tree", "engine": "files", "paths": [str(tree)]}]


@pytest.fixture(scope="module")
def backed_up(module_folder: Path) -> Site:
    """A database host and three hosts with files were backed up, and are gone."""
    site = Site(module_folder)
    with PostgresServer() as server:
        server.sql("CREATE DATABASE orders")
        server.sql("CREATE TABLE t AS SELECT generate_series(1, 10) AS n", database="orders")
        site.host("db1", [{"name": "main", **server.login()}])
        for name, tree in trees(module_folder).items():
            tree.mkdir()
            (tree / "file.txt").write_text(name)
            site.host(name, files(tree))
        site.play("backup")
    return site


@pytest.fixture
def server(fresh_pg: MakePostgres) -> PostgresServer:
    """An empty server."""
    return fresh_pg()


@pytest.fixture
def estate(site: Site, backed_up: Site, server: PostgresServer) -> Site:
    """Clean hosts, one mapping for all: the application comes after the database, the web server after the application."""
    for tree in trees(backed_up.folder).values():
        shutil.rmtree(tree, ignore_errors=not tree.exists())
    shutil.copytree(backed_up.repository, site.repository)
    site.vars.update(backupdb_live_progress=False, backupdb_rebuild_from=TARGETS)
    for name in ("app1", "log1", "web1"):
        site.host(name, list(backed_up.hosts[name]["backupdb_instances"]))
    # the waiting one first
    site.host("web2", backupdb_rebuild_after=["app2"])
    site.host("app2", backupdb_rebuild_after=["db1"])
    site.host("db2", [{"name": "main", **server.login()}])
    site.host("log2")
    return site


def results(run: Run) -> dict[str, str]:
    """What the last table says of each host."""
    return {row[0]: row[-1] for row in last_table(run)}


def last_table(run: Run) -> list[list[str]]:
    return Run(run.code, run.output[run.output.rindex("What was rebuilt in the run") :]).table("Host")


def run_ids(run: Run) -> set[str]:
    return {line.split()[-1] for line in run.output.splitlines() if line.startswith("What was rebuilt in the run")}


@pytest.mark.parametrize("serial", [(), ("-e", "backupdb_serial=1")], ids=["together", "one by one"])
def test_a_failed_host_stops_those_that_need_it_and_no_others(
    estate: Site, server: PostgresServer, backed_up: Site, serial: tuple[str, ...]
) -> None:
    there = trees(backed_up.folder)
    if serial:
        server.sql("CREATE DATABASE precious")
    else:
        server.sql("CREATE ROLE nobody_knows")

    run = estate.play("disaster_recovery", *serial, code=2)

    assert results(run) == {"db2": "FAILED", "app2": "not begun", "web2": "not begun", "log2": "ok"}
    assert len(run_ids(run)) == 1
    assert ("is not empty" if serial else "unexpected role: nobody_knows") in run.message
    assert "tree: not begun: db2 failed" in run.message
    assert "tree: not begun: app2 was not begun" in run.message
    assert {name: tree.exists() for name, tree in there.items()} == {"app1": False, "log1": True, "web1": False}
    assert [run.counts(host)["failed"] for host in TARGETS] == [1, 1, 0, 1]
    assert {row["host"]: row["ok"] for row in run.report} == {"db2": False, "app2": False, "web2": False, "log2": True}

    # it goes on where it stopped
    server.sql("DROP DATABASE precious" if serial else "DROP ROLE nobody_knows")
    run = estate.play("disaster_recovery", *serial)
    assert results(run) == dict.fromkeys(TARGETS, "ok")
    assert run.counts("log2")["changed"] == 0
    assert all(tree.exists() for tree in there.values())
    assert [run.counts(host)["failed"] for host in TARGETS] == [0, 0, 0, 0]
    if serial:
        # those that are waited for come first
        order = [row[0] for row in last_table(run)]
        assert order.index("db2") < order.index("app2") < order.index("web2")
    run = estate.play("disaster_recovery", *serial, "-e", "backupdb_run_id=job-7")
    assert {run.counts(host)["changed"] for host in TARGETS} == {0}
    assert run_ids(run) == {"job-7"}


def test_preflight_shows_the_whole_estate_in_one_table(estate: Site, server: PostgresServer) -> None:
    server.sql("CREATE DATABASE precious")
    del estate.hosts["web1"]["backupdb_instances"]
    estate.hosts["log2"]["ansible_connection"] = "ssh"
    estate.hosts["log2"]["ansible_host"] = "log2.invalid"

    run = estate.play("preflight", code=2)

    table = {row[0]: row for row in run.table("Host")}
    assert {host: row[1] for host, row in table.items()} == TARGETS
    assert table["app2"][-1] == "ready"
    assert table["app2"][4] == estate.sets("app1")[-1].name
    assert table["db2"][-1].startswith("the server at")
    assert "is not empty, it holds 'precious'" in run.message
    assert table["web2"][-1].startswith("web2 has no instances")
    assert "log2 cannot be reached" in table["log2"][-1]
    assert "-e backupdb_rebuild_onto=db2" in run.message
    assert {host: run.counts(host)["failed"] for host in ("app2", "db2")} == {"app2": 0, "db2": 1}

    run = estate.play("preflight", "--limit", "app2,db2", "-e", "backupdb_rebuild_onto=db2")
    assert {row[0]: row[-1] for row in run.table("Host")} == {"app2": "ready", "db2": "ready"}


def test_what_cannot_be_is_refused_before_anything_begins(estate: Site) -> None:
    estate.hosts["db2"]["backupdb_rebuild_after"] = "web2"
    estate.hosts["log2"]["backupdb_rebuild_after"] = ["bd2"]
    for playbook in ("preflight", "disaster_recovery"):
        run = estate.play(playbook, code=2)
        for text in ("in a circle: app2 after db2 after web2 after app2", "log2 is to be rebuilt after 'bd2'"):
            assert text in run.message
        assert "TASK [vya.backupdb" not in run.output

    del estate.hosts["db2"]["backupdb_rebuild_after"], estate.hosts["log2"]["backupdb_rebuild_after"]
    wrong = json.dumps({"backupdb_rebuild_from": {**TARGETS, "dbb2": "db1", "app1": "app1"}})
    run = estate.play("preflight", "-e", wrong, code=2)
    assert "the inventory has no host 'dbb2'" in run.message
    assert "app1 would be rebuilt twice" in run.message


def test_the_question_names_the_hosts(estate: Site) -> None:
    run = estate.answer("disaster_recovery", "no\r", "--limit", "app2,log2")
    assert run.code == 2
    for text in ("app1 onto app2", "log1 onto log2"):
        assert text in run.output
    assert "db1 onto db2" not in run.output
