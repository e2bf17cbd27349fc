#!/usr/bin/python
# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ledger_append
short_description: Add a record to the ledger of drills
version_added: 0.1.0
author:
  - vya.backupdb contributors (@vya)
description:
  - Adds one line of JSON to a file. It holds its number and the SHA-256 of the line before it, so that lines that are altered, removed or inserted
    later are found by M(vya.backupdb.ledger_info).
  - The line is written wholly and synced, or not at all, while no other run writes. A second file beside it, with C(.head) at the end of its name, says
    how long the ledger is.
  - Nothing is added to a ledger whose end is not what was written.
options:
  path:
    description:
      - The ledger. It is made, readable by its owner alone, when it is not there.
    type: path
    required: true
  record:
    description:
      - What to record.
    type: dict
    required: true
  signing_key:
    description:
      - Private Ed25519 key, as text in PEM, that signs the line. Take it from Ansible Vault or a credential of AWX.
      - It is used on the controller only and never sent to the target.
    type: str
  entry:
    description:
      - The line without its signature. Used by the action plugin.
    type: str
  signature:
    description:
      - The signature of O(entry). Used by the action plugin.
    type: dict
extends_documentation_fragment:
  - vya.backupdb._attributes
attributes:
  action:
    description: Signs on the controller, by an action plugin of the same name.
    support: full
  check_mode:
    support: full
  diff_mode:
    support: none
requirements:
  - The Python library cryptography on the controller, for signatures
seealso:
  - module: vya.backupdb.ledger_info
"""

EXAMPLES = r"""
- name: Record what a restore by hand has shown
  vya.backupdb.ledger_append:
    path: ~/.vya-backupdb/drills.jsonl
    record:
      source: db1
      instance: main
      verdict: passed
    signing_key: "{{ vault_backupdb_signing_key }}"
  delegate_to: localhost
"""

RETURN = r"""
number:
  description: Number of the line.
  returned: success, not in check mode
  type: int
  sample: 42
sha256:
  description: SHA-256 of the line. With the number it is an anchor for O(vya.backupdb.ledger_info#module:anchor).
  returned: success, not in check mode
  type: str
  sample: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
signed:
  description: Whether the line is signed.
  returned: success, not in check mode
  type: bool
  sample: true
"""

from ansible_collections.vya.backupdb.plugins.module_utils._modules._entry import run_module
from ansible_collections.vya.backupdb.plugins.module_utils._modules.ledger_append import SPEC, run


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
