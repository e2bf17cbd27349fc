# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rebuilding and restoring: what is refused before anything changed, what goes on where it stopped."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.playbooks.conftest import make_tree
from tests.integration.playbooks.site import Site
from tests.support.postgresql import PostgresServer

MakePostgres = Callable[..., PostgresServer]


@pytest.fixture(scope="module")
def backed_up(module_folder: Path) -> Site:
    """The host "old" was backed up, once for all tests, and is gone."""
    site = Site(module_folder)
    tree = make_tree(module_folder)
    with PostgresServer() as server:
        server.sql("CREATE ROLE app LOGIN PASSWORD 'old password'")
        for name in ("orders", "stock", "odd*[a]"):
            server.sql(f'CREATE DATABASE "{name}" OWNER app')
            server.sql(
                f"CREATE TABLE t AS SELECT generate_series(1, 10) AS n; COMMENT ON TABLE t IS '{name}'", database=name
            )
        instances = [{"name": "main", **server.login()}, {"name": "tree", "engine": "files", "paths": [str(tree)]}]
        site.host("old", instances)
        site.play("backup")
    return site


@pytest.fixture
def tree(backed_up: Site) -> Path:
    """Where the lost files were."""
    folder = backed_up.folder / "tree"
    shutil.rmtree(folder, ignore_errors=not folder.exists())
    return folder


@pytest.fixture
def lost(site: Site, backed_up: Site, tree: Path) -> Site:
    """A site of this test alone, whose host "old" was backed up and is gone."""
    shutil.copytree(backed_up.repository, site.repository)
    site.vars["backupdb_live_progress"] = False
    site.host("old", list(backed_up.hosts["old"]["backupdb_instances"]))
    return site


def put_in_place(site: Site, server: PostgresServer) -> None:
    """The clean host takes the lost one's place in the inventory."""
    instances = site.hosts.pop("old")["backupdb_instances"]
    site.host("new", [{"name": "main", **server.login()}, instances[1]], backupdb_rebuild_from="old")


def roles(server: PostgresServer) -> list[str]:
    return [name for (name,) in server.sql("SELECT rolname FROM pg_roles WHERE rolname !~ '^pg_' ORDER BY 1")]


def databases(server: PostgresServer) -> dict[str, int]:
    return dict(server.sql("SELECT datname, oid FROM pg_database WHERE oid >= 16384"))


def test_f11_a_target_that_is_not_empty_is_refused_unless_named(lost: Site, tree: Path, fresh_pg: MakePostgres) -> None:
    server = fresh_pg()
    server.sql("CREATE DATABASE precious")
    put_in_place(lost, server)
    run = lost.play("disaster_recovery", code=2)
    assert "is not empty, it holds 'precious'" in run.message
    assert "-e backupdb_rebuild_onto=new" in run.message
    assert "nothing was changed" in run.message
    assert (roles(server), list(databases(server)), tree.exists()) == (["postgres"], ["precious"], False)

    run = lost.play("disaster_recovery", "-e", "backupdb_rebuild_onto=other,new")
    assert all(row["ok"] for row in run.report)
    assert sorted(databases(server)) == ["odd*[a]", "orders", "precious", "stock"]
    assert (tree / "link").read_text() == "content\n"


def test_f11_files_that_differ_are_not_overwritten(lost: Site, tree: Path, fresh_pg: MakePostgres) -> None:
    server = fresh_pg()
    (tree / "sub").mkdir(parents=True)
    (tree / "sub" / "file.txt").write_text("of somebody else\n")
    put_in_place(lost, server)
    run = lost.play("disaster_recovery", code=2)
    assert "- tree: " in run.message
    assert "file.txt" in run.message
    assert (databases(server), (tree / "sub" / "file.txt").read_text()) == ({}, "of somebody else\n")


def test_f14_an_altered_set_is_refused_before_anything_changes(lost: Site, tree: Path, fresh_pg: MakePostgres) -> None:
    server = fresh_pg()
    (archive,) = lost.sets("old", "tree")[0].glob("files/*.tar.zst")
    data = bytearray(archive.read_bytes())
    data[-5] ^= 1
    archive.write_bytes(data)
    put_in_place(lost, server)
    run = lost.play("disaster_recovery", code=2)
    assert archive.name in run.message
    assert (roles(server), databases(server), tree.exists()) == (["postgres"], {}, False)


def test_a_missing_set_and_a_dead_server_are_told_at_once(lost: Site, tree: Path, fresh_pg: MakePostgres) -> None:
    server = fresh_pg()
    put_in_place(lost, server)
    server.stop()
    lost.hosts["new"]["backupdb_instances"].append({"name": "never", "engine": "mysql"})
    run = lost.play("disaster_recovery", code=2)
    assert "- never: The repository" in run.message
    assert "holds no set of 'never' of 'old'" in run.message
    assert "- main: " in run.message
    assert not tree.exists()


