# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sets for the tests: as far as servers are set up from them."""

from __future__ import annotations

from typing import Any

from ansible_collections.vya.backupdb.plugins.module_utils._model import Artefact, Database, Manifest
from ansible_collections.vya.backupdb.plugins.module_utils._provision.needs import Recorded

_MOMENT = "2026-11-21T08:00:00Z"


def recorded(
    flavour: str,
    version: str,
    settings: dict[str, Any],
    facts: dict[str, Any] | None = None,
    properties: dict[str, Any] | None = None,
    extensions: tuple[str, ...] = (),
    **more: Any,
) -> Recorded:
    """A set of one database."""
    databases = [Database("shop", 1, properties or {})]
    artefacts = [
        Artefact(
            "database", "shop", "databases/shop", "x", "none", (), {"extensions": [[name, "1"] for name in extensions]}
        )
    ]
    manifest = Manifest(
        set_id="20261121T080000Z",
        run_id="run",
        source="db1",
        instance="main",
        engine="postgresql" if flavour == "postgresql" else "mysql",
        flavour=flavour,
        server_version=version,
        started=_MOMENT,
        snapshot_at=_MOMENT,
        finished=_MOMENT,
        collection_version="0.1.0",
        databases=databases,
        artefacts=artefacts,
        details={"facts": facts or {}, "superuser": "postgres"},
    )
    return Recorded(manifest, settings, memory=8 << 30, **more)
