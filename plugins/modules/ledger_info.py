#!/usr/bin/python
# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ledger_info
short_description: Read the ledger of drills and check that nothing of it was changed
version_added: 0.1.0
author:
  - vya.backupdb contributors (@vya)
description:
  - Reads the records that M(vya.backupdb.ledger_append) has written, and checks numbers, digests and signatures of all lines.
  - Lines that were altered, removed, inserted, exchanged or cut off are named.
options:
  path:
    description:
      - The ledger. One that does not exist has no lines.
    type: path
    required: true
  newest:
    description:
      - How many of the newest lines to return, at most 1000. All are checked.
    type: int
    default: 100
  trusted_keys:
    description:
      - Public keys of those who may sign, as C(ssh-ed25519 AAAA… name). With any, the last line must be signed by one of them, and by nobody else any.
    type: list
    elements: str
    default: []
  anchor:
    description:
      - A line that was once seen, as V(number:sha256), kept elsewhere. It must still be there as it was.
    type: str
  fail_on_problems:
    description:
      - Whether to fail when something is wrong.
    type: bool
    default: false
extends_documentation_fragment:
  - vya.backupdb._attributes
  - vya.backupdb._attributes.info
requirements:
  - The Python library cryptography on the target, for ledgers that are signed
seealso:
  - module: vya.backupdb.ledger_append
"""

EXAMPLES = r"""
- name: Make sure that nobody has changed the record
  vya.backupdb.ledger_info:
    path: ~/.vya-backupdb/drills.jsonl
    trusted_keys:
      - ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGZqqbsUpYMzZFKTt6Ptr1MzVBKmPhEPeCbhmzAGbNAs backup
    fail_on_problems: true
  delegate_to: localhost
"""

RETURN = r"""
ok:
  description: Whether nothing is wrong.
  returned: success
  type: bool
  sample: true
total:
  description: Number of lines.
  returned: success
  type: int
  sample: 42
number:
  description: Number of the last line.
  returned: success
  type: int
  sample: 42
sha256:
  description: SHA-256 of the last line.
  returned: success
  type: str
  sample: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
unsigned:
  description: Number of lines without a signature that fits.
  returned: success
  type: int
  sample: 0
problems:
  description: What is wrong, at most 50 sentences.
  returned: success
  type: list
  elements: str
  sample: []
entries:
  description: The newest lines, the oldest of them first.
  returned: success
  type: list
  elements: dict
  contains:
    number:
      description: Number of the line.
      type: int
      returned: always
      sample: 42
    sha256:
      description: SHA-256 of the line.
      type: str
      returned: always
      sample: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
    signed_by:
      description: Fingerprint of the key that has signed it, none if none has.
      type: str
      returned: always
      sample: SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU
    record:
      description: What was recorded.
      type: dict
      returned: always
      sample: {"source": "db1", "instance": "main", "verdict": "passed"}
"""

from ansible_collections.vya.backupdb.plugins.module_utils._modules._entry import run_module
from ansible_collections.vya.backupdb.plugins.module_utils._modules.ledger_info import SPEC, run


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
