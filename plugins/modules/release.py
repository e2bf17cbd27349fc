#!/usr/bin/python
# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: release
short_description: Turn on what a rebuild has left off
version_added: 0.1.0
author:
  - vya.backupdb contributors (@vya)
description:
  - After a rebuild, events, subscriptions and connections may be off, so that the rebuilt server does nothing beside the lost one. This module turns on
    exactly those that were on when the set was made. What was off then stays off.
  - Nothing is remembered for that but the set itself. So it works as long as the set is there, and can be run again at any time.
  - A subscription that is enabled takes no table until its publication is refreshed, since only its publisher knows which. What the publisher has sent
    since the backup is not sent again, so its tables are to be copied anew. A warning says how.
options:
  set:
    description:
      - The set that the server was rebuilt from, a set id such as V(20261121T080000Z), the absolute path of a set, or V(latest).
      - It must be that very set. One that was made of the rebuilt server since says that everything was off.
    type: str
    required: true
  databases:
    description:
      - Databases of the set to release, as names or as patterns with C(*), C(?) and C([…]).
    type: list
    elements: str
    default:
      - "*"
  rename:
    description:
      - Names that databases have now, a mapping from the recorded name to the name on the server.
    type: dict
    default: {}
  kinds:
    description:
      - What to release. V(events) of MySQL and MariaDB, V(subscriptions) of PostgreSQL, and V(connections) of both, which are the connection limits of
        databases and the locks of accounts.
    type: list
    elements: str
    choices:
      - connections
      - events
      - subscriptions
    default:
      - connections
      - events
      - subscriptions
extends_documentation_fragment:
  - vya.backupdb._attributes
  - vya.backupdb._attributes.all
  - vya.backupdb._attributes.progress
  - vya.backupdb._connection
  - vya.backupdb._repository
  - vya.backupdb._keys
  - vya.backupdb._progress
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
seealso:
  - module: vya.backupdb.restore
  - module: vya.backupdb.proof_info
"""

EXAMPLES = r"""
- name: The lost server is fenced off, so events and subscriptions may work
  vya.backupdb.release:
    engine: mysql
    repository: /var/backups/backupdb
    source: db1
    instance: shop
    set: 20261121T080000Z

- name: Let the applications in first
  vya.backupdb.release:
    engine: postgresql
    repository: /var/backups/backupdb
    source: db1
    instance: main
    set: 20261121T080000Z
    kinds: [connections]
"""

RETURN = r"""
address:
  description: Where the server was reached.
  returned: success
  type: str
  sample: /var/run/postgresql:5432
set:
  description: The set.
  returned: success
  type: dict
  contains:
    id:
      description: Its id.
      type: str
      returned: success
      sample: 20261121T080000Z
released:
  description: What was turned on, or would be in check mode, at most 1000.
  returned: success
  type: list
  elements: dict
  contains:
    kind:
      description: What it is, V(event), V(subscription) or V(connections).
      type: str
      returned: success
      sample: event
    name:
      description: Its name; that of the account for connections of MySQL and MariaDB, empty for those of PostgreSQL.
      type: str
      returned: success
      sample: nightly
    database:
      description: The database, under its name on the server; nothing for an account.
      type: str
      returned: success
      sample: shop
missing:
  description: What was on when the set was made and is not on the server, at most 1000, with the same keys.
  returned: success
  type: list
  elements: dict
  sample: []
"""

from ansible_collections.vya.backupdb.plugins.module_utils._modules._entry import run_module
from ansible_collections.vya.backupdb.plugins.module_utils._modules.release import SPEC, run


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
