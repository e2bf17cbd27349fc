#!/usr/bin/python
# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: restore
short_description: Restore databases and roles from a set, or from a dump of another tool
version_added: 0.1.0
author:
  - vya.backupdb contributors (@vya)
description:
  - Restores databases of a set of M(vya.backupdb.dump), and the roles or users with their grants and passwords, to a PostgreSQL, MySQL or MariaDB
    server. So it does with dumps that other tools made.
  - Everything that would make it fail is looked for beforehand, and everything that is read is verified beforehand. If something is wrong, nothing is changed.
  - A database is loaded under a name of its own and gets its final name when it is complete. A restore that fails leaves no database under its final name.
options:
  analyze:
    description:
      - Whether to compute the statistics that the server plans its queries with.
    type: bool
    default: true
  keep_failed:
    description:
      - Whether to leave an incomplete database on the server for inspection when the restore fails. A warning says under which name.
    type: bool
    default: false
  on_error:
    description:
      - What to do when the server refuses a statement of O(src). With V(stop) the first one ends the restore.
      - With V(continue) the dump is read to its end to find all of them. The restore fails all the same, and no database gets its name.
    type: str
    choices:
      - stop
      - continue
    default: stop
  fence:
    description:
      - What of the restored databases stays off until M(vya.backupdb.release) turns it on.
      - With V(events) the events of MySQL and MariaDB are made disabled. Otherwise they get the recorded status together with the database's name.
      - With V(connections) applications are kept out. For PostgreSQL databases get a connection limit of 0, which holds for everybody but superusers.
        For MySQL and MariaDB the accounts that the restore brings are locked, but for the one that it runs under and those of the installation.
      - Subscriptions of PostgreSQL are always restored disabled, whatever this says.
    type: list
    elements: str
    choices:
      - events
      - connections
extends_documentation_fragment:
  - vya.backupdb._attributes
  - vya.backupdb._attributes.all
  - vya.backupdb._attributes.progress
  - vya.backupdb._connection
  - vya.backupdb._restore
  - vya.backupdb._keys
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
  - module: vya.backupdb.preflight_info
  - module: vya.backupdb.rollback
  - module: vya.backupdb.proof_info
  - module: vya.backupdb.release
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

- name: Look at two tables as they were, beside the live ones
  vya.backupdb.restore:
    engine: postgresql
    repository: /var/backups/backupdb
    source: db1
    instance: main
    databases: [orders]
    tables: [items, sales.customer*]
    target: orders_look
    roles: none

- name: Load what another tool has dumped, beside the database that it is of
  vya.backupdb.restore:
    engine: mysql
    src: /srv/old/20260113_155440_mysql_dns_db.zip
    target: dns_of_january
    roles: none

- name: Put the state of last night in the place of a broken database, which is kept
  vya.backupdb.restore:
    engine: postgresql
    repository: /var/backups/backupdb
    source: db1
    instance: main
    databases: [orders]
    if_exists: replace
    disconnect: true
"""

RETURN = r"""
set:
  description: The set that was read.
  returned: when no O(src) is given
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
dump:
  description: The dump that was read.
  returned: when O(src) is given
  type: dict
  contains:
    path:
      description: The file or directory.
      type: str
      returned: success
      sample: /srv/old/20260113_155440_mysql_dns_db.zip
    parts:
      description: Each dump in it, with the keys file, kind, packed, size, tool, tool_version, databases and roles.
      type: list
      elements: dict
      returned: success
      sample: [{"file": "dns.sql", "kind": "sql", "packed": ["zip"], "tool": "mysqldump", "databases": ["dns"]}]
errors:
  description: Statements that the server refused, at most 50.
  returned: when statements of O(src) failed
  type: list
  elements: dict
  contains:
    dump:
      description: The file, and the member in it.
      type: str
      returned: always
      sample: /srv/old/dns.sql
    line:
      description: Where the statement begins, in the unpacked file; V(0) where that is not known.
      type: int
      returned: always
      sample: 812
    statement:
      description: Its beginning, up to where a secret could stand.
      type: str
      returned: always
      sample: CREATE VIEW v_zones AS
    message:
      description: What the server said.
      type: str
      returned: always
      sample: "Table 'dns.zones' doesn't exist"
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
    previous:
      description: What the database that had the name before is called now; empty where there was none, or it was removed.
      type: str
      returned: success
      sample: orders__before_20261120T080000Z
    seconds:
      description: How long it took.
      type: float
      returned: not in check mode
      sample: 3.2
    counted:
      description: How many tables were found to have as many rows as the proof of the set says, before the database got its name.
      type: int
      returned: not in check mode, and when a part of the database was restored with its rows
      sample: 2
included:
  description: What the chosen part of each database comes to.
  returned: when a part is chosen by O(schemas), O(tables) or O(content)
  type: list
  elements: dict
  contains:
    recorded:
      description: Name in the set or the dump.
      type: str
      returned: success
      sample: orders
    tables:
      description: Tables that were chosen, at most 1000.
      type: list
      elements: str
      returned: success
      sample: [public.items]
    needed:
      description: What comes as well because something chosen depends on it, at most 1000.
      type: list
      elements: str
      returned: success
      sample: [type public.state, "function public.stamp()"]
    left_out:
      description: What belongs to something chosen and cannot come with it, with the reason, at most 1000. Each is a warning too.
      type: list
      elements: str
      returned: success
      sample: ["the foreign key public.items items_customer_fkey, since public.customers is not chosen"]
untouched:
  description: Names of databases that the dump is of, and that stayed as they were because it was loaded under other names.
  returned: when O(src) is given
  type: list
  elements: str
  sample: [dns]
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
tablespaces:
  description: What happened to tablespaces, or would in check mode, at most 1000.
  returned: when O(src) is not given
  type: list
  elements: str
  sample: [create tablespace fast in /mnt/ssd/fast]
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
