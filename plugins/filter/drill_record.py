# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter ``drill_record``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.vya.backupdb.plugins.plugin_utils._drill import drill_record

DOCUMENTATION = r"""
name: drill_record
short_description: What a drill has shown, for the ledger
version_added: 0.1.0
author:
  - vya.backupdb contributors (@vya)
description:
  - Makes the record of the drill of one instance from what its tasks have registered, and judges it.
positional: _input, steps, source, host, named
options:
  _input:
    description: The instance, as in C(backupdb_instances).
    type: dict
    required: true
  steps:
    description:
      - What the tasks have registered, by the names C(verified), C(scratch), C(restored), C(restored_files), C(proved), C(checked) and C(removed).
      - Those that did not run may be empty.
    type: dict
    required: true
  source:
    description: The host that the instance is of.
    type: str
    required: true
  host:
    description: The host that it was rebuilt on.
    type: str
    required: true
  named:
    description: Whether a set was asked for by name. Its age is not judged then.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Judge the drill
  ansible.builtin.set_fact:
    record: "{{ backupdb_instances[0] | vya.backupdb.drill_record({'verified': verified, 'proved': proved}, 'db1', 'drill1') }}"
"""

RETURN = r"""
_value:
  description: The record.
  type: dict
  sample: {"source": "db1", "instance": "main", "set": "20261121T080000Z", "recovery_seconds": 42.5, "verdict": "passed", "reasons": []}
"""


class FilterModule:
    """Filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name of each filter, and its function."""
        return {"drill_record": drill_record}
