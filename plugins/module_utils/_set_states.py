# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is known of sealed sets beside them, in ``.state``: a sealed set itself never changes. Private to this collection.

Each kind of fact is a file of its own, ``.state/<set id>.<kind>.json``, replaced as a whole. They go with their set.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._errors import RepositoryError
from ansible_collections.vya.backupdb.plugins.module_utils._layout import (
    DIRECTORY_MODE,
    STATE,
    explaining,
    sync,
    write_new,
)
from ansible_collections.vya.backupdb.plugins.module_utils._model import parse_timestamp, timestamp
from ansible_collections.vya.backupdb.plugins.module_utils._retention import Hold

HOLD = "hold"

_LIMIT = 1 << 20
_REMEDY = "remove it, and find out again what it said"


def state_path(set_path: str, kind: str) -> str:
    """Where a kind of fact about a set is; the empty kind is what verifications have found."""
    name = os.path.basename(set_path) + (f".{kind}" if kind else "") + ".json"
    return os.path.join(os.path.dirname(set_path), STATE, name)


def read_state(set_path: str, kind: str) -> Optional[dict[str, Any]]:
    """What is known of a set; None if nothing is.

    Raises:
        RepositoryError: what is there is not ours or cannot be read.
    """
    path = state_path(set_path, kind)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as stream:
            data = json.loads(stream.read(_LIMIT))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise RepositoryError(f"{path} cannot be read: {error}.", _REMEDY) from None
    if not isinstance(data, dict):
        raise RepositoryError(f"{path} holds no object.", _REMEDY)
    return data


def write_state(set_path: str, kind: str, data: Mapping[str, Any]) -> None:
    """Remember something of a set, in place of what was known.

    Raises:
        RepositoryError: it cannot be written.
    """
    path = state_path(set_path, kind)
    if os.path.islink(os.path.dirname(path)):
        raise RepositoryError(f"{os.path.dirname(path)} is a symbolic link.", "remove it; a repository holds no links")
    with explaining(path):
        os.makedirs(os.path.dirname(path), DIRECTORY_MODE, exist_ok=True)
        temporary = f"{path}.{os.getpid()}.new"
        write_new(temporary, json.dumps(data, sort_keys=True).encode("ascii"))
        os.rename(temporary, path)
        sync(os.path.dirname(path))


def remove_state(set_path: str, kind: str) -> None:
    """Forget a kind of fact about a set.

    Raises:
        RepositoryError: it cannot be removed.
    """
    path = state_path(set_path, kind)
    with explaining(path):
        if os.path.lexists(path):
            os.unlink(path)
            sync(os.path.dirname(path))


def record_hold(set_path: str, hold: Hold, since: str) -> None:
    """Remember that a set must stay.

    Args:
        set_path: the set's directory.
        hold: why and how long.
        since: when that was said, as :func:`timestamp` writes it.
    """
    until = timestamp(hold.until) if hold.until else None
    write_state(set_path, HOLD, {"reason": hold.reason, "since": since, "until": until})


def hold_of(set_path: str) -> Optional[Hold]:
    """The hold of a set, ended or not. One that cannot be understood holds for ever: better too much than too little."""
    try:
        found = read_state(set_path, HOLD)
        if found is None:
            return None
        until = found.get("until")
        return Hold(str(found.get("reason") or "no reason given"), _moment(until))
    except RepositoryError as error:
        return Hold(f"the record of its hold cannot be read: {error.message}")
    except (ValueError, TypeError) as error:
        return Hold(f"the record of its hold cannot be understood: {error}")


def _moment(text: Optional[str]) -> Optional[datetime]:
    return None if text is None else parse_timestamp(text)
