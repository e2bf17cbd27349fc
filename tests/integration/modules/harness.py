# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Running modules: in this process, as a program of its own, or by Ansible; and looking at what they leave behind."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from ansible_collections.vya.backupdb.plugins.module_utils._modules._request import Request
from ansible_collections.vya.backupdb.plugins.module_utils._progress import Reporter

from tests.support.paths import BUILD, ansible_environment

UTILS = "ansible_collections.vya.backupdb.plugins.module_utils"
MODULES = "ansible_collections.vya.backupdb.plugins.modules"
#: how long something may take that happens in any case, in seconds
PATIENCE = 60.0


def call(module: str, *, check: bool = False, diff: bool = False, **given: Any) -> dict[str, Any]:
    """Run a module's run function in this process; returns its result with the warnings that Ansible would show."""
    found = import_module(f"{UTILS}._modules.{module}")
    unknown = set(given) - set(found.SPEC.options)
    assert not unknown, f"{module} has no option {unknown}"
    params = {name: option.get("default") for name, option in found.SPEC.options.items()}
    reporter = Reporter()
    result: dict[str, Any] = found.run(Request({**params, **given}, check, diff, reporter))
    return {**result, "warnings": reporter.warnings}


def until(condition: Callable[[], Any], what: str) -> Any:
    """Wait until something is so, and return it."""
    deadline = time.monotonic() + PATIENCE
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < deadline, f"never happened: {what}"
        time.sleep(0.02)


@contextmanager
def meanwhile(look: Callable[[], None]) -> Iterator[None]:
    """Look again and again while something else happens; what goes wrong with looking is raised in the end."""
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.05):
            look()

    with ThreadPoolExecutor(1) as pool:
        looking = pool.submit(watch)
        try:
            yield
        finally:
            done.set()
        looking.result()


