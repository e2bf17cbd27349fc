#!/usr/bin/python
# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_info
short_description: List the sets of a repository
version_added: 0.1.0
author:
  - vya.backupdb contributors (@vya)
description:
  - Lists the sets of a repository with their age, size, contents, and what a verification has found.
  - What is not a set is passed over. A set that is damaged is listed with its problem.
options:
  repository:
    description:
      - Directory of the backup sets, an absolute path on the target. One that does not exist holds no sets.
    type: path
    required: true
  source:
    description:
      - Only sets of this host.
    type: str
  instance:
    description:
      - Only sets of instances of this name.
    type: str
  run_id:
    description:
      - Only sets of this run.
    type: str
  newest:
    description:
      - Only so many sets of each instance, the newest ones.
    type: int
  verify:
    description:
      - Whether to look also if every file of each set is there with its size, like M(vya.backupdb.backup_verify) with
        O(vya.backupdb.backup_verify#module:level=quick), and to remember the outcome.
      - A set of which that is not true is listed with its problem.
    type: bool
    default: false
  budget:
    description:
      - Only the sets that are to be verified next, those first that were verified the longest ago or never, as many as fit into so many bytes,
        such as V(50G). At least one, so that each has its turn. Those that cannot be opened are always among them.
    type: bytes
  level:
    description:
      - With O(budget), how deep a verification must have been to count.
    type: str
    choices:
      - quick
      - checksum
      - deep
    default: checksum
extends_documentation_fragment:
  - vya.backupdb._attributes
  - vya.backupdb._attributes.info
  - vya.backupdb._attributes.sets
  - vya.backupdb._keys.trusted
seealso:
  - module: vya.backupdb.backup_verify
  - module: vya.backupdb.hold
"""

EXAMPLES = r"""
- name: The newest set of every instance
  vya.backupdb.backup_info:
    repository: /var/backups/backupdb
    newest: 1
  register: backups

- name: What to verify tonight
  vya.backupdb.backup_info:
    repository: /var/backups/backupdb
    budget: 50G
  register: due

- name: Make sure that each is younger than a day
  ansible.builtin.assert:
    that: backups.sets | map(attribute='age') | max < 86400
"""

RETURN = r"""
repository:
  description: The repository's directory.
  returned: success
  type: str
  sample: /var/backups/backupdb
total:
  description: Number of sets that were found.
  returned: success
  type: int
  sample: 1
sets:
  description: The sets by source, instance and time, at most the last 1000; with O(budget) in the order in which to verify them.
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
      description: Its directory.
      type: str
      returned: always
      sample: /var/backups/backupdb/db1/main/20261121T080000Z
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
    snapshot_at:
      description: The moment that the data is of, UTC.
      type: str
      returned: when the manifest can be read
      sample: "2026-11-21T08:00:01Z"
    age:
      description: Seconds since the moment that the data is of.
      type: int
      returned: always
      sample: 3600
    size:
      description: Bytes of everything in it.
      type: int
      returned: when the manifest can be read
      sample: 12582912
    engine:
      description: What was backed up, one of V(postgresql), V(mysql) and V(files).
      type: str
      returned: when the manifest can be read
      sample: postgresql
    flavour:
      description: What the server was.
      type: str
      returned: when the manifest can be read
      sample: postgresql
    version:
      description: The server's version.
      type: str
      returned: when the manifest can be read
      sample: "15.18"
    run_id:
      description: The run that the set belongs to.
      type: str
      returned: when the manifest can be read
      sample: 20261121T080000Z
    databases:
      description: Names of the databases, or of the archives of a set of files, at most 100.
      type: list
      elements: str
      returned: when the manifest can be read
      sample: [orders, shop]
    database_count:
      description: Number of databases.
      type: int
      returned: when the manifest can be read
      sample: 2
    problem:
      description: Why the set cannot be read; none if it can.
      type: str
      returned: always
      sample:
    signed:
      description:
        - Whether one of O(trusted_keys) has signed it, V(yes) or V(no). Where there are none, V(unchecked) if there is a signature of anybody.
      type: str
      returned: always
      sample: "yes"
    copies:
      description: Names of the copies that hold it, as far as M(vya.backupdb.copy_push) has brought it there from here.
      type: list
      elements: str
      returned: always
      sample: [offsite]
    verified:
      description:
        - What is known from verifications. The newest one that found problems, unless a newer, equally deep one found none; otherwise the
          deepest one. None if there was none.
      type: dict
      returned: always
      sample: {"level": "deep", "at": "2026-11-21T09:00:00Z", "ok": true, "problems": 0}
    held:
      description: Reason and end of the hold that M(vya.backupdb.hold) has put on the set. None if it is not held.
      type: dict
      returned: always
      sample: {"reason": "before the migration", "until": null}
    proven:
      description:
        - What the last drill with the set has shown, and when a drill last rebuilt it without a difference. None if there was none.
      type: dict
      returned: always
      sample: {"at": "2026-11-21T09:00:00Z", "ok": true, "proven_at": "2026-11-21T09:00:00Z"}
"""

from ansible_collections.vya.backupdb.plugins.module_utils._modules._entry import run_module
from ansible_collections.vya.backupdb.plugins.module_utils._modules.backup_info import SPEC, run


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
