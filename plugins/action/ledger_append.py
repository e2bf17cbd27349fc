# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Signs a line of the ledger on the controller, and lets the module add it."""

from __future__ import annotations

import secrets
import time
from typing import Any, Optional

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.vya.backupdb.plugins.module_utils._errors import BackupError, UsageError
from ansible_collections.vya.backupdb.plugins.module_utils._ledger import signature_of, statement
from ansible_collections.vya.backupdb.plugins.plugin_utils._signing import SigningKey

_MODULE = "vya.backupdb.ledger_append"
_READER = "vya.backupdb.ledger_info"
#: Other hosts of the run may add their lines at the same time; each of them adds one and is done.
_ATTEMPTS = 100
_LONGEST_WAIT = 0.5


class ActionModule(ActionBase):
    """Runs the module ``ledger_append``; the private key stays here."""

    _supports_check_mode = True

    def run(self, tmp: Any = None, task_vars: Optional[dict[str, Any]] = None) -> dict[str, Any]:
        """Add the line; the result is the module's own."""
        result = super().run(tmp, task_vars)
        del tmp
        arguments = dict(self._task.args)
        text = arguments.pop("signing_key", None)
        if not text or self._task.check_mode:
            result.update(self._execute_module(module_name=_MODULE, module_args=arguments, task_vars=task_vars))
            return result
        try:
            key = SigningKey.load(str(text))
        except BackupError as error:
            raise AnsibleActionFail(str(error)) from None
        for _attempt in range(_ATTEMPTS):
            found = self._add(key, arguments, task_vars)
            if not found.get("moved"):
                break
            # Not all at the same moment again.
            time.sleep(_LONGEST_WAIT * secrets.randbelow(100) / 100)
        result.update(found)
        return result

    def _add(self, key: SigningKey, arguments: dict[str, Any], task_vars: Optional[dict[str, Any]]) -> dict[str, Any]:
        look = {"path": arguments.get("path"), "newest": 0, "fail_on_problems": True}
        end: dict[str, Any] = self._execute_module(module_name=_READER, module_args=look, task_vars=task_vars)
        if end.get("failed"):
            return end
        record = arguments.get("record")
        if not isinstance(record, dict):
            wrong = UsageError("ledger_append wants a record, which is a dictionary.", "give the option record")
            raise AnsibleActionFail(str(wrong))
        entry = statement(int(end["number"]) + 1, str(end["sha256"]), record)
        signed = {"entry": entry, "signature": signature_of(key.public, key.sign(entry.encode("ascii")))}
        added: dict[str, Any] = self._execute_module(
            module_name=_MODULE, module_args={**arguments, **signed}, task_vars=task_vars
        )
        return added
