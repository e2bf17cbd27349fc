# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter ``check_rows``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.vya.backupdb.plugins.plugin_utils._rows import check_rows

DOCUMENTATION = r"""
name: check_rows
short_description: What a look at each instance has shown
version_added: 0.1.0
author:
  - vya.backupdb contributors (@vya)
description:
  - Makes one row for each instance from what M(vya.backupdb.check_info) has found, for P(vya.backupdb.text_table#filter).
positional: _input
options:
  _input:
    description: What was found, as in RV(vya.backupdb.check_info#module:instances).
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Say what is there
  vya.backupdb.show_lines:
    lines: "{{ checked.instances | vya.backupdb.check_rows | vya.backupdb.text_table(columns) }}"
  vars:
    columns:
      - {title: Instance, value: instance}
      - {title: Server, value: what}
"""

RETURN = r"""
_value:
  description: The rows.
  type: list
  elements: dict
  sample:
    - {instance: main, ok: true, what: PostgreSQL 15.18, address: "/var/run/postgresql:5432", contents: 2 databases, size: 48234496}
"""


class FilterModule:
    """Filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name of each filter, and its function."""
        return {"check_rows": check_rows}
