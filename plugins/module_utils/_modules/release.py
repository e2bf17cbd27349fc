# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module ``release``: what a rebuild has left off is turned on, as it was recorded. Private to this collection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ansible_collections.vya.backupdb.plugins.module_utils._engines.proven import recorded_proof
from ansible_collections.vya.backupdb.plugins.module_utils._engines.registry import engine_for
from ansible_collections.vya.backupdb.plugins.module_utils._modules._options import (
    CONNECTION,
    KEYS,
    ONE_WAY,
    PROGRESS,
    REPOSITORY,
    connection_from,
    keys_from,
    names_from,
)
from ansible_collections.vya.backupdb.plugins.module_utils._modules._placement import new_names
from ansible_collections.vya.backupdb.plugins.module_utils._modules._request import Request, Spec
from ansible_collections.vya.backupdb.plugins.module_utils._modules._results import LIMIT, check_engine, lines, refuse
from ansible_collections.vya.backupdb.plugins.module_utils._modules.restore import FENCES, targets
from ansible_collections.vya.backupdb.plugins.module_utils._proof.fence import SUBSCRIPTION, Fence, recorded_as_on
from ansible_collections.vya.backupdb.plugins.module_utils._repository import Repository

_KINDS = {"subscriptions": SUBSCRIPTION, **FENCES}

SPEC = Spec(
    {
        **CONNECTION,
        **REPOSITORY,
        "set": {"type": "str", "required": True},
        **KEYS,
        **PROGRESS,
        "databases": {"type": "list", "elements": "str", "default": ["*"]},
        "rename": {"type": "dict", "default": {}},
        "kinds": {"type": "list", "elements": "str", "choices": sorted(_KINDS), "default": sorted(_KINDS)},
    },
    ONE_WAY,
)


def run(request: Request) -> dict[str, Any]:
    """Turn on what waits, or say what that would be.

    Raises:
        BackupError: the set or the server cannot be read, something cannot be turned on, or the server refused.
    """
    params = request.params
    names_from(params)
    repository = Repository(params["repository"], keys_from(params))
    with repository.open(params["source"], params["instance"], params["set"]) as reader:
        check_engine(reader.manifest, params["engine"])
        reader.unlock()
        pairs = new_names(targets(reader, params["databases"]), params["rename"])
        recorded = recorded_as_on(recorded_proof(reader), pairs, [_KINDS[name] for name in params["kinds"]])
        set_id = reader.manifest.set_id
    with engine_for(params["engine"], connection_from(params), request.reporter) as engine:
        plan = engine.plan_release(recorded)
        for text in plan.warnings:
            request.reporter.warn(text)
        if plan.missing:
            request.reporter.warn(
                f"What the set {set_id} says was on is not there: {', '.join(map(str, plan.missing[:20]))}."
            )
        refuse("The release is not possible:", plan.problems)
        result: dict[str, Any] = {
            "changed": bool(plan.waiting),
            "set": {"id": set_id},
            "address": plan.info.address,
            "released": _rows(plan.waiting),
            "missing": _rows(plan.missing),
        }
        if request.diff:
            result["diff"] = {
                "before_header": plan.info.address,
                "after_header": plan.info.address,
                "before": lines(f"{item}: off" for item in plan.waiting),
                "after": lines(f"{item}: {'on' if item.value is None else item.value}" for item in plan.waiting),
            }
        if plan.waiting and not request.check:
            engine.release(plan.waiting)
        return result


def _rows(items: Sequence[Fence]) -> list[dict[str, Any]]:
    return [{"kind": item.kind, "name": item.name, "database": item.database} for item in items[:LIMIT]]
