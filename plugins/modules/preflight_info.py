#!/usr/bin/python
# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: preflight_info
short_description: Tell whether a set or a dump could be restored to a server
version_added: 0.1.0
author:
  - vya.backupdb contributors (@vya)
description:
  - Answers before the day comes. From what a set recorded and from the server alone, it tells everything that would forbid the restore, such as versions,
    extensions, locales, collations, plugins, tablespaces, definers, privileges and room. Changes nothing.
  - The data of a set is not read, M(vya.backupdb.backup_verify) does that. A dump in O(src) is read to its end.
options:
  fail_on_problems:
    description:
      - Whether to fail when RV(problems) is not empty.
    type: bool
    default: false
extends_documentation_fragment:
  - vya.backupdb._attributes
  - vya.backupdb._attributes.all
  - vya.backupdb._attributes.action
  - vya.backupdb._connection
  - vya.backupdb._restore
  - vya.backupdb._keys
attributes:
  check_mode:
    support: full
    details:
      - This module never changes what it looks at.
  diff_mode:
    support: full
    details:
      - Shows what a restore would create, replace and rename.
seealso:
  - module: vya.backupdb.restore
  - module: vya.backupdb.backup_verify
"""

EXAMPLES = r"""
- name: Could the newest set of db1 be rebuilt on the spare server
  vya.backupdb.preflight_info:
    engine: postgresql
    repository: /mnt/backups/backupdb
    source: db1
    instance: main
    fail_on_problems: true

- name: See what is inside a dump, and whether it would load
  vya.backupdb.preflight_info:
    engine: mysql
    src: /srv/old/20260113_155440_mysql_dns_db.zip
  register: dump
"""

RETURN = r"""
ready:
  description: Whether nothing forbids the restore.
  returned: success
  type: bool
  sample: false
problems:
  description: What forbids it, each with its remedy, at most 1000.
  returned: success
  type: list
  elements: str
  sample: ["The extension postgis 3.4.2, used by 'maps', is not installed on the server's host: install its package."]
plan_warnings:
  description: What should be known beforehand, at most 1000.
  returned: success
  type: list
  elements: str
  sample: []
set:
  description: The set, see RV(vya.backupdb.restore#module:set).
  returned: when no O(src) is given
  type: dict
dump:
  description: The dump, see RV(vya.backupdb.restore#module:dump).
  returned: when O(src) is given
  type: dict
address:
  description: Where the server was reached.
  returned: success
  type: str
  sample: /var/run/postgresql:5432
flavour:
  description: What the server is, one of V(postgresql), V(mysql) and V(mariadb).
  returned: success
  type: str
  sample: postgresql
version:
  description: The server's version.
  returned: success
  type: str
  sample: "17.6"
databases:
  description: What would be restored, with the keys recorded, name and previous, at most 1000.
  returned: success
  type: list
  elements: dict
  sample: [{"recorded": "orders", "name": "orders", "previous": "orders__before_20261121T080000Z"}]
included:
  description: What the chosen part of each database comes to, with the keys recorded, tables, needed and left_out as of M(vya.backupdb.restore).
  returned: when a part is chosen by O(schemas), O(tables) or O(content)
  type: list
  elements: dict
  sample: [{"recorded": "orders", "tables": ["public.items"], "needed": [], "left_out": []}]
kept:
  description: Names of databases that exist and would stay as they are.
  returned: success
  type: list
  elements: str
  sample: []
roles:
  description: What would happen to each role, at most 1000.
  returned: success
  type: list
  elements: str
  sample: [create role app]
tablespaces:
  description: What would happen to tablespaces, at most 1000.
  returned: when O(src) is not given
  type: list
  elements: str
  sample: [create tablespace fast in /mnt/ssd/fast]
"""

from ansible_collections.vya.backupdb.plugins.module_utils._modules._entry import run_module
from ansible_collections.vya.backupdb.plugins.module_utils._modules.preflight_info import SPEC, run


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
