# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Directories of throw-away servers: made, found again, removed with all that runs in them. Private to this collection.

Each has a random token in its name, a record of what it is for, and the lock of whoever works on it. What a killed drill
leaves is found by the next one: a directory of the same purpose that nobody works on, or one past its time.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import secrets
import shutil
import stat
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._errors import HostFailed, Running, UsageError
from ansible_collections.vya.backupdb.plugins.module_utils._interrupts import undisturbed
from ansible_collections.vya.backupdb.plugins.module_utils._scratch import processes

PREFIX = "backupdb-scratch-"
_NAME = re.compile(re.escape(PREFIX) + r"([0-9a-f]{16})(\.gone)?\Z")
_GONE = ".gone"
_RECORD = "scratch.json"
_RECORD_LIMIT = 1 << 16
#: The account of the server passes through to what is its own, and cannot look around.
_MODE = 0o711
#: A directory without a record that is so young may belong to a run that is about to write it.
_SECONDS_TO_RECORD = 60.0


@dataclass(frozen=True)
class Record:
    """What a directory is for.

    Args:
        token: the random part of its name; everything that runs in it has it in its environment.
        purpose: repository, source and instance of the set, so that the next drill of the same finds it.
        set_id: the set.
        engine: of the set.
        made: when, in seconds since 1970.
        until: when it is past its time, whatever happens.
        pid: what watches over the server; None while there is none.
        stop_signal: number of the signal that ends the server at once.
        kept: somebody wants to look at it: it stays until it is past its time.
    """

    token: str
    purpose: str
    set_id: str
    engine: str
    made: float
    until: float
    pid: Optional[int] = None
    stop_signal: int = 9
    kept: bool = False


