# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Root file systems of Debian's releases, so that servers and programs of all of them are on one machine.

A root is made once and kept in `.cache/traps`; nothing of it runs between the tests.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from tests.support.paths import CHECKOUT

ROOTS = CHECKOUT / ".cache" / "traps"
REQUIREMENTS = Path(__file__).with_name("requirements.txt")
_ARCHIVE = "http://deb.debian.org/debian"
#: Folders in every root in which something else is seen.
PLACES = ("/checkout", "/lost", "/lost-programs", "/out")
#: Programs that the collection calls, and Python.
_PROGRAMS = "acl age attr locales python3 util-linux xz-utils zstd"
#: Locales beside C.UTF-8.
_LOCALES = ("en_US", "de_DE")
_ENVIRONMENT = {
    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LC_ALL": "C.UTF-8",
    "DEBIAN_FRONTEND": "noninteractive",
}


@dataclass(frozen=True)
class Release:
    """A release of Debian.

    name: as its archive calls it
    postgresql: major version of its PostgreSQL
    mariadb: version of its MariaDB, empty if that is not tried
    mysql: of its MySQL, the same
    """

    name: str
    postgresql: str
    mariadb: str = ""
    mysql: str = ""

    @property
    def root(self) -> Path:
        """Where its root is, or will be."""
        return ROOTS / self.name

    @property
    def packages(self) -> list[str]:
        """What is installed in it."""
        mariadb = ["mariadb-server", "mariadb-client"] if self.mariadb else []
        mysql = ["mysql-server-core", "mysql-client-core"] if self.mysql else []
        return [*_PROGRAMS.split(), f"postgresql-{self.postgresql}", *mariadb, *mysql]


RELEASES = {
    release.name: release
    for release in (
        Release("bookworm", "15", "10.11"),
        Release("trixie", "17", "11.8"),
        Release("sid", "18", mysql="9"),
    )
}


def ensure(release: Release) -> Path:
    """The root of a release, made if it is not there or was made with other packages."""
    stamp = release.root / "packages-of-tests"
    content = " ".join([*release.packages, *_LOCALES])
    if stamp.is_file() and stamp.read_text() == content:
        return release.root
    if not shutil.which("debootstrap"):
        subprocess.run([CHECKOUT / ".ci" / "packages", "debootstrap"], check=True)
    print(f"Making a root of {release.name}", flush=True)
    ROOTS.mkdir(mode=0o755, parents=True, exist_ok=True)
    work = ROOTS / f".{release.name}"
    _remove(work)
    with (ROOTS / f"{release.name}.log").open("w") as log:
        _run(log, "debootstrap", "--variant=minbase", release.name, str(work), _ARCHIVE)
        # this root does not survive a power failure, and nothing in it is a service
        (work / "etc" / "dpkg" / "dpkg.cfg.d" / "tests").write_text("force-unsafe-io\n")
        # lists of sid are valid for a week, and a mirror may be older
        (work / "etc" / "apt" / "apt.conf.d" / "tests").write_text('Acquire::Check-Valid-Until "false";\n')
        policy = work / "usr" / "sbin" / "policy-rc.d"
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
        clusters = work / "etc" / "postgresql-common" / "createcluster.conf"
        clusters.parent.mkdir()
        clusters.write_text("create_main_cluster = false\n")
        install = "apt-get -q update && apt-get -qy --no-install-recommends -o Dpkg::Options::=--force-confold install"
        _run(log, *inside(work), "sh", "-c", f"{install} {' '.join(release.packages)} && apt-get clean")
        for name in _LOCALES:
            _run(log, *inside(work), "localedef", "-i", name, "-f", "UTF-8", f"{name}.UTF-8")
    for place in PLACES:
        (work / place[1:]).mkdir()
    (work / "packages-of-tests").write_text(content)
    _remove(release.root)
    work.rename(release.root)
    return release.root


@dataclass(frozen=True)
class Bind:
    """Something that is seen in a root.

    place: where, as it is called in the root; the folder or file is there already
    """

    source: Path
    place: str
    read_only: bool = False


def inside(root: Path, binds: Sequence[Bind] = (), **environment: str) -> list[str]:
    """First words of a command that runs in a root, as root, with processes, mounts and an environment of its own."""
    lines = [f"mount -t proc proc '{root}/proc'", f"mount --rbind /dev '{root}/dev'"]
    for bind in binds:
        lines.append(f"mount --rbind '{bind.source}' '{root}{bind.place}'")
        if bind.read_only:
            lines.append(f"mount -o remount,bind,ro '{root}{bind.place}'")
    script = "; ".join(["set -e", *lines, f"exec chroot '{root}' \"$@\""])
    proxies = {name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")}
    variables = {**_ENVIRONMENT, **proxies, **environment}
    unshare = [
        "setpriv",
        "--pdeathsig",
        "KILL",
        "unshare",
        "--mount",
        "--propagation=private",
        "--pid",
        "--fork",
        "--kill-child",
    ]
    return [*unshare, "sh", "-c", script, "sh", "env", "-i", *(f"{name}={value}" for name, value in variables.items())]


def stand_in(release: Release, program: str, folder: Path, place: str) -> None:
    """Write a program that runs a client program of a release's root, seen at `place`, with the libraries of that root."""
    found = next(
        path
        for directory in (f"usr/lib/postgresql/{release.postgresql}/bin", "usr/bin")
        if (path := release.root / directory / program).exists()
    )
    libraries = next((release.root / "usr" / "lib").glob("*-linux-gnu"))
    (loader,) = libraries.glob("ld-linux*.so.*")
    seen = {path: f"{place}/{path.relative_to(release.root)}" for path in (found, loader, libraries)}
    written = folder / program
    # the name of the library says whoever looks for it that the program was built with it
    comment = "# ZSTD_\n" if b"ZSTD_" in found.read_bytes() else ""
    words = [seen[loader], "--library-path", seen[libraries], "--argv0", '"$0"', seen[found], '"$@"']
    written.write_text(f"#!/bin/sh\n{comment}exec {' '.join(words)}\n")
    written.chmod(0o755)


def python_packages(release: Release) -> Path:
    """A folder with the Python packages that the tests import, for the Python of a root."""
    said = _output(*inside(release.root), "python3", "-c", "import sys; print('%d.%d' % sys.version_info[:2])")
    folder = ROOTS / f"python-{said}"
    stamp = folder / "requirements.txt"
    wanted = REQUIREMENTS.read_text()
    if not stamp.is_file() or stamp.read_text() != wanted:
        _remove(folder)
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        target = ["--target", str(folder), "--python-version", said, "--only-binary=:all:"]
        subprocess.run([*pip, *target, "--requirement", str(REQUIREMENTS)], check=True)
        stamp.write_text(wanted)
    return folder


def version(release: Release, server: str) -> str:
    """What a server of a root says of its version: `17.6`."""
    found = re.search(r"\d+(\.\d+)+", _output(*inside(release.root), server, "--version"))
    assert found is not None, server
    return found[0]


def _output(*argv: str) -> str:
    return subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def _run(log: TextIO, *argv: str) -> None:
    done = subprocess.run(argv, check=False, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    assert done.returncode == 0, f"{' '.join(argv[-3:])} ended with {done.returncode}: see {log.name}"


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)
