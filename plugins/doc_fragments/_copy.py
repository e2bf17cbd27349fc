# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options by which a copy in another place is described. Private to this collection."""

from __future__ import annotations


class ModuleDocFragment:
    """Documentation that modules include."""

    DOCUMENTATION = r"""
options:
  copy:
    description:
      - Place for copies of sets, which the program C(rclone) of the target reaches.
    type: dict
    required: true
    suboptions:
      name:
        description: How this copy is called.
        type: str
        required: true
      path:
        description: Directory there, or bucket and prefix. A set lies below it as in a repository.
        type: str
        required: true
      remote:
        description:
          - Name of a remote in the rclone configuration of the account that runs the task. Its passwords are in that file.
          - Either this or O(copy.config).
        type: str
      config:
        description:
          - Options of a backend of rclone as they stand in its configuration file, among them C(type).
          - For C(sftp), the server's key has to be in C(known_hosts_file), C(~/.ssh/known_hosts) where it is not given.
        type: dict
      secrets:
        description:
          - Options of the backend that must not be seen, such as C(secret_access_key) or C(pass). Passwords as they are, not obscured.
          - They reach rclone by its environment, never by a command line.
        type: dict
      bandwidth:
        description: Limit for transfers as rclone's C(--bwlimit) takes it, such as V(10M) for 10 MiB per second.
        type: str
      options:
        description:
          - Further flags of rclone, without dashes in front. V(true) and V(false) switch a flag, a list repeats it.
          - Any flag of the backend, such as C(s3-storage-class), and general ones that change how files are moved, but not which.
        type: dict
      attempts:
        description:
          - How often listing, reading and transfers are tried, with pauses of 1, 2, 4… seconds between. Each repetition is a warning.
          - What another attempt would not change, such as a refused login, is not repeated.
        type: int
        default: 4
      retention:
        description:
          - Which sets are kept there. A set stays if one rule keeps it. At least one rule is needed.
          - The newest set stays whatever the rules say, as do sets that are held here.
          - Where it is not given, nothing is removed from the copy.
        type: dict
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
  secrets_pipe:
    description:
      - Path on the target at which the module makes a named pipe and reads O(copy.secrets) from it, as a list with one JSON text, within a minute.
      - The action plugins use it, since a module that runs in the background lies on the disk with its options. Not needed otherwise.
    type: path
"""
