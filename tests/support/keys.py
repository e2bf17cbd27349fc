# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keys that sets are encrypted to, made for a test."""

from __future__ import annotations

import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Key:
    """A pair of keys.

    public: what stands among the recipients
    private: the content of its file
    """

    public: str
    private: str = field(repr=False)


def age_key() -> Key:
    """A key of age."""
    made = subprocess.run(["age-keygen"], capture_output=True, text=True, check=True).stdout
    return Key(made.split("public key: ")[1].split()[0], made)


def ssh_key(kind: str, passphrase: str = "") -> Key:
    """A key of SSH: ed25519 or rsa."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "key")
        options = ["-b", "2048"] if kind == "rsa" else []
        subprocess.run(
            ["ssh-keygen", "-q", "-t", kind, *options, "-N", passphrase, "-C", "someone@somewhere", "-f", file],
            check=True,
        )
        return Key(file.with_suffix(".pub").read_text().strip(), file.read_text())
