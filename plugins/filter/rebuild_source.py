# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter ``rebuild_source``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.vya.backupdb.plugins.plugin_utils._estate import rebuild_source

DOCUMENTATION = r"""
name: rebuild_source
short_description: The lost host whose place a host takes
version_added: 0.1.0
author:
  - vya.backupdb contributors (@vya)
description:
  - Reads C(backupdb_rebuild_from), which is the name of a lost host, or a mapping of clean hosts to lost ones.
  - Where neither says anything of the host, it is the host's own name.
positional: _input, host
options:
  _input:
    description: The variable.
    type: raw
    required: true
  host:
    description: Name of the host.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Say whose place it takes
  ansible.builtin.debug:
    msg: "{{ {'db2': 'db1'} | vya.backupdb.rebuild_source('db2') }}"
"""

RETURN = r"""
_value:
  description: The name of the lost host.
  type: str
  sample: db1
"""


class FilterModule:
    """Filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name of each filter, and its function."""
        return {"rebuild_source": rebuild_source}
