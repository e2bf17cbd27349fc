# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter ``key_options``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.vya.backupdb.plugins.module_utils._errors import WrongInventory

DOCUMENTATION = r"""
name: key_options
short_description: The options by which sets are opened
version_added: 0.1.0
author:
  - vya.backupdb contributors (@vya)
description:
  - Makes the options of the action group C(vya.backupdb.keys) for C(module_defaults), without those that say nothing.
positional: _input
options:
  _input:
    description: Private keys, one as a text or several as a list; empty if there are none.
    type: raw
    required: true
  staging:
    description: Directory for what is decrypted; empty for the one for temporary files.
    type: str
    default: ""
  trusted:
    description: Public keys of those who may sign sets; with none, signatures are not asked for.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Look whether the newest set is good to its end
  module_defaults:
    group/vya.backupdb.keys: "{{ backupdb_identity | vya.backupdb.key_options(staging='/srv/tmp') }}"
  block:
    - name: Verify it
      vya.backupdb.backup_verify:
        repository: /mnt/backups/backupdb
        source: "{{ inventory_hostname }}"
        instance: main
        level: deep
"""

RETURN = r"""
_value:
  description: The options.
  type: dict
  sample: {"staging": "/srv/tmp"}
"""


def key_options(identity: Any, staging: str = "", trusted: Any = ()) -> dict[str, Any]:
    """The options by which sets are opened.

    Raises:
        AnsibleFilterError: a key is no text.
    """
    keys = [identity] if isinstance(identity, str) else identity
    if not isinstance(keys, Sequence) or not all(isinstance(key, str) for key in keys):
        raise AnsibleFilterError(str(WrongInventory("backupdb_identity is neither a text nor a list of texts.")))
    if (
        isinstance(trusted, str)
        or not isinstance(trusted, Sequence)
        or not all(isinstance(key, str) for key in trusted)
    ):
        raise AnsibleFilterError(str(WrongInventory("backupdb_trusted_keys is not a list of texts.")))
    # An empty text among the trusted keys stays: it is a mistake, and not a wish to trust everybody.
    options = {"identity": [key for key in keys if key.strip()], "staging": staging, "trusted_keys": list(trusted)}
    return {name: value for name, value in options.items() if value}


class FilterModule:
    """Filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name of each filter, and its function."""
        return {"key_options": key_options}
