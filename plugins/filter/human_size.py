# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter ``human_size``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.vya.backupdb.plugins.plugin_utils._text import size

DOCUMENTATION = r"""
name: human_size
short_description: Bytes for people
version_added: 0.1.0
author:
  - vya.backupdb contributors (@vya)
description:
  - Writes a number of bytes with the largest fitting unit of 1024.
positional: _input
options:
  _input:
    description: Number of bytes.
    type: int
    required: true
"""

EXAMPLES = r"""
- name: Say how large a set is
  ansible.builtin.debug:
    msg: "{{ backup.set.size | vya.backupdb.human_size }}"
"""

RETURN = r"""
_value:
  description: The size in words.
  type: str
  sample: 1.5 GiB
"""


class FilterModule:
    """Filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name of each filter, and its function."""
        return {"human_size": size}
