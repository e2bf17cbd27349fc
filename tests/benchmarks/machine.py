# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the measurements were made on, without anything that names the machine or its folders."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from importlib.metadata import version
from pathlib import Path

_PROGRAMS = (
    ("PostgreSQL", ["pg_dump", "--version"]),
    ("MariaDB", ["mariadb", "--version"]),
    ("zstd", ["zstd", "--version"]),
    ("tar", ["tar", "--version"]),
    ("gzip", ["gzip", "--version"]),
)


def describe(directory: Path) -> str:
    """One paragraph: cores, memory, file system, versions."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    programs = ", ".join(f"{name} {_version(argv)}" for name, argv in _PROGRAMS)
    return (
        f"{os.cpu_count()} cores ({_cpu()}), {memory:.0f} GiB memory, {_mount(directory)}, "
        f"{_system()}, Linux {platform.release().split('-')[0]}. {programs}, "
        f"Python {platform.python_version()}, ansible-core {version('ansible-core')}. Servers and clients run on this "
        "same machine; the servers have the settings of a fresh installation, with fsync."
    )


def _version(argv: list[str]) -> str:
    try:
        text = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    except FileNotFoundError:
        return "absent"
    found = re.search(r"\d+\.\d+(\.\d+)?(?=-MariaDB)", text) or re.search(r"\d+\.\d+(\.\d+)?", text)
    return found[0] if found else "of an unknown version"


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return " ".join(line.split(":", 1)[1].split())
    return platform.machine()


def _system() -> str:
    return platform.freedesktop_os_release().get("PRETTY_NAME", "an unknown distribution")


def _mount(directory: Path) -> str:
    """Type of the file system that holds a folder."""
    best = ("", "an unknown file system")
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _device, point, kind = line.split()[:3]
        inside = directory == Path(point) or Path(point) in directory.parents
        if inside and len(point) >= len(best[0]):
            best = (point, kind)
    return best[1]
