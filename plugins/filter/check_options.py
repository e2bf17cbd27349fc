# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter ``check_options``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.vya.backupdb.plugins.module_utils._errors import WrongInventory
from ansible_collections.vya.backupdb.plugins.module_utils._modules.check_info import INSTANCE

DOCUMENTATION = r"""
name: check_options
short_description: What a check of an instance needs of it
version_added: 0.1.0
author:
  - vya.backupdb contributors (@vya)
description:
  - Takes from an instance of the inventory the options that M(vya.backupdb.check_info) knows.
positional: _input
options:
  _input:
    description: An instance of C(backupdb_instances).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Look at all instances of this host
  vya.backupdb.check_info:
    repository: /var/backups/backupdb
    instances: "{{ backupdb_instances | map('vya.backupdb.check_options') }}"
"""

RETURN = r"""
_value:
  description: The options.
  type: dict
  sample: {"name": "main", "engine": "postgresql", "login_port": 5433}
"""


def check_options(instance: Any) -> dict[str, Any]:
    """What a check needs of an instance.

    Raises:
        AnsibleFilterError: it is no mapping.
    """
    if not isinstance(instance, Mapping):
        wrong = WrongInventory("check_options wants an instance of backupdb_instances, which is a dictionary.")
        raise AnsibleFilterError(str(wrong))
    return {name: value for name, value in instance.items() if name in INSTANCE}


class FilterModule:
    """Filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name of each filter, and its function."""
        return {"check_options": check_options}
