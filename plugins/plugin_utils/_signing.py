# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Making keys and signing, on the controller alone. Private to this collection.

The private key never leaves this process: no module gets it, no message holds a part of it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._errors import BadKey, UntrustedSet, UsageError
from ansible_collections.vya.backupdb.plugins.module_utils._model import timestamp
from ansible_collections.vya.backupdb.plugins.module_utils._signatures import (
    PublicKey,
    Signature,
    Statement,
    need_cryptography,
    parse_signatures,
    trusted_signature,
)

try:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
except ImportError:  # said by need_cryptography
    HAS_CRYPTOGRAPHY = False
else:
    HAS_CRYPTOGRAPHY = True

PUBLIC_SUFFIX = ".pub"

_MODE, _PUBLIC_MODE = 0o600, 0o644
_REMEDY = (
    "give the text of the file that the playbook vya.backupdb.create_keys has made, from Ansible Vault or a credential"
)


class SigningKey:
    """An Ed25519 private key."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.public = PublicKey(
            private.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        )

    @classmethod
    def create(cls) -> SigningKey:
        """A new one.

        Raises:
            MissingProgram: the library is missing.
        """
        need_cryptography()
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def load(cls, text: str) -> SigningKey:
        """The key of a text: PKCS #8 in PEM, or as OpenSSH writes it, without a passphrase.

        Raises:
            UsageError: the text is no such key; the message holds nothing of it.
            MissingProgram: the library is missing.
        """
        need_cryptography()
        if not text.strip():
            raise BadKey("There is no signing key (backupdb_signing_key).", _REMEDY)
        data = text.strip().encode() + b"\n"
        read = (
            serialization.load_ssh_private_key if b"OPENSSH PRIVATE KEY" in data else serialization.load_pem_private_key
        )
        try:
            private = read(data, password=None)
        except TypeError:
            raise BadKey("The signing key is protected by a passphrase.", _REMEDY) from None
        except (ValueError, UnsupportedAlgorithm):
            raise BadKey("The signing key is not a private key in PEM.", _REMEDY) from None
        if not isinstance(private, Ed25519PrivateKey):
            raise BadKey("The signing key is not an Ed25519 key.", _REMEDY)
        return cls(private)

    def pem(self) -> bytes:
        """The private key as PKCS #8 in PEM. Secret."""
        return self._private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    def sign(self, data: bytes) -> bytes:
        """The signature of some bytes; whoever signs says in them what they are about."""
        return self._private.sign(data)


def sign_statement(key: SigningKey, statement: Statement) -> Signature:
    """A statement with its signature."""
    return Signature(key.public, statement, key.sign(statement.text.encode("ascii")))


@dataclass
class Decision:
    """What is to become of a set.

    Args:
        source, instance, set_id: which one.
        signature: what to write; None if nothing is to be written.
        keys: fingerprints of trusted keys that have signed it.
        message: why it is not signed; None if it is, or will be.
    """

    source: str
    instance: str
    set_id: str
    signature: Optional[Signature] = None
    keys: Sequence[str] = ()
    message: Optional[str] = None

    @property
    def place(self) -> dict[str, str]:
        """Which set it is, as the module wants it."""
        return {"source": self.source, "instance": self.instance, "id": self.set_id}

    @property
    def values(self) -> Optional[dict[str, str]]:
        """The signature as JSON values."""
        return None if self.signature is None else self.signature.to_json()

    def refuse(self, problem: Optional[str]) -> None:
        """Take back the signature if there is a problem."""
        if problem:
            self.signature, self.message = None, problem

    def to_json(self) -> dict[str, Any]:
        """The decision for a result."""
        return {
            "source": self.source,
            "instance": self.instance,
            "set": self.set_id,
            "ok": self.message is None,
            "signed": self.signature is not None,
            "keys": list(self.keys),
            "message": self.message,
        }


