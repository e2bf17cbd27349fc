# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Version of the collection, for manifests. Private to this collection.

``galaxy.yml`` is not there when a module runs on a target; a unit test keeps the two equal.
"""

from __future__ import annotations

VERSION = "0.1.0"
