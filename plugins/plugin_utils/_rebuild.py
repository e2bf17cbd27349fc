# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a rebuild will do and what it has done, one row for each instance. Private to this collection."""

from __future__ import annotations

import glob
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._errors import Differs, Occupied
from ansible_collections.vya.backupdb.plugins.module_utils._model import parse_timestamp
from ansible_collections.vya.backupdb.plugins.plugin_utils._estate import HELD_BACK
from ansible_collections.vya.backupdb.plugins.plugin_utils._rows import (
    Result,
    by_instance,
    failed,
    message,
    plural,
    seconds,
    with_results,
)
from ansible_collections.vya.backupdb.plugins.plugin_utils._text import age, duration

FILES = "files"
#: Databases that every new PostgreSQL server has; a rebuild replaces them while they are empty.
_INITIAL = {"postgresql": frozenset({"postgres", "template1"})}
_SHOWN_DIFFERENCES = 5
_LISTED_DIFFERENCES = 50


def rebuild_plan(
    instances: Sequence[Mapping[str, Any]],
    verified: Any,
    compared: Any = None,
    planned: Any = None,
    planned_files: Any = None,
    named: bool = False,
    host: str = "this host",
) -> list[dict[str, Any]]:
    """What a rebuild would do with each instance, and what forbids it.

    Args:
        instances: as in the inventory.
        verified, compared, planned, planned_files: what the looped tasks registered that run ``backup_verify``,
            ``proof_info``, ``restore`` and ``files_restore``, the last two in check mode.
        named: whether the operator has named this host as one that may hold other data.
        host: its name.

    Returns:
        For each instance a row. ``problems`` forbid the rebuild; ``todo`` says whether anything is left to restore,
        ``select`` which databases, as patterns; ``proven`` whether nothing is left to prove either; ``ready`` says in words
        whether the instance can be rebuilt.
    """
    by_step = [by_instance(step) for step in (verified, compared, planned, planned_files)]
    rows = []
    for instance in instances:
        steps = [step.get(instance["name"]) for step in by_step]
        row: dict[str, Any] = {
            "instance": instance["name"],
            "engine": instance["engine"],
            "address": None,
            "databases": [],
            "select": [],
            "contents": None,
            "roles": 0,
            "tablespaces": 0,
            "files": 0,
            "todo": False,
            "proven": False,
            **_set_of(steps[0]),
        }
        # one cause may make several steps fail in the same words
        row["problems"] = list(dict.fromkeys(message(step) for step in steps if step is not None and failed(step)))
        if steps[0] is None:
            row["problems"].append("its set was not looked at")
        if not row["problems"]:
            if instance["engine"] == FILES:
                _plan_files(row, steps[3] or {})
            else:
                _plan_server(row, steps[1] or {}, steps[2] or {}, None if named else host)
        row["ok"] = not row["problems"]
        row["message"] = "\n".join(row["problems"]) or None
        row["plan"] = _plan_in_words(row)
        row["ready"] = "; ".join(row["problems"]) or ("proven already" if row["proven"] else "ready")
        rows.append(row)
    return rows


def _set_of(verified: Optional[Result]) -> dict[str, Any]:
    found: Mapping[str, Any] = (verified or {}).get("set") or {}
    snapshot_at = found.get("snapshot_at")
    return {
        "set": found.get("id"),
        "size": found.get("size"),
        "snapshot_at": snapshot_at,
        "age": _age(snapshot_at) if snapshot_at else None,
        "verify_seconds": (verified or {}).get("seconds", 0.0),
    }


def _age(moment: str) -> int:
    return max(0, int((datetime.now(timezone.utc) - parse_timestamp(moment)).total_seconds()))


def _plan_files(row: dict[str, Any], planned: Result) -> None:
    counts = {key: int(planned.get(key, 0)) for key in ("created", "replaced", "equal")}
    row["contents"] = plural(sum(counts.values()), "file")
    row["files"] = counts["created"] + counts["replaced"]
    row["todo"] = row["files"] > 0


