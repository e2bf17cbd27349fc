# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is known beside the sets about their copies, and the lock of those who make them. Private to this collection."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator

from ansible_collections.vya.backupdb.plugins.module_utils._errors import RepositoryError, Running
from ansible_collections.vya.backupdb.plugins.module_utils._layout import DIRECTORY_MODE, FILE_MODE, STATE, explaining
from ansible_collections.vya.backupdb.plugins.module_utils._set_states import read_state, write_state

_KIND = "copies"
_LOCK = "copies.lock"


def copies_of(set_path: str) -> dict[str, str]:
    """Name of each copy that holds a set -> when it was brought there and verified."""
    try:
        state = read_state(set_path, _KIND) or {}
    except RepositoryError:
        # It only says what can be found out again.
        return {}
    return {
        name: entry["at"]
        for name, entry in sorted(state.items())
        if isinstance(entry, dict) and isinstance(entry.get("at"), str)
    }


def record_copy(set_path: str, name: str, at: str) -> None:
    """Remember that a copy holds a set.

    Raises:
        RepositoryError: it cannot be written.
    """
    known = copies_of(set_path)
    if name not in known:
        _write(set_path, {**known, name: at})


def forget_copy(set_path: str, name: str) -> None:
    """Remember that a copy holds a set no more.

    Raises:
        RepositoryError: it cannot be written.
    """
    known = copies_of(set_path)
    if known.pop(name, None) is not None:
        _write(set_path, known)


def _write(set_path: str, known: dict[str, str]) -> None:
    write_state(set_path, _KIND, {name: {"at": at} for name, at in known.items()})


@contextlib.contextmanager
def alone(instance_directory: str, what: str) -> Iterator[None]:
    """Hold the lock of those who copy the sets of an instance; it goes with its process.

    Raises:
        RepositoryError: another process holds it.
    """
    path = os.path.join(instance_directory, STATE, _LOCK)
    with explaining(path):
        os.makedirs(os.path.dirname(path), DIRECTORY_MODE, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)
    try:
        with explaining(path):
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Running(
                    f"The sets of {what} are being copied by another process.", "wait until it has ended"
                ) from None
        yield
    finally:
        os.close(descriptor)
