# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading a sealed set, and finding what is wrong with it. Private to this collection."""

from __future__ import annotations

import hashlib
import os
import stat
from typing import Optional

from ansible_collections.vya.backupdb.plugins.module_utils._errors import DamagedSet, RepositoryError, UntrustedSet
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
from ansible_collections.vya.backupdb.plugins.module_utils._model import Artefact, Manifest
from ansible_collections.vya.backupdb.plugins.module_utils._signatures import (
    SIGNATURE_LIMIT,
    Signature,
    Statement,
    parse_trusted,
    trusted_signature,
)
from ansible_collections.vya.backupdb.plugins.module_utils._strict_json import strict_json

_MANIFEST_LIMIT = 256 << 20


class SetReader:
    """A sealed set.

    Args:
        path: its directory.
        keys: what opens it and says whom to trust.

    Raises:
        DamagedSet: it has no manifest, or one that is not what was written.
    """

    def __init__(self, path: str, keys: Keys = NO_KEYS) -> None:
        self.directory = path
        self._keys = keys
        self._sums = self._read_sums()
        #: who has signed the set; None unless the keys say whom to trust
        self.signature: Optional[Signature] = None
        #: SHA-256 of the manifest, hexadecimal
        self.manifest_sha256 = ""
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
        named |= {MANIFEST, SUMS, SIGNATURE}
        present = (os.path.relpath(path, self.directory) for path in files_below(self.directory))
        return [path for path in present if path not in named]

    def verify(self, artefact: Artefact) -> None:
        """Make sure that every file of an artefact is there, with its size and SHA-256.

        Raises:
            DamagedSet: names every file that is not.
        """
        problems = self.check_contents(artefact)
        if problems:
            raise self._damaged("; ".join(problems[:10]))


def _unreadable(path: str, error: OSError) -> RepositoryError:
    return RepositoryError(
        f"{path} cannot be read: {error.strerror}.", "run the task with become, or correct owner and mode"
    )
