# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter ``held_back``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.vya.backupdb.plugins.plugin_utils._estate import held_back

DOCUMENTATION = r"""
name: held_back
short_description: The plan of a host that is not begun because of others
version_added: 0.1.0
author:
  - vya.backupdb contributors (@vya)
description:
  - Writes into the rows of P(vya.backupdb.rebuild_plan#filter) that the host is not begun, and why. What is proven already stays so.
positional: _input, outcomes
options:
  _input:
    description: The rows.
    type: list
    elements: dict
    required: true
  outcomes:
    description: What became of the hosts that it needs, V(failed) or V(not begun), by their names.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Hold it back
  ansible.builtin.set_fact:
    plan: "{{ plan | vya.backupdb.held_back({'db2': 'failed'}) }}"
"""

RETURN = r"""
_value:
  description: The rows.
  type: list
  elements: dict
  sample:
    - {instance: main, ok: false, message: "not begun: db2 failed"}
"""


class FilterModule:
    """Filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name of each filter, and its function."""
        return {"held_back": held_back}
