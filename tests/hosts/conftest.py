# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An engine for all tests, and an estate for each. Tests run side by side, but for one that measures."""

from __future__ import annotations

import contextlib
import fcntl
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hosts import engine as docker
from tests.hosts.host import Estate, estate
from tests.integration.playbooks.site import Site
from tests.support.paths import BUILD

#: name of what a test has measured, among its properties
MEASURED = "measured"
_STACK = contextlib.ExitStack()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "alone: measures, so that nothing else may run on this machine meanwhile")


def pytest_sessionstart(session: pytest.Session) -> None:
    """Start the engine before there are workers, which find it by their environment."""
    if not hasattr(session.config, "workerinput"):
        _STACK.enter_context(docker.engine())


def pytest_unconfigure() -> None:
    """End it when everything has been said; in a worker there is none."""
    _STACK.close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest begins first."""
    items.sort(key=lambda item: item.path.stem != "test_scenarios")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for report in terminalreporter.getreports("passed"):
        for name, text in report.user_properties:
            if name == MEASURED:
                terminalreporter.write_line(f"{report.nodeid}: {text}")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """One that measures waits until the others have come to the end of their tests, and they wait for it."""
    kind = fcntl.LOCK_EX if item.get_closest_marker("alone") else fcntl.LOCK_SH
    with (BUILD / "hosts.lock").open("a") as lock:
        # who waits there is the next: otherwise short tests could keep it waiting for ever
        with (BUILD / "hosts.gate").open("a") as gate:
            fcntl.flock(gate, fcntl.LOCK_EX)
            fcntl.flock(lock, kind)
        return (yield)


@pytest.fixture(scope="session")
def engine() -> docker.Engine:
    return docker.Engine()


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with tempfile.TemporaryDirectory(prefix="backupdb-hosts-") as folder:
        found = Site(Path(folder))
        # packages are downloaded and installed
        found.patience = 1200
        # each program on a host takes its time to begin
        found.environment["ANSIBLE_PIPELINING"] = "1"
        yield found


@pytest.fixture(scope="module")
def hosts(engine: docker.Engine, site: Site) -> Iterator[Estate]:
    site.repository.mkdir(mode=0o700)
    with estate(engine, site.repository) as found:
        yield found
