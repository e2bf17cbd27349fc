# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What drills have shown of sealed sets, remembered beside them. Private to this collection.

A sealed set never changes, so the facts lie in ``.state/<set id>.drill.json``. They are for lists and for retention; the
record that counts is the ledger.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._errors import RepositoryError
from ansible_collections.vya.backupdb.plugins.module_utils._model import parse_timestamp
from ansible_collections.vya.backupdb.plugins.module_utils._set_states import read_state, write_state

_KIND = "drill"
PASSED = "passed"
FAILED = "failed"


@dataclass(frozen=True)
class Drilled:
    """What is known of a set from drills.

    Args:
        at: when the last drill of it ended, as :func:`timestamp` writes it.
        verdict: of that drill, ``passed`` or ``failed``; it fails also when an assertion or an objective is missed.
        proven_at: when a drill last rebuilt the set without a difference; None if none did, or if a later one found that
            it cannot be rebuilt equal.
        recovery_seconds: what the last drill needed from the first byte read to the end of the proof; None if it failed
            before.
    """

    at: str
    verdict: str
    proven_at: Optional[str] = None
    recovery_seconds: Optional[float] = None

    @property
    def proven(self) -> bool:
        """Whether a drill has rebuilt the set without a difference, and none has found the contrary since."""
        return self.proven_at is not None


def record_drill(
    set_path: str, at: str, verdict: str, proven: Optional[bool], recovery_seconds: Optional[float] = None
) -> Drilled:
    """Remember what a drill of a set has shown.

    Args:
        set_path: the set's directory.
        at: when the drill ended, as :func:`timestamp` writes it.
        verdict: ``passed`` or ``failed``.
        proven: whether it was rebuilt without a difference; None where the drill did not find that out.
        recovery_seconds: what it needed.

    Raises:
        RepositoryError: it cannot be written.
    """
    before = drilled(set_path)
    known = Drilled(at, verdict, before.proven_at if before else None, recovery_seconds)
    if proven is not None:
        known = replace(known, proven_at=at if proven else None)
    write_state(set_path, _KIND, asdict(known))
    return known


def drilled(set_path: str) -> Optional[Drilled]:
    """What is known of a set; None if no drill was ever made of it.

    What is not ours or not readable is as good as nothing: it only says what can be found out again.
    """
    try:
        found = read_state(set_path, _KIND)
    except RepositoryError:
        return None
    return None if found is None else _from_json(found)


def _from_json(found: Mapping[str, Any]) -> Optional[Drilled]:
    seconds, proven_at = found.get("recovery_seconds"), found.get("proven_at")
    if found.get("verdict") not in (PASSED, FAILED) or not isinstance(seconds, (int, float, type(None))):
        return None
    moments = [str(found.get("at"))] + ([] if proven_at is None else [str(proven_at)])
    try:
        for moment in moments:
            parse_timestamp(moment)
    except ValueError:
        return None
    return Drilled(moments[0], str(found["verdict"]), moments[1] if len(moments) > 1 else None, seconds)
