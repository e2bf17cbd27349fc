# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter ``set_rows``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.vya.backupdb.plugins.plugin_utils._rows import set_rows

DOCUMENTATION = r"""
name: set_rows
short_description: One row for each set
version_added: 0.1.0
author:
  - vya.backupdb contributors (@vya)
description:
  - Makes one row for each set that M(vya.backupdb.backup_info) has found, for P(vya.backupdb.text_table#filter).
  - A set that several hosts see in the same repository is shown once.
positional: _input, verified, wanted
options:
  _input:
    description: The sets, as in RV(vya.backupdb.backup_info#module:sets).
    type: list
    elements: dict
    required: true
  verified:
    description: What a task registered that runs M(vya.backupdb.backup_verify) in a loop over the paths of the sets.
    type: dict
  wanted:
    description: Names of instances that must have a set. One that has none gets a row that is not C(ok).
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Say what there is
  vya.backupdb.show_lines:
    lines: "{{ backups.sets | vya.backupdb.set_rows | vya.backupdb.text_table(columns) }}"
  vars:
    columns:
      - {title: Instance, value: instance}
      - {title: Age, value: age, kind: age}
      - {title: Verified, value: verified, kind: verification}
"""

RETURN = r"""
_value:
  description: The rows, by source, instance and time.
  type: list
  elements: dict
  sample:
    - {source: db1, instance: main, ok: true, set: 20261121T080000Z, age: 3600, size: 12582912, databases: [orders, shop]}
"""


class FilterModule:
    """Filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name of each filter, and its function."""
        return {"set_rows": set_rows}
