# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter ``rebuild_estate``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.vya.backupdb.plugins.plugin_utils._estate import rebuild_estate

DOCUMENTATION = r"""
name: rebuild_estate
short_description: What a run over several hosts rebuilds, and in what order
version_added: 0.1.0
author:
  - vya.backupdb contributors (@vya)
description:
  - Works out of C(backupdb_rebuild_from) and C(backupdb_rebuild_after) which hosts take the place of which lost ones, and which come first.
positional: _input, hostvars, known
options:
  _input:
    description: Names of the hosts of the run.
    type: list
    elements: str
    required: true
  hostvars:
    description: Variables of all hosts, the variable C(hostvars).
    type: dict
    required: true
  known:
    description: Names of all hosts of the inventory.
    type: list
    elements: str
"""

EXAMPLES = r"""
- name: Stop if it cannot be done
  ansible.builtin.assert:
    that: estate.problems | length == 0
  vars:
    estate: "{{ ansible_play_hosts_all | vya.backupdb.rebuild_estate(hostvars, groups.all) }}"
"""

RETURN = r"""
_value:
  description: >-
    The C(sources) of the hosts that are rebuilt, the hosts that are C(left_out), what each of them C(needs), the C(turns) in which they are
    rebuilt, and the C(problems) that forbid it.
  type: dict
  sample:
    sources: {db2: db1, app2: app1}
    left_out: [db1, app1]
    needs: {db2: [], app2: [db2]}
    turns: [[db2], [app2]]
    problems: []
"""


class FilterModule:
    """Filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name of each filter, and its function."""
        return {"rebuild_estate": rebuild_estate}
