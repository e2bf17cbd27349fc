# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Servers that the tests of the engine share: starting one costs a second, filling it another."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.postgresql.rig import Backup, back_up, fill, restore
from tests.integration.postgresql.standing import Standing
from tests.support.postgresql import PostgresServer


@pytest.fixture(scope="session")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for repositories that live as long as the tests."""
    return tmp_path_factory.mktemp("postgresql")


@pytest.fixture(scope="session")
def filled() -> Iterator[PostgresServer]:
    """A server with the database shop; tests leave it as it is."""
    with PostgresServer(lost=True) as server:
        fill(server)
        yield server


@pytest.fixture(scope="session")
def backup(filled: PostgresServer, work: Path) -> Backup:
    """A set of it, contents proven."""
    return back_up(filled, work / "filled")


@pytest.fixture(scope="session")
def rebuilt(backup: Backup) -> Iterator[PostgresServer]:
    """Another server, empty at first, on which the set was restored; tests leave it as it is."""
    with PostgresServer() as server:
        restore(server, backup.reader, backup.databases)
        yield server


@pytest.fixture(scope="session")
def site(work: Path) -> Iterator[Standing]:
    """A server with databases in the way of those of a set."""
    with PostgresServer(settings={"wal_level": "logical", "max_prepared_transactions": 5}) as server:
        yield Standing(server, work / "standing")


@pytest.fixture
def standing(site: Standing) -> Standing:
    """The same, as it was at first."""
    site.reset()
    return site
