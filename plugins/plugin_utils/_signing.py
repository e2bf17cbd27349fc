# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Making keys and signing, on the controller alone. Private to this collection.

The private key never leaves this process: no module gets it, no message holds a part of it.
"""

from __future__ import annotations

import os

from ansible_collections.vya.backupdb.plugins.module_utils._errors import UsageError
from ansible_collections.vya.backupdb.plugins.module_utils._signatures import (
    PublicKey,
    Signature,
    Statement,
    need_cryptography,
)

try:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
except ImportError:  # said by need_cryptography
    HAS_CRYPTOGRAPHY = False
else:
    HAS_CRYPTOGRAPHY = True

_MODE = 0o600
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
        data = text.strip().encode() + b"\n"
        read = (
            serialization.load_ssh_private_key if b"OPENSSH PRIVATE KEY" in data else serialization.load_pem_private_key
        )
        try:
            private = read(data, password=None)
        except TypeError:
            raise UsageError("The signing key is protected by a passphrase.", _REMEDY) from None
        except (ValueError, UnsupportedAlgorithm):
            raise UsageError("The signing key is not a private key in PEM.", _REMEDY) from None
        if not isinstance(private, Ed25519PrivateKey):
            raise UsageError("The signing key is not an Ed25519 key.", _REMEDY)
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


def key_in_file(path: str, check: bool = False) -> tuple[PublicKey, bool]:
    """The public key of a file with a private key; a file that is not there is made, readable by its owner alone.

    Args:
        path: of the file.
        check: make no file; the key is made up then.

    Returns:
        The public key, and whether the file was, or would be, made.

    Raises:
        UsageError: the file is there and holds no such key; it is never overwritten.
        OSError: it cannot be read or written.
    """
    if os.path.lexists(path):
        with open(path, encoding="utf-8", errors="replace") as stream:
            text = stream.read(1 << 16)
        try:
            return SigningKey.load(text).public, False
        except UsageError as error:
            raise UsageError(
                f"{path} exists already, and is not a signing key that can be read: {error.message}",
                "name another file; an existing one is never overwritten",
            ) from None
    key = SigningKey.create()
    if not check:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(key.pem())
            stream.flush()
            os.fsync(stream.fileno())
    return key.public, True
