# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writing a set: nothing of it is seen before all of it is whole and synced. Private to this collection."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import threading
from collections.abc import Container, Mapping, Sequence
from typing import Any, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._age import AGE, TAR_SUFFIX, encrypt_command
from ansible_collections.vya.backupdb.plugins.module_utils._age import SUFFIX as AGE_SUFFIX
from ansible_collections.vya.backupdb.plugins.module_utils._errors import UsageError
from ansible_collections.vya.backupdb.plugins.module_utils._interrupts import undisturbed
from ansible_collections.vya.backupdb.plugins.module_utils._layout import (
    DIRECTORIES,
    DIRECTORY_MODE,
    FILE_MODE,
    MANIFEST,
    PARTIAL,
    SUMS,
    encode_name,
    explaining,
    files_below,
    hash_file,
    sync,
    write_new,
)
from ansible_collections.vya.backupdb.plugins.module_utils._model import PLAIN, Artefact, FileEntry, Manifest
from ansible_collections.vya.backupdb.plugins.module_utils._process import Command, find_program, pipe

#: A directory is packed without owners, which mean nothing in a set. In records of the usual size: tar stops reading at the
#: end of the one that ends the archive, and age must not still be writing then.
_PACK = ("--create", "--file=-", "--format=gnu", "--sort=name", "--owner=0", "--group=0", "--numeric-owner")


