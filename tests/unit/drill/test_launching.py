# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Programs that outlive the module that started them, and never their time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._launching import launch
from ansible_collections.vya.backupdb.plugins.module_utils._process import Command
from ansible_collections.vya.backupdb.plugins.module_utils._scratch import processes

from tests.support.paths import BUILD

PATIENCE = 60.0
STARTER = """
import json, sys
from ansible_collections.vya.backupdb.plugins.module_utils._process import Command
from ansible_collections.vya.backupdb.plugins.module_utils._launching import launch
log, environment = json.loads(sys.argv[1])
launch(Command(["sleep", "600"], env=environment), log, 600)
"""


@pytest.fixture
def token(tmp_path: Path) -> str:
    return os.urandom(8).hex()


def until_running(number: int, token: str, data: str) -> list[int]:
    deadline = time.monotonic() + PATIENCE
    while len(found := processes.running(token, data)) != number:
        assert time.monotonic() < deadline, f"{len(found)} processes, not {number}"
        time.sleep(0.02)
    return found


def test_it_ends_when_its_time_is_over(tmp_path: Path, token: str) -> None:
    log = tmp_path / "log"
    launched = launch(Command(["sh", "-c", "echo begun; sleep 600"], env={processes.MARK: token}), str(log), 1)
    deadline = time.monotonic() + PATIENCE
    while launched.poll() is None:
        assert time.monotonic() < deadline, "it goes on"
        time.sleep(0.02)
    assert launched.poll() == 124
    assert log.read_text() == "begun\n"
    until_running(0, token, str(tmp_path))


def test_it_outlives_who_started_it_and_is_found_by_its_token(tmp_path: Path, token: str) -> None:
    arguments = json.dumps([str(tmp_path / "log"), {processes.MARK: token}])
    environment = {**os.environ, "PYTHONPATH": str(BUILD)}
    subprocess.run([sys.executable, "-c", STARTER, arguments], env=environment, check=True)
    # what watches over it, and itself
    until_running(2, token, str(tmp_path))
    processes.end(token, str(tmp_path), 15)
    assert processes.running(token, str(tmp_path)) == []


def test_what_cannot_be_started_says_so(tmp_path: Path, token: str) -> None:
    log = tmp_path / "log"
    launched = launch(Command(["/absent/program"], env={processes.MARK: token}), str(log), 60)
    deadline = time.monotonic() + PATIENCE
    while launched.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert launched.poll() != 0
    assert "/absent/program" in log.read_text()
