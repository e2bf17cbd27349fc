# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter ``hook_titles``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.vya.backupdb.plugins.plugin_utils._hooks import hook_titles

DOCUMENTATION = r"""
name: hook_titles
short_description: How the hooks of a moment are called
version_added: 0.1.0
author:
  - vya.backupdb contributors (@vya)
description:
  - Names the hooks of a moment, in their order, without the arguments of commands.
positional: _input, moment
options:
  _input:
    description: The hooks, a mapping from moments to lists, as P(vya.backupdb.hooks#role) takes them.
    type: dict
    required: true
  moment:
    description: When they run.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Show which hooks there are
  vya.backupdb.show_lines:
    lines: "{{ backupdb_hooks | vya.backupdb.hook_titles('before_rebuild') }}"
"""

RETURN = r"""
_value:
  description: One title for each hook.
  type: list
  elements: str
  sample:
    - "command systemctl on app1"
"""


class FilterModule:
    """Filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name of each filter, and its function."""
        return {"hook_titles": hook_titles}
