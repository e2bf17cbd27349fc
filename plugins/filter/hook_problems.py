# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter ``hook_problems``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.vya.backupdb.plugins.plugin_utils._hooks import hook_problems

DOCUMENTATION = r"""
name: hook_problems
short_description: What is wrong with hooks
version_added: 0.1.0
author:
  - vya.backupdb contributors (@vya)
description:
  - Says what keeps hooks from being run, before anything is changed. Files of tasks are looked for on the controller.
positional: _input, hosts
options:
  _input:
    description: The hooks, a mapping from moments to lists, as P(vya.backupdb.hooks#role) takes them.
    type: dict
    required: true
  hosts:
    description: Names of hosts that hooks may be delegated to.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Make sure that the hooks can be run
  ansible.builtin.assert:
    that: (backupdb_hooks | vya.backupdb.hook_problems(groups.all)) == []
"""

RETURN = r"""
_value:
  description: Each problem as a sentence.
  type: list
  elements: str
  sample:
    - "Hook 1 of after_proof: there is no file /srv/hooks/smoke.yml on the controller."
"""


class FilterModule:
    """Filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name of each filter, and its function."""
        return {"hook_problems": hook_problems}
