# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter ``failures``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.vya.backupdb.plugins.plugin_utils._rows import failures

DOCUMENTATION = r"""
name: failures
short_description: What went wrong, one line for each instance
version_added: 0.1.0
author:
  - vya.backupdb contributors (@vya)
description:
  - Takes from rows, as P(vya.backupdb.backup_rows#filter) makes them, those that are not C(ok), and writes what is wrong with each.
positional: _input
options:
  _input:
    description: The rows.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Fail if anything went wrong
  ansible.builtin.fail:
    msg: "{{ rows | vya.backupdb.failures | join('\\n') }}"
  when: rows | vya.backupdb.failures | length > 0
"""

RETURN = r"""
_value:
  description: The lines.
  type: list
  elements: str
  sample: ["shop: Access denied for the account backup."]
"""


class FilterModule:
    """Filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name of each filter, and its function."""
        return {"failures": failures}
