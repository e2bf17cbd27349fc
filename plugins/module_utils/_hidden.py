# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which part of a manifest everybody may read where sets are encrypted, and which part is encrypted too. Private to this collection.

Readable stays what is needed to list, check and prune sets: names, sizes, versions, times, warnings. What is about contents,
such as settings of databases, names of tables, owners, is in an artefact of its own.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.vya.backupdb.plugins.module_utils._errors import DamagedSet
from ansible_collections.vya.backupdb.plugins.module_utils._model import ENCRYPTED_SCHEMA_VERSION, Manifest
from ansible_collections.vya.backupdb.plugins.module_utils._shapes import check_described

#: kind and name of the artefact that holds the other part
DETAILS = "details"
#: kind and name of the artefact that holds the instructions of the engine
INSTRUCTIONS = "instructions"


def hidden_part(manifest: Manifest) -> dict[str, Any]:
    """What is not readable without a key, as JSON."""
    return {
        "details": dict(manifest.details),
        "databases": {item.name: dict(item.properties) for item in manifest.databases},
        "artefacts": [
            {"kind": item.kind, "name": item.name, "details": dict(item.details)}
            for item in manifest.artefacts
            if item.details
        ],
    }


def readable_part(manifest: Manifest, recipients: Sequence[str]) -> Manifest:
    """A manifest without what is hidden.

    Args:
        manifest: the whole one.
        recipients: public keys that the set is encrypted to.
    """
    return dataclasses.replace(
        manifest,
        schema_version=ENCRYPTED_SCHEMA_VERSION,
        recipients=tuple(recipients),
        details={},
        databases=tuple(dataclasses.replace(item, properties={}) for item in manifest.databases),
        artefacts=tuple(dataclasses.replace(item, details={}) for item in manifest.artefacts),
    )


def joined(manifest: Manifest, hidden: Any) -> Manifest:
    """The whole manifest again.

    Args:
        manifest: the readable part.
        hidden: the other part, from JSON.

    Raises:
        DamagedSet: it is not what :func:`hidden_part` returned.
    """
    try:
        properties: Mapping[str, Any] = dict(hidden["databases"])
        details = {(item["kind"], item["name"]): dict(item["details"]) for item in hidden["artefacts"]}
        whole = dataclasses.replace(
            manifest,
            details=dict(hidden["details"]),
            databases=tuple(
                dataclasses.replace(item, properties=dict(properties[item.name])) for item in manifest.databases
            ),
            artefacts=tuple(
                dataclasses.replace(item, details=details.get((item.kind, item.name), {}))
                for item in manifest.artefacts
            ),
        )
        check_described(whole)
    except (KeyError, TypeError, ValueError) as error:
        raise DamagedSet(
            f"The encrypted part of the manifest is not one: {error}", "restore another set, or a copy of this one"
        ) from None
    return whole
