# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter ``recovery_lines``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.vya.backupdb.plugins.plugin_utils._rebuild import recovery_lines

DOCUMENTATION = r"""
name: recovery_lines
short_description: How long each host took to be rebuilt
version_added: 0.1.0
author:
  - vya.backupdb contributors (@vya)
description:
  - Writes one line for each host with the measured recovery time, the age of the data, and how much differs.
positional: _input, elapsed
options:
  _input:
    description: The rows of P(vya.backupdb.rebuild_rows#filter), each with its C(host) and C(source).
    type: list
    elements: dict
    required: true
  elapsed:
    description: Seconds that each host took.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Say how long it took
  vya.backupdb.show_lines:
    lines: "{{ rows | vya.backupdb.recovery_lines({'db2': 9.5}) }}"
"""

RETURN = r"""
_value:
  description: One line for each host.
  type: list
  elements: str
  sample:
    - "db2 from db1: 1 of 1 instance proven, 0 differences, recovery time 9.5 s, oldest data of 2026-11-21T08:00:01Z (3 min old)"
"""


class FilterModule:
    """Filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name of each filter, and its function."""
        return {"recovery_lines": recovery_lines}
