# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What became of copies, one row for each, and how far they are behind. Private to this collection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Optional

from ansible.errors import AnsibleFilterError
from ansible_collections.vya.backupdb.plugins.module_utils._errors import UsageError, WrongInventory
from ansible_collections.vya.backupdb.plugins.module_utils._model import set_id_time
from ansible_collections.vya.backupdb.plugins.module_utils._retention import duration_from
from ansible_collections.vya.backupdb.plugins.plugin_utils._rows import failed, message, seconds, with_results
from ansible_collections.vya.backupdb.plugins.plugin_utils._text import duration

#: in the place of an instance, where all of a host were asked for
_ALL = "all instances"


def copy_rows(done: Sequence[Any], max_lag: Optional[str] = None) -> list[dict[str, Any]]:
    """What became of the copies of each instance.

    Args:
        done: what looped tasks registered that run ``copy_push`` or ``copy_fetch``; their items are lists of source,
            instance and copy.
        max_lag: how much older than the original the newest set of a copy may be, as in ``26h``; None for no limit.

    Returns:
        For each a row: source, instance, copy, ok, new, removed, total, size, lag, seconds, message, result.
    """
    limit = limit_of(max_lag)
    rows = []
    for looped in done:
        for result in looped.get("results", ()) if isinstance(looped, Mapping) else ():
            if result.get("skipped"):
                continue
            # The name of a host alone: it was asked which sets there are to fetch.
            item = [result["item"], _ALL, result["item"]] if isinstance(result["item"], str) else result["item"]
            source, instance, copy = map(str, item)
            row: dict[str, Any] = {
                "source": source,
                "instance": instance,
                "copy": copy,
                "ok": not failed(result),
                "new": len(result.get("copied", result.get("fetched", ()))),
                "removed": len(result.get("removed", ())),
                "total": result.get("total"),
                "size": result.get("bytes"),
                "lag": result.get("lag"),
                "seconds": seconds(result),
                "message": message(result) if failed(result) else None,
            }
            if row["ok"] and instance == _ALL:
                row["message"] = None if row["total"] else f"{copy!r} holds no sets of it"
            elif row["ok"]:
                row["message"] = _complaint(copy, row["lag"], limit)
            row["ok"] = row["message"] is None
            rows.append(row)
    return with_results(rows)


def copy_lags(sets: Sequence[Mapping[str, Any]], copies: Sequence[str], max_lag: str) -> list[dict[str, Any]]:
    """How far copies are behind, as far as it is known beside the sets.

    Args:
        sets: what ``backup_info`` returned as ``sets``, of one repository.
        copies: names of the copies that each instance is to have.
        max_lag: how much older than the newest set here that of a copy may be, as in ``26h``.

    Returns:
        For each instance and copy a row: source, instance, copy, ok, lag, message, result.
    """
    limit = limit_of(max_lag)
    instances: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for item in sets:
        if not item.get("problem"):
            instances.setdefault((item["source"], item["instance"]), []).append(item)
    rows = []
    for (source, instance), own in sorted(instances.items()):
        newest = max(item["id"] for item in own)
        for copy in copies:
            copied = max((item["id"] for item in own if copy in (item.get("copies") or ())), default=None)
            behind = int((set_id_time(newest) - set_id_time(copied)).total_seconds()) if copied else None
            complaint = _complaint(copy, behind, limit)
            rows.append(
                {
                    "source": source,
                    "instance": f"{instance} of {source}",
                    "copy": copy,
                    "ok": complaint is None,
                    "lag": behind,
                    "message": complaint,
                }
            )
    return with_results(rows)


def limit_of(max_lag: Optional[str]) -> Optional[int]:
    """A duration as seconds; None for none.

    Raises:
        AnsibleFilterError: it is no duration.
    """
    if not max_lag:
        return None
    try:
        return int(duration_from(str(max_lag)).total_seconds())
    except UsageError as error:
        wrong = WrongInventory(f"backupdb_copy_max_lag is {max_lag!r}.", error.remedy)
        raise AnsibleFilterError(str(wrong)) from None


def _complaint(copy: str, behind: Optional[int], limit: Optional[int]) -> Optional[str]:
    if limit is None:
        return None
    if behind is None:
        return f"the copy {copy!r} holds no set of it"
    if behind > limit:
        return (
            f"the copy {copy!r} lags: its newest set is {duration(behind)} older than the newest one,"
            f" and {duration(limit)} are allowed (backupdb_copy_max_lag)"
        )
    return None
