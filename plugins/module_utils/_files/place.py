# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Putting extracted files in place. Private to this collection.

Archives are extracted into a directory beside their place, which only this account can enter; when everything is known
to be whole, it is moved: directories that are absent as a whole, files one by one, each in one step. Directories are held
open by descriptors that never follow a link, so that nobody can lead a restore elsewhere meanwhile.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import grp
import os
import pwd
import shutil
import stat
import tempfile
from collections.abc import Iterator, Mapping
from typing import Any, Optional, Union

from ansible_collections.vya.backupdb.plugins.module_utils._errors import BackupError, ChangedMeanwhile
from ansible_collections.vya.backupdb.plugins.module_utils._files.entries import shown
from ansible_collections.vya.backupdb.plugins.module_utils._files.globs import to_text
from ansible_collections.vya.backupdb.plugins.module_utils._process import Command, find_program, start

_PREFIX = b".backupdb-restore-"
_ACL_DEFAULT = "system.posix_acl_default"
_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


@contextlib.contextmanager
def staging(place: bytes) -> Iterator[bytes]:
    """A directory of our own in another one, gone afterwards. What restores that were killed left there goes first.

    Raises:
        OSError: it cannot be made.
    """
    _sweep(place)
    before = os.stat(place)
    path = tempfile.mkdtemp(prefix=_PREFIX, dir=place)
    made = os.stat(place)
    descriptor = os.open(path, _OPEN)
    try:
        # Held as long as this process lives, so that no other one sweeps it. Where nothing can be locked, nobody sweeps.
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if _ACL_DEFAULT in _attribute_names(descriptor):
            # What is made in it is to have the access lists of the archive, not those of its place.
            os.removexattr(descriptor, _ACL_DEFAULT)
        yield path
    finally:
        now = os.stat(place)
        remove(path)
        os.close(descriptor)
        # Our coming and going is no change of the directory.
        times = before if now.st_mtime_ns == made.st_mtime_ns else now
        with contextlib.suppress(PermissionError):
            os.utime(place, ns=(times.st_atime_ns, times.st_mtime_ns))


def _attribute_names(descriptor: Union[int, bytes]) -> set[str]:
    """Names of extended attributes; none where the file system knows none."""
    try:
        return set(os.listxattr(descriptor))
    except OSError as error:
        if error.errno in (errno.ENOTSUP, errno.ENOSYS):
            return set()
        raise


def _sweep(place: bytes) -> None:
    with os.scandir(place) as entries:
        left = [
            entry.path
            for entry in entries
            if entry.name.startswith(_PREFIX)
            and entry.is_dir(follow_symlinks=False)
            and entry.stat(follow_symlinks=False).st_uid == os.geteuid()
        ]
    for path in left:
        descriptor = os.open(path, _OPEN | os.O_NOFOLLOW)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            continue
        else:
            remove(path)
        finally:
            os.close(descriptor)


def remove(path: bytes) -> None:
    """Remove a tree of our own, also directories that were restored without permission to change them."""
    if os.geteuid() != 0:
        for parent, names, _files in os.walk(path):
            for name in names:
                directory = os.path.join(parent, name)
                if not os.path.islink(directory):
                    os.chmod(directory, stat.S_IRWXU)
    shutil.rmtree(path)


