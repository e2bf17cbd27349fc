#!/usr/bin/python
# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: show_lines
short_description: Print lines for people, such as a table
version_added: 0.1.0
author:
  - vya.backupdb contributors (@vya)
description:
  - Prints lines as they are, without the quotes and brackets of other ways to show a list.
  - Runs on the controller. Nothing is sent to the host.
options:
  lines:
    description:
      - The lines. Control characters in them are shown as escapes.
    type: list
    elements: str
    required: true
extends_documentation_fragment:
  - vya.backupdb._attributes
  - vya.backupdb._attributes.info
attributes:
  action:
    description: Is an action plugin.
    support: full
seealso:
  - plugin: vya.backupdb.text_table
    plugin_type: filter
notes:
  - With a callback whose output is read by programs (C(json), C(jsonl)) nothing is printed. The lines are in the result.
"""

EXAMPLES = r"""
- name: Show the newest sets
  vya.backupdb.show_lines:
    lines: "{{ backups.sets | vya.backupdb.text_table(columns) }}"
  vars:
    columns:
      - {title: Instance, value: instance}
      - {title: Age, value: age, kind: age}
"""

RETURN = r"""
lines:
  description: What was printed.
  returned: success
  type: list
  elements: str
  sample: ["Instance  Age", "--------  ---", "main      3 h"]
"""
