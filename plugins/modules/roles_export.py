#!/usr/bin/python
# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: roles_export
short_description: Write the roles or users of a database server to an SQL file
version_added: 0.1.0
author:
  - vya.backupdb contributors (@vya)
description:
  - Writes roles or users, memberships, grants and password hashes of a PostgreSQL, MySQL or MariaDB server to one SQL file that can be run again
    and again.
  - The file is readable by its owner only, and replaced in one step when its content changes.
  - A set that M(vya.backupdb.dump) makes holds the same file. This module is for those who want it elsewhere, for example under version control.
options:
  dest:
    description:
      - The file to write. Its directory must exist.
    type: path
    required: true
extends_documentation_fragment:
  - vya.backupdb._attributes
  - vya.backupdb._attributes.actiongroup
  - vya.backupdb._connection
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details:
      - Passwords and hashes are replaced by numbers. Equal ones have the same number, so a changed password shows as another number.
seealso:
  - module: vya.backupdb.dump
"""

EXAMPLES = r"""
- name: Keep the roles of this server beside its configuration
  vya.backupdb.roles_export:
    engine: postgresql
    dest: /etc/backupdb/roles.sql
"""

RETURN = r"""
dest:
  description: The file.
  returned: success
  type: str
  sample: /etc/backupdb/roles.sql
size:
  description: Bytes of its content.
  returned: success
  type: int
  sample: 2048
roles:
  description: Names of the roles or accounts in it, at most 1000.
  returned: success
  type: list
  elements: str
  sample: [app, reporting]
changed_roles:
  description: Names of those whose statements are new or differ from the file's before, at most 1000.
  returned: success
  type: list
  elements: str
  sample: [reporting]
omissions:
  description: What the login could not read. Each is a warning as well.
  returned: success
  type: list
  elements: str
  sample: []
"""

from ansible_collections.vya.backupdb.plugins.module_utils._modules._entry import run_module
from ansible_collections.vya.backupdb.plugins.module_utils._modules.roles_export import SPEC, run


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
