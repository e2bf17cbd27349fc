# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A set that is read stays where it is. Private to this collection.

The lock is on the set's own ``manifest.json``: shared for those who read the set, exclusive for who removes it. So it
works where a reader may write nothing, it goes with its process, and it leaves nothing behind. Locks of this kind are
flock(2), which NFS carries over to other hosts if the exclusive one is taken on a file that is open for writing.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
import weakref

from ansible_collections.vya.backupdb.plugins.module_utils._errors import (
    NoSuchSet,
    RepositoryError,
    Running,
    UsageError,
)
from ansible_collections.vya.backupdb.plugins.module_utils._layout import MANIFEST

#: A removal holds its lock for the moment of a rename.
_PATIENCE = 30.0
_BETWEEN_TRIES = 0.05
#: What file systems answer that know no locks. Nothing is removed there either.
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)


class ReadLock:
    """Keeps a set from being removed, until :meth:`release`, or until this object or its process is gone.

    Args:
        path: the set's directory.

    Raises:
        UsageError: the set was removed meanwhile.
        RepositoryError: it cannot be locked.
    """

    def __init__(self, path: str) -> None:
        manifest = os.path.join(path, MANIFEST)
        try:
            descriptor = os.open(manifest, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            raise _removed(path) from None
        except OSError as error:
            raise RepositoryError(
                f"{manifest} cannot be read: {error.strerror}.", "run the task with become, or correct owner and mode"
            ) from error
        self._close = weakref.finalize(self, os.close, descriptor)
        deadline = time.monotonic() + _PATIENCE
        while not _locked(descriptor, fcntl.LOCK_SH):
            if time.monotonic() > deadline:
                raise Running(f"The set {path} is locked by another process.", "wait until that has ended")
            time.sleep(_BETWEEN_TRIES)
        try:
            same = os.path.samestat(os.fstat(descriptor), os.lstat(manifest))
        except FileNotFoundError:
            same = False
        if not same:
            raise _removed(path)

    def release(self) -> None:
        """Let the set be removed."""
        self._close()


def lock_for_removal(directory: int) -> int:
    """Lock a set that nobody reads.

    Args:
        directory: descriptor of the set's directory.

    Returns:
        A descriptor; the lock is held until it is closed.

    Raises:
        BlockingIOError: somebody reads the set.
        OSError: it cannot be locked.
    """
    descriptor = os.open(MANIFEST, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _locked(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
    return True


def _removed(path: str) -> UsageError:
    return NoSuchSet(f"{path} is no set any more: it was removed, or has lost its manifest.", "choose another set")
