# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter ``prune_lines``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.vya.backupdb.plugins.plugin_utils._prune_rows import prune_lines

DOCUMENTATION = r"""
name: prune_lines
short_description: The totals of a prune in words
version_added: 0.1.0
author:
  - vya.backupdb contributors (@vya)
description:
  - Makes one line for each instance, with the number of its sets, what each rule keeps, and the room that is freed.
positional: _input, pruned
options:
  _input:
    description: Names of the instances, in order.
    type: list
    elements: str
    required: true
  pruned:
    description: What a task registered that runs M(vya.backupdb.prune) in a loop over names.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Say what was removed
  vya.backupdb.show_lines:
    lines: "{{ ['main', 'shop'] | vya.backupdb.prune_lines(pruned) }}"
"""

RETURN = r"""
_value:
  description: The lines.
  type: list
  elements: str
  sample:
    - "main: 30 sets, 12 kept (keep_daily 7, keep_weekly 4), 18 expired, 18 removed, 216.0 MiB freed"
"""


class FilterModule:
    """Filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name of each filter, and its function."""
        return {"prune_lines": prune_lines}
