# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What happens to a module that is told to stop."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.paths import BUILD

PROGRAM = """
import os, sys, threading
from concurrent.futures import ThreadPoolExecutor
from ansible_collections.vya.backupdb.plugins.module_utils._errors import BackupError
from ansible_collections.vya.backupdb.plugins.module_utils._modules._entry import stopped_by_signals
from ansible_collections.vya.backupdb.plugins.module_utils._process import Command, run

def work(number):
    run(Command(["sleep", "1000"]))

try:
    with stopped_by_signals():
        try:
            with ThreadPoolExecutor(2) as pool:
                futures = [pool.submit(work, number) for number in range(6)]
                print("ready", flush=True)
                for future in futures:
                    future.result()
        finally:
            print("cleaned", flush=True)
except BackupError as error:
    print(type(error).__name__, error.message, flush=True)
"""

#: A thread that the signal has kept the run from waiting for, and that starts a program after everything was cleaned up.
LATE = """
import threading, time
from ansible_collections.vya.backupdb.plugins.module_utils._errors import BackupError
from ansible_collections.vya.backupdb.plugins.module_utils._modules._entry import stopped_by_signals
from ansible_collections.vya.backupdb.plugins.module_utils._process import Command, run

cleaned = threading.Event()

def work():
    cleaned.wait()
    try:
        run(Command(["sleep", "1000"]))
    except BackupError as error:
        print(type(error).__name__, flush=True)

try:
    with stopped_by_signals():
        threading.Thread(target=work).start()
        print("ready", flush=True)
        time.sleep(1000)
except BackupError as error:
    cleaned.set()
"""

#: Cleaning that fails.
UNCLEAN = """
import time
from ansible_collections.vya.backupdb.plugins.module_utils._errors import BackupError, RepositoryError
from ansible_collections.vya.backupdb.plugins.module_utils._modules._entry import stopped_by_signals

try:
    with stopped_by_signals():
        try:
            print("ready", flush=True)
            time.sleep(1000)
        except BackupError:
            raise RepositoryError("the disk is broken")
except BackupError as error:
    print(type(error).__name__, error.message, flush=True)
"""


@contextmanager
def running(program: str) -> Iterator[subprocess.Popen[str]]:
    """A program that has said that it is ready."""
    environment = {**os.environ, "PYTHONPATH": str(BUILD)}
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


def ended(process: subprocess.Popen[str]) -> str:
    """What else a program prints until it has ended by itself, well."""
    output = process.communicate(timeout=60)[0]
    assert process.returncode == 0
    return output


def children(pid: int) -> list[str]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
                if int(fields[1]) == pid:
                    found.append((entry / "cmdline").read_bytes().decode())
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                continue
    return found


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_f10_a_signal_ends_programs_of_every_thread_and_runs_the_cleaning(number: signal.Signals) -> None:
    with running(PROGRAM) as process:
        while len(children(process.pid)) < 2:
            assert process.poll() is None
        process.send_signal(number)
        process.send_signal(signal.SIGTERM)  # a second one must not disturb the cleaning
        rest = ended(process)
    assert rest.splitlines()[0] == "cleaned"
    # the system may deliver the second one first
    names = {number.name, signal.SIGTERM.name}
    assert any(rest.splitlines()[1].startswith(f"Interrupted The run was stopped by {name};") for name in names)


def test_f10_a_thread_that_nobody_waits_for_starts_no_program_after_the_cleaning() -> None:
    with running(LATE) as process:
        process.send_signal(signal.SIGINT)
        assert ended(process) == "Interrupted\n"


def test_f16_what_fails_while_a_stopped_run_is_cleaned_up_is_said_with_what_stopped_it() -> None:
    with running(UNCLEAN) as process:
        process.send_signal(signal.SIGTERM)
        said = ended(process)
    assert said == "Interrupted The run was stopped by SIGTERM. While it ended: the disk is broken\n"
