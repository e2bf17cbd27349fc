# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter ``preflight_rows``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.vya.backupdb.plugins.plugin_utils._rows import preflight_rows

DOCUMENTATION = r"""
name: preflight_rows
short_description: Whether sets could be restored
version_added: 0.1.0
author:
  - vya.backupdb contributors (@vya)
description:
  - Makes one row for each instance from what M(vya.backupdb.preflight_info) has answered, for P(vya.backupdb.text_table#filter).
positional: _input
options:
  _input:
    description: What a task registered that runs the module in a loop over the names of instances.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Say who is ready
  vya.backupdb.show_lines:
    lines: "{{ answers | vya.backupdb.preflight_rows | vya.backupdb.text_table(columns) }}"
  vars:
    columns:
      - {title: Instance, value: instance}
      - {title: Result, value: result}
"""

RETURN = r"""
_value:
  description: The rows.
  type: list
  elements: dict
  sample:
    - {instance: main, ok: true, set: 20261121T080000Z, what: PostgreSQL 15.18, databases: [orders, shop], roles: 4, result: ok}
"""


class FilterModule:
    """Filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name of each filter, and its function."""
        return {"preflight_rows": preflight_rows}
