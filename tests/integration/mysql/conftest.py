# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tests of MySQL and MariaDB share: a server to lose, a server to rebuild on, and the way between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._codec import read_json
from ansible_collections.vya.backupdb.plugins.module_utils._engines.mysql import MysqlEngine
from ansible_collections.vya.backupdb.plugins.module_utils._model import Connection
from ansible_collections.vya.backupdb.plugins.module_utils._progress import Reporter
from ansible_collections.vya.backupdb.plugins.module_utils._proof.compare import Comparison, compare
from ansible_collections.vya.backupdb.plugins.module_utils._proof.model import Proof
from ansible_collections.vya.backupdb.plugins.module_utils._repository import Repository
from ansible_collections.vya.backupdb.plugins.module_utils._set_reader import SetReader

from tests.integration.modules.harness import call
from tests.support.mariadb import MariaDBServer
from tests.support.mysql import mysql_server


class Journey:
    """Backs servers up into one repository and restores from it, through the modules' own run functions."""

    def __init__(self, repository: Path) -> None:
        self.repository = repository
        self.place = {"repository": str(repository), "source": "db1", "instance": "main"}

    def dump(
        self,
        server: MariaDBServer,
        *databases: str,
        proof: str = "content",
        jobs: int = 2,
        login: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> dict[str, Any]:
        """Back up some databases, or all."""
        wanted = list(databases) or ["*"]
        with server.programs():
            return call(
                "dump", **(login or server.login()), **self.place, databases=wanted, proof=proof, jobs=jobs, **options
            )

    def restore(
        self,
        server: MariaDBServer,
        *databases: str,
        login: Mapping[str, Any] | None = None,
        check: bool = False,
        **options: Any,
    ) -> dict[str, Any]:
        """Restore some databases of the newest set, or all."""
        options = {"databases": list(databases) or ["*"], "jobs": 2, **options}
        return call("restore", check=check, **(login or server.login()), **self.place, **options)

    @property
    def latest(self) -> SetReader:
        """The newest set."""
        return Repository(str(self.repository)).open("db1", "main")

    @property
    def proof(self) -> Proof:
        """The proof of the newest set."""
        reader = self.latest
        return Proof.from_json(read_json(reader.path(reader.artefact("proof"))))

    def compare(
        self, server: MariaDBServer, names: Mapping[str, str] | None = None, instance: bool = False
    ) -> Comparison:
        """Compare a server with the newest set."""
        recorded = self.proof
        names = names or {name: name for name in recorded.databases}
        with engine(server) as opened:
            found = opened.prove(list(names.values()), recorded.level, 2, instance)
        return compare(recorded, found, names, instance)

    def differences(
        self, server: MariaDBServer, names: Mapping[str, str] | None = None, instance: bool = False
    ) -> list[str]:
        """What differs, in words."""
        return [item.message for item in self.compare(server, names, instance).differences]


def engine(server: MariaDBServer, **options: Any) -> MysqlEngine:
    """The engine on a server, as its administrator over the socket."""
    given = {"unix_socket": str(server.socket), "user": server.superuser, **options}
    return MysqlEngine(Connection(**given), Reporter())


def databases_of(server: MariaDBServer) -> list[str]:
    """Every database but the server's own."""
    own = {"information_schema", "mysql", "performance_schema", "sys"}
    return sorted(name for (name,) in server.sql("SHOW DATABASES") if name not in own)


def drop_all(server: MariaDBServer) -> None:
    """Remove every database."""
    for name in databases_of(server):
        server.sql(f"SET foreign_key_checks = 0; DROP DATABASE `{name.replace('`', '``')}`")


@pytest.fixture
def journey(repository: Path) -> Journey:
    """A repository, and the way there and back."""
    return Journey(repository)


@pytest.fixture(scope="module")
def _servers() -> Iterator[tuple[MariaDBServer, MariaDBServer]]:
    with mysql_server(lost=True, settings={"event_scheduler": "OFF"}) as source, mysql_server() as target:
        yield source, target


@pytest.fixture
def source(_servers: tuple[MariaDBServer, MariaDBServer]) -> Iterator[MariaDBServer]:
    """A server to back up, without databases; its accounts stay as they are."""
    yield _servers[0]
    drop_all(_servers[0])


@pytest.fixture
def target(_servers: tuple[MariaDBServer, MariaDBServer]) -> Iterator[MariaDBServer]:
    """A server to restore on, without databases; its accounts stay as they are."""
    yield _servers[1]
    drop_all(_servers[1])


@pytest.fixture
def fresh_mysql() -> Iterator[Callable[..., MariaDBServer]]:
    """Call it for a new, empty server (arguments of MariaDBServer); gone after the test."""
    with ExitStack() as stack:

        def make(**options: Any) -> MariaDBServer:
            return stack.enter_context(mysql_server(**options))

        yield make


@pytest.fixture
def two_servers(fresh_mysql: Callable[..., MariaDBServer]) -> tuple[MariaDBServer, MariaDBServer]:
    """A server to back up and one to restore on, both new: for tests with accounts."""
    return fresh_mysql(lost=True), fresh_mysql()


def foreign_collation(server: MariaDBServer) -> str:
    """One that the other product has, and this one has not."""
    return "utf8mb4_ja_0900_as_cs_ks" if server.flavour == "mariadb" else "utf8mb4_uca1400_ai_ci"


def numbers(count: int) -> str:
    """A table of which `seq` goes from 1 to a number, as both products take it."""
    return f"JSON_TABLE(CONCAT('[0', REPEAT(',0', {count - 1}), ']'), '$[*]' COLUMNS (seq FOR ORDINALITY)) AS numbers"


def script(server: MariaDBServer, text: str, database: str | None = None) -> None:
    """Run a script with DELIMITER through the client."""
    server.client(input_text=text, database=database)


def one(values: Sequence[Any]) -> Any:
    """The only one."""
    (only,) = values
    return only
