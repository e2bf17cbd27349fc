# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a prune says to people."""

from __future__ import annotations

from typing import Any

import yaml
from ansible_collections.vya.backupdb.plugins.plugin_utils._prune_rows import prune_lines, prune_rows
from ansible_collections.vya.backupdb.plugins.plugin_utils._rows import backup_rows, failures

from tests.support.paths import CHECKOUT

SETS = [
    {"id": "20261121T080000Z", "size": 10, "action": "keep", "rules": ["keep_last"], "reason": "last 1 of 1"},
    {"id": "20261120T080000Z", "size": 2048, "action": "remove", "rules": [], "reason": "no rule keeps it"},
]
TOTALS = {"total": 2, "kept": 1, "kept_by": {"keep_last": 1}, "expired": 1, "removed": 1, "freed": 2048, "swept": 0}
DONE = {"sets": SETS, "errors": [], **TOTALS}


def looped(**results: dict[str, Any]) -> dict[str, Any]:
    return {"results": [{"item": name, **result} for name, result in results.items()]}


def test_every_set_has_a_row_and_every_failure_too() -> None:
    stuck = {**DONE, "failed": True, "msg": "1 set could not be removed", "removed": 0, "errors": ["busy"]}
    pruned = looped(good=DONE, none={**DONE, "sets": [], "total": 0}, stuck=stuck, bad={"failed": True, "msg": "no"})
    rows = prune_rows(["good", "none", "stuck", "bad", "never"], pruned)
    assert [(row["instance"], row["set"], row["result"], row["reason"]) for row in rows] == [
        ("good", "20261121T080000Z", "keep", "last 1 of 1"),
        ("good", "20261120T080000Z", "remove", "no rule keeps it"),
        ("none", None, "ok", "it has no sets"),
        ("stuck", "20261121T080000Z", "keep", "last 1 of 1"),
        ("stuck", "20261120T080000Z", "remove", "no rule keeps it"),
        ("stuck", None, "FAILED", "FAILED"),
        ("bad", None, "FAILED", "FAILED"),
        ("never", None, "FAILED", "FAILED"),
    ]
    assert failures(rows) == ["stuck: 1 set could not be removed", "bad: no", "never: it was not pruned"]
    assert prune_lines(["good", "stuck", "bad"], pruned) == [
        "good: 2 sets, 1 kept (keep_last 1), 1 expired, 1 removed, 2.0 KiB freed",
        "stuck: 2 sets, 1 kept (keep_last 1), 1 expired, 0 removed, 2.0 KiB freed, 1 error",
    ]


def test_f15_a_backup_whose_old_sets_stay_has_not_done_what_was_asked() -> None:
    made = {"set": {"id": "s1", "size": 5}, "databases": [], "phases": {}}
    pruned = looped(good={"removed": 3}, stuck={"failed": True, "msg": "busy", "removed": 0})
    good, stuck, other = backup_rows(
        ["good", "stuck", "other"], looped(good=made, stuck=made, other=made), None, None, pruned
    )
    assert [(row["ok"], row["removed"]) for row in (good, stuck, other)] == [(True, 3), (False, 0), (True, None)]
    assert stuck["message"] == "backed up, but old sets are not removed: busy"


def test_the_default_retention_is_the_same_everywhere() -> None:
    def load(path: str) -> Any:
        return yaml.safe_load((CHECKOUT / "roles" / path).read_text())

    default = load("retention/vars/main.yml")["__retention_default"]
    assert default == {"keep_daily": 7, "keep_weekly": 4, "keep_monthly": 12}
    assert load("backup/vars/main.yml")["__backup_retention"] == default
    for role in ("backup", "retention"):
        options = load(f"{role}/meta/argument_specs.yml")["argument_specs"]["main"]["options"]
        assert options["backupdb_retention"]["default"] == default