def _plan_server(row: dict[str, Any], compared: Result, planned: Result, unnamed: Optional[str]) -> None:
    proven = set(compared.get("proven", ()))
    would_restore = [item["recorded"] for item in planned.get("databases", ())]
    kept = list(planned.get("kept", ()))
    row["address"] = address = planned.get("address")
    row["databases"] = [name for name in would_restore if name not in proven]
    # All of them by a pattern while none is proven: a list in a result is bounded, a pattern is not.
    untouched = not proven.intersection([*would_restore, *kept])
    row["select"] = ["*"] if untouched and not kept else [glob.escape(name) for name in row["databases"]]
    row["roles"] = len(planned.get("roles", ()))
    row["tablespaces"] = len(planned.get("tablespaces", ()))
    row["todo"] = bool(row["databases"] or row["roles"] or row["tablespaces"])
    row["proven"] = not row["todo"] and bool(compared.get("equal"))
    row["contents"] = plural(len(would_restore) + len(kept), "database")
    row["fenced"] = dict(compared.get("fenced") or {}) if row["proven"] else {}
    for name in kept:
        if name not in proven:
            row["problems"].append(_not_as_recorded(name, str(address), compared))
    recorded = {*would_restore, *kept, *proven, *_INITIAL.get(row["engine"], ())}
    foreign = [name for name in compared.get("there", ()) if name not in recorded]
    if foreign and unnamed is not None:
        occupied = Occupied(
            f"the server at {address} is not empty, it holds {', '.join(map(repr, foreign[:10]))}"
            + (f" and {len(foreign) - 10} more." if len(foreign) > 10 else "."),
            f"rebuild onto an empty server, or name this host: -e backupdb_rebuild_onto={unnamed}",
        )
        row["problems"].append(str(occupied))


def _not_as_recorded(name: str, address: str, compared: Result) -> str:
    found = [item["message"] for item in compared.get("differences", ()) if item.get("database") == name]
    text = f"the database {name!r} exists at {address} and is not what was backed up"
    if found:
        text += ": " + "; ".join(found[:_SHOWN_DIFFERENCES])
        if len(found) > _SHOWN_DIFFERENCES:
            text += f"; {len(found) - _SHOWN_DIFFERENCES} more"
    return str(Occupied(f"{text}.", "drop it or give it another name, then run again"))


def _plan_in_words(row: Mapping[str, Any]) -> str:
    if row["problems"]:
        return "not possible"
    if row["engine"] == FILES:
        return f"restore {plural(row['files'], 'file')}" if row["todo"] else "compare"
    if row["proven"]:
        return "nothing, it is proven already"
    words = []
    if row["databases"]:
        words.append(plural(len(row["databases"]), "database"))
    if row["roles"]:
        words.append(plural(row["roles"], "role or account", "roles or accounts"))
    if row["tablespaces"]:
        words.append(plural(row["tablespaces"], "tablespace"))
    return f"restore {', '.join(words)}" if words else "compare"


