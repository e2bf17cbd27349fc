# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options of modules that run for a long time. Private to this collection."""

from __future__ import annotations


class ModuleDocFragment:
    """Documentation that modules include."""

    DOCUMENTATION = r"""
options:
  progress_file:
    description:
      - File on the target that the module keeps up to date while it runs. It is replaced atomically and holds one JSON object
        with the fields C(phase), C(text), C(done), C(total), C(unit), C(time) and C(pid).
      - Not needed for the progress that a task shows by itself.
    type: path
"""

    JOBS = r"""
options:
  jobs:
    description:
      - How much runs at a time, over all databases.
      - One job for each processor core of the target where it is not given.
    type: int
"""
