# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module ``files_archive``: one file instance, one sealed set. Private to this collection."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any

from ansible_collections.vya.backupdb.plugins.module_utils._errors import UsageError
from ansible_collections.vya.backupdb.plugins.module_utils._files.archive import (
    FilesPlan,
    FilesRequest,
    archive,
    plan_archive,
)
from ansible_collections.vya.backupdb.plugins.module_utils._files.instructions import restore_instructions
from ansible_collections.vya.backupdb.plugins.module_utils._model import Manifest, timestamp
from ansible_collections.vya.backupdb.plugins.module_utils._modules._options import (
    FILES,
    JOBS,
    PROGRESS,
    RECIPIENTS,
    REPOSITORY,
    jobs_from,
    names_from,
)
from ansible_collections.vya.backupdb.plugins.module_utils._modules._request import Request, Spec
from ansible_collections.vya.backupdb.plugins.module_utils._modules._results import (
    LIMIT,
    refuse,
    set_summary,
    stored_bytes,
)
from ansible_collections.vya.backupdb.plugins.module_utils._modules._seal import (
    describe_host,
    explaining_full_disk,
    recipients_of,
    run_id_from,
    seal,
    set_ids,
    sets_diff,
    space_problem,
    warn_of_clock,
)
from ansible_collections.vya.backupdb.plugins.module_utils._proof.model import CONTENT
from ansible_collections.vya.backupdb.plugins.module_utils._repository import Repository
from ansible_collections.vya.backupdb.plugins.module_utils._version import VERSION

SPEC = Spec(
    {
        **REPOSITORY,
        **JOBS,
        **PROGRESS,
        **RECIPIENTS,
        "paths": {"type": "list", "elements": "str", "required": True},
        "exclude": {"type": "list", "elements": "str", "default": []},
        "allow_missing": {"type": "bool", "default": False},
        "allow_unreadable": {"type": "bool", "default": False},
        "one_file_system": {"type": "bool", "default": False},
        "compression_level": {"type": "int", "default": 3},
        "run_id": {"type": "str"},
    }
)


def run(request: Request) -> dict[str, Any]:
    """Archive the files, or say what would be archived.

    Raises:
        BackupError: the backup is not possible, or failed; there is no set then.
    """
    params, reporter = request.params, request.reporter
    names_from(params)
    if not 1 <= params["compression_level"] <= 19:
        raise UsageError(f"compression_level is {params['compression_level']}.", "give a number from 1 to 19")
    recipients = recipients_of(request)
    repository = Repository(params["repository"])
    wanted = FilesRequest(
        paths=tuple(params["paths"]),
        exclude=tuple(params["exclude"]),
        allow_missing=params["allow_missing"],
        allow_unreadable=params["allow_unreadable"],
        one_file_system=params["one_file_system"],
        jobs=jobs_from(params),
        compression_level=params["compression_level"],
        repository=repository.root,
    )
    reporter.phase("plan")
    repository.check_writable()
    plan = plan_archive(wanted, exact=request.check)
    for text in plan.warnings:
        reporter.warn(text)
    problems = [*plan.problems, space_problem(repository, plan.estimated_bytes)]
    refuse("The backup is not possible:", [text for text in problems if text], "solve what is listed, then run again")
    result: dict[str, Any] = {
        "changed": True,
        "run_id": run_id_from(params),
        "estimated_bytes": plan.estimated_bytes,
        "files": plan.entries,
        "size": plan.bytes,
        "archives": [
            {"name": item.pattern, "files": item.entries, "size": item.bytes} for item in plan.patterns[:LIMIT]
        ],
        "omissions": list(plan.warnings[:LIMIT]),
    }
    before = set_ids(repository, params) if request.diff else []
    after = "the new set"
    if not request.check:
        result.update(_archive(request, repository, wanted, plan, result["run_id"], recipients))
        after = result["set"]["id"]
    if request.diff:
        result["diff"] = sets_diff(repository, params, before, after)
    return result


def _archive(
    request: Request,
    repository: Repository,
    wanted: FilesRequest,
    plan: FilesPlan,
    run_id: str,
    recipients: Sequence[str],
) -> dict[str, Any]:
    params, reporter = request.params, request.reporter
    started = datetime.now(timezone.utc)
    begun = repository.begin(params["source"], params["instance"], recipients=recipients)
    with begun as writer, explaining_full_disk(repository):
        warn_of_clock(writer, request)
        reporter.phase("archive")
        outcome = archive(wanted, plan, writer, reporter)
        for text in outcome.warnings:
            reporter.warn(text)
        reporter.phase("seal")
        reporter.phase("")
        manifest = Manifest(
            set_id=writer.set_id,
            run_id=run_id,
            source=params["source"],
            instance=params["instance"],
            engine=FILES,
            flavour=FILES,
            server_version="",
            started=timestamp(started),
            snapshot_at=timestamp(started),
            finished=timestamp(datetime.now(timezone.utc)),
            collection_version=VERSION,
            host=describe_host(),
            artefacts=writer.artefacts,
            warnings=tuple(reporter.warnings),
            omissions=tuple(outcome.omissions),
            proof_level=CONTENT,
            phases=dict(reporter.phases),
            details=outcome.details,
        )
        manifest, path = seal(writer, manifest, restore_instructions(manifest), secret=False)
    stored = stored_bytes(manifest.artefacts, "archive")
    return {
        "set": {**set_summary(manifest, path), "manifest_sha256": writer.manifest_sha256},
        "files": outcome.entries,
        "size": outcome.bytes,
        "archives": [
            {"name": item.pattern, "files": item.entries, "size": item.bytes, "stored": stored.get(item.pattern, 0)}
            for item in outcome.patterns[:LIMIT]
        ],
        "phases": dict(manifest.phases),
        "omissions": list(manifest.omissions[:LIMIT]),
    }
