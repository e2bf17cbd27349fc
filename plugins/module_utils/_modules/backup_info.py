# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module ``backup_info``: the sets of a repository. Private to this collection."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._copies.state import copies_of
from ansible_collections.vya.backupdb.plugins.module_utils._drills import PASSED, drilled
from ansible_collections.vya.backupdb.plugins.module_utils._errors import RepositoryError, UsageError
from ansible_collections.vya.backupdb.plugins.module_utils._keys import Keys
from ansible_collections.vya.backupdb.plugins.module_utils._layout import SIGNATURE
from ansible_collections.vya.backupdb.plugins.module_utils._model import set_id_time, timestamp
from ansible_collections.vya.backupdb.plugins.module_utils._modules._options import TRUSTED
from ansible_collections.vya.backupdb.plugins.module_utils._modules._request import Request, Spec
from ansible_collections.vya.backupdb.plugins.module_utils._modules._results import LIMIT, age_seconds, set_summary
from ansible_collections.vya.backupdb.plugins.module_utils._modules.hold import described as described_hold
from ansible_collections.vya.backupdb.plugins.module_utils._repository import Listed, Repository
from ansible_collections.vya.backupdb.plugins.module_utils._set_reader import SetReader
from ansible_collections.vya.backupdb.plugins.module_utils._set_states import hold_of
from ansible_collections.vya.backupdb.plugins.module_utils._verifications import (
    READ_THROUGH,
    VERIFY_LEVELS,
    record_verification,
    verification,
    verified_at,
)
from ansible_collections.vya.backupdb.plugins.module_utils._verify import verify

_MOST_NAMES = 100
_MOST_PROBLEMS = 5
QUICK = VERIFY_LEVELS[0]

SPEC = Spec(
    {
        "repository": {"type": "path", "required": True},
        "source": {"type": "str"},
        "instance": {"type": "str"},
        "run_id": {"type": "str"},
        "newest": {"type": "int"},
        "verify": {"type": "bool", "default": False},
        "budget": {"type": "bytes"},
        "level": {"type": "str", "choices": list(VERIFY_LEVELS), "default": READ_THROUGH[0]},
        **TRUSTED,
    },
    (("budget", "newest"),),
)


def run(request: Request) -> dict[str, Any]:
    """List sets.

    Raises:
        BackupError: the repository cannot be read, or an option makes no sense.
    """
    params = request.params
    newest: Optional[int] = params["newest"]
    if newest is not None and newest < 1:
        raise UsageError(f"newest is {newest}.", "give at least 1, or leave it out for every set")
    repository = Repository(params["repository"], Keys(trusted=tuple(params["trusted_keys"])))
    run_id = params["run_id"]
    listed = repository.sets(params["source"], params["instance"], None if run_id else newest)
    found = [item for item in listed if not run_id or (item.manifest is not None and item.manifest.run_id == run_id)]
    if run_id and newest:
        found = _newest(found, newest)
    shown = found[-LIMIT:]
    if params["budget"] is not None:
        found = _due(found, params["level"], params["budget"])
        shown = found[:LIMIT]
    now = datetime.now(timezone.utc)
    sets = [{**_summary(item, now), "signed": _signed(item, params["trusted_keys"])} for item in shown]
    if params["verify"]:
        for item in sets:
            _verify(item, now, request)
    return {"changed": False, "repository": repository.root, "total": len(found), "sets": sets}


def _due(found: list[Listed], level: str, budget: int) -> list[Listed]:
    """The sets that were verified the longest ago, as many as fit into a number of bytes.

    Those that cannot even be opened are all among them. Of the others there is at least one, so that every one has its
    turn, however large it is.

    Raises:
        UsageError: the budget is none.
    """
    if budget < 1:
        raise UsageError(f"budget is {budget}.", "give a number of bytes, such as 50G")
    chosen: list[Listed] = []
    left: Optional[int] = None
    for item in sorted(found, key=lambda item: (verified_at(item.path, level) or "", item.set_id)):
        if item.manifest is None:
            chosen.append(item)
        elif left is None or item.manifest.size <= left:
            chosen.append(item)
            left = (budget if left is None else left) - item.manifest.size
        else:
            left = 0
    return chosen


def _verify(item: dict[str, Any], now: datetime, request: Request) -> None:
    """Look at the names and sizes of a set's files, and remember what was found."""
    if item["problem"]:
        return
    problems = verify(SetReader(item["path"]), QUICK, 1, request.reporter)
    at = timestamp(now)
    item["verified"] = {"level": QUICK, "at": at, "ok": not problems, "problems": len(problems)}
    if problems:
        more = f"; {len(problems) - _MOST_PROBLEMS} more" if len(problems) > _MOST_PROBLEMS else ""
        item["problem"] = "; ".join(problems[:_MOST_PROBLEMS]) + more
    if not request.check:
        try:
            record_verification(item["path"], QUICK, at, len(problems))
        except RepositoryError as error:
            request.reporter.warn(f"The result of the verification is not remembered: {error.message}")


def _newest(found: list[Listed], number: int) -> list[Listed]:
    groups: dict[tuple[str, str], list[Listed]] = {}
    for item in found:
        groups.setdefault((item.source, item.instance), []).append(item)
    return [item for group in groups.values() for item in group[-number:]]


def _summary(item: Listed, now: datetime) -> dict[str, Any]:
    manifest = item.manifest
    if manifest is None:
        began = timestamp(set_id_time(item.set_id))
        return {
            "id": item.set_id,
            "path": item.path,
            "source": item.source,
            "instance": item.instance,
            "started": began,
            "age": age_seconds(began, now),
            "problem": item.problem,
            **_facts(item.path, now),
        }
    names = [database.name for database in manifest.databases]
    if not names:
        names = [artefact.name for artefact in manifest.artefacts if artefact.kind == "archive"]
    return {
        **set_summary(manifest, item.path),
        "age": age_seconds(manifest.snapshot_at, now),
        "databases": names[:_MOST_NAMES],
        "database_count": len(manifest.databases),
        "warnings_count": len(manifest.warnings),
        "omissions_count": len(manifest.omissions),
        "problem": None,
        **_facts(item.path, now),
    }


def _signed(item: Listed, trusted: Sequence[str]) -> str:
    if trusted:
        return "no" if item.manifest is None else "yes"
    return "unchecked" if os.path.lexists(os.path.join(item.path, SIGNATURE)) else "no"


def _facts(path: str, now: datetime) -> dict[str, Any]:
    """What is known of a set beside it."""
    hold, drill = hold_of(path), drilled(path)
    return {
        "verified": verification(path),
        "copies": list(copies_of(path)),
        "held": described_hold(hold) if hold is not None and hold.holds(now) else None,
        "proven": None
        if drill is None
        else {"at": drill.at, "ok": drill.verdict == PASSED, "proven_at": drill.proven_at},
    }
