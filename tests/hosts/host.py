# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosts for tests: containers that boot with systemd, made of nothing but a Debian release and Python."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.hosts.engine import Engine
from tests.support.paths import BUILD, CHECKOUT

_ARCHIVE = "http://deb.debian.org/debian"
#: All that is in an image beside the smallest Debian.
_CONTENT = "python3,systemd-sysv,ca-certificates"
_SECONDS_TO_BOOT = 60
#: What was downloaded once, by each of those who work side by side: apt locks it.
_PACKAGES = CHECKOUT / ".cache" / "packages" / os.environ.get("PYTEST_XDIST_WORKER", "")
_BOOT = Path(__file__).with_name("boot")
_TREES = Path("/sys/fs/cgroup/unified")
#: Where the repository is seen.
SHARED = "/mnt/backups"


def image(engine: Engine, release: str) -> str:
    """The image of a release of Debian, which is built if there is none."""
    name = f"backupdb-hosts:{release}"
    with (BUILD / f"image-{release}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not engine.run("image", "ls", "--quiet", name).strip():
            _build(release, name)
    return name


def _build(release: str, name: str) -> None:
    folder = Path(tempfile.mkdtemp(prefix="backupdb-image-"))
    try:
        root = folder / "root"
        subprocess.run(
            ["debootstrap", "--variant=minbase", f"--include={_CONTENT}", release, str(root), _ARCHIVE],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        shutil.rmtree(root / "var" / "lib" / "apt" / "lists")
        # These hosts do not survive a power failure.
        (root / "etc" / "dpkg" / "dpkg.cfg.d" / "tests").write_text("force-unsafe-io\n")
        for package in (root / "var" / "cache" / "apt" / "archives").glob("*.deb"):
            package.unlink()
        with subprocess.Popen(["tar", "-C", str(root), "-c", "."], stdout=subprocess.PIPE) as tar:
            subprocess.run(
                ["docker", "import", "-", name],
                stdin=tar.stdout,
                stdout=subprocess.DEVNULL,
                check=True,
            )
        assert tar.returncode == 0
    finally:
        shutil.rmtree(folder)


class Host:
    """One container.

    name: of the container, and of the host in an inventory
    """

    def __init__(self, engine: Engine, name: str) -> None:
        self.engine = engine
        self.name = name

    def run(self, *argv: str, data: str | None = None, code: int | None = 0) -> str:
        """Run a program on the host; returns what it prints."""
        interactive = () if data is None else ("-i",)
        return self.engine.run(
            "exec", *interactive, self.name, *argv, data=None if data is None else data.encode(), code=code
        )

    def write(self, path: str, content: str) -> None:
        """Write a file."""
        self.run("sh", "-c", 'cat > "$0"', path, data=content)

    def install(self, *packages: str) -> None:
        """Install packages, as an administrator does it."""
        self.run("apt-get", "-q", "update")
        self.run(
            "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qy", "--no-install-recommends", "install", *packages
        )

    def install_mysql(self, *others: str) -> None:
        """Install MySQL 9, whose initialisation was seen to end before it was complete on a busy machine, and other packages."""
        packages = ("mysql-server", "mysql-client", *others)
        try:
            self.install(*packages)
        except AssertionError:
            self.run("find", "/var/lib/mysql", "-mindepth", "1", "-delete")
            self.install(*packages)

    def boot(self) -> None:
        """Wait until it has booted."""
        until = time.monotonic() + _SECONDS_TO_BOOT
        while (state := self.run("systemctl", "is-system-running", code=None).strip()) not in ("running", "degraded"):
            assert time.monotonic() < until, f"{self.name} does not boot: {state}"
            time.sleep(0.2)


class Estate:
    """Hosts that see each other and one shared folder.

    shared: the folder, here
    """

    def __init__(self, engine: Engine, network: str, shared: Path) -> None:
        self.engine = engine
        self.shared = shared
        self._network = network
        self._hosts: list[Host] = []

    def host(self, name: str, release: str) -> Host:
        """A host that has booted."""
        packages = _PACKAGES / release
        packages.mkdir(parents=True, exist_ok=True)
        unique = f"{name}-{self._network}"
        self.engine.run(
            "run",
            "--detach",
            f"--name={unique}",
            f"--hostname={name}",
            f"--network={self._network}",
            f"--network-alias={name}",
            "--stop-signal=SIGRTMIN+3",
            "--env=container=docker",
            "--tmpfs=/run:exec",
            "--tmpfs=/run/lock",
            "--cap-add=SYS_ADMIN",
            "--cgroupns=private",
            "--security-opt=seccomp=unconfined",
            "--security-opt=apparmor=unconfined",
            f"--volume={self.shared}:{SHARED}",
            f"--volume={packages}:/var/cache/apt/archives",
            f"--volume={_BOOT}:/boot-test:ro",
            image(self.engine, release),
            "/boot-test",
            unique,
        )
        host = Host(self.engine, unique)
        self._hosts.append(host)
        host.boot()
        # What a mirror has of an unstable release may be older than its Release file promises.
        host.write("/etc/apt/apt.conf.d/90tests", 'Acquire::Check-Valid-Until "false";\n')
        return host

    def remove(self, host: Host) -> None:
        """A host that is lost."""
        self.engine.run("rm", "--force", "--volumes", host.name)
        self._hosts.remove(host)
        for folder, _below, _files in os.walk(_TREES / host.name, topdown=False):
            Path(folder).rmdir()

    def close(self) -> None:
        """Remove all hosts."""
        for host in list(self._hosts):
            self.remove(host)


@contextlib.contextmanager
def estate(engine: Engine, shared: Path) -> Iterator[Estate]:
    """An empty estate with a network of its own; everything of it is removed at the end."""
    network = f"backupdb-{os.getpid()}-{time.monotonic_ns() % 10**6}"
    mtu = _smallest_mtu()
    engine.run("network", "create", "--driver=bridge", f"--opt=com.docker.network.driver.mtu={mtu}", network)
    found = Estate(engine, network, shared)
    try:
        yield found
    finally:
        found.close()
        engine.run("network", "rm", network)


def _smallest_mtu() -> int:
    """Of this machine's interfaces that are up: a bridge with a bigger one loses packets on the way out."""
    found = [1500]
    for interface in Path("/sys/class/net").iterdir():
        if (interface / "operstate").read_text().strip() == "up":
            found.append(int((interface / "mtu").read_text()))
    return min(found)


def variables(host: Host, settings: Mapping[str, object] | None = None) -> dict[str, object]:
    """Of a host in an inventory: how Ansible reaches it."""
    return {
        "ansible_connection": "community.docker.docker",
        "ansible_host": host.name,
        "ansible_python_interpreter": "/usr/bin/python3",
        "backupdb_become": False,
        "backupdb_repository": SHARED,
        **(settings or {}),
    }
