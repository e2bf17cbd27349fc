# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is known of sealed sets beside them: when each was verified, and how. Private to this collection."""

from __future__ import annotations

import json
import os
from typing import Any, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._layout import DIRECTORY_MODE, STATE, explaining, write_new

VERIFY_LEVELS = ("quick", "checksum", "deep")


def record_verification(set_path: str, level: str, at: str, problems: int) -> None:
    """Remember what a verification of a set found: beside the sets, since a sealed set never changes.

    Args:
        set_path: the set's directory.
        level: how deep it looked.
        at: when, as :func:`timestamp` writes it.
        problems: how many it found.

    Raises:
        RepositoryError: it cannot be written.
    """
    path = _state_path(set_path)
    state = _state(path)
    state[level] = {"at": at, "ok": problems == 0, "problems": problems}
    with explaining(path):
        os.makedirs(os.path.dirname(path), DIRECTORY_MODE, exist_ok=True)
        temporary = f"{path}.{os.getpid()}.new"
        write_new(temporary, json.dumps(state, sort_keys=True).encode("ascii"))
        os.rename(temporary, path)


def verification(set_path: str) -> Optional[dict[str, Any]]:
    """What is known of a set: the newest verification if it found problems, otherwise the deepest one.

    Returns:
        ``level``, ``at``, ``ok`` and ``problems``; None if the set was never verified.
    """
    state = _state(_state_path(set_path))
    found = [{"level": level, **state[level]} for level in VERIFY_LEVELS if level in state]
    if not found:
        return None
    latest = max(found, key=lambda item: str(item["at"]))
    return found[-1] if latest["ok"] else latest


def _state_path(set_path: str) -> str:
    return os.path.join(os.path.dirname(set_path), STATE, os.path.basename(set_path) + ".json")


def _state(path: str) -> dict[str, dict[str, Any]]:
    """The state of a set; what is not ours or not readable is no state: it only says what can be found out again."""
    try:
        with open(path, encoding="ascii") as stream:
            state = json.load(stream)
    except (OSError, ValueError):
        return {}
    fields = {"at": str, "ok": bool, "problems": int}
    return {
        level: entry
        for level, entry in (state.items() if isinstance(state, dict) else ())
        if isinstance(entry, dict) and all(isinstance(entry.get(name), kind) for name, kind in fields.items())
    }
