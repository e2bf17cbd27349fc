# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module ``dump``: one database server, one sealed set. Private to this collection."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any

from ansible_collections.vya.backupdb.plugins.module_utils._codec import SUFFIX, write_bytes, write_json
from ansible_collections.vya.backupdb.plugins.module_utils._engines.base import (
    BackupOutcome,
    BackupPlan,
    BackupRequest,
    Engine,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines.registry import engine_for
from ansible_collections.vya.backupdb.plugins.module_utils._errors import UsageError
from ansible_collections.vya.backupdb.plugins.module_utils._model import Manifest, timestamp
from ansible_collections.vya.backupdb.plugins.module_utils._modules._options import (
    CONNECTION,
    JOBS,
    ONE_WAY,
    PROGRESS,
    RECIPIENTS,
    REPOSITORY,
    connection_from,
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
    room_while_encrypting,
    run_id_from,
    seal,
    set_ids,
    sets_diff,
    space_problem,
    warn_of_clock,
)
from ansible_collections.vya.backupdb.plugins.module_utils._proof.model import COUNTS, LEVELS
from ansible_collections.vya.backupdb.plugins.module_utils._repository import Repository
from ansible_collections.vya.backupdb.plugins.module_utils._set_writer import SetWriter
from ansible_collections.vya.backupdb.plugins.module_utils._version import VERSION

SPEC = Spec(
    {
        **CONNECTION,
        **REPOSITORY,
        **JOBS,
        **PROGRESS,
        **RECIPIENTS,
        "databases": {"type": "list", "elements": "str", "default": ["*"]},
        "exclude_databases": {"type": "list", "elements": "str", "default": []},
        "compression_level": {"type": "int", "default": 3},
        "proof": {"type": "str", "choices": list(LEVELS), "default": COUNTS},
        "run_id": {"type": "str"},
    },
    ONE_WAY,
)


def run(request: Request) -> dict[str, Any]:
    """Back up the server, or say what would be backed up.

    Raises:
        BackupError: the backup is not possible, or failed; there is no set then.
    """
    params = request.params
    names_from(params)
    wanted = _backup_request(request)
    recipients = recipients_of(request)
    repository = Repository(params["repository"])
    with engine_for(params["engine"], connection_from(params), request.reporter) as engine:
        request.reporter.phase("plan")
        repository.check_writable()
        plan = engine.plan_backup(wanted)
        for text in plan.warnings:
            request.reporter.warn(text)
        sizes = [item.size for item in plan.databases]
        needed = room_while_encrypting(plan.estimated_bytes, sizes, wanted.jobs, recipients)
        problems = [*plan.problems, space_problem(repository, needed)]
        refuse(
            "The backup is not possible:", [text for text in problems if text], "solve what is listed, then run again"
        )
        result: dict[str, Any] = {
            "changed": True,
            "run_id": run_id_from(params),
            "estimated_bytes": needed,
            "databases": [{"name": item.name, "size": item.size} for item in plan.databases[:LIMIT]],
        }
        before = set_ids(repository, params) if request.diff else []
        if request.check:
            after = "the new set"
        else:
            result.update(_dump(request, repository, engine, wanted, plan, result["run_id"], recipients))
            after = result["set"]["id"]
        if request.diff:
            result["diff"] = sets_diff(repository, params, before, after)
        return result


def _backup_request(request: Request) -> BackupRequest:
    params = request.params
    if not 1 <= params["compression_level"] <= 19:
        raise UsageError(f"compression_level is {params['compression_level']}.", "give a number from 1 to 19")
    if not params["databases"]:
        raise UsageError("databases is empty.", "name databases or patterns, or leave it out for all of them")
    return BackupRequest(
        databases=tuple(params["databases"]),
        exclude_databases=tuple(params["exclude_databases"]),
        jobs=jobs_from(params),
        compression_level=params["compression_level"],
        proof_level=params["proof"],
    )


def _dump(
    request: Request,
    repository: Repository,
    engine: Engine,
    wanted: BackupRequest,
    plan: BackupPlan,
    run_id: str,
    recipients: Sequence[str],
) -> dict[str, Any]:
    params, reporter = request.params, request.reporter
    started = datetime.now(timezone.utc)
    begun = repository.begin(params["source"], params["instance"], recipients=recipients)
    with begun as writer, explaining_full_disk(repository):
        warn_of_clock(writer, request)
        outcome = engine.backup(wanted, plan, writer)
        for text in outcome.omissions:
            reporter.warn(text)
        reporter.phase("seal")
        _write_small_artefacts(writer, outcome, wanted.compression_level)
        reporter.phase("")
        manifest = Manifest(
            set_id=writer.set_id,
            run_id=run_id,
            source=params["source"],
            instance=params["instance"],
            engine=engine.name,
            flavour=plan.info.flavour,
            server_version=plan.info.version,
            started=timestamp(started),
            snapshot_at=timestamp(outcome.snapshot_at),
            finished=timestamp(datetime.now(timezone.utc)),
            collection_version=VERSION,
            tools=dict(plan.info.tools),
            host=describe_host(),
            databases=tuple(outcome.databases),
            artefacts=writer.artefacts,
            warnings=tuple(reporter.warnings),
            omissions=tuple(outcome.omissions),
            proof_level=wanted.proof_level,
            phases=dict(reporter.phases),
            details=outcome.details,
        )
        manifest, path = seal(writer, manifest, engine.restore_instructions(manifest), secret=True)
    stored = stored_bytes(manifest.artefacts, "database")
    return {
        "set": {**set_summary(manifest, path), "manifest_sha256": writer.manifest_sha256},
        "databases": [
            {"name": item.name, "size": item.size, "stored": stored.get(item.name, 0)}
            for item in manifest.databases[:LIMIT]
        ],
        "phases": dict(manifest.phases),
        "omissions": list(manifest.omissions[:LIMIT]),
    }


def _write_small_artefacts(writer: SetWriter, outcome: BackupOutcome, level: int) -> None:
    suffix = SUFFIX["zstd"]
    write_bytes(writer.create_file("roles", "roles", ".sql" + suffix), outcome.roles_sql, level, writer.filters)
    writer.finish("roles", "roles", "sql", "zstd")
    write_json(writer.create_file("settings", "settings", ".json" + suffix), outcome.settings, level, writer.filters)
    writer.finish("settings", "settings", "json", "zstd")
    write_json(writer.create_file("proof", "proof", ".json" + suffix), outcome.proof.to_json(), level, writer.filters)
    writer.finish("proof", "proof", "json", "zstd")
