# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Programs that outlive the run that starts them, for a limited time. Private to this collection."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import Optional

from ansible_collections.vya.backupdb.plugins.module_utils._process import Command, environment_of, find_program


class Launched:
    """A program that outlives this process."""

    def __init__(self, popen: subprocess.Popen[bytes]) -> None:
        self._popen = popen

    @property
    def pid(self) -> int:
        """Process id of what watches over the program; it leads the process group of both."""
        return self._popen.pid

    def poll(self) -> Optional[int]:
        """The exit code, or None while it runs."""
        return self._popen.poll()

    def ending(self) -> str:
        """How it ended, in brackets behind a space; nothing while it runs."""
        code = self.poll()
        if code is None:
            return ""
        # What watches over it says with a code above 128 that it was a signal.
        number = -code if code < 0 else code - 128
        if number in set(signal.Signals):
            return f" (killed by signal {number}, {signal.Signals(number).name})"
        return f" (exit code {code})"


def launch(command: Command, log: str, seconds: int, last_signal: str = "TERM") -> Launched:
    """Start a program that goes on when this process has ended, for a limited time.

    Unlike with :func:`_process.start` an account that it acts as gets no rights beyond its own. It has no terminal, and what it
    prints goes to a file. The program ``timeout`` of coreutils watches over it.

    Args:
        command: what to start.
        log: the file that its output is appended to.
        seconds: how long it may run.
        last_signal: name of the signal that it gets then; half a minute later it is killed.

    Raises:
        MissingProgram: setpriv or timeout does not exist.
    """
    prefix: list[str] = []
    if command.account is not None and command.account.uid != os.geteuid():
        ids = [f"--reuid={command.account.uid}", f"--regid={command.account.gid}", "--init-groups"]
        prefix = [find_program("setpriv"), *ids, "--"]
    watcher = [find_program("timeout"), f"--signal={last_signal}", "--kill-after=30", str(seconds)]
    with open(log, "ab") as output:
        # For the same reasons as in start() of _process.py.
        popen = subprocess.Popen(  # pylint: disable=ansible-bad-function
            [*prefix, *watcher, *command.argv],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment_of(command),
            cwd=command.cwd,
            start_new_session=True,
        )
    return Launched(popen)
