# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Temporary directories of a restore. Private to this collection.

They hold plain data of databases: mode 0700, removed whatever happens. A run that is killed leaves its own; the next run
finds that nobody holds the lock on it any more.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Optional

from ansible_collections.vya.backupdb.plugins.module_utils._errors import BackupError

_PREFIX = "backupdb-restore-"
#: A directory so young may belong to a run that has not locked it yet.
_SECONDS_TO_LOCK = 60.0


def free_bytes(path: str) -> Optional[int]:
    """Free space where a path is; None if it cannot be seen from here."""
    try:
        return shutil.disk_usage(path).free
    except OSError:
        # The path may be of another host or container.
        return None


def has_room(needed: int) -> bool:
    """Whether there is room for temporary files."""
    free = free_bytes(tempfile.gettempdir())
    return free is not None and free > needed * 1.02


@contextlib.contextmanager
def temporary_directory(needed: int) -> Iterator[str]:
    """A directory for temporary files.

    Args:
        needed: bytes that will be written there.

    Raises:
        BackupError: there is no room.
    """
    root = tempfile.gettempdir()
    if not has_room(needed):
        raise BackupError(
            f"{root} has less than {needed >> 20} MiB free, which pg_restore before 16 needs.",
            "free space, or set TMPDIR to a larger file system",
        )
    directory = tempfile.mkdtemp(prefix=_PREFIX, dir=root)
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield directory
    finally:
        try:
            shutil.rmtree(directory)
        finally:
            os.close(descriptor)


def sweep() -> list[str]:
    """Remove what killed runs of this account left; returns the directories."""
    removed = []
    for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        status = os.lstat(path)
        young = time.time() - status.st_mtime < _SECONDS_TO_LOCK
        if stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and not young and _is_abandoned(path):
            shutil.rmtree(path)
            removed.append(str(path))
    return removed


def _is_abandoned(path: Path) -> bool:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True
