# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Opening an encrypted set: artefacts decrypted into a private directory, as they are needed. Private to this collection."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import os
import shutil
import tempfile
import threading
from collections.abc import Iterable, Iterator
from typing import Any, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._age import (
    PROGRAM,
    TAR_SUFFIX,
    Identities,
    explained,
    no_key_fits,
)
from ansible_collections.vya.backupdb.plugins.module_utils._errors import (
    BackupError,
    DamagedSet,
    HostFailed,
    NoIdentity,
    NoSpace,
    ProcessError,
)
from ansible_collections.vya.backupdb.plugins.module_utils._keys import Keys
from ansible_collections.vya.backupdb.plugins.module_utils._layout import DIRECTORY_MODE, FILE_MODE, files_below
from ansible_collections.vya.backupdb.plugins.module_utils._model import Artefact, Manifest
from ansible_collections.vya.backupdb.plugins.module_utils._process import CHUNK, Command, find_program, pipe
from ansible_collections.vya.backupdb.plugins.module_utils._staging import free_bytes, private_directory, sweep

_PREFIX = "backupdb-opened-"
#: Of what is read into memory.
_MOST_BYTES = 256 << 20
_NO_SPACE = "No space left on device"
#: tar reads names of members as they are meant: below the directory; owners, modes and times are nobody's business here.
_EXTRACT = ("--extract", "--file=-", "--no-same-owner", "--no-same-permissions", "--touch", "--no-acls", "--no-xattrs")


