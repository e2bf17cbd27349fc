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
import errno
import fcntl
import hashlib
import json
import os
import re
import shutil
import stat
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._errors import DamagedSet, RepositoryError, UsageError
from ansible_collections.vya.backupdb.plugins.module_utils._model import (
    Artefact,
    FileEntry,
    Manifest,
    is_set_id,
    set_id_at,
)

MANIFEST = "manifest.json"
SUMS = "SHA256SUMS"
README = "RESTORE.md"
PARTIAL = ".partial"
LATEST = "latest"
#: How deep a verification looks, the shallowest first.
VERIFY_LEVELS = ("quick", "checksum", "deep")
_LOCK = ".lock"
_STATE = ".state"
_DIRECTORY_MODE = 0o700
_FILE_MODE = 0o600
_HASH_CHUNK = 1 << 20
_LONGEST_NAME = 200
_MANIFEST_LIMIT = 256 << 20

#: kind -> directory in the set; artefacts of other kinds lie in the set itself, named after their kind.
_DIRECTORIES = {"database": "databases", "archive": "files"}


def encode_name(name: str) -> str:
    """A name as a file name: ASCII letters, digits, ``_``, ``-`` and inner dots stay, every other byte becomes ``%XX``.

    A name that would be too long for a file system is cut and ends in a part of its SHA-256.
    """
    data = name.encode("utf-8", "surrogateescape")
    safe = re.compile(rb"[A-Za-z0-9_-]")
    encoded = "".join(
        chr(byte) if safe.match(bytes([byte])) or (byte == 0x2E and index > 0) else f"%{byte:02X}"
        for index, byte in enumerate(data)
    )
    if not encoded or len(encoded) > _LONGEST_NAME:
        encoded = encoded[: _LONGEST_NAME - 18] + "%~" + hashlib.sha256(data).hexdigest()[:16]
    return encoded


def hash_file(path: str) -> tuple[int, str]:
    """Bytes and SHA-256 (hexadecimal) of a file."""
    digest = hashlib.sha256()
    size = 0
    with open(path, "rb", buffering=0) as stream:
        while True:
            chunk = stream.read(_HASH_CHUNK)
            if not chunk:
                return size, digest.hexdigest()
            size += len(chunk)
            digest.update(chunk)


