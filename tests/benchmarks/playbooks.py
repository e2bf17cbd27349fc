# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whole runs of ansible-playbook: ours and those of other collections."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import venv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks.settings import BenchError
from tests.support.paths import VENV_BIN, ansible_environment

CALLBACK = Path(__file__).with_name("callback")
#: what the other collections need
PEER_PACKAGES = ("ansible", "psycopg[binary]>=3.1", "psycopg2-binary", "pymysql>=1.1")
_SAMPLE_SECONDS = 0.1


@dataclass(frozen=True)
class Run:
    """A finished run.

    results: what each task returned, in order: action, task, result
    memory: peak resident bytes of the biggest process that ran a module
    """

    results: Sequence[Mapping[str, Any]]
    memory: int

    def of(self, module: str) -> list[Mapping[str, Any]]:
        """The results of one module, by the last part of its name; without the summaries of loops."""
        return [
            line["result"]
            for line in self.results
            if line["action"].rsplit(".", 1)[-1] == module and "results" not in line["result"]
        ]


class Playbooks:
    """Runs playbooks on this machine.

    folder: where inventories, temporary files and results go
    program: ansible-playbook
    python: interpreter of the modules
    environment: of ansible-playbook
    """

    def __init__(self, folder: Path, program: Path, python: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self.program = program
        self.python = python
        folder.mkdir(exist_ok=True)
        configuration = folder / "ansible.cfg"
        configuration.touch()
        self._number = 0
        self._remote = folder / "remote"
        self.environment = {
            **environment,
            # an empty one, so that none of the user's is found
            "ANSIBLE_CONFIG": str(configuration),
            "ANSIBLE_HOME": str(folder / "home"),
            "ANSIBLE_LOCAL_TEMP": str(folder / "local"),
            "ANSIBLE_REMOTE_TEMP": str(self._remote),
            "ANSIBLE_CALLBACK_PLUGINS": str(CALLBACK),
            "ANSIBLE_RETRY_FILES_ENABLED": "False",
        }

    def warm_up(self) -> None:
        """A first run, so that Python's own caches are written before anything is measured."""
        self.play("ansible.builtin.ping", {})

    def play(self, module: str, arguments: Mapping[str, Any], **keywords: Any) -> Run:
        """A play with one task; keywords are those of the task, such as `loop`."""
        task = {"name": "Work", module: dict(arguments), **keywords}
        play = {"name": "Benchmark", "hosts": "all", "gather_facts": False, "tasks": [task]}
        self._number += 1
        path = self.folder / f"play-{self._number}.json"
        path.write_text(json.dumps([play]))
        return self.run(str(path))

    def run(self, playbook: str, variables: Mapping[str, Any] | None = None, *arguments: str) -> Run:
        """A playbook by path or full name, for one host called `bench` with these variables."""
        self._number += 1
        base = self.folder / f"run-{self._number}"
        inventory, results, log = (base.with_suffix(f".{ending}") for ending in ("yml", "results", "log"))
        host = {
            "ansible_connection": "local",
            "ansible_python_interpreter": str(self.python),
            **(variables or {}),
        }
        # JSON is YAML
        inventory.write_text(json.dumps({"backupdb": {"hosts": {"bench": host}}}))
        inventory.chmod(0o600)
        results.touch()
        with log.open("wb") as output:
            process = subprocess.Popen(
                [self.program, "-i", inventory, playbook, *arguments],
                env={**self.environment, "BENCH_RESULTS": str(results)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self.folder,
            )
            with Memory(str(self._remote)) as memory:
                code = process.wait()
        if code != 0:
            text = log.read_text(errors="replace")
            raise BenchError(f"ansible-playbook {playbook} ended with code {code}:\n{text[-4000:]}")
        lines = [json.loads(line) for line in results.read_text().splitlines()]
        return Run(lines, memory.peak)


class Memory:
    """Peak resident memory of the processes whose command line names a folder: the modules of one run.

    The kernel keeps each process's highest value (VmHWM in /proc/<pid>/status), so that looking ten times a second
    loses only what is reached in a process's last tenth of a second.
    """

    def __init__(self, folder: str) -> None:
        self._wanted = os.fsencode(folder)
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        # what runs already is not started by this run
        self._others = set(os.listdir("/proc"))
        self.peak = 0

    def _watch(self) -> None:
        while not self._done.wait(_SAMPLE_SECONDS):
            self._sample()

    def _sample(self) -> None:
        for pid in os.listdir("/proc"):
            if not pid.isdecimal() or pid in self._others:
                continue
            try:
                command = Path("/proc", pid, "cmdline").read_bytes()
                if self._wanted not in command:
                    continue
                status = Path("/proc", pid, "status").read_text()
            except (FileNotFoundError, ProcessLookupError):
                continue
            for line in status.splitlines():
                if line.startswith("VmHWM:"):
                    self.peak = max(self.peak, int(line.split()[1]) * 1024)

    def __enter__(self) -> Memory:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._done.set()
        self._thread.join()


def ours(folder: Path) -> Playbooks:
    """Runs playbooks with this checkout's collection."""
    return Playbooks(folder, VENV_BIN / "ansible-playbook", Path(sys.executable), ansible_environment())


def peers(folder: Path, keep: Path) -> Playbooks:
    """Runs playbooks with the collections that come with the package `ansible`, from a virtual environment in `keep`."""
    environment = keep / "peers"
    stamp = environment / ".complete"
    if not stamp.exists():
        venv.create(environment, clear=True, with_pip=True)
        pip = [environment / "bin" / "python", "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        done = subprocess.run([*pip, *PEER_PACKAGES], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise BenchError(
                f"The peers' collections could not be installed (PEERS=0 leaves them out):\n{done.stderr[-3000:]}"
            )
        stamp.touch()
    variables = {name: value for name, value in ansible_environment().items() if name != "ANSIBLE_COLLECTIONS_PATH"}
    variables.pop("PYTHONPATH")
    variables["PATH"] = f"{environment / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    return Playbooks(folder, environment / "bin" / "ansible-playbook", environment / "bin" / "python", variables)
