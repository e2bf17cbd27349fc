# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Attributes of the modules. Private to this collection."""

from __future__ import annotations


class ModuleDocFragment:
    """Documentation that modules include."""

    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in check mode, and says what would change without changing anything.
  diff_mode:
    description: Returns what changed, or would change in check mode, when asked for differences.
  platform:
    description: Operating systems that the module runs on.
    platforms: posix
    support: full
"""

    INFO = r"""
options: {}
attributes:
  check_mode:
    support: full
    details:
      - This module never changes what it looks at.
  diff_mode:
    support: N/A
    details:
      - This module never changes what it looks at.
"""

    ACTIONGROUP = r"""
options: {}
attributes:
  action_group:
    description: Belongs to an action group, for C(module_defaults).
    support: full
    membership:
      - vya.backupdb.backupdb
"""

    SETS = r"""
options: {}
attributes:
  action_group:
    description: Belongs to an action group, for C(module_defaults).
    support: full
    membership:
      - vya.backupdb.sets
"""

    BOTH = r"""
options: {}
attributes:
  action_group:
    description: Belongs to action groups, for C(module_defaults).
    support: full
    membership:
      - vya.backupdb.backupdb
      - vya.backupdb.sets
"""

    READERS = r"""
options: {}
attributes:
  action_group:
    description: Belongs to action groups, for C(module_defaults).
    support: full
    membership:
      - vya.backupdb.sets
      - vya.backupdb.keys
"""

    ALL = r"""
options: {}
attributes:
  action_group:
    description: Belongs to action groups, for C(module_defaults).
    support: full
    membership:
      - vya.backupdb.backupdb
      - vya.backupdb.sets
      - vya.backupdb.keys
"""

    ACTION = r"""
options: {}
attributes:
  action:
    description: Has an action plugin of the same name.
    support: full
    details:
      - It keeps private keys off the disks of the target.
  async:
    description: Supports C(async) of the task.
    support: full
"""

    PROGRESS = r"""
options: {}
attributes:
  action:
    description: Shows progress while it runs, by an action plugin of the same name.
    support: full
    details:
      - The task runs in the background and is polled. With C(async), in check mode, or with the variable
        C(backupdb_live_progress) set to V(false) the module runs as any other.
  async:
    description: Supports C(async) of the task.
    support: full
"""
