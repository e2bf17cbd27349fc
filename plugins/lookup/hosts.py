# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lookup ``hosts``."""

from __future__ import annotations

DOCUMENTATION = r"""
name: hosts
short_description: A pattern of hosts that fits at least one
version_added: 0.1.0
author:
  - vya.backupdb contributors (@vya)
description:
  - Returns a pattern as it is if the inventory has a host that fits, and fails otherwise.
  - Without it, a playbook that finds no hosts ends as a success. A backup of nothing is none.
options:
  _terms:
    description: The pattern, as in C(hosts) of a play.
    type: list
    elements: str
    required: true
notes:
  - With C(--syntax-check) every pattern is taken, since there may be no inventory then.
"""

EXAMPLES = r"""
- name: Back up the hosts of a group
  hosts: "{{ lookup('vya.backupdb.hosts', backupdb_hosts | default('backupdb')) }}"
  roles:
    - role: vya.backupdb.backup
"""

RETURN = r"""
_raw:
  description: The pattern.
  type: list
  elements: str
  sample: [backupdb]
"""

from typing import Any, Optional

from ansible import context
from ansible.errors import AnsibleLookupError
from ansible.inventory.manager import InventoryManager
from ansible.plugins.lookup import LookupBase
from ansible_collections.vya.backupdb.plugins.module_utils._errors import WrongInventory


class LookupModule(LookupBase):
    """Knows the inventory by the variable ``groups``."""

    def run(self, terms: list[Any], variables: Optional[dict[str, Any]] = None, **kwargs: Any) -> list[str]:
        """Return the patterns.

        Raises:
            AnsibleLookupError: a pattern fits no host.
        """
        self.set_options(var_options=variables, direct=kwargs)
        if context.CLIARGS.get("syntax"):
            return [str(term) for term in terms]
        for term in terms:
            self.fitting(term, variables)
        return [str(term) for term in terms]

    def fitting(self, pattern: str, variables: Optional[dict[str, Any]], limit: Optional[str] = None) -> list[str]:
        """Names of the hosts that fit a pattern, and those of them that are left by ``--limit``.

        Raises:
            AnsibleLookupError: no host fits the pattern.
        """
        inventory = InventoryManager(self._loader, parse=False)
        for group, hosts in (variables or {}).get("groups", {}).items():
            inventory.add_group(group)
            for host in hosts:
                inventory.add_host(host, group=group)
        if not inventory.get_hosts(pattern=pattern):
            wrong = WrongInventory(
                f"The inventory has no host that fits '{pattern}'.",
                "put the hosts to work on into the group 'backupdb', or name other groups or hosts with"
                " -e backupdb_hosts=PATTERN, and give the inventory with -i",
            )
            raise AnsibleLookupError(str(wrong))
        if limit:
            inventory.subset(limit)
        return [host.name for host in inventory.get_hosts(pattern=pattern)]
