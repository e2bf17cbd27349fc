# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module ``copy_fetch``: sets of a copy into the repository. Private to this collection."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from ansible_collections.vya.backupdb.plugins.module_utils._copies.holdings import complete, holdings
from ansible_collections.vya.backupdb.plugins.module_utils._copies.rclone import Rclone
from ansible_collections.vya.backupdb.plugins.module_utils._copies.transfer import fetch_set
from ansible_collections.vya.backupdb.plugins.module_utils._errors import NoSuchSet, UsageError
from ansible_collections.vya.backupdb.plugins.module_utils._keys import Keys
from ansible_collections.vya.backupdb.plugins.module_utils._layout import LATEST
from ansible_collections.vya.backupdb.plugins.module_utils._model import is_set_id, set_id_time, timestamp
from ansible_collections.vya.backupdb.plugins.module_utils._modules._copy_options import (
    COPY,
    asked_copy,
    lag_between,
    trust_from,
    utc_now,
)
from ansible_collections.vya.backupdb.plugins.module_utils._modules._options import (
    PROGRESS,
    REPOSITORY,
    SET,
    names_from,
)
from ansible_collections.vya.backupdb.plugins.module_utils._modules._policy import retention_from
from ansible_collections.vya.backupdb.plugins.module_utils._modules._request import Request, Spec
from ansible_collections.vya.backupdb.plugins.module_utils._modules._results import LIMIT, set_summary
from ansible_collections.vya.backupdb.plugins.module_utils._repository import Repository
from ansible_collections.vya.backupdb.plugins.module_utils._retention import Candidate, plan
from ansible_collections.vya.backupdb.plugins.module_utils._verifications import record_verification

MISSING = "missing"

SPEC = Spec({**REPOSITORY, **SET, **COPY, **PROGRESS})


def run(request: Request) -> dict[str, Any]:
    """Fetch sets, each verified before it appears in the repository.

    Raises:
        BackupError: the copy cannot be reached or has no such set, or a set is not what was written.
    """
    params = request.params
    names_from(params)
    source, instance, wanted = params["source"], params["instance"], params["set"]
    if wanted not in (LATEST, MISSING) and not is_set_id(wanted):
        raise UsageError(
            f"set is {wanted!r}.", f"give a set id, {LATEST!r}, or {MISSING!r} for every set that is not here"
        )
    keys = trust_from(params)
    repository = Repository(params["repository"], keys)
    rclone = Rclone(asked_copy(params), request.reporter)
    request.reporter.phase("listing")
    there = [item.set_id for item in complete(holdings(rclone, source, instance))]
    here = {item.set_id: item for item in repository.sets(source, instance)}
    chosen = _chosen(wanted, there, list(here), request, rclone)
    request.reporter.phase("fetching")
    fetched, size = [], 0
    for set_id in chosen:
        if set_id in here:
            continue
        fetched.append(set_id)
        if not request.check:
            size += _fetch(rclone, repository, source, instance, set_id, keys)
            request.reporter.changed = True
    request.reporter.phase("")
    now_here = max([*here, *fetched], default=None)
    result: dict[str, Any] = {
        "changed": bool(fetched),
        "copy": rclone.copy.name,
        "fetched": fetched[:LIMIT],
        "bytes": size,
        "total": len(there),
        "lag": lag_between(max(there, default=None), now_here),
        "phases": dict(request.reporter.phases),
    }
    if wanted != MISSING:
        (set_id,) = chosen
        result["set"] = {"id": set_id}
        if set_id in here or not request.check:
            reader = repository.open(source, instance, set_id)
            result["set"] = set_summary(reader.manifest, reader.directory)
    return result


def _chosen(wanted: str, there: Sequence[str], here: Sequence[str], request: Request, rclone: Rclone) -> list[str]:
    """Ids of the sets that are to be here, the newest first."""
    params = request.params
    what = f"{params['instance']!r} of {params['source']!r}"
    if wanted == MISSING:
        retention = params["copy"].get("retention")
        if not retention:
            return sorted(there, reverse=True)
        # What the retention would let go at once is not fetched.
        candidates = [Candidate(set_id, set_id_time(set_id), verified=True) for set_id in {*there, *here}]
        policy, zone = retention_from(retention)
        decisions = plan(candidates, policy, utc_now(), zone)
        return [item.candidate.set_id for item in decisions if item.keep and item.candidate.set_id in there]
    if not there:
        raise NoSuchSet(
            f"{rclone.copy.words.capitalize()} holds no set of {what}.",
            "check source, instance and the path of the copy; the module copy_info lists what it holds",
        )
    if wanted == LATEST:
        return [max(there)]
    if wanted not in there:
        raise NoSuchSet(
            f"{rclone.copy.words.capitalize()} holds no set {wanted} of {what}.",
            f"choose one of the {len(there)} sets there, the newest being {max(there)}, or 'latest'",
        )
    return [wanted]


def _fetch(rclone: Rclone, repository: Repository, source: str, instance: str, set_id: str, keys: Keys) -> int:
    with repository.receive(source, instance, set_id) as directory:
        manifest = fetch_set(rclone, source, instance, set_id, directory, keys, repository.free_bytes())
    path = os.path.join(repository.instance_directory(source, instance), set_id)
    # Every byte of it was read and compared.
    record_verification(path, "checksum", timestamp(utc_now()), 0)
    return manifest.size
