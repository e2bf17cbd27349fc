# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter ``human_age``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.vya.backupdb.plugins.plugin_utils._text import age

DOCUMENTATION = r"""
name: human_age
short_description: How old something is, for people
version_added: 0.1.0
author:
  - vya.backupdb contributors (@vya)
description:
  - Writes a number of seconds in the largest fitting unit, rounded down.
positional: _input
options:
  _input:
    description: Number of seconds.
    type: int
    required: true
"""

EXAMPLES = r"""
- name: Say how old the newest backup is
  ansible.builtin.debug:
    msg: "{{ (backups.sets | last).age | vya.backupdb.human_age }}"
"""

RETURN = r"""
_value:
  description: The age in words.
  type: str
  sample: 3 h
"""


class FilterModule:
    """Filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name of each filter, and its function."""
        return {"human_age": age}
