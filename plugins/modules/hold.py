#!/usr/bin/python
# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: hold
short_description: Keep a set from being pruned
version_added: 0.1.0
author:
  - vya.backupdb contributors (@vya)
description:
  - Holds a set, for good or until a day, so that M(vya.backupdb.prune) keeps it whatever its rules say; or lets it go again.
  - The hold is remembered beside the set, which itself never changes.
options:
  set:
    description:
      - The set, as its id such as V(20261121T080000Z), its absolute path, or V(latest).
    type: str
    required: true
  hold:
    description:
      - Whether the set is held. V(false) lets it go.
    type: bool
    default: true
  reason:
    description:
      - Why it is held, for those who find it later. Needed to hold a set.
    type: str
  until:
    description:
      - When the hold ends, as a day such as V(2027-01-31), which it ends at the beginning of, or a moment such as V(2027-01-31T12:00:00Z), in UTC.
        Without it the set is held until it is let go.
    type: str
extends_documentation_fragment:
  - vya.backupdb._attributes
  - vya.backupdb._attributes.sets
  - vya.backupdb._repository
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
seealso:
  - module: vya.backupdb.prune
"""

EXAMPLES = r"""
- name: Keep what was there before the migration
  vya.backupdb.hold:
    repository: /var/backups/backupdb
    source: db1
    instance: main
    set: 20261121T080000Z
    reason: before the migration to version 17
    until: "2027-06-30"

- name: Let it go
  vya.backupdb.hold:
    repository: /var/backups/backupdb
    source: db1
    instance: main
    set: 20261121T080000Z
    hold: false
"""

RETURN = r"""
set:
  description: The set.
  returned: success
  type: dict
  contains:
    id:
      description: Its id.
      type: str
      returned: always
      sample: 20261121T080000Z
    path:
      description: Its directory.
      type: str
      returned: always
      sample: /var/backups/backupdb/db1/main/20261121T080000Z
held:
  description: Reason and end of the hold; none if the set is not held.
  returned: success
  type: dict
  sample: {"reason": "before the migration to version 17", "until": "2027-06-30T00:00:00Z"}
"""

from ansible_collections.vya.backupdb.plugins.module_utils._modules._entry import run_module
from ansible_collections.vya.backupdb.plugins.module_utils._modules.hold import SPEC, run


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
