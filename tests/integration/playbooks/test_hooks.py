# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hooks of backups and restores: when they run, what they get to know, and what a failing one does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.integration.playbooks.site import Site

#: Writes down when it ran, and what it was told.
NOTE = 'echo "$BACKUPDB_MOMENT $BACKUPDB_JOB $BACKUPDB_SOURCE $BACKUPDB_HOST" >> {log}'


@pytest.fixture
def log(site: Site, tree: Path) -> Path:
    """What the hooks have noted; the host "app" has a tree of files."""
    site.host("app", [{"name": "tree", "engine": "files", "paths": [str(tree)]}])
    return site.folder / "log"


def command(script: str, **keys: Any) -> dict[str, Any]:
    return {"command": ["sh", "-c", script], **keys}


def note(log: Path, **keys: Any) -> dict[str, Any]:
    return command(NOTE.format(log=log), **keys)


def test_f12_hooks_of_a_backup_run_in_their_order(site: Site, log: Path) -> None:
    tasks = site.folder / "after.yml"
    tasks.write_text(
        f"""
- name: Write down what came of it
  ansible.builtin.lineinfile:
    path: {log}
    line: "{{{{ backupdb_moment }}}}, {{{{ backupdb_hook.rows | map(attribute='instance') | join }}}}, {{{{ backupdb_hook.rows[0].ok }}}}"
"""
    )
    site.vars["backupdb_hooks"] = {
        "before_backup": [note(log), command(f"test ! -e {site.repository}/app && echo first >> {log}")],
        "after_backup": [{"tasks": str(tasks)}, note(log, delegate_to="localhost", become=False)],
        "on_failure": [note(log)],
    }
    checked = site.play("backup", "--check")
    assert "Hook that would run before_backup on app: command sh" in checked.output
    assert f"Hook that would run after_backup on app: tasks of {tasks}" in checked.output
    assert not log.exists()
    site.play("backup")
    assert log.read_text().splitlines() == [
        "before_backup backup app app",
        "first",
        "after_backup, tree, True",
        "after_backup backup app app",
    ]


def test_f12_a_hook_that_fails_before_stops_the_host(site: Site, log: Path) -> None:
    site.host("other", site.hosts["app"]["backupdb_instances"])
    site.hosts["app"]["backupdb_hooks"] = {
        "before_backup": [command("echo not now >&2; exit 3", name="ask the application"), note(log)],
        "after_backup": [note(log)],
        "on_failure": [note(log), command("exit 4"), note(log)],
    }
    run = site.play("backup", code=2)
    assert "The hook before_backup of app failed, ask the application: non-zero return code" in run.message
    assert "Nothing was backed up." in run.message
    assert "The hook on_failure of app failed" in run.output
    assert log.read_text() == "on_failure backup app app\n"
    assert ([path.parts[-3] for path in site.sets()], run.counts("other")["failed"]) == (["other"], 0)


def test_f12_a_hook_that_fails_after_makes_the_host_fail(site: Site, log: Path) -> None:
    site.vars["backupdb_hooks"] = {"after_backup": [command("exit 5")], "on_failure": [note(log)]}
    run = site.play("backup", code=2)
    assert "The hook after_backup of app failed, command sh: non-zero return code" in run.message
    assert "The sets are made." in run.message
    assert (len(site.sets()), run.row("tree")["ok"]) == (1, True)
    assert log.read_text() == "on_failure backup app app\n"


def test_f12_hooks_know_what_has_failed(site: Site, log: Path) -> None:
    site.hosts["app"]["backupdb_instances"].append({"name": "gone", "engine": "files", "paths": ["/nonexistent/x"]})
    site.vars["backupdb_hooks"] = {
        "after_backup": [note(log)],
        "on_failure": [command(f'echo "$BACKUPDB_FAILURES" >> {log}')],
    }
    run = site.play("backup", code=2)
    assert "/nonexistent/x" in run.message
    first, *failures = log.read_text().splitlines()
    assert first == "after_backup backup app app"
    assert "gone: " in failures[0]


def test_f12_a_host_that_is_not_there_fails_the_hook(site: Site, log: Path) -> None:
    site.host("far", [], ansible_connection="ssh", ansible_host="127.0.0.1", ansible_port=1)
    site.vars["backupdb_hooks"] = {"before_backup": [note(log, delegate_to="far")]}
    run = site.play("backup", "--limit", "app", code=2)
    assert "The hook before_backup of app failed, command sh on far: far cannot be reached" in run.message
    assert site.sets() == []


def test_f12_a_hook_does_not_run_on_another_host(site: Site, log: Path) -> None:
    site.host("other", [])
    site.vars["ansible_host"] = "{{ inventory_hostname }}.example.com"
    site.vars["backupdb_hooks"] = {"before_backup": [note(log, delegate_to="other")]}
    run = site.play("backup", "--limit", "app", code=2)
    assert "It would run on app.example.com instead of other (other.example.com)" in run.message
    assert not log.exists()
    site.hosts["other"]["ansible_host"] = "other.example.com"
    site.play("backup", "--limit", "app")
    assert log.exists()


def test_f12_wrong_hooks_are_told_before_anything_begins(site: Site, log: Path) -> None:
    site.vars["backupdb_hooks"] = {
        "before_lunch": [],
        "before_backup": [note(log), {"tasks": "/nonexistent/file.yml"}, {"command": "rm -rf x"}],
        "after_backup": [
            {"tasks": "x.yml", "command": ["true"]},
            {"command": ["true"], "delegate_to": "nobody", "when": 1},
        ],
    }
    run = site.play("backup", code=2)
    for text in (
        "backupdb_hooks has no moment 'before_lunch'",
        "Hook 2 of before_backup: there is no file /nonexistent/file.yml on the controller.",
        "Hook 3 of before_backup: command is no list",
        "Hook 1 of after_backup: it needs either tasks or command",
        "Hook 1 of after_backup: tasks is no absolute path: 'x.yml'",
        "Hook 2 of after_backup: it has no key when",
        "delegate_to names 'nobody', which is not in the inventory",
        "nothing was changed",
    ):
        assert text in run.message, text
    assert (site.sets(), log.exists()) == ([], False)


def test_f12_hooks_around_a_restore(site: Site, log: Path, tree: Path) -> None:
    site.play("backup")
    site.vars["backupdb_hooks"] = {
        "before_restore": [note(log), command(f"rm -r {tree}")],
        "after_restore": [command(f"test -f {tree}/sub/file.txt"), note(log)],
        "on_failure": [note(log)],
    }
    site.play("restore", "-e", "backupdb_instance=tree")
    assert log.read_text().splitlines() == ["before_restore restore app app", "after_restore restore app app"]

    log.unlink()
    (tree / "sub" / "file.txt").write_text("another\n")
    site.vars["backupdb_hooks"]["before_restore"] = [note(log)]
    run = site.play("restore", "-e", "backupdb_instance=tree", code=2)
    assert "file.txt" in run.message
    assert log.read_text().splitlines() == ["before_restore restore app app", "on_failure restore app app"]
    site.vars["backupdb_hooks"]["before_restore"] = [command("exit 6")]
    site.play("restore", "-e", "backupdb_instance=tree", "-e", "backupdb_restore_if_exists=replace", code=2)
    assert (tree / "sub" / "file.txt").read_text() == "another\n"
