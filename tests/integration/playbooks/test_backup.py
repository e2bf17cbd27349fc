# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Backing up, checking, verifying and listing, when all is well and when it is not."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.integration.playbooks.site import Site
from tests.integration.playbooks.stock import stock_servers
from tests.support.mariadb import MariaDBServer
from tests.support.postgresql import PostgresServer
from tests.support.server import free_port


def files(name: str, *paths: Path | str, **options: Any) -> dict[str, Any]:
    return {"name": name, "engine": "files", "paths": [str(path) for path in paths], **options}


def nobody_listens() -> dict[str, Any]:
    return {"engine": "mysql", "login_host": "127.0.0.1", "login_port": free_port(), "login_user": "backup"}


def test_a_failed_instance_is_named_and_the_others_are_backed_up(
    site: Site, tree: Path, mariadb_server: MariaDBServer
) -> None:
    site.vars["backupdb_live_progress"] = False
    site.host(
        "db1",
        [
            {"name": "down", **nobody_listens(), "login_password": "s3cret-of-down"},
            {"name": "up", **mariadb_server.login()},
            files("missing", "/nonexistent/*"),
            files("tree", tree),
        ],
    )
    # a server without databases of its own is nothing to back up
    mariadb_server.sql("CREATE DATABASE IF NOT EXISTS small; CREATE TABLE IF NOT EXISTS small.t (i int)")
    try:
        run = site.play("backup", code=2)
    finally:
        mariadb_server.sql("DROP DATABASE small")
    assert {row["instance"]: row["ok"] for row in run.report} == {
        "down": False,
        "up": True,
        "missing": False,
        "tree": True,
    }
    assert "2 of 4 instances of db1: not backed up" in run.message
    assert "- down: " in run.message
    assert "- missing: The pattern /nonexistent/* matches nothing" in run.message
    assert [path.parent.name for path in site.sets("db1")] == ["tree", "up"]
    assert "s3cret-of-down" not in run.output


def test_check_mode_makes_no_set(site: Site, tree: Path, mariadb_server: MariaDBServer) -> None:
    site.host("db1", [files("tree", tree)])
    run = site.play("backup", "--check", "--diff")
    assert run.counts("db1")["changed"] == 1
    assert "+the new set" in run.output
    assert not site.repository.exists()


def test_f06_hosts_of_one_run_share_the_run_id_with_serial_too(site: Site, tree: Path) -> None:
    """Each batch runs after the other; the id of the first is taken by all."""
    site.vars["backupdb_live_progress"] = False
    for name in ("web1", "web2", "web3"):
        site.host(name, [files("tree", tree)])
    playbook = site.folder / "nightly.yml"
    playbook.write_text("- hosts: backupdb\n  serial: 1\n  gather_facts: false\n  roles: [vya.backupdb.backup]\n")
    run = site.play(str(playbook))
    assert len({site.manifest(name, "tree")["run_id"] for name in ("web1", "web2", "web3")}) == 1
    assert sorted(row["host"] for row in run.report) == ["web1", "web2", "web3"]
    site.play(str(playbook), "-e", "backupdb_run_id=job-4711")
    assert site.manifest("web3", "tree")["run_id"] == "job-4711"


def test_check_names_the_server_that_is_down(site: Site, tree: Path, pg_server: PostgresServer) -> None:
    site.host("db1", [{"name": "main", **pg_server.login()}, {"name": "down", **nobody_listens()}, files("tree", tree)])
    before = sorted(os.listdir(site.folder))
    run = site.play("check", code=2)
    assert "- down: " in run.message
    assert run.counts("db1")["changed"] == 0
    cells = {row[1]: row for row in run.table("Host")}
    assert cells["main"][2].startswith(f"PostgreSQL {pg_server.version}")
    assert str(pg_server.port) in cells["main"][3]
    assert (cells["main"][-1], cells["down"][-1], cells["tree"][-1]) == ("ok", "FAILED", "ok")
    assert sorted({*os.listdir(site.folder), "inventory.yml"}) == sorted({*before, "inventory.yml"})


