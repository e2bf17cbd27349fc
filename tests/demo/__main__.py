# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``make demo``: back up, copy elsewhere, lose everything, rebuild it from the copy, prove that nothing differs.

Everything is real: servers, ``ansible-playbook``, the loss. Ends with code 0 only if nothing differs.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
from typing import Any

from ansible_collections.vya.backupdb.plugins.plugin_utils._text import duration, table

from tests.demo import content
from tests.demo.estate import NEW, OLD, Estate
from tests.support.mariadb import MariaDBServer
from tests.support.paths import CHECKOUT, ansible_environment
from tests.support.postgresql import PostgresServer

_STATS = "\tRUN: "
_COLUMNS = [
    {"title": "Instance", "value": "instance"},
    {"title": "Contents", "value": "contents"},
    {"title": "Bytes", "value": "size", "kind": "size"},
    {"title": "Backup", "value": "backup", "kind": "duration"},
    {"title": "Rebuild", "value": "rebuild", "kind": "duration"},
    {"title": "Differences", "value": "differences", "kind": "count"},
]


class DemoFailed(RuntimeError):
    """Something is not as it should be."""


class Screen:
    """What the demo prints: numbered steps with their times, in colour on a terminal."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        self.steps = 0

    def step(self, text: str) -> None:
        """Begin a step."""
        self.steps += 1
        self.line(f"\n{self.steps}. {text}", "1;36")

    def line(self, text: str, code: str = "") -> None:
        """Print a line."""
        print(f"\033[{code}m{text}\033[0m" if self.colour and code else text, flush=True)

    def verdict(self, text: str, good: bool) -> None:
        """Print a line that is true or not."""
        self.line(f"   {'ok  ' if good else 'FAIL'}  {text}", "32" if good else "1;31")


def playbook(screen: Screen, estate: Estate, name: str, *arguments: str) -> list[dict[str, Any]]:
    """Run a playbook, show its output while it runs, and return the rows that it hands on.

    Raises:
        DemoFailed: it ended with an error.
    """
    inventory = os.fspath(estate.inventory.relative_to(estate.directory))
    argv = ["ansible-playbook", f"vya.backupdb.{name}", "-i", inventory, *arguments]
    screen.line(f"   $ {shlex.join(argv)}", "1")
    environment = {**ansible_environment(), "ANSIBLE_SHOW_CUSTOM_STATS": "1"}
    if screen.colour:
        environment.pop("ANSIBLE_NOCOLOR")
        environment["ANSIBLE_FORCE_COLOR"] = "1"
    rows: list[dict[str, Any]] = []
    with subprocess.Popen(
        argv,
        env=environment,
        cwd=estate.directory,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        hidden = False
        for line in process.stdout:
            # the last part is for programs: the rows of the table once more, as JSON
            hidden = hidden or line.startswith("CUSTOM STATS")
            if line.startswith(_STATS):
                rows = json.loads(line[len(_STATS) :])["backupdb_report"]
            elif not hidden and line.strip():
                print("   | " + line, end="", flush=True)
    if process.returncode:
        raise DemoFailed(f"ansible-playbook ended with code {process.returncode}")
    return rows


def described(server: PostgresServer | MariaDBServer) -> str:
    """Product and version of a server."""
    if isinstance(server, PostgresServer):
        return f"PostgreSQL {server.version}"
    return f"MariaDB {'.'.join(map(str, server.version))}"


def run(screen: Screen, estate: Estate) -> bool:
    """The whole story; True if nothing differs."""
    screen.step("Four empty servers on this machine: two that will be lost, two that take their place")
    for host in (OLD, NEW):
        estate.start(host)
        for server in (estate.postgresql[host], estate.mariadb[host]):
            screen.line(f"   {host}: {described(server)}, port {server.port}")
    estate.write_inventory()

    screen.step("Something worth losing: databases, roles, grants, views, routines, triggers, events, odd names, files")
    estate.fill()
    before = content.describe_files(estate.files)
    screen.line(
        f"   {len(content.POSTGRESQL_DATABASES)} PostgreSQL databases, {len(content.MARIADB_DATABASES)} MariaDB databases,"
    )
    screen.line(f"   {len(before)} files, directories and links in {estate.files}")

    screen.step("Keys: two that open what is encrypted, one of them for the safe, and one that signs")
    estate.keys.mkdir(mode=0o700)
    playbook(screen, estate, "create_keys", "-e", "backupdb_signing_key_file=keys/signing.pem")
    estate.make_keys()

    screen.step("Back it up: encrypted on the host, signed from here")
    made = playbook(screen, estate, "backup", "--limit", OLD)

    screen.step("Copy it elsewhere")
    playbook(screen, estate, "replicate", "--limit", OLD)
    number, readable = estate.copied()
    screen.verdict(f"all {number} files of data in the copy are encrypted", number > 0 and not readable)

    screen.step("Lose it: both servers are killed, their data, the files and all sets are deleted")
    estate.lose()
    screen.line(f"   gone: {estate.files}, {estate.repository}, and everything of {OLD}")

    screen.step("Rebuild it on the empty servers, from the copy")
    rebuilt = playbook(screen, estate, "disaster_recovery", "--limit", NEW, "-e", "backupdb_from=elsewhere")

    screen.step("Log in as before the loss")
    facts = estate.log_in()
    facts.append(
        (
            "Files: a second look, without the collection's code, finds all as before",
            content.describe_files(estate.files) == before,
        )
    )
    for text, good in facts:
        screen.verdict(text, good)

    screen.step("Result")
    backups = {row["instance"]: row for row in made}
    rows = [
        {
            **row,
            "contents": backups[row["instance"]]["contents"],
            "backup": backups[row["instance"]]["seconds"],
            "rebuild": row["seconds"],
        }
        for row in rebuilt
    ]
    for line in table(rows, _COLUMNS):
        screen.line(f"   {line}")
    proven = len(rows) == len(backups) > 0 and all(row["ok"] and row["differences"] == 0 for row in rows)
    return proven and number > 0 and not readable and all(good for _text, good in facts)


def main() -> int:
    """Run the demo; 0 if nothing differs."""
    screen = Screen()
    screen.line("vya.backupdb: back up, copy, lose and rebuild two database servers and a tree of files", "1")
    with Estate() as estate:
        try:
            good = run(screen, estate)
        except DemoFailed as error:
            screen.line(f"\n   {error}", "1;31")
            good = False
        if os.environ.get("KEEP") and NEW in estate.postgresql:
            screen.line("")
            for line in estate.keep():
                screen.line(f"   {line}")
    took = duration(time.monotonic() - screen.began)
    if good:
        screen.line(f"\nEverything was lost and is back, with 0 differences. The demo took {took}.\n", "1;32")
    else:
        screen.line(
            f"\nThe demo FAILED after {took}: see above. Its log files are gone; KEEP=1 keeps the servers.\n", "1;31"
        )
    return 0 if good else 1


if __name__ == "__main__":
    os.chdir(CHECKOUT)
    sys.exit(main())
