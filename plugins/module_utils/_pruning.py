# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pruning the sets of an instance: what is known of them, what a policy says, and what goes. Private to this collection."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from functools import partial
from typing import Optional

from ansible_collections.vya.backupdb.plugins.module_utils._drills import drilled
from ansible_collections.vya.backupdb.plugins.module_utils._errors import BackupError, Interrupted
from ansible_collections.vya.backupdb.plugins.module_utils._layout import REMOVING, encode_name
from ansible_collections.vya.backupdb.plugins.module_utils._model import set_id_time
from ansible_collections.vya.backupdb.plugins.module_utils._progress import Reporter
from ansible_collections.vya.backupdb.plugins.module_utils._removal import (
    forget,
    in_use,
    left_aside,
    opened,
    put_aside,
    remove_aside,
)
from ansible_collections.vya.backupdb.plugins.module_utils._repository import Listed, Repository
from ansible_collections.vya.backupdb.plugins.module_utils._retention import IN_USE, Candidate, Decision, Policy, plan
from ansible_collections.vya.backupdb.plugins.module_utils._set_reader import SetReader
from ansible_collections.vya.backupdb.plugins.module_utils._set_states import hold_of
from ansible_collections.vya.backupdb.plugins.module_utils._verifications import READ_THROUGH, verification

_MOST_NAMES = 3


@dataclass(frozen=True)
class Asked:
    """What to prune, and by which rules.

    Args:
        source: the host that the instance lives on.
        instance: its name.
        policy: the rules.
        now: when holds are to have ended.
        zone: whose days, weeks, months and years count.
    """

    source: str
    instance: str
    policy: Policy
    now: datetime
    zone: tzinfo


@dataclass
class Pruned:
    """What a prune did, or would do.

    Args:
        decisions: one for each set, the newest first.
        removed: ids of the sets that are gone, or would be.
        freed: bytes of these.
        swept: ids of sets whose removal an earlier run had begun.
        errors: what could not be removed, each a sentence.
    """

    decisions: list[Decision] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    freed: int = 0
    swept: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def dry_run(repository: Repository, asked: Asked) -> Pruned:
    """Say what a prune would do, and change nothing.

    Raises:
        RepositoryError: the repository cannot be read.
    """
    directory = repository.directory_of(asked.source, asked.instance)
    if directory is None:
        return Pruned()
    with opened(directory) as descriptor:
        decisions = _decide(repository, asked, descriptor)
        going = [decision.candidate for decision in decisions if not decision.keep]
        return Pruned(
            decisions, [item.set_id for item in going], sum(item.size for item in going), left_aside(descriptor)
        )


def prune(repository: Repository, asked: Asked, reporter: Reporter) -> Pruned:
    """Remove what no rule keeps.

    The instance's lock is held until everything that goes has another name; the files are removed after that, so that no
    backup waits for it.

    Raises:
        RepositoryError: the repository cannot be read, or a backup is running.
    """
    outcome = Pruned()
    with repository.pruning(asked.source, asked.instance) as directory:
        if directory is None:
            return outcome
        with opened(directory) as descriptor:
            reporter.phase("plan")
            outcome.swept = left_aside(descriptor)
            aside = _put_aside(_decide(repository, asked, descriptor), descriptor, directory, asked.now, outcome)
            reporter.changed = bool(aside)
            os.fsync(descriptor)
            for set_id in (*outcome.swept, *(item.set_id for item in aside)):
                forget(descriptor, set_id)
    with opened(directory) as descriptor:
        reporter.phase("remove")
        _remove(aside, descriptor, outcome, reporter)
    reporter.phase("")
    return outcome


def _put_aside(
    decisions: Sequence[Decision], descriptor: int, directory: str, now: datetime, outcome: Pruned
) -> list[Candidate]:
    """Rename the sets that go; a set that somebody begins to read or to hold in this moment stays."""
    aside = []
    for decision in decisions:
        item, final = decision.candidate, decision
        if not decision.keep:
            try:
                if put_aside(descriptor, item.set_id, partial(_held, os.path.join(directory, item.set_id), now)):
                    aside.append(item)
                else:
                    final = dataclasses.replace(decision, keep=True, rules=(IN_USE,), reason="in use")
            except OSError as error:
                outcome.errors.append(f"{item.set_id}: {error.strerror}")
        outcome.decisions.append(final)
    return aside


