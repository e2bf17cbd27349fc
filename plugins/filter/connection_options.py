# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter ``connection_options``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.vya.backupdb.plugins.module_utils._errors import WrongInventory
from ansible_collections.vya.backupdb.plugins.module_utils._modules._options import CONNECTION

DOCUMENTATION = r"""
name: connection_options
short_description: The options by which the server of an instance is reached
version_added: 0.1.0
author:
  - vya.backupdb contributors (@vya)
description:
  - Takes from an instance of the inventory what the modules need to reach its server, for C(module_defaults).
positional: _input
options:
  _input:
    description: An instance of C(backupdb_instances).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Look at the first instance of this host
  module_defaults:
    group/vya.backupdb.backupdb: "{{ backupdb_instances[0] | vya.backupdb.connection_options }}"
  block:
    - name: Look at its server
      vya.backupdb.instance_info:
"""

RETURN = r"""
_value:
  description: The connection options that the instance has, C(engine) among them.
  type: dict
  sample: {"engine": "postgresql", "login_port": 5433}
"""


def connection_options(instance: Any) -> dict[str, Any]:
    """The connection options of an instance.

    Raises:
        AnsibleFilterError: it is no mapping.
    """
    if not isinstance(instance, Mapping):
        wrong = WrongInventory("connection_options wants an instance of backupdb_instances, which is a dictionary.")
        raise AnsibleFilterError(str(wrong))
    return {name: value for name, value in instance.items() if name in CONNECTION}


class FilterModule:
    """Filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name of each filter, and its function."""
        return {"connection_options": connection_options}
