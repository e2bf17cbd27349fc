# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The part of the protocol of engines that is about dumps made by other tools. Private to this collection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._engines.part import Included, Part
from ansible_collections.vya.backupdb.plugins.module_utils._engines.placement import Placement, RestoredDatabase
from ansible_collections.vya.backupdb.plugins.module_utils._model import InstanceInfo

if TYPE_CHECKING:
    # What reads dumps is much, and a module that reads none would have to wait for it.
    from ansible_collections.vya.backupdb.plugins.module_utils._dumps.reader import DumpPart
    from ansible_collections.vya.backupdb.plugins.module_utils._sql.inventory import Inventory

#: What a load does at the first statement that fails.
STOP = "stop"
CONTINUE = "continue"


@dataclass(frozen=True)
class DumpSource:
    """One dump, and what of it to load.

    Args:
        part: how to read it.
        inventory: what its statements say; None for an archive of pg_dump, which is no SQL.
        databases: name in the dump -> name to load it under; the name is empty where the dump does not say one.
    """

    part: DumpPart
    inventory: Optional[Inventory]
    databases: Mapping[str, str]


@dataclass(frozen=True)
class LoadRequest:
    """What to load, and how.

    Args:
        sources: the dumps; no two databases of them get the same name.
        roles: ``all``, ``referenced`` (those that the databases need) or ``none``: which statements on roles are applied.
        placement: what happens to what is there already.
        jobs: how much runs at a time, over all databases.
        analyze: compute the planner's statistics afterwards.
        on_error: ``stop`` at the first statement that fails, or ``continue`` to find all that do. Both fail, and no
            database gets its final name.
        error_limit: how many errors are kept.
        part: what of each database is loaded.
    """

    sources: Sequence[DumpSource]
    roles: str = "none"
    placement: Placement = field(default_factory=Placement)
    jobs: int = 1
    analyze: bool = True
    on_error: str = STOP
    error_limit: int = 50
    part: Part = field(default_factory=Part)


@dataclass(frozen=True)
class StatementError:
    """A statement that the server refused.

    Args:
        dump: `DumpPart.label`.
        line: where it begins in the dump, unpacked, from 1; 0 where that is not known.
        head: its beginning, up to where a secret could stand.
        message: what the server said.
    """

    dump: str
    line: int
    head: str
    message: str

    def __str__(self) -> str:
        where = f"{self.dump}, line {self.line}" if self.line else self.dump
        return f"{where}: {self.head}: {self.message}"


@dataclass(frozen=True)
class LoadPlan:
    """What a load would do; making it changes nothing.

    Args:
        info: the server.
        databases: for each source that has some, in the order of the request: name in the dump -> target name of those to load.
        replaced: target name -> what the database that has it now will be called; empty where it is removed.
        skipped: target names that exist and stay as they are.
        roles: what would be applied: ``create role app``; without secrets.
        problems: what forbids the load, each a sentence with its remedy.
        warnings: what the operator should know: statements on roles that are left out, repaired names, what may still
            refer to an old name, with its line.
        included: name in the dump -> what the chosen part of it comes to, where that is not all.
    """

    info: InstanceInfo
    databases: Sequence[Mapping[str, str]]
    replaced: Mapping[str, str] = field(default_factory=dict)
    skipped: Sequence[str] = ()
    roles: Sequence[str] = ()
    problems: Sequence[str] = ()
    warnings: Sequence[str] = ()
    included: Mapping[str, Included] = field(default_factory=dict)

    @property
    def changes(self) -> bool:
        """Whether anything would change."""
        return bool(self.roles) or any(self.databases)


@dataclass(frozen=True)
class LoadOutcome:
    """What a load did.

    Args:
        databases: that have their names now; empty if there are errors. Where rows alone are loaded, those that have them.
        roles: what was applied.
        errors: statements that failed; with any, the load has failed.
        error_count: how many there were, also beyond the limit.
    """

    databases: Sequence[RestoredDatabase]
    roles: Sequence[str] = ()
    errors: Sequence[StatementError] = ()
    error_count: int = 0
