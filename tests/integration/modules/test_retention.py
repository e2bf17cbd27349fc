# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The modules that keep and remove sets, as programs: beside readers and writers, stopped and killed."""

from __future__ import annotations

import os
import signal
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._errors import BackupError
from ansible_collections.vya.backupdb.plugins.module_utils._repository import Repository

from tests.integration.modules.harness import Workplace, call, message_of, result_of, until
from tests.support.sets import make_set

NOW = datetime.now(timezone.utc).replace(microsecond=0)


def history(work: Workplace, number: int, **options: Any) -> list[Path]:
    """Sets of so many days, the newest first."""
    repository = Repository(str(work.repository))
    return [make_set(repository, NOW - timedelta(days=day), **options) for day in range(number)]


def keep(number: int, **more: Any) -> dict[str, Any]:
    return {"retention": {"keep_last": number, **more}}


def test_check_mode_gives_the_same_list(work: Workplace) -> None:
    sets = history(work, 4)
    told = call("prune", check=True, diff=True, **work.place, **keep(2))
    assert len(work.sets()) == 4
    done = call("prune", diff=True, **work.place, **keep(2))
    assert told == done
    assert done["changed"] is True
    assert [(item["id"], item["action"]) for item in done["sets"]] == [
        (path.name, "keep" if number < 2 else "remove") for number, path in enumerate(sets)
    ]
    assert (done["total"], done["kept"], done["expired"], done["removed"]) == (4, 2, 2, 2)
    assert done["kept_by"] == {"keep_last": 2, "newest": 1}
    assert done["diff"]["after"].split() == [sets[1].name, sets[0].name]
    again = call("prune", **work.place, **keep(2))
    assert (again["changed"], again["removed"], again["freed"]) == (False, 0, 0)


def test_a_program_says_what_it_did_and_refuses_nonsense(work: Workplace) -> None:
    history(work, 3)
    for retention, message in (
        ({}, "no rule, which would remove every set but the newest"),
        ({"keep_daily": -3}, "keep_daily is -3"),
        ({"keep_within": "fortnight"}, "keep_within is 'fortnight'"),
        ({"keep_last": 1, "time_zone": "Mars/Olympus"}, "'Mars/Olympus' is not known"),
        ({"keep_last": 1, "counts": "some"}, "counts"),
        ({"keep_lst": 1}, "keep_lst"),
    ):
        message_of(work.run("prune", **work.place, retention=retention), message)
    assert len(work.sets()) == 3
    result = work.run("prune", **work.place, retention={"keep_last": 1, "keep_within": "1d"})
    assert result["retention"] == {"keep_last": 1, "keep_within": "1d", "counts": "verified", "time_zone": "UTC"}
    assert (result["removed"], result["freed"] > 500) == (1, True)


def test_f15_nothing_goes_where_nothing_counts_and_that_is_said(work: Workplace) -> None:
    history(work, 3, verified=False)
    result = call("prune", **work.place, **keep(1))
    assert (result["changed"], len(work.sets())) == (False, 3)
    assert "none of its sets counts as verified. What to do: verify its sets" in result["warnings"][0]


def test_a_set_that_another_program_reads_stays(work: Workplace) -> None:
    sets = history(work, 3)
    work.hold("zstd")
    with work.started("backup_verify", **work.place, set=sets[2].name, level="deep") as reading:
        work.held()
        result = work.run("prune", **work.place, **keep(1))
        assert [item["reason"] for item in result["sets"][1:]] == ["no rule keeps it", "in use"]
        assert work.sets() == sorted([sets[0].name, sets[2].name])
        work.release()
        assert result_of(reading)["ok"] is True
    call("prune", **work.place, **keep(1))
    assert work.sets() == [sets[0].name]


def test_f10_a_prune_beside_a_backup_fails_and_says_why(work: Workplace) -> None:
    history(work, 3)
    with Repository(str(work.repository)).begin("db1", "main"):
        result = work.run("prune", **work.place, **keep(1))
        message_of(result, r"A backup of 'main' of 'db1' is running \(process \d+", "What to do: wait")
    assert len(work.sets()) == 3


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_f10_a_prune_that_is_stopped_is_finished_by_the_next(work: Workplace, number: signal.Signals) -> None:
    """Many small files, so that there is time to stop it."""
    sets = history(work, 2)
    folder = sets[1] / "files"
    # Files of the set, as far as the manifest goes, in a directory that it does not look into.
    manifest = (sets[0] / "manifest.json").read_bytes()
    for part in range(60):
        directory = folder / f"empty{part}"
        directory.mkdir()
        for inner in range(10):
            (directory / f"{inner}").mkdir()
    with work.started("prune", **work.place, **keep(1)) as process:
        until(lambda: list(work.repository.glob("*/*/*.removing")), "a removal has begun")
        process.send_signal(number)
        process.wait()
    assert work.sets() == [sets[0].name] or [path.suffix for path in work.repository.glob("*/*/*.removing")]
    assert [item["id"] for item in call("backup_info", repository=str(work.repository))["sets"]] == [sets[0].name]
    result = work.run("prune", **work.place, **keep(1))
    assert (result.get("failed"), result["total"], result["swept"]) in ((None, 1, 1), (None, 1, 0))
    assert sorted(os.listdir(sets[0].parent)) == [".lock", ".state", sets[0].name]
    assert (sets[0] / "manifest.json").read_bytes() == manifest


