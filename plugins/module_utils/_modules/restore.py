# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module ``restore``: databases and roles from a set, or from a dump of another tool. Private to this collection."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ansible_collections.vya.backupdb.plugins.module_utils._engines.base import (
    NONE,
    RestorePlan,
    RestoreRequest,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines.foreign import CONTINUE, STOP
from ansible_collections.vya.backupdb.plugins.module_utils._engines.part import DATA
from ansible_collections.vya.backupdb.plugins.module_utils._engines.registry import engine_for
from ansible_collections.vya.backupdb.plugins.module_utils._errors import UsageError
from ansible_collections.vya.backupdb.plugins.module_utils._model import Artefact
from ansible_collections.vya.backupdb.plugins.module_utils._modules._options import (
    CONNECTION,
    JOBS,
    KEYS,
    ONE_WAY,
    PROGRESS,
    REPOSITORY,
    connection_from,
    jobs_from,
    keys_from,
    names_from,
)
from ansible_collections.vya.backupdb.plugins.module_utils._modules._placement import (
    OPTIONS,
    difference,
    done,
    included,
    new_names,
    part_from,
    placement_from,
    planned,
    select,
    tablespaces_from,
)
from ansible_collections.vya.backupdb.plugins.module_utils._modules._request import Request, Spec
from ansible_collections.vya.backupdb.plugins.module_utils._modules._results import LIMIT, check_engine, refuse
from ansible_collections.vya.backupdb.plugins.module_utils._proof.fence import CONNECTIONS, EVENT
from ansible_collections.vya.backupdb.plugins.module_utils._repository import LATEST, Repository
from ansible_collections.vya.backupdb.plugins.module_utils._set_reader import SetReader, share

#: What ``fence`` calls what stays off: subscriptions always do.
FENCES = {"events": EVENT, "connections": CONNECTIONS}

SPEC = Spec(
    {
        **CONNECTION,
        **{name: {**option, "required": False} for name, option in REPOSITORY.items()},
        "set": {"type": "str"},
        **KEYS,
        "src": {"type": "path"},
        **OPTIONS,
        **JOBS,
        **PROGRESS,
        "on_error": {"type": "str", "choices": [STOP, CONTINUE], "default": STOP},
        "fence": {"type": "list", "elements": "str", "choices": list(FENCES)},
    },
    (*ONE_WAY, *(("src", name) for name in ("repository", "source", "instance", "set", "fence"))),
)


def run(request: Request) -> dict[str, Any]:
    """Restore, or say what a restore would do.

    Raises:
        BackupError: it is not possible, and nothing was changed; or it failed, and no database has a final name that
            is not complete.
    """
    part_from(request.params)
    if request.params["src"] is not None:
        from ansible_collections.vya.backupdb.plugins.module_utils._modules._load import load

        # A dump needs none; who hands keys over waits for somebody to take them.
        keys_from(request.params)
        return load(request)
    with opened(request.params) as reader:
        return _restore_set(request, reader)


@contextlib.contextmanager
def opened(params: Mapping[str, Any]) -> Iterator[SetReader]:
    """Open the set that the parameters name; leaving the context removes what was decrypted.

    Raises:
        BackupError: there is no such set, it is damaged, or it is encrypted and no key fits.
    """
    missing = [name for name in REPOSITORY if params[name] is None]
    if missing:
        raise UsageError(
            f"It is not said what to restore: {', '.join(missing)} missing.",
            "give repository, source and instance for a set, or src for a dump",
        )
    names_from(params)
    repository = Repository(params["repository"], keys_from(params))
    wanted = LATEST if params["set"] is None else params["set"]
    with repository.open(params["source"], params["instance"], wanted) as reader:
        check_engine(reader.manifest, params["engine"])
        reader.unlock()
        yield reader


