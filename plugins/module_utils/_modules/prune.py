# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module ``prune``: removes the sets of an instance that no rule keeps. Private to this collection."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timezone
from typing import Any

from ansible_collections.vya.backupdb.plugins.module_utils._errors import Incomplete
from ansible_collections.vya.backupdb.plugins.module_utils._keys import Keys
from ansible_collections.vya.backupdb.plugins.module_utils._modules._options import (
    PROGRESS,
    REPOSITORY,
    TRUSTED,
    names_from,
)
from ansible_collections.vya.backupdb.plugins.module_utils._modules._policy import RETENTION, described, retention_from
from ansible_collections.vya.backupdb.plugins.module_utils._modules._request import FailedResult, Request, Spec
from ansible_collections.vya.backupdb.plugins.module_utils._modules._results import LIMIT, lines
from ansible_collections.vya.backupdb.plugins.module_utils._pruning import Asked, Pruned, dry_run, prune
from ansible_collections.vya.backupdb.plugins.module_utils._repository import Repository
from ansible_collections.vya.backupdb.plugins.module_utils._retention import NOT_OURS, NOTHING_COUNTS

SPEC = Spec({**REPOSITORY, **RETENTION, **TRUSTED, **PROGRESS})


def run(request: Request) -> dict[str, Any]:
    """Remove what no rule keeps, or say what would be removed.

    Raises:
        BackupError: the retention makes no sense, a backup of the instance is running, or something could not be removed.
    """
    params = request.params
    names_from(params)
    policy, zone = retention_from(params["retention"])
    repository = Repository(params["repository"], Keys(trusted=tuple(params["trusted_keys"])))
    asked = Asked(params["source"], params["instance"], policy, datetime.now(timezone.utc), zone)
    pruned = dry_run(repository, asked) if request.check else prune(repository, asked, request.reporter)
    _warn(pruned, request, policy.counts)
    result = _result(pruned, request, repository.instance_directory(params["source"], params["instance"]))
    if pruned.errors:
        raise FailedResult(
            Incomplete(
                f"{len(pruned.errors)} sets of {params['instance']!r} of {params['source']!r} could not be removed:",
                "see to what is named; the next prune tries again",
                pruned.errors[:50],
            ),
            result,
        )
    return result


def _warn(pruned: Pruned, request: Request, counts: str) -> None:
    rules = {rule for decision in pruned.decisions for rule in decision.rules}
    instance = request.params["instance"]
    if NOTHING_COUNTS in rules:
        request.reporter.warn(
            f"Nothing of {instance!r} is removed: none of its sets counts as {counts}. What to do: "
            + (
                "verify its sets with the level checksum or deep"
                if counts == "verified"
                else f"see why none is {counts}"
            )
        )
    if NOT_OURS in rules:
        number = sum(NOT_OURS in decision.rules for decision in pruned.decisions)
        request.reporter.warn(
            f"{number} of the sets of {instance!r} are left alone, since they are not surely ours; the reasons say why."
        )


def _result(pruned: Pruned, request: Request, directory: str) -> dict[str, Any]:
    ids = [decision.candidate.set_id for decision in reversed(pruned.decisions)]
    gone = set(pruned.removed)
    result: dict[str, Any] = {
        "changed": bool(pruned.removed or pruned.swept),
        "retention": {name: value for name, value in request.params["retention"].items() if value is not None},
        "total": len(pruned.decisions),
        "kept": sum(decision.keep for decision in pruned.decisions),
        "kept_by": dict(Counter(rule for decision in pruned.decisions for rule in decision.rules)),
        "expired": sum(not decision.keep for decision in pruned.decisions),
        "removed": len(pruned.removed),
        "freed": pruned.freed,
        "swept": len(pruned.swept),
        "errors": pruned.errors[:LIMIT],
        "sets": [described(decision) for decision in pruned.decisions[:LIMIT]],
    }
    if request.diff:
        result["diff"] = {
            "before_header": directory,
            "after_header": directory,
            "before": lines(ids),
            "after": lines(set_id for set_id in ids if set_id not in gone),
        }
    return result
