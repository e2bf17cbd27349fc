# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The whole story with real servers: back up, lose, rebuild, rebuild again."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import jsonschema
import pytest

from tests.demo import content
from tests.integration.playbooks.site import Run, Site
from tests.support.mariadb import MariaDBServer
from tests.support.paths import CHECKOUT
from tests.support.postgresql import PostgresServer

PASSWORDS = {"APP_PASSWORD": "app-s3cret-Zu7", "REPORTING_PASSWORD": "rep-s3cret-Kw4"}
BACKUP_PASSWORD = "keeper-s3cret-Qx9"


class Story:
    """What happened, in order; each test looks at a part of it."""

    site: Site
    looked: Run
    backup: Run
    checked: Run
    databases_after_check: tuple[list[str], list[str]]
    rebuilt: Run
    again: Run
    files_before: dict[str, tuple[object, ...]]
    files_after: dict[str, tuple[object, ...]]
    postgresql: PostgresServer
    mariadb: MariaDBServer


def user_databases(postgresql: PostgresServer, mariadb: MariaDBServer) -> tuple[list[str], list[str]]:
    system = ("information_schema", "mysql", "performance_schema", "sys")
    return (
        [name for (name,) in postgresql.sql("SELECT datname FROM pg_database WHERE oid >= 16384 ORDER BY 1")],
        [name for (name,) in mariadb.sql("SHOW DATABASES") if name not in system],
    )


@pytest.fixture(scope="module")
def story(module_folder: Path) -> Iterator[Story]:
    story = Story()
    story.site = site = Site(module_folder)
    files = module_folder / "app"
    content.fill_files(files)
    story.files_before = content.describe_files(files)
    site.vars["backupdb_proof"] = "content"
    tree = {"name": "app-files", "engine": "files", "paths": [str(files)]}
    with ExitStack() as stack:
        old_postgresql = stack.enter_context(PostgresServer())
        old_mariadb = stack.enter_context(MariaDBServer())
        content.fill_postgresql(old_postgresql, PASSWORDS)
        content.fill_mariadb(old_mariadb, PASSWORDS)
        # one server is backed up over the socket, the other with a password
        old_mariadb.create_account("keeper", BACKUP_PASSWORD)
        site.host(
            "old",
            [
                {"name": "main", **old_postgresql.login()},
                {"name": "shop", **old_mariadb.login(user="keeper", password=BACKUP_PASSWORD)},
                tree,
            ],
        )
        story.looked = site.play("check", "-vvv")
        story.backup = site.play("backup", "-vvv", "--diff")
        old_postgresql.destroy()
        old_mariadb.destroy()
        shutil.rmtree(files)

        story.postgresql = stack.enter_context(PostgresServer())
        story.mariadb = stack.enter_context(MariaDBServer())
        del site.hosts["old"]
        site.host(
            "new",
            [{"name": "main", **story.postgresql.login()}, {"name": "shop", **story.mariadb.login()}, tree],
            backupdb_rebuild_from="old",
        )
        story.checked = site.play("disaster_recovery", "--check", "--diff")
        story.databases_after_check = user_databases(story.postgresql, story.mariadb)
        story.rebuilt = site.play("disaster_recovery", "-vvv", "--diff")
        story.files_after = content.describe_files(files)
        story.again = site.play("disaster_recovery")
        yield story


def test_backup_makes_one_verified_set_of_each_instance(story: Story) -> None:
    rows = {row["instance"]: row for row in story.backup.report}
    assert set(rows) == {"main", "shop", "app-files"}
    assert all(row["ok"] and row["verified"]["level"] == "checksum" for row in rows.values())
    assert [path.parent.name for path in story.site.sets("old")] == ["app-files", "main", "shop"]
    assert story.backup.counts("old")["failed"] == 0
    # in a table, one line each
    assert {cells[1]: cells[-1] for cells in story.backup.table("Host")} == dict.fromkeys(rows, "ok")


def test_f06_one_run_id_ties_the_sets_together(story: Story) -> None:
    ids = {story.site.manifest("old", instance)["run_id"] for instance in ("main", "shop", "app-files")}
    assert len(ids) == 1
    assert ids.pop() in story.backup.output


def test_manifests_are_what_the_schema_says(story: Story) -> None:
    schema = json.loads((CHECKOUT / "docs" / "manifest.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    for instance in ("main", "shop", "app-files"):
        manifest = story.site.manifest("old", instance)
        jsonschema.validate(manifest, schema)
        # every member is described
        assert set(manifest) == set(schema["properties"]) - {"recipients"}
        for path in ("/etc/passwd", "../outside", "a//b", "a/./b", ""):
            manifest["artefacts"][0]["files"][0]["path"] = path
            with pytest.raises(jsonschema.ValidationError):
                jsonschema.validate(manifest, schema)


def test_check_mode_says_what_would_happen_and_changes_nothing(story: Story) -> None:
    assert story.databases_after_check == ([], [])
    # two tasks: one for both servers, one for the files
    assert story.checked.counts("new")["changed"] == 2
    for line in ("+create role readers", "+database shop", "+database legacy", f"+create {story.site.folder}/app"):
        assert line in story.checked.output


def test_everything_is_rebuilt_and_proven(story: Story) -> None:
    rows = {row["instance"]: row for row in story.rebuilt.report}
    assert {name: (row["ok"], row["differences"]) for name, row in rows.items()} == dict.fromkeys(
        ("main", "shop", "app-files"), (True, 0)
    )
    postgresql, mariadb = user_databases(story.postgresql, story.mariadb)
    assert sorted(postgresql) == sorted(content.POSTGRESQL_DATABASES)
    assert sorted(mariadb) == sorted(content.MARIADB_DATABASES)
    assert story.files_after == story.files_before
    assert "3 of 3 instances proven, 0 differences, recovery time" in story.rebuilt.output


def test_p01_m01_old_passwords_log_in(story: Story) -> None:
    password = PASSWORDS["REPORTING_PASSWORD"]
    rows = story.postgresql.value(
        "SELECT count(*) FROM shop.orders", database="shop", user="reporting", password=password
    )
    assert rows == 60000
    rows = story.mariadb.value(
        "SELECT count(*) FROM orders", host="127.0.0.1", user="reporting", password=password, database="shop"
    )
    assert rows == 60000


def test_plan_names_host_port_and_databases(story: Story) -> None:
    """F11: what is shown before anything is changed says where it goes."""
    cells = next(row for row in story.rebuilt.table("Host") if row[2] == "main")
    assert cells[:2] == ["new", "old"]
    assert str(story.postgresql.port) in cells[3]
    assert "shop" in cells[-1]


def test_second_rebuild_changes_nothing(story: Story) -> None:
    assert story.again.counts("new") == {**story.again.counts("new"), "changed": 0, "failed": 0}
    assert "nothing, it is proven already" in story.again.output
    assert all(row["ok"] and not row["restored"] for row in story.again.report)


def test_f17_passwords_are_in_no_output_and_in_no_readable_file(story: Story) -> None:
    """Not even at -vvv; in the sets they are hashes, and only root reads those."""
    for run in (story.looked, story.backup, story.checked, story.rebuilt, story.again):
        for password in (*PASSWORDS.values(), BACKUP_PASSWORD):
            assert password not in run.output
    for folder, _directories, names in os.walk(story.site.repository):
        assert Path(folder).stat().st_mode & 0o077 == 0
        for name in names:
            assert Path(folder, name).stat().st_mode & 0o077 == 0
