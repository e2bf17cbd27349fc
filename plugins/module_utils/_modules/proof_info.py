# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module ``proof_info``: what differs between an instance and a set of it. Private to this collection."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from ansible_collections.vya.backupdb.plugins.module_utils._engines.proven import recorded_proof, without_tablespaces
from ansible_collections.vya.backupdb.plugins.module_utils._engines.registry import engine_for
from ansible_collections.vya.backupdb.plugins.module_utils._errors import Differs, UsageError
from ansible_collections.vya.backupdb.plugins.module_utils._modules._options import (
    CONNECTION,
    ENGINES,
    FILES,
    JOBS,
    KEYS,
    ONE_WAY,
    PROGRESS,
    REPOSITORY,
    SET,
    connection_from,
    jobs_from,
    keys_from,
    names_from,
)
from ansible_collections.vya.backupdb.plugins.module_utils._modules._placement import (
    TABLESPACES,
    new_names,
    tablespaces_from,
)
from ansible_collections.vya.backupdb.plugins.module_utils._modules._request import FailedResult, Request, Spec
from ansible_collections.vya.backupdb.plugins.module_utils._modules._results import LIMIT, check_engine
from ansible_collections.vya.backupdb.plugins.module_utils._modules.restore import targets
from ansible_collections.vya.backupdb.plugins.module_utils._proof.compare import Comparison, compare
from ansible_collections.vya.backupdb.plugins.module_utils._proof.model import CONTENT, LEVELS
from ansible_collections.vya.backupdb.plugins.module_utils._repository import Repository
from ansible_collections.vya.backupdb.plugins.module_utils._set_reader import SetReader

_MOST_DIFFERENCES = 200

SPEC = Spec(
    {
        **CONNECTION,
        **REPOSITORY,
        **SET,
        **KEYS,
        **JOBS,
        **PROGRESS,
        "engine": {"type": "str", "required": True, "choices": [*ENGINES, FILES]},
        "databases": {"type": "list", "elements": "str", "default": ["*"]},
        "rename": {"type": "dict", "default": {}},
        "level": {"type": "str", "choices": list(LEVELS)},
        "instance_objects": {"type": "bool", "default": True},
        "root": {"type": "path", "default": "/"},
        "patterns": {"type": "list", "elements": "str", "default": []},
        "numeric_owner": {"type": "bool", "default": False},
        "fenced": {"type": "bool", "default": False},
        "tablespaces": TABLESPACES,
        "fail_on_difference": {"type": "bool", "default": False},
    },
    ONE_WAY,
)


def run(request: Request) -> dict[str, Any]:
    """Compare an instance with a set.

    Raises:
        BackupError: one of them cannot be read; or they differ, and the caller wants to fail on that.
    """
    params = request.params
    names_from(params)
    repository = Repository(params["repository"], keys_from(params))
    with repository.open(params["source"], params["instance"], params["set"]) as reader:
        check_engine(reader.manifest, params["engine"])
        reader.unlock()
        return _compare(request, reader)


def _compare(request: Request, reader: SetReader) -> dict[str, Any]:
    params = request.params
    result = _files(request, reader) if params["engine"] == FILES else _servers(request, reader)
    request.reporter.phase("")
    result["phases"] = dict(request.reporter.phases)
    if params["fail_on_difference"] and not result["equal"]:
        messages = [item["message"] for item in result["differences"]]
        raise FailedResult(
            Differs(
                f"{result['total']} difference{'s' if result['total'] > 1 else ''} to the set {reader.manifest.set_id}:",
                "find out what changed the instance, or restore it again",
                messages[:50] + ([f"{result['total'] - 50} more"] if result["total"] > 50 else []),
            ),
            result,
        )
    return result


def _servers(request: Request, reader: SetReader) -> dict[str, Any]:
    params = request.params
    left_out = [name for name, directory in tablespaces_from(params).items() if not directory]
    expected = without_tablespaces(recorded_proof(reader), left_out)
    pairs = new_names(targets(reader, params["databases"]), params["rename"])
    level = params["level"] or expected.level
    if level == CONTENT and expected.level != CONTENT:
        raise UsageError(
            f"The set {reader.manifest.set_id} was proven by {expected.level} only; contents cannot be compared.",
            "leave out the option level, or compare with a set that was made with proof: content",
        )
    with engine_for(params["engine"], connection_from(params), request.reporter) as engine:
        there = {item.name for item in engine.inspect().databases}
        request.reporter.phase("prove")
        found = engine.prove(
            [name for name in pairs.values() if name in there], level, jobs_from(params), params["instance_objects"]
        )
    request.reporter.phase("compare")
    comparison = compare(expected, found, pairs, params["instance_objects"], params["fenced"])
    return {**comparison_result(comparison, level, reader), "there": sorted(there)[:LIMIT]}


def _files(request: Request, reader: SetReader) -> dict[str, Any]:
    from ansible_collections.vya.backupdb.plugins.module_utils._files.compare import compare as compare_files
    from ansible_collections.vya.backupdb.plugins.module_utils._modules.files_restore import root_from

    params = request.params
    level = params["level"] or CONTENT
    request.reporter.phase("compare")
    found = compare_files(
        reader,
        root=root_from(params["root"]),
        patterns=params["patterns"],
        content=level == CONTENT,
        numeric_owner=params["numeric_owner"],
        limit=_MOST_DIFFERENCES,
        jobs=jobs_from(params),
        reporter=request.reporter,
    )
    return {
        "changed": False,
        "equal": not found.total,
        "level": level,
        "total": found.total,
        "differences": [item.to_json() for item in found.differences],
        "allowed_total": 0,
        "allowed": [],
        "proven": [],
        "compared": found.entries,
        "set": _set(reader),
    }


def comparison_result(comparison: Comparison, level: str, reader: SetReader) -> dict[str, Any]:
    """A comparison as a module's result, bounded."""
    return {
        "changed": False,
        "equal": comparison.equal,
        "level": level,
        "total": len(comparison.differences),
        "differences": [item.to_json() for item in comparison.differences[:_MOST_DIFFERENCES]],
        "allowed_total": len(comparison.allowed),
        "allowed": [
            {"rule": rule.name, "reason": rule.reason, **difference.to_json()}
            for difference, rule in comparison.allowed[:_MOST_DIFFERENCES]
        ],
        "fenced": dict(Counter(rule.fence for _difference, rule in comparison.allowed if rule.fence)),
        "proven": list(comparison.proven[:LIMIT]),
        "compared": comparison.compared,
        "set": _set(reader),
    }


def _set(reader: SetReader) -> Mapping[str, Any]:
    manifest = reader.manifest
    return {
        "id": manifest.set_id,
        "path": reader.directory,
        "run_id": manifest.run_id,
        "snapshot_at": manifest.snapshot_at,
    }
