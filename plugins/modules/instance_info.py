#!/usr/bin/python
# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: instance_info
short_description: Tell what a database server is and whether it can be backed up
version_added: 0.1.0
author:
  - vya.backupdb contributors (@vya)
description:
  - Connects to a PostgreSQL, MySQL or MariaDB server and returns its version, its databases with their sizes, the programs that a
    backup would use, and the privileges that the login lacks.
  - Plans a backup without making one, and returns everything that would forbid it.
options:
  repository:
    description:
      - Directory of the backup sets. When given, the module also checks that a set of this instance could be written there.
    type: path
  databases:
    description:
      - Databases that a backup would take, as names or as patterns with C(*), C(?) and C([…]).
      - One that matches nothing is an error.
    type: list
    elements: str
    default:
      - "*"
  exclude_databases:
    description:
      - Databases that a backup would leave out, as names or patterns.
    type: list
    elements: str
    default: []
  fail_on_problems:
    description:
      - Whether to fail when RV(problems) is not empty.
    type: bool
    default: false
extends_documentation_fragment:
  - vya.backupdb._attributes
  - vya.backupdb._attributes.info
  - vya.backupdb._attributes.actiongroup
  - vya.backupdb._connection
seealso:
  - module: vya.backupdb.dump
"""

EXAMPLES = r"""
- name: See what is there, over the local socket
  vya.backupdb.instance_info:
    engine: postgresql
  register: server

- name: Make sure that a backup of some databases is possible
  vya.backupdb.instance_info:
    engine: mysql
    login_host: 127.0.0.1
    login_user: backup
    login_password: "{{ vault_shop_backup_password }}"
    databases: ["shop_*"]
    repository: /var/backups/backupdb
    fail_on_problems: true
"""

RETURN = r"""
engine:
  description: What was asked for.
  returned: success
  type: str
  sample: postgresql
flavour:
  description: What the server is, one of V(postgresql), V(mysql) and V(mariadb).
  returned: success
  type: str
  sample: mariadb
version:
  description: The server's version, in its own words.
  returned: success
  type: str
  sample: "15.18"
version_number:
  description: The server's version for comparing.
  returned: success
  type: list
  elements: int
  sample: [15, 18, 0]
address:
  description: Where the server was reached.
  returned: success
  type: str
  sample: /var/run/postgresql:5432
user:
  description: The login in use.
  returned: success
  type: str
  sample: postgres
databases:
  description: Databases that a backup can select, at most 1000. System databases are not among them.
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
selected:
  description: Names of the databases that O(databases) and O(exclude_databases) select, biggest first.
  returned: success
  type: list
  elements: str
  sample: [shop]
size:
  description: Bytes of all databases together.
  returned: success
  type: int
  sample: 48234496
tools:
  description: Programs that a backup or a restore uses, and their versions.
  returned: success
  type: dict
  sample: {"pg_dump": "15.18", "pg_restore": "15.18", "zstd": "1.5.4"}
missing_privileges:
  description: What the login lacks for a complete backup, each as a sentence.
  returned: success
  type: list
  elements: str
  sample: []
estimated_bytes:
  description: A careful upper estimate of the room that a set needs.
  returned: success
  type: int
  sample: 30000000
repository_free_bytes:
  description: Room that is left in the repository.
  returned: when O(repository) is given
  type: int
  sample: 120034123776
problems:
  description: What forbids a backup, each with what to do about it. Empty if nothing does.
  returned: success
  type: list
  elements: str
  sample: []
"""

from ansible_collections.vya.backupdb.plugins.module_utils._modules._entry import run_module
from ansible_collections.vya.backupdb.plugins.module_utils._modules.instance_info import SPEC, run


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
