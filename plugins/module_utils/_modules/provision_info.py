# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module ``provision_info``: what a bare host needs so that a set can be rebuilt on it. Private to this collection."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from typing import Any

from ansible_collections.vya.backupdb.plugins.module_utils._codec import read_json
from ansible_collections.vya.backupdb.plugins.module_utils._errors import DamagedSet, Unsupported
from ansible_collections.vya.backupdb.plugins.module_utils._modules._options import (
    KEYS,
    REPOSITORY,
    SET,
    keys_from,
    names_from,
)
from ansible_collections.vya.backupdb.plugins.module_utils._modules._request import Request, Spec
from ansible_collections.vya.backupdb.plugins.module_utils._process import Command, find_program
from ansible_collections.vya.backupdb.plugins.module_utils._process import run as run_program
from ansible_collections.vya.backupdb.plugins.module_utils._provision.locales import definitions, missing_locales
from ansible_collections.vya.backupdb.plugins.module_utils._provision.mariadb import MariadbPlanner, MysqlPlanner
from ansible_collections.vya.backupdb.plugins.module_utils._provision.needs import Needs, Planner, Recorded
from ansible_collections.vya.backupdb.plugins.module_utils._provision.postgresql import PostgresqlPlanner
from ansible_collections.vya.backupdb.plugins.module_utils._repository import Repository

_PLANNERS = {"postgresql": PostgresqlPlanner, "mariadb": MariadbPlanner, "mysql": MysqlPlanner}

SPEC = Spec(
    {
        **REPOSITORY,
        **SET,
        **KEYS,
        "release": {"type": "str"},
        "cluster": {"type": "str"},
        "settings": {"type": "dict", "default": {}},
        "packages": {"type": "list", "elements": "str", "default": []},
        "platform": {"type": "dict", "required": True},
    }
)


def run(request: Request) -> dict[str, Any]:
    """Work out what is needed.

    Raises:
        BackupError: the set cannot be read, or is of something that is not a server that can be set up.
    """
    params = request.params
    names_from(params)
    repository = Repository(params["repository"], keys_from(params))
    with repository.open(params["source"], params["instance"], params["set"]) as reader:
        reader.unlock()
        manifest = reader.manifest
        if manifest.flavour not in _PLANNERS or manifest.flavour not in params["platform"]:
            raise Unsupported(
                f"The set of {params['instance']!r} is of {manifest.flavour}, which is not set up by itself on this operating"
                " system.",
                "set up the server yourself, and rebuild without backupdb_provision",
            )
        artefact = reader.artefact("settings")
        reader.verify(artefact)
        settings = read_json(reader.path(artefact))
        if not isinstance(settings, dict):
            raise DamagedSet("The settings of the set are malformed.", "restore another set")
        recorded = Recorded(manifest, settings, params["settings"], params["release"], _memory(), params["cluster"])
        planner: Planner = _PLANNERS[manifest.flavour](
            recorded, params["platform"][manifest.flavour], params["packages"]
        )
        needs = planner.needs()
    for text in needs.warnings:
        request.reporter.warn(text)
    return {
        "changed": False,
        "set": {"id": manifest.set_id, "path": reader.directory, "snapshot_at": manifest.snapshot_at},
        "flavour": manifest.flavour,
        "recorded_version": manifest.server_version,
        "encrypted": bool(manifest.recipients),
        **_described(needs, params),
        **_locales(needs, params["platform"]),
    }


def _described(needs: Needs, params: Mapping[str, Any]) -> Mapping[str, Any]:
    return {
        "release": needs.release,
        "cluster": needs.cluster,
        "programs": needs.programs,
        "packages": sorted({*needs.packages, *params["packages"]}),
        "initialise": needs.initialise,
        "components": needs.components,
        "files": [dataclasses.asdict(item) for item in needs.files],
        "left_out": [{"instance": params["instance"], **dataclasses.asdict(item)} for item in needs.left_out],
        "problems": needs.problems,
        "installed": needs.installed,
        "initialised": needs.initialised,
        "holds_data": needs.holds_data,
        "time_zones": needs.time_zones,
    }


def _locales(needs: Needs, platform: Mapping[str, Any]) -> Mapping[str, Any]:
    """Which locales are missing, and how they are made as soon as the system can say it."""
    there = run_program(Command([find_program("locale"), "-a"], cwd="/")).stdout.decode("utf-8", "replace").split()
    missing = missing_locales(needs.locales, there)
    path = str(platform.get("supported_locales", ""))
    if not missing or not os.path.isfile(path):
        return {"locales": missing, "locale_lines": []}
    with open(path, encoding="utf-8", errors="replace") as stream:
        lines, unknown = definitions(missing, stream.read().splitlines())
    needs.problems.extend(
        f"The locale {name!r}, which databases need, is not known to this operating system. What to do: install it yourself."
        for name in unknown
    )
    return {"locales": missing, "locale_lines": lines}


def _memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
