# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter ``drill_problems``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.vya.backupdb.plugins.plugin_utils._drill import drill_problems

DOCUMENTATION = r"""
name: drill_problems
short_description: What is wrong with how drills are described
version_added: 0.1.0
author:
  - vya.backupdb contributors (@vya)
description:
  - Looks at the key C(drill) of instances, before anything is done.
positional: _input
options:
  _input:
    description: The instances, as in C(backupdb_instances).
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Stop if an objective cannot be understood
  ansible.builtin.assert:
    that: backupdb_instances | vya.backupdb.drill_problems | length == 0
"""

RETURN = r"""
_value:
  description: What is wrong, each a sentence with what to do.
  type: list
  elements: str
  sample: []
"""


class FilterModule:
    """Filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name of each filter, and its function."""
        return {"drill_problems": drill_problems}
