# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Running the collection's playbooks as a user does: an inventory in a folder, ansible-playbook, and what it prints."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.paths import ansible_environment

_RECAP = re.compile(r"^(\S+)\s+: ok=(\d+)\s+changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)\s", re.MULTILINE)
_PATIENCE = 300
#: so long may a program be silent before it is asked whether it waits for an answer, in seconds
_THINKS = 0.5


@dataclass(frozen=True)
class Run:
    """One run of ansible-playbook.

    code: its exit code
    output: everything that it printed
    """

    code: int
    output: str

    @property
    def report(self) -> list[dict[str, Any]]:
        """The rows that the run hands on to other jobs."""
        found = re.search(r"^\tRUN: (.*)$", self.output, re.MULTILINE)
        return json.loads(found[1])["backupdb_report"] if found else []

    def row(self, instance: str, host: str | None = None) -> dict[str, Any]:
        """The row of an instance."""
        (row,) = (item for item in self.report if item["instance"] == instance and host in (None, item["host"]))
        return row

    def counts(self, host: str) -> dict[str, int]:
        """What the recap says of a host."""
        for name, ok, changed, unreachable, failed in _RECAP.findall(self.output):
            if name == host:
                return {"ok": int(ok), "changed": int(changed), "unreachable": int(unreachable), "failed": int(failed)}
        raise AssertionError(f"no recap of {host}:\n{self.output}")

    @property
    def message(self) -> str:
        """What the tasks that failed say, as people read it; line breaks are blanks."""
        errors = re.findall(r"\[ERROR\]: (.*?)(?=\nOrigin:|\Z)", self.output, re.DOTALL)
        return " ".join(" ".join(errors).split())

    def table(self, heading: str) -> list[list[str]]:
        """The cells of the table whose first column has a heading."""
        lines = self.output.splitlines()
        start = next(number for number, line in enumerate(lines) if re.match(rf"{heading}\s\s", line))
        edges = [(found.start(), found.end()) for found in re.finditer(r"-+", lines[start + 1])]
        rows = []
        for line in lines[start + 2 :]:
            if not line.strip() or line.startswith("ok: "):
                break
            rows.append([line[left:right].strip() for left, right in edges])
        return rows


class Site:
    """An inventory and a repository in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        #: seconds that a playbook may take
        self.patience = _PATIENCE
        self.repository = folder / "repository"
        self.hosts: dict[str, dict[str, Any]] = {}
        self.vars: dict[str, Any] = {}
        #: of ansible-playbook, beside that of every run
        self.environment: dict[str, str] = {}

    def host(self, name: str, instances: list[dict[str, Any]] | None = None, **variables: Any) -> None:
        """Put a host into the inventory, or replace it."""
        if instances is not None:
            variables["backupdb_instances"] = instances
        self.hosts[name] = variables

    def write(self) -> Path:
        """Write the inventory (JSON is YAML) and return its path."""
        group = {
            "hosts": self.hosts,
            "vars": {
                "ansible_connection": "local",
                "ansible_python_interpreter": sys.executable,
                "backupdb_repository": str(self.repository),
                **self.vars,
            },
        }
        path = self.folder / "inventory.yml"
        path.write_text(json.dumps({"backupdb": group}))
        return path

    def play(
        self, playbook: str, *arguments: str, code: int | None = 0, environment: Mapping[str, str] | None = None
    ) -> Run:
        """Run a playbook, ours by its short name; its exit code must be `code` unless that is None."""
        name = playbook if playbook.endswith(".yml") else f"vya.backupdb.{playbook}"
        done = subprocess.run(
            ["ansible-playbook", name, "-i", str(self.write()), *arguments],
            env={**ansible_environment(), "ANSIBLE_SHOW_CUSTOM_STATS": "1", **self.environment, **(environment or {})},
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=self.patience,
            check=False,
        )
        assert code is None or done.returncode == code, f"exit code {done.returncode}:\n{done.stdout}"
        return Run(done.returncode, done.stdout)

    def answer(self, playbook: str, answer: str, *arguments: str) -> Run:
        """Run a playbook on a terminal, and answer its question, and again while nothing happens."""
        command = ["ansible-playbook", f"vya.backupdb.{playbook}", "-i", str(self.write()), *arguments]
        master, slave = pty.openpty()
        # without a controlling terminal of its own nobody is asked
        done = subprocess.Popen(
            ["setsid", "--ctty", "--wait", *command],
            env={**ansible_environment(), "TERM": "dumb"},
            cwd=self.folder,
            stdin=slave,
            stdout=slave,
            stderr=slave,
        )
        os.close(slave)
        output = b""
        with done:
            while True:
                asked = b"anything else stops" in output
                if not select.select([master], [], [], _THINKS)[0] and asked and done.poll() is None:
                    # Ansible throws away what is typed before it listens, so there is no moment to answer once.
                    os.write(master, answer.encode())
                    continue
                try:
                    data = os.read(master, 1 << 16)
                except OSError:
                    # the other side is closed: the end
                    break
                output += data
                if not data:
                    break
        os.close(master)
        return Run(done.returncode, output.decode().replace("\r\n", "\n"))

    def sets(self, source: str = "*", instance: str = "*") -> list[Path]:
        """The sealed sets, the oldest first."""
        return sorted(path.parent for path in self.repository.glob(f"{source}/{instance}/*/manifest.json"))

    def manifest(self, source: str, instance: str) -> dict[str, Any]:
        """The newest manifest of an instance."""
        found: dict[str, Any] = json.loads((self.sets(source, instance)[-1] / "manifest.json").read_text())
        return found
