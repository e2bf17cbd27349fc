#!/usr/bin/python
# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: drill_note
short_description: Remember beside a set what a drill has shown
version_added: 0.1.0
author:
  - vya.backupdb contributors (@vya)
description:
  - Writes a small file beside a set, from which M(vya.backupdb.backup_info) says when the set was last proven. The set itself is never changed.
options:
  path:
    description:
      - The set's directory, an absolute path.
    type: path
    required: true
  verdict:
    description:
      - What became of the drill.
    type: str
    choices: [passed, failed]
    required: true
  proven:
    description:
      - Whether the set was rebuilt without a difference. Leave it out where the drill did not find that out; what was known before stays then.
    type: bool
  recovery_seconds:
    description:
      - How long it took to rebuild it.
    type: float
extends_documentation_fragment:
  - vya.backupdb._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
seealso:
  - module: vya.backupdb.backup_info
"""

EXAMPLES = r"""
- name: Remember that the set was rebuilt and proven
  vya.backupdb.drill_note:
    path: /var/backups/backupdb/db1/main/20261121T080000Z
    verdict: passed
    proven: true
    recovery_seconds: 42.5
"""

RETURN = r"""
proven_at:
  description: When the set was last proven, UTC; none if it never was, or if the last attempt has shown the contrary.
  returned: success
  type: str
  sample: "2026-11-21T09:00:00Z"
"""

from ansible_collections.vya.backupdb.plugins.module_utils._modules._entry import run_module
from ansible_collections.vya.backupdb.plugins.module_utils._modules.drill_note import SPEC, run


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
