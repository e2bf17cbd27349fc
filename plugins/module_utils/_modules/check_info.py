# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module ``check_info``: whether all instances of a host can be backed up. Private to this collection.

One task of Ansible costs as much as a look at a server: all instances are looked at in one, several at a time.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ansible_collections.vya.backupdb.plugins.module_utils._errors import (
    BackupError,
    Impossible,
    Interrupted,
    UsageError,
)
from ansible_collections.vya.backupdb.plugins.module_utils._modules import files_archive, instance_info
from ansible_collections.vya.backupdb.plugins.module_utils._modules._options import CONNECTION, ENGINES, JOBS, jobs_from
from ansible_collections.vya.backupdb.plugins.module_utils._modules._request import FailedResult, Options, Request, Spec
from ansible_collections.vya.backupdb.plugins.module_utils._progress import Reporter

FILES = files_archive.FILES

_CHOICES: Options = {
    name: {**option, "default": None}
    for options, names in (
        (instance_info.SPEC.options, ("databases", "exclude_databases")),
        (files_archive.SPEC.options, ("exclude", "allow_missing", "allow_unreadable", "one_file_system")),
    )
    for name, option in options.items()
    if name in names
}

INSTANCE: Options = {
    **CONNECTION,
    "name": {"type": "str", "required": True},
    "engine": {"type": "str", "required": True, "choices": [*ENGINES, FILES]},
    **{name: {key: value for key, value in option.items() if key != "default"} for name, option in _CHOICES.items()},
    "paths": {"type": "list", "elements": "str"},
}

SPEC = Spec(
    {
        **JOBS,
        "repository": {"type": "path", "required": True},
        "instances": {
            "type": "list",
            "elements": "dict",
            "required": True,
            "options": {name: dict(option) for name, option in INSTANCE.items()},
        },
        "fail_on_problems": {"type": "bool", "default": False},
    }
)


def run(request: Request) -> dict[str, Any]:
    """Look at every instance.

    Raises:
        BackupError: an option makes no sense; or an instance cannot be backed up, and the caller wants to fail on that.
    """
    instances = request.params["instances"]
    names = [instance["name"] for instance in instances]
    if len(set(names)) < len(names):
        raise UsageError(
            f"Two instances have the same name: {', '.join(sorted(names))}.", "give each a name of its own"
        )
    with ThreadPoolExecutor(jobs_from(request.params) * 2) as pool:
        looked = list(pool.map(lambda instance: _look(request, instance), instances))
    problems = [f"{item['name']}: {item['message']}" for item in looked if not item["ok"]]
    result = {"changed": False, "ok": not problems, "instances": looked}
    if problems and request.params["fail_on_problems"]:
        raise FailedResult(Impossible("Not every instance can be backed up:", "solve what is listed", problems), result)
    return result


def _look(request: Request, instance: Mapping[str, Any]) -> dict[str, Any]:
    """One instance as a result; what is wrong with it is in its message."""
    files = instance["engine"] == FILES
    module = files_archive if files else instance_info
    own: dict[str, Any] = {"repository": request.params["repository"]}
    own.update({"source": "check", "instance": instance["name"]} if files else {"fail_on_problems": True})
    params = {name: option.get("default") for name, option in module.SPEC.options.items()}
    params.update({name: value for name, value in instance.items() if name in params and value is not None})
    params.update(own)
    reporter = Reporter()
    found: Mapping[str, Any]
    text = None
    try:
        if files and not params["paths"]:
            raise UsageError("paths is empty.", "name the files to back up")
        found = module.run(Request(params, check=True, reporter=reporter))
    except Interrupted:
        raise
    except BackupError as error:
        found = error.result if isinstance(error, FailedResult) else {}
        text = str(error)
    for warning in reporter.warnings:
        request.reporter.warn(f"{instance['name']}: {warning}")
    kept = ("flavour", "version", "address", "user", "size", "estimated_bytes", "repository_free_bytes", "files")
    result = {name: found[name] for name in kept if name in found}
    if "selected" in found:
        result["databases"] = len(found["selected"])
    return {"name": instance["name"], "engine": instance["engine"], "ok": text is None, "message": text, **result}
