# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module ``instance_info``: what a server is, and whether it can be backed up. Private to this collection."""

from __future__ import annotations

from typing import Any

from ansible_collections.vya.backupdb.plugins.module_utils._engines.base import BackupRequest
from ansible_collections.vya.backupdb.plugins.module_utils._engines.registry import engine_for
from ansible_collections.vya.backupdb.plugins.module_utils._errors import Impossible, RepositoryError
from ansible_collections.vya.backupdb.plugins.module_utils._modules._options import (
    CONNECTION,
    ONE_WAY,
    connection_from,
    jobs_from,
)
from ansible_collections.vya.backupdb.plugins.module_utils._modules._request import FailedResult, Request, Spec
from ansible_collections.vya.backupdb.plugins.module_utils._modules._results import LIMIT
from ansible_collections.vya.backupdb.plugins.module_utils._modules._seal import space_problem
from ansible_collections.vya.backupdb.plugins.module_utils._repository import Repository

SPEC = Spec(
    {
        **CONNECTION,
        "repository": {"type": "path"},
        "databases": {"type": "list", "elements": "str", "default": ["*"]},
        "exclude_databases": {"type": "list", "elements": "str", "default": []},
        "fail_on_problems": {"type": "bool", "default": False},
    },
    ONE_WAY,
)


def run(request: Request) -> dict[str, Any]:
    """Look at the server, and plan a backup of it.

    Raises:
        BackupError: it cannot be reached; or there are problems, and the caller wants to fail on them.
    """
    params = request.params
    # With the jobs that a backup has by default: several databases at a time need more room.
    wanted = BackupRequest(tuple(params["databases"]), tuple(params["exclude_databases"]), jobs_from({"jobs": None}))
    with engine_for(params["engine"], connection_from(params), request.reporter) as engine:
        plan = engine.plan_backup(wanted)
    info = plan.info
    for text in plan.warnings:
        request.reporter.warn(text)
    problems = list(plan.problems)
    result: dict[str, Any] = {
        "changed": False,
        "engine": info.engine,
        "flavour": info.flavour,
        "version": info.version,
        "version_number": list(info.version_number),
        "address": info.address,
        "user": info.user,
        "databases": [{"name": item.name, "size": item.size} for item in info.databases[:LIMIT]],
        "selected": [item.name for item in plan.databases[:LIMIT]],
        "size": sum(item.size for item in info.databases),
        "tools": dict(info.tools),
        "missing_privileges": list(info.missing_privileges),
        "estimated_bytes": plan.estimated_bytes,
    }
    if params["repository"]:
        repository = Repository(params["repository"])
        result["repository_free_bytes"] = repository.free_bytes()
        try:
            repository.check_writable()
        except RepositoryError as error:
            problems.append(str(error))
        problems += filter(None, [space_problem(repository, plan.estimated_bytes)])
    result["problems"] = problems
    if problems and params["fail_on_problems"]:
        raise FailedResult(Impossible("A backup is not possible:", "solve what is listed", problems), result)
    return result
