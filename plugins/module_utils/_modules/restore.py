# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module ``restore``: databases and roles from a set. Private to this collection."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ansible_collections.vya.backupdb.plugins.module_utils._engines.base import (
    FAIL,
    SKIP,
    RestorePlan,
    RestoreRequest,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines.registry import engine_for
from ansible_collections.vya.backupdb.plugins.module_utils._errors import UsageError
from ansible_collections.vya.backupdb.plugins.module_utils._modules._options import (
    CONNECTION,
    JOBS,
    ONE_WAY,
    PROGRESS,
    REPOSITORY,
    SET,
    connection_from,
    jobs_from,
    names_from,
)
from ansible_collections.vya.backupdb.plugins.module_utils._modules._request import Request, Spec
from ansible_collections.vya.backupdb.plugins.module_utils._modules._results import LIMIT, check_engine, lines, refuse
from ansible_collections.vya.backupdb.plugins.module_utils._repository import Repository
from ansible_collections.vya.backupdb.plugins.module_utils._set_reader import SetReader

ALL = "all"
NONE = "none"

SPEC = Spec(
    {
        **CONNECTION,
        **REPOSITORY,
        **SET,
        **JOBS,
        **PROGRESS,
        "databases": {"type": "list", "elements": "str", "default": ["*"]},
        "rename": {"type": "dict", "default": {}},
        "roles": {"type": "str", "choices": [ALL, NONE], "default": ALL},
        "if_exists": {"type": "str", "choices": [FAIL, SKIP], "default": FAIL},
        "analyze": {"type": "bool", "default": True},
    },
    ONE_WAY,
)


def run(request: Request) -> dict[str, Any]:
    """Restore, or say what a restore would do.

    Raises:
        BackupError: it is not possible, and nothing was changed; or it failed, and no database has a final name that
            is not complete.
    """
    params = request.params
    names_from(params)
    reader = Repository(params["repository"]).open(params["source"], params["instance"], params["set"])
    check_engine(reader.manifest, params["engine"])
    wanted = RestoreRequest(
        databases=targets(reader, params["databases"], params["rename"]),
        roles=params["roles"],
        if_exists=params["if_exists"],
        jobs=jobs_from(params),
        analyze=params["analyze"],
    )
    request.reporter.phase("plan")
    for kind in ("roles", "settings"):
        # The plan is made from them.
        reader.verify(reader.artefact(kind))
    with engine_for(params["engine"], connection_from(params), request.reporter) as engine:
        plan = engine.plan_restore(wanted, reader)
        for text in plan.warnings:
            request.reporter.warn(text)
        refuse("The restore is not possible:", plan.problems)
        if plan.changes:
            request.reporter.phase("verify")
            verify_artefacts(reader, plan, wanted)
        result: dict[str, Any] = {
            "changed": plan.changes,
            "set": {"id": reader.manifest.set_id, "path": reader.directory, "run_id": reader.manifest.run_id},
            "address": plan.info.address,
            "databases": [{"recorded": old, "name": new} for old, new in sorted(plan.databases.items())][:LIMIT],
            "kept": sorted(plan.skipped)[:LIMIT],
            "roles": list(plan.roles[:LIMIT]),
        }
        if request.diff:
            result["diff"] = _diff(plan)
        if plan.changes and not request.check:
            outcome = engine.restore(wanted, plan, reader)
            request.reporter.phase("")
            result["databases"] = [
                {"recorded": item.recorded, "name": item.name, "seconds": round(item.seconds, 3)}
                for item in outcome.databases[:LIMIT]
            ]
            result["roles"] = list(outcome.roles[:LIMIT])
        result["phases"] = dict(request.reporter.phases)
        return result


def targets(reader: SetReader, patterns: Sequence[str], rename: Mapping[str, Any]) -> dict[str, str]:
    """Recorded name -> name to restore under, for the databases that some patterns select.

    Raises:
        UsageError: a pattern matches nothing, a rename names a database that is not selected, or two databases would
            get the same name.
    """
    there = [item.name for item in reader.manifest.databases]
    chosen = select(there, patterns, f"the set {reader.manifest.set_id}")
    wrong = sorted(name for name in rename if name not in chosen)
    if wrong:
        raise UsageError(
            f"rename names databases that are not selected: {', '.join(map(repr, wrong))}.",
            "name databases of the set that the option databases selects",
        )
    result = {name: str(rename.get(name, name)) for name in chosen}
    empty = [name for name, target in result.items() if not target]
    if empty:
        raise UsageError(f"rename gives {empty[0]!r} an empty name.", "give it a name")
    for target in result.values():
        sources = [name for name in result if result[name] == target]
        if len(sources) > 1:
            raise UsageError(
                f"{' and '.join(map(repr, sources))} would both be restored as {target!r}.",
                "give each database a name of its own",
            )
    return result


def select(names: Sequence[str], patterns: Sequence[str], where: str) -> list[str]:
    """The names that some names or shell patterns select, in the order of the names.

    Raises:
        UsageError: a pattern matches nothing. ``*`` may.
    """
    chosen = set()
    for pattern in patterns:
        found = [name for name in names if name == pattern or fnmatch.fnmatchcase(name, pattern)]
        if not found and pattern != "*":
            some = ", ".join(map(repr, names[:20])) + (", …" if len(names) > 20 else "")
            raise UsageError(
                f"{pattern!r} matches no database of {where}.",
                f"choose among {some}" if names else "check that it holds databases at all",
            )
        chosen.update(found)
    return [name for name in names if name in chosen]


def verify_artefacts(reader: SetReader, plan: RestorePlan, wanted: RestoreRequest) -> None:
    """Make sure that everything that the restore reads is what the manifest says.

    Raises:
        DamagedSet: something is not.
    """
    parts = [reader.artefact("database", name) for name in plan.databases]
    with ThreadPoolExecutor(wanted.jobs) as pool:
        for _result in pool.map(reader.verify, parts):
            pass


def _diff(plan: RestorePlan) -> dict[str, str]:
    made = [f"database {new}" + (f" (from {old})" if old != new else "") for old, new in sorted(plan.databases.items())]
    kept = [f"database {name}" for name in sorted(plan.skipped)]
    return {
        "before_header": plan.info.address,
        "after_header": plan.info.address,
        "before": lines(kept),
        "after": lines([*kept, *plan.roles, *made]),
    }
