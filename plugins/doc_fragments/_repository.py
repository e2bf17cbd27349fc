# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options by which a repository and a set in it are named. Private to this collection."""

from __future__ import annotations


class ModuleDocFragment:
    """Documentation that modules include."""

    DOCUMENTATION = r"""
options:
  repository:
    description:
      - Directory of the backup sets, an absolute path on the target.
      - A set lies in C(<repository>/<source>/<instance>/<set id>/).
    type: path
    required: true
  source:
    description:
      - Host that the instance lives or lived on, by its name in the inventory.
    type: str
    required: true
  instance:
    description:
      - Name of the instance, unique on its host.
    type: str
    required: true
"""

    SET = r"""
options:
  set:
    description:
      - Which set to read, one of a set id such as V(20261121T080000Z), the absolute path of a set, or V(latest).
      - With V(latest) a damaged newest set is an error. An older one is never taken in its place silently.
    type: str
    default: latest
"""