class Signer:
    """Decides what is signed. What a host says is not believed: it may have been broken into.

    Args:
        key: the private key.
        trusted: keys whose signatures vouch for a set; none for the key alone.
        unsigned: whether sets are signed that nobody vouches for.

    Raises:
        UsageError: the key is not among the trusted ones.
    """

    def __init__(self, key: SigningKey, trusted: Sequence[PublicKey], unsigned: bool = False) -> None:
        if trusted and key.public not in trusted:
            raise BadKey(
                "The public half of the signing key is not among trusted_keys, so nobody would trust what it signs.",
                f"add it to backupdb_trusted_keys: {key.public.line}",
            )
        self.key = key
        self._trusted = tuple(trusted) or (key.public,)
        self._unsigned = unsigned

    def decide(self, said: Mapping[str, Any], expected: Optional[Sequence[Mapping[str, Any]]] = None) -> Decision:
        """Decide about a set.

        Args:
            said: what the host says of it.
            expected: the only sets that are meant, as the backup returned them; None for any.
        """
        decision = Decision(*(str(said.get(name) or "") for name in ("source", "instance", "id")))
        if said.get("problem"):
            decision.message = str(said["problem"])
            return decision
        try:
            statement = Statement(
                decision.source,
                decision.instance,
                decision.set_id,
                str(said.get("run_id")),
                str(said.get("manifest_sha256")),
                timestamp(datetime.now(timezone.utc)),
            )
            Statement.parse(statement.text)
        except ValueError as error:
            decision.message = f"what the host says of it makes no sense: {error}"
            return decision
        wanted = _find(decision, expected)
        decision.message = _contradiction(statement, wanted, expected is not None)
        if decision.message is None:
            self._sign(decision, statement, said.get("signatures"), bool(wanted and wanted.get("manifest_sha256")))
        return decision

    def _sign(self, decision: Decision, statement: Statement, present: Any, expected: bool) -> None:
        data = None if present is None else str(present).encode("utf-8", "replace")
        vouching = self._vouching(data, statement)
        decision.keys = sorted({item.key.fingerprint for item in vouching})
        if any(item.key == self.key.public for item in vouching):
            return
        if not vouching and not expected:
            decision.message = self._doubt(data, statement)
        if decision.message is None:
            decision.signature = sign_statement(self.key, statement)

    def _vouching(self, data: Optional[bytes], statement: Statement) -> list[Signature]:
        """The valid signatures of trusted keys of the set as it is."""
        try:
            present = () if data is None else parse_signatures(data)
        except ValueError:
            return []
        return [
            item for item in present if item.key in self._trusted and _alike(item.statement, statement) and item.valid()
        ]

    def _doubt(self, data: Optional[bytes], statement: Statement) -> Optional[str]:
        """Why a set is not signed that nobody vouches for, or None."""
        try:
            trusted_signature(data, self._trusted, "It", statement.set_id, statement.manifest_sha256)
        except UntrustedSet as error:
            if self._unsigned and (data is None or not self._claimed(data)):
                return None
            return (
                str(error)
                if data is not None
                else (
                    "It is not signed, and nothing says that nobody has changed it since it was made. What to do: verify it and look at it; "
                    "if you know where it comes from, sign it with unsigned: true (-e backupdb_sign_unsigned=true)"
                )
            )
        return "Its signature is of another source, instance or run. What to do: find out who moved it"

    def _claimed(self, data: bytes) -> bool:
        """Whether signatures name a trusted key."""
        try:
            return any(item.key in self._trusted for item in parse_signatures(data))
        except ValueError:
            return False


def _alike(one: Statement, other: Statement) -> bool:
    """Whether two statements are about the same, whenever they were signed."""
    names = ("source", "instance", "set_id", "run_id", "manifest_sha256")
    return all(getattr(one, name) == getattr(other, name) for name in names)


def _find(decision: Decision, expected: Optional[Sequence[Mapping[str, Any]]]) -> Optional[Mapping[str, Any]]:
    for item in expected or ():
        if all(str(item.get(name)) == value for name, value in decision.place.items()):
            return item
    return None


def _contradiction(statement: Statement, wanted: Optional[Mapping[str, Any]], needed: bool) -> Optional[str]:
    """What the backup said otherwise than the host says now."""
    if wanted is None:
        return "it is none of the sets that were to be signed" if needed else None
    for name, value in (("run_id", statement.run_id), ("manifest_sha256", statement.manifest_sha256)):
        if wanted.get(name) and str(wanted[name]) != value:
            return (
                f"it is not what the backup made: {name} is {value}, and was {wanted[name]}. "
                "What to do: find out who changed it; back up again"
            )
    return None


def key_in_file(path: str, check: bool = False) -> tuple[PublicKey, bool]:
    """The public key of a file with a private key; what is not there is made: the file, readable by its owner alone, and
    beside it the public key with ``.pub`` at the end of its name.

    Args:
        path: of the file.
        check: make nothing; the key is made up then.

    Returns:
        The public key, and whether anything was, or would be, made.

    Raises:
        UsageError: the file is there and holds no such key; it is never overwritten.
        OSError: it cannot be read or written.
    """
    made = False
    if os.path.lexists(path):
        with open(path, encoding="utf-8", errors="replace") as stream:
            text = stream.read(1 << 16)
        try:
            key = SigningKey.load(text)
        except UsageError as error:
            raise BadKey(
                f"{path} exists already, and is not a signing key that can be read: {error.message}",
                "name another file; an existing one is never overwritten",
            ) from None
    else:
        key, made = SigningKey.create(), True
        if not check:
            _write(path, key.pem(), _MODE)
    if not os.path.lexists(path + PUBLIC_SUFFIX):
        made = True
        if not check:
            _write(path + PUBLIC_SUFFIX, key.public.line.encode() + b"\n", _PUBLIC_MODE)
    return key.public, made


def _write(path: str, data: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
