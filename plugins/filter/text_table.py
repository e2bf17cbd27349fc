# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter ``text_table``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.vya.backupdb.plugins.plugin_utils._text import table

DOCUMENTATION = r"""
name: text_table
short_description: A table for people
version_added: 0.1.0
author:
  - vya.backupdb contributors (@vya)
description:
  - Writes a list of dictionaries as the lines of a table, with a heading.
  - What a row does not have is shown as C(-). Line breaks and control characters in a value are shown as escapes.
positional: _input, columns
options:
  _input:
    description: The rows.
    type: list
    elements: dict
    required: true
  columns:
    description: The columns, from left to right.
    type: list
    elements: dict
    required: true
    suboptions:
      title:
        description: The heading.
        type: str
        required: true
      value:
        description: Which key of a row to show; dots lead into nested dictionaries.
        type: str
        required: true
      kind:
        description:
          - How to show it.
          - V(names) joins a list, V(verification) says what RV(vya.backupdb.backup_info#module:sets[].verified) holds, V(hold) and V(proven)
            say what RV(vya.backupdb.backup_info#module:sets[].held) and RV(vya.backupdb.backup_info#module:sets[].proven) hold, V(age) and
            V(duration) take seconds, V(size) takes bytes.
        type: str
        choices: [text, names, yes_no, verification, hold, proven, count, size, age, duration]
        default: text
seealso:
  - module: vya.backupdb.show_lines
"""

EXAMPLES = r"""
- name: Show the newest sets
  vya.backupdb.show_lines:
    lines: "{{ backups.sets | vya.backupdb.text_table(columns) }}"
  vars:
    columns:
      - {title: Instance, value: instance}
      - {title: Age, value: age, kind: age}
      - {title: Size, value: size, kind: size}
"""

RETURN = r"""
_value:
  description: The lines.
  type: list
  elements: str
  sample:
    - Instance  Age      Size
    - --------  ---  --------
    - main      3 h  12.0 MiB
"""


class FilterModule:
    """Filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name of each filter, and its function."""
        return {"text_table": table}
