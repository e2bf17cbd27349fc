# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module ``files_restore``: files from a set. Private to this collection."""

from __future__ import annotations

from typing import Any, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._files.plan import (
    FAIL,
    REPLACE,
    SKIP,
    FilesRestorePlan,
    FilesRestoreRequest,
    plan_restore,
)
from ansible_collections.vya.backupdb.plugins.module_utils._files.restore import restore
from ansible_collections.vya.backupdb.plugins.module_utils._modules._options import (
    FILES,
    JOBS,
    KEYS,
    PROGRESS,
    REPOSITORY,
    SET,
    jobs_from,
    keys_from,
    names_from,
)
from ansible_collections.vya.backupdb.plugins.module_utils._modules._request import Request, Spec
from ansible_collections.vya.backupdb.plugins.module_utils._modules._results import check_engine, lines, refuse
from ansible_collections.vya.backupdb.plugins.module_utils._repository import Repository, SetReader

SPEC = Spec(
    {
        **REPOSITORY,
        **SET,
        **KEYS,
        **JOBS,
        **PROGRESS,
        "root": {"type": "path", "default": "/"},
        "patterns": {"type": "list", "elements": "str", "default": []},
        "if_exists": {"type": "str", "choices": [FAIL, SKIP, REPLACE], "default": FAIL},
        "numeric_owner": {"type": "bool", "default": False},
    }
)


def root_from(root: str) -> Optional[str]:
    """The directory to restore under; None for the original place."""
    return None if root == "/" else root


def run(request: Request) -> dict[str, Any]:
    """Restore files, or say what would be restored.

    Raises:
        BackupError: it is not possible, and nothing was changed; or it failed on the way.
    """
    params = request.params
    names_from(params)
    repository = Repository(params["repository"], keys_from(params))
    with repository.open(params["source"], params["instance"], params["set"]) as reader:
        check_engine(reader.manifest, FILES)
        reader.unlock()
        return _restore(request, reader)


def _restore(request: Request, reader: SetReader) -> dict[str, Any]:
    params, reporter = request.params, request.reporter
    wanted = FilesRestoreRequest(
        root=root_from(params["root"]),
        patterns=tuple(params["patterns"]),
        if_exists=params["if_exists"],
        numeric_owner=params["numeric_owner"],
        jobs=jobs_from(params),
    )
    reporter.phase("plan")
    plan = plan_restore(wanted, reader)
    for text in plan.warnings:
        reporter.warn(text)
    refuse("The restore is not possible:", plan.problems)
    if plan.changes and request.check:
        reporter.phase("verify")
        _verify(reader, plan)
    elif plan.changes:
        reporter.phase("restore")
        for text in restore(wanted, plan, reader, reporter).warnings:
            reporter.warn(text)
    reporter.phase("")
    result: dict[str, Any] = {
        "changed": plan.changes,
        "set": {"id": reader.manifest.set_id, "path": reader.directory, "run_id": reader.manifest.run_id},
        "root": params["root"],
        "created": plan.create,
        "replaced": plan.replace,
        "equal": plan.equal,
        "kept": plan.skipped,
        "size": plan.bytes,
        "changes": list(plan.sample),
        "phases": dict(reporter.phases),
    }
    if request.diff:
        result["diff"] = _diff(params["root"], plan)
    return result


def _verify(reader: SetReader, plan: FilesRestorePlan) -> None:
    """What the restore itself does on the way: make sure that the archives are what the manifest says."""
    for archive in plan.archives:
        if archive.changes:
            reader.verify(reader.artefact("archive", archive.pattern))


def _diff(root: str, plan: FilesRestorePlan) -> dict[str, str]:
    rest = plan.create + plan.replace - len(plan.sample)
    more = [f"and {rest} more"] if rest > 0 else []
    return {"before_header": root, "after_header": root, "before": "", "after": lines([*plan.sample, *more])}