class Opening:
    """Decrypts artefacts of one set. Safe to use from several threads. Close it: what is decrypted is removed then.

    Args:
        directory: of the set.
        manifest: of the set.
        keys: what may open it.

    Raises:
        UsageError: a private key is malformed.
        MissingProgram: age is absent.
    """

    def __init__(self, directory: str, manifest: Manifest, keys: Keys) -> None:
        self._directory = directory
        self._recipients = manifest.recipients
        self._root = keys.staging or tempfile.gettempdir()
        self._stack = contextlib.ExitStack()
        self._identities = Identities(keys.identities)
        self._stack.callback(self._identities.close)
        self._staging: Optional[str] = None
        self._guard = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}
        self._places: dict[str, str] = {}

    def command(self) -> Command:
        """What decrypts from its standard input to its standard output."""
        return self._identities.command()

    def opened(self, artefact: Artefact) -> bool:
        """Whether an artefact is decrypted already, and so known to be what was stored."""
        return artefact.path in self._places

    def place(self, artefact: Artefact) -> str:
        """Path of an artefact, decrypted and known to be what was stored; it is decrypted when it is first asked for.

        Raises:
            DamagedSet: it is not what was stored.
            UsageError: no private key fits.
            BackupError: there is no room for it.
        """
        with self._guard:
            lock = self._locks.setdefault(artefact.path, threading.Lock())
        with lock:
            if artefact.path not in self._places:
                self.check_room([artefact])
                path = os.path.join(self._staged(), artefact.path)
                os.makedirs(os.path.dirname(path), DIRECTORY_MODE, exist_ok=True)
                try:
                    self._open(artefact, path)
                except BaseException:
                    _remove(path)
                    raise
                self._places[artefact.path] = path
            return self._places[artefact.path]

    def release(self, artefact: Artefact) -> None:
        """Remove what was decrypted of an artefact."""
        path = self._places.pop(artefact.path, None)
        if path is not None:
            _remove(path)

    def read(self, artefact: Artefact, *then: Command) -> bytes:
        """An artefact that is a small file, decrypted in memory; errors as :meth:`place`.

        Args:
            artefact: what to read.
            then: programs that its content has to pass.
        """
        target = _Bounded(artefact.stored_as)
        self._run(artefact, [self.command(), *then], target)
        return target.getvalue()

    def check_room(self, artefacts: Iterable[Artefact]) -> None:
        """Make sure that some artefacts can be decrypted.

        Raises:
            BackupError: there is no room.
        """
        needed = sum(item.size for item in artefacts if item.path not in self._places)
        free = free_bytes(self._root)
        if free is not None and free < needed * 1.02:
            raise NoSpace(
                f"{self._root} has {free >> 20} MiB free, and decrypting needs {(needed >> 20) + 1} MiB there.",
                "free space, or name a directory on a larger file system with staging (backupdb_staging)",
            )

    def close(self) -> None:
        """Remove everything that was decrypted, and forget the keys."""
        self._places.clear()
        self._stack.close()

    def _staged(self) -> str:
        with self._guard:
            if self._staging is None:
                sweep(_PREFIX, self._root)
                try:
                    self._staging = self._stack.enter_context(private_directory(_PREFIX, self._root))
                except OSError as error:
                    raise HostFailed(
                        f"{self._root} cannot hold what is decrypted: {error.strerror}.",
                        "name another directory with staging (backupdb_staging)",
                    ) from error
            return self._staging

    def _open(self, artefact: Artefact, path: str) -> None:
        if artefact.stored_as != artefact.path + TAR_SUFFIX:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, FILE_MODE)
            with os.fdopen(descriptor, "wb") as target:
                self._run(artefact, [self.command()], target)
            return
        os.mkdir(path, DIRECTORY_MODE)
        self._run(artefact, [self.command(), Command([find_program("tar"), *_EXTRACT, f"--directory={path}"])], None)
        for _file in files_below(path):
            # Looking is all: it raises where an archive has brought a link or anything else that is no plain file.
            pass

    def _run(self, artefact: Artefact, commands: list[Command], target: Optional[io.IOBase]) -> None:
        """Let a stored file pass programs, the first one age, and compare its SHA-256 on the way."""
        (stored,) = artefact.files
        path = os.path.join(self._directory, stored.path)
        digest = hashlib.sha256()
        try:
            pipe(commands, source=_hashed(path, digest), target=target)  # type: ignore[arg-type]
        except ProcessError as error:
            raise self._explained(error, path, stored.sha256) from error
        except OSError as error:
            raise self._no_room(error) if error.errno in (errno.ENOSPC, errno.EDQUOT) else _unreadable(error) from error
        if digest.hexdigest() != stored.sha256:
            raise DamagedSet(f"{path} was altered: its SHA-256 differs.", "restore another set, or a copy of this one")

    def _explained(self, error: ProcessError, path: str, sha256: str) -> BackupError:
        if _NO_SPACE in error.stderr_tail:
            return self._no_room(error)
        if no_key_fits(error):
            digest = hashlib.sha256()
            for _chunk in _hashed(path, digest):
                pass
            if digest.hexdigest() == sha256:
                return NoIdentity(
                    f"None of the private keys that were given opens the set {self._directory}.",
                    f"give with identity (backupdb_identity) the one of {' or of '.join(self._recipients)}",
                )
            return DamagedSet(f"{path} was altered: its SHA-256 differs.", "restore another set, or a copy of this one")
        if error.program == PROGRAM:
            return explained(error, path)
        return DamagedSet(f"{path} does not hold what was stored: {error.message}", "restore another set, or a copy")

    def _no_room(self, error: Exception) -> BackupError:
        return NoSpace(
            f"No space left in {self._root} for what is decrypted ({error}).",
            "free space, or name a directory on a larger file system with staging (backupdb_staging)",
        )


class _Bounded(io.BytesIO):
    """What is read into memory: no more than any real one."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name

    def write(self, data: Any) -> int:
        if self.tell() + len(data) > _MOST_BYTES:
            raise DamagedSet(f"{self._name} holds more than any real one.", "restore another set, or a copy")
        return super().write(data)


def _hashed(path: str, digest: hashlib._Hash) -> Iterator[bytes]:
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb", buffering=0) as source:
        while True:
            chunk = source.read(CHUNK)
            if not chunk:
                return
            digest.update(chunk)
            yield chunk


def _unreadable(error: OSError) -> DamagedSet:
    return DamagedSet(
        f"{error.filename or 'A file of the set'} cannot be read: {error.strerror}.",
        "restore another set, or a copy of this one; run the task with become if only rights are missing",
    )


def _remove(path: str) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    else:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
