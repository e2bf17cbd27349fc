#!/usr/bin/python
# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: restore
short_description: Restore databases and roles from a set
version_added: 0.1.0
author:
  - vya.backupdb contributors (@vya)
description:
  - Restores databases of a set of M(vya.backupdb.dump), and the roles or users with their grants and passwords, to a PostgreSQL, MySQL or MariaDB
    server.
  - Everything that would make it fail is looked for beforehand, and everything that is read is verified beforehand. If something is wrong, nothing is changed.
  - A database is loaded under a name of its own and gets its final name when it is complete. A restore that fails leaves no database under its final name.
options:
  databases:
    description:
      - Databases of the set to restore, as names or as patterns with C(*), C(?) and C([…]).
      - One that matches nothing is an error. An empty list restores the roles alone.
    type: list
    elements: str
    default:
      - "*"
  rename:
    description:
      - New names, a mapping from the recorded name of a database to the name to restore it under.
      - Those that are not named keep their names.
    type: dict
    default: {}
  roles:
    description:
      - With V(all) every role or user of the set is created, or made as it was. The one that is connected is never touched.
      - With V(none) roles stay as they are.
    type: str
    choices:
      - all
      - none
    default: all
  if_exists:
    description:
      - What to do with a database whose name exists on the server.
      - With V(fail) nothing is restored at all. With V(skip) that database stays as it is.
    type: str
    choices:
      - fail
      - skip
    default: fail
  analyze:
    description:
      - Whether to compute the statistics that the server plans its queries with.
    type: bool
    default: true
extends_documentation_fragment:
  - vya.backupdb._attributes
  - vya.backupdb._attributes.actiongroup
  - vya.backupdb._attributes.progress
  - vya.backupdb._connection
  - vya.backupdb._repository
  - vya.backupdb._repository.set
  - vya.backupdb._progress
  - vya.backupdb._progress.jobs
attributes:
  check_mode:
    support: full
    details:
      - Reads and verifies the set, looks at the server, and returns what would be restored.
  diff_mode:
    support: full
    details:
      - Shows the databases and roles that are made or altered. Passwords and hashes are never in it.
seealso:
  - module: vya.backupdb.dump
  - module: vya.backupdb.proof_info
"""

EXAMPLES = r"""
- name: Restore everything of the newest set to an empty server
  vya.backupdb.restore:
    engine: postgresql
    repository: /var/backups/backupdb
    source: db1
    instance: main

- name: Look at yesterday's orders beside the live ones
  vya.backupdb.restore:
    engine: postgresql
    repository: /var/backups/backupdb
    source: db1
    instance: main
    set: 20261120T080000Z
    databases: [orders]
    rename:
      orders: orders_yesterday
    roles: none
"""

RETURN = r"""
set:
  description: The set that was read.
  returned: success
  type: dict
  contains:
    id:
      description: Its id.
      type: str
      returned: success
      sample: 20261121T080000Z
    path:
      description: Its directory.
      type: str
      returned: success
      sample: /var/backups/backupdb/db1/main/20261121T080000Z
    run_id:
      description: The run that it belongs to.
      type: str
      returned: success
      sample: 20261121T080000Z
address:
  description: Where the server was reached.
  returned: success
  type: str
  sample: /var/run/postgresql:5432
databases:
  description: What was restored, or would be in check mode, at most 1000.
  returned: success
  type: list
  elements: dict
  contains:
    recorded:
      description: Name in the set.
      type: str
      returned: success
      sample: orders
    name:
      description: Name on the server.
      type: str
      returned: success
      sample: orders_yesterday
    seconds:
      description: How long it took.
      type: float
      returned: not in check mode
      sample: 3.2
kept:
  description: Names of databases that exist and stayed as they were.
  returned: success
  type: list
  elements: str
  sample: []
roles:
  description: What happened to each role, or would in check mode, at most 1000. Roles that are as recorded are not among them.
  returned: success
  type: list
  elements: str
  sample: [create role app]
phases:
  description: Seconds that each phase took.
  returned: success
  type: dict
  sample: {"plan": 0.2, "verify": 0.4, "restore": 9.5}
"""

from ansible_collections.vya.backupdb.plugins.module_utils._modules._entry import run_module
from ansible_collections.vya.backupdb.plugins.module_utils._modules.restore import SPEC, run


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
