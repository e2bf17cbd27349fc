# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How pg_restore gets to an archive, and temporary directories for that. Private to this collection.

Programs before 16 read plain files only. Newer ones read zstd, but look for the file with access(2), which asks for the
real account and no capabilities: acting as another account, they do not see into directories of root. They are shown
links, or copies, in a directory of their own.

Temporary directories hold data of databases; see ``_staging.py``.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Optional

from ansible_collections.vya.backupdb.plugins.module_utils._accounts import Account
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.archive import ZST
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.tools import Tools
from ansible_collections.vya.backupdb.plugins.module_utils._errors import NoSpace
from ansible_collections.vya.backupdb.plugins.module_utils._model import Artefact, Database
from ansible_collections.vya.backupdb.plugins.module_utils._staging import free_bytes, give_to, private_directory
from ansible_collections.vya.backupdb.plugins.module_utils._staging import sweep as sweep_all

__all__ = [
    "DIRECT",
    "PLAIN",
    "SHOWN",
    "free_bytes",
    "give_to",
    "has_room",
    "room_for",
    "show",
    "sweep",
    "temporary_directory",
    "way_to",
]

_PREFIX = "backupdb-restore-"


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
        raise NoSpace(
            f"{root} has less than {needed >> 20} MiB free, which pg_restore needs for temporary files.",
            "free space, or set TMPDIR to a larger file system",
        )
    with private_directory(_PREFIX, root, account) as directory:
        yield directory


def sweep() -> list[str]:
    """Remove what killed runs of this account left; returns the directories."""
    return sweep_all(_PREFIX, tempfile.gettempdir())
