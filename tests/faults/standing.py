# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Servers with two databases that are backed up and then changed: which of the two contents a name has, all of it."""

from __future__ import annotations

import abc
from typing import Any

from tests.support.mariadb import MariaDBServer
from tests.support.postgresql import PostgresServer

ROWS = 300
_WHOLE = (ROWS, ROWS * (ROWS + 1) // 2, 2)
#: of a set's rows, and of those that stand in its way
_WORDS = {"recorded": "new", "standing": "old"}


class Standing(abc.ABC):
    """The databases shop and crm on a server.

    server: the server; tests of faults may kill it
    """

    names = ("shop", "crm")

    def __init__(self, server: Any) -> None:
        self.server = server
        for name in self.names:
            self.create(name, "recorded")

    def reset(self) -> None:
        """Both stand there with other content than the set's, and nothing else does."""
        there = self.databases()
        for name in there:
            if name not in self.names or self.state(name) != "old":
                self.drop(name)
        for name in self.names:
            if name not in self.databases():
                self.create(name, "standing")

    def state(self, name: str) -> str:
        """old, new, or what is wrong with it."""
        if name not in self.databases():
            return "absent"
        rows = self.look(name)
        if len(rows) != 1 or tuple(int(value) for value in rows[0][1:]) != _WHOLE:
            return f"neither old nor new: {rows}"
        return _WORDS[rows[0][0]]

    @abc.abstractmethod
    def create(self, name: str, word: str) -> None:
        """Make a database whose rows say a word."""

    @abc.abstractmethod
    def drop(self, name: str) -> None:
        """Remove a database."""

    @abc.abstractmethod
    def databases(self) -> list[str]:
        """Names of all databases but the server's own."""

    @abc.abstractmethod
    def look(self, name: str) -> list[tuple[Any, ...]]:
        """The words of its rows, with number and sum of rows, and number of indexes."""


class Postgres(Standing):
    """On PostgreSQL."""

    def create(self, name: str, word: str) -> None:
        self.server.sql(f"CREATE DATABASE {name}")
        self.server.sql(
            f"CREATE TABLE item AS SELECT g AS id, '{word}'::text AS word FROM generate_series(1, {ROWS}) g;"
            "ALTER TABLE item ADD PRIMARY KEY (id); CREATE INDEX ON item (word, id)",
            database=name,
            options="-c synchronous_commit=on",
        )

    def drop(self, name: str) -> None:
        self.server.sql(f'ALTER DATABASE "{name}" WITH IS_TEMPLATE false')
        self.server.sql(f'DROP DATABASE "{name}" WITH (FORCE)')

    def databases(self) -> list[str]:
        query = "SELECT datname FROM pg_database WHERE oid >= 16384 AND datname <> 'postgres' ORDER BY 1"
        return [name for (name,) in self.server.sql(query)]

    def look(self, name: str) -> list[tuple[Any, ...]]:
        if self.server.value("SELECT to_regclass('item') IS NULL", database=name):
            return []
        indexes = "(SELECT count(*) FROM pg_index WHERE indrelid = 'item'::regclass AND indisvalid)"
        found = self.server.sql(f"SELECT word, count(*), sum(id), {indexes} FROM item GROUP BY 1", database=name)
        return list(found)


class MariaDB(Standing):
    """On MariaDB."""

    def create(self, name: str, word: str) -> None:
        self.server.sql(f"CREATE DATABASE {name}")
        self.server.sql(
            "CREATE TABLE item (id int PRIMARY KEY, word varchar(20), KEY (word, id));"
            f"INSERT INTO item SELECT seq, '{word}' FROM seq_1_to_{ROWS}",
            database=name,
        )

    def drop(self, name: str) -> None:
        self.server.sql(f"DROP DATABASE `{name}`")

    def databases(self) -> list[str]:
        own = {"information_schema", "mysql", "performance_schema", "sys"}
        return sorted(name for (name,) in self.server.sql("SHOW DATABASES") if name not in own)

    def look(self, name: str) -> list[tuple[Any, ...]]:
        tables = f"SELECT count(*) FROM information_schema.tables WHERE table_schema = '{name}' AND table_name = 'item'"
        if not self.server.value(tables):
            return []
        indexes = (
            "(SELECT count(DISTINCT index_name) FROM information_schema.statistics WHERE table_schema = DATABASE())"
        )
        found = self.server.sql(f"SELECT word, count(*), sum(id), {indexes} FROM item GROUP BY 1", database=name)
        return list(found)


def standing_on(server: PostgresServer | MariaDBServer) -> Standing:
    """On a server of one of both kinds."""
    return Postgres(server) if isinstance(server, PostgresServer) else MariaDB(server)
