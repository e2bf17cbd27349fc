# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module ``backup_verify``: whether a set is what was written. Private to this collection."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from ansible_collections.vya.backupdb.plugins.module_utils._errors import DamagedSet, RepositoryError
from ansible_collections.vya.backupdb.plugins.module_utils._model import timestamp
from ansible_collections.vya.backupdb.plugins.module_utils._modules._options import (
    JOBS,
    KEYS,
    PROGRESS,
    REPOSITORY,
    SET,
    jobs_from,
    keys_from,
    names_from,
)
from ansible_collections.vya.backupdb.plugins.module_utils._modules._request import FailedResult, Request, Spec
from ansible_collections.vya.backupdb.plugins.module_utils._modules._results import set_summary
from ansible_collections.vya.backupdb.plugins.module_utils._repository import Repository
from ansible_collections.vya.backupdb.plugins.module_utils._set_reader import SetReader
from ansible_collections.vya.backupdb.plugins.module_utils._verifications import VERIFY_LEVELS, record_verification
from ansible_collections.vya.backupdb.plugins.module_utils._verify import DEEP, verify

_MOST_PROBLEMS = 100

SPEC = Spec(
    {
        **REPOSITORY,
        **SET,
        **KEYS,
        **JOBS,
        **PROGRESS,
        "level": {"type": "str", "choices": list(VERIFY_LEVELS), "default": "checksum"},
    }
)


def run(request: Request) -> dict[str, Any]:
    """Verify a set.

    Raises:
        BackupError: there is no such set, or something is wrong with it.
    """
    params = request.params
    names_from(params)
    jobs = jobs_from(params)
    repository = Repository(params["repository"], keys_from(params))
    with repository.open(params["source"], params["instance"], params["set"]) as reader:
        if params["level"] == DEEP:
            reader.unlock()
        return _verify(request, reader, jobs)


def _verify(request: Request, reader: SetReader, jobs: int) -> dict[str, Any]:
    params = request.params
    request.reporter.phase(f"verify ({params['level']})")
    problems = verify(reader, params["level"], jobs, request.reporter)
    request.reporter.phase("")
    result = {
        "changed": False,
        "ok": not problems,
        "level": params["level"],
        "problems": problems[:_MOST_PROBLEMS],
        "total": len(problems),
        "set": set_summary(reader.manifest, reader.directory),
        "artefacts": len(reader.manifest.artefacts),
        "seconds": round(sum(request.reporter.phases.values()), 3),
    }
    if not request.check:
        try:
            record_verification(reader.directory, params["level"], timestamp(datetime.now(timezone.utc)), len(problems))
        except RepositoryError as error:
            request.reporter.warn(f"The result of the verification is not remembered: {error.message}")
    if problems:
        raise FailedResult(
            DamagedSet(
                f"The set {reader.directory} is damaged:",
                "restore another set, or a copy of this one, and find out what altered it",
                problems[:_MOST_PROBLEMS],
            ),
            result,
        )
    return result
