# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The option that says what is kept. Private to this collection."""

from __future__ import annotations


class ModuleDocFragment:
    """Documentation that modules include."""

    DOCUMENTATION = r"""
options:
  retention:
    description:
      - What to keep. A set stays if one rule keeps it, so that one more rule never lets more sets go. At least one rule is needed.
      - Whatever the rules say, the newest set that counts stays, and if none counts, all stay. Held sets and sets that are being read stay too.
      - A set that does not count takes no other one's place, and itself stays as long as it would if it counted.
    type: dict
    required: true
    suboptions:
      keep_last:
        description:
          - Keep so many of the newest sets.
        type: int
      keep_within:
        description:
          - Keep every set that is not more than so much older than the newest one, as weeks, days and hours, such as V(2w), V(10d), V(36h) or V(1w3d).
        type: str
      keep_hourly:
        description:
          - Keep the newest set of each hour, for so many hours that have one.
        type: int
      keep_daily:
        description:
          - Keep the newest set of each day, for so many days that have one.
        type: int
      keep_weekly:
        description:
          - Keep the newest set of each week, from Monday to Sunday, for so many weeks that have one.
        type: int
      keep_monthly:
        description:
          - Keep the newest set of each month, for so many months that have one.
        type: int
      keep_yearly:
        description:
          - Keep the newest set of each year, for so many years that have one.
        type: int
      counts:
        description:
          - Which sets count. A set that is known to be damaged never does.
          - V(sealed) lets every set count.
          - V(verified) lets those count whose every byte was read and found to be what was written (levels V(checksum) and V(deep)).
          - V(proven) lets those count that a drill has rebuilt and proven.
        type: str
        choices:
          - sealed
          - verified
          - proven
        default: verified
      time_zone:
        description:
          - The time zone whose hours, days, weeks, months and years are meant, such as V(Europe/Vienna).
        type: str
        default: UTC
"""