def test_p31_a_second_run_goes_on_where_the_first_one_stopped(lost: Site, tree: Path, fresh_pg: MakePostgres) -> None:
    """Roles and one database are there already, as after a run that was stopped: they stay as they are."""
    server = fresh_pg()
    put_in_place(lost, server)
    restored = lost.play("restore", "-e", "backupdb_instance=main", "-e", "backupdb_restore_databases=orders")
    assert [row[3:5] for row in restored.table("Host")] == [["orders", "orders"]]
    before = databases(server)
    assert list(before) == ["orders"]

    run = lost.play("disaster_recovery")
    assert "restore 2 databases" in run.output
    after = databases(server)
    assert sorted(after) == ["odd*[a]", "orders", "stock"]
    assert after["orders"] == before["orders"]
    assert all(row["ok"] for row in run.report)

    server.sql("REVOKE CONNECT ON DATABASE stock FROM PUBLIC")
    server.sql("DROP DATABASE orders")
    run = lost.play("disaster_recovery", code=2)
    assert "the database 'stock' exists" in run.message
    assert "missing grant: CONNECT" in run.message
    assert sorted(databases(server)) == ["odd*[a]", "stock"]


def test_a_difference_after_the_rebuild_fails_with_its_words(lost: Site, tree: Path, fresh_pg: MakePostgres) -> None:
    server = fresh_pg()
    put_in_place(lost, server)
    lost.play("disaster_recovery")
    (tree / "sub" / "file.txt").chmod(0o600)
    run = lost.play("disaster_recovery", "-e", "backupdb_rebuild_onto=new", "--check")
    assert "replace" in run.output or "restore 1 file" in run.output
    (tree / "sub" / "file.txt").unlink()
    server.sql("CREATE ROLE nobody_knows")
    run = lost.play("disaster_recovery", code=2)
    assert "unexpected role: nobody_knows" in run.message
    assert (run.row("tree")["ok"], run.row("main")["ok"]) == (True, False)
    assert (tree / "sub" / "file.txt").exists()


def test_a_database_is_restored_under_a_new_name(lost: Site, fresh_pg: MakePostgres) -> None:
    server = fresh_pg()
    put_in_place(lost, server)
    lost.play("disaster_recovery")
    lost.host("other", [])
    arguments = [
        "-e",
        '{"backupdb_restore_databases": ["orders"], "backupdb_restore_rename": {"orders": "orders yesterday"}}',
        "-e",
        "backupdb_restore_roles=none",
    ]
    assert "A restore is for one host" in lost.play("restore", *arguments, code=2).message
    run = lost.play("restore", "--limit", "new", *arguments, code=2)
    assert "It is not said which instance to restore" in run.message
    run = lost.play("restore", "--limit", "new", "-e", "backupdb_instance=main", *arguments)
    assert run.table("Host")[0][3:5] == ["orders", "orders yesterday"]
    assert server.value("SELECT sum(n) FROM t", database="orders yesterday") == 55
    # its name exists now: the second time is refused, and skipped when asked
    run = lost.play("restore", "--limit", "new", "-e", "backupdb_instance=main", *arguments, code=2)
    assert "'orders yesterday' exists already" in run.message
    run = lost.play(
        "restore", "--limit", "new", "-e", "backupdb_instance=main", "-e", "backupdb_restore_if_exists=skip", *arguments
    )
    assert "Kept as they are: orders yesterday" in run.output
    assert run.counts("new")["changed"] == 0


def test_files_are_restored_elsewhere_by_pattern(lost: Site, tree: Path) -> None:
    elsewhere = lost.folder / "elsewhere"
    elsewhere.mkdir()
    run = lost.play(
        "restore",
        "-e",
        "backupdb_instance=tree",
        "-e",
        f"backupdb_files_root={elsewhere}",
        "-e",
        f"backupdb_restore_patterns={tree}/sub/**",
    )
    assert "replaced" in run.output
    place = Path(str(elsewhere) + str(tree))
    assert (place / "sub" / "file.txt").read_text() == "content\n"
    assert not (place / "link").is_symlink()
    assert not tree.exists()


def test_the_operator_is_asked_at_a_terminal(lost: Site, tree: Path) -> None:
    del lost.hosts["old"]["backupdb_instances"][0]
    run = lost.answer("disaster_recovery", "no\r")
    assert run.code == 2
    assert "The rebuild was stopped at the question; nothing was changed." in run.output
    assert not tree.exists()
    run = lost.answer("disaster_recovery", "\r")
    assert run.code == 0, run.output
    assert (tree / "sub" / "file.txt").exists()
    # nothing is left to do: no question
    assert "anything else stops" not in lost.answer("disaster_recovery", "no\r").output


def test_a_clean_host_is_described_by_the_one_it_replaces(lost: Site, tree: Path) -> None:
    """The lost host may stay in the inventory; its replacement needs one line."""
    del lost.hosts["old"]["backupdb_instances"][0]
    lost.host("new", backupdb_rebuild_from="old")
    run = lost.play("disaster_recovery", "--limit", "new")
    assert run.row("tree")["ok"]
    assert (tree / "sub" / "file.txt").exists()
    lost.host("new")
    assert "has no instances" in lost.play("disaster_recovery", "--limit", "new", code=2).message
