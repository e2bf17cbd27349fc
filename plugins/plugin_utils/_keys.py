# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Private keys, and the passwords of copies, on their way to a module: never through a file on the target. Private to this collection.

A module that runs in the foreground gets its options through a pipe, if Ansible is told so. One that runs in the background
lies in a file with its options; so the keys are left out of them, and follow through a named pipe that the module makes.
"""

from __future__ import annotations

import json
import os
import secrets
import shlex
from collections.abc import Mapping
from typing import Any, Optional

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.vya.backupdb.plugins.module_utils._errors import UsageError

OPTION = "identity"
_PIPE_OPTION = "identity_pipe"
#: the option that describes a copy, what of it is secret, and where that comes from instead
_COPY, _SECRETS, _SECRETS_PIPE = "copy", "secrets", "secrets_pipe"
PIPE_OPTIONS = (_PIPE_OPTION, _SECRETS_PIPE)
#: Seconds to wait for the module's pipe, in steps; and to wait until the module reads.
_STEPS, _STEP, _SECONDS_TO_READ = 600, 0.1, 60
#: How the file of a background job begins until the module has ended.
_STARTED = '{"started"'


def keep_off_disk(action: ActionBase) -> None:
    """Let Ansible send a module with private keys through a pipe, and say so where it cannot."""
    if not action._task.args.get(OPTION) and not _secrets_of(action._task.args):
        return
    action._connection.set_option("pipelining", True)
    if not action._is_pipelining_enabled("new"):
        Display().warning(
            "The private keys in the option identity, or the secrets of a copy, lie in a temporary file of the target while the module runs: this connection"
            " or ANSIBLE_KEEP_REMOTE_FILES does not let Ansible send a module through a pipe."
        )


def _secrets_of(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """What is secret of the copy that a module is to reach."""
    copy = arguments.get(_COPY)
    found = copy.get(_SECRETS) if isinstance(copy, Mapping) else None
    if not isinstance(found, Mapping):
        return {}
    return {str(name): value if isinstance(value, (bool, int)) else str(value) for name, value in found.items()}


class HandOver:
    """Private keys that follow a module into the background."""

    def __init__(self, keys: Any) -> None:
        self._keys = [keys] if isinstance(keys, str) else list(keys)
        self._name = f"backupdb-{secrets.token_hex(8)}.keys"

    @classmethod
    def out_of(cls, arguments: dict[str, Any]) -> Optional[HandOver]:
        """Take the keys out of a module's options, and put in where they will come from; None if there are none.

        Raises:
            AnsibleActionFail: there are two kinds of them, and one pipe carries one.
        """
        keys, pipe_option = arguments.pop(OPTION, None), _PIPE_OPTION
        hidden = _secrets_of(arguments)
        if keys and hidden:
            wrong = UsageError(
                "A module in the background takes private keys (identity) or the secrets of a copy, not both.",
                "fetch the sets from the copy with one task, and open them with another",
            )
            raise AnsibleActionFail(str(wrong))
        if hidden:
            arguments[_COPY] = {name: value for name, value in arguments[_COPY].items() if name != _SECRETS}
            keys, pipe_option = json.dumps(hidden), _SECRETS_PIPE
        if not keys:
            return None
        found = cls(keys)
        # Beside the job's own file: there the account that runs the module may write. The module expands the variable.
        arguments[pipe_option] = "${ANSIBLE_ASYNC_DIR}/" + found._name
        return found

    def give(self, action: ActionBase, results_file: str) -> None:
        """Write them into the module's pipe, as soon as it is there; nothing if the module has ended before.

        Args:
            action: whose connection is used.
            results_file: of the job, as Ansible told.
        """
        path = shlex.quote(os.path.join(os.path.dirname(results_file), self._name))
        running = f'[ "$(head -c 10 {shlex.quote(results_file)} 2>/dev/null)" = {shlex.quote(_STARTED)} ]'
        wait = f"n=0; while [ ! -p {path} ] && [ $n -lt {_STEPS} ] && {running}; do sleep {_STEP} || sleep 1; n=$((n + 1)); done"
        write = f"[ -p {path} ] && timeout {_SECONDS_TO_READ} sh -c {shlex.quote(f'cat > {path}')}"
        action._connection.set_option("pipelining", True)
        action._low_level_execute_command(
            f"/bin/sh -c {shlex.quote(f'{wait}; {write}')}", executable=None, in_data=json.dumps(self._keys).encode()
        )
