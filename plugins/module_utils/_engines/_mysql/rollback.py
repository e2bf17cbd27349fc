# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Giving databases back what they were before a restore. Private to this collection."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Optional

from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.connection import Server, Session
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.instance import inspect
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.occupants import replace_problems
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.previous_databases import (
    name_for_previous,
    previous_databases,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.shadow import Run, exists, is_empty
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.swap import (
    Exchange,
    Swap,
    cut_off,
    recover,
    vanishing,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines.placement import (
    RollbackPlan,
    RollbackRequest,
    RollbackStep,
)
from ansible_collections.vya.backupdb.plugins.module_utils._errors import Impossible
from ansible_collections.vya.backupdb.plugins.module_utils._progress import Reporter


def plan_rollback(server: Server, request: RollbackRequest) -> RollbackPlan:
    """What a rollback would do; making it changes nothing."""
    info = inspect(server)
    problems: list[str] = []
    steps: list[RollbackStep] = []
    with server.session() as session:
        # What is left of a run that died is put right before the rollback.
        gone = {name for journal in cut_off(session).values() for name in vanishing(session, journal)}
        for name, stamp in request.databases.items():
            step, problem = _step(session, name, stamp, request.stamp, gone)
            problems += [problem] if problem else []
            steps += [step] if step else []
        replaced = [step.name for step in steps if step.kept is not None]
        problems += replace_problems(session, replaced, request.disconnect)
        problems += replace_problems(session, [step.previous for step in steps], request.disconnect)
    return RollbackPlan(info, tuple(steps), tuple(dict.fromkeys(problems)))


def _step(
    session: Session, name: str, stamp: Optional[str], now: str, gone: Collection[str]
) -> tuple[Optional[RollbackStep], Optional[str]]:
    there = [item for item in previous_databases(session, name) if item not in gone]
    listed = ", ".join(there[:20]) or "none"
    # Where names are kept in small letters the stamp is too.
    found = [item for item in there if stamp is None or item.lower().endswith(f"__before_{stamp}".lower())]
    if not there:
        return None, f"Database {name} has no previous one (nothing is called {name}__before_…): restore it from a set."
    if not found:
        return None, f"Database {name} has no previous one of {stamp}: choose among {listed}."
    if len(found) > 1:
        return None, f"Database {name} has several previous ones: say which by its stamp, of {listed}."
    occupied = name not in gone and exists(session, name) and not is_empty(session, name)
    return RollbackStep(name, found[0], name_for_previous(session, name, now) if occupied else None), None


def roll_back(server: Server, request: RollbackRequest, plan: RollbackPlan, reporter: Reporter) -> None:
    """Exchange the databases as planned, one after the other.

    Raises:
        BackupError: one could not be exchanged, and is as it was; those before it are exchanged.
    """
    reporter.phase("roll back")
    recover(server, reporter)
    found = plan_rollback(server, request)
    if found.problems or _essence(found.steps) != _essence(plan.steps):
        raise Impossible(
            "The rollback is not possible any more:",
            "solve what is listed, then run again",
            found.problems or ("other databases are there than when it was planned",),
        )
    with server.session() as session:
        run = Run(session)
        for step in found.steps:
            Swap(server, run.lock, reporter, request.disconnect).run([Exchange(step.previous, step.name, step.kept)])


def _essence(steps: Sequence[RollbackStep]) -> list[tuple[str, str, bool]]:
    return [(step.name, step.previous, step.kept is None) for step in steps]
