#!/usr/bin/python
# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: copy_push
short_description: Copy sets of the repository to another place
version_added: 0.1.0
author:
  - vya.backupdb contributors (@vya)
description:
  - Brings every set of an instance that a copy lacks there. Afterwards all of it is read again from the copy, and every SHA-256 compared
    with the set's manifest, before the set appears in the copy.
  - A transfer that was interrupted goes on with the files that are missing. Half a set is never listed.
  - Removes what the copy's own retention does not keep. The newest set and sets that are held stay.
options:
  newest:
    description:
      - Only so many sets, the newest ones; every one where it is not given.
    type: int
extends_documentation_fragment:
  - vya.backupdb._attributes
  - vya.backupdb._attributes.sets
  - vya.backupdb._attributes.progress
  - vya.backupdb._repository
  - vya.backupdb._copy
  - vya.backupdb._keys.trusted
  - vya.backupdb._progress
attributes:
  check_mode:
    support: full
    details:
      - The copy is listed, and nothing is brought there or removed.
  diff_mode:
    support: none
requirements:
  - rclone 1.60 or newer
seealso:
  - module: vya.backupdb.copy_fetch
  - module: vya.backupdb.copy_info
notes:
  - A set that cannot be read, or that a verification found damaged, is not copied. The others are, and the module fails in the end.
"""

EXAMPLES = r"""
- name: Copy to a server that is reached by SFTP
  vya.backupdb.copy_push:
    repository: /var/backups/backupdb
    source: db1
    instance: main
    copy:
      name: offsite
      path: /srv/copies
      config:
        type: sftp
        host: vault.example.com
        user: backup
        key_file: /root/.ssh/id_ed25519
      retention:
        keep_daily: 30

- name: Copy to a bucket
  vya.backupdb.copy_push:
    repository: /var/backups/backupdb
    source: db1
    instance: main
    copy:
      name: cloud
      path: bucket/backups
      config:
        type: s3
        provider: AWS
        region: eu-central-1
      secrets:
        access_key_id: "{{ cloud_key_id }}"
        secret_access_key: "{{ cloud_key }}"
      options:
        s3-storage-class: STANDARD_IA
      bandwidth: 20M
"""

RETURN = r"""
copy:
  description: Name of the copy.
  returned: success
  type: str
  sample: offsite
copied:
  description: Ids of the sets that were brought to the copy, at most 1000.
  returned: success
  type: list
  elements: str
  sample: [20261121T080000Z]
bytes:
  description: Bytes of these sets.
  returned: success
  type: int
  sample: 12582912
removed:
  description: Ids of the sets that were removed from the copy, at most 1000.
  returned: success
  type: list
  elements: str
  sample: []
total:
  description: Number of sets of the instance in the copy.
  returned: success
  type: int
  sample: 30
newest:
  description: Id of the newest set in the copy. None if there is none.
  returned: success
  type: str
  sample: 20261121T080000Z
lag:
  description: Seconds by which the newest set of the copy is older than the newest one of the repository. None if nothing is copied.
  returned: success
  type: int
  sample: 0
phases:
  description: Seconds that each phase took.
  returned: success
  type: dict
  sample: {"listing": 0.2, "copying": 3.1, "removing": 0.0}
"""

from ansible_collections.vya.backupdb.plugins.module_utils._modules._entry import run_module
from ansible_collections.vya.backupdb.plugins.module_utils._modules.copy_push import SPEC, run


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
