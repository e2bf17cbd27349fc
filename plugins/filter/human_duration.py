# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter ``human_duration``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.vya.backupdb.plugins.plugin_utils._text import duration

DOCUMENTATION = r"""
name: human_duration
short_description: How long something took, for people
version_added: 0.1.0
author:
  - vya.backupdb contributors (@vya)
description:
  - Writes a number of seconds as hours, minutes and seconds, as precisely as is of interest.
positional: _input
options:
  _input:
    description: Number of seconds.
    type: float
    required: true
"""

EXAMPLES = r"""
- name: Say how long the backup took
  ansible.builtin.debug:
    msg: "{{ backup.phases.values() | sum | vya.backupdb.human_duration }}"
"""

RETURN = r"""
_value:
  description: The duration in words.
  type: str
  sample: 3 min 5 s
"""


class FilterModule:
    """Filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name of each filter, and its function."""
        return {"human_duration": duration}
