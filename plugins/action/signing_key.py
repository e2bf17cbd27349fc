# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Makes a key that signs sets."""

from __future__ import annotations

import os
from typing import Any, Optional

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.vya.backupdb.plugins.module_utils._errors import BackupError, HostFailed, UsageError
from ansible_collections.vya.backupdb.plugins.plugin_utils._signing import key_in_file


class ActionModule(ActionBase):
    """Runs on the controller alone; nothing is sent to the host."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _requires_connection = False

    def run(self, tmp: Any = None, task_vars: Optional[dict[str, Any]] = None) -> dict[str, Any]:
        """Make the key; only its public half is in the result."""
        result = super().run(tmp, task_vars)
        del tmp
        given = str(self._task.args.get("path") or "").strip()
        if not given:
            raise AnsibleActionFail(str(UsageError("signing_key wants a file.", "give the option path")))
        path = os.path.abspath(os.path.expanduser(given))
        try:
            public, changed = key_in_file(path, self._task.check_mode)
        except BackupError as error:
            raise AnsibleActionFail(str(error)) from None
        except OSError as error:
            failed = HostFailed(
                f"{path} cannot be read or written: {error.strerror}.", "name a file in a directory of yours"
            )
            raise AnsibleActionFail(str(failed)) from None
        shown = None if changed and self._task.check_mode else public
        result.update(
            {
                "changed": changed,
                "path": path,
                "public_key": shown and shown.line,
                "fingerprint": shown and shown.fingerprint,
            }
        )
        return result
