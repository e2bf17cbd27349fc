# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module ``rollback``: databases get back what they were before a restore replaced them. Private to this collection."""

from __future__ import annotations

from typing import Any

from ansible_collections.vya.backupdb.plugins.module_utils._engines.placement import RollbackRequest
from ansible_collections.vya.backupdb.plugins.module_utils._engines.registry import engine_for
from ansible_collections.vya.backupdb.plugins.module_utils._errors import UsageError
from ansible_collections.vya.backupdb.plugins.module_utils._modules._options import CONNECTION, ONE_WAY, connection_from
from ansible_collections.vya.backupdb.plugins.module_utils._modules._placement import moment
from ansible_collections.vya.backupdb.plugins.module_utils._modules._request import Request, Spec
from ansible_collections.vya.backupdb.plugins.module_utils._modules._results import lines, refuse

SPEC = Spec(
    {
        **CONNECTION,
        "databases": {"type": "list", "elements": "str", "required": True},
        "to": {"type": "str"},
        "disconnect": {"type": "bool", "default": False},
    },
    ONE_WAY,
)


def run(request: Request) -> dict[str, Any]:
    """Roll back, or say what that would do.

    Raises:
        BackupError: it is not possible, and nothing was changed; or it failed: each database is wholly what it was, or
            wholly what it was before.
    """
    params = request.params
    if not params["databases"]:
        raise UsageError("databases is empty.", "name the databases to roll back")
    wanted = RollbackRequest(
        databases=dict.fromkeys(params["databases"], params["to"]),
        stamp=moment(),
        disconnect=params["disconnect"],
    )
    with engine_for(params["engine"], connection_from(params), request.reporter) as engine:
        plan = engine.plan_rollback(wanted)
        refuse("The rollback is not possible:", plan.problems)
        result: dict[str, Any] = {
            "changed": bool(plan.steps),
            "address": plan.info.address,
            "databases": [{"name": step.name, "previous": step.previous, "kept": step.kept} for step in plan.steps],
        }
        if request.diff:
            result["diff"] = {
                "before_header": plan.info.address,
                "after_header": plan.info.address,
                "before": lines(
                    f"database {name}"
                    for step in plan.steps
                    for name in (step.name, step.previous)
                    if name != step.name or step.kept is not None
                ),
                "after": lines(
                    text
                    for step in plan.steps
                    for text in (
                        f"database {step.name} (was {step.previous})",
                        *([f"database {step.kept} (was {step.name})"] if step.kept is not None else []),
                    )
                ),
            }
        if not request.check:
            engine.rollback(wanted, plan)
        return result
