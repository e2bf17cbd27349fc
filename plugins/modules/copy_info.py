#!/usr/bin/python
# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: copy_info
short_description: List what a copy holds, and verify it
version_added: 0.1.0
author:
  - vya.backupdb contributors (@vya)
description:
  - Lists the sets of a copy with their age. Asked to, it reads every byte of them.
  - A set whose transfer or removal was interrupted is not listed.
options:
  source:
    description:
      - Only sets of this host.
    type: str
  instance:
    description:
      - Only sets of instances of this name.
    type: str
  newest:
    description:
      - Only so many sets of each instance, the newest ones.
    type: int
  repository:
    description:
      - Directory of a repository on the target with which the copy is compared, an absolute path. See RV(lags).
    type: path
  verify:
    description:
      - Whether to read every byte of each set from the copy and compare it with the SHA-256 in its manifest.
    type: bool
    default: false
extends_documentation_fragment:
  - vya.backupdb._attributes
  - vya.backupdb._attributes.info
  - vya.backupdb._attributes.sets
  - vya.backupdb._attributes.progress
  - vya.backupdb._copy
  - vya.backupdb._keys.trusted
  - vya.backupdb._progress
requirements:
  - rclone 1.60 or newer
seealso:
  - module: vya.backupdb.copy_push
  - module: vya.backupdb.backup_info
"""

EXAMPLES = r"""
- name: How far is the copy behind?
  vya.backupdb.copy_info:
    repository: /var/backups/backupdb
    copy: "{{ backupdb_copies | selectattr('name', 'equalto', 'offsite') | first }}"
  register: offsite

- name: Read the newest set of each instance
  vya.backupdb.copy_info:
    copy: "{{ backupdb_copies | selectattr('name', 'equalto', 'offsite') | first }}"
    newest: 1
    verify: true
"""

RETURN = r"""
copy:
  description: Name of the copy.
  returned: success
  type: str
  sample: offsite
total:
  description: Number of sets that were found.
  returned: success
  type: int
  sample: 1
sets:
  description: The sets by source, instance and time, at most the last 1000.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: Its id, the UTC time of its beginning.
      type: str
      returned: always
      sample: 20261121T080000Z
    path:
      description: Where it is below the path of the copy.
      type: str
      returned: always
      sample: db1/main/20261121T080000Z
    source:
      description: The host that the instance lives on.
      type: str
      returned: always
      sample: db1
    instance:
      description: The instance.
      type: str
      returned: always
      sample: main
    started:
      description: When the backup began, UTC.
      type: str
      returned: always
      sample: "2026-11-21T08:00:00Z"
    age:
      description: Seconds since then.
      type: int
      returned: always
      sample: 3600
    size:
      description: Bytes of everything in it.
      type: int
      returned: with O(verify)
      sample: 12582912
    databases:
      description: Names of the databases, at most 1000.
      type: list
      elements: str
      returned: with O(verify)
      sample: [orders, shop]
    run_id:
      description: The run that the set belongs to.
      type: str
      returned: with O(verify)
      sample: 20261121T080000Z
    problem:
      description: What the verification found. None if nothing, or without O(verify).
      type: str
      returned: always
      sample:
    verified:
      description: The outcome of the verification. None without O(verify).
      type: dict
      returned: always
      sample: {"level": "checksum", "at": "2026-11-21T09:00:00Z", "ok": true, "problems": 0}
lags:
  description: For each instance of the repository, how far the copy is behind.
  returned: with O(repository)
  type: list
  elements: dict
  contains:
    source:
      description: The host that the instance lives on.
      type: str
      returned: always
      sample: db1
    instance:
      description: The instance.
      type: str
      returned: always
      sample: main
    newest:
      description: Id of its newest set in the repository.
      type: str
      returned: always
      sample: 20261121T080000Z
    copied:
      description: Id of its newest set in the copy. None if there is none.
      type: str
      returned: always
      sample: 20261121T080000Z
    lag:
      description: Seconds between the two. None if nothing is copied.
      type: int
      returned: always
      sample: 0
"""

from ansible_collections.vya.backupdb.plugins.module_utils._modules._entry import run_module
from ansible_collections.vya.backupdb.plugins.module_utils._modules.copy_info import SPEC, run


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
