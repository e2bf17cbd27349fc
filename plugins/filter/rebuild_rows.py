# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter ``rebuild_rows``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.vya.backupdb.plugins.plugin_utils._rebuild import rebuild_rows

DOCUMENTATION = r"""
name: rebuild_rows
short_description: What became of each instance in a rebuild
version_added: 0.1.0
author:
  - vya.backupdb contributors (@vya)
description:
  - Makes one row for each instance from what looped tasks have registered, for P(vya.backupdb.text_table#filter).
positional: _input, restored, restored_files, proved
options:
  _input:
    description: The plan of P(vya.backupdb.rebuild_plan#filter).
    type: list
    elements: dict
    required: true
  restored:
    description: What a task registered that runs M(vya.backupdb.restore) in a loop over names.
    type: dict
  restored_files:
    description: The same of M(vya.backupdb.files_restore).
    type: dict
  proved:
    description: The same of M(vya.backupdb.proof_info).
    type: dict
"""

EXAMPLES = r"""
- name: Say what was rebuilt
  vya.backupdb.show_lines:
    lines: "{{ plan | vya.backupdb.rebuild_rows(restored) | vya.backupdb.text_table(columns) }}"
  vars:
    columns:
      - {title: Instance, value: instance}
      - {title: Differences, value: differences, kind: count}
"""

RETURN = r"""
_value:
  description: The rows.
  type: list
  elements: dict
  sample:
    - {instance: main, ok: true, set: 20261121T080000Z, contents: 2 databases, seconds: 9.5, differences: 0}
"""


class FilterModule:
    """Filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name of each filter, and its function."""
        return {"rebuild_rows": rebuild_rows}
