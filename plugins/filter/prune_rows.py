# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter ``prune_rows``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.vya.backupdb.plugins.plugin_utils._prune_rows import prune_rows

DOCUMENTATION = r"""
name: prune_rows
short_description: What becomes of each set in a prune
version_added: 0.1.0
author:
  - vya.backupdb contributors (@vya)
description:
  - Makes one row for each set from what a looped task has registered, for P(vya.backupdb.text_table#filter).
  - An instance without sets, and one that could not be pruned, get a row of their own.
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
    lines: "{{ ['main', 'shop'] | vya.backupdb.prune_rows(pruned) | vya.backupdb.text_table(columns) }}"
  vars:
    columns:
      - {title: Instance, value: instance}
      - {title: Set, value: set}
      - {title: Why, value: reason}
"""

RETURN = r"""
_value:
  description: The rows, the newest set of an instance first.
  type: list
  elements: dict
  sample:
    - {instance: main, ok: true, set: 20261121T080000Z, size: 12582912, action: remove, reason: no rule keeps it, result: remove}
"""


class FilterModule:
    """Filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name of each filter, and its function."""
        return {"prune_rows": prune_rows}
