# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module ``sign``, the part on the host: what could be signed, and writing signatures. Private to this collection.

The action plugin of the same name asks what there is, decides and signs on the controller, and hands back signatures.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._errors import (
    BackupError,
    BadKey,
    Interrupted,
    UntrustedSet,
    UsageError,
)
from ansible_collections.vya.backupdb.plugins.module_utils._layout import encode_name
from ansible_collections.vya.backupdb.plugins.module_utils._model import is_set_id
from ansible_collections.vya.backupdb.plugins.module_utils._modules._options import TRUSTED
from ansible_collections.vya.backupdb.plugins.module_utils._modules._request import Request, Spec
from ansible_collections.vya.backupdb.plugins.module_utils._modules._results import LIMIT
from ansible_collections.vya.backupdb.plugins.module_utils._repository import Repository
from ansible_collections.vya.backupdb.plugins.module_utils._set_reader import SetReader
from ansible_collections.vya.backupdb.plugins.module_utils._signature_file import add_signature
from ansible_collections.vya.backupdb.plugins.module_utils._signatures import Signature

SPEC = Spec(
    {
        "repository": {"type": "path", "required": True},
        "source": {"type": "str"},
        "instance": {"type": "str"},
        "newest": {"type": "int"},
        "sets": {"type": "list", "elements": "dict"},
        "signing_key": {"type": "str", "no_log": True},
        "unsigned": {"type": "bool", "default": False},
        **TRUSTED,
        "public_key": {"type": "str", "no_log": False},
        "signatures": {"type": "list", "elements": "dict", "no_log": False},
    }
)


def run(request: Request) -> dict[str, Any]:
    """Say what could be signed, or write signatures.

    Raises:
        BackupError: an option makes no sense, or the repository cannot be read.
    """
    params = request.params
    if params["signing_key"] is not None:
        raise BadKey(
            "The private key was sent to the host, where it must never be.", "call the module by a task of Ansible"
        )
    repository = Repository(params["repository"])
    if params["signatures"] is not None:
        return _write(repository, request)
    if params["newest"] is not None and params["newest"] < 1:
        raise UsageError(f"newest is {params['newest']}.", "give at least 1, or leave it out for every set")
    found = _named(repository, params) if params["sets"] is not None else _all(repository, params)
    # First those that the key has not signed, so that running again comes to an end however many there are.
    found.sort(key=lambda item: (params["public_key"] or "\0") in (item["signatures"] or ""))
    return {"changed": False, "candidates": found[:LIMIT], "total": len(found)}


def _named(repository: Repository, params: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = []
    for wanted in params["sets"]:
        source, instance, set_id = _place(wanted)
        try:
            facts = _facts(repository.open(source, instance, set_id))
        except Interrupted:
            raise
        except BackupError as error:
            facts = {"problem": error.message}
        found.append({**_NOTHING, "source": source, "instance": instance, "id": set_id, **facts})
    return found


def _all(repository: Repository, params: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = []
    for item in repository.sets(params["source"], params["instance"], params["newest"]):
        facts: dict[str, Any] = {"problem": item.problem}
        if item.manifest is not None:
            facts = _facts(SetReader(item.path))
        place = {"source": item.source, "instance": item.instance, "id": item.set_id, "path": item.path}
        found.append({**_NOTHING, **place, **facts})
    return found


_NOTHING: dict[str, Any] = {"path": None, "run_id": None, "manifest_sha256": None, "signatures": None, "problem": None}


def _place(values: Mapping[str, Any]) -> tuple[str, str, str]:
    """Source, instance and id of a set that is named.

    Raises:
        UsageError: one is missing, or the id is none.
    """
    source, instance, set_id = (str(values.get(name) or "") for name in ("source", "instance", "id"))
    if not source.strip() or not instance.strip() or not is_set_id(set_id):
        raise UsageError(
            "A set in sets is not named by source, instance and id.", "give what dump or files_archive returned as set"
        )
    return source, instance, set_id


def _facts(reader: SetReader) -> dict[str, Any]:
    """What a statement about a set would say; or why there can be none."""
    manifest = reader.manifest
    facts: dict[str, Any] = {
        "source": manifest.source,
        "instance": manifest.instance,
        "path": reader.directory,
        "run_id": manifest.run_id,
        "manifest_sha256": reader.manifest_sha256,
    }
    names = [encode_name(manifest.source), encode_name(manifest.instance), manifest.set_id]
    if reader.directory.split(os.sep)[-3:] != names:
        facts["problem"] = (
            f"{reader.directory} is not where it belongs: it is the set {manifest.set_id} of {manifest.instance!r} of "
            f"{manifest.source!r}"
        )
    try:
        data = reader.signatures()
    except UntrustedSet as error:
        facts["problem"] = error.message
    else:
        facts["signatures"] = None if data is None else data.decode("utf-8", "replace")
    return facts


def _write(repository: Repository, request: Request) -> dict[str, Any]:
    outcomes = []
    for item in request.params["signatures"]:
        source, instance, set_id = _place(item)
        outcome: dict[str, Any] = {"source": source, "instance": instance, "id": set_id, "problem": None}
        try:
            outcome["problem"] = _add(repository.open(source, instance, set_id), item.get("signature"), request.check)
        except Interrupted:
            raise
        except BackupError as error:
            outcome["problem"] = error.message
        outcomes.append(outcome)
    return {"changed": any(item["problem"] is None for item in outcomes), "written": outcomes}


def _add(reader: SetReader, values: Any, check: bool) -> Optional[str]:
    """Add a signature to the set that it is of; returns what forbids it."""
    try:
        signature = Signature.from_json(values)
    except ValueError as error:
        raise UsageError(f"A signature is malformed: {error}.", "let the action plugin make it") from None
    statement, manifest = signature.statement, reader.manifest
    said = (statement.source, statement.instance, statement.set_id, statement.run_id, statement.manifest_sha256)
    if said != (manifest.source, manifest.instance, manifest.set_id, manifest.run_id, reader.manifest_sha256):
        return f"{reader.directory} was changed while it was signed"
    if not check:
        add_signature(reader.directory, signature)
    return None
