# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Docker Engine: the one of this machine, or one of our own that is started and ended with the tests."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.support.paths import CHECKOUT

#: Survives the tests, so that images are built once.
_DATA = CHECKOUT / ".cache" / "docker"
_SECONDS_TO_START = 60


class Engine:
    """How containers are made: by the engine that this process's environment names."""

    def run(self, *arguments: str, data: bytes | None = None, code: int | None = 0, timeout: float = 600) -> str:
        """Run the program docker; returns what it prints. Its exit code must be `code` unless that is None."""
        done = subprocess.run(
            ["docker", *arguments],
            input=data,
            stdin=subprocess.DEVNULL if data is None else None,
            capture_output=True,
            timeout=timeout,
            check=False,
        )
        output = (done.stdout + done.stderr).decode(errors="replace")
        assert code is None or done.returncode == code, (
            f"docker {arguments[:3]} ended with {done.returncode}:\n{output}"
        )
        return done.stdout.decode(errors="replace")

    def answers(self) -> bool:
        """Whether it is there."""
        return subprocess.run(["docker", "info"], capture_output=True, timeout=60, check=False).returncode == 0


def install(*packages: str) -> None:
    """Install packages of this machine that are missing."""
    subprocess.run([CHECKOUT / ".ci" / "packages", *packages], check=True)


@contextlib.contextmanager
def engine() -> Iterator[Engine]:
    """An engine that answers, also to programs that are started meanwhile. One that was started for this is ended, whatever it runs."""
    if not shutil.which("docker"):
        install("docker.io", "iptables")
    if not shutil.which("debootstrap"):
        install("debootstrap")
    found = Engine()
    with contextlib.ExitStack() as stack:
        if not found.answers():
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="backupdb-docker-"))
            found = stack.enter_context(own_engine(Path(folder)))
        yield found


@contextlib.contextmanager
def own_engine(folder: Path) -> Iterator[Engine]:
    """An engine that nobody else knows of."""
    socket = f"unix://{folder}/docker.sock"
    log = folder / "dockerd.log"
    with log.open("wb") as stream:
        daemon = subprocess.Popen(
            [
                "dockerd",
                f"--host={socket}",
                f"--data-root={_DATA}",
                f"--exec-root={folder}/exec",
                f"--pidfile={folder}/dockerd.pid",
                # the network of the tests is their own
                "--bridge=none",
            ],
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )
    before = os.environ.get("DOCKER_HOST")
    os.environ["DOCKER_HOST"] = socket
    try:
        found = Engine()
        until = time.monotonic() + _SECONDS_TO_START
        while not found.answers():
            assert daemon.poll() is None and time.monotonic() < until, f"dockerd does not start:\n{log.read_text()}"
            time.sleep(0.2)
        yield found
    finally:
        if before is None:
            del os.environ["DOCKER_HOST"]
        else:
            os.environ["DOCKER_HOST"] = before
        daemon.terminate()
        try:
            daemon.wait(60)
        finally:
            _unmount(folder)
            _unmount(_DATA)


def _unmount(folder: Path) -> None:
    """Take away what the engine has mounted there and leaves behind, so that the folder can be removed."""
    for line in reversed(Path("/proc/self/mounts").read_text().splitlines()):
        place = Path(line.split()[1].encode().decode("unicode_escape"))
        if place.is_relative_to(folder):
            subprocess.run(["umount", place], check=True)
