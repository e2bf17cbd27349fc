# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lookup ``rebuild_hosts``."""

from __future__ import annotations

DOCUMENTATION = r"""
name: rebuild_hosts
short_description: The hosts that a rebuild works on, in their order
version_added: 0.1.0
author:
  - vya.backupdb contributors (@vya)
description:
  - Returns the names of the hosts that take the places of lost ones, those that others wait for first, for C(hosts) of a play.
  - It reads C(backupdb_rebuild_from) and C(backupdb_rebuild_after) of the hosts, and C(--limit).
  - Fails if there are none, or if what these variables say cannot be done, before anything begins.
options:
  _terms:
    description:
      - The pattern of the hosts to look at, as in C(hosts) of a play.
      - An empty one stands for the hosts that a mapping in C(backupdb_rebuild_from) names, or for the group C(backupdb) where there is none.
    type: list
    elements: str
    required: true
notes:
  - With C(--syntax-check) and C(--list-hosts), and in the first play of a playbook, nothing is known of the hosts yet. The pattern is returned then.
"""

EXAMPLES = r"""
- name: Rebuild lost hosts
  hosts: "{{ lookup('vya.backupdb.rebuild_hosts', backupdb_hosts | default('')) }}"
  roles:
    - role: vya.backupdb.disaster_recovery
"""

RETURN = r"""
_raw:
  description: The names.
  type: list
  elements: str
  sample: [db2, app2]
"""

from typing import Any, Optional

from ansible import context
from ansible.errors import AnsibleLookupError
from ansible_collections.vya.backupdb.plugins.lookup.hosts import LookupModule as Hosts
from ansible_collections.vya.backupdb.plugins.module_utils._errors import Impossible, WrongInventory
from ansible_collections.vya.backupdb.plugins.plugin_utils._estate import mapped, rebuild_estate

_GROUP = "backupdb"


class LookupModule(Hosts):
    """Knows the inventory by the variables ``groups`` and ``hostvars``."""

    def run(self, terms: list[Any], variables: Optional[dict[str, Any]] = None, **kwargs: Any) -> list[str]:
        """Return the names.

        Raises:
            AnsibleLookupError: no host fits, or what the variables say cannot be done.
        """
        self.set_options(var_options=variables, direct=kwargs)
        patterns = [str(term) for term in terms if term]
        hostvars = (variables or {}).get("hostvars")
        if context.CLIARGS.get("syntax") or hostvars is None:
            return patterns or [_GROUP]
        known = [str(host) for host in (variables or {}).get("groups", {}).get("all", ())]
        mapping = mapped(hostvars, known)[0]
        if not patterns:
            patterns = [host for host in mapping if host in known] or [_GROUP]
        limit = context.CLIARGS.get("subset")
        hosts = list(dict.fromkeys(host for pattern in patterns for host in self.fitting(pattern, variables, limit)))
        estate = rebuild_estate(hosts, hostvars, known)
        if estate["problems"]:
            impossible = Impossible(
                "These hosts cannot be rebuilt; nothing was begun.", "solve what is listed", estate["problems"]
            )
            raise AnsibleLookupError(str(impossible))
        found = [host for turn in estate["turns"] for host in turn]
        if not hosts:
            wrong = WrongInventory(
                f"--limit '{limit}' leaves none of the hosts that are to be rebuilt, which are those that fit"
                f" {', '.join(patterns)}.",
                "name one of them",
            )
            raise AnsibleLookupError(str(wrong))
        if not found:
            wrong = WrongInventory(
                f"Of {', '.join(hosts)} none is to be rebuilt: backupdb_rebuild_from names {', '.join(mapping)}.",
                "name clean hosts there, each with the lost one whose place it takes",
            )
            raise AnsibleLookupError(str(wrong))
        return found
