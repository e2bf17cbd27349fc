# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Giving databases back what had their names before a restore: renamings, however large they are. Private to this collection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.connection import (
    APPLICATION,
    Access,
    explained,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.instance import Server
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.occupants import (
    irreplaceable,
    obstacles,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.swap import (
    LONGEST_NAME,
    Swap,
    open_beside,
    swap,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines.placement import (
    RollbackPlan,
    RollbackRequest,
    RollbackStep,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines.previous import previous_name, previous_of
from ansible_collections.vya.backupdb.plugins.module_utils._errors import BackupError
from ansible_collections.vya.backupdb.plugins.module_utils._progress import Reporter

if TYPE_CHECKING:
    from psycopg import Connection as Session


class RollbackPlanner:
    """Finds what each database was before.

    Args:
        access: the way to the server.
        session: to any database of it.
        server: what it is.
        request: what to bring back.
    """

    def __init__(self, access: Access, session: Session[Any], server: Server, request: RollbackRequest) -> None:
        self._access = access
        self._session = session
        self._server = server
        self._request = request
        self._names = {database.name for database in server.databases}
        self._taken = set(self._names)
        self._problems: list[str] = []

    def find(self) -> tuple[list[RollbackStep], list[str]]:
        """The steps, and what forbids them."""
        if self._server.standby:
            self._problems.append("The server is a standby, which cannot be changed: work on its primary.")
        steps = [self._step(name, stamp) for name, stamp in self._request.databases.items()]
        return [step for step in steps if step is not None], self._problems

    def _step(self, name: str, stamp: Optional[str]) -> Optional[RollbackStep]:
        previous = self._previous(name, stamp)
        if previous is None:
            return None
        kept = None
        if name in self._names:
            kept = previous_name(name, self._request.stamp, self._taken, LONGEST_NAME, True)
            self._taken.add(kept)
        for database in (name, previous):
            self._problems += irreplaceable(self._session, self._server, database)
            self._problems += obstacles(self._session, database, self._access.backends, self._request.disconnect)
        return RollbackStep(name, previous, kept)

    def _previous(self, name: str, stamp: Optional[str]) -> Optional[str]:
        found = previous_of(name, self._names, LONGEST_NAME, True)
        there = ", ".join(found)
        if stamp is not None:
            wanted = previous_name(name, stamp, (), LONGEST_NAME, True)
            if wanted in found:
                return wanted
            self._problems.append(
                f"There is no {wanted!r} to bring {name!r} back from."
                + (f" There are: {there}. Name the stamp of one of them." if found else "")
            )
        elif len(found) == 1:
            return found[0]
        elif found:
            self._problems.append(
                f"There are {len(found)} previous databases of {name!r}: {there}. Say which one with its stamp."
            )
        else:
            self._problems.append(
                f"There is no previous database of {name!r}: correct the name, or restore a set to go further back."
            )
        return None


def roll_back(access: Access, reporter: Reporter, request: RollbackRequest, plan: RollbackPlan) -> None:
    """Exchange the databases, one after the other.

    Args:
        access: the way to the server.
        reporter: is told of every change.
        request: what was asked for.
        plan: the steps.

    Raises:
        BackupError: one of them failed; its details name those that were exchanged before.
    """
    done: list[str] = []
    for step in plan.steps:
        session = open_beside(access, {step.name, step.previous}, APPLICATION)
        try:
            with explained(f"giving {step.name} back what it was"):
                change = Swap(step.name, step.previous, step.kept, ours=False)
                swap(access, session, change, request.disconnect)
        except BackupError as error:
            error.details = (*error.details, *done)
            raise
        finally:
            access.forget(session)
        reporter.changed = True
        kept = "" if step.kept is None else f"; what it was until now is called {step.kept!r}"
        done.append(f"{step.name!r} is what was called {step.previous!r} already{kept}.")
