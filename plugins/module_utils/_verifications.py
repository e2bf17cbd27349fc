# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is known of sealed sets beside them: when each was verified, and how. Private to this collection."""

from __future__ import annotations

from typing import Any, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._errors import RepositoryError
from ansible_collections.vya.backupdb.plugins.module_utils._set_states import read_state, write_state

#: From the quickest to the deepest; each finds what those before it find.
VERIFY_LEVELS = ("quick", "checksum", "deep")
#: Those that read every byte.
READ_THROUGH = VERIFY_LEVELS[1:]

_KIND = ""


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
    state = _state(set_path)
    state[level] = {"at": at, "ok": problems == 0, "problems": problems}
    write_state(set_path, _KIND, state)


def verification(set_path: str) -> Optional[dict[str, Any]]:
    """What is known of a set: the newest problems that no newer, equally deep verification has cleared, otherwise the
    deepest one.

    Returns:
        ``level``, ``at``, ``ok`` and ``problems``; None if the set was never verified.
    """
    state = _state(set_path)
    found = [{"level": level, **state[level]} for level in VERIFY_LEVELS if level in state]
    standing = [
        item
        for number, item in enumerate(found)
        if not item["ok"] and not any(later["ok"] and later["at"] > item["at"] for later in found[number:])
    ]
    if standing:
        return max(standing, key=lambda item: str(item["at"]))
    return found[-1] if found else None


def verified_at(set_path: str, level: str) -> Optional[str]:
    """When a set was last verified at least so deep, whatever that found; None for never."""
    state = _state(set_path)
    deep_enough = VERIFY_LEVELS[VERIFY_LEVELS.index(level) :]
    return max((str(state[name]["at"]) for name in deep_enough if name in state), default=None)


def _state(set_path: str) -> dict[str, dict[str, Any]]:
    """The state of a set; what is not ours or not readable is no state: it only says what can be found out again."""
    try:
        state = read_state(set_path, _KIND) or {}
    except RepositoryError:
        return {}
    fields = {"at": str, "ok": bool, "problems": int}
    return {
        level: entry
        for level, entry in state.items()
        if isinstance(entry, dict) and all(isinstance(entry.get(name), kind) for name, kind in fields.items())
    }
