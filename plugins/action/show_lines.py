# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Prints lines as they are."""

from __future__ import annotations

from typing import Any, Optional

from ansible import constants
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.vya.backupdb.plugins.module_utils._errors import UsageError
from ansible_collections.vya.backupdb.plugins.plugin_utils._text import printable

#: Their output is read by programs, which take the lines from the result.
_MACHINE_CALLBACKS = ("json", "jsonl")


class ActionModule(ActionBase):
    """Runs on the controller alone; nothing is sent to the host."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _requires_connection = False

    def run(self, tmp: Any = None, task_vars: Optional[dict[str, Any]] = None) -> dict[str, Any]:
        """Print the lines; they are in the result as well."""
        result = super().run(tmp, task_vars)
        del tmp
        lines = self._task.args.get("lines")
        if not isinstance(lines, list):
            raise AnsibleActionFail(str(UsageError("show_lines wants a list of lines.", "give the option lines")))
        shown = [printable(line) for line in lines]
        callback = str(constants.config.get_config_value("DEFAULT_STDOUT_CALLBACK"))
        if callback.rsplit(".", 1)[-1] not in _MACHINE_CALLBACKS:
            Display().display("\n".join(shown))
        result.update({"changed": False, "lines": shown})
        # as little as possible beside the lines themselves
        result["_ansible_verbose_override"] = True
        return result
