# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Shows the progress of the module ``backup_verify``."""

from __future__ import annotations

from typing import Any

from ansible_collections.vya.backupdb.plugins.plugin_utils._progress import LiveAction


class ActionModule(LiveAction):
    """Runs the module ``backup_verify`` with live progress, but for a quick look."""

    def _runs_plainly(self, task_vars: dict[str, Any]) -> bool:
        return super()._runs_plainly(task_vars) or self._task.args.get("level") == "quick"
