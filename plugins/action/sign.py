# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Signs sets on the controller; the module ``sign`` reads and writes on the host."""

from __future__ import annotations

from typing import Any, Optional

from ansible.errors import AnsibleActionFail
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible_collections.vya.backupdb.plugins.module_utils._errors import BackupError, UsageError
from ansible_collections.vya.backupdb.plugins.module_utils._signatures import parse_trusted
from ansible_collections.vya.backupdb.plugins.plugin_utils._signing import Signer, SigningKey

_OF_THE_PLUGIN = ("public_key", "signatures")
_MOST_TOLD = 50


class ActionModule(ActionBase):
    """Asks the host, decides and signs here, and lets the host write."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp: Any = None, task_vars: Optional[dict[str, Any]] = None) -> dict[str, Any]:
        """Sign; the result says what became of each set."""
        result = super().run(tmp, task_vars)
        del tmp
        arguments = dict(self._task.args)
        # Nothing that is sent to the host is made of anything that holds the key.
        text = arguments.pop("signing_key", None)
        if any(arguments.get(name) is not None for name in _OF_THE_PLUGIN):
            wrong = UsageError(f"{' and '.join(_OF_THE_PLUGIN)} are not for tasks.", "leave them out")
            raise AnsibleActionFail(str(wrong))
        try:
            signer = self._signer(text, arguments)
        except BackupError as error:
            raise AnsibleActionFail(str(error)) from None
        result.update({"changed": False, "public_key": signer.key.public.line})
        if arguments.get("sets") == []:
            return {**result, "total": 0, "sets": []}
        try:
            return {**result, **self._sign(signer, arguments, task_vars or {})}
        finally:
            self._remove_tmp_path(self._connection._shell.tmpdir)

    def _signer(self, text: Any, arguments: dict[str, Any]) -> Signer:
        trusted = arguments.get("trusted_keys") or []
        lines = [trusted] if isinstance(trusted, str) else [str(line) for line in trusted]
        return Signer(
            SigningKey.load(str(text or "")),
            parse_trusted(lines),
            boolean(arguments.get("unsigned", False), strict=False),
        )

    def _sign(self, signer: Signer, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        asked = {**arguments, "public_key": signer.key.public.line}
        found = self._execute_module(module_args=asked, task_vars=task_vars)
        if found.get("failed") or "candidates" not in found:
            return found
        decisions = [signer.decide(item, arguments.get("sets")) for item in found["candidates"]]
        to_write = [item for item in decisions if item.signature is not None]
        if to_write and not self._task.check_mode:
            written = self._execute_module(
                module_args={
                    "repository": arguments.get("repository"),
                    "signatures": [{**item.place, "signature": item.values} for item in to_write],
                },
                task_vars=task_vars,
            )
            if written.get("failed") or "written" not in written:
                return written
            for item, outcome in zip(to_write, written["written"]):
                item.refuse(outcome["problem"])
        sets = [item.to_json() for item in decisions]
        result: dict[str, Any] = {
            "changed": any(item["signed"] for item in sets),
            "total": found["total"],
            "sets": sets,
        }
        refused = [item for item in sets if not item["ok"]]
        if refused:
            told = [f"{item['source']}, {item['instance']}, {item['set']}: {item['message']}" for item in refused]
            more = [f"{len(told) - _MOST_TOLD} more"] if len(told) > _MOST_TOLD else []
            result["failed"] = True
            result["msg"] = "\n- ".join([f"{len(told)} of {len(sets)} sets are not signed.", *told[:_MOST_TOLD], *more])
        return result
