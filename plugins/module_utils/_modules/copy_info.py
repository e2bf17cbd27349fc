# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module ``copy_info``: what a copy holds, and whether it is what was written. Private to this collection."""

from __future__ import annotations

import os
import tempfile
from datetime import datetime
from typing import Any

from ansible_collections.vya.backupdb.plugins.module_utils._copies.holdings import Held, complete, holdings
from ansible_collections.vya.backupdb.plugins.module_utils._copies.rclone import Rclone
from ansible_collections.vya.backupdb.plugins.module_utils._copies.transfer import verify_set
from ansible_collections.vya.backupdb.plugins.module_utils._errors import DamagedSet, UntrustedSet, UsageError
from ansible_collections.vya.backupdb.plugins.module_utils._keys import Keys
from ansible_collections.vya.backupdb.plugins.module_utils._model import set_id_time, timestamp
from ansible_collections.vya.backupdb.plugins.module_utils._modules._copy_options import (
    COPY,
    age_of,
    asked_copy,
    lag_between,
    trust_from,
    utc_now,
)
from ansible_collections.vya.backupdb.plugins.module_utils._modules._options import PROGRESS
from ansible_collections.vya.backupdb.plugins.module_utils._modules._request import Request, Spec
from ansible_collections.vya.backupdb.plugins.module_utils._modules._results import LIMIT
from ansible_collections.vya.backupdb.plugins.module_utils._repository import Repository

SPEC = Spec(
    {
        **COPY,
        "source": {"type": "str"},
        "instance": {"type": "str"},
        "newest": {"type": "int"},
        "repository": {"type": "path"},
        "verify": {"type": "bool", "default": False},
        **PROGRESS,
    }
)


def run(request: Request) -> dict[str, Any]:
    """List what a copy holds; asked to, read every byte of it.

    Raises:
        BackupError: the copy cannot be reached, or an option makes no sense.
    """
    params = request.params
    newest = params["newest"]
    if newest is not None and newest < 1:
        raise UsageError(f"newest is {newest}.", "give at least 1, or leave it out for every set")
    keys = trust_from(params)
    rclone = Rclone(asked_copy(params), request.reporter)
    request.reporter.phase("listing")
    found = complete(holdings(rclone, params["source"], params["instance"]))
    chosen = _newest(found, newest) if newest else found
    now = utc_now()
    sets = [_summary(item, now) for item in chosen[-LIMIT:]]
    if params["verify"]:
        request.reporter.phase("verifying")
        for item in sets:
            _verify(item, rclone, keys)
    request.reporter.phase("")
    result: dict[str, Any] = {"changed": False, "copy": rclone.copy.name, "total": len(found), "sets": sets}
    if params["repository"] is not None:
        result["lags"] = _lags(Repository(params["repository"], keys), found, request)
    return result


def _newest(found: list[Held], number: int) -> list[Held]:
    groups: dict[tuple[str, str], list[Held]] = {}
    for item in found:
        groups.setdefault((item.source, item.instance), []).append(item)
    return [item for group in groups.values() for item in group[-number:]]


def _summary(item: Held, now: datetime) -> dict[str, Any]:
    return {
        "id": item.set_id,
        "source": item.source,
        "instance": item.instance,
        "path": f"{item.source}/{item.instance}/{item.set_id}",
        "started": timestamp(set_id_time(item.set_id)),
        "age": age_of(item.set_id, now),
        "problem": None,
        "verified": None,
    }


def _verify(item: dict[str, Any], rclone: Rclone, keys: Keys) -> None:
    with tempfile.TemporaryDirectory(prefix="backupdb-") as folder:
        directory = os.path.join(folder, item["id"])
        os.mkdir(directory, 0o700)
        try:
            manifest, problems = verify_set(rclone, item["source"], item["instance"], item["id"], directory, keys)
            item["size"] = manifest.size
            item["databases"] = [database.name for database in manifest.databases][:LIMIT]
            item["run_id"] = manifest.run_id
        except (DamagedSet, UntrustedSet) as error:
            problems = [error.message]
    item["problem"] = "; ".join(problems[:5]) or None
    item["verified"] = {"level": "checksum", "at": timestamp(utc_now()), "ok": not problems, "problems": len(problems)}


def _lags(repository: Repository, found: list[Held], request: Request) -> list[dict[str, Any]]:
    """How far the copy is behind a repository, for each of its instances."""
    here: dict[tuple[str, str], str] = {}
    for item in repository.sets(request.params["source"], request.params["instance"], newest=1):
        here[item.source, item.instance] = item.set_id
    there: dict[tuple[str, str], str] = {}
    for held in found:
        there[held.source, held.instance] = held.set_id
    return [
        {
            "source": source,
            "instance": instance,
            "newest": newest,
            "copied": there.get((source, instance)),
            "lag": lag_between(newest, there.get((source, instance))),
        }
        for (source, instance), newest in sorted(here.items())
    ]