class Workplace:
    """Where modules run as programs: a repository, a folder for temporary files, and programs that wait when asked to.

    Every program that a module starts inherits TMPDIR, so whatever runs on its behalf can be found.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.repository = root / "repository"
        self.tmp = root / "tmp"
        self.bin = root / "bin"
        self.waiting = root / "waiting"
        self.go = root / "go"
        for folder in (self.repository, self.tmp, self.bin, self.waiting):
            folder.mkdir(exist_ok=True)
        self.repository.chmod(0o700)
        for folder in (self.tmp, self.waiting):
            folder.chmod(0o1777)

    @property
    def place(self) -> dict[str, str]:
        """Options of the repository."""
        return {"repository": str(self.repository), "source": "db1", "instance": "main"}

    @property
    def environment(self) -> dict[str, str]:
        """Environment of programs."""
        return {
            **os.environ,
            "PYTHONPATH": str(BUILD),
            "TMPDIR": str(self.tmp),
            "PATH": f"{self.bin}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        }

    # programs that wait

    def hold(self, program: str) -> None:
        """Let a program wait in the middle of a run until `release()`; one that only tells its version does not."""
        real = shutil.which(program)
        assert real is not None, f"{program} is not installed"
        script = self.bin / program
        script.write_text(
            "#!/bin/sh\n"
            'for word in "$@"; do case $word in --version|-V) exec ' + real + ' "$@";; esac; done\n'
            f": > {self.waiting}/$$\n"
            f"while ! [ -e {self.go} ]; do sleep 0.02; done\n"
            f'exec {real} "$@"\n'
        )
        script.chmod(0o755)

    def held(self) -> int:
        """The process of the first program that waits."""
        return int(until(lambda: sorted(self.waiting.iterdir()), "a program waits")[0].name)

    def release(self) -> None:
        """Let them go on, and do not hold others."""
        self.go.touch()

    # modules as programs

    @contextmanager
    def started(self, module: str, prefix: Sequence[str] = (), **given: Any) -> Iterator[subprocess.Popen[str]]:
        """A module as a program of its own; killed at the end if it still runs."""
        arguments = json.dumps({"ANSIBLE_MODULE_ARGS": given})
        with subprocess.Popen(
            [*prefix, sys.executable, "-m", f"{MODULES}.{module}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment,
            cwd="/",
        ) as process:
            assert process.stdin is not None
            process.stdin.write(arguments)
            process.stdin.close()
            process.stdin = None
            try:
                yield process
            finally:
                if process.poll() is None:
                    process.kill()

    def run(self, module: str, prefix: Sequence[str] = (), **given: Any) -> dict[str, Any]:
        """Run a module as a program to its end and return its result."""
        with self.started(module, prefix, **given) as process:
            return result_of(process)

    # what is left behind

    def processes(self) -> list[str]:
        """Command lines of everything that runs on behalf of a module here."""
        mark = f"TMPDIR={self.tmp}".encode()
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdecimal():
                try:
                    if mark in (entry / "environ").read_bytes().split(b"\0"):
                        found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
                except (FileNotFoundError, ProcessLookupError, PermissionError):
                    continue
        return found

    def sets(self) -> list[str]:
        """Names of the sealed sets."""
        return sorted(path.name for path in self.repository.glob("*/*/*") if not path.name.startswith(".")
                      and path.suffix != ".partial")  # fmt: skip

    def partial(self) -> list[Path]:
        """Folders of sets that are being written."""
        return list(self.repository.glob("*/*/*.partial"))

    def assert_clean(self, sets: int = 0, temporary_files: bool = True) -> None:
        """No process, no temporary file, no unfinished set, and as many sealed sets as there should be."""
        until(lambda: not self.processes(), "every process has ended")
        assert self.partial() == []
        assert len(self.sets()) == sets
        if temporary_files:
            assert [str(path) for path in self.tmp.rglob("*")] == []


def result_of(process: subprocess.Popen[str]) -> dict[str, Any]:
    """The result that a module printed."""
    output, errors = process.communicate(timeout=PATIENCE * 2)
    assert output.strip(), f"no result, exit code {process.returncode}: {errors}"
    assert "Traceback" not in errors, errors
    result: dict[str, Any] = json.loads(output.strip().splitlines()[-1])
    assert "exception" not in result or "Traceback" not in str(result["exception"]), result["exception"]
    return result


def message_of(result: Mapping[str, Any], *parts: str) -> str:
    """The message of a failed module, which names the cause and the remedy; each part is a regular expression."""
    assert result.get("failed") is True, result
    message = str(result["msg"])
    for part in parts:
        assert re.search(part, message, re.IGNORECASE | re.DOTALL), f"{part!r} is not in: {message}"
    return message


class Ansible:
    """Runs playbooks on this machine with this checkout, in a folder of their own."""

    def __init__(self, folder: Path, environment: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        self.environment = {
            **ansible_environment(),
            "ANSIBLE_FORCE_COLOR": "0",
            "ANSIBLE_ASYNC_DIR": str(folder / "async"),
            "ANSIBLE_LOCAL_TEMP": str(folder / "local"),
            "ANSIBLE_REMOTE_TEMP": str(folder / "remote"),
            "ANSIBLE_LOG_PATH": str(folder / "ansible.log"),
            "PYTHONUNBUFFERED": "1",
            **(environment or {}),
        }

    def command(self, tasks: Sequence[Mapping[str, Any]], *arguments: str) -> list[str]:
        """The command line for some tasks; their results end up in `results()` under the names of the tasks."""
        written = [{"register": f"result_{number}", "ignore_errors": True, **task} for number, task in enumerate(tasks)]
        pairs = ", ".join(f"'{task['name']}': result_{number}" for number, task in enumerate(tasks))
        written.append(
            {
                "ansible.builtin.copy": {
                    "dest": str(self.folder / "results.json"),
                    "content": f"{{{{ {{{pairs}}} | to_json }}}}",
                    "mode": "0600",
                },
                "no_log": True,
                "diff": False,
            }
        )
        play = [{"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": written}]
        path = self.folder / "playbook.json"
        path.touch(mode=0o600)
        path.write_text(json.dumps(play))
        python = f"ansible_python_interpreter={sys.executable}"
        return ["ansible-playbook", "-i", "localhost,", "-e", python, *arguments, str(path)]

    def start(self, tasks: Sequence[Mapping[str, Any]], *arguments: str) -> subprocess.Popen[str]:
        """Start a playbook in a process group of its own."""
        return subprocess.Popen(
            self.command(tasks, *arguments),
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, tasks: Sequence[Mapping[str, Any]], *arguments: str) -> dict[str, dict[str, Any]]:
        """Run a playbook to its end and return the results of its tasks."""
        with self.start(tasks, *arguments) as process:
            self.output, _nothing = process.communicate(timeout=PATIENCE * 4)
        assert process.returncode in (0, 2), self.output
        return self.results()

    def results(self) -> dict[str, dict[str, Any]]:
        """Name of each task -> its result."""
        found: dict[str, dict[str, Any]] = json.loads((self.folder / "results.json").read_text())
        return found


def end_group(process: subprocess.Popen[str]) -> None:
    """End a playbook and everything in its process group."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
