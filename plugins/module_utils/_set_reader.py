# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading a sealed set, and finding what is wrong with it. Private to this collection."""

from __future__ import annotations

import hashlib
import os
import stat
import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Optional

from ansible_collections.vya.backupdb.plugins.module_utils._errors import (
    DamagedSet,
    NoIdentity,
    RepositoryError,
    UntrustedSet,
)
from ansible_collections.vya.backupdb.plugins.module_utils._hidden import DETAILS, joined
from ansible_collections.vya.backupdb.plugins.module_utils._interrupts import submit
from ansible_collections.vya.backupdb.plugins.module_utils._keys import NO_KEYS, Keys
from ansible_collections.vya.backupdb.plugins.module_utils._layout import (
    MANIFEST,
    PARTIAL,
    SIGNATURE,
    SUMS,
    files_below,
    hash_file,
    read_regular,
)
from ansible_collections.vya.backupdb.plugins.module_utils._model import Artefact, FileEntry, Manifest
from ansible_collections.vya.backupdb.plugins.module_utils._opening import Opening
from ansible_collections.vya.backupdb.plugins.module_utils._process import Command, find_program
from ansible_collections.vya.backupdb.plugins.module_utils._set_locks import ReadLock
from ansible_collections.vya.backupdb.plugins.module_utils._signatures import (
    SIGNATURE_LIMIT,
    Signature,
    Statement,
    parse_trusted,
    trusted_signature,
)
from ansible_collections.vya.backupdb.plugins.module_utils._strict_json import strict_json

_MANIFEST_LIMIT = 256 << 20


def share(size: int, total: int, jobs: int) -> int:
    """How many files of an artefact to read at a time, by its part of what is read at all."""
    return max(1, round(jobs * size / total)) if total else 1


