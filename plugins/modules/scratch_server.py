#!/usr/bin/python
# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: scratch_server
short_description: Start and remove a throw-away server to restore a set to
version_added: 0.1.0
author:
  - vya.backupdb contributors (@vya)
description:
  - Starts an empty PostgreSQL, MySQL or MariaDB server of the version that a set was made from, initialised as recorded. For a set of files it makes
    an empty directory.
  - The server listens on no network. It is reached through a socket in a private directory, by the administrator alone, and runs as the account
    V(postgres) or V(mysql) where the module runs as root.
  - It ends by itself after O(time_limit). What a killed run has left for the same instance is removed before a new one is started.
  - A server that this module has not started is never touched. Processes are known by a random token, by their data directory and by their program.
options:
  state:
    description:
      - With V(started) a new server is started. With V(removed) it is ended, and its directory removed.
      - With V(kept) it is left to be looked at. It ends and can be removed by later runs when its O(time_limit) is over.
    type: str
    choices: [started, removed, kept]
    default: started
  repository:
    description:
      - Directory of the backup sets, an absolute path on the target. Needed for O(state=started).
    type: path
  source:
    description:
      - Host that the instance lives or lived on, by its name in the inventory. Needed for O(state=started).
    type: str
  instance:
    description:
      - Name of the instance, unique on its host. Needed for O(state=started).
    type: str
  directory:
    description:
      - Where to make the directory of the server, which needs room for all databases of the set. C(/var/tmp) where it is not given.
      - The account of the server must be able to pass through it, and others must not be able to exchange what is in it.
    type: path
  path:
    description:
      - What to remove or to keep, as RV(path) of O(state=started) says it. Needed for O(state=removed) and O(state=kept).
    type: path
  time_limit:
    description:
      - After how many seconds the server ends, whatever happens.
    type: int
    default: 86400
  settings:
    description:
      - Settings of the server, in the words of its configuration file. They win over the recorded ones.
      - Only recorded settings that a restore needs or that change what queries return are taken over. Libraries that are loaded at the start are not,
        so that nothing runs jobs.
    type: dict
    default: {}
extends_documentation_fragment:
  - vya.backupdb._attributes
  - vya.backupdb._attributes.readers
  - vya.backupdb._attributes.action
  - vya.backupdb._repository.set
  - vya.backupdb._keys
attributes:
  check_mode:
    support: full
    details:
      - Looks for the programs and the room, and starts and removes nothing.
  diff_mode:
    support: none
requirements:
  - Python 3.9 or newer on the target
  - The server programs of the recorded product and version
  - For PostgreSQL the Python library psycopg (version 3), for MySQL and MariaDB the Python library PyMySQL
seealso:
  - module: vya.backupdb.restore
  - module: vya.backupdb.files_restore
notes:
  - Where AppArmor or SELinux keep the server's program to its usual directories, name one of those in O(directory).
"""

EXAMPLES = r"""
- name: Start an empty server like the one that was backed up
  vya.backupdb.scratch_server:
    repository: /var/backups/backupdb
    source: db1
    instance: main
  register: scratch

- name: Restore the set to it
  vya.backupdb.restore:
    repository: /var/backups/backupdb
    source: db1
    instance: main
    set: "{{ scratch.set.id }}"
  module_defaults:
    group/vya.backupdb.backupdb: "{{ scratch.connection }}"

- name: Remove it
  vya.backupdb.scratch_server:
    state: removed
    path: "{{ scratch.path }}"
"""

RETURN = r"""
path:
  description: The directory of the server.
  returned: success, not in check mode with O(state=started)
  type: str
  sample: /var/tmp/backupdb-scratch-0123456789abcdef
engine:
  description: What the set is of, one of V(postgresql), V(mysql) and V(files).
  returned: when O(state=started)
  type: str
  sample: postgresql
version:
  description: The version that the set is of.
  returned: when O(state=started)
  type: str
  sample: "15.18"
server_version:
  description: The version of the server that was started.
  returned: when O(state=started) and the set is of a server, not in check mode
  type: str
  sample: "15.18"
connection:
  description: How the server is reached, as options of the other modules. Empty for files.
  returned: when O(state=started), not in check mode
  type: dict
  sample: {"engine": "postgresql", "login_port": 5432, "login_unix_socket": "/var/tmp/backupdb-scratch-0123456789abcdef/run"}
root:
  description: Directory to restore files under.
  returned: when O(state=started) and the set is of files, not in check mode
  type: str
  sample: /var/tmp/backupdb-scratch-0123456789abcdef/data
pid:
  description: The process that watches over the server.
  returned: when O(state=started) and the set is of a server, not in check mode
  type: int
  sample: 4711
log:
  description: File that the server writes its messages to.
  returned: when O(state=started) and the set is of a server, not in check mode
  type: str
  sample: /var/tmp/backupdb-scratch-0123456789abcdef/server.log
set:
  description: The set that the server is for.
  returned: when O(state=started)
  type: dict
  sample: {"id": "20261121T080000Z", "path": "/var/backups/backupdb/db1/main/20261121T080000Z", "snapshot_at": "2026-11-21T08:00:01Z"}
leftovers:
  description: Directories that killed runs had left, and that were removed.
  returned: when O(state=started)
  type: list
  elements: str
  sample: []
phases:
  description: Seconds that each phase took.
  returned: success
  type: dict
  sample: {"start": 2.1}
"""

from ansible_collections.vya.backupdb.plugins.module_utils._modules._entry import run_module
from ansible_collections.vya.backupdb.plugins.module_utils._modules.scratch_server import SPEC, run


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
