# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The repository: directories of sealed sets. Private to this collection.

Layout: ``<repository>/<source>/<instance>/<set id>/``. A set is written as ``<set id>.partial`` and appears by one
rename, after every file is synced. One lock an instance: whoever holds it may write, and may sweep what a dead writer
left. The repository knows no engine.
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Optional

from ansible_collections.vya.backupdb.plugins.module_utils._errors import (
    BackupError,
    DamagedSet,
    Interrupted,
    NoSuchSet,
    RepositoryError,
    Running,
    UntrustedSet,
    UsageError,
)
from ansible_collections.vya.backupdb.plugins.module_utils._keys import NO_KEYS, Keys
from ansible_collections.vya.backupdb.plugins.module_utils._layout import (
    DIRECTORY_MODE,
    FILE_MODE,
    LATEST,
    LOCK,
    PARTIAL,
    decode_name,
    encode_name,
    explaining,
    sync,
)
from ansible_collections.vya.backupdb.plugins.module_utils._model import Manifest, is_set_id, set_id_at
from ansible_collections.vya.backupdb.plugins.module_utils._removal import opened, sweep
from ansible_collections.vya.backupdb.plugins.module_utils._set_reader import SetReader
from ansible_collections.vya.backupdb.plugins.module_utils._set_writer import SetWriter

_BACKUP, _PRUNE = "backup", "prune"
#: seconds that a run waits for a prune
_PATIENCE = 600.0
_BETWEEN_TRIES = 0.1


@dataclass(frozen=True)
class Listed:
    """An entry of a listing: a sealed set, or what is wrong with it."""

    source: str
    instance: str
    set_id: str
    path: str
    manifest: Optional[Manifest]
    problem: Optional[str] = None