def test_what_cannot_be_removed_is_named_and_fails(work: Workplace) -> None:
    sets = history(work, 4)
    blocked = sets[3].with_name(sets[3].name + ".removing")
    blocked.write_text("in the way")
    with pytest.raises(BackupError, match=sets[3].name) as raised:
        call("prune", **work.place, **keep(2))
    result = raised.value.result  # type: ignore[attr-defined]
    assert (result["expired"], result["removed"], len(result["errors"])) == (2, 1, 1)
    assert sets[3].is_dir() and not sets[2].exists()
    blocked.unlink()
    assert call("prune", **work.place, **keep(2))["removed"] == 1


# holds


def test_a_hold_is_put_on_told_and_taken_off(work: Workplace) -> None:
    sets = history(work, 3)
    place = {**work.place, "set": sets[2].name}
    held = {"reason": "an audit", "until": "2199-01-31T00:00:00Z"}
    told = call("hold", check=True, diff=True, **place, reason="an audit", until="2199-01-31")
    assert not list(work.repository.glob("*/*/.state/*.hold.json"))
    done = call("hold", diff=True, **place, reason="an audit", until="2199-01-31")
    assert told == done
    assert (done["changed"], done["held"]) == (True, held)
    assert done["diff"]["after"] == "held until 2199-01-31T00:00:00Z: an audit\n"
    assert call("hold", **place, reason="an audit", until="2199-01-31T00:00:00Z")["changed"] is False
    listed = call("backup_info", repository=str(work.repository))["sets"]
    assert [item["held"] for item in listed] == [held, None, None]
    result = call("prune", **work.place, **keep(1))
    assert result["sets"][2]["reason"] == "held until 2199-01-31 00:00 UTC: an audit"
    assert call("hold", **place, hold=False)["changed"] is True
    assert call("hold", **place, hold=False) == {
        "changed": False,
        "set": {"id": sets[2].name, "path": str(sets[2])},
        "held": None,
        "warnings": [],
    }
    assert call("prune", **work.place, **keep(1))["removed"] == 1


def test_a_hold_that_makes_no_sense_is_refused(work: Workplace) -> None:
    (path,) = history(work, 1)
    place = {**work.place, "set": path.name}
    for options, message in (
        ({}, "not said why"),
        ({"reason": " "}, "not said why"),
        ({"reason": "x", "until": "soon"}, "until is 'soon'"),
        ({"reason": "x", "until": "2020-01-01"}, "would have ended already"),
        ({"hold": False, "reason": "x"}, "leave out reason and until"),
        ({"reason": "x", "set": "20200101T000000Z"}, "There is no set '20200101T000000Z'"),
        ({"reason": "x", "instance": "other"}, "holds no set of 'other'"),
    ):
        with pytest.raises(BackupError, match=message):
            call("hold", **{**place, **options})


# verifying old sets


def test_the_budget_of_a_verification_goes_to_what_was_looked_at_the_longest_ago(work: Workplace) -> None:
    sets = history(work, 4, size=1000)
    size = call("backup_info", repository=str(work.repository))["sets"][0]["size"]

    def due(budget: int, **options: Any) -> list[str]:
        found = call("backup_info", repository=str(work.repository), budget=budget, **options)
        return [item["id"] for item in found["sets"]]

    assert due(2 * size) == [sets[3].name, sets[2].name]
    assert due(1) == [sets[3].name], "each has its turn"
    call("backup_verify", **work.place, set=sets[3].name)
    assert due(3 * size) == [sets[2].name, sets[1].name, sets[0].name]
    # a look at names does not count, and a deeper one than is asked for does
    call("backup_verify", **work.place, set=sets[2].name, level="quick")
    assert due(size) == [sets[2].name]
    assert due(4 * size, level="deep") == [path.name for path in reversed(sets)]
    (sets[0] / "manifest.json").unlink()
    assert due(size) == [sets[2].name, sets[0].name]
    with pytest.raises(BackupError, match="budget is 0"):
        due(0)
