# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Real servers for the integration tests. `tests/support` says what a server offers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.support.mariadb import MariaDBServer
from tests.support.postgresql import PostgresServer


@pytest.fixture(scope="session")
def pg_server() -> Iterator[PostgresServer]:
    """One PostgreSQL server for all tests: for those that leave it as they found it, or use a database of their own."""
    with PostgresServer() as server:
        yield server


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[MariaDBServer]:
    """One MariaDB server for all tests: for those that leave it as they found it, or use a database of their own."""
    with MariaDBServer() as server:
        yield server


@pytest.fixture
def fresh_pg() -> Iterator[Callable[..., PostgresServer]]:
    """Call it for a new, empty PostgreSQL server (arguments of PostgresServer); gone after the test."""
    with ExitStack() as stack:

        def make(**options: Any) -> PostgresServer:
            return stack.enter_context(PostgresServer(**options))

        yield make


@pytest.fixture
def fresh_mariadb() -> Iterator[Callable[..., MariaDBServer]]:
    """Call it for a new, empty MariaDB server (arguments of MariaDBServer); gone after the test."""
    with ExitStack() as stack:

        def make(**options: Any) -> MariaDBServer:
            return stack.enter_context(MariaDBServer(**options))

        yield make
