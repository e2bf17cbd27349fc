# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a drill has shown, as a record for the ledger and as a row for people. Private to this collection."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._model import parse_timestamp, timestamp
from ansible_collections.vya.backupdb.plugins.module_utils._version import VERSION
from ansible_collections.vya.backupdb.plugins.plugin_utils._rows import Result, failed, message, plural, seconds
from ansible_collections.vya.backupdb.plugins.plugin_utils._text import age, duration

PASSED, FAILED = "passed", "failed"
_UNITS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 604800}
_PART = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(min|[smhdw])")
_LONGEST_REASON = 2000
_SHOWN_DIFFERENCES = 20
#: A throw-away server has the places that it needs for recorded tablespaces, and nothing more of them.
_NOT_COMPARED = "tablespace"
#: Steps in their order, with what their failure is called.
_STEPS = (
    ("verified", "the set could not be verified"),
    ("scratch", "no throw-away server could be started"),
    ("restored", "the set could not be restored"),
    ("restored_files", "the set could not be restored"),
    ("proved", "the comparison failed"),
    ("checked", "the assertions could not be checked"),
    ("removed", "the throw-away server could not be removed"),
)


def span(value: Any) -> Optional[int]:
    """Seconds of a span of time: a number, or a text such as ``90m``, ``1h`` or ``1d 12h``.

    Returns:
        None for nothing.

    Raises:
        ValueError: it is none.
    """
    if value is None or value == "":
        return None
    text = str(value).strip()
    if not isinstance(value, bool) and re.fullmatch(r"\d+(\.\d+)?", text):
        found = float(text)
    else:
        parts = _PART.findall(text)
        if not parts or _PART.sub("", text).strip():
            raise ValueError(f"{value!r} is no span of time")
        found = sum(float(number) * _UNITS[unit] for number, unit in parts)
    if found < 1:
        raise ValueError(f"{value!r} is less than a second")
    return int(found)


def drill_problems(instances: Sequence[Mapping[str, Any]]) -> list[str]:
    """What is wrong with the key ``drill`` of some instances, each a sentence with its remedy."""
    problems = []
    for instance in instances:
        wanted = instance.get("drill") or {}
        for name in ("rto", "rpo"):
            try:
                span(wanted.get(name))
            except ValueError as error:
                problems.append(
                    f"{instance['name']}: drill.{name}: {error}. What to do: give seconds, or a text such as 90m, 1h or 1d 12h"
                )
        if wanted.get("assertions") and instance["engine"] == "files":
            problems.append(f"{instance['name']}: files answer no SQL. What to do: leave out drill.assertions")
    return problems


def drill_record(
    instance: Mapping[str, Any],
    steps: Mapping[str, Any],
    source: str,
    host: str,
    named: bool = False,
) -> dict[str, Any]:
    """What a drill of an instance has shown.

    Args:
        instance: as in the inventory.
        steps: results of the tasks: verified, scratch, restored, restored_files, proved, checked, removed; those that did
            not run are missing, empty, or skipped.
        source: the host that the instance is of.
        host: where it was rebuilt.
        named: whether a set was asked for by name; how old it is says nothing about backups then.

    Returns:
        The record: see docs/drills.md.
    """
    done = {name: _result(steps.get(name)) for name, _text in _STEPS}
    found: Mapping[str, Any] = (done["verified"] or {}).get("set") or (done["scratch"] or {}).get("set") or {}
    objectives = {name: span((instance.get("drill") or {}).get(name)) for name in ("rto", "rpo")}
    snapshot_at = found.get("snapshot_at")
    now = datetime.now(timezone.utc)
    proved = done["proved"] if done["proved"] and not failed(done["proved"]) else None
    differences, shown = _differences(proved)
    phases = {
        "verify": float((done["verified"] or {}).get("seconds", 0.0)),
        "start": seconds(done["scratch"]),
        "restore": seconds(done["restored"], done["restored_files"]),
        "prove": seconds(done["proved"]),
        "check": seconds(done["checked"]),
        "remove": seconds(done["removed"]),
    }
    record: dict[str, Any] = {
        "at": timestamp(now),
        "source": source,
        "instance": instance["name"],
        "engine": instance["engine"],
        "drill_host": host,
        "set": found.get("id"),
        "run_id": found.get("run_id"),
        "snapshot_at": snapshot_at,
        "age_seconds": max(0, int((now - parse_timestamp(snapshot_at)).total_seconds())) if snapshot_at else None,
        "versions": {
            "set": found.get("version") or (done["scratch"] or {}).get("version"),
            "server": (done["scratch"] or {}).get("server_version"),
            "written_by": found.get("collection_version"),
            "collection": VERSION,
        },
        "phases": phases,
        "recovery_seconds": None,
        "objectives": objectives,
        "compared": (proved or {}).get("compared"),
        "proof_level": (proved or {}).get("level"),
        "differences": differences,
        "assertions": {
            "total": len((instance.get("drill") or {}).get("assertions") or ()),
            "checked": len((done["checked"] or {}).get("checks", ())),
            "failed": list((done["checked"] or {}).get("failed_checks", ())),
        },
    }
    if proved is not None:
        record["recovery_seconds"] = round(sum(phases[name] for name in ("verify", "start", "restore", "prove")), 3)
    reasons = _failures(done, shown, differences) + _missed(record, named)
    record["proven"] = _proven(done, differences)
    record["verdict"] = FAILED if reasons else PASSED
    record["reasons"] = [reason[:_LONGEST_REASON] for reason in reasons]
    return record


