# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Removing sets so that nobody ever sees half of one. Private to this collection.

A set is renamed to ``<set id>.removing``, the rename is synced, and only then its files go. What a killed removal leaves
has that name, is no set to anybody, and is swept by the next backup or prune of the instance. Everything happens by
descriptors of directories that are no links, so that nothing outside of the repository can be reached.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator, Sequence
from typing import Callable

from ansible_collections.vya.backupdb.plugins.module_utils._errors import RepositoryError
from ansible_collections.vya.backupdb.plugins.module_utils._layout import PARTIAL, REMOVING, STATE, explaining
from ansible_collections.vya.backupdb.plugins.module_utils._model import is_set_id
from ansible_collections.vya.backupdb.plugins.module_utils._set_locks import lock_for_removal

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
#: A set is at most three directories deep.
_DEEPEST = 16


@contextlib.contextmanager
def opened(path: str) -> Iterator[int]:
    """The directory of an instance, as a descriptor; neither it nor that of its source is a link.

    Raises:
        RepositoryError: one is, or it cannot be opened.
    """
    with contextlib.ExitStack() as stack, explaining(path):
        root, source = os.path.split(os.path.dirname(path))
        descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        stack.callback(os.close, descriptor)
        for name in (source, os.path.basename(path)):
            descriptor = os.open(name, _DIRECTORY, dir_fd=descriptor)
            stack.callback(os.close, descriptor)
        yield descriptor


def in_use(directory: int, set_id: str) -> bool:
    """Whether somebody reads a set.

    Args:
        directory: descriptor of the instance's directory.
        set_id: the set.

    Raises:
        OSError: that cannot be found out.
    """
    try:
        _release(_lock(directory, set_id))
    except BlockingIOError:
        return True
    return False


def put_aside(directory: int, set_id: str, still_wanted: Callable[[], bool]) -> bool:
    """Let a set disappear, by a rename; its files are still there.

    Args:
        directory: descriptor of the instance's directory.
        set_id: the set.
        still_wanted: asked when nobody can begin to read the set any more; True lets it stay.

    Returns:
        False if somebody reads it or wants it, and it stays.

    Raises:
        OSError: it cannot be renamed.
    """
    try:
        held = _lock(directory, set_id)
    except BlockingIOError:
        return False
    try:
        if still_wanted():
            return False
        os.rename(set_id, set_id + REMOVING, src_dir_fd=directory, dst_dir_fd=directory)
    finally:
        _release(held)
    return True


def _lock(directory: int, set_id: str) -> tuple[int, int]:
    inside = os.open(set_id, _DIRECTORY, dir_fd=directory)
    try:
        return inside, lock_for_removal(inside)
    except OSError:
        os.close(inside)
        raise


def _release(held: tuple[int, int]) -> None:
    for descriptor in reversed(held):
        os.close(descriptor)


def left_aside(directory: int) -> list[str]:
    """Ids of the sets that were put aside and are not removed yet."""
    return sorted(name[: -len(REMOVING)] for name in _ours(directory, (REMOVING,)))


def forget(directory: int, set_id: str) -> None:
    """Remove what is known of a set beside it. Only for who holds the instance's lock.

    Raises:
        OSError: something cannot be removed.
    """
    try:
        states = os.open(STATE, _DIRECTORY, dir_fd=directory)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ELOOP, errno.ENOTDIR):
            # There is none, or it is not ours.
            return
        raise
    try:
        for name in os.listdir(states):
            if name.startswith(f"{set_id}."):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(name, dir_fd=states)
    finally:
        os.close(states)


def remove_aside(directory: int, set_id: str) -> None:
    """Remove the files of a set that was put aside. Two processes may do so at once.

    Raises:
        OSError: something cannot be removed.
        RepositoryError: something is in it that is in no set.
    """
    _remove_tree(directory, set_id + REMOVING, os.fstat(directory).st_dev, 0)


def _remove_tree(parent: int, name: str, device: int, depth: int) -> None:
    """Remove a directory with everything in it; another process may be at it as well."""
    try:
        descriptor = os.open(name, _DIRECTORY, dir_fd=parent)
    except FileNotFoundError:
        return
    try:
        if os.fstat(descriptor).st_dev != device or depth > _DEEPEST:
            raise RepositoryError(
                f"{name} in a set that is being removed is another file system, or deeper than any set.",
                "find out who put it there, and take it away",
            )
        with os.scandir(descriptor) as entries:
            found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
        for inner, is_directory in found:
            if is_directory:
                _remove_tree(descriptor, inner, device, depth + 1)
            else:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(inner, dir_fd=descriptor)
    finally:
        os.close(descriptor)
    with contextlib.suppress(FileNotFoundError):
        os.rmdir(name, dir_fd=parent)


def sweep(directory: int) -> None:
    """Remove what dead runs have left. Only for who holds the instance's lock: then no living run writes.

    Args:
        directory: descriptor of the instance's directory.

    Raises:
        OSError: something cannot be removed.
        RepositoryError: something is in it that is in no set.
    """
    for set_id in left_aside(directory):
        forget(directory, set_id)
    for name in _ours(directory, (PARTIAL, REMOVING)):
        _remove_tree(directory, name, os.fstat(directory).st_dev, 0)


def _ours(directory: int, kinds: Sequence[str]) -> list[str]:
    """Directories of this account that are called like sets that are being written or removed."""
    found = []
    for name in os.listdir(directory):
        set_id, dot, kind = name.partition(".")
        if is_set_id(set_id) and dot + kind in kinds:
            status = os.lstat(name, dir_fd=directory)
            if stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid():
                found.append(name)
    return found
