# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Results of looped tasks as one row for each instance. Private to this collection.

The roles loop over the names of instances: the ``item`` of a result is a name, or a mapping with the name as ``instance``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Optional

Result = Mapping[str, Any]


def by_instance(*registered: Any) -> dict[str, Result]:
    """Name of an instance -> its result, from what looped tasks registered; later ones win.

    Tasks and items that were skipped have no result.
    """
    found: dict[str, Result] = {}
    for looped in registered:
        for result in looped.get("results", ()) if isinstance(looped, Mapping) else ():
            item = result.get("item")
            name = item.get("instance") if isinstance(item, Mapping) else item
            if name is not None and not result.get("skipped"):
                found[str(name)] = result
    return found


def failed(result: Optional[Result]) -> bool:
    """Whether a task that ran has failed."""
    return bool(result and (result.get("failed") or result.get("unreachable")))


def message(result: Result) -> str:
    """What a failed task says."""
    return str(result.get("msg") or "it failed without a message").strip()


def seconds(*results: Optional[Result]) -> float:
    """Seconds that the phases of some results took."""
    return round(sum(sum((result or {}).get("phases", {}).values()) for result in results), 3)


def plural(number: int, singular: str, several: Optional[str] = None) -> str:
    """A number with its word."""
    return f"{number} {singular if number == 1 else several or singular + 's'}"


def contents(result: Result) -> str:
    """What a backup holds, in words."""
    if "files" in result:
        return plural(int(result["files"]), "file")
    return plural(len(result.get("databases", ())), "database")


def backup_rows(
    names: Sequence[str],
    dumped: Any,
    archived: Any = None,
    verified: Any = None,
    pruned: Any = None,
    signed: Any = None,
) -> list[dict[str, Any]]:
    """What became of each instance in a backup.

    Args:
        names: the instances in order.
        dumped: what the looped task registered that runs ``dump``.
        archived: the same of ``files_archive``.
        verified: the same of ``backup_verify``.
        pruned: the same of ``prune``.
        signed: what the task registered that runs ``sign`` for all of them.

    Returns:
        For each instance a row: instance, ok, set, size, contents, seconds, verified, removed, message, result. In check
        mode there is no set.
    """
    made, checked, cleared = by_instance(dumped, archived), by_instance(verified), by_instance(pruned)
    rows = []
    for name in names:
        result, verdict = made.get(name), checked.get(name)
        row: dict[str, Any] = {
            "instance": name,
            "ok": False,
            "set": None,
            "size": None,
            "contents": None,
            "seconds": None,
            "verified": None,
            "removed": None,
            "message": None,
        }
        rows.append(row)
        if result is None:
            row["message"] = "it was not backed up"
            continue
        if failed(result):
            row["message"] = message(result)
            continue
        row.update(ok=True, contents=contents(result), seconds=seconds(result))
        if "set" in result:
            row.update(set=result["set"]["id"], size=result["set"]["size"])
        if verdict is not None:
            row["verified"] = {
                "ok": not failed(verdict),
                "level": verdict.get("level"),
                "problems": verdict.get("total", 1),
            }
        if failed(verdict):
            row.update(ok=False, message=message(verdict or {}))
        unsigned = _not_signed(signed, name)
        if unsigned:
            row.update(ok=False, message=f"backed up, but not signed: {unsigned}")
        removal = cleared.get(name)
        if removal is not None:
            row["removed"] = removal.get("removed")
        if failed(removal):
            row.update(ok=False, message=f"backed up, but old sets are not removed: {message(removal or {})}")
    return with_results(rows)


def _not_signed(signed: Any, name: str) -> Optional[str]:
    """Why the set of an instance was not signed, or None."""
    if not isinstance(signed, Mapping) or signed.get("skipped"):
        return None
    if "sets" not in signed:
        return message(signed) if failed(signed) else None
    return next((item["message"] for item in signed["sets"] if item["instance"] == name and not item["ok"]), None)


def sign_rows(signed: Any) -> list[dict[str, Any]]:
    """Sets and who has signed them.

    Args:
        signed: what the task registered that runs ``sign``.

    Returns:
        For each set a row: source, instance, set, ok, signed, keys, message, result.
    """
    return with_results([dict(item) for item in signed.get("sets", ())])


