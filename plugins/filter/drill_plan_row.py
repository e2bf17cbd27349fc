# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter ``drill_plan_row``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.vya.backupdb.plugins.plugin_utils._drill import drill_plan_row

DOCUMENTATION = r"""
name: drill_plan_row
short_description: Whether a drill would be possible, as a row of a table
version_added: 0.1.0
author:
  - vya.backupdb contributors (@vya)
description:
  - Makes the row for P(vya.backupdb.text_table#filter) from what the tasks have registered in check mode.
positional: _input, steps
options:
  _input:
    description: The instance, as in C(backupdb_instances).
    type: dict
    required: true
  steps:
    description: What the tasks have registered, by the names C(verified) and C(scratch).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Keep what was found out
  ansible.builtin.set_fact:
    row: "{{ backupdb_instances[0] | vya.backupdb.drill_plan_row({'verified': verified, 'scratch': scratch}) }}"
"""

RETURN = r"""
_value:
  description: The row.
  type: dict
  sample: {"instance": "main", "ok": true, "set": "20261121T080000Z", "result": "possible"}
"""


class FilterModule:
    """Filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name of each filter, and its function."""
        return {"drill_plan_row": drill_plan_row}