class SetWriter:
    """A set being written. Leaving the context without :meth:`seal` removes every trace of it.

    Args:
        directory: of the sets of the instance.
        set_id: of the new set, whose directory is there.
        lock: descriptor of the instance's lock, which goes with the writer.
        recipients: public keys that everything is encrypted to; none to encrypt nothing.
        later: the newest set of the instance, if it is of a later moment than this one: the clock has gone back.
    """

    def __init__(
        self, directory: str, set_id: str, lock: int, recipients: Sequence[str] = (), later: Optional[str] = None
    ) -> None:
        self.set_id = set_id
        self.later = later
        self.recipients = tuple(recipients)
        self.directory = directory
        self._partial = os.path.join(directory, set_id + PARTIAL)
        self._lock_descriptor = lock
        self._paths: dict[tuple[str, str], str] = {}
        self._artefacts: list[Artefact] = []
        self._guard = threading.Lock()
        self._sealed = False
        #: SHA-256 of the manifest, hexadecimal, once the set is sealed
        self.manifest_sha256 = ""

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
        with explaining(self.directory):
            os.mkdir(path, DIRECTORY_MODE)
        return path

    @property
    def filters(self) -> list[Command]:
        """Programs that what goes into a file has to pass, after its compressor."""
        return [encrypt_command(self.recipients)] if self.recipients else []

    def create_file(self, kind: str, name: str, suffix: str, readable: bool = False) -> str:
        """Make an empty file, mode 0600, for an artefact; returns its absolute path.

        Args:
            kind, name, suffix: of the artefact.
            readable: it is not encrypted, and does not pass the :attr:`filters`.
        """
        if self.recipients and not readable:
            suffix += AGE_SUFFIX
        path = self._place(kind, name, suffix)
        with explaining(self.directory):
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE))
        return path

    def _place(self, kind: str, name: str, suffix: str) -> str:
        parent = self._partial
        if kind in DIRECTORIES:
            parent = os.path.join(parent, DIRECTORIES[kind])
            with explaining(self.directory):
                os.makedirs(parent, DIRECTORY_MODE, exist_ok=True)
        path = os.path.join(parent, encode_name(name) + suffix)
        with self._guard:
            if (kind, name) in self._paths:
                raise UsageError(f"The set holds {kind} {name!r} already.", "name each thing to back up once")
            self._paths[kind, name] = path
        return path

    def finish(
        self,
        kind: str,
        name: str,
        format: str,
        codec: str,
        details: Optional[Mapping[str, Any]] = None,
        hashed: Optional[tuple[int, str]] = None,
    ) -> Artefact:
        """Declare an artefact complete: its files are measured, hashed and synced, and belong to this process's account.

        Args:
            kind, name: as when it was created.
            format, codec, details: see :class:`Artefact`.
            hashed: bytes and SHA-256 of an artefact that is a single file, where it was hashed while it was written.
        """
        path = self._paths[kind, name]
        encryption = PLAIN
        with explaining(self.directory):
            if self.recipients and os.path.isdir(path):
                encryption = AGE
                entries: tuple[FileEntry, ...] = (self._pack(path),)
            else:
                paths = list(files_below(path)) if os.path.isdir(path) else [path]
                entries = tuple(self._finish_file(item, hashed) for item in paths)
                if os.path.isdir(path):
                    for parent, _names, _files in os.walk(path):
                        _own(parent, DIRECTORY_MODE)
                        sync(parent)
                elif self.recipients and path.endswith(AGE_SUFFIX):
                    encryption = AGE
                    path = path[: -len(AGE_SUFFIX)]
        inside = os.path.relpath(path, self._partial)
        artefact = Artefact(kind, name, inside, format, codec, entries, details or {}, encryption)
        with self._guard:
            self._artefacts.append(artefact)
        return artefact

    def _pack(self, path: str) -> FileEntry:
        """Encrypt a directory into one file, and remove it."""
        stored = path + TAR_SUFFIX
        descriptor = os.open(stored, os.O_RDWR | os.O_CREAT | os.O_EXCL, FILE_MODE)
        with os.fdopen(descriptor, "wb") as target:
            tar = Command([find_program("tar"), *_PACK, f"--directory={path}", "."])
            piped = pipe([tar, *self.filters], target=target)
            target.flush()
            os.fsync(descriptor)
        shutil.rmtree(path)
        return FileEntry(os.path.relpath(stored, self._partial), piped.size, piped.sha256)

    def _finish_file(self, path: str, hashed: Optional[tuple[int, str]]) -> FileEntry:
        _own(path, FILE_MODE)
        size, sha256 = hashed if hashed and hashed[0] == os.path.getsize(path) else hash_file(path)
        sync(path)
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
        with explaining(self.directory):
            entries = [entry for artefact in manifest.artefacts for entry in artefact.files]
            if self.recipients:
                self._remove_others({entry.path for entry in entries})
            write_new(os.path.join(self._partial, MANIFEST), data)
            sums = {entry.path: entry.sha256 for entry in entries}
            sums[MANIFEST] = self.manifest_sha256 = hashlib.sha256(data).hexdigest()
            lines = "".join(f"{sums[path]}  {path}\n" for path in sorted(sums))
            write_new(os.path.join(self._partial, SUMS), lines.encode("ascii"))
            for name in set(DIRECTORIES.values()):
                parent = os.path.join(self._partial, name)
                if os.path.isdir(parent):
                    sync(parent)
            sync(self._partial)
            os.rename(self._partial, self.path)
            sync(self.directory)
            self._sealed = True
        return self.path

    def _remove_others(self, known: Container[str]) -> None:
        """Remove what is no artefact: a program may have left a file with contents that nobody encrypted."""
        for path in list(files_below(self._partial)):
            if os.path.relpath(path, self._partial) not in known:
                os.unlink(path)

    def __enter__(self) -> SetWriter:
        return self

    def __exit__(self, *exc_info: object) -> None:
        try:
            if not self._sealed:
                with undisturbed(), explaining(self.directory):
                    # Who was told to stop, or could not sync, right after the set appeared; the lock keeps others out.
                    if not os.path.lexists(self._partial):
                        os.rename(self.path, self._partial)
                    shutil.rmtree(self._partial)
        finally:
            os.close(self._lock_descriptor)


def _own(path: str, mode: int) -> None:
    """A server's program may have made the file under its own account."""
    status = os.lstat(path)
    if status.st_uid != os.geteuid() or status.st_gid != os.getegid():
        os.chown(path, os.geteuid(), os.getegid(), follow_symlinks=False)
    if stat.S_IMODE(status.st_mode) != mode:
        os.chmod(path, mode)
