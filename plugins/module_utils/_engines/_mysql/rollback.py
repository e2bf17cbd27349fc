# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Giving databases back what they were before a restore. Private to this collection."""

from __future__ import annotations

from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.connection import Server
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.instance import inspect
from ansible_collections.vya.backupdb.plugins.module_utils._engines.placement import RollbackPlan, RollbackRequest
from ansible_collections.vya.backupdb.plugins.module_utils._progress import Reporter


def plan_rollback(server: Server, request: RollbackRequest) -> RollbackPlan:
    """What a rollback would do; making it changes nothing."""
    return RollbackPlan(inspect(server), (), [f"Database {name} cannot be rolled back." for name in request.databases])


def roll_back(server: Server, request: RollbackRequest, plan: RollbackPlan, reporter: Reporter) -> None:
    """Exchange the databases as planned."""
    reporter.phase("roll back")
