# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every case is handed."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.benchmarks.measure import Outcome, size_of
from tests.benchmarks.playbooks import Playbooks, Run, ours, peers
from tests.benchmarks.settings import Settings, need_space
from tests.benchmarks.text import Prose

JOBS = os.cpu_count() or 1
INSTANCE = "main"
NO_PEERS = "PEERS=0"


@dataclass(frozen=True)
class Bench:
    """One run of the benchmarks.

    keep: where generated data lasts until the next run; None when nothing lasts
    work: everything else, removed at the end
    say: prints a line of progress
    """

    settings: Settings
    keep: Path | None
    work: Path
    say: Callable[[str], object]

    @cached_property
    def prose(self) -> Prose:
        """The text that all data is cut from."""
        return Prose(1, 48 if self.settings.scale > 0.01 else 2)

    @cached_property
    def ours(self) -> Playbooks:
        """Runs our playbooks."""
        return ours(self.work / "ours")

    @cached_property
    def peers(self) -> Playbooks:
        """Runs modules of other collections; made only where they take part."""
        return peers(self.work / "peers", self.keep or self.work)

    @property
    def no_peers(self) -> str | None:
        """Why other collections do not take part, or None."""
        return None if self.settings.peers else NO_PEERS

    @cached_property
    def recipients(self) -> list[str]:
        """Two public keys of age; their private keys are thrown away."""
        made = [subprocess.run(["age-keygen"], capture_output=True, text=True, check=True).stdout for _key in range(2)]
        return [line.rpartition(" ")[2] for text in made for line in text.splitlines() if "public key" in line]

    @property
    def repository(self) -> Path:
        """The repository of our backups."""
        return self.work / "repository"

    def folder(self, name: str, account: str | None = None) -> Path:
        """An empty folder below `work`, for an OS account to write into."""
        path = self.work / name
        self.remove(path)
        path.mkdir(mode=0o755)
        if account is not None and os.geteuid() == 0:
            entry = pwd.getpwnam(account)
            os.chown(path, entry.pw_uid, entry.pw_gid)
        return path

    @staticmethod
    def remove(*paths: Path) -> None:
        """Remove files and folders that may be absent."""
        for path in paths:
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)

    def need(self, gigabytes: float, what: str) -> None:
        """BenchError unless there is room for that much at scale 1 (and a little at any)."""
        need_space(self.work, (gigabytes * self.settings.scale + 1) * 1e9, what)

    def variables(self, instance: Mapping[str, Any], **more: Any) -> dict[str, Any]:
        """The inventory variables of one instance."""
        return {
            "backupdb_repository": str(self.repository),
            "backupdb_instances": [{"name": INSTANCE, **instance}],
            # nobody is there to be asked
            "backupdb_confirm": False,
            **more,
        }

    def backup(self, instance: Mapping[str, Any], label: str, module: str = "dump", **more: Any) -> Outcome:
        """A whole run of our backup playbook, from an empty repository."""
        run = self.ours.run("vya.backupdb.backup", self.variables(instance, **more))
        return Outcome(size=size_of(self.repository), memory=run.memory, parts=phases(run, module, label))

    def forget_backups(self) -> None:
        """Empty the repository."""
        self.remove(self.repository)

    def playbook(self, name: str, variables: Mapping[str, Any], label: str, module: str) -> Outcome:
        """A whole run of one of our playbooks that restores."""
        run = self.ours.run(f"vya.backupdb.{name}", variables)
        return Outcome(memory=run.memory, parts=phases(run, module, label))


def phases(run: Run, module: str, label: str) -> dict[str, float]:
    """Seconds of the phases of one module, as rows: "<label>: <phase> phase"."""
    found: dict[str, float] = {}
    for result in run.of(module):
        for phase, seconds in (result.get("phases") or {}).items():
            row = f"{label}: {phase} phase"
            found[row] = found.get(row, 0.0) + float(seconds)
    return found


def as_account(account: str, argv: Sequence[str | os.PathLike[str]]) -> list[str | os.PathLike[str]]:
    """A command as another OS account when we are root, so that a server's local socket lets it in."""
    if os.geteuid() != 0:
        return list(argv)
    entry = pwd.getpwnam(account)
    return ["setpriv", "--reuid", str(entry.pw_uid), "--regid", str(entry.pw_gid), "--init-groups", "--", *argv]
