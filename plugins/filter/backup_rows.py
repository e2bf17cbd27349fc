# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter ``backup_rows``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.vya.backupdb.plugins.plugin_utils._rows import backup_rows

DOCUMENTATION = r"""
name: backup_rows
short_description: What became of each instance in a backup
version_added: 0.1.0
author:
  - vya.backupdb contributors (@vya)
description:
  - Makes one row for each instance from what looped tasks have registered, for P(vya.backupdb.text_table#filter).
positional: _input, dumped, archived, verified, pruned, signed
options:
  _input:
    description: Names of the instances, in order.
    type: list
    elements: str
    required: true
  dumped:
    description: What a task registered that runs M(vya.backupdb.dump) in a loop over names.
    type: dict
    required: true
  archived:
    description: What a task registered that runs M(vya.backupdb.files_archive) in a loop over names.
    type: dict
  verified:
    description: What a task registered that runs M(vya.backupdb.backup_verify) in a loop over names, or over dictionaries with the key C(instance).
    type: dict
  pruned:
    description: What a task registered that runs M(vya.backupdb.prune) in a loop over names.
    type: dict
  signed:
    description: What a task registered that runs M(vya.backupdb.sign) for all of them.
    type: dict
"""

EXAMPLES = r"""
- name: Say what was made
  vya.backupdb.show_lines:
    lines: "{{ names | vya.backupdb.backup_rows(dumped) | vya.backupdb.text_table(columns) }}"
  vars:
    columns:
      - {title: Instance, value: instance}
      - {title: Set, value: set}
"""

RETURN = r"""
_value:
  description: The rows.
  type: list
  elements: dict
  sample:
    - {instance: main, ok: true, set: 20261121T080000Z, size: 12582912, contents: 2 databases, seconds: 8.1, verified: null, message: null}
"""


class FilterModule:
    """Filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name of each filter, and its function."""
        return {"backup_rows": backup_rows}
