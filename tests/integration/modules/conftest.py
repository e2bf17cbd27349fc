# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tests of the modules share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.modules.harness import Workplace
from tests.integration.modules.samples import Sample, mariadb_sample, postgresql_sample
from tests.support.mariadb import MariaDBServer
from tests.support.postgresql import PostgresServer


@pytest.fixture
def work(reachable_tmp: Path) -> Workplace:
    """A place to run modules in."""
    return Workplace(reachable_tmp)


@pytest.fixture(scope="session")
def pg_sample() -> Iterator[Sample]:
    """A PostgreSQL server with something in it; tests leave it as it is."""
    with PostgresServer() as server:
        yield postgresql_sample(server)


@pytest.fixture(scope="session")
def mariadb_sample_server() -> Iterator[Sample]:
    """A MariaDB server with something in it; tests leave it as it is."""
    with MariaDBServer() as server:
        yield mariadb_sample(server)


@pytest.fixture(params=["postgresql", "mysql"])
def sample(request: pytest.FixtureRequest) -> Sample:
    """Each of the two in turn."""
    found: Sample = request.getfixturevalue("pg_sample" if request.param == "postgresql" else "mariadb_sample_server")
    return found


@pytest.fixture
def empty(sample: Sample) -> Iterator[PostgresServer | MariaDBServer]:
    """A new, empty server of the same kind."""
    kind = PostgresServer if isinstance(sample.server, PostgresServer) else MariaDBServer
    with kind() as server:
        yield server
