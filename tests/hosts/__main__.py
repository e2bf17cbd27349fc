# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make the images of the hosts: ``python -m tests.hosts bookworm trixie sid``."""

from __future__ import annotations

import argparse

from tests.hosts.engine import engine
from tests.hosts.host import image


def main() -> None:
    """Make those that are missing, and print their names."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.hosts", description="Make the images of the hosts for tests."
    )
    parser.add_argument("releases", nargs="+", metavar="RELEASE", help="of Debian, such as bookworm")
    arguments = parser.parse_args()
    with engine() as found:
        for release in arguments.releases:
            print(image(found, release), flush=True)


if __name__ == "__main__":
    main()
