# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module ``hold``: keeps a set from being pruned. Private to this collection."""

from __future__ import annotations

import os
from datetime import datetime, timezone
from typing import Any, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._errors import UsageError
from ansible_collections.vya.backupdb.plugins.module_utils._model import parse_timestamp, timestamp
from ansible_collections.vya.backupdb.plugins.module_utils._modules._options import REPOSITORY, names_from
from ansible_collections.vya.backupdb.plugins.module_utils._modules._request import Request, Spec
from ansible_collections.vya.backupdb.plugins.module_utils._modules._results import lines
from ansible_collections.vya.backupdb.plugins.module_utils._repository import Repository
from ansible_collections.vya.backupdb.plugins.module_utils._retention import Hold
from ansible_collections.vya.backupdb.plugins.module_utils._set_locks import ReadLock
from ansible_collections.vya.backupdb.plugins.module_utils._set_states import HOLD, hold_of, record_hold, remove_state

SPEC = Spec(
    {
        **REPOSITORY,
        "set": {"type": "str", "required": True},
        "hold": {"type": "bool", "default": True},
        "reason": {"type": "str"},
        "until": {"type": "str"},
    }
)


def run(request: Request) -> dict[str, Any]:
    """Hold a set, or let it go.

    Raises:
        BackupError: there is no such set, or an option makes no sense.
    """
    params = request.params
    names_from(params)
    now = datetime.now(timezone.utc)
    wanted = _wanted(params["hold"], params["reason"], params["until"], now)
    path = Repository(params["repository"]).path_of(params["source"], params["instance"], params["set"])
    before = hold_of(path)
    if before != wanted and not request.check:
        if wanted is None:
            remove_state(path, HOLD)
        else:
            # Held against a prune that is deciding in this moment.
            lock = ReadLock(path)
            record_hold(path, wanted, timestamp(now))
            lock.release()
    result: dict[str, Any] = {
        "changed": before != wanted,
        "set": {"id": os.path.basename(path), "path": path},
        "held": described(wanted),
    }
    if request.diff:
        result["diff"] = {
            "before_header": path,
            "after_header": path,
            "before": lines(_words(before)),
            "after": lines(_words(wanted)),
        }
    return result


def described(hold: Optional[Hold]) -> Optional[dict[str, Any]]:
    """A hold, for a result; None for none."""
    if hold is None:
        return None
    return {"reason": hold.reason, "until": timestamp(hold.until) if hold.until else None}


def _words(hold: Optional[Hold]) -> list[str]:
    if hold is None:
        return []
    return [f"held{f' until {timestamp(hold.until)}' if hold.until else ''}: {hold.reason}"]


def _wanted(hold: bool, reason: Optional[str], until: Optional[str], now: datetime) -> Optional[Hold]:
    if not hold:
        if reason is not None or until is not None:
            raise UsageError("A set is to be let go, with a reason or an end of a hold.", "leave out reason and until")
        return None
    if reason is None or not reason.strip():
        raise UsageError("It is not said why the set is held.", "give a reason, for those who find it later")
    end = None if until is None else _moment(until)
    if end is not None and end <= now:
        raise UsageError(f"The hold would have ended already: until is {until}.", "give a moment to come, in UTC")
    return Hold(reason.strip(), end)


def _moment(text: str) -> datetime:
    """A day, from its beginning, or a moment; both in UTC."""
    try:
        return parse_timestamp(text if "T" in text else f"{text}T00:00:00Z")
    except ValueError:
        raise UsageError(
            f"until is {text!r}.", "give a day such as 2027-01-31, or a moment such as 2027-01-31T12:00:00Z, in UTC"
        ) from None