class Placer:
    """Moves an extracted tree into place.

    Args:
        root: directory that stands for ``/``, without a slash at its end.
        replace: whether files that exist are replaced.
        linked_parents: directories above what is restored that are links on this host, and may be followed.
    """

    def __init__(self, root: bytes, replace: bool, linked_parents: set[bytes]) -> None:
        self._root = root
        self._replace = replace
        self._linked = linked_parents

    def place(self, staged: bytes) -> None:
        """Move everything in a staging directory into place.

        Raises:
            BackupError: something appeared in the way meanwhile, or could not be moved.
        """
        source = os.open(staged, _OPEN | os.O_NOFOLLOW)
        try:
            target = os.open(self._root or b"/", _OPEN)
            try:
                self._merge(source, target, b"")
            finally:
                os.close(target)
        finally:
            os.close(source)

    def _merge(self, source: int, target: int, path: bytes) -> None:
        if os.fstat(source).st_dev != os.fstat(target).st_dev:
            self._across(source, target, path)
            return
        with _writable(source), _writable(target):
            for name in os.listdir(f"/proc/self/fd/{source}".encode()):
                self._move(source, target, name, path + b"/" + name)

    def _across(self, source: int, target: int, path: bytes) -> None:
        """Go on in another file system: what remains is copied there first, so that each file still appears at once."""
        with staging(f"/proc/self/fd/{target}".encode()) as copied:
            copy = os.open(copied, _OPEN | os.O_NOFOLLOW)
            try:
                command = Command(
                    [find_program("cp"), "--archive", "--", f"/proc/self/fd/{source}/.", f"/proc/self/fd/{copy}/"],
                    pass_fds=(source, copy),
                    remedy=f"free space below {shown(to_text(self._root + path))}",
                )
                with start(command) as process:
                    process.wait()
                for name in os.listdir(copied):
                    self._move(copy, target, name, path + b"/" + name)
            finally:
                os.close(copy)

    def _move(self, source: int, target: int, name: bytes, path: bytes) -> None:
        staged = os.stat(name, dir_fd=source, follow_symlinks=False)
        try:
            there: Optional[os.stat_result] = os.stat(name, dir_fd=target, follow_symlinks=False)
        except FileNotFoundError:
            there = None
        if there is None:
            self._rename(source, target, name, staged, path)
            return
        if stat.S_ISDIR(staged.st_mode):
            linked = stat.S_ISLNK(there.st_mode) and path in self._linked
            if linked or stat.S_ISDIR(there.st_mode):
                self._descend(source, target, name, path, linked)
                return
        if not self._replace or stat.S_ISDIR(there.st_mode):
            raise self._in_the_way(path)
        if stat.S_ISDIR(staged.st_mode):
            # A directory cannot be renamed over something else.
            os.unlink(name, dir_fd=target)
        self._rename(source, target, name, staged, path)

    def _descend(self, source: int, target: int, name: bytes, path: bytes, linked: bool) -> None:
        below = os.open(name, _OPEN | os.O_NOFOLLOW, dir_fd=source)
        try:
            beneath = os.open(name, _OPEN | (0 if linked else os.O_NOFOLLOW), dir_fd=target)
            try:
                self._merge(below, beneath, path)
            finally:
                os.close(beneath)
        finally:
            os.close(below)

    def _rename(self, source: int, target: int, name: bytes, staged: os.stat_result, path: bytes) -> None:
        try:
            os.rename(name, name, src_dir_fd=source, dst_dir_fd=target)
        except PermissionError:
            if not stat.S_ISDIR(staged.st_mode) or os.geteuid() == 0 or staged.st_mode & stat.S_IWUSR:
                raise
            # Moving a directory changes it: its way up leads elsewhere.
            os.chmod(name, stat.S_IMODE(staged.st_mode) | stat.S_IRWXU, dir_fd=source)
            os.rename(name, name, src_dir_fd=source, dst_dir_fd=target)
            os.chmod(name, stat.S_IMODE(staged.st_mode), dir_fd=target)
        except OSError as error:
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.EISDIR, errno.ENOTDIR):
                raise self._in_the_way(path) from error
            raise

    def _in_the_way(self, path: bytes) -> BackupError:
        return ChangedMeanwhile(
            f"{shown(to_text(self._root + path))} appeared while files were being restored.",
            "find out what writes there, stop it, and run the restore again; it goes on where it stopped",
        )


@contextlib.contextmanager
def _writable(directory: int) -> Iterator[None]:
    """Let the owner change a directory meanwhile; root may anyhow."""
    status = os.fstat(directory)
    mode = stat.S_IMODE(status.st_mode)
    if os.geteuid() == 0 or os.geteuid() != status.st_uid or mode & stat.S_IRWXU == stat.S_IRWXU:
        yield
        return
    os.chmod(directory, mode | stat.S_IRWXU)
    try:
        yield
    finally:
        os.chmod(directory, mode)


def link(first: bytes, path: bytes) -> None:
    """Make a path a further name of a file, in one step.

    Raises:
        OSError: it cannot be made.
    """
    with staging(os.path.dirname(path)) as own:
        temporary = own + b"/link"
        os.link(first, temporary, follow_symlinks=False)
        os.rename(temporary, path)


@contextlib.contextmanager
def keeping_time(directory: bytes) -> Iterator[None]:
    """Give a directory of our own its time back after something in it was changed."""
    status = os.stat(directory, follow_symlinks=False)
    yield
    os.utime(directory, ns=(status.st_atime_ns, status.st_mtime_ns), follow_symlinks=False)


def make_like(path: bytes, recorded: Mapping[str, Any], numeric_owner: bool) -> None:
    """Give a directory of our own its recorded owner, mode and time.

    Raises:
        OSError: they cannot be set.
    """
    if os.geteuid() == 0:
        uid, gid = recorded["uid"], recorded["gid"]
        if not numeric_owner:
            with contextlib.suppress(KeyError):
                uid = pwd.getpwnam(recorded["user"]).pw_uid
            with contextlib.suppress(KeyError):
                gid = grp.getgrnam(recorded["group"]).gr_gid
        os.chown(path, uid, gid)
    os.chmod(path, int(recorded["mode"], 8))
    os.utime(path, ns=(recorded["mtime"], recorded["mtime"]))


def copy_attributes(source: bytes, target: bytes, owners: bool) -> None:
    """Give a directory the attributes of another one.

    Raises:
        OSError: they cannot be set.
    """
    descriptor = os.open(target, _OPEN | os.O_NOFOLLOW)
    try:
        status = os.lstat(source)
        if owners:
            os.chown(descriptor, status.st_uid, status.st_gid)
        os.chmod(descriptor, stat.S_IMODE(status.st_mode))
        wanted, present = _attribute_names(source), _attribute_names(descriptor)
        for name in present - wanted:
            if name.startswith(("user.", "system.posix_acl_")):
                os.removexattr(descriptor, name)
        for name in wanted:
            value = os.getxattr(source, name, follow_symlinks=False)
            if name not in present or os.getxattr(descriptor, name) != value:
                os.setxattr(descriptor, name, value)
        os.utime(descriptor, ns=(status.st_atime_ns, status.st_mtime_ns))
    finally:
        os.close(descriptor)
