# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sets go to places of every kind and come back as they were; a bit that is flipped there is found."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._copies.model import copy_from
from ansible_collections.vya.backupdb.plugins.module_utils._copies.rclone import Rclone
from ansible_collections.vya.backupdb.plugins.module_utils._errors import DamagedSet
from ansible_collections.vya.backupdb.plugins.module_utils._progress import Reporter

from tests.integration.copies.conftest import Estate
from tests.integration.modules.harness import call
from tests.integration.modules.sets import files_of
from tests.support.remotes import KINDS, Remote


def flip(copy: Mapping[str, Any], estate: Estate, set_id: str) -> str:
    """Change a byte of the archive in a copy, by the copy's own server; returns the file's path in the set."""
    original = files_of(estate.directory / set_id, "archive")[0]
    name = str(original.relative_to(estate.directory / set_id))
    altered = estate.root / "altered" / original.name
    altered.parent.mkdir()
    data = bytearray(original.read_bytes())
    data[len(data) // 2] ^= 1
    altered.write_bytes(data)
    rclone = Rclone(copy_from(copy), Reporter())
    rclone.run("flipping", ["copyto", "--ignore-times", str(altered), rclone.place("db1", "main", set_id, name)])
    return name


@pytest.mark.parametrize("kind", KINDS)
def test_a_set_goes_to_a_place_and_comes_back(kind: str, estate: Estate, place: Callable[[str], Remote]) -> None:
    there = place(kind)
    set_id = estate.backup(megabytes=1)
    before = estate.files(set_id)

    pushed = call("copy_push", **estate.place, copy=there.copy)
    assert (pushed["changed"], pushed["copied"], pushed["lag"], pushed["warnings"]) == (True, [set_id], 0, [])
    again = call("copy_push", **estate.place, copy=there.copy)
    assert (again["changed"], again["copied"], again["total"]) == (False, [], 1)
    (listed,) = call("backup_info", repository=str(estate.repository))["sets"]
    assert listed["copies"] == ["offsite"]

    verified = call("copy_info", copy=there.copy, verify=True, repository=str(estate.repository))
    (found,) = verified["sets"]
    assert (found["source"], found["instance"], found["id"], found["problem"]) == ("db1", "main", set_id, None)
    assert found["verified"]["ok"] is True
    assert verified["lags"] == [{"source": "db1", "instance": "main", "newest": set_id, "copied": set_id, "lag": 0}]

    if kind == "s3":
        rclone = Rclone(copy_from(there.copy), Reporter())
        listed_there = json.loads(rclone.run("listing", ["lsjson", rclone.place("db1", "main", set_id)]))
        assert {item["Tier"] for item in listed_there if not item["IsDir"]} == {"STANDARD_IA"}, "options reach rclone"

    # the host and its repository are gone
    shutil.rmtree(estate.repository)
    fetched = call("copy_fetch", **estate.place, copy=there.copy)
    assert (fetched["changed"], fetched["fetched"], fetched["set"]["id"]) == (True, [set_id], set_id)
    assert estate.files(set_id) == before
    for path in [estate.directory / set_id, *(estate.directory / set_id).rglob("*")]:
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path
    assert call("backup_verify", **estate.place, level="deep", jobs=1)["ok"] is True
    assert call("copy_fetch", **estate.place, copy=there.copy)["changed"] is False

    name = flip(there.copy, estate, set_id)
    (found,) = call("copy_info", copy=there.copy, verify=True)["sets"]
    assert found["problem"] == f"{name} is missing or was altered"
    shutil.rmtree(estate.repository)
    with pytest.raises(DamagedSet, match="is damaged"):
        call("copy_fetch", **estate.place, copy=there.copy)
    assert estate.sets() == []


def test_names_that_are_hard_for_file_systems(estate: Estate, offsite: Remote) -> None:
    names = {"source": "db 1/é", "instance": "main %[x]"}
    tree = estate.root / "tree"
    tree.mkdir()
    (tree / "a").write_text("a")
    call("files_archive", repository=str(estate.repository), **names, paths=[str(tree)])
    call("copy_push", repository=str(estate.repository), **names, copy=offsite.copy)
    (found,) = call("copy_info", copy=offsite.copy, verify=True)["sets"]
    assert (found["source"], found["instance"], found["problem"]) == (names["source"], names["instance"], None)
    shutil.rmtree(estate.repository)
    assert call("copy_fetch", repository=str(estate.repository), **names, copy=offsite.copy)["changed"] is True


def test_a_remote_of_the_hosts_own_configuration(
    estate: Estate, offsite: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = estate.root / "home"
    (home / ".config" / "rclone").mkdir(parents=True)
    (home / ".config" / "rclone" / "rclone.conf").write_text("[my place]\ntype = local\n")
    monkeypatch.setenv("HOME", str(home))
    copy = {"name": "offsite", "remote": "my place", "path": str(offsite.folder)}
    set_id = estate.backup()
    assert call("copy_push", **estate.place, copy=copy)["copied"] == [set_id]
    with pytest.raises(Exception, match="has no remote 'yours'"):
        call("copy_push", **estate.place, copy={**copy, "remote": "yours"})


def test_check_mode_changes_nothing_and_tells_what_would_be(estate: Estate, offsite: Remote) -> None:
    set_id = estate.backup()
    assert offsite.folder is not None
    pushed = call("copy_push", check=True, **estate.place, copy=offsite.copy)
    assert (pushed["changed"], pushed["copied"], list(offsite.folder.iterdir())) == (True, [set_id], [])
    call("copy_push", **estate.place, copy=offsite.copy)
    shutil.rmtree(estate.repository)
    fetched = call("copy_fetch", check=True, **estate.place, copy=offsite.copy)
    assert (fetched["changed"], fetched["fetched"], fetched["set"]) == (True, [set_id], {"id": set_id})
    assert not estate.repository.exists()