def _sync(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _files_below(path: str) -> Iterator[str]:
    """Every file below a directory, sorted, refusing anything that is neither file nor directory."""
    for entry in sorted(os.scandir(path), key=lambda item: item.name):
        if entry.is_dir(follow_symlinks=False):
            yield from _files_below(entry.path)
        elif entry.is_file(follow_symlinks=False):
            yield entry.path
        else:
            raise DamagedSet(f"{entry.path} is neither a file nor a directory.", "remove it, or restore another set")


@contextlib.contextmanager
def _explaining(path: str) -> Iterator[None]:
    """Turn what the operating system says about a path of the repository into words."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise RepositoryError(
                f"No space left for the repository at {path}.",
                "free space there, or point backupdb_repository at a larger file system",
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise RepositoryError(
                f"The repository is not writable: {error.strerror}: {error.filename or path}.",
                "run the task with become, or correct owner and mode of the directory",
            ) from error
        raise RepositoryError(
            f"The repository at {path} failed: {error.strerror or error}: {error.filename or path}.",
            "check the file system that it lies on",
        ) from error


class SetWriter:
    """A set being written. Leaving the context without :meth:`seal` removes every trace of it."""

    def __init__(self, directory: str, set_id: str, lock: int) -> None:
        self.set_id = set_id
        self.directory = directory
        self._partial = os.path.join(directory, set_id + PARTIAL)
        self._lock_descriptor = lock
        self._paths: dict[tuple[str, str], str] = {}
        self._artefacts: list[Artefact] = []
        self._guard = threading.Lock()
        self._sealed = False

    @property
    def path(self) -> str:
        """Where the set will be once it is sealed."""
        return os.path.join(self.directory, self.set_id)

    @property
    def artefacts(self) -> tuple[Artefact, ...]:
        """The artefacts that are finished, in a stable order."""
        with self._guard:
            return tuple(sorted(self._artefacts, key=lambda item: (item.kind, item.name)))

    def create_directory(self, kind: str, name: str) -> str:
        """Make an empty directory, mode 0700, for an artefact; returns its absolute path."""
        path = self._place(kind, name, "")
        with _explaining(self.directory):
            os.mkdir(path, _DIRECTORY_MODE)
        return path

    def create_file(self, kind: str, name: str, suffix: str) -> str:
        """Make an empty file, mode 0600, for an artefact; returns its absolute path."""
        path = self._place(kind, name, suffix)
        with _explaining(self.directory):
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _FILE_MODE))
        return path

    def _place(self, kind: str, name: str, suffix: str) -> str:
        parent = self._partial
        if kind in _DIRECTORIES:
            parent = os.path.join(parent, _DIRECTORIES[kind])
            with _explaining(self.directory):
                os.makedirs(parent, _DIRECTORY_MODE, exist_ok=True)
        path = os.path.join(parent, encode_name(name) + suffix)
        with self._guard:
            if (kind, name) in self._paths:
                raise UsageError(f"The set holds {kind} {name!r} already.", "name each thing to back up once")
            self._paths[kind, name] = path
        return path

    def finish(
        self, kind: str, name: str, format: str, codec: str, details: Optional[Mapping[str, Any]] = None
    ) -> Artefact:
        """Declare an artefact complete: its files are measured, hashed and synced, and belong to this process's account."""
        path = self._paths[kind, name]
        with _explaining(self.directory):
            paths = list(_files_below(path)) if os.path.isdir(path) else [path]
            entries = tuple(self._finish_file(item) for item in paths)
            if os.path.isdir(path):
                for parent, _names, _files in os.walk(path):
                    _own(parent, _DIRECTORY_MODE)
                    _sync(parent)
        artefact = Artefact(kind, name, os.path.relpath(path, self._partial), format, codec, entries, details or {})
        with self._guard:
            self._artefacts.append(artefact)
        return artefact

    def _finish_file(self, path: str) -> FileEntry:
        _own(path, _FILE_MODE)
        size, sha256 = hash_file(path)
        _sync(path)
        return FileEntry(os.path.relpath(path, self._partial), size, sha256)

    def seal(self, manifest: Manifest) -> str:
        """Write the manifest and the checksums, sync everything, and let the set appear.

        Returns:
            The path of the set.

        Raises:
            RepositoryError: something could not be written; the set does not exist then.
        """
        text = json.dumps(manifest.to_json(), ensure_ascii=False, indent=1, sort_keys=True)
        data = text.encode("utf-8", "surrogateescape")
        with _explaining(self.directory):
            _write_new(os.path.join(self._partial, MANIFEST), data)
            entries = [entry for artefact in manifest.artefacts for entry in artefact.files]
            sums = {entry.path: entry.sha256 for entry in entries}
            sums[MANIFEST] = hashlib.sha256(data).hexdigest()
            lines = "".join(f"{sums[path]}  {path}\n" for path in sorted(sums))
            _write_new(os.path.join(self._partial, SUMS), lines.encode("ascii"))
            for name in set(_DIRECTORIES.values()):
                parent = os.path.join(self._partial, name)
                if os.path.isdir(parent):
                    _sync(parent)
            _sync(self._partial)
            os.rename(self._partial, self.path)
            self._sealed = True
            _sync(self.directory)
        return self.path

    def __enter__(self) -> SetWriter:
        return self

    def __exit__(self, *exc_info: object) -> None:
        try:
            if not self._sealed:
                shutil.rmtree(self._partial)
        finally:
            os.close(self._lock_descriptor)


def _write_new(path: str, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _FILE_MODE)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def _own(path: str, mode: int) -> None:
    """A server's program may have made the file under its own account."""
    status = os.lstat(path)
    if status.st_uid != os.geteuid() or status.st_gid != os.getegid():
        os.chown(path, os.geteuid(), os.getegid(), follow_symlinks=False)
    if stat.S_IMODE(status.st_mode) != mode:
        os.chmod(path, mode)


class SetReader:
    """A sealed set.

    Args:
        path: its directory.

    Raises:
        DamagedSet: it has no manifest, or one that is not what was written.
    """

    def __init__(self, path: str) -> None:
        self.directory = path
        self._sums = self._read_sums()
        self.manifest = self._read_manifest()

    def _read_sums(self) -> dict[str, str]:
        sums = {}
        for line in self._read(SUMS).decode("ascii", "replace").splitlines():
            sha256, separator, path = line.partition("  ")
            if not separator:
                raise self._damaged(f"{SUMS} is malformed")
            sums[path] = sha256
        return sums

    def _read_manifest(self) -> Manifest:
        data = self._read(MANIFEST)
        if hashlib.sha256(data).hexdigest() != self._sums.get(MANIFEST):
            raise self._damaged(f"{MANIFEST} is not what {SUMS} says")
        try:
            manifest = Manifest.from_json(json.loads(data.decode("utf-8", "surrogateescape")))
        except ValueError as error:
            raise self._damaged(f"{MANIFEST} is not valid JSON: {error}") from None
        return manifest

    def _read(self, name: str) -> bytes:
        path = os.path.join(self.directory, name)
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        except FileNotFoundError:
            raise self._damaged(f"{name} is missing") from None
        except OSError as error:
            raise RepositoryError(
                f"{path} cannot be read: {error.strerror}.", "run the task with become, or correct owner and mode"
            ) from error
        with os.fdopen(descriptor, "rb") as stream:
            data = stream.read(_MANIFEST_LIMIT + 1)
        if len(data) > _MANIFEST_LIMIT:
            raise self._damaged(f"{name} is larger than any real one")
        return data

    def _damaged(self, what: str) -> DamagedSet:
        return DamagedSet(f"The set {self.directory} is damaged: {what}.", "restore another set, or a copy of this one")

    def artefact(self, kind: str, name: Optional[str] = None) -> Artefact:
        """The artefact of a kind and name.

        Raises:
            DamagedSet: the set has none.
        """
        found = self.manifest.artefact(kind, name)
        if found is None:
            raise self._damaged(f"it holds no {kind}" + (f" {name!r}" if name else ""))
        return found

    def path(self, artefact: Artefact) -> str:
        """Absolute path of an artefact."""
        return os.path.join(self.directory, artefact.path)

    def check_sizes(self, artefact: Artefact) -> list[str]:
        """What is wrong with an artefact as far as names and sizes tell; empty if nothing is."""
        problems = []
        for entry in artefact.files:
            path = os.path.join(self.directory, entry.path)
            try:
                status = os.lstat(path)
            except FileNotFoundError:
                problems.append(f"{entry.path} is missing")
                continue
            if not stat.S_ISREG(status.st_mode):
                problems.append(f"{entry.path} is not a regular file")
            elif status.st_size != entry.size:
                problems.append(f"{entry.path} has {status.st_size} bytes instead of {entry.size}")
        return problems

    def check_contents(self, artefact: Artefact) -> list[str]:
        """What is wrong with an artefact, every byte read; empty if nothing is."""
        problems = self.check_sizes(artefact)
        if problems:
            return problems
        for entry in artefact.files:
            if hash_file(os.path.join(self.directory, entry.path))[1] != entry.sha256:
                problems.append(f"{entry.path} was altered: its SHA-256 differs")
            elif self._sums.get(entry.path) != entry.sha256:
                problems.append(f"{entry.path} has another SHA-256 in {SUMS} than in {MANIFEST}")
        return problems

    def unexpected(self) -> list[str]:
        """Files in the set that the manifest does not name, relative to the set."""
        named = {entry.path for artefact in self.manifest.artefacts for entry in artefact.files}
        named |= {MANIFEST, SUMS}
        present = (os.path.relpath(path, self.directory) for path in _files_below(self.directory))
        return [path for path in present if path not in named]

    def verify(self, artefact: Artefact) -> None:
        """Make sure that every file of an artefact is there, with its size and SHA-256.

        Raises:
            DamagedSet: names every file that is not.
        """
        problems = self.check_contents(artefact)
        if problems:
            raise self._damaged("; ".join(problems[:10]))


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

    Raises:
        UsageError: the path is not absolute.
    """

    def __init__(self, root: str) -> None:
        if not os.path.isabs(root):
            raise UsageError(f"The repository {root!r} is not an absolute path.", "give backupdb_repository in full")
        self.root = os.path.normpath(root)

    def instance_directory(self, source: str, instance: str) -> str:
        """Where the sets of an instance are."""
        return os.path.join(self.root, encode_name(source), encode_name(instance))

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

    def begin(self, source: str, instance: str, now: Optional[datetime] = None) -> SetWriter:
        """Begin a set: lock the instance, sweep what dead writers left, make the new set's directory.

        Args:
            source: the host that the instance lives on.
            instance: its name.
            now: the moment that names the set; None for this one. A set of the same second is waited for.

        Raises:
            RepositoryError: another run holds the lock, or the repository cannot be written.
        """
        directory = self.instance_directory(source, instance)
        self.check_writable()
        with _explaining(self.root):
            previous = os.umask(0o077)
            try:
                os.makedirs(directory, _DIRECTORY_MODE, exist_ok=True)
            finally:
                os.umask(previous)
            lock = self._lock(directory, source, instance)
            try:
                _sweep(directory)
                set_id = _free_set_id(directory, now)
                os.mkdir(os.path.join(directory, set_id + PARTIAL), _DIRECTORY_MODE)
            except OSError:
                os.close(lock)
                raise
        return SetWriter(directory, set_id, lock)

    def _lock(self, directory: str, source: str, instance: str) -> int:
        path = os.path.join(directory, _LOCK)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, _FILE_MODE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 100).decode("ascii", "replace").strip()
            os.close(descriptor)
            raise RepositoryError(
                f"Another backup of {instance!r} of {source!r} is running" + (f" ({holder})." if holder else "."),
                "wait until it has ended; the lock goes with its process",
            ) from None
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"process {os.getpid()} since {datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%SZ}".encode())
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
                    yield _listed(path)

    def open(self, source: str, instance: str, wanted: str = LATEST) -> SetReader:
        """Open a set.

        Args:
            source: the host that the instance lived on.
            instance: its name.
            wanted: a set id, the absolute path of a set, or ``latest``.

        Raises:
            UsageError: there is no such set.
            DamagedSet: it is damaged. ``latest`` never falls back silently on an older one.
        """
        if os.path.isabs(wanted):
            if not os.path.isdir(wanted):
                raise UsageError(f"There is no set at {wanted}.", "name an existing set's directory")
            return SetReader(os.path.normpath(wanted))
        directory = self.instance_directory(source, instance)
        ids = [name for name in map(os.path.basename, _directories(directory)) if is_set_id(name)]
        if not ids:
            raise UsageError(
                f"The repository {self.root} holds no set of {instance!r} of {source!r}.",
                "check source, instance and repository; list what is there with the playbook vya.backupdb.list_backups",
            )
        chosen = ids[-1] if wanted == LATEST else wanted
        if chosen not in ids:
            raise UsageError(
                f"There is no set {wanted!r} of {instance!r} of {source!r}.",
                f"choose one of the {len(ids)} sets there, the newest being {ids[-1]}, or 'latest'",
            )
        return SetReader(os.path.join(directory, chosen))


def record_verification(set_path: str, level: str, at: str, problems: int) -> None:
    """Remember what a verification of a set found: beside the sets, since a sealed set never changes.

    Args:
        set_path: the set's directory.
        level: how deep it looked.
        at: when, as :func:`timestamp` writes it.
        problems: how many it found.

    Raises:
        RepositoryError: it cannot be written.
    """
    path = _state_path(set_path)
    state = _state(path)
    state[level] = {"at": at, "ok": problems == 0, "problems": problems}
    with _explaining(path):
        os.makedirs(os.path.dirname(path), _DIRECTORY_MODE, exist_ok=True)
        temporary = f"{path}.{os.getpid()}.new"
        _write_new(temporary, json.dumps(state, sort_keys=True).encode("ascii"))
        os.rename(temporary, path)


def verification(set_path: str) -> Optional[dict[str, Any]]:
    """What is known of a set: the newest verification if it found problems, otherwise the deepest one.

    Returns:
        ``level``, ``at``, ``ok`` and ``problems``; None if the set was never verified.
    """
    state = _state(_state_path(set_path))
    found = [{"level": level, **state[level]} for level in VERIFY_LEVELS if level in state]
    if not found:
        return None
    latest = max(found, key=lambda item: str(item["at"]))
    return found[-1] if latest["ok"] else latest


def _state_path(set_path: str) -> str:
    return os.path.join(os.path.dirname(set_path), _STATE, os.path.basename(set_path) + ".json")


def _state(path: str) -> dict[str, dict[str, Any]]:
    """The state of a set; what is not ours or not readable is no state: it only says what can be found out again."""
    try:
        with open(path, encoding="ascii") as stream:
            state = json.load(stream)
    except (OSError, ValueError):
        return {}
    fields = {"at": str, "ok": bool, "problems": int}
    return {
        level: entry
        for level, entry in (state.items() if isinstance(state, dict) else ())
        if isinstance(entry, dict) and all(isinstance(entry.get(name), kind) for name, kind in fields.items())
    }


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


def _listed(path: str) -> Listed:
    parts = path.split(os.sep)
    source, instance, set_id = _decoded(parts[-3]), _decoded(parts[-2]), parts[-1]
    try:
        manifest = SetReader(path).manifest
    except (DamagedSet, RepositoryError) as error:
        return Listed(source, instance, set_id, path, None, error.message)
    return Listed(manifest.source, manifest.instance, set_id, path, manifest)


def _decoded(name: str) -> str:
    data = re.sub(rb"%([0-9A-F]{2})", lambda match: bytes([int(match.group(1), 16)]), name.encode())
    return data.decode("utf-8", "surrogateescape")


def _sweep(directory: str) -> None:
    """Remove what dead writers left: whoever holds the instance's lock is the only living one."""
    for entry in list(os.scandir(directory)):
        name = entry.name
        if name.endswith(PARTIAL) and is_set_id(name[: -len(PARTIAL)]) and entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path)


def _free_set_id(directory: str, now: Optional[datetime]) -> str:
    while True:
        set_id = set_id_at(now or datetime.now(timezone.utc))
        if not os.path.lexists(os.path.join(directory, set_id)):
            return set_id
        if now is not None:
            raise RepositoryError(f"There is a set {set_id} already in {directory}.", "wait a second")
        time.sleep(0.1)
