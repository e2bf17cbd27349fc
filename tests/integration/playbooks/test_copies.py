# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbooks and copies: replicate, the alarm of a copy that is behind, a vault, and going back from a copy alone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.integration.modules.sets import alter, files_of
from tests.integration.playbooks.site import Site
from tests.support.remotes import program, remote

pytestmark = pytest.mark.skipif(program("rclone") is None, reason="rclone is not installed")


def test_f17_a_host_and_its_repository_are_gone_and_come_back(site: Site, tree: Path) -> None:
    site.host("db1", [{"name": "app", "engine": "files", "paths": [str(tree)]}])
    site.vars["backupdb_copy_max_lag"] = "26h"
    with remote("webdav", site.folder / "server") as there:
        site.vars["backupdb_copies"] = [there.copy]
        site.play("backup")
        behind = site.play("list_backups", code=2)
        assert "app of db1: the copy 'offsite' holds no set of it" in behind.message

        replicated = site.play("replicate", "-vvv")
        row = replicated.row("app")
        assert (row["ok"], row["new"], row["lag"]) == (True, 1, 0)
        assert replicated.table("Host")[0][:4] == ["db1", "db1", "app", "offsite"]
        listed = site.play("list_backups").table("Source")
        assert listed[0][-1] == "offsite"
        (made,) = site.sets()
        archive = site.folder / "server" / "backups" / files_of(made, "archive")[0].relative_to(site.repository)

        shutil.rmtree(tree)
        shutil.rmtree(site.repository)
        looked = site.play("disaster_recovery", "--check", "-e", "backupdb_from=offsite", code=2)
        assert "in check mode nothing is fetched" in looked.message
        rebuilt = site.play("disaster_recovery", "-e", "backupdb_from=offsite")
        assert (rebuilt.row("app")["ok"], rebuilt.row("app")["differences"]) == (True, 0)
        assert (tree / "sub" / "file.txt").read_text() == "content\n"

        # a newer set is here; what was asked for is the copy's
        (tree / "sub" / "file.txt").write_text("newer\n")
        site.play("backup")
        site.play("restore", "-e", "backupdb_from=offsite", "-e", "backupdb_restore_if_exists=replace")
        assert (tree / "sub" / "file.txt").read_text() == "content\n"

        alter(archive)
        found = site.play("verify", "-e", "backupdb_from=offsite", code=2)
        assert "is missing or was altered" in found.message
        shutil.rmtree(site.repository)
        stopped = site.play("disaster_recovery", "-e", "backupdb_from=offsite", code=2)
        assert "nothing was changed" in stopped.message and "missing or altered" in stopped.message
    assert site.sets() == []
    for run in (replicated, rebuilt, found, stopped):
        assert there.copy["secrets"]["pass"] not in run.output


@pytest.mark.skipif(program("sshd") is None, reason="sshd is not installed")
def test_a_vault_collects_the_sets_of_hosts_that_cannot_reach_it(site: Site, tree: Path) -> None:
    site.host("db1", [{"name": "app", "engine": "files", "paths": [str(tree)]}])
    site.play("backup")
    (made,) = site.sets()
    # the repository of db1 is reached as db1's SFTP server shows it, with a set in it that calls itself db2's
    with remote("sftp", site.folder / "server") as there:
        for source in ("db1", "db2"):
            shutil.copytree(site.repository / "db1", site.folder / "server" / source)
        # the vault's key may read, and nothing else
        there.stop()
        settings = site.folder / "server-ssh" / "sshd_config"
        settings.write_text(settings.read_text().replace("ForceCommand internal-sftp", "ForceCommand internal-sftp -R"))
        there.start()
        config = there.copy["config"]
        site.hosts.clear()
        vault = {"backupdb_repository": str(site.folder / "vault")}
        pulled = [{"name": "db1", "path": there.copy["path"], "config": config}]
        site.host("vault", backupdb_pull_from=pulled, **vault)
        run = site.play("replicate")
        assert [(row["source"], row["instance"], row["new"], row["ok"]) for row in run.report] == [
            ("db1", "app", 1, True)
        ]
        site.host("vault", backupdb_pull_from=[{**pulled[0], "name": "db3"}], **vault)
        assert "'db3' holds no sets of it" in site.play("replicate", code=2).message
    assert [path.name for path in (site.folder / "vault").iterdir()] == ["db1"]
    copied = site.folder / "vault" / "db1" / "app" / made.name / "manifest.json"
    assert json.loads(copied.read_text()) == json.loads((made / "manifest.json").read_text())


def test_nothing_to_copy_is_no_success(site: Site, tree: Path) -> None:
    site.host("db1", [{"name": "app", "engine": "files", "paths": [str(tree)]}])
    assert "db1 has no copies. What to do: describe" in site.play("replicate", code=2).message
    twice = {"name": "offsite", "path": str(site.folder / "offsite"), "config": {"type": "local"}}
    site.vars["backupdb_copies"] = [twice, twice]
    assert "two copies of the same name" in site.play("replicate", code=2).message
