# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module ``copy_push``: sets of the repository to a copy. Private to this collection."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone, tzinfo
from typing import Any, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._copies.holdings import Held, complete, holdings
from ansible_collections.vya.backupdb.plugins.module_utils._copies.rclone import Rclone
from ansible_collections.vya.backupdb.plugins.module_utils._copies.state import alone, forget_copy, record_copy
from ansible_collections.vya.backupdb.plugins.module_utils._copies.transfer import (
    push_marks,
    push_set,
    remove_set,
    set_parts,
)
from ansible_collections.vya.backupdb.plugins.module_utils._drills import drilled
from ansible_collections.vya.backupdb.plugins.module_utils._errors import (
    BackupError,
    CopyFailed,
    Incomplete,
    Interrupted,
    NoSuchSet,
    UsageError,
)
from ansible_collections.vya.backupdb.plugins.module_utils._layout import SIGNATURE
from ansible_collections.vya.backupdb.plugins.module_utils._model import set_id_time, timestamp
from ansible_collections.vya.backupdb.plugins.module_utils._modules._copy_options import (
    COPY,
    asked_copy,
    lag_between,
    trust_from,
    utc_now,
)
from ansible_collections.vya.backupdb.plugins.module_utils._modules._options import PROGRESS, REPOSITORY, names_from
from ansible_collections.vya.backupdb.plugins.module_utils._modules._policy import retention_from
from ansible_collections.vya.backupdb.plugins.module_utils._modules._request import FailedResult, Request, Spec
from ansible_collections.vya.backupdb.plugins.module_utils._modules._results import LIMIT
from ansible_collections.vya.backupdb.plugins.module_utils._repository import Listed, Repository
from ansible_collections.vya.backupdb.plugins.module_utils._retention import (
    Candidate,
    Decision,
    Policy,
    plan,
)
from ansible_collections.vya.backupdb.plugins.module_utils._set_states import hold_of
from ansible_collections.vya.backupdb.plugins.module_utils._verifications import verification

SPEC = Spec({**REPOSITORY, **COPY, "newest": {"type": "int"}, **PROGRESS})


@dataclass
class _Outcome:
    """What a run has done."""

    copied: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    bytes: int = 0
    problems: list[str] = field(default_factory=list)


def run(request: Request) -> dict[str, Any]:
    """Bring the sets of an instance that a copy lacks there, and remove those that its retention lets go.

    Raises:
        BackupError: the copy cannot be reached, or an option makes no sense.
        FailedResult: not every set could be copied.
    """
    params = request.params
    names_from(params)
    if params["newest"] is not None and params["newest"] < 1:
        raise UsageError(f"newest is {params['newest']}.", "give at least 1, or leave it out for every set")
    return _Push(request).run()