def _result(registered: Any) -> Optional[Result]:
    """The result of a task that ran."""
    return registered if isinstance(registered, Mapping) and registered and not registered.get("skipped") else None


def _differences(proved: Optional[Result]) -> tuple[Optional[int], list[str]]:
    if proved is None:
        return None, []
    listed = list(proved.get("differences", ()))
    counted = [
        item for item in listed if item.get("kind") != _NOT_COMPARED or item.get("what") in ("missing", "unexpected")
    ]
    return int(proved.get("total", 0)) - (len(listed) - len(counted)), [str(item["message"]) for item in counted]


def _proven(done: Mapping[str, Optional[Result]], differences: Optional[int]) -> Optional[bool]:
    """Whether the set can be rebuilt equal; None if the drill did not find out, for example for want of a program."""
    if differences is not None:
        return differences == 0
    verified = done["verified"]
    return False if failed(verified) and (verified or {}).get("problems") else None


def _failures(done: Mapping[str, Optional[Result]], shown: Sequence[str], differences: Optional[int]) -> list[str]:
    reasons = []
    for name, text in _STEPS:
        result = done[name]
        if result is not None and failed(result):
            checks = [check for check in result.get("checks", ()) if not check.get("ok")]
            if checks:
                reasons += [f"the assertion {check['name']!r} does not hold: {check['message']}" for check in checks]
            else:
                reasons.append(f"{text}: {message(result)}")
        if name == "proved" and differences:
            listed = list(shown[:_SHOWN_DIFFERENCES])
            if differences > len(listed):
                listed.append(f"{differences - len(listed)} more")
            reasons.append(f"{plural(differences, 'difference')} to what was backed up: {'; '.join(listed)}")
    if differences is None and not reasons:
        reasons.append("it was not proven")
    return reasons


def _missed(record: Mapping[str, Any], named: bool) -> list[str]:
    """Objectives that were missed; what was not measured is not judged."""
    reasons = []
    rto, rpo = record["objectives"]["rto"], record["objectives"]["rpo"]
    took, old = record["recovery_seconds"], record["age_seconds"]
    if rto is not None and took is not None and took > rto:
        reasons.append(f"the objective rto is missed: the recovery took {duration(took)}, {duration(rto)} are allowed")
    if rpo is not None and old is not None and old > rpo and not named:
        reasons.append(f"the objective rpo is missed: the data is {age(old)} old, {age(rpo)} are allowed")
    return reasons


def drill_row(record: Mapping[str, Any], ledgered: Any = None, noted: Any = None) -> dict[str, Any]:
    """A record as a row of a table.

    Args:
        record: of :func:`drill_record`.
        ledgered, noted: results of the tasks that have recorded it.

    Returns:
        instance, ok, set, age, seconds, differences, checks, line, message, result.
    """
    reasons = list(record["reasons"])
    for registered, text in ((ledgered, "the result is not in the ledger"), (noted, "the set does not say it")):
        if isinstance(registered, Mapping) and failed(registered):
            reasons.append(f"{text}: {message(registered)}")
    assertions = record["assertions"]
    right = int(assertions["checked"]) - len(assertions["failed"])
    return {
        "instance": record["instance"],
        "source": record["source"],
        "ok": not reasons,
        "set": record["set"],
        "age": record["age_seconds"],
        "seconds": record["recovery_seconds"],
        "differences": record["differences"],
        "checks": f"{right} of {assertions['total']}" if assertions["total"] else None,
        "line": (ledgered or {}).get("number"),
        "phases": dict(record["phases"]),
        "message": "\n  ".join(reasons) or None,
        "result": FAILED.upper() if reasons else PASSED,
    }


def drill_plan_row(instance: Mapping[str, Any], steps: Mapping[str, Any]) -> dict[str, Any]:
    """What check mode has found out about a drill, as a row of the same table."""
    done = {name: _result(steps.get(name)) for name in ("verified", "scratch")}
    reasons = [f"{text}: {message(done[name] or {})}" for name, text in _STEPS[:2] if failed(done[name])]
    found: Mapping[str, Any] = (done["verified"] or {}).get("set") or {}
    return {
        "instance": instance["name"],
        "ok": not reasons,
        "set": found.get("id"),
        "message": "\n  ".join(reasons) or None,
        "result": "not possible" if reasons else "possible",
    }


def ledger_rows(entries: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Lines of the ledger as rows of a table.

    Args:
        entries: what ``ledger_info`` returned under that name.
    """
    rows = []
    for entry in entries:
        record = entry["record"]
        reasons = record.get("reasons") or []
        rows.append(
            {
                "number": entry["number"],
                "at": record.get("at"),
                "source": record.get("source"),
                "instance": record.get("instance"),
                "set": record.get("set"),
                "age": record.get("age_seconds"),
                "seconds": record.get("recovery_seconds"),
                "differences": record.get("differences"),
                "verdict": str(record.get("verdict", "-")).upper() if reasons else record.get("verdict"),
                "why": reasons[0] if reasons else None,
                "signed": bool(entry.get("signed_by")),
            }
        )
    return rows
