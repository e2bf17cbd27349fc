# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Signatures of sets: what is signed, and whether it was. Private to this collection.

A set is signed by the controller with Ed25519 (RFC 8032), over a statement that names the set and holds the SHA-256 of
its manifest, which holds those of all its files. Statements and signatures are in ``SIGNATURE.json`` of the set, several
where keys were changed. Public keys are lines as OpenSSH writes them: ``ssh-ed25519 AAAA… comment``.

Nothing here knows a private key: they are on the controller, in ``plugin_utils/_signing.py``.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._errors import BadKey, MissingProgram, Unsigned, UntrustedSet
from ansible_collections.vya.backupdb.plugins.module_utils._layout import SIGNATURE
from ansible_collections.vya.backupdb.plugins.module_utils._model import parse_timestamp, set_id_time
from ansible_collections.vya.backupdb.plugins.module_utils._strict_json import strict_json

try:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
except ImportError:  # said with a remedy when a signature is to be checked
    HAS_CRYPTOGRAPHY = False
else:
    HAS_CRYPTOGRAPHY = True

#: Most bytes of the file: a signature takes less than a kilobyte.
SIGNATURE_LIMIT = 64 << 10
MOST_SIGNATURES = 32

_FORMAT = "vya.backupdb set"
_VERSION = 1
_KEY_TYPE = b"ssh-ed25519"
_KEY_BYTES = 32
_SIGNATURE_BYTES = 64
_SHA256 = re.compile(r"[0-9a-f]{64}\Z")
_LONGEST_NAME = 4096


def need_cryptography() -> None:
    """Make sure that signatures can be made and checked.

    Raises:
        MissingProgram: they cannot.
    """
    if not HAS_CRYPTOGRAPHY:
        raise MissingProgram(
            "The Python library cryptography is missing; signatures cannot be checked without it.",
            "install python3-cryptography (or the package cryptography from PyPI) for Ansible's Python interpreter",
        )


@dataclass(frozen=True)
class PublicKey:
    """An Ed25519 public key; two are equal whatever their comments.

    Args:
        raw: its 32 bytes.
        comment: whatever stands behind it in its line.
    """

    raw: bytes
    comment: str = field(default="", compare=False)

    @property
    def _blob(self) -> bytes:
        # RFC 8709: the type and the key, each after its length in four bytes
        return len(_KEY_TYPE).to_bytes(4, "big") + _KEY_TYPE + len(self.raw).to_bytes(4, "big") + self.raw

    @property
    def line(self) -> str:
        """The key as OpenSSH writes it, without the comment."""
        return f"{_KEY_TYPE.decode()} {base64.b64encode(self._blob).decode()}"

    @property
    def fingerprint(self) -> str:
        """What ``ssh-keygen -l`` calls it."""
        return "SHA256:" + base64.b64encode(hashlib.sha256(self._blob).digest()).decode().rstrip("=")

    def __str__(self) -> str:
        return self.line + (f" {self.comment}" if self.comment else "")

    def verifies(self, signature: bytes, data: bytes) -> bool:
        """Whether a signature of some bytes was made with the private half.

        Raises:
            MissingProgram: this host cannot tell.
        """
        need_cryptography()
        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, data)
        except InvalidSignature:
            return False
        except UnsupportedAlgorithm as error:
            raise MissingProgram(
                f"This host cannot check Ed25519 signatures: {error}", "install OpenSSL 1.1.1 or newer"
            ) from None
        return True


