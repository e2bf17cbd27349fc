# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter ``release_rows``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.vya.backupdb.plugins.plugin_utils._rebuild import release_rows

DOCUMENTATION = r"""
name: release_rows
short_description: What became of each instance in a release
version_added: 0.1.0
author:
  - vya.backupdb contributors (@vya)
description:
  - Makes one row for each instance from what a looped task registered that runs M(vya.backupdb.release).
positional: _input, released
options:
  _input:
    description: Names of the instances.
    type: list
    elements: str
    required: true
  released:
    description: What the task registered.
    type: raw
    required: true
"""

EXAMPLES = r"""
- name: Show what was released
  vya.backupdb.show_lines:
    lines: "{{ ['main', 'shop'] | vya.backupdb.release_rows(released) | vya.backupdb.text_table(columns) }}"
"""

RETURN = r"""
_value:
  description: The rows, with the keys C(instance), C(set), C(released), C(ok), C(message) and C(result).
  type: list
  elements: dict
  sample: [{"instance": "shop", "set": "20261121T080000Z", "released": "2 events", "ok": true, "message": null, "result": "ok"}]
"""


class FilterModule:
    """Filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name of each filter, and its function."""
        return {"release_rows": release_rows}
