# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What loading dumps of other tools would do, and what forbids it. Private to this collection."""

from __future__ import annotations

from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.connection import Server
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.instance import inspect
from ansible_collections.vya.backupdb.plugins.module_utils._engines.foreign import LoadPlan, LoadRequest


def plan_load(server: Server, request: LoadRequest) -> LoadPlan:
    """What loading dumps would do, from their inventories and the server."""
    return LoadPlan(
        inspect(server),
        tuple(dict(source.databases) for source in request.sources),
        problems=("Dumps of other tools cannot be loaded into MySQL or MariaDB yet: load a set.",),
    )
