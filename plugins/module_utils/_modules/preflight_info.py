# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module ``preflight_info``: could a set, or a dump, be restored to a server? Private to this collection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.vya.backupdb.plugins.module_utils._engines.registry import engine_for
from ansible_collections.vya.backupdb.plugins.module_utils._errors import Impossible
from ansible_collections.vya.backupdb.plugins.module_utils._modules import _load, restore
from ansible_collections.vya.backupdb.plugins.module_utils._modules._options import connection_from
from ansible_collections.vya.backupdb.plugins.module_utils._modules._placement import (
    difference,
    included,
    part_from,
    planned,
)
from ansible_collections.vya.backupdb.plugins.module_utils._modules._request import FailedResult, Request, Spec
from ansible_collections.vya.backupdb.plugins.module_utils._modules._results import LIMIT
from ansible_collections.vya.backupdb.plugins.module_utils._set_reader import SetReader

_ONLY_OF_RESTORE = ("progress_file", "on_error", "keep_failed", "analyze", "jobs", "fence")

SPEC = Spec(
    {
        **{name: option for name, option in restore.SPEC.options.items() if name not in _ONLY_OF_RESTORE},
        "fail_on_problems": {"type": "bool", "default": False},
    },
    tuple(names for names in restore.SPEC.mutually_exclusive if not set(names).intersection(_ONLY_OF_RESTORE)),
)


def run(request: Request) -> dict[str, Any]:
    """Plan a restore.

    Raises:
        BackupError: it cannot be planned, or it is not possible and the caller wants to fail on that.
    """
    defaults = {name: restore.SPEC.options[name].get("default") for name in _ONLY_OF_RESTORE}
    asked = Request({**defaults, **request.params}, check=True, diff=True, reporter=request.reporter)
    part_from(asked.params)
    if request.params["src"] is not None:
        return _dump(request, asked)
    with restore.opened(asked.params) as reader:
        return _set(request, asked, reader)


def _set(request: Request, asked: Request, reader: SetReader) -> dict[str, Any]:
    wanted = restore.prepare(asked, reader)
    with engine_for(request.params["engine"], connection_from(request.params), request.reporter) as engine:
        plan = engine.plan_restore(wanted, reader)
    what: dict[str, Any] = {"set": restore.described(reader)}
    if not wanted.part.whole:
        what["included"] = included(plan.included, plan.databases)
    what["tablespaces"] = list(plan.tablespaces[:LIMIT])
    return _result(request, what, plan.databases, plan.problems, plan)


def _dump(request: Request, asked: Request) -> dict[str, Any]:
    prepared = _load.prepare(asked)
    with engine_for(request.params["engine"], connection_from(request.params), request.reporter) as engine:
        plan = engine.plan_load(prepared.request)
    problems = [*prepared.problems, *plan.problems]
    databases = _load.chosen(plan)
    what: dict[str, Any] = {"dump": prepared.description}
    if not prepared.request.part.whole:
        what["included"] = included(plan.included, databases)
    return _result(request, what, databases, problems, plan)


def _result(
    request: Request, what: Mapping[str, Any], databases: Mapping[str, str], problems: Sequence[str], plan: Any
) -> dict[str, Any]:
    result = {
        **what,
        "changed": False,
        "ready": not problems,
        "problems": list(problems[:LIMIT]),
        "plan_warnings": list(plan.warnings[:LIMIT]),
        "address": plan.info.address,
        "flavour": plan.info.flavour,
        "version": plan.info.version,
        "databases": planned(databases, plan.replaced),
        "kept": sorted(plan.skipped)[:LIMIT],
        "roles": list(plan.roles[:LIMIT]),
    }
    if request.diff:
        result["diff"] = difference(plan.info.address, databases, plan.replaced, plan.skipped, plan.roles)
    if problems and request.params["fail_on_problems"]:
        raise FailedResult(Impossible("The restore is not possible:", "solve what is listed", problems), result)
    return result