def parse_public_key(text: str) -> PublicKey:
    """A public key from its line.

    Raises:
        ValueError: it is none.
    """
    parts = text.split(None, 2)
    if "PRIVATE KEY" in text:
        raise ValueError("it is a private key")
    if len(parts) < 2 or parts[0] != _KEY_TYPE.decode():
        raise ValueError("it does not begin with ssh-ed25519")
    try:
        blob = base64.b64decode(parts[1], validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("it is no base64") from None
    key = PublicKey(blob[-_KEY_BYTES:], parts[2].strip() if len(parts) > 2 else "")
    if key._blob != blob:
        raise ValueError("it is cut off, or not an Ed25519 key")
    return key


def parse_trusted(lines: Sequence[str]) -> tuple[PublicKey, ...]:
    """The public keys of those who may sign.

    Raises:
        UsageError: one of the lines is none.
    """
    keys = []
    for number, line in enumerate(lines, 1):
        try:
            keys.append(parse_public_key(line))
        except ValueError as error:
            raise BadKey(
                f"Entry {number} of trusted_keys is not a public key for signatures: {error}.",
                "give lines such as 'ssh-ed25519 AAAA… name', which the playbook vya.backupdb.create_keys prints",
            ) from None
    return tuple(keys)


@dataclass(frozen=True)
class Statement:
    """What is signed.

    Args:
        source, instance, set_id, run_id: those of the set's manifest.
        manifest_sha256: SHA-256 of manifest.json, hexadecimal.
        signed_at: when, UTC, as :func:`timestamp` writes it; said by the signer, proven by nobody.
    """

    source: str
    instance: str
    set_id: str
    run_id: str
    manifest_sha256: str
    signed_at: str

    @property
    def text(self) -> str:
        """The statement as it is signed: one line of ASCII, JSON with sorted names and without blanks."""
        values = {"format": _FORMAT, "version": _VERSION, **dataclasses.asdict(self)}
        return json.dumps(values, ensure_ascii=True, sort_keys=True, separators=(",", ":"))

    @property
    def subject(self) -> str:
        """What it is about, for people."""
        return f"the set {self.set_id} of {self.instance!r} of {self.source!r}"

    @classmethod
    def parse(cls, text: str) -> Statement:
        """The statement that a text makes.

        Raises:
            ValueError: it makes none, or writes it otherwise than :attr:`text`.
        """
        values = strict_json(text.encode("utf-8", "surrogateescape"))
        if not isinstance(values, dict) or values.pop("format", None) != _FORMAT:
            raise ValueError("a statement is not about a set")
        version = values.pop("version", None)
        if version != _VERSION:
            raise ValueError(f"a statement has format version {version!r}; this version reads {_VERSION}")
        if set(values) != {item.name for item in dataclasses.fields(cls)}:
            raise ValueError("a statement does not have the fields that it should")
        for name, value in values.items():
            if not isinstance(value, str) or len(value) > _LONGEST_NAME:
                raise ValueError(f"{name} of a statement is not a text, or far too long")
        statement = cls(**values)
        set_id_time(statement.set_id)
        parse_timestamp(statement.signed_at)
        if not _SHA256.match(statement.manifest_sha256):
            raise ValueError("manifest_sha256 of a statement is malformed")
        if statement.text != text:
            raise ValueError("a statement is not written as it was signed")
        return statement


@dataclass(frozen=True)
class Signature:
    """A signed statement.

    Args:
        key: the public key of who signed, as he says.
        statement: what he signed.
        value: the 64 bytes of the signature.
    """

    key: PublicKey
    statement: Statement
    value: bytes

    def valid(self) -> bool:
        """Whether the key has signed the statement; says nothing about whether the key is trusted.

        Raises:
            MissingProgram: this host cannot tell.
        """
        return self.key.verifies(self.value, self.statement.text.encode("ascii"))

    def to_json(self) -> dict[str, str]:
        """The signature as JSON values."""
        return {
            "key": self.key.line,
            "statement": self.statement.text,
            "signature": base64.b64encode(self.value).decode(),
        }

    @classmethod
    def from_json(cls, data: Any) -> Signature:
        """The signature from JSON values.

        Raises:
            ValueError: the values are none.
        """
        names = {"key", "statement", "signature"}
        if not isinstance(data, dict) or set(data) != names or not all(isinstance(data[name], str) for name in names):
            raise ValueError("a signature does not have the fields that it should")
        try:
            value = base64.b64decode(data["signature"], validate=True)
        except (binascii.Error, ValueError):
            raise ValueError("a signature is no base64") from None
        if len(value) != _SIGNATURE_BYTES:
            raise ValueError(f"a signature has {len(value)} bytes instead of {_SIGNATURE_BYTES}")
        return cls(parse_public_key(data["key"]), Statement.parse(data["statement"]), value)


def parse_signatures(data: bytes) -> tuple[Signature, ...]:
    """The signatures of a ``SIGNATURE.json``; none of them is checked yet.

    Raises:
        ValueError: it is malformed.
    """
    if len(data) > SIGNATURE_LIMIT:
        raise ValueError("it is larger than any real one")
    values = strict_json(data)
    entries = values.get("signatures") if isinstance(values, dict) and set(values) == {"signatures"} else None
    if not isinstance(entries, list) or not entries:
        raise ValueError("it holds no signatures")
    if len(entries) > MOST_SIGNATURES:
        raise ValueError(f"it holds more than {MOST_SIGNATURES} signatures")
    return tuple(Signature.from_json(entry) for entry in entries)


def format_signatures(signatures: Sequence[Signature]) -> bytes:
    """The contents of a ``SIGNATURE.json``."""
    text = json.dumps({"signatures": [item.to_json() for item in signatures]}, indent=1, sort_keys=True)
    return text.encode("ascii") + b"\n"


def trusted_signature(
    data: Optional[bytes], trusted: Sequence[PublicKey], what: str, set_id: str, manifest_sha256: str
) -> Signature:
    """The signature that makes a set trustworthy.

    Args:
        data: contents of its ``SIGNATURE.json``; None if it has none.
        trusted: keys that may sign; at least one.
        what: the set in messages: ``The set /path``.
        set_id: its id, by the name of its directory.
        manifest_sha256: SHA-256 of its manifest.json.

    Raises:
        UntrustedSet: there is no such signature; the message says why.
        MissingProgram: this host cannot tell.
    """
    if data is None:
        raise Unsigned(
            f"{what} is not signed.",
            "use a set that is; if you know that nobody else could have made this one, sign it with the playbook vya.backupdb.sign",
        )
    try:
        signatures = parse_signatures(data)
    except ValueError as error:
        raise UntrustedSet(
            f"{what} is not trusted: {SIGNATURE} is malformed: {error}.", "use another set, or a copy of this one"
        ) from None
    ours = [item for item in signatures if item.key in trusted]
    if not ours:
        keys = ", ".join(sorted({item.key.fingerprint for item in signatures}))
        raise UntrustedSet(
            f"{what} is not trusted: it is signed by another key ({keys}).",
            "use another set; if that key is yours, add its public half to backupdb_trusted_keys",
        )
    reasons = []
    for item in ours:
        reason = _reason(item, set_id, manifest_sha256)
        if reason is None:
            return item
        reasons.append(reason)
    raise UntrustedSet(
        f"{what} is not trusted: {'; '.join(dict.fromkeys(reasons))}.",
        "use another set, or a copy of this one, and find out who changed it",
    )


def _reason(signature: Signature, set_id: str, manifest_sha256: str) -> Optional[str]:
    """Why a signature does not speak for a set, or None."""
    statement = signature.statement
    if not signature.valid():
        return f"the signature of {signature.key.fingerprint} is not valid"
    if statement.set_id != set_id:
        return f"its signature is of {statement.subject}"
    if statement.manifest_sha256 != manifest_sha256:
        return "its manifest was altered after it was signed, or the signature belongs to another set of that time"
    return None
