# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The readable part of a manifest of an encrypted set, and the other one."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._errors import DamagedSet
from ansible_collections.vya.backupdb.plugins.module_utils._hidden import hidden_part, joined, readable_part
from ansible_collections.vya.backupdb.plugins.module_utils._model import Artefact, Database, FileEntry, Manifest

SHA256 = "0" * 64
PROPERTIES = {
    "owner": "app",
    "encoding": "UTF8",
    "lc_collate": "C",
    "lc_ctype": "C",
    "settings": [{"role": None, "settings": ["app.token=secret"]}],
}
RECIPIENTS = ("age1qqq", "ssh-ed25519 AAAA")


def manifest() -> Manifest:
    stored = (FileEntry("databases/shop.tar.age", 7, SHA256),)
    return Manifest(
        set_id="20261121T080000Z",
        run_id="r",
        source="db1",
        instance="main",
        engine="postgresql",
        flavour="postgresql",
        server_version="15.4",
        started="2026-11-21T08:00:00Z",
        snapshot_at="2026-11-21T08:00:00Z",
        finished="2026-11-21T08:00:00Z",
        collection_version="0.1.0",
        databases=(Database("shop", 9, PROPERTIES),),
        artefacts=(
            Artefact("database", "shop", "databases/shop", "pg_directory", "zstd", stored, {"tables": "secret"}, "age"),
            Artefact("readme", "RESTORE", "RESTORE.md", "text", "none", (FileEntry("RESTORE.md", 1, SHA256),)),
        ),
        details={"facts": {"of": "secret"}},
    )


def test_the_readable_part_holds_no_properties_and_reads_back() -> None:
    readable = readable_part(manifest(), RECIPIENTS)
    text = json.dumps(readable.to_json())
    assert "secret" not in text
    again = Manifest.from_json(json.loads(text))
    assert (again.schema_version, again.recipients) == (2, RECIPIENTS)
    assert again.artefact("database", "shop").stored_as == "databases/shop.tar.age"  # type: ignore[union-attr]


def test_both_parts_together_are_the_whole() -> None:
    whole = manifest()
    readable = Manifest.from_json(json.loads(json.dumps(readable_part(whole, RECIPIENTS).to_json())))
    again = joined(readable, json.loads(json.dumps(hidden_part(whole))))
    assert dataclasses.replace(again, schema_version=1, recipients=()) == whole


@pytest.mark.parametrize("hidden", [None, [], {}, {"databases": {}, "artefacts": [], "details": {}}, {"databases": 3}])
def test_another_hidden_part_is_refused(hidden: Any) -> None:
    with pytest.raises(DamagedSet, match="encrypted part of the manifest"):
        joined(readable_part(manifest(), RECIPIENTS), hidden)


def test_a_set_that_is_not_encrypted_looks_as_before() -> None:
    values = dataclasses.replace(manifest(), artefacts=()).to_json()
    assert values["schema_version"] == 1 and "recipients" not in values
    assert "encryption" not in json.dumps(dataclasses.replace(manifest(), artefacts=manifest().artefacts[1:]).to_json())


@pytest.mark.parametrize(
    "change",
    [
        {"encryption": "rot13"},
        {"files": []},
        {"files": [{"path": "databases/other.tar.age", "size": 1, "sha256": SHA256}]},
        {"files": [{"path": "databases/shop", "size": 1, "sha256": SHA256}]},
    ],
)
def test_an_artefact_that_is_encrypted_in_another_way_is_refused(change: dict[str, Any]) -> None:
    values = json.loads(json.dumps(readable_part(manifest(), RECIPIENTS).to_json()))
    values["artefacts"][0].update(change)
    with pytest.raises(DamagedSet):
        Manifest.from_json(values)