def with_results(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows with a column that says in a word whether they are ok."""
    for row in rows:
        row["result"] = "ok" if row["ok"] else "FAILED"
    return rows


def failures(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """A line for each row that is not ok: the instance and what is wrong."""
    return [f"{row['instance']}: {row.get('message') or 'failed'}" for row in rows if not row.get("ok")]


def _short(version: str) -> str:
    """A version without what a distribution adds: ``10.11.19-MariaDB-0+deb12u1``, ``15.18 (Debian 15.18-1)``."""
    return version.partition("-")[0].partition(" ")[0]


_FLAVOURS = {"postgresql": "PostgreSQL", "mysql": "MySQL", "mariadb": "MariaDB"}


def check_rows(looked: Sequence[Result]) -> list[dict[str, Any]]:
    """What a look at each instance has shown.

    Args:
        looked: what ``check_info`` returned as ``instances``.

    Returns:
        For each instance a row: instance, ok, what, address, contents, size, needs, free, message, result.
    """
    rows = []
    for item in looked:
        row: dict[str, Any] = {
            "instance": item["name"],
            "ok": bool(item["ok"]),
            "what": None,
            "address": item.get("address"),
            "contents": None,
            "size": item.get("size"),
            "needs": item.get("estimated_bytes"),
            "free": item.get("repository_free_bytes"),
            "message": item.get("message"),
        }
        if "flavour" in item:
            row["what"] = (
                f"{_FLAVOURS.get(item['flavour'], item['flavour'])} {_short(str(item.get('version', '')))}".strip()
            )
            row["contents"] = plural(int(item.get("databases", 0)), "database")
        elif "files" in item:
            row["what"] = "files"
            row["contents"] = plural(int(item["files"]), "file")
        rows.append(row)
    return with_results(rows)


def preflight_rows(answers: Any) -> list[dict[str, Any]]:
    """Whether sets could be restored.

    Args:
        answers: what a task registered that runs ``preflight_info`` in a loop over instances.

    Returns:
        For each instance a row: instance, ok, set, what, address, databases, roles, message, result.
    """
    rows = []
    for name, answer in by_instance(answers).items():
        row: dict[str, Any] = {
            "instance": name,
            "ok": not failed(answer) and bool(answer.get("ready")),
            "message": None,
        }
        if failed(answer):
            row["message"] = message(answer)
        else:
            problems = answer.get("problems", [])
            row["message"] = "\n".join(problems) or None
            row["set"] = answer["set"]["id"]
            row["address"] = answer.get("address")
            flavour = _FLAVOURS.get(answer["flavour"], answer["flavour"])
            row["what"] = f"{flavour} {_short(str(answer.get('version', '')))}"
            row["databases"] = [item["name"] for item in answer.get("databases", [])]
            row["roles"] = len(answer.get("roles", []))
        rows.append(row)
    return with_results(rows)


def set_rows(sets: Sequence[Result], verified: Any = None, wanted: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Sets as rows.

    Args:
        sets: what ``backup_info`` returned as ``sets``; a set that several hosts see in one repository may be there twice.
        verified: what a task registered that runs ``backup_verify`` in a loop over their paths.
        wanted: names of instances that must have a set.

    Returns:
        For each set a row: source, instance, ok, set, age, size, databases, run_id, verified, held, proven, signed, copies,
        seconds, message, result.
    """
    checked = by_instance(verified)
    rows: dict[tuple[str, ...], dict[str, Any]] = {}
    for item in sets:
        verdict = checked.get(str(item["path"]))
        row: dict[str, Any] = {
            "source": item["source"],
            "instance": item["instance"],
            "ok": not item.get("problem") and not failed(verdict),
            "set": item["id"],
            "age": item["age"],
            "size": item.get("size"),
            "databases": item.get("databases"),
            "run_id": item.get("run_id"),
            "verified": item.get("verified"),
            "held": item.get("held"),
            "proven": item.get("proven"),
            "signed": item.get("signed"),
            "copies": item.get("copies"),
            "seconds": (verdict or {}).get("seconds"),
            "message": item.get("problem"),
        }
        if verdict is not None:
            problems = verdict.get("total", int(failed(verdict)))
            row["verified"] = {"ok": not failed(verdict), "level": verdict.get("level"), "problems": problems}
        if failed(verdict):
            row["message"] = message(verdict or {})
        elif item.get("problem"):
            row["verified"] = {"ok": False, "problems": 1}
        rows[row["source"], row["instance"], row["set"], str(row["run_id"])] = row
    there = {row["instance"] for row in rows.values()}
    found = [rows[key] for key in sorted(rows)]
    for name in wanted:
        if name not in there:
            found.append({"instance": name, "ok": False, "message": "the repository holds no set of it"})
    return with_results(found)
