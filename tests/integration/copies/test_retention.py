# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A copy keeps what its own retention says, whatever is in the repository."""

from __future__ import annotations

import shutil
from typing import Any

from tests.integration.copies.conftest import Estate, with_options
from tests.integration.modules.harness import call
from tests.support.remotes import Remote

OLD = ("20240101T000000Z", "20250101T000000Z", "20260101T000000Z")


def ids(copy: Any) -> list[str]:
    return [item["id"] for item in call("copy_info", copy=copy)["sets"]]


def test_f15_only_what_the_retention_keeps_is_copied_and_stays(estate: Estate, offsite: Remote) -> None:
    newest = estate.backup()
    estate.again(newest, *OLD)
    two = with_options(offsite, retention={"keep_last": 2})
    assert call("copy_push", **estate.place, copy=two)["copied"] == [newest, OLD[2]]
    assert call("copy_push", **estate.place, copy=two)["changed"] is False

    # here everything old goes; the copy keeps its own
    for set_id in OLD:
        shutil.rmtree(estate.directory / set_id)
    three = with_options(offsite, retention={"keep_last": 3})
    assert call("copy_push", **estate.place, copy=three)["changed"] is False
    assert ids(offsite.copy) == [OLD[2], newest]

    one = with_options(offsite, retention={"keep_last": 1})
    assert call("copy_push", check=True, **estate.place, copy=one)["removed"] == [OLD[2]]
    assert ids(offsite.copy) == [OLD[2], newest]
    pushed = call("copy_push", **estate.place, copy=one)
    assert (pushed["removed"], pushed["total"], ids(offsite.copy)) == ([OLD[2]], 1, [newest])
    assert offsite.folder is not None
    assert [path.name for path in (offsite.folder / "db1" / "main").iterdir()] == [newest]


def test_a_removal_that_was_killed_is_finished(estate: Estate, offsite: Remote) -> None:
    newest = estate.backup()
    estate.again(newest, OLD[0])
    call("copy_push", **estate.place, copy=offsite.copy)
    assert offsite.folder is not None
    there = offsite.folder / "db1" / "main" / OLD[0]
    (there / "manifest.json").rename(there / "manifest.json.removed")
    (there / "SHA256SUMS").unlink()
    assert ids(offsite.copy) == [newest]
    shutil.rmtree(estate.directory / OLD[0])
    pushed = call("copy_push", **estate.place, copy=offsite.copy)
    assert (pushed["removed"], there.exists()) == ([OLD[0]], False)


def test_a_set_is_wanted_again_while_its_removal_is_not_finished(estate: Estate, offsite: Remote) -> None:
    newest = estate.backup()
    estate.again(newest, OLD[0])
    call("copy_push", **estate.place, copy=offsite.copy)
    assert offsite.folder is not None
    there = offsite.folder / "db1" / "main" / OLD[0]
    (there / "manifest.json").rename(there / "manifest.json.removed")
    pushed = call("copy_push", **estate.place, copy=offsite.copy)
    assert (pushed["copied"], pushed["total"]) == ([OLD[0]], 2)
    assert ids(offsite.copy) == [OLD[0], newest]
    assert not (there / "manifest.json.removed").exists()


def test_held_sets_stay_and_what_is_not_ours_is_left_alone(estate: Estate, offsite: Remote) -> None:
    newest = estate.backup()
    estate.again(newest, OLD[0])
    call("copy_push", **estate.place, copy=offsite.copy)
    call("hold", **estate.place, set=OLD[0], reason="the auditors want it")
    assert offsite.folder is not None
    stranger = offsite.folder / "db1" / "main" / "20200101T000000Z"
    stranger.mkdir()
    (stranger / "data").write_text("not ours")
    pushed = call("copy_push", **estate.place, copy=with_options(offsite, retention={"keep_last": 1}))
    assert pushed["removed"] == []
    assert ids(offsite.copy) == [OLD[0], newest]
    assert (stranger / "data").exists()


def test_a_vault_collects_what_it_lacks(estate: Estate, offsite: Remote) -> None:
    newest = estate.backup()
    estate.again(newest, *OLD)
    call("copy_push", **estate.place, copy=offsite.copy)
    shutil.rmtree(estate.repository)
    two = with_options(offsite, retention={"keep_last": 2})
    fetched = call("copy_fetch", **estate.place, copy=two, set="missing")
    assert (fetched["fetched"], fetched["lag"]) == ([newest, OLD[2]], 0)
    assert call("copy_fetch", **estate.place, copy=two, set="missing")["changed"] is False
    assert call("copy_fetch", **estate.place, copy=offsite.copy, set="missing")["fetched"] == [OLD[1], OLD[0]]
    assert estate.sets() == sorted([newest, *OLD])