def prepare(request: Request, reader: SetReader) -> RestoreRequest:
    """What the parameters ask for of a set.

    Raises:
        BackupError: an option makes no sense, or something that is needed for the plan is damaged.
    """
    params = request.params
    part = part_from(params)
    wanted = RestoreRequest(
        databases=new_names(targets(reader, params["databases"]), params["rename"], params["target"]),
        # Rows belong to no role.
        roles=NONE if part.content == DATA else params["roles"],
        placement=placement_from(params, reader.manifest.set_id),
        jobs=jobs_from(params),
        analyze=params["analyze"],
        part=part,
        fence=tuple(FENCES[name] for name in params.get("fence") or ()),
        tablespaces=tablespaces_from(params),
        create_tablespaces=params["create_tablespaces"],
    )
    if not part.whole and not wanted.databases:
        raise UsageError("Parts of databases are asked for, and no database is.", "name one with databases")
    for kind in ("roles", "settings"):
        # The plan is made from them.
        _check(reader, reader.artefact(kind), 1)
    reader.check_room(reader.artefact("database", name) for name in wanted.databases)
    return wanted


def _restore_set(request: Request, reader: SetReader) -> dict[str, Any]:
    params = request.params
    wanted = prepare(request, reader)
    request.reporter.phase("plan")
    with engine_for(params["engine"], connection_from(params), request.reporter) as engine:
        plan = engine.plan_restore(wanted, reader)
        for text in plan.warnings:
            request.reporter.warn(text)
        refuse("The restore is not possible:", plan.problems)
        if not wanted.part.whole and plan.replaced:
            request.reporter.warn(f"A part takes the place of whole databases: {', '.join(sorted(plan.replaced))}.")
        if plan.changes:
            request.reporter.phase("verify")
            verify_artefacts(reader, plan, wanted)
        result: dict[str, Any] = {
            "changed": plan.changes,
            "set": described(reader),
            "address": plan.info.address,
            "databases": planned(plan.databases, plan.replaced),
            "kept": sorted(plan.skipped)[:LIMIT],
            "roles": list(plan.roles[:LIMIT]),
            "tablespaces": list(plan.tablespaces[:LIMIT]),
        }
        if not wanted.part.whole:
            result["included"] = included(plan.included, plan.databases)
        if request.diff:
            result["diff"] = difference(
                plan.info.address,
                plan.databases,
                plan.replaced,
                plan.skipped,
                [*plan.roles, *plan.tablespaces],
                plan.included,
                wanted.part.content == DATA,
            )
        if plan.changes and not request.check:
            outcome = engine.restore(wanted, plan, reader)
            request.reporter.phase("")
            result["databases"] = done(outcome.databases)
            result["roles"] = list(outcome.roles[:LIMIT])
        result["phases"] = dict(request.reporter.phases)
        return result


def described(reader: SetReader) -> dict[str, Any]:
    """The set that was read, for a result."""
    return {"id": reader.manifest.set_id, "path": reader.directory, "run_id": reader.manifest.run_id}


def targets(reader: SetReader, patterns: Sequence[str]) -> list[str]:
    """The databases of a set that some names or patterns select.

    Raises:
        UsageError: a pattern matches nothing.
    """
    return select([item.name for item in reader.manifest.databases], patterns, f"the set {reader.manifest.set_id}")


def verify_artefacts(reader: SetReader, plan: RestorePlan, wanted: RestoreRequest) -> None:
    """Make sure that everything that the restore reads is what the manifest says.

    Raises:
        DamagedSet: something is not.
    """
    parts = [reader.artefact("database", name) for name in plan.databases]
    total = sum(part.size for part in parts)
    with ThreadPoolExecutor(wanted.jobs) as pool:
        for _result in pool.map(lambda part: _check(reader, part, share(part.size, total, wanted.jobs)), parts):
            pass


def _check(reader: SetReader, artefact: Artefact, jobs: int) -> None:
    """Make sure that an artefact is what was stored; one that is encrypted is decrypted for that, once."""
    if artefact.encrypted:
        reader.path(artefact)
    else:
        reader.verify(artefact, jobs)
