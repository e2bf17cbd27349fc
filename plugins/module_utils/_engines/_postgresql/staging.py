# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How pg_restore gets to an archive, and temporary directories for that. Private to this collection.

Programs before 16 read plain files only. Newer ones read zstd, but look for the file with access(2), which asks for the
real account and no capabilities: acting as another account, they do not see into directories of root. They are shown
links, or copies, in a directory of their own.

Temporary directories hold data of databases: mode 0700, removed whatever happens. A run that is killed leaves its own;
the next run finds that nobody holds the lock on it any more.
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
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.archive import ZST
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.tools import Tools
from ansible_collections.vya.backupdb.plugins.module_utils._errors import BackupError
from ansible_collections.vya.backupdb.plugins.module_utils._model import Artefact, Database

_PREFIX = "backupdb-restore-"
#: A directory so young may belong to a run that has not locked it yet.
_SECONDS_TO_LOCK = 60.0


#: Ways to an archive: as it lies there, shown in another directory, decompressed into another directory.
DIRECT = "direct"
SHOWN = "shown"
PLAIN = "plain"


def way_to(path: str, tools: Tools, account: Optional[Account]) -> str:
    """How pg_restore of some version, acting as some account, gets to the archive in a directory."""
    if not any(Path(path).glob(f"*{ZST}")):
        return DIRECT
    if not tools.zstd:
        return PLAIN
    if account is None or account.uid == os.geteuid():
        return DIRECT
    return SHOWN if _can_enter(Path(tempfile.gettempdir()), account) else PLAIN


def room_for(way: str, artefact: Artefact, database: Database) -> int:
    """Bytes of temporary space that a way needs, at most."""
    if way == PLAIN:
        return int(artefact.details.get("plain_bytes") or database.size)
    return artefact.size if way == SHOWN else 0


def show(directory: str, target: str) -> None:
    """Show the files of an archive in another directory: the same files where the file system can, otherwise copies."""
    for entry in os.scandir(directory):
        place = os.path.join(target, entry.name)
        try:
            os.link(entry.path, place)
        except OSError:
            shutil.copyfile(entry.path, place)


def give_to(account: Optional[Account], directory: str) -> None:
    """Let a directory belong to the account that programs act as: from 18 on pg_dump sets its mode."""
    if account is not None and os.geteuid() == 0:
        os.chown(directory, account.uid, account.gid)


def _can_enter(path: Path, account: Account) -> bool:
    """Whether an account may pass through a directory and all above it."""
    for folder in (path, *path.parents):
        status = folder.stat()
        bit = stat.S_IXOTH
        if status.st_uid == account.uid:
            bit = stat.S_IXUSR
        elif status.st_gid == account.gid:
            bit = stat.S_IXGRP
        if not status.st_mode & bit:
            return False
    return True


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
def temporary_directory(needed: int, account: Optional[Account] = None) -> Iterator[str]:
    """A directory for temporary files.

    Args:
        needed: bytes that will be written there.
        account: whose it is, if this process may give it away; None for its own.

    Raises:
        BackupError: there is no room.
    """
    root = tempfile.gettempdir()
    if not has_room(needed):
        raise BackupError(
            f"{root} has less than {needed >> 20} MiB free, which pg_restore needs for temporary files.",
            "free space, or set TMPDIR to a larger file system",
        )
    directory = tempfile.mkdtemp(prefix=_PREFIX, dir=root)
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        give_to(account, directory)
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