def test_list_shows_sets_and_passes_over_what_is_none(site: Site, tree: Path) -> None:
    site.vars["backupdb_live_progress"] = False
    site.host("web1", [files("tree", tree)])
    site.play("backup")
    site.play("backup", "-e", "backupdb_verify=none")
    (site.repository / "lost+found").mkdir()
    (site.repository / "notes.txt").write_text("not a set")
    (site.repository / "web1" / "tree" / "20260101T000000Z").mkdir()
    (site.repository / "web1" / "tree" / "20260102T000000Z.partial").mkdir()
    (site.repository / "web1" / "tree" / "old copy").mkdir()
    os.symlink("/etc", site.repository / "web1" / "etc")
    run = site.play("list_backups")
    rows = run.table("Source")
    older, newer = (path.name for path in site.sets())
    assert [(row[1], row[2], row[-1]) for row in rows] == [
        ("tree", "20260101T000000Z", "DAMAGED: 1 problem"),
        ("tree", older, "checksum"),
        ("tree", newer, "no"),
    ]
    assert rows[1][5] == str(tree)
    assert "tree: " in run.output.split("DAMAGED", 1)[1]
    assert len(site.play("list_backups", "-e", "backupdb_newest=1").table("Source")) == 1


def test_list_of_an_empty_repository_says_so(site: Site, tree: Path) -> None:
    site.host("web1", [files("tree", tree)])
    assert "The repository holds no sets." in site.play("list_backups").output


def test_f14_verify_finds_a_truncated_artefact(site: Site, tree: Path) -> None:
    site.vars["backupdb_live_progress"] = False
    site.host("web1", [files("good", tree), files("cut", tree)])
    site.play("backup")
    (archive,) = site.sets("web1", "cut")[0].glob("files/*.tar.zst")
    archive.write_bytes(archive.read_bytes()[:-1])
    run = site.play("verify", "-e", "backupdb_verify=quick", code=2)
    assert "- cut: " in run.message
    assert archive.name in run.message
    assert (run.row("good")["ok"], run.row("cut")["ok"]) == (True, False)
    # it is remembered
    listed = {row[1]: row[-1] for row in site.play("list_backups").table("Source")}
    assert listed == {"good": "checksum", "cut": "DAMAGED: 1 problem"}
    shutil.rmtree(site.repository / "web1" / "good")
    assert "- good: the repository holds no set of it" in site.play("verify", code=2).message


@pytest.mark.parametrize("playbook", ["backup", "check", "verify", "list_backups", "restore", "disaster_recovery"])
def test_an_inventory_without_hosts_is_an_error(site: Site, playbook: str) -> None:
    run = site.play(playbook, code=None)
    assert run.code != 0
    assert "The inventory has no host that fits" in run.message
    assert "-e backupdb_hosts=PATTERN" in run.message
    limited = site.play(playbook, "--limit", "db2", code=None)
    assert limited.code != 0
    assert "The inventory has no host" in limited.output


def test_wrong_variables_are_named(site: Site, tree: Path) -> None:
    site.host("web1", [{**files("tree", tree), "exlude": ["*.tmp"]}])
    assert "exlude" in site.play("backup", code=2).message
    site.host("web1", [files("tree", tree), files("tree", tree)])
    assert "have the same name" in site.play("backup", code=2).message
    site.host("web1")
    assert "backupdb_instances" in site.play("backup", code=2).message
    assert not site.repository.exists()


@pytest.mark.usefixtures("stock_places")
def test_three_lines_are_enough_on_stock_debian(site: Site) -> None:
    """Servers where Debian's packages put them, with their default authentication; nothing else is said."""
    site.vars["backupdb_live_progress"] = False
    with stock_servers() as (postgresql, mariadb):
        postgresql.sql("CREATE DATABASE one")
        mariadb.sql("CREATE DATABASE two")
        site.host("db1", [{"name": "main", "engine": "postgresql"}, {"name": "shop", "engine": "mysql"}])
        run = site.play("backup")
    assert [row["ok"] for row in run.report] == [True, True]
    assert "one" in [item["name"] for item in site.manifest("db1", "main")["databases"]]
    assert [item["name"] for item in site.manifest("db1", "shop")["databases"]] == ["two"]