class Place:
    """A directory that this process works on; nobody else does. Close it, or use it as a context manager.

    Args:
        directory: its path.
        record: what it is for.
        lock: descriptor of the directory, locked.
    """

    def __init__(self, directory: str, record: Record, lock: int) -> None:
        self.directory = directory
        self.record = record
        self._lock = lock

    @property
    def data(self) -> str:
        """The data directory of the server, or the root of restored files."""
        return os.path.join(self.directory, "data")

    @property
    def run(self) -> str:
        """The directory of the socket."""
        return os.path.join(self.directory, "run")

    @property
    def log(self) -> str:
        """What the server says."""
        return os.path.join(self.directory, "server.log")

    @property
    def environment(self) -> dict[str, str]:
        """What everything that runs here has in its environment."""
        return {processes.MARK: self.record.token}

    def path(self, *names: str) -> str:
        """A path in the directory."""
        return os.path.join(self.directory, *names)

    def note(self, **changes: Any) -> None:
        """Change the record."""
        self.record = replace(self.record, **changes)
        _write(self.directory, self.record)

    def remove(self) -> None:
        """End all that runs here, and remove the directory.

        Raises:
            BackupError: something does not end, or cannot be removed.
        """
        processes.end(self.record.token, self.data, self.record.stop_signal)
        gone = self.directory
        if not gone.endswith(_GONE):
            # From now on it is a leftover for everybody, whatever of it is removed first. Where a disk does not take even that,
            # what can be removed is removed all the same.
            with contextlib.suppress(OSError):
                os.rename(self.directory, gone + _GONE)
                gone += _GONE
        _remove_tree(gone)

    def close(self) -> None:
        """Let others work on it."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def __enter__(self) -> Place:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


def check_parent(parent: str) -> str:
    """Make sure that directories can be made in a directory, and that nobody else could exchange them.

    Returns:
        Its path without links.

    Raises:
        UsageError: it is not absolute, not there, or writable by others.
    """
    if not os.path.isabs(parent):
        raise UsageError(f"The directory {parent!r} is not an absolute path.", "give it in full")
    path = os.path.realpath(parent)
    try:
        status = os.stat(path)
    except OSError as error:
        raise UsageError(f"{parent} cannot be used: {error.strerror}.", "make it, or name another one") from None
    if not stat.S_ISDIR(status.st_mode):
        raise UsageError(f"{parent} is not a directory.", "name a directory")
    others = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    if status.st_uid not in (0, os.geteuid()) or (others and not status.st_mode & stat.S_ISVTX):
        raise UsageError(
            f"{parent} belongs to another account, or others may write to it: they could exchange what is in it.",
            "name a directory that is yours alone, or one with the sticky bit, such as /var/tmp",
        )
    return path


def make(parent: str, purpose: str, set_id: str, engine: str, seconds: int) -> Place:
    """Make a directory with its record.

    Args:
        parent: as :func:`check_parent` returned it.
        purpose: what it is for.
        set_id, engine: the set.
        seconds: its time.

    Raises:
        OSError: it cannot be made.
    """
    token = secrets.token_hex(8)
    directory = os.path.join(parent, PREFIX + token)
    os.mkdir(directory, 0o700)
    lock = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    fcntl.flock(lock, fcntl.LOCK_EX)
    now = time.time()
    place = Place(directory, Record(token, purpose, set_id, engine, now, now + seconds), lock)
    _write(directory, place.record)
    os.chmod(directory, _MODE)
    return place


def take(directory: str) -> Place:
    """Work on a directory that was made before.

    Raises:
        UsageError: it is none of ours.
        BackupError: somebody else works on it.
    """
    path = os.path.normpath(directory)
    if _NAME.match(os.path.basename(path)) is None or not os.path.isabs(directory):
        raise UsageError(
            f"{directory} is no directory of a throw-away server.", "name the one that state=started has returned"
        )
    place = _claim(path)
    if place is None:
        raise Running(f"Somebody else works on {directory}.", "wait until the other drill has ended")
    return place


def exists(directory: str) -> bool:
    """Whether there is something to remove."""
    return os.path.lexists(directory)


def sweep(parent: str, purpose: str) -> list[str]:
    """Remove what killed drills left.

    Args:
        parent: where to look.
        purpose: what is to be drilled now; whatever was for the same is a leftover.

    Returns:
        The directories.

    Raises:
        BackupError: another drill of the same is just starting or ending; or something cannot be removed.
    """
    removed = []
    for entry in sorted(os.scandir(parent), key=lambda item: item.name):
        match = _NAME.match(entry.name)
        if match is None or not entry.is_dir(follow_symlinks=False):
            continue
        if entry.stat(follow_symlinks=False).st_uid != os.geteuid():
            # Anybody can make a directory of that name in /var/tmp, with a record that names somebody else's server.
            continue
        record = _read(entry.path)
        if record is None and not match[2] and time.time() - entry.stat().st_mtime < _SECONDS_TO_RECORD:
            continue
        same = record is not None and record.purpose == purpose and not record.kept
        if not (match[2] or record is None or same or time.time() > record.until):
            continue
        place = _claim(entry.path)
        if place is None:
            if same:
                raise Running(f"Another drill of the same instance works in {entry.path}.", "wait until it has ended")
            continue
        with place:
            place.remove()
        removed.append(entry.path)
    return removed


def _claim(path: str) -> Optional[Place]:
    """The lock on a directory of ours; None if somebody else has it, or it is gone."""
    try:
        lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        _check_owner(path, lock)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        match = _NAME.match(os.path.basename(path))
        token = match[1] if match else ""
        # The name says it, whatever the record holds; without a record only the name is left.
        record = _read(path) or Record(token, "", "", "", 0.0, 0.0)
        return Place(path, replace(record, token=token), lock)
    except BlockingIOError:
        os.close(lock)
        return None
    except BaseException:
        os.close(lock)
        raise


def _check_owner(path: str, descriptor: int) -> None:
    if os.fstat(descriptor).st_uid != os.geteuid():
        raise UsageError(f"{path} belongs to another account.", "run the task as the account that made it")


def _write(directory: str, record: Record) -> None:
    path = os.path.join(directory, _RECORD)
    temporary = f"{path}.new"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as stream:
        json.dump(asdict(record), stream)
    os.rename(temporary, path)


def _read(directory: str) -> Optional[Record]:
    """The record of a directory; None if there is none, or none that makes sense."""
    path = os.path.join(directory, _RECORD)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as stream:
        if os.fstat(stream.fileno()).st_uid != os.geteuid():
            return None
        data = stream.read(_RECORD_LIMIT)
    try:
        record = Record(**json.loads(data))
        if record.until < record.made or not isinstance(record.stop_signal, int):
            return None
    except (TypeError, ValueError):
        return None
    return record


def _remove_tree(path: str) -> None:
    try:
        shutil.rmtree(path)
    except OSError as error:
        raise HostFailed(
            f"{error.filename or path} cannot be removed: {error.strerror}.", "remove the directory by hand"
        ) from error


@contextlib.contextmanager
def removed_on_failure(place: Place) -> Iterator[Place]:
    """Within the context, a failure removes the directory and all that runs in it."""
    with place:
        try:
            yield place
        except BaseException:
            with undisturbed():
                place.remove()
            raise
