# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter ``ledger_rows``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.vya.backupdb.plugins.plugin_utils._drill import ledger_rows

DOCUMENTATION = r"""
name: ledger_rows
short_description: Lines of the ledger of drills as rows of a table
version_added: 0.1.0
author:
  - vya.backupdb contributors (@vya)
description:
  - Makes rows for P(vya.backupdb.text_table#filter).
positional: _input
options:
  _input:
    description: The lines, as in RV(vya.backupdb.ledger_info#module:entries).
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Show the ledger
  vya.backupdb.show_lines:
    lines: "{{ ledger.entries | vya.backupdb.ledger_rows | vya.backupdb.text_table(columns) }}"
  vars:
    columns:
      - {title: Line, value: number, kind: count}
      - {title: Verdict, value: verdict}
"""

RETURN = r"""
_value:
  description: The rows.
  type: list
  elements: dict
  sample:
    - {number: 42, at: "2026-11-21T09:00:00Z", source: db1, instance: main, set: 20261121T080000Z, seconds: 42.5, differences: 0, verdict: passed}
"""


class FilterModule:
    """Filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name of each filter, and its function."""
        return {"ledger_rows": ledger_rows}