def _held(path: str, now: datetime) -> bool:
    hold = hold_of(path)
    return hold is not None and hold.holds(now)


def _remove(aside: Sequence[Candidate], descriptor: int, outcome: Pruned, reporter: Reporter) -> None:
    total = len(outcome.swept) + len(aside)
    sizes = {item.set_id: item.size for item in aside}
    for number, set_id in enumerate((*outcome.swept, *sizes)):
        reporter.progress(set_id, number, total, "sets")
        try:
            remove_aside(descriptor, set_id)
        except OSError as error:
            outcome.errors.append(f"{set_id + REMOVING}: {error.strerror}: {error.filename}")
            continue
        except Interrupted:
            raise
        except BackupError as error:
            outcome.errors.append(f"{set_id + REMOVING}: {error.message}")
            continue
        reporter.changed = True
        if set_id in sizes:
            outcome.removed.append(set_id)
            outcome.freed += sizes[set_id]


def _decide(repository: Repository, asked: Asked, descriptor: int) -> list[Decision]:
    """Plan; what would go is looked at more closely, and planned again with what that has shown."""
    listed = repository.sets(asked.source, asked.instance)
    candidates = {item.set_id: (_candidate(item), item.path) for item in listed}
    decisions = _plan(asked, [candidate for candidate, _path in candidates.values()])
    closer = {
        decision.candidate.set_id: _closer(decision.candidate, candidates[decision.candidate.set_id][1], descriptor)
        for decision in decisions
        if not decision.keep
    }
    if all(item.problem is None and not item.in_use for item in closer.values()):
        return decisions
    return _plan(asked, [closer.get(set_id, item) for set_id, (item, _path) in candidates.items()])


def _plan(asked: Asked, candidates: Sequence[Candidate]) -> list[Decision]:
    return plan(candidates, asked.policy, asked.now, asked.zone)


def _candidate(item: Listed) -> Candidate:
    known = verification(item.path)
    good = known is not None and bool(known["ok"])
    drill = drilled(item.path)
    return Candidate(
        set_id=item.set_id,
        started=set_id_time(item.set_id),
        size=item.manifest.size if item.manifest else 0,
        verified=good and known is not None and known["level"] in READ_THROUGH,
        proven=drill is not None and drill.proven,
        damaged=known is not None and not good,
        hold=hold_of(item.path),
        problem=_problem(item),
    )


def _problem(item: Listed) -> Optional[str]:
    """Why a set is not surely ours."""
    manifest = item.manifest
    if manifest is None:
        return f"left alone: {item.problem}"
    source, instance, set_id = item.path.split(os.sep)[-3:]
    if (encode_name(manifest.source), encode_name(manifest.instance), manifest.set_id) != (source, instance, set_id):
        return (
            f"left alone: its manifest is of the set {manifest.set_id} of {manifest.instance!r} of {manifest.source!r}"
        )
    owner = os.lstat(item.path).st_uid
    if owner != os.geteuid():
        return f"left alone: it belongs to another account (uid {owner})"
    return None


def _closer(candidate: Candidate, path: str, descriptor: int) -> Candidate:
    """A set that would go: is everything in it of it, and does nobody read it?"""
    try:
        reader = SetReader(path)
        unexpected = reader.unexpected()
        if unexpected:
            names = ", ".join(unexpected[:_MOST_NAMES])
            return dataclasses.replace(candidate, problem=f"left alone: it holds what is not of it: {names}")
        return dataclasses.replace(candidate, in_use=in_use(descriptor, candidate.set_id))
    except Interrupted:
        raise
    except BackupError as error:
        return dataclasses.replace(candidate, problem=f"left alone: {error.message}")
    except OSError as error:
        return dataclasses.replace(candidate, problem=f"left alone: it cannot be locked: {error.strerror}")
