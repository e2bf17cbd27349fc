# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Dumps made by the field's own tools, loaded by the engine as the module does it."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.vya.backupdb.plugins.module_utils._dumps.detect import SQL
from ansible_collections.vya.backupdb.plugins.module_utils._dumps.reader import DumpPart, examine
from ansible_collections.vya.backupdb.plugins.module_utils._engines.foreign import (
    DumpSource,
    LoadOutcome,
    LoadPlan,
    LoadRequest,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines.placement import Placement
from ansible_collections.vya.backupdb.plugins.module_utils._sql.inventory import take_inventory

from tests.integration.postgresql.rig import engine
from tests.support.postgresql import PostgresServer

STAMP = "20260131T235900Z"


def dump(server: PostgresServer, tool: str, *arguments: str) -> bytes:
    """What one of the server's tools writes to standard output."""
    command = [str(server.bin_dir / tool), *arguments]
    return subprocess.run(command, env=server.client_environment(), check=True, capture_output=True).stdout


def written(directory: Path, text: str | bytes, name: str = "dump") -> Path:
    """A file with a dump."""
    path = directory / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def sources(path: Path, databases: Mapping[str, str] | None = None) -> list[DumpSource]:
    """The dumps in a file; all their databases under their own names, or those that are named."""
    found = []
    for part in examine(str(path)):
        if part.kind == SQL:
            inventory = take_inventory(part.chunks(), "postgresql")
            names = [item.name for item in inventory.databases.values() if item.statements]
        else:
            inventory, names = None, [_archived(part)]
        chosen = {name: name for name in names} if databases is None else databases
        found.append(DumpSource(part, inventory, {name: chosen[name] for name in names if name in chosen}))
    return found


def _archived(part: DumpPart) -> str:
    assert part.header is not None
    return part.header.database or ""


def request(path: Path, databases: Mapping[str, str] | None = None, **options: Any) -> LoadRequest:
    """A request for the dumps in a file; what the placement wants may be among the options."""
    given = {key: options.pop(key) for key in ("if_exists", "keep_previous", "keep_failed") if key in options}
    placement = Placement(stamp=STAMP, **given)
    return LoadRequest(sources(path, databases), placement=placement, **{"jobs": 2, **options})


def plan(server: PostgresServer, path: Path, databases: Mapping[str, str] | None = None, **options: Any) -> LoadPlan:
    """What a load would do."""
    connect = options.pop("connect", {})
    with engine(server, **connect) as used:
        return used.plan_load(request(path, databases, **options))


def load(
    server: PostgresServer,
    path: Path,
    databases: Mapping[str, str] | None = None,
    warnings: list[str] | None = None,
    **options: Any,
) -> LoadOutcome:
    """Load as the module does: planned, without problems, then done.

    warnings: gets those of the plan and of the engine
    """
    connect = options.pop("connect", {})
    wanted = request(path, databases, **options)
    with engine(server, **connect) as used:
        made = used.plan_load(wanted)
        assert list(made.problems) == []
        outcome = used.load(wanted, made)
        if warnings is not None:
            warnings += [*made.warnings, *used.reporter.warnings]
        return outcome


def told(outcome: LoadOutcome) -> Sequence[str]:
    """The errors, as the operator sees them."""
    return [str(error) for error in outcome.errors]