class SetReader:
    """A sealed set. A context manager: leaving it removes what was decrypted.

    Args:
        path: its directory.
        keys: what opens it and says whom to trust.

    Raises:
        DamagedSet: it has no manifest, or one that is not what was written.
    """

    def __init__(self, path: str, keys: Keys = NO_KEYS) -> None:
        self.directory = path
        self._opening: Optional[Opening] = None
        self._unlocked = False
        self._guard = threading.Lock()
        #: directories of the set that are no links, and artefacts without any
        self._directories: set[str] = set()
        self._without_links: set[str] = set()
        self._keys = keys
        self._sums = self._read_sums()
        #: who has signed the set; None unless the keys say whom to trust
        self.signature: Optional[Signature] = None
        #: SHA-256 of the manifest, hexadecimal
        self.manifest_sha256 = ""
        self.manifest = self._read_manifest()
        self._lock: Optional[ReadLock] = None

    def keep(self) -> None:
        """Keep the set from being removed for as long as this reader lives.

        Raises:
            UsageError: it was removed meanwhile.
            RepositoryError: it cannot be locked.
        """
        self._lock = ReadLock(self.directory)

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
        self.manifest_sha256 = hashlib.sha256(data).hexdigest()
        # Nothing of a manifest is believed, or even parsed, before it is known whose it is.
        self._check_signature()
        if self.manifest_sha256 != self._sums.get(MANIFEST):
            raise self._damaged(f"{MANIFEST} is not what {SUMS} says")
        try:
            manifest = Manifest.from_json(strict_json(data))
        except ValueError as error:
            raise self._damaged(f"{MANIFEST} is not valid JSON: {error}") from None
        if self.signature is not None:
            self._compare_signature(self.signature.statement, manifest)
        return manifest

    def _check_signature(self) -> None:
        trusted = parse_trusted(self._keys.trusted)
        if trusted:
            set_id = os.path.basename(self.directory).removesuffix(PARTIAL)
            self.signature = trusted_signature(
                self.signatures(), trusted, f"The set {self.directory}", set_id, self.manifest_sha256
            )

    def _compare_signature(self, statement: Statement, manifest: Manifest) -> None:
        for name in ("source", "instance", "set_id", "run_id"):
            said, signed = getattr(manifest, name), getattr(statement, name)
            if said != signed:
                raise UntrustedSet(
                    f"The set {self.directory} is not trusted: {name} is {said!r} in its manifest, {signed!r} in its signature.",
                    "use another set, and find out who signed this one",
                )

    def signatures(self) -> Optional[bytes]:
        """What lies in the set as its signatures, unchecked; None if there is nothing.

        Raises:
            UntrustedSet: it is not a file of the size of signatures.
        """
        path = os.path.join(self.directory, SIGNATURE)
        try:
            return read_regular(path, SIGNATURE_LIMIT)
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise UntrustedSet(
                f"The set {self.directory} is not trusted: {SIGNATURE} cannot be what was written: {error}.",
                "use another set, or a copy of this one",
            ) from None
        except OSError as error:
            raise _unreadable(path, error) from error

    def _read(self, name: str) -> bytes:
        path = os.path.join(self.directory, name)
        try:
            return read_regular(path, _MANIFEST_LIMIT)
        except FileNotFoundError:
            raise self._damaged(f"{name} is missing") from None
        except ValueError as error:
            raise self._damaged(f"{name} cannot be what was written: {error}") from None
        except OSError as error:
            raise _unreadable(path, error) from error

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

    @property
    def encrypted(self) -> bool:
        """Whether what it holds can be read with a private key only."""
        return bool(self.manifest.recipients)

    def unlock(self) -> None:
        """Open an encrypted set, and complete the manifest by its encrypted part; does nothing for others.

        Raises:
            UsageError: no private key was given, or none that fits.
            DamagedSet: the encrypted part of the manifest is not what was written.
            MissingProgram: age is absent.
        """
        if self.encrypted and not self._unlocked:
            artefact = self.artefact(DETAILS)
            data = self._open().read(artefact, Command([find_program("zstd"), "-d", "-q", "-c"]))
            try:
                self.manifest = joined(self.manifest, strict_json(data))
            except ValueError as error:
                raise self._damaged(f"{artefact.stored_as} is not valid JSON: {error}") from None
            self._unlocked = True

    def _open(self) -> Opening:
        if not self._keys.identities:
            raise NoIdentity(
                f"The set {self.directory} is encrypted, and no private key was given.",
                "give with identity (backupdb_identity) the private key of " + " or of ".join(self.manifest.recipients),
            )
        with self._guard:
            if self._opening is None:
                self._opening = Opening(self.directory, self.manifest, self._keys)
            return self._opening

    def path(self, artefact: Artefact) -> str:
        """Absolute path of an artefact, where it can be read.

        An encrypted one is decrypted when it is first asked for, into a private directory that goes with the reader.

        Raises:
            DamagedSet: it is encrypted, and not what was stored; or a link leads out of the set.
            BackupError: it is encrypted, and there is no key for it, or no room.
        """
        path = self.stored(artefact)
        return self._open().place(artefact) if artefact.encrypted else path

    def stored(self, artefact: Artefact) -> str:
        """Absolute path of an artefact as it lies in the set; what it holds comes out of :meth:`filters`.

        Raises:
            DamagedSet: something in it is a link, which could lead out of the set, or could be waited for without end.
        """
        path = os.path.join(self.directory, artefact.stored_as)
        if artefact.path not in self._without_links:
            problems = [text for text in map(self._link_above, (item.path for item in artefact.files)) if text]
            if problems:
                raise self._damaged("; ".join(problems[:10]))
            if os.path.isdir(path):
                try:
                    for _file in files_below(path):
                        pass
                except DamagedSet as error:
                    raise self._damaged(error.message.rstrip(".")) from None
            elif os.path.lexists(path) and not stat.S_ISREG(os.lstat(path).st_mode):
                raise self._damaged(f"{artefact.stored_as} is not a regular file")
            self._without_links.add(artefact.path)
        return path

    def _link_above(self, path: str) -> Optional[str]:
        """Which directory above a path in the set is a link, said in words; None if none is."""
        parents = []
        parent = os.path.dirname(path)
        while parent and parent not in self._directories:
            if os.path.islink(os.path.join(self.directory, parent)):
                return f"{parent} is a symbolic link"
            parents.append(parent)
            parent = os.path.dirname(parent)
        self._directories.update(parents)
        return None

    def filters(self, artefact: Artefact) -> list[Command]:
        """Programs that an artefact that is a file has to pass before it can be read, for what is read once and is big."""
        return [self._open().command()] if artefact.encrypted else []

    def release(self, artefact: Artefact) -> None:
        """Remove what was decrypted of an artefact."""
        if self._opening is not None:
            self._opening.release(artefact)

    def check_room(self, artefacts: Iterable[Artefact]) -> None:
        """Make sure that there is room to decrypt some artefacts.

        Raises:
            BackupError: there is none.
        """
        if self.encrypted:
            self._open().check_room(artefacts)

    def close(self) -> None:
        """Remove what was decrypted."""
        if self._opening is not None:
            self._opening.close()
            self._opening = None

    def __enter__(self) -> SetReader:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def check_sizes(self, artefact: Artefact) -> list[str]:
        """What is wrong with an artefact as far as names and sizes tell; empty if nothing is."""
        problems = []
        for entry in artefact.files:
            path = os.path.join(self.directory, entry.path)
            link = self._link_above(entry.path)
            if link is not None:
                problems.append(f"{entry.path} is not in the set: {link}")
                continue
            try:
                status = os.lstat(path)
            except (FileNotFoundError, NotADirectoryError):
                problems.append(f"{entry.path} is missing")
                continue
            if not stat.S_ISREG(status.st_mode):
                problems.append(f"{entry.path} is not a regular file")
            elif status.st_size != entry.size:
                problems.append(f"{entry.path} has {status.st_size} bytes instead of {entry.size}")
        return problems

    def check_contents(self, artefact: Artefact, jobs: int = 1) -> list[str]:
        """What is wrong with an artefact, every byte read; empty if nothing is.

        Args:
            artefact: what to read.
            jobs: files to read at a time.
        """
        problems = self.check_sizes(artefact)
        if problems:
            return problems
        for entry, sha256 in zip(artefact.files, self._hashes(artefact.files, jobs)):
            if sha256 != entry.sha256:
                problems.append(f"{entry.path} was altered: its SHA-256 differs")
            elif self._sums.get(entry.path) != entry.sha256:
                problems.append(f"{entry.path} has another SHA-256 in {SUMS} than in {MANIFEST}")
        return problems

    def _hashes(self, entries: Sequence[FileEntry], jobs: int) -> Iterable[str]:
        """SHA-256 of files, in their order."""

        def of(entry: FileEntry) -> str:
            return hash_file(os.path.join(self.directory, entry.path))[1]

        if jobs < 2 or len(entries) < 2:
            return map(of, entries)
        with ThreadPoolExecutor(min(jobs, len(entries))) as pool:
            # The biggest first, so that none of them is alone at the end.
            hashing = {entry: submit(pool, of, entry) for entry in sorted(entries, key=lambda entry: -entry.size)}
            return [hashing[entry].result() for entry in entries]

    def unexpected(self) -> list[str]:
        """Files in the set that the manifest does not name, relative to the set."""
        named = {entry.path for artefact in self.manifest.artefacts for entry in artefact.files}
        named |= {MANIFEST, SUMS, SIGNATURE}
        present = (os.path.relpath(path, self.directory) for path in files_below(self.directory))
        return [path for path in present if path not in named]

    def verify(self, artefact: Artefact, jobs: int = 1) -> None:
        """Make sure that every file of an artefact is there, with its size and SHA-256.

        Args:
            artefact: what to read.
            jobs: files to read at a time.

        Raises:
            DamagedSet: names every file that is not.
        """
        if self._opening is not None and self._opening.opened(artefact):
            # It was compared while it was decrypted.
            return
        problems = self.check_contents(artefact, jobs)
        if problems:
            raise self._damaged("; ".join(problems[:10]))


def _unreadable(path: str, error: OSError) -> RepositoryError:
    return RepositoryError(
        f"{path} cannot be read: {error.strerror}.", "run the task with become, or correct owner and mode"
    )