class _Push:
    """One run of the module."""

    def __init__(self, request: Request) -> None:
        params = request.params
        self.request = request
        self.source, self.instance = params["source"], params["instance"]
        self.repository = Repository(params["repository"], trust_from(params))
        copy = asked_copy(params)
        retention = params["copy"].get("retention")
        self.policy: Optional[Policy] = None
        self.zone: tzinfo = timezone.utc
        if retention:
            self.policy, self.zone = retention_from(retention)
        self.now = utc_now()
        self.rclone = Rclone(copy, request.reporter)
        self.outcome = _Outcome()

    def run(self) -> dict[str, Any]:
        """Copy and remove."""
        directory = self.repository.instance_directory(self.source, self.instance)
        request = self.request
        listed = list(self.repository.sets(self.source, self.instance))
        if not listed:
            # A disk that is not mounted, perhaps; a copy of nothing is none.
            raise NoSuchSet(
                f"The repository {self.repository.root} holds no set of {self.instance!r} of {self.source!r}.",
                "make a backup first; check that the repository is where it should be",
            )
        if request.check:
            return self._result(*self._copy(listed))
        with alone(directory, f"{self.instance!r} of {self.source!r}"):
            return self._result(*self._copy(listed))

    def _copy(self, listed: Sequence[Listed]) -> tuple[Optional[str], Optional[str], int]:
        """Do it; returns the newest set here and in the copy, and how many the copy holds."""
        reporter = self.request.reporter
        reporter.phase("listing")
        found = holdings(self.rclone, self.source, self.instance)
        held = {item.set_id: item for item in complete(found)}
        here = self._good(listed)
        wanted = self._wanted(here, held)
        reporter.phase("removing")
        for item in found:
            # Before anything is copied: a set may be wanted again whose removal was begun.
            if item.going and not item.complete:
                self._remove(item.set_id, going=True)
        reporter.phase("copying")
        there = set(held)
        for set_id in sorted(wanted, reverse=True):
            if set_id in held:
                self._refresh(here[set_id], held[set_id])
            elif self._push(here[set_id]):
                there.add(set_id)
        reporter.phase("removing")
        for decision in self._plan(here, there):
            if not decision.keep:
                self._remove(decision.candidate.set_id)
                there.discard(decision.candidate.set_id)
        if not self.request.check:
            for set_id in set(here) - there:
                # Somebody else may have removed it there.
                forget_copy(here[set_id].path, self.rclone.copy.name)
        reporter.phase("")
        return max(here, default=None), max(there, default=None), len(there)

    def _good(self, listed: Sequence[Listed]) -> dict[str, Listed]:
        """Sets of the repository that are worth a copy; what is wrong with others is a problem."""
        here = {}
        for item in listed:
            known = verification(item.path)
            if item.manifest is None:
                self.outcome.problems.append(f"{item.set_id}: {item.problem}")
            elif known is not None and not known["ok"]:
                self.outcome.problems.append(f"{item.set_id}: a verification found it damaged; it is not copied")
            else:
                here[item.set_id] = item
        return here

    def _wanted(self, here: Mapping[str, Listed], held: Mapping[str, Held]) -> list[str]:
        """Which sets of the repository the copy is to hold."""
        wanted = sorted(here)[-(self.request.params["newest"] or 0) :]
        if self.policy is None:
            return wanted
        kept = {item.candidate.set_id for item in self._plan(here, {*here, *held}) if item.keep}
        return [set_id for set_id in wanted if set_id in kept]

    def _plan(self, here: Mapping[str, Listed], set_ids: set[str]) -> list[Decision]:
        if self.policy is None:
            return []
        return plan([_candidate(set_id, here.get(set_id)) for set_id in set_ids], self.policy, self.now, self.zone)

    def _push(self, item: Listed) -> bool:
        if self.request.check:
            self._copied(item)
            return True
        try:
            # Opened now, and so kept from being removed while it is read.
            reader = self.repository.open(self.source, self.instance, item.set_id)
            push_set(self.rclone, reader, self.source, self.instance)
        except (CopyFailed, Interrupted):
            raise
        except BackupError as error:
            # Of this set alone.
            self.outcome.problems.append(f"{item.set_id}: {error.message}")
            return False
        self.request.reporter.changed = True
        self._copied(item)
        record_copy(item.path, self.rclone.copy.name, timestamp(utc_now()))
        return True

    def _copied(self, item: Listed) -> None:
        self.outcome.copied.append(item.set_id)
        self.outcome.bytes += item.manifest.size if item.manifest else 0

    def _refresh(self, item: Listed, held: Held) -> None:
        """What may have come to a set since it was copied: a signature."""
        signature = os.path.join(item.path, SIGNATURE)
        size = os.path.getsize(signature) if os.path.isfile(signature) else None
        if self.request.check:
            return
        if size is not None and held.sizes.get(SIGNATURE) != size:
            push_marks(self.rclone, item.path, set_parts(self.source, self.instance, item.set_id))
            self.request.reporter.changed = True
        record_copy(item.path, self.rclone.copy.name, timestamp(self.now))

    def _remove(self, set_id: str, going: bool = False) -> None:
        self.outcome.removed.append(set_id)
        if self.request.check:
            return
        self.request.reporter.changed = True
        remove_set(self.rclone, self.source, self.instance, set_id, going)

    def _result(self, newest: Optional[str], copied: Optional[str], total: int) -> dict[str, Any]:
        outcome = self.outcome
        result = {
            "changed": bool(outcome.copied or outcome.removed) or self.request.reporter.changed,
            "copy": self.rclone.copy.name,
            "copied": outcome.copied[:LIMIT],
            "bytes": outcome.bytes,
            "removed": outcome.removed[:LIMIT],
            "total": total,
            "newest": copied,
            "lag": lag_between(newest, copied),
            "phases": dict(self.request.reporter.phases),
        }
        if outcome.problems:
            raise FailedResult(
                Incomplete(
                    f"Not every set of {self.instance!r} of {self.source!r} could be brought to {self.rclone.copy.words}:",
                    "verify the repository, and make a new backup; what is good was copied",
                    outcome.problems[:LIMIT],
                ),
                result,
            )
        return result


def _candidate(set_id: str, item: Optional[Listed]) -> Candidate:
    """A set for the retention of the copy; what a copy lists was verified when it came there."""
    started: datetime = set_id_time(set_id)
    if item is None:
        return Candidate(set_id, started, verified=True)
    drill = drilled(item.path)
    size = item.manifest.size if item.manifest else 0
    return Candidate(
        set_id, started, size, verified=True, proven=drill is not None and drill.proven, hold=hold_of(item.path)
    )
