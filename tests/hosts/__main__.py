# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Makes the images of the hosts, ``python -m tests.hosts bookworm trixie sid``, or tries a host, ``python -m tests.hosts --try``."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.hosts.engine import engine
from tests.hosts.host import estate, image

#: exit code where this machine can run no hosts
CANNOT = 3


def why_not() -> str | None:
    """Why this machine can run no hosts; None if one has booted, with a network."""
    try:
        with (
            engine() as found,
            tempfile.TemporaryDirectory(prefix="backupdb-try-") as folder,
            estate(found, Path(folder)) as hosts,
        ):
            hosts.host("trial", "bookworm").run("apt-get", "-q", "update")
    except (AssertionError, OSError, subprocess.SubprocessError) as error:
        return str(error)
    return None


def main() -> int:
    """Make images that are missing and print their names, or try a host."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.hosts", description="Make the images of the hosts for tests."
    )
    parser.add_argument("releases", nargs="*", metavar="RELEASE", help="of Debian, such as bookworm")
    parser.add_argument("--try", dest="trial", action="store_true", help=f"boot one; exit code {CANNOT} says it cannot")
    arguments = parser.parse_args()
    if arguments.trial:
        reason = why_not()
        print(f"No hosts can run here: {reason}" if reason else "Hosts can run here.", flush=True)
        return CANNOT if reason else 0
    with engine() as found:
        for release in arguments.releases:
            print(image(found, release), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
