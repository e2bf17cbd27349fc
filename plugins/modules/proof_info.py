#!/usr/bin/python
# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: proof_info
short_description: Compare a live instance with a set of it
version_added: 0.1.0
author:
  - vya.backupdb contributors (@vya)
description:
  - Computes the proof of a PostgreSQL, MySQL or MariaDB server, or of a file tree, as it is now, and compares it with the proof that was recorded in a set.
  - Names each difference in words, for example a missing grant with its privilege, object and grantee.
  - Differences that a correct rebuild may show are listed apart, each with its reason.
options:
  engine:
    description:
      - What to compare. V(mysql) stands for MySQL and MariaDB.
      - With V(files) the connection options are ignored, and the files below O(root) are compared.
    choices:
      - postgresql
      - mysql
      - files
  databases:
    description:
      - Databases of the set to compare, as names or as patterns with C(*), C(?) and C([…]).
    type: list
    elements: str
    default:
      - "*"
  rename:
    description:
      - Names that databases have now, a mapping from the recorded name to the name on the server.
    type: dict
    default: {}
  level:
    description:
      - How much to compare. V(counts) compares the number of rows of every table, V(content) their contents as well.
      - What the set was made with where it is not given.
    type: str
    choices:
      - counts
      - content
  instance_objects:
    description:
      - Whether to compare what belongs to the whole server, such as roles and memberships.
    type: bool
    default: true
  root:
    description:
      - Directory that the files were restored under. Only for O(engine=files).
    type: path
    default: /
  patterns:
    description:
      - Patterns of the files to compare, all of them if there are none. Only for O(engine=files).
    type: list
    elements: str
    default: []
  numeric_owner:
    description:
      - Whether to compare the numbers of owners and groups instead of their names. Only for O(engine=files).
    type: bool
    default: false
  fenced:
    description:
      - Whether what waits for M(vya.backupdb.release) may differ in being off. Those are events that sleep, databases of PostgreSQL that let only
        superusers in, and accounts of MySQL and MariaDB that are locked. They are among RV(allowed) then, and differences otherwise.
      - A subscription may always be disabled.
    type: bool
    default: false
  tablespaces:
    description:
      - The same as the option O(vya.backupdb.restore#module:tablespaces). What was left out is not missed. In which directory one lies is not compared.
    type: dict
    default: {}
  fail_on_difference:
    description:
      - Whether to fail when there is a difference that is not allowed.
    type: bool
    default: false
extends_documentation_fragment:
  - vya.backupdb._attributes
  - vya.backupdb._attributes.info
  - vya.backupdb._attributes.all
  - vya.backupdb._attributes.progress
  - vya.backupdb._connection
  - vya.backupdb._repository
  - vya.backupdb._repository.set
  - vya.backupdb._keys
  - vya.backupdb._progress
  - vya.backupdb._progress.jobs
seealso:
  - module: vya.backupdb.restore
  - module: vya.backupdb.files_restore
  - module: vya.backupdb.release
"""

EXAMPLES = r"""
- name: Prove that the rebuilt server is what was backed up
  vya.backupdb.proof_info:
    engine: postgresql
    repository: /var/backups/backupdb
    source: db1
    instance: main
    fail_on_difference: true

- name: See what has changed in the shop's database since the newest backup
  vya.backupdb.proof_info:
    engine: mysql
    repository: /var/backups/backupdb
    source: db1
    instance: shop
    databases: [shop]
    instance_objects: false
  register: proof
"""

RETURN = r"""
equal:
  description: Whether there is no difference that is not allowed.
  returned: success
  type: bool
  sample: false
total:
  description: Number of differences.
  returned: success
  type: int
  sample: 1
differences:
  description: The differences, at most 200. Fields that do not apply are left out.
  returned: success
  type: list
  elements: dict
  contains:
    message:
      description: The difference in words.
      type: str
      returned: always
      sample: "missing grant: SELECT on public.orders to reporting (database shop)"
    what:
      description: What kind of difference it is.
      type: str
      returned: always
      sample: grant
    kind:
      description: What kind of object it is about.
      type: str
      returned: always
      sample: table
    name:
      description: The object's name.
      type: str
      returned: always
      sample: public.orders
    database:
      description: The database, under its name on the server.
      type: str
      returned: for objects in a database
      sample: shop
    attribute:
      description: What of the object differs.
      type: str
      returned: where there is more than one
      sample: SELECT
    expected:
      description: The recorded value.
      type: str
      returned: where it is short and no secret
      sample: reporting
    found:
      description: The value now.
      type: str
      returned: where it is short and no secret
      sample: app
allowed_total:
  description: Number of allowed differences.
  returned: success
  type: int
  sample: 0
allowed:
  description: The allowed differences, at most 200, like those in RV(differences) and with the fields C(rule) and C(reason).
  returned: success
  type: list
  elements: dict
  sample: []
fenced:
  description: How much waits for M(vya.backupdb.release), by what it is. Nothing where nothing does.
  returned: for servers
  type: dict
  sample: {"event": 2, "subscription": 1}
proven:
  description: Names of the databases that show no difference, at most 1000.
  returned: success
  type: list
  elements: str
  sample: [orders]
there:
  description: Names of the databases on the server, at most 1000. System databases are not among them.
  returned: for servers
  type: list
  elements: str
  sample: [orders, postgres]
compared:
  description: Number of objects that were compared.
  returned: success
  type: int
  sample: 312
level:
  description: How much was compared.
  returned: success
  type: str
  sample: content
set:
  description: The set.
  returned: success
  type: dict
  sample:
    id: 20261121T080000Z
    path: /var/backups/backupdb/db1/main/20261121T080000Z
    run_id: 20261121T080000Z
    snapshot_at: "2026-11-21T08:00:01Z"
phases:
  description: Seconds that each phase took.
  returned: success
  type: dict
  sample: {"prove": 1.2, "compare": 0.0}
"""

from ansible_collections.vya.backupdb.plugins.module_utils._modules._entry import run_module
from ansible_collections.vya.backupdb.plugins.module_utils._modules.proof_info import SPEC, run


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
