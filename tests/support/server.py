# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the throw-away servers have in common: a folder, a port, an account, a process that never outlives its test."""

from __future__ import annotations

import hashlib
import json
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.support.paths import BUILD

GUARD = Path(__file__).with_name("guard.py")
#: The root of an older release, whose servers stand for those of hosts that were lost.
LOST_ROOT = os.environ.get("BACKUPDB_LOST_ROOT", "")
#: Its client programs, made to run in our own root.
LOST_PROGRAMS = Path(f"{LOST_ROOT}-programs")
START_TIMEOUT = 120.0
STOP_TIMEOUT = 120.0
SECONDS_TO_NOTICE = 30.0


class ServerError(RuntimeError):
    """A throw-away server could not be made, started or reached."""


def free_port() -> int:
    """A TCP port on 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def account_exists(name: str) -> bool:
    """Whether this machine has an OS account of that name."""
    return any(entry.pw_name == name for entry in pwd.getpwall())


def lost_root(lost: bool) -> str:
    """The root in which a server's programs are; empty for our own."""
    return LOST_ROOT if lost else ""


def in_root(root: str, argv: Sequence[str | os.PathLike[str]]) -> list[str]:
    """A command that runs a program of a root."""
    return [*(["chroot", root] if root else []), *map(os.fspath, argv)]


