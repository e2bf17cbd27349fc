#!/usr/bin/python
# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_verify
short_description: Verify that a set is what was written
version_added: 0.1.0
author:
  - vya.backupdb contributors (@vya)
description:
  - Finds what is missing, truncated or altered in a set, and fails if anything is.
  - What was found is remembered beside the sets, for M(vya.backupdb.backup_info). A set itself is never changed.
options:
  level:
    description:
      - How deep to look.
      - V(quick) checks the manifest, and the name and size of every file.
      - V(checksum) reads every byte and checks the SHA-256 as well.
      - V(deep) also decompresses everything and parses it to its end.
    type: str
    choices:
      - quick
      - checksum
      - deep
    default: checksum
extends_documentation_fragment:
  - vya.backupdb._attributes
  - vya.backupdb._attributes.info
  - vya.backupdb._attributes.readers
  - vya.backupdb._attributes.progress
  - vya.backupdb._repository
  - vya.backupdb._repository.set
  - vya.backupdb._keys
  - vya.backupdb._progress
  - vya.backupdb._progress.jobs
seealso:
  - module: vya.backupdb.backup_info
  - module: vya.backupdb.dump
notes:
  - In check mode the set is verified, and the outcome is not remembered.
"""

EXAMPLES = r"""
- name: Read the newest set to its end
  vya.backupdb.backup_verify:
    repository: /var/backups/backupdb
    source: db1
    instance: main
    level: deep
"""

RETURN = r"""
ok:
  description: Whether nothing is wrong.
  returned: when the set's manifest could be read
  type: bool
  sample: true
level:
  description: How deep the module looked.
  returned: when the set's manifest could be read
  type: str
  sample: deep
problems:
  description: What is wrong, at most 100, each naming the file.
  returned: when the set's manifest could be read
  type: list
  elements: str
  sample: []
total:
  description: Number of problems.
  returned: when the set's manifest could be read
  type: int
  sample: 0
artefacts:
  description: Number of artefacts in the set.
  returned: when the set's manifest could be read
  type: int
  sample: 6
seconds:
  description: How long it took.
  returned: when the set's manifest could be read
  type: float
  sample: 1.9
set:
  description: The set, as M(vya.backupdb.dump) returns it.
  returned: when the set's manifest could be read
  type: dict
  sample:
    id: 20261121T080000Z
    path: /var/backups/backupdb/db1/main/20261121T080000Z
    size: 12582912
"""

from ansible_collections.vya.backupdb.plugins.module_utils._modules._entry import run_module
from ansible_collections.vya.backupdb.plugins.module_utils._modules.backup_verify import SPEC, run


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
