# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The scenarios of extensions/molecule, on hosts that all of them share."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.hosts.conftest import MEASURED
from tests.support.paths import CHECKOUT, ansible_environment

#: whole hosts are installed
pytestmark = pytest.mark.timeout(2400)
SCENARIOS = ("nightly", pytest.param("rebuild", marks=pytest.mark.alone), "drill", "estate", "upgrade")
#: It has hosts of its own, and runs beside those that come before it.
LONGEST = "upgrade"
BESIDE = ("drill", "estate")
#: what a scenario measures
_MEASURED = re.compile(r'"msg": "(Rebuild of .*)"')

Molecule = Callable[..., str]


@pytest.fixture(scope="module")
def molecule() -> Iterator[Molecule]:
    """Runs molecule on hosts that were just made, and fails with what it printed."""
    programs = Path(sys.executable).parent
    environment = {
        **ansible_environment(),
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "NO_COLOR": "1",
    }

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [programs / "molecule", *arguments],
            cwd=CHECKOUT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    # what a run that was killed has left
    run("destroy")
    try:
        run("create")
        yield run
    finally:
        run("destroy")


@pytest.fixture(scope="module")
def started(molecule: Molecule) -> Iterator[Callable[[str], Future[str]]]:
    """Starts a scenario, once; what it gives is what converging has printed."""
    futures: dict[str, Future[str]] = {}

    def play(scenario: str) -> str:
        try:
            output = molecule("converge", "--scenario-name", scenario)
            molecule("verify", "--scenario-name", scenario)
        finally:
            molecule("cleanup", "--scenario-name", scenario)
        return output

    with ThreadPoolExecutor() as pool:

        def start(scenario: str) -> Future[str]:
            if scenario not in futures:
                futures[scenario] = pool.submit(play, scenario)
            return futures[scenario]

        yield start


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_scenario(
    started: Callable[[str], Future[str]],
    scenario: str,
    request: pytest.FixtureRequest,
    record_property: Callable[[str, str], None],
) -> None:
    wanted = [item.name for item in request.session.items]
    if scenario in BESIDE and f"test_scenario[{LONGEST}]" in wanted:
        started(LONGEST)
    output = started(scenario).result()
    for line in _MEASURED.findall(output):
        record_property(MEASURED, line)
