# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter ``exact_pattern``."""

from __future__ import annotations

import glob
from collections.abc import Callable
from typing import Any

DOCUMENTATION = r"""
name: exact_pattern
short_description: A pattern that fits one name alone
version_added: 0.1.0
author:
  - vya.backupdb contributors (@vya)
description:
  - Writes a name so that options which take patterns select it and nothing else.
positional: _input
options:
  _input:
    description: The name.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Restore a database with an odd name
  vya.backupdb.restore:
    engine: postgresql
    repository: /var/backups/backupdb
    source: db1
    instance: main
    databases: ["{{ 'what*?' | vya.backupdb.exact_pattern }}"]
"""

RETURN = r"""
_value:
  description: The pattern.
  type: str
  sample: what[*][?]
"""


def exact_pattern(name: str) -> str:
    """The pattern that fits one name alone."""
    return glob.escape(str(name))


class FilterModule:
    """Filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name of each filter, and its function."""
        return {"exact_pattern": exact_pattern}
