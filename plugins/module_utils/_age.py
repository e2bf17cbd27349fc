# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Encryption with the program age: public keys that sets are encrypted to, private keys that open them. Private to this collection.

Public keys stand in argument lists. Private keys reach age by descriptors of files in memory, and are never in an argument,
in an environment or on a disk. The format is that of https://age-encryption.org/v1: every chunk of 64 KiB is authenticated.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
from collections.abc import Sequence

from ansible_collections.vya.backupdb.plugins.module_utils._errors import (
    BackupError,
    BadKey,
    DamagedSet,
    ProcessError,
    UsageError,
)
from ansible_collections.vya.backupdb.plugins.module_utils._process import Command, find_program, run, secret_file

PROGRAM = "age"
#: Value of an artefact's ``encryption``, and endings of the files that hold it.
AGE = "age"
SUFFIX = ".age"
TAR_SUFFIX = ".tar.age"

_PUBLIC = re.compile(r"(age1[0-9a-z]+|ssh-(?:ed25519|rsa) [A-Za-z0-9+/]+={0,2})\Z")
_SECRET = re.compile(r"AGE-SECRET-KEY-|AGE-PLUGIN-|PRIVATE KEY", re.IGNORECASE)
_AGE_SECRET = re.compile(r"^AGE-SECRET-KEY-", re.MULTILINE)
_PEM = re.compile(r"-----BEGIN (OPENSSH|RSA) PRIVATE KEY-----(.*?)-----END", re.DOTALL)
_OPENSSH_MAGIC = b"openssh-key-v1\0"
_NO_KEY_FITS = re.compile(r"no identity matched|did not match any of the recipients", re.IGNORECASE)
_IDENTITY_UNREADABLE = re.compile(r"/proc/self/fd/|malformed secret key|passphrase", re.IGNORECASE)


def recipients_from(texts: Sequence[str]) -> tuple[str, ...]:
    """Public keys that a set is to be encrypted to, each once and without its comment; age itself has looked at each.

    Raises:
        UsageError: one is not a public key that age knows; a private key is never repeated in the message.
        MissingProgram: age is absent.
    """
    keys: list[str] = []
    for text in texts:
        if _SECRET.search(text):
            raise BadKey(
                "A private key is among the recipients; it belongs on no host that is backed up.",
                "give its public key instead (age-keygen -y FILE says it), and make a new key if others have seen this one",
            )
        words = text.split()
        key = " ".join(words[:2] if text.lstrip().startswith("ssh-") else words)
        if not _PUBLIC.match(key):
            raise _no_recipient(text, "it does not begin with age1, ssh-ed25519 or ssh-rsa")
        if key not in keys:
            keys.append(key)
    for key in keys:
        try:
            run(Command([find_program(PROGRAM), "--encrypt", "--recipient", key]), b"")
        except ProcessError as error:
            raise _no_recipient(
                key, error.stderr_tail.splitlines()[0] if error.stderr_tail else "age refuses it"
            ) from None
    return tuple(keys)


def _no_recipient(text: str, why: str) -> UsageError:
    return BadKey(
        f"The recipient {text.strip()[:100]!r} is not a public key that age encrypts to: {why}.",
        "give public keys of age (age1…) or of SSH (ssh-ed25519 or ssh-rsa), whole and one in each entry",
    )


def encrypt_command(recipients: Sequence[str]) -> Command:
    """What encrypts from its standard input to its standard output."""
    arguments = [argument for key in recipients for argument in ("--recipient", key)]
    return Command([find_program(PROGRAM), "--encrypt", *arguments])


class Identities:
    """Private keys, held in memory for age until they are closed.

    Args:
        texts: each the content of a file with keys of age, or of an SSH private key.

    Raises:
        UsageError: one of them is no private key, or one that needs a passphrase; none is repeated in the message.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        checked = [_checked(text) for text in texts]
        self._descriptors = [secret_file(text) for text in checked]

    def command(self) -> Command:
        """What decrypts from its standard input to its standard output."""
        names = [f"/proc/self/fd/{descriptor}" for descriptor in self._descriptors]
        arguments = [argument for name in names for argument in ("--identity", name)]
        return Command([find_program(PROGRAM), "--decrypt", *arguments], pass_fds=tuple(self._descriptors))

    def close(self) -> None:
        """Forget them."""
        while self._descriptors:
            os.close(self._descriptors.pop())


def _checked(text: str) -> str:
    """A private key as age wants to read it."""
    text = text.replace("\r\n", "\n").strip() + "\n"
    pem = _PEM.search(text)
    if pem is not None:
        if _needs_passphrase(pem.group(1), pem.group(2)):
            raise BadKey(
                "A private key that was given needs a passphrase, which nobody can type here.",
                "give the key without one (ssh-keygen -p makes such a copy), kept in Ansible Vault",
            )
        return text
    if _AGE_SECRET.search(text):
        return text
    if "age-encryption.org/" in text or "BEGIN AGE ENCRYPTED FILE" in text:
        raise BadKey(
            "A private key that was given is itself encrypted with a passphrase.",
            "decrypt it with age --decrypt, and keep the key in Ansible Vault",
        )
    if _PUBLIC.match(" ".join(text.split()[:2])) or _PUBLIC.match(text.strip()):
        raise BadKey("What was given as private key is a public one.", "give the private key that belongs to it")
    raise BadKey(
        "What was given as private key is none of age or SSH.",
        "give the whole content of the file, AGE-SECRET-KEY-1… or -----BEGIN OPENSSH PRIVATE KEY-----",
    )


def _needs_passphrase(kind: str, body: str) -> bool:
    """Whether a private key in PEM is encrypted. OpenSSH's format: PROTOCOL.key of OpenSSH; the other: RFC 1421."""
    if kind == "RSA":
        return "ENCRYPTED" in body
    try:
        data = base64.b64decode("".join(body.split()))
    except binascii.Error:
        return False
    start = len(_OPENSSH_MAGIC)
    length = int.from_bytes(data[start : start + 4], "big")
    return data.startswith(_OPENSSH_MAGIC) and data[start + 4 : start + 4 + length] != b"none"


def no_key_fits(error: ProcessError) -> bool:
    """Whether age failed because no private key is of a recipient; an altered header looks the same."""
    return error.program == PROGRAM and bool(_NO_KEY_FITS.search(error.stderr_tail))


def explained(error: ProcessError, name: str) -> BackupError:
    """What a failure of age while it decrypted means; what it said about private keys is not repeated.

    Args:
        error: of age.
        name: what was decrypted.
    """
    if _IDENTITY_UNREADABLE.search(error.stderr_tail):
        return BadKey(
            "age cannot read a private key that was given.", "give it whole, unchanged and without a passphrase"
        )
    said = error.stderr_tail.splitlines()
    return DamagedSet(
        f"{name} is truncated or was altered: {said[0] if said else error.message}",
        "restore another set, or a copy of this one",
    )