class Repository:
    """A directory of sets.

    Args:
        root: its absolute path; made when the first set is begun.
        keys: what opens its sets and says whom to trust.

    Raises:
        UsageError: the path is not absolute.
    """

    def __init__(self, root: str, keys: Keys = NO_KEYS) -> None:
        if not os.path.isabs(root):
            raise UsageError(f"The repository {root!r} is not an absolute path.", "give backupdb_repository in full")
        self.root = os.path.normpath(root)
        self._keys = keys

    def instance_directory(self, source: str, instance: str) -> str:
        """Where the sets of an instance are."""
        return os.path.join(self.root, encode_name(source), encode_name(instance))

    def _without_links(self, source: str, instance: str) -> str:
        """Where the sets of an instance are, unless a link leads there: it could lead out of the repository.

        Raises:
            RepositoryError: one does.
        """
        directory = self.instance_directory(source, instance)
        for path in (os.path.dirname(directory), directory):
            if os.path.islink(path):
                raise RepositoryError(
                    f"{path} is a symbolic link, and a repository holds none.",
                    "remove the link, and make sure that only root can write there",
                )
        return directory

    def free_bytes(self) -> int:
        """Room that is left for sets, in bytes; asked of the nearest directory that exists."""
        path = self.root
        while not os.path.isdir(path):
            path = os.path.dirname(path)
        room = os.statvfs(path)
        return room.f_bavail * room.f_frsize

    def check_writable(self) -> None:
        """Make sure that sets can be made, without making anything.

        Raises:
            RepositoryError: they cannot.
        """
        path = self.root
        while not os.path.lexists(path):
            path = os.path.dirname(path)
        if not os.path.isdir(path):
            raise RepositoryError(f"{path} is not a directory.", "point backupdb_repository at a directory")
        if not os.access(path, os.W_OK | os.X_OK):
            raise RepositoryError(
                f"The repository is not writable: {path}.",
                "run the task with become, or correct owner and mode of the directory",
            )

    def begin(
        self, source: str, instance: str, now: Optional[datetime] = None, recipients: Sequence[str] = ()
    ) -> SetWriter:
        """Begin a set: lock the instance, sweep what dead writers left, make the new set's directory.

        Args:
            source: the host that the instance lives on.
            instance: its name.
            now: the moment that names the set; None for this one. A set of the same second is waited for.
            recipients: public keys that everything is encrypted to; none to encrypt nothing.

        Raises:
            RepositoryError: another run holds the lock, or the repository cannot be written.
        """
        directory, lock = self._claim(source, instance)
        with explaining(self.root):
            try:
                with opened(directory) as descriptor:
                    sweep(descriptor)
                set_id = _free_set_id(directory, now)
                path = os.path.join(directory, set_id + PARTIAL)
                try:
                    os.mkdir(path, DIRECTORY_MODE)
                except Interrupted:
                    with contextlib.suppress(FileNotFoundError):
                        os.rmdir(path)
                    raise
                others = [name for name in os.listdir(directory) if is_set_id(name)]
            except (OSError, BackupError):
                os.close(lock)
                raise
        newest = max(others, default="")
        return SetWriter(directory, set_id, lock, recipients, newest if newest > set_id else None)

    @contextlib.contextmanager
    def receive(self, source: str, instance: str, set_id: str) -> Iterator[str]:
        """A directory for a set that comes from elsewhere; where the block ends well, it has become that set.

        What an interrupted one left is there again, until the next backup of the instance sweeps it.

        Args:
            source: the host that the instance lived on.
            instance: its name.
            set_id: the id of the set, which is not in the repository.

        Raises:
            RepositoryError: another run holds the lock, or the repository cannot be written.
        """
        directory, lock = self._claim(source, instance)
        path = os.path.join(directory, set_id)
        try:
            with explaining(self.root):
                if os.path.lexists(path):
                    raise RepositoryError(f"There is a set {path} already.", "use that one")
                if os.path.islink(path + PARTIAL):
                    raise RepositoryError(f"{path + PARTIAL} is a symbolic link.", "remove it")
                os.makedirs(path + PARTIAL, DIRECTORY_MODE, exist_ok=True)
            try:
                yield path + PARTIAL
            except (DamagedSet, UntrustedSet):
                # What was cut off can go on; what is wrong cannot.
                shutil.rmtree(path + PARTIAL)
                raise
            with explaining(self.root):
                os.rename(path + PARTIAL, path)
                sync(directory)
        finally:
            os.close(lock)

    def _claim(self, source: str, instance: str) -> tuple[str, int]:
        """Make the directory of an instance and lock it; returns both."""
        directory = self._without_links(source, instance)
        self.check_writable()
        with explaining(self.root):
            previous = os.umask(0o077)
            try:
                os.makedirs(directory, DIRECTORY_MODE, exist_ok=True)
            finally:
                os.umask(previous)
            self._without_links(source, instance)
            return directory, self._lock(directory, source, instance)

    @contextlib.contextmanager
    def pruning(self, source: str, instance: str) -> Iterator[Optional[str]]:
        """Within the context no other run writes or removes sets of an instance.

        Yields:
            The directory of the instance; None where it has none.

        Raises:
            RepositoryError: another run holds the lock, or a link leads there.
        """
        directory = self._without_links(source, instance)
        if not os.path.isdir(directory):
            yield None
            return
        with explaining(self.root):
            lock = self._lock(directory, source, instance, _PRUNE)
        try:
            yield directory
        finally:
            os.close(lock)

    def directory_of(self, source: str, instance: str) -> Optional[str]:
        """The directory of an instance; None where it has none.

        Raises:
            RepositoryError: a link leads there.
        """
        directory = self._without_links(source, instance)
        return directory if os.path.isdir(directory) else None

    def _lock(self, directory: str, source: str, instance: str, task: str = _BACKUP) -> int:
        path = os.path.join(directory, LOCK)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)
        deadline = time.monotonic() + _PATIENCE
        for number in itertools.count():
            holder = _lock_or_holder(descriptor)
            if holder is None:
                break
            running, _separator, who = holder.rpartition(": ")
            # A prune holds the lock for moments; a backup that gave up because of it would be missing. Who holds the lock
            # may not have written yet who it is.
            if number == 0 or (running == _PRUNE and time.monotonic() < deadline):
                time.sleep(_BETWEEN_TRIES)
                continue
            os.close(descriptor)
            other = "Another" if running in ("", task) else "A"
            raise Running(
                f"{other} {running or _BACKUP} of {instance!r} of {source!r} is running"
                + (f" ({who})." if who else "."),
                "wait until it has ended; the lock goes with its process",
            )
        os.ftruncate(descriptor, 0)
        began = f"process {os.getpid()} since {datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%SZ}"
        os.pwrite(descriptor, f"{task}: {began}".encode(), 0)
        return descriptor

    def sets(
        self, source: Optional[str] = None, instance: Optional[str] = None, newest: Optional[int] = None
    ) -> Iterator[Listed]:
        """Every sealed set, by source, instance and time; a set that cannot be read is listed with its problem.

        Files and directories that are no sets are passed over.

        Args:
            source: only those of this host.
            instance: only those of instances of this name.
            newest: only so many of each instance, the newest ones; the others are not read.
        """
        for source_directory in _directories(self.root):
            if source is not None and os.path.basename(source_directory) != encode_name(source):
                continue
            for directory in _directories(source_directory):
                if instance is not None and os.path.basename(directory) != encode_name(instance):
                    continue
                paths = [path for path in _directories(directory) if is_set_id(os.path.basename(path))]
                for path in paths if newest is None else paths[-newest:]:
                    yield _listed(path, self._keys)

    def open(self, source: str, instance: str, wanted: str = LATEST) -> SetReader:
        """Open a set; it is not removed while the reader lives.

        Args:
            source: the host that the instance lived on.
            instance: its name.
            wanted: a set id, the absolute path of a set, or ``latest``.

        Raises:
            UsageError: there is no such set.
            RepositoryError: a link leads there, or it cannot be read.
            DamagedSet: it is damaged. ``latest`` never falls back silently on an older one.
            UntrustedSet: keys are trusted, and it is not signed by one of them, or as a set of another instance.
        """
        reader = SetReader(self.path_of(source, instance, wanted), self._keys)
        signature = reader.signature
        if signature is not None and (signature.statement.source, signature.statement.instance) != (source, instance):
            raise UntrustedSet(
                f"The set {reader.directory} is not trusted: its signature is of {signature.statement.subject},"
                f" and it was asked for as one of {instance!r} of {source!r}.",
                "name source and instance as they were when it was made, or find out who moved it",
            )
        reader.keep()
        return reader

    def path_of(self, source: str, instance: str, wanted: str) -> str:
        """The directory of a set, named as in :meth:`open`; whether it is damaged is not looked at.

        Raises:
            UsageError: there is no such set.
            RepositoryError: a link leads there, or it cannot be read.
        """
        if os.path.isabs(wanted):
            if not os.path.isdir(wanted):
                raise NoSuchSet(f"There is no set at {wanted}.", "name an existing set's directory")
            return os.path.normpath(wanted)
        directory = self._without_links(source, instance)
        ids = [name for name in map(os.path.basename, _directories(directory)) if is_set_id(name)]
        if not ids:
            raise NoSuchSet(
                f"The repository {self.root} holds no set of {instance!r} of {source!r}.",
                "check source, instance and repository; list what is there with the playbook vya.backupdb.list_backups",
            )
        chosen = ids[-1] if wanted == LATEST else wanted
        if chosen not in ids:
            raise NoSuchSet(
                f"There is no set {wanted!r} of {instance!r} of {source!r}.",
                f"choose one of the {len(ids)} sets there, the newest being {ids[-1]}, or 'latest'",
            )
        return os.path.join(directory, chosen)


