# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How databases get their names, and how they get them back: part of the protocol of engines. Private to this collection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Optional

from ansible_collections.vya.backupdb.plugins.module_utils._model import InstanceInfo

#: What a restore does with a database that exists already.
FAIL = "fail"
SKIP = "skip"
REPLACE = "replace"


@dataclass(frozen=True)
class Placement:
    """How restored databases get their names.

    Args:
        if_exists: ``fail``, ``replace`` or ``skip``: what happens where a database has the name already.
        keep_previous: how many databases that had the name before stay, as ``<name>__before_<stamp>``: the one that is
            replaced now, then those with the newest stamps; the others are removed when the new one has its name.
        disconnect: end the sessions of databases that are replaced; without it they forbid that.
        stamp: id of the set, or a moment in the same form.
        keep_failed: leave an incomplete database under the name that it was loaded with, for inspection.
    """

    if_exists: str = FAIL
    keep_previous: int = 1
    disconnect: bool = False
    stamp: str = ""
    keep_failed: bool = False


@dataclass(frozen=True)
class RestoredDatabase:
    """A database that was restored.

    Args:
        recorded: its name in the set or the dump.
        name: its name now.
        seconds: how long it took.
        previous: what the database that had the name before is called now; None where there is none.
        counted: of a part, how many tables have as many rows as the proof says; None where no rows were compared.
    """

    recorded: str
    name: str
    seconds: float
    previous: Optional[str] = None
    counted: Optional[int] = None


@dataclass(frozen=True)
class RollbackRequest:
    """Which databases get back what had their name before.

    Args:
        databases: names, each with the stamp of the one to bring back; None stands for the only one there is.
        stamp: a moment, in the form of a set's id: what is replaced now is kept as ``<name>__before_<stamp>``.
        disconnect: end the sessions of the databases; without it they forbid the rollback.
    """

    databases: Mapping[str, Optional[str]]
    stamp: str
    disconnect: bool = False


@dataclass(frozen=True)
class RollbackStep:
    """One database of a rollback.

    Args:
        name: what it is about.
        previous: the database that gets the name.
        kept: what the one that has the name now will be called; None where there is none.
    """

    name: str
    previous: str
    kept: Optional[str]


@dataclass(frozen=True)
class RollbackPlan:
    """What a rollback would do; making it changes nothing.

    Args:
        info: the server.
        steps: for each database.
        problems: what forbids it, each a sentence with its remedy.
    """

    info: InstanceInfo
    steps: Sequence[RollbackStep]
    problems: Sequence[str] = ()
