#!/usr/bin/python
# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: rollback
short_description: Give databases back what they were before a restore replaced them
version_added: 0.1.0
author:
  - vya.backupdb contributors (@vya)
description:
  - After M(vya.backupdb.restore) with O(vya.backupdb.restore#module:if_exists=replace), what a database was before is kept as C(<name>__before_<set id>).
    This module exchanges the two by renaming, whatever their size.
  - What has the name now is kept as C(<name>__before_<moment>), so that a rollback can be rolled back.
  - Each database is wholly the one or wholly the other at any moment.
options:
  databases:
    description:
      - Names of the databases to roll back.
    type: list
    elements: str
    required: true
  to:
    description:
      - Which earlier one to take, what follows C(__before_) in its name. Needed where there are several.
    type: str
  disconnect:
    description:
      - Whether to end sessions that use the databases. Otherwise they forbid the rollback, and are listed.
    type: bool
    default: false
extends_documentation_fragment:
  - vya.backupdb._attributes
  - vya.backupdb._attributes.actiongroup
  - vya.backupdb._connection
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
seealso:
  - module: vya.backupdb.restore
"""

EXAMPLES = r"""
- name: The restore was a mistake
  vya.backupdb.rollback:
    engine: postgresql
    databases: [orders]
    disconnect: true
"""

RETURN = r"""
address:
  description: Where the server was reached.
  returned: success
  type: str
  sample: /var/run/postgresql:5432
databases:
  description: What was exchanged, or would be in check mode.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the database.
      type: str
      returned: success
      sample: orders
    previous:
      description: What the one that has the name now was called.
      type: str
      returned: success
      sample: orders__before_20261120T080000Z
    kept:
      description: What the one that had the name is called now; empty where there was none.
      type: str
      returned: success
      sample: orders__before_20261121T093000Z
"""

from ansible_collections.vya.backupdb.plugins.module_utils._modules._entry import run_module
from ansible_collections.vya.backupdb.plugins.module_utils._modules.rollback import SPEC, run


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
