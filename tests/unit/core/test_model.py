# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Manifests: read back as written, refused when they are not what they claim."""

from __future__ import annotations

import json
from datetime import datetime, timezone

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._errors import DamagedSet
from ansible_collections.vya.backupdb.plugins.module_utils._model import (
    Artefact,
    Database,
    FileEntry,
    Manifest,
    is_set_id,
    set_id_at,
    set_id_time,
)

NOW = "2026-11-21T08:00:00Z"
SHA = "0" * 64


def manifest() -> Manifest:
    return Manifest(
        set_id="20261121T080000Z",
        run_id="20261121T080000Z",
        source="db1",
        instance="main",
        engine="postgresql",
        flavour="postgresql",
        server_version="15.18",
        started=NOW,
        snapshot_at=NOW,
        finished=NOW,
        collection_version="0.1.0",
        databases=(Database("shop", 10, {"owner": "app", "encoding": "UTF8", "lc_collate": "C", "lc_ctype": "C"}),),
        artefacts=(Artefact("roles", "roles", "roles.sql.zst", "sql", "zstd", (FileEntry("roles.sql.zst", 3, SHA),)),),
    )


def test_a_manifest_survives_its_file() -> None:

    again = Manifest.from_json(json.loads(json.dumps(manifest().to_json())))
    assert again.to_json() == manifest().to_json()
    assert again.artefact("roles") is not None and again.artefact("roles").size == 3
    assert again.database("shop") is not None and again.database("other") is None


def test_an_unknown_field_of_a_later_writer_is_passed_over() -> None:
    assert Manifest.from_json({**manifest().to_json(), "later": 1}).set_id == "20261121T080000Z"


def test_a_newer_manifest_is_refused_by_name() -> None:
    with pytest.raises(DamagedSet, match="format version 3; this collection reads up to 2") as caught:
        Manifest.from_json({**manifest().to_json(), "schema_version": 3, "collection_version": "9.0.0"})
    assert "written by 9.0.0" in str(caught.value)


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "a/../b", "", "a//b", "./a", "a/.", "a\0b"], ids=repr)
def test_f05_a_path_out_of_the_set_is_refused(path: str) -> None:
    data = manifest().to_json()
    for change in (
        {"path": path},
        {"files": [{"path": path, "size": 1, "sha256": SHA}]},
    ):
        with pytest.raises(DamagedSet, match="leaves the set"):
            Manifest.from_json({**data, "artefacts": [{**data["artefacts"][0], **change}]})


@pytest.mark.parametrize(
    "damage",
    [
        {"schema_version": None},
        {"set_id": "yesterday"},
        {"started": "2026"},
        {"artefacts": [{}]},
        {"artefacts": 3},
        {"databases": [{"nome": 1}]},
        {"artefacts": [{**manifest().to_json()["artefacts"][0], "files": [{"path": "a", "size": -1, "sha256": SHA}]}]},
        {"artefacts": [{**manifest().to_json()["artefacts"][0], "files": [{"path": "a", "size": 1, "sha256": "x"}]}]},
    ],
)
def test_a_malformed_manifest_is_refused(damage: dict) -> None:
    with pytest.raises(DamagedSet):
        Manifest.from_json({**manifest().to_json(), **damage})
    with pytest.raises(DamagedSet):
        Manifest.from_json([])


def test_set_ids() -> None:
    moment = datetime(2026, 11, 21, 8, tzinfo=timezone.utc)
    assert set_id_at(moment) == "20261121T080000Z" and set_id_time("20261121T080000Z") == moment
    for text in ("20261399T080000Z", "20261121T080000", "20261121T080000Z\n", "latest", ""):
        assert not is_set_id(text)
