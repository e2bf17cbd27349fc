# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter ``drill_row``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.vya.backupdb.plugins.plugin_utils._drill import drill_row

DOCUMENTATION = r"""
name: drill_row
short_description: A record of a drill as a row of a table
version_added: 0.1.0
author:
  - vya.backupdb contributors (@vya)
description:
  - Makes the row for P(vya.backupdb.text_table#filter).
positional: _input, ledgered, noted
options:
  _input:
    description: The record, as P(vya.backupdb.drill_record#filter) makes it.
    type: dict
    required: true
  ledgered:
    description: What the task registered that runs M(vya.backupdb.ledger_append).
    type: dict
  noted:
    description: What the task registered that runs M(vya.backupdb.drill_note).
    type: dict
"""

EXAMPLES = r"""
- name: Show what became of it
  vya.backupdb.show_lines:
    lines: "{{ [record | vya.backupdb.drill_row] | vya.backupdb.text_table(columns) }}"
  vars:
    columns:
      - {title: Instance, value: instance}
      - {title: Recovery time, value: seconds, kind: duration}
"""

RETURN = r"""
_value:
  description: The row.
  type: dict
  sample: {"instance": "main", "ok": true, "set": "20261121T080000Z", "seconds": 42.5, "differences": 0, "result": "passed"}
"""


class FilterModule:
    """Filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name of each filter, and its function."""
        return {"drill_row": drill_row}
