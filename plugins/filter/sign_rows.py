# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter ``sign_rows``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.vya.backupdb.plugins.plugin_utils._rows import sign_rows

DOCUMENTATION = r"""
name: sign_rows
short_description: One row for each set that was to be signed
version_added: 0.1.0
author:
  - vya.backupdb contributors (@vya)
description:
  - Makes one row for each set from what M(vya.backupdb.sign) has returned, for P(vya.backupdb.text_table#filter).
positional: _input
options:
  _input:
    description: What a task registered that runs M(vya.backupdb.sign).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Say what was signed
  vya.backupdb.show_lines:
    lines: "{{ signed | vya.backupdb.sign_rows | vya.backupdb.text_table(columns) }}"
  vars:
    columns:
      - {title: Instance, value: instance}
      - {title: Set, value: set}
      - {title: Result, value: result}
"""

RETURN = r"""
_value:
  description: The rows.
  type: list
  elements: dict
  sample:
    - {source: db1, instance: main, set: 20261121T080000Z, ok: true, signed: true, keys: [], message: null, result: ok}
"""


class FilterModule:
    """Filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name of each filter, and its function."""
        return {"sign_rows": sign_rows}
