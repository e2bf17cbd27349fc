# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which pg_dump and pg_restore to use. Private to this collection.

Several versions can be installed side by side. The one of the server's own major version is the best: an older one
refuses the server, and what a newer one writes is meant for newer servers.
"""

from __future__ import annotations

import functools
import glob
import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._containers import PROGRAM_DIRECTORIES, Container
from ansible_collections.vya.backupdb.plugins.module_utils._errors import MissingProgram
from ansible_collections.vya.backupdb.plugins.module_utils._process import Command, find_program, run

#: Where packages put each major version: Debian and Ubuntu, the project's RPMs, SUSE, Alpine.
_VERSIONED_DIRECTORIES = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/usr/lib/postgresql[0-9]*/bin",
    "/usr/libexec/postgresql[0-9]*",
)
#: The first major version whose programs can compress with zstd, and read files so compressed.
FIRST_WITH_ZSTD = 16
_VERSION = re.compile(r"(\d+)(?:\.(\d+))?(?:\.(\d+))?")


@dataclass(frozen=True)
class Tools:
    """The programs of one installed version.

    Args:
        directory: where they are.
        version: as they say it: ``15.18``.
        zstd: whether they read and write zstd by themselves.
        inside: the container that they are in; None for this host.
    """

    directory: str
    version: str
    zstd: bool = False
    inside: Optional[Container] = None

    @property
    def major(self) -> int:
        """Major version."""
        return major_of(self.version)

    def path(self, program: str) -> str:
        """Path of one of the programs.

        Raises:
            MissingProgram: this version was installed without it.
        """
        if self.inside is not None:
            return self.inside.find_program(program, directories=(self.directory,))
        found = shutil.which(program, path=self.directory)
        if found is None:
            raise MissingProgram(f"{program} is not in {self.directory}.", f"install {package(self.major)} completely")
        return found


def parse_version(text: str) -> tuple[int, int, int]:
    """Major, minor and patch number of a version as servers and programs say it.

    ``15.18 (Debian 15.18-0+deb12u1)`` is (15, 18, 0), ``17beta2`` is (17, 0, 0).
    """
    match = _VERSION.search(text)
    if match is None:
        return (0, 0, 0)
    major, minor, patch = (int(part or 0) for part in match.groups())
    return major, minor, patch


def major_of(text: str) -> int:
    """Major version in a version text."""
    return parse_version(text)[0]


def package(major: int) -> str:
    """The packages that bring the programs of a major version, for messages."""
    return f"postgresql-client-{major} (Debian, Ubuntu) or postgresql{major} (Red Hat)"


def program_version(path: str, inside: Optional[Container] = None) -> str:
    """Version that a program says: ``15.18`` of ``pg_dump (PostgreSQL) 15.18 (Debian ...)``."""
    text = run(Command([path, "--version"], inside=inside), timeout=30).stdout.decode("utf-8", "replace")
    after = text.partition(")")[2].split()
    return after[0] if after else text.strip()


@functools.cache
def installed() -> tuple[Tools, ...]:
    """Every version whose pg_dump is on this host, the oldest first; each directory once."""
    found: dict[str, Tools] = {}
    for directory in _directories():
        real = os.path.realpath(os.path.join(directory, "pg_dump"))
        # Debian's /usr/bin/pg_dump is a script that chooses by the default cluster: not a version of its own.
        if os.path.basename(real) != "pg_dump" or not os.access(real, os.X_OK) or os.path.dirname(real) in found:
            continue
        version = program_version(real)
        with open(real, "rb") as stream:
            found[os.path.dirname(real)] = Tools(os.path.dirname(real), version, _has_zstd(stream, version))
    return tuple(sorted(found.values(), key=lambda tools: parse_version(tools.version)))


def _directories() -> list[str]:
    versioned = [directory for pattern in _VERSIONED_DIRECTORIES for directory in sorted(glob.glob(pattern))]
    return versioned + [item for item in os.environ.get("PATH", os.defpath).split(os.pathsep) if item]


def installed_inside(container: Container) -> tuple[Tools, ...]:
    """Every version whose pg_dump is in a container, the oldest first."""
    versioned = [found for pattern in _VERSIONED_DIRECTORIES for found in container.matching(pattern)]
    found = []
    for directory in (*versioned, *PROGRAM_DIRECTORIES):
        path = f"{directory}/pg_dump"
        if container.is_program(path):
            version = program_version(path, container)
            with open(container.open(path), "rb") as stream:
                found.append(Tools(directory, version, _has_zstd(stream, version), container))
    return tuple(sorted(found, key=lambda tools: parse_version(tools.version)))


def _has_zstd(pg_dump: BinaryIO, version: str) -> bool:
    # Linked in or not is decided when the package is built; the library's magic stands only in those that have it.
    return major_of(version) >= FIRST_WITH_ZSTD and b"ZSTD_" in pg_dump.read()


def choose(
    server_major: int,
    at_least: int = 0,
    candidates: Optional[Sequence[Tools]] = None,
    inside: Optional[Container] = None,
) -> Tools:
    """The programs for a server.

    Args:
        server_major: the server's major version.
        at_least: further lower bound, e.g. the version that wrote an archive.
        candidates: the installed versions; None looks for them.
        inside: the container that the candidates are in.

    Raises:
        MissingProgram: there are none, or all of them are too old.
    """
    versions = installed() if candidates is None else candidates
    wanted = max(server_major, at_least)
    where = "on this host" if inside is None else f"in the container {inside.name}"
    if not versions:
        raise MissingProgram(
            f"pg_dump and pg_restore are not installed {where}.",
            f"install {package(wanted)}",
        )
    fitting = [tools for tools in versions if tools.major >= wanted]
    if not fitting:
        newest = max(versions, key=lambda tools: parse_version(tools.version))
        why = f"the server is PostgreSQL {server_major}"
        if at_least > server_major:
            why = f"the dump was written by pg_dump {at_least}"
        raise MissingProgram(
            f"The newest PostgreSQL client programs {where} are {newest.version} ({newest.directory}), but {why}:"
            " older programs cannot be used.",
            f"install {package(wanted)}",
        )
    nearest = min(tools.major for tools in fitting)
    return max((tools for tools in fitting if tools.major == nearest), key=lambda tools: parse_version(tools.version))


@functools.cache
def zstd_program() -> tuple[str, str]:
    """Path and version of zstd.

    Raises:
        MissingProgram: it is absent.
    """
    path = find_program("zstd")
    said = run(Command([path, "--version"]), timeout=30).stdout.decode("utf-8", "replace")
    match = re.search(r"v(\d+\.\d+\.\d+)", said)
    return path, match[1] if match else said.strip()
