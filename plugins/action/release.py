# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Shows the progress of the module ``release``."""

from __future__ import annotations

from ansible_collections.vya.backupdb.plugins.plugin_utils._progress import LiveAction


class ActionModule(LiveAction):
    """Runs the module ``release`` with live progress."""
