# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options by which sets are encrypted and opened. Private to this collection."""

from __future__ import annotations


class ModuleDocFragment:
    """Documentation that modules include."""

    DOCUMENTATION = r"""
options:
  identity:
    description:
      - Private keys that open an encrypted set, as text, such as the content of a file that C(age-keygen) wrote, or of an SSH private key
        (ed25519 or RSA) without a passphrase. One that fits is enough.
      - Take them from Ansible Vault or a credential of AWX. They are handed over in memory, and never written to a disk of the target.
      - Not needed for sets that are not encrypted.
    type: list
    elements: str
  identity_pipe:
    description:
      - Path on the target at which the module makes a named pipe and reads O(identity) from it, as a JSON list, within a minute.
      - The action plugins use it, since a module that runs in the background lies on the disk with its options. Not needed otherwise.
    type: path
  staging:
    description:
      - Directory on the target for what has to be decrypted while it is read. It needs about the room of the set, but not for archives of files.
      - What is put there can be read by the module's own account alone, and is removed at the end, also after a failure.
      - The directory for temporary files (E(TMPDIR)) where it is not given.
    type: path
  trusted_keys:
    description:
      - Public keys of those who may sign sets, each a line such as C(ssh-ed25519 AAAA… name). A set that is not signed by one of them, or was
        altered or moved after it was signed, is refused.
      - Where there are none, signatures are not asked for.
    type: list
    elements: str
    default: []
"""

    TRUSTED = r"""
options:
  trusted_keys:
    description:
      - Public keys of those who may sign sets, each a line such as C(ssh-ed25519 AAAA… name). A set that is not signed by one of them, or was
        altered or moved after it was signed, is refused.
      - Where there are none, signatures are not asked for.
    type: list
    elements: str
    default: []
"""

    RECIPIENTS = r"""
options:
  recipients:
    description:
      - Public keys that the set is encrypted to, of age (C(age1…)) or of SSH (C(ssh-ed25519) or C(ssh-rsa)). Each of the private keys that belong to
        them opens it, and nothing else does. Not encrypted where there are none.
      - Names of databases and archives, sizes, versions and times stay readable, so that sets can be listed, checked and pruned without a key.
      - With a single one there is a warning. A second one, whose private key is kept offline, is what is left when the first is lost.
    type: list
    elements: str
    default: []
"""
