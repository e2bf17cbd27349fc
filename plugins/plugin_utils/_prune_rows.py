# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a prune says to people. Private to this collection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ansible_collections.vya.backupdb.plugins.module_utils._modules._results import human_bytes
from ansible_collections.vya.backupdb.plugins.plugin_utils._rows import by_instance, failed, message, plural


def prune_rows(names: Sequence[str], pruned: Any) -> list[dict[str, Any]]:
    """What became of the sets of each instance.

    Args:
        names: the instances in order.
        pruned: what a task registered that runs ``prune`` in a loop over names.

    Returns:
        For each set a row, the newest of an instance first: instance, ok, set, size, action, reason, message, result; for
        an instance that has no sets or could not be pruned one without a set.
    """
    answers = by_instance(pruned)
    rows: list[dict[str, Any]] = []
    for name in names:
        answer = answers.get(name)
        row: dict[str, Any] = {"instance": name, "ok": True, "set": None, "size": None, "action": None, "message": None}
        sets = (answer or {}).get("sets", ())
        rows += [
            {
                **row,
                "set": item["id"],
                "size": item["size"],
                "action": item["action"],
                "reason": item["reason"],
                "result": item["action"],
            }
            for item in sets
        ]
        wrong = answer is None or failed(answer)
        if wrong or not sets:
            text = message(answer) if answer is not None and failed(answer) else "it was not pruned"
            rows.append({**row, "ok": not wrong, "reason": "FAILED" if wrong else "it has no sets"})
            rows[-1].update(message=text if wrong else None, result="FAILED" if wrong else "ok")
    return rows


def prune_lines(names: Sequence[str], pruned: Any) -> list[str]:
    """A line for each instance: how many sets are kept, by which rules, how many go, and the room that is freed."""
    answers = by_instance(pruned)
    lines = []
    for name in names:
        answer = answers.get(name)
        if answer is None or "total" not in answer:
            continue
        by_rule = ", ".join(f"{rule} {number}" for rule, number in sorted(answer["kept_by"].items()))
        swept = f", {plural(int(answer['swept']), 'leftover')} swept" if answer["swept"] else ""
        errors = f", {plural(len(answer['errors']), 'error')}" if answer["errors"] else ""
        lines.append(
            f"{name}: {plural(int(answer['total']), 'set')}, {answer['kept']} kept"
            + (f" ({by_rule})" if by_rule else "")
            + f", {answer['expired']} expired, {answer['removed']} removed, {human_bytes(int(answer['freed']))} freed"
            + swept
            + errors
        )
    return lines
