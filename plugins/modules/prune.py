#!/usr/bin/python
# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: prune
short_description: Remove the sets of an instance that no rule keeps
version_added: 0.1.0
author:
  - vya.backupdb contributors (@vya)
description:
  - Removes old sets by rules that cannot remove the last good one, and says for each set why it is kept or goes.
  - A set disappears by one rename before its first file is removed. What a killed run leaves is never listed or restored, and is
    removed by the next prune or backup of the instance.
  - What has no manifest of ours, is of another place or account, holds other files, or lies behind a symbolic link is left alone.
options:
  trusted_keys:
    description:
      - Public keys. Where they are given, a set that none of them has signed does not count and is left alone.
    type: list
    elements: str
    default: []
extends_documentation_fragment:
  - vya.backupdb._attributes
  - vya.backupdb._attributes.sets
  - vya.backupdb._attributes.progress
  - vya.backupdb._repository
  - vya.backupdb._retention
  - vya.backupdb._progress
attributes:
  check_mode:
    support: full
    details:
      - In check mode the result is the list of what would be kept and what would go, and nothing is removed.
  diff_mode:
    support: full
seealso:
  - module: vya.backupdb.hold
  - module: vya.backupdb.backup_verify
  - module: vya.backupdb.backup_info
notes:
  - A prune of an instance that is being backed up fails. A backup waits for a prune that decides; it does not wait until files are removed.
"""

EXAMPLES = r"""
- name: Keep a week of days, a month of weeks and a year of months
  vya.backupdb.prune:
    repository: /var/backups/backupdb
    source: db1
    instance: main
    retention:
      keep_daily: 7
      keep_weekly: 4
      keep_monthly: 12
      time_zone: Europe/Vienna

- name: See what three proven sets and everything of two weeks would leave
  vya.backupdb.prune:
    repository: /var/backups/backupdb
    source: db1
    instance: main
    retention:
      keep_last: 3
      keep_within: 2w
      counts: proven
  check_mode: true
  register: dry_run
"""

RETURN = r"""
retention:
  description: The rules that were applied.
  returned: when the sets could be read
  type: dict
  sample: {"keep_daily": 7, "counts": "verified", "time_zone": "UTC"}
total:
  description: Number of sets before.
  returned: when the sets could be read
  type: int
  sample: 30
kept:
  description: Number of sets that are kept.
  returned: when the sets could be read
  type: int
  sample: 12
kept_by:
  description:
    - Number of sets that each rule keeps. A set may be kept by several.
    - Besides the rules there are C(newest), C(held), C(in_use), C(not_ours) (left alone), and C(nothing_counts).
  returned: when the sets could be read
  type: dict
  sample: {"keep_daily": 7, "keep_weekly": 4, "keep_monthly": 2, "newest": 1}
expired:
  description: Number of sets that no rule keeps.
  returned: when the sets could be read
  type: int
  sample: 18
removed:
  description: Number of sets that were removed, or would be in check mode.
  returned: when the sets could be read
  type: int
  sample: 18
freed:
  description: Bytes of these.
  returned: when the sets could be read
  type: int
  sample: 226492416
swept:
  description: Number of sets whose removal an earlier run had begun, and which were removed to the end.
  returned: when the sets could be read
  type: int
  sample: 0
errors:
  description: What could not be removed, and why.
  returned: when the sets could be read
  type: list
  elements: str
  sample: []
sets:
  description: What becomes of each set, the newest first, at most 1000.
  returned: when the sets could be read
  type: list
  elements: dict
  contains:
    id:
      description: Its id.
      type: str
      returned: always
      sample: 20261121T080000Z
    size:
      description: Bytes of everything in it.
      type: int
      returned: always
      sample: 12582912
    action:
      description: Either V(keep) or V(remove).
      type: str
      returned: always
      sample: keep
    rules:
      description: What keeps it, as in RV(kept_by).
      type: list
      elements: str
      returned: always
      sample: [keep_daily, newest]
    reason:
      description: Why it is kept or goes, for people.
      type: str
      returned: always
      sample: day 2026-11-21 (1 of 7), the newest that counts
"""

from ansible_collections.vya.backupdb.plugins.module_utils._modules._entry import run_module
from ansible_collections.vya.backupdb.plugins.module_utils._modules.prune import SPEC, run


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
