# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Private directories for what must not stay: removed at the end, or by the next run. Private to this collection.

Mode 0700, removed whatever happens. A run that is killed leaves its own; the next run finds that nobody holds the lock on
it any more.
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

from ansible_collections.vya.backupdb.plugins.module_utils._accounts import Account
from ansible_collections.vya.backupdb.plugins.module_utils._interrupts import undisturbed

#: A directory so young may belong to a run that has not locked it yet.
_SECONDS_TO_LOCK = 60.0


def give_to(account: Optional[Account], directory: str) -> None:
    """Let a directory belong to the account that programs act as: from 18 on pg_dump sets its mode."""
    if account is not None and os.geteuid() == 0:
        os.chown(directory, account.uid, account.gid)


def free_bytes(path: str) -> Optional[int]:
    """Free space where a path is; None if it cannot be seen from here."""
    try:
        return shutil.disk_usage(path).free
    except OSError:
        # The path may be of another host or container.
        return None


@contextlib.contextmanager
def private_directory(prefix: str, root: str, account: Optional[Account] = None) -> Iterator[str]:
    """A directory for temporary files.

    Args:
        prefix: how its name begins.
        root: where it is made.
        account: whose it is, if this process may give it away; None for its own.
    """
    directory = tempfile.mkdtemp(prefix=prefix, dir=root)
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        give_to(account, directory)
        yield directory
    finally:
        # A stop in the middle of this would leave secrets.
        with undisturbed():
            try:
                shutil.rmtree(directory)
            finally:
                os.close(descriptor)


def sweep(prefix: str, root: str) -> list[str]:
    """Remove what killed runs of this account left; returns the directories."""
    removed = []
    for path in Path(root).glob(f"{prefix}*"):
        try:
            status = os.lstat(path)
        except FileNotFoundError:
            # Its run has just removed it.
            continue
        young = time.time() - status.st_mtime < _SECONDS_TO_LOCK
        ours = os.geteuid() in (0, status.st_uid)
        if stat.S_ISDIR(status.st_mode) and ours and not young and _is_abandoned(path):
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
