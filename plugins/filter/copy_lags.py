# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter ``copy_lags``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.vya.backupdb.plugins.plugin_utils._copies import copy_lags

DOCUMENTATION = r"""
name: copy_lags
short_description: How far copies are behind
version_added: 0.1.0
author:
  - vya.backupdb contributors (@vya)
description:
  - Makes one row for each instance and copy from what M(vya.backupdb.backup_info) knows, without a look at the copies themselves.
positional: _input, copies, max_lag
options:
  _input:
    description: The sets, as in RV(vya.backupdb.backup_info#module:sets).
    type: list
    elements: dict
    required: true
  copies:
    description: Names of the copies that each instance is to have.
    type: list
    elements: str
    required: true
  max_lag:
    description: How much older than the newest set here that of a copy may be, such as V(26h) or V(2d). More is not C(ok).
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Complain about copies that are behind
  ansible.builtin.assert:
    that: backups.sets | vya.backupdb.copy_lags(['offsite'], '26h') | vya.backupdb.failures | length == 0
"""

RETURN = r"""
_value:
  description: The rows.
  type: list
  elements: dict
  sample:
    - {source: db1, instance: main of db1, copy: offsite, ok: true, lag: 0, message: null, result: ok}
"""


class FilterModule:
    """Filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name of each filter, and its function."""
        return {"copy_lags": copy_lags}
