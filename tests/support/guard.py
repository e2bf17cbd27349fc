# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs one server on behalf of a test process and outlives neither it nor its own end.

Started by `server.py` as a process of its own with JSON requests on standard input and JSON answers on standard output.
When standard input ends, because the test process is done or was killed, the server is ended and its folder is removed.
When this process is killed itself, the kernel ends the server (`setpriv --pdeathsig`); that works here and not in the
test process because the kernel watches the *thread* that started the child, and tests may start servers in threads.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path


class Guard:
    """One server's process and folder."""

    def __init__(self, directory: str) -> None:
        self.directory = directory
        self.server: subprocess.Popen[bytes] | None = None
        self.kept = False

    def start(self, argv: list[str], environment: dict[str, str], log: str) -> dict[str, object]:
        """Start the server; its output is appended to the file `log`."""
        with Path(log).open("ab") as output:
            self.server = subprocess.Popen(
                argv, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=self.directory
            )
        return {"pid": self.server.pid}

    def poll(self) -> dict[str, object]:
        """The server's exit code, None while it runs."""
        return {"returncode": self.server.poll() if self.server else None}

    def stop(self, number: int, timeout: float) -> dict[str, object]:
        """Send a signal and wait `timeout` seconds for the end; what does not end is killed and reported."""
        if self.server is None:
            return {"returncode": None, "forced": False}
        forced = False
        if self.server.poll() is None:
            self.server.send_signal(number)
            try:
                self.server.wait(timeout)
            except subprocess.TimeoutExpired:
                forced = True
                self.server.kill()
                self.server.wait()
        return {"returncode": self.server.returncode, "forced": forced}

    def keep(self) -> dict[str, object]:
        """From now on the end of standard input ends nothing; SIGTERM to this process does."""
        self.kept = True
        return {"pid": os.getpid()}

    def remove(self, number: int = signal.SIGQUIT, timeout: float = 10) -> dict[str, object]:
        """End the server and remove its folder."""
        answer = self.stop(number, timeout)
        shutil.rmtree(self.directory, ignore_errors=not Path(self.directory).is_dir())
        return answer


def main() -> None:
    guard = Guard(sys.argv[1])
    requests = {
        "start": guard.start,
        "poll": guard.poll,
        "stop": guard.stop,
        "keep": guard.keep,
        "remove": guard.remove,
    }

    def terminated(_number: int, _frame: object) -> None:
        # by an exception, not here: the code that is interrupted may hold the lock of Popen.wait()
        raise SystemExit

    signal.signal(signal.SIGTERM, terminated)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        for line in sys.stdin:
            request = json.loads(line)
            answer = requests[request.pop("do")](**request)
            print(json.dumps(answer), flush=True)
        if guard.kept and guard.server is not None:
            guard.server.wait()
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        guard.remove()


if __name__ == "__main__":
    main()