def _lock_or_holder(descriptor: int) -> Optional[str]:
    """Lock a file; what its holder has written into it where somebody else holds the lock, otherwise None."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return os.pread(descriptor, 100, 0).decode("ascii", "replace").strip()
    except OSError:
        os.close(descriptor)
        raise
    return None


def _directories(path: str) -> list[str]:
    try:
        entries = [entry for entry in os.scandir(path) if entry.is_dir(follow_symlinks=False)]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except PermissionError as error:
        raise RepositoryError(
            f"{path} cannot be read: {error.strerror}.", "run the task with become, or correct owner and mode"
        ) from error
    return sorted(entry.path for entry in entries)


def _listed(path: str, keys: Keys) -> Listed:
    parts = path.split(os.sep)
    source, instance, set_id = decode_name(parts[-3]), decode_name(parts[-2]), parts[-1]
    try:
        reader = SetReader(path, keys)
    except (DamagedSet, RepositoryError) as error:
        return Listed(source, instance, set_id, path, None, error.message)
    manifest = reader.manifest
    names = [encode_name(manifest.source), encode_name(manifest.instance)]
    if reader.signature is not None and names != parts[-3:-1]:
        problem = f"The set {path} is not trusted: its signature is of {reader.signature.statement.subject}."
        return Listed(source, instance, set_id, path, None, problem)
    return Listed(manifest.source, manifest.instance, set_id, path, manifest)


def _free_set_id(directory: str, now: Optional[datetime]) -> str:
    while True:
        set_id = set_id_at(now or datetime.now(timezone.utc))
        if not os.path.lexists(os.path.join(directory, set_id)):
            return set_id
        if now is not None:
            raise RepositoryError(f"There is a set {set_id} already in {directory}.", "wait a second")
        time.sleep(0.1)