def run(argv: Sequence[str | os.PathLike[str]], *, input_text: str | None = None, **options: Any) -> str:
    """Run a program to its end and return its output; ServerError with its messages when it fails."""
    done = subprocess.run(
        [os.fspath(word) for word in argv], input=input_text, capture_output=True, text=True, check=False, **options
    )
    if done.returncode != 0:
        raise ServerError(f"{os.fspath(argv[0])} ended with code {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


class Server(ABC):
    """A server of one test: started on a free port and a socket, ended and removed whatever happens.

    Use it as a context manager (starts and destroys), or call `start()` and `destroy()`.
    Servers refuse to run as root: when we are root it runs as `account`, otherwise as ourselves.

    lost: it stands for the server of a host that was lost, and is of the older release where tests have one. Its
        programs run in that release's root, which has our accounts and our folder of temporary files
    """

    #: first part of the name of the temporary folder
    prefix = "backupdb-"
    #: the signal for an orderly end
    stop_signal = signal.SIGTERM
    #: the signal for an end at once that still cleans up
    quick_signal = signal.SIGKILL

    def __init__(
        self,
        *,
        account: str,
        lost: bool = False,
        settings: Mapping[str, object] | None,
        durable: bool,
        directory: str | os.PathLike[str] | None,
        port: int | None,
    ) -> None:
        self.account = account if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        if not account_exists(self.account):
            raise ServerError(f"No OS account {self.account!r} for the server: install its package (make packages)")
        self.root = lost_root(lost)
        self.settings = dict(settings or {})
        self.durable = durable
        self.host = "127.0.0.1"
        self.port = port or free_port()
        self._port_is_ours = port is None
        base = Path(tempfile.mkdtemp(prefix=self.prefix, dir=directory or tempfile.gettempdir()))
        # others may pass through to the socket and not look around
        base.chmod(0o711)
        self.base = base
        self.data_dir = base / "data"
        self.socket_dir = base / "run"
        self.log_file = base / "server.log"
        self.socket_dir.mkdir(mode=0o755)
        self.log_file.touch(mode=0o644)
        self._own(self.socket_dir)
        with self.log_file.open("a") as log:
            self._guard: subprocess.Popen[str] | None = subprocess.Popen(
                [sys.executable, "-I", str(GUARD), str(base)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        self.pid: int | None = None
        self._initialised = False

    # what a kind of server says about itself

    @abstractmethod
    def _template_key(self) -> Sequence[str]:
        """Everything that the content of a freshly initialised data folder depends on."""

    @abstractmethod
    def _initialise(self, data_dir: Path) -> None:
        """Make a new data folder; its parent belongs to the account."""

    @abstractmethod
    def _configure(self) -> None:
        """Write the settings into the new data folder."""

    @abstractmethod
    def _command(self) -> Sequence[str]:
        """The server's command line."""

    @abstractmethod
    def _ping(self) -> bool:
        """Whether the server answers; False while it starts."""

    @abstractmethod
    def _first_start(self) -> None:
        """Do what is to be done once, on the running new server."""

    def _environment(self) -> dict[str, str]:
        return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8", "TZ": "UTC", "HOME": str(self.base)}

    # life

    def start(self) -> None:
        """Start, initialising the data folder the first time; returns when the server answers."""
        if not self._initialised:
            self._make_data_dir()
            self._configure()
        for attempts_left in (2, 1, 0):
            answer = self._ask("start", argv=self._as_account(self._command()), environment=self._environment(),
                               log=str(self.log_file))  # fmt: skip
            self.pid = int(answer["pid"])
            if self._wait_until_ready(last=attempts_left == 0 or self._initialised or not self._port_is_ours):
                break
            self.port = free_port()
        if not self._initialised:
            self._initialised = True
            self._first_start()

    def stop(self) -> None:
        """End in the orderly way."""
        answer = self._ask("stop", number=int(self.stop_signal), timeout=STOP_TIMEOUT)
        self.pid = None
        if answer["forced"]:
            raise ServerError(f"The server did not stop within {STOP_TIMEOUT:g} s:\n{self.log_tail()}")

    def kill(self) -> None:
        """End by SIGKILL, as in a crash; `start()` recovers."""
        self._ask("stop", number=int(signal.SIGKILL), timeout=STOP_TIMEOUT)
        self.pid = None

    def start_again(self) -> None:
        """Start a server that was killed, as soon as the processes that survived it have noticed."""
        deadline = time.monotonic() + SECONDS_TO_NOTICE
        while not self.running():
            try:
                self.start()
            except ServerError:
                if "still in use" not in self.log_tail() or time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def restart(self) -> None:
        """Stop and start; port, socket and data stay."""
        self.stop()
        self.start()

    def destroy(self) -> None:
        """End at once and remove everything; may be called again."""
        if self._guard is None:
            return
        self._before_destroy()
        guard, self._guard = self._guard, None
        self.pid = None
        if guard.poll() is None and guard.stdin is not None:
            guard.stdin.write(json.dumps({"do": "remove", "number": int(self.quick_signal), "timeout": 30}) + "\n")
            # standard input ends with it, and so does the guard
            guard.communicate()
        shutil.rmtree(self.base, ignore_errors=not self.base.exists())

    def keep(self) -> int:
        """Let the server live on after this process; returns the process to send SIGTERM to when it is to go."""
        return int(self._ask("keep")["pid"])

    def running(self) -> bool:
        """Whether the server's process runs."""
        return self.pid is not None and self._ask("poll")["returncode"] is None

    def log_tail(self, lines: int = 40) -> str:
        """The end of the server's log."""
        return "\n".join(self.log_file.read_text(errors="replace").splitlines()[-lines:])

    def __enter__(self) -> Any:
        try:
            self.start()
        except BaseException:
            self.destroy()
            raise
        return self

    def __exit__(self, *_exception: object) -> None:
        self.destroy()

    # inside

    @abstractmethod
    def _before_destroy(self) -> None:
        """Remove what this kind of server leaves outside its folder."""

    def _ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        guard = self._guard
        if guard is None or guard.stdin is None or guard.stdout is None:
            raise ServerError("This server was destroyed")
        guard.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
        guard.stdin.flush()
        line = guard.stdout.readline()
        if not line:
            raise ServerError(f"The guard of the server ended: its code is {guard.wait()}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _as_account(self, argv: Sequence[str]) -> list[str]:
        words = ["setpriv", "--pdeathsig", self.quick_signal.name.removeprefix("SIG")]
        if os.geteuid() == 0:
            entry = pwd.getpwnam(self.account)
            words += ["--reuid", str(entry.pw_uid), "--regid", str(entry.pw_gid), "--init-groups"]
        return in_root(self.root, [*words, "--", *argv])

    def _run_as_account(self, argv: Sequence[str], **options: Any) -> str:
        return run(self._as_account(argv), env=self._environment(), cwd=str(self.base), **options)

    def _own(self, path: Path) -> None:
        if os.geteuid() == 0:
            entry = pwd.getpwnam(self.account)
            os.chown(path, entry.pw_uid, entry.pw_gid)

    def _make_data_dir(self) -> None:
        """Copy a template of the data folder; made once for each version and set of options, kept in .build."""
        key = hashlib.sha256("\0".join([self.account, self.root, *self._template_key()]).encode()).hexdigest()[:16]
        template = BUILD / f"templates-{os.geteuid()}" / f"{type(self).__name__.lower()}-{key}"
        if not template.exists():
            work = self.base / "template"
            work.mkdir(mode=0o700)
            self._own(work)
            self._initialise(work / "data")
            template.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            copy = template.with_name(f".{template.name}.{secrets.token_hex(4)}")
            run(["cp", "-a", work, copy])
            try:
                copy.rename(template)
            except OSError:
                # another process was faster; its copy is as good as ours
                shutil.rmtree(copy)
                if not template.exists():
                    raise
            shutil.rmtree(work)
        for entry in template.iterdir():
            run(["cp", "-a", "--reflink=auto", "--sparse=always", entry, self.base / entry.name])

    def _wait_until_ready(self, *, last: bool) -> bool:
        """True when the server answers, False when its port was taken by somebody and another one can be tried."""
        deadline = time.monotonic() + START_TIMEOUT
        while not self._ping():
            code = self._ask("poll")["returncode"]
            if code is not None:
                self.pid = None
                if not last and "already in use" in self.log_tail().lower():
                    return False
                raise ServerError(f"The server ended with code {code} while starting:\n{self.log_tail()}")
            if time.monotonic() > deadline:
                raise ServerError(f"The server did not answer within {START_TIMEOUT:g} s:\n{self.log_tail()}")
            time.sleep(0.02)
        return True
