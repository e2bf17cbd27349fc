# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter ``rebuild_plan``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.vya.backupdb.plugins.plugin_utils._rebuild import rebuild_plan

DOCUMENTATION = r"""
name: rebuild_plan
short_description: What a rebuild would do with each instance
version_added: 0.1.0
author:
  - vya.backupdb contributors (@vya)
description:
  - Makes one row for each instance from what looped tasks have registered. Its C(problems) forbid the rebuild.
positional: _input, verified, compared, planned, planned_files, named, host
options:
  _input:
    description: The instances, as in C(backupdb_instances).
    type: list
    elements: dict
    required: true
  verified:
    description: What a task registered that runs M(vya.backupdb.backup_verify) in a loop over names.
    type: dict
    required: true
  compared:
    description: The same of M(vya.backupdb.proof_info).
    type: dict
  planned:
    description: The same of M(vya.backupdb.restore) in check mode, with O(vya.backupdb.restore#module:if_exists=skip).
    type: dict
  planned_files:
    description: The same of M(vya.backupdb.files_restore) in check mode.
    type: dict
  named:
    description: Whether the operator has named this host as one that may hold other data.
    type: bool
    default: false
  host:
    description: Name of the host, for messages.
    type: str
    default: this host
"""

EXAMPLES = r"""
- name: Make the plan
  ansible.builtin.set_fact:
    plan: "{{ backupdb_instances | vya.backupdb.rebuild_plan(verified, compared, planned) }}"
"""

RETURN = r"""
_value:
  description: The rows.
  type: list
  elements: dict
  sample:
    - {instance: main, ok: true, set: 20261121T080000Z, address: "/var/run/postgresql:5432", todo: true, plan: "restore 2 databases"}
"""


class FilterModule:
    """Filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name of each filter, and its function."""
        return {"rebuild_plan": rebuild_plan}
