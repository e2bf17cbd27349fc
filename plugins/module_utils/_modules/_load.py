# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Restoring dumps that other tools made: the option ``src`` of the module ``restore``. Private to this collection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._dumps.detect import SQL
from ansible_collections.vya.backupdb.plugins.module_utils._dumps.reader import DumpPart, examine
from ansible_collections.vya.backupdb.plugins.module_utils._engines.base import NONE
from ansible_collections.vya.backupdb.plugins.module_utils._engines.foreign import (
    DumpSource,
    LoadOutcome,
    LoadPlan,
    LoadRequest,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines.part import DATA
from ansible_collections.vya.backupdb.plugins.module_utils._engines.registry import engine_for
from ansible_collections.vya.backupdb.plugins.module_utils._errors import LoadFailed, UsageError
from ansible_collections.vya.backupdb.plugins.module_utils._modules._options import connection_from, jobs_from
from ansible_collections.vya.backupdb.plugins.module_utils._modules._placement import (
    difference,
    done,
    included,
    moment,
    new_names,
    part_from,
    placement_from,
    planned,
    select,
)
from ansible_collections.vya.backupdb.plugins.module_utils._modules._request import FailedResult, Request
from ansible_collections.vya.backupdb.plugins.module_utils._modules._results import LIMIT, refuse
from ansible_collections.vya.backupdb.plugins.module_utils._sql.inventory import Inventory, take_inventory

#: So many errors are in the message; the result has more.
_TOLD = 20


@dataclass(frozen=True)
class _Found:
    """A dump, and what is inside of it: ``names`` has an empty one where the dump does not say what a database is called."""

    part: DumpPart
    inventory: Optional[Inventory]
    names: Sequence[str]


@dataclass(frozen=True)
class Load:
    """A load that can be planned.

    Args:
        src: the file or directory.
        found: what is in it.
        request: for an engine.
        problems: what forbids it already.
    """

    src: str
    found: Sequence[_Found]
    request: LoadRequest
    problems: Sequence[str]

    @property
    def description(self) -> dict[str, Any]:
        """What the dumps are, for the result."""
        return {"path": self.src, "parts": [_described(item) for item in self.found[:LIMIT]]}


def prepare(request: Request) -> Load:
    """Read dumps to their end.

    Raises:
        BackupError: they cannot be read, or an option makes no sense.
    """
    params = request.params
    if params["tablespaces"]:
        raise UsageError(
            "Tablespaces of a dump cannot be mapped.", "leave tablespaces out, and make them on the server"
        )
    request.reporter.phase("read")
    found = [_read(part, params["engine"]) for part in examine(params["src"])]
    problems = [problem for item in found for problem in _problems(item)]
    try:
        sources = _sources(found, params)
    except UsageError:
        # What is wrong with the dump comes first: half a dump does not hold what was asked for.
        refuse("The dump cannot be restored:", problems)
        raise
    part = part_from(params)
    if not part.whole and not any(source.databases for source in sources):
        raise UsageError("Parts of databases are asked for, and no database is.", "name one with databases")
    wanted = LoadRequest(
        sources=sources,
        # Rows belong to no role.
        roles=NONE if part.content == DATA else params["roles"],
        placement=placement_from(params, moment()),
        jobs=jobs_from(params),
        analyze=params["analyze"],
        on_error=params["on_error"],
        part=part,
    )
    return Load(params["src"], found, wanted, problems)


def chosen(plan: LoadPlan) -> dict[str, str]:
    """Name in the dumps -> new name, of everything that would be loaded."""
    return {old: new for databases in plan.databases for old, new in databases.items()}


def untouched(databases: Mapping[str, str], plan: LoadPlan) -> list[str]:
    """Databases of the server that the dump is of, and that stay as they are because it is loaded under other names."""
    there = {item.name for item in plan.info.databases}
    return sorted((there & set(databases)) - set(databases.values()))[:LIMIT]


def load(request: Request) -> dict[str, Any]:
    """Load dumps, or say what that would do.

    Raises:
        BackupError: it is not possible, and nothing was changed; or it failed, and no database has a final name that
            is not complete.
    """
    params = request.params
    prepared = prepare(request)
    request.reporter.phase("plan")
    with engine_for(params["engine"], connection_from(params), request.reporter) as engine:
        plan = engine.plan_load(prepared.request)
        for text in plan.warnings:
            request.reporter.warn(text)
        refuse("The restore is not possible:", [*prepared.problems, *plan.problems])
        part = prepared.request.part
        if not part.whole and plan.replaced:
            request.reporter.warn(f"A part takes the place of whole databases: {', '.join(sorted(plan.replaced))}.")
        databases = chosen(plan)
        result: dict[str, Any] = {
            "changed": plan.changes,
            "dump": prepared.description,
            "address": plan.info.address,
            "databases": planned(databases, plan.replaced),
            "kept": sorted(plan.skipped)[:LIMIT],
            "untouched": untouched(databases, plan),
            "roles": list(plan.roles[:LIMIT]),
        }
        if not part.whole:
            result["included"] = included(plan.included, databases)
        if request.diff:
            result["diff"] = difference(
                plan.info.address,
                databases,
                plan.replaced,
                plan.skipped,
                plan.roles,
                plan.included,
                part.content == DATA,
            )
        if plan.changes and not request.check:
            outcome = engine.load(prepared.request, plan)
            request.reporter.phase("")
            result["phases"] = dict(request.reporter.phases)
            _judge(outcome, result, part.content == DATA)
            result["databases"] = done(outcome.databases)
            result["roles"] = list(outcome.roles[:LIMIT])
        result["phases"] = dict(request.reporter.phases)
        return result


def _read(part: DumpPart, engine: str) -> _Found:
    if part.flavour is not None and part.flavour != engine:
        raise UsageError(f"{part.label} is a dump of {part.flavour}, not of {engine}.", "correct the option engine")
    if part.kind != SQL:
        name = part.header.database if part.header is not None else None
        return _Found(part, None, [name or ""])
    inventory = take_inventory(part.chunks(), engine)
    return _Found(part, inventory, [item.name for item in inventory.databases.values() if item.statements])


def _problems(found: _Found) -> list[str]:
    inventory, label = found.inventory, found.part.label
    if inventory is None:
        return []
    problems = [
        f"{label} holds a command that would run on this host and is never carried out: {text}. Remove it from the dump."
        for text in inventory.refused[:10]
    ]
    if inventory.truncated is not None:
        problems.append(f"{label} is not complete: {inventory.truncated}. Take another copy, or dump again.")
    if not found.names and not inventory.role_statements:
        problems.append(f"{label} holds nothing that could be restored. Look at how it was made.")
    return problems


def _sources(found: Sequence[_Found], params: Mapping[str, Any]) -> list[DumpSource]:
    """What of each dump to load.

    Raises:
        UsageError: two dumps hold a database of the same name, or see `select` and `new_names`.
    """
    labels: dict[str, str] = {}
    for item in found:
        for name in item.names:
            if name in labels:
                what = f"a database {name!r}" if name else "a database without a name"
                raise UsageError(
                    f"{labels[name]} and {item.part.label} both hold {what}.",
                    "unpack the archive and restore them one after the other",
                )
            labels[name] = item.part.label
    names = new_names(select(list(labels), params["databases"], params["src"]), params["rename"], params["target"])
    return [
        DumpSource(item.part, item.inventory, {name: names[name] for name in item.names if name in names})
        for item in found
    ]


def _described(found: _Found) -> dict[str, Any]:
    """What a dump is, for the result."""
    part, inventory = found.part, found.inventory
    header = part.header
    return {
        "file": part.member or part.path,
        "kind": part.kind,
        "packed": list(part.codecs),
        "size": part.size,
        "tool": inventory.origin.tool if inventory is not None else "pg_dump",
        "tool_version": inventory.origin.tool_version if inventory is not None else header and header.tool_version,
        "databases": list(found.names[:LIMIT]),
        "roles": inventory.roles[:LIMIT] if inventory is not None else [],
    }


def _judge(outcome: LoadOutcome, result: dict[str, Any], rows_only: bool) -> None:
    """Fail with the whole list if any statement failed."""
    if not outcome.error_count:
        return
    result["errors"] = [
        {"dump": item.dump, "line": item.line, "statement": item.head, "message": item.message}
        for item in outcome.errors
    ]
    result["databases"], result["roles"] = done(outcome.databases), list(outcome.roles[:LIMIT])
    result["changed"] = bool(outcome.roles or outcome.databases)
    count = outcome.error_count
    state = "no database got its name"
    if rows_only:
        state = "the tables are empty as before"
        if outcome.databases:
            state += f", but for those of {', '.join(item.name for item in outcome.databases)}"
    raise FailedResult(
        LoadFailed(
            f"{count} statement{'s' if count > 1 else ''} of the dump failed; {state}.",
            "solve what the server says, then run again",
            [str(item) for item in outcome.errors[:_TOLD]],
        ),
        result,
    )
