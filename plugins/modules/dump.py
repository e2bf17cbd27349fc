#!/usr/bin/python
# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: dump
short_description: Back up a database server as one sealed set
version_added: 0.1.0
author:
  - vya.backupdb contributors (@vya)
description:
  - Backs up roles or users with their grants and password hashes, server settings, and every selected database of a PostgreSQL, MySQL or
    MariaDB server into one set, together with a proof of what was there at the very moment of the data.
  - The set appears in the repository in one step when everything has succeeded. A backup that fails leaves nothing.
  - Several databases and several tables are read at a time, the biggest ones first.
  - Each set holds a C(RESTORE.md) with the commands by which it is restored without this collection.
options:
  databases:
    description:
      - Databases to back up, as names or as patterns with C(*), C(?) and C([…]).
      - One that matches nothing is an error. System databases are left out by themselves.
    type: list
    elements: str
    default:
      - "*"
  exclude_databases:
    description:
      - Databases to leave out, as names or patterns.
    type: list
    elements: str
    default: []
  compression_level:
    description:
      - Level of zstd, from 1 (fast) to 19 (small).
    type: int
    default: 3
  proof:
    description:
      - What the proof covers besides every object with its definition, owner and grants.
      - V(counts) covers the number of rows of every table.
      - V(content) covers the content of every table as well. The server computes it, which takes time.
    type: str
    choices:
      - counts
      - content
    default: counts
  run_id:
    description:
      - Ties together the sets of one run over several instances and hosts.
      - A new one is made where it is not given.
    type: str
extends_documentation_fragment:
  - vya.backupdb._attributes
  - vya.backupdb._attributes.both
  - vya.backupdb._attributes.progress
  - vya.backupdb._connection
  - vya.backupdb._repository
  - vya.backupdb._keys.recipients
  - vya.backupdb._progress
  - vya.backupdb._progress.jobs
attributes:
  check_mode:
    support: full
    details:
      - Connects, checks everything that would forbid the backup, and returns the plan.
  diff_mode:
    support: full
    details:
      - Shows the sets of the instance before and afterwards.
seealso:
  - module: vya.backupdb.restore
  - module: vya.backupdb.backup_verify
  - module: vya.backupdb.files_archive
notes:
  - Every run makes a new set, so the task is always changed.
"""

EXAMPLES = r"""
- name: Back up the PostgreSQL server of this host
  vya.backupdb.dump:
    engine: postgresql
    repository: /var/backups/backupdb
    source: "{{ inventory_hostname }}"
    instance: main
  register: backup

- name: Back up the shop's databases but the scratch ones, with a proof of their contents
  vya.backupdb.dump:
    engine: mysql
    login_host: 127.0.0.1
    login_user: backup
    login_password: "{{ vault_shop_backup_password }}"
    repository: /var/backups/backupdb
    source: "{{ inventory_hostname }}"
    instance: shop
    databases: ["shop_*"]
    exclude_databases: ["shop_scratch_*"]
    proof: content

- name: Back up to keys that this host does not have
  vya.backupdb.dump:
    engine: postgresql
    repository: /var/backups/backupdb
    source: "{{ inventory_hostname }}"
    instance: main
    recipients: "{{ backupdb_recipients }}"
"""

RETURN = r"""
set:
  description: The new set.
  returned: when a set was made, not in check mode
  type: dict
  contains:
    id:
      description: Its id, the UTC time of its beginning.
      type: str
      returned: success
      sample: 20261121T080000Z
    path:
      description: Its directory.
      type: str
      returned: success
      sample: /var/backups/backupdb/db1/main/20261121T080000Z
    size:
      description: Bytes of everything in it.
      type: int
      returned: success
      sample: 12582912
    snapshot_at:
      description: The moment that the data is of, UTC.
      type: str
      returned: success
      sample: "2026-11-21T08:00:01Z"
    manifest_sha256:
      description: SHA-256 of its manifest, which M(vya.backupdb.sign) compares before it signs.
      type: str
      returned: success
      sample: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
  sample:
    id: 20261121T080000Z
    path: /var/backups/backupdb/db1/main/20261121T080000Z
    size: 12582912
    engine: postgresql
    flavour: postgresql
    version: "15.18"
    run_id: 20261121T080000Z
    source: db1
    instance: main
    started: "2026-11-21T08:00:00Z"
    snapshot_at: "2026-11-21T08:00:01Z"
    finished: "2026-11-21T08:00:09Z"
    proof_level: counts
    collection_version: 0.1.0
run_id:
  description: The run that the set belongs to.
  returned: success
  type: str
  sample: 20261121T080000Z
databases:
  description: The databases in the set, at most 1000.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the database.
      type: str
      returned: success
      sample: shop
    size:
      description: Bytes on the server's disk.
      type: int
      returned: success
      sample: 48234496
    stored:
      description: Bytes in the set.
      type: int
      returned: when a set was made, not in check mode
      sample: 9437184
estimated_bytes:
  description: The room that was estimated beforehand, an upper bound.
  returned: success
  type: int
  sample: 30000000
phases:
  description: Seconds that each phase took.
  returned: when a set was made, not in check mode
  type: dict
  sample: {"plan": 0.2, "dump": 6.1, "seal": 0.1}
omissions:
  description: What was knowingly left out, such as password hashes that the login may not read. Each is a warning as well.
  returned: when a set was made, not in check mode
  type: list
  elements: str
  sample: []
"""

from ansible_collections.vya.backupdb.plugins.module_utils._modules._entry import run_module
from ansible_collections.vya.backupdb.plugins.module_utils._modules.dump import SPEC, run


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
