# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keeping and removing sets with the playbooks."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from ansible_collections.vya.backupdb.plugins.module_utils._repository import Repository

from tests.integration.playbooks.site import Site
from tests.support.sets import make_set

NOW = datetime.now(timezone.utc).replace(microsecond=0)


def files(name: str, *paths: Path | str, **options: Any) -> dict[str, Any]:
    return {"name": name, "engine": "files", "paths": [str(path) for path in paths], **options}


def history(site: Site, instance: str, number: int, **options: Any) -> list[str]:
    """Sets of so many days before today; their ids, the newest first."""
    repository = Repository(str(site.repository))
    days = [NOW - timedelta(days=day + 1) for day in range(number)]
    return [make_set(repository, day, "web1", instance, **options).name for day in days]


def test_prune_lists_first_and_then_does_just_that(site: Site) -> None:
    site.host(
        "web1",
        [
            files("tree", "/srv"),
            files("other", "/srv", retention={"keep_last": 1, "keep_within": "1d"}),
            files("new", "/srv"),
        ],
        backupdb_retention={"keep_last": 2},
        backupdb_time_zone="Europe/Vienna",
    )
    tree, other = history(site, "tree", 4), history(site, "other", 4)
    told = site.play("prune", "--check")
    assert len(site.sets()) == 8
    done = site.play("prune")
    assert told.table("Host") == done.table("Host")
    assert [(row[1], row[2], row[4]) for row in done.table("Host")] == [
        ("tree", tree[0], "keep"),
        ("tree", tree[1], "keep"),
        ("tree", tree[2], "remove"),
        ("tree", tree[3], "remove"),
        ("other", other[0], "keep"),
        ("other", other[1], "keep"),
        ("other", other[2], "remove"),
        ("other", other[3], "remove"),
        ("new", "-", "ok"),
    ]
    assert "web1 tree: 4 sets, 2 kept (keep_last 2, newest 1), 2 expired, 2 removed, " in done.output
    assert sorted(path.name for path in site.sets()) == sorted(tree[:2] + other[:2])


def test_f15_a_prune_that_fails_fails_the_run_and_the_others_are_pruned(site: Site) -> None:
    site.host("web1", [files("busy", "/srv"), files("tree", "/srv")], backupdb_retention={"keep_last": 1})
    history(site, "busy", 2)
    history(site, "tree", 2)
    with Repository(str(site.repository)).begin("web1", "busy"):
        run = site.play("prune", code=2)
    assert "- busy: A backup of 'busy' of 'web1' is running" in run.message
    assert [path.parent.name for path in site.sets()] == ["busy", "busy", "tree"]


def test_f15_a_backup_prunes_only_what_it_has_backed_up_and_verified(site: Site, tree: Path) -> None:
    site.vars["backupdb_live_progress"] = False
    site.host("web1", [files("tree", tree), files("missing", "/nonexistent/*")], backupdb_retention={"keep_last": 2})
    old, missing = history(site, "tree", 3), history(site, "missing", 3)
    site.play("backup", code=2)
    assert len(site.sets("web1", "tree")) == 4, "nothing is removed unasked"
    run = site.play("backup", "-e", "backupdb_prune=true", code=2)
    assert "Old sets removed" in run.output
    assert (run.row("tree")["removed"], run.row("missing")["removed"]) == (3, None)
    assert old[0] not in [path.name for path in site.sets("web1", "tree")]
    assert sorted(path.name for path in site.sets("web1", "missing")) == sorted(missing)
    refused = site.play("backup", "-e", "backupdb_prune=true", "-e", "backupdb_verify=none", code=2)
    assert "set backupdb_verify to checksum or deep" in refused.message


def test_f15_rot_in_an_old_set_is_found_remembered_and_no_reason_to_remove_others(site: Site) -> None:
    site.vars["backupdb_live_progress"] = False
    site.host("web1", [files("tree", "/srv")], backupdb_retention={"keep_last": 1})
    ids = history(site, "tree", 3)
    newest = site.repository / "web1" / "tree" / ids[0]
    data = newest / "files" / "data.jsonl"
    data.write_bytes(data.read_bytes().replace(b"x", b"y", 1))
    run = site.play("verify", "-e", "backupdb_verify_budget=1G", code=2)
    assert "files/data.jsonl was altered" in run.message
    assert {row["set"]: row["ok"] for row in run.report} == {ids[0]: False, ids[1]: True, ids[2]: True}
    site.play(
        "hold", *(f"-e{word}" for word in ("backupdb_instance=tree", f"backupdb_set={ids[2]}")),
        "-e", '{"backupdb_hold_reason": "an audit", "backupdb_hold_until": "2199-01-31"}',
    )  # fmt: skip
    rows = {row[2]: [row[6], row[7], row[-1]] for row in site.play("list_backups").table("Source")}
    assert rows == {
        ids[0]: ["no", "no", "DAMAGED: 1 problem"],
        ids[1]: ["no", "no", "checksum"],
        ids[2]: ["until 2199-01-31", "no", "checksum"],
    }
    site.play("prune")
    assert sorted(path.name for path in site.sets()) == sorted(ids)


def test_a_hold_is_for_one_host(site: Site) -> None:
    for name in ("web1", "web2"):
        site.host(name, [files("tree", "/srv")])
    run = site.play("hold", "-e", "backupdb_instance=tree", code=2)
    assert "A hold is for one host, and these would get it: web1, web2" in run.message