def rebuild_rows(
    plan: Sequence[Mapping[str, Any]], restored: Any = None, restored_files: Any = None, proved: Any = None
) -> list[dict[str, Any]]:
    """What became of each instance in a rebuild.

    Args:
        plan: what :func:`rebuild_plan` made.
        restored, restored_files, proved: what the looped tasks registered that run ``restore``, ``files_restore`` and
            ``proof_info``.

    Returns:
        For each instance a row: instance, ok, set, snapshot_at, age, contents, size, seconds, differences, message, result.
    """
    loaded, compared = by_instance(restored, restored_files), by_instance(proved)
    rows = []
    for planned in plan:
        restore, proof = loaded.get(planned["instance"]), compared.get(planned["instance"])
        row: dict[str, Any] = {
            key: planned[key] for key in ("instance", "engine", "set", "snapshot_at", "age", "contents", "size")
        }
        row["seconds"] = round(float(planned["verify_seconds"]) + seconds(restore, proof), 3)
        row["restored"] = bool(restore and restore.get("changed"))
        row["fenced"] = (planned if proof is None else proof).get("fenced") or {}
        row["differences"] = (proof or {}).get("total", 0 if planned["proven"] else None)
        row["message"] = next((message(item) for item in (restore, proof) if item is not None and failed(item)), None)
        if planned["problems"]:
            row["message"] = planned["message"]
        elif row["message"] is None and row["differences"] is None:
            row["message"] = "it was not proven"
        elif row["message"] is None and row["differences"]:
            row["message"] = _differences_in_words(proof or {})
        row["ok"] = row["message"] is None and row["differences"] == 0
        row["held_back"] = bool(planned.get("held_back"))
        rows.append(row)
    for row in with_results(rows):
        if row["held_back"]:
            row["result"] = HELD_BACK
    return rows


def _differences_in_words(proof: Result) -> str:
    total = int(proof.get("total", 0))
    found = [item["message"] for item in proof.get("differences", ())][:_LISTED_DIFFERENCES]
    if total > len(found):
        found.append(f"{total - len(found)} more")
    return str(Differs(f"{plural(total, 'difference')} to what was backed up:", details=found))


#: What is fenced, in words: one, and several.
_FENCES = {
    "event": ("event", "events"),
    "subscription": ("subscription", "subscriptions"),
    "connections": ("database or account without connections", "databases or accounts without connections"),
}


def _fenced_in_words(fenced: Mapping[str, int]) -> str:
    return ", ".join(plural(number, *_FENCES[kind]) for kind, number in sorted(fenced.items()))


def release_rows(names: Iterable[str], released: Any) -> list[dict[str, Any]]:
    """What became of each instance in a release.

    Args:
        names: the instances.
        released: what the looped task registered that runs ``release``.

    Returns:
        For each instance a row: instance, set, released, ok, message, result.
    """
    done = by_instance(released)
    rows = []
    for name in names:
        result = done.get(name) or {"failed": True, "msg": "it was not looked at"}
        found = Counter(item["kind"] for item in result.get("released", ()))
        rows.append(
            {
                "instance": name,
                "set": (result.get("set") or {}).get("id"),
                "released": _fenced_in_words(found) or "nothing",
                "ok": not failed(result),
                "message": message(result) if failed(result) else None,
            }
        )
    return with_results(rows)


def recovery_lines(rows: Iterable[Mapping[str, Any]], elapsed: Mapping[str, Any]) -> list[str]:
    """One line for each host: where it came from, how long it took, how old the data is, and how much differs.

    Args:
        rows: what :func:`rebuild_rows` made, each with its ``host`` and ``source``.
        elapsed: seconds that each host took, without the time for which the operator was asked.
    """
    by_host: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        by_host.setdefault(str(row["host"]), []).append(row)
    lines = []
    for host, found in by_host.items():
        moments = sorted(row["snapshot_at"] for row in found if row.get("snapshot_at"))
        differences = sum(row.get("differences") or 0 for row in found)
        proven = sum(1 for row in found if row["ok"])
        text = f"{host} from {found[0]['source']}: {proven} of {plural(len(found), 'instance')} proven"
        text += f", {plural(differences, 'difference')}, recovery time {duration(elapsed.get(host, 0))}"
        if moments:
            text += f", oldest data of {moments[0]} ({age(_age(moments[0]))} old)"
        lines.append(text)
        lines += [
            f"{host}, {row['instance']}: fenced: {_fenced_in_words(row['fenced'])}; release with ansible-playbook"
            f" vya.backupdb.release --limit {host} -e backupdb_instance={row['instance']} -e backupdb_set={row['set']}"
            for row in found
            if row.get("fenced")
        ]
    return lines
