#!/usr/bin/python
# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: copy_fetch
short_description: Fetch sets of a copy into the repository
version_added: 0.1.0
author:
  - vya.backupdb contributors (@vya)
description:
  - Fetches sets of an instance from a copy. Each is compared with its manifest to the last byte before it appears in the repository by
    one rename; a signature is checked before anything else is fetched.
  - A transfer that was interrupted goes on with the files that are missing.
  - A vault uses it to collect the sets of other hosts, which need no access to the vault.
options:
  set:
    description:
      - Which set to fetch, one of a set id such as V(20261121T080000Z), V(latest), or V(missing) for each one that is not here.
      - With V(missing), sets that the retention of O(copy) would not keep stay where they are.
    type: str
    default: latest
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
      - The copy is listed, and nothing is fetched.
  diff_mode:
    support: none
requirements:
  - rclone 1.60 or newer
seealso:
  - module: vya.backupdb.copy_push
  - module: vya.backupdb.copy_info
notes:
  - Nothing is ever removed from the copy or the repository.
  - While a set is fetched, no backup of its instance can be made into the same repository.
"""

EXAMPLES = r"""
- name: Bring the newest set back from a copy
  vya.backupdb.copy_fetch:
    repository: /var/backups/backupdb
    source: db1
    instance: main
    copy: "{{ backupdb_copies | selectattr('name', 'equalto', 'offsite') | first }}"
  register: fetched

- name: Collect every set of another host
  vya.backupdb.copy_fetch:
    repository: /srv/vault
    source: db1
    instance: main
    set: missing
    copy:
      name: db1
      path: /var/backups/backupdb
      config:
        type: sftp
        host: db1.example.com
        user: root
        key_file: /root/.ssh/id_ed25519
"""

RETURN = r"""
copy:
  description: Name of the copy.
  returned: success
  type: str
  sample: offsite
fetched:
  description: Ids of the sets that were fetched, at most 1000. One that is here already is not fetched.
  returned: success
  type: list
  elements: str
  sample: [20261121T080000Z]
bytes:
  description: Bytes of these sets.
  returned: success
  type: int
  sample: 12582912
total:
  description: Number of sets of the instance in the copy.
  returned: success
  type: int
  sample: 30
lag:
  description: Seconds by which the newest set here is older than the newest one of the copy. None if there is none here.
  returned: success
  type: int
  sample: 0
set:
  description: The set that was asked for, as M(vya.backupdb.dump) returns it. In check mode only its id, unless it is here.
  returned: when O(set) is not V(missing)
  type: dict
  sample:
    id: 20261121T080000Z
    path: /var/backups/backupdb/db1/main/20261121T080000Z
    size: 12582912
phases:
  description: Seconds that each phase took.
  returned: success
  type: dict
  sample: {"listing": 0.2, "fetching": 3.1}
"""

from ansible_collections.vya.backupdb.plugins.module_utils._modules._entry import run_module
from ansible_collections.vya.backupdb.plugins.module_utils._modules.copy_fetch import SPEC, run


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
