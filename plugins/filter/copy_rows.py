# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter ``copy_rows``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.vya.backupdb.plugins.plugin_utils._copies import copy_rows

DOCUMENTATION = r"""
name: copy_rows
short_description: What became of the copies of each instance
version_added: 0.1.0
author:
  - vya.backupdb contributors (@vya)
description:
  - Makes one row for each instance and copy from what looped tasks have registered, for P(vya.backupdb.text_table#filter).
positional: _input, max_lag
options:
  _input:
    description:
      - What tasks registered that run M(vya.backupdb.copy_push) or M(vya.backupdb.copy_fetch) in a loop over lists of three names, of
        the source, the instance and the copy.
    type: list
    elements: dict
    required: true
  max_lag:
    description: How much older than the original the newest set of a copy may be, such as V(26h) or V(2d). More is not C(ok).
    type: str
"""

EXAMPLES = r"""
- name: Say what was copied
  vya.backupdb.show_lines:
    lines: "{{ [copied] | vya.backupdb.copy_rows('26h') | vya.backupdb.text_table(columns) }}"
  vars:
    columns:
      - {title: Instance, value: instance}
      - {title: Copy, value: copy}
      - {title: New, value: new, kind: count}
"""

RETURN = r"""
_value:
  description: The rows.
  type: list
  elements: dict
  sample:
    - {source: db1, instance: main, copy: offsite, ok: true, new: 1, removed: 0, total: 30, size: 12582912, lag: 0, seconds: 3.3}
"""


class FilterModule:
    """Filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name of each filter, and its function."""
        return {"copy_rows": copy_rows}
