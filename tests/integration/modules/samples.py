# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Small servers that are worth restoring."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from tests.support.mariadb import MariaDBServer
from tests.support.postgresql import PostgresServer

#: names that break whatever does not quote
HOSTILE = (
    'it\'s "quoted"',
    "with space",
    "new\nline",
    "back\\slash",
    "semi;colon",
    "-leading",
    "--help",
    "ünïcödé ☃",
    "$(touch pwned)`x`",
    "%41*?[a]",
)


@dataclass(frozen=True)
class Sample:
    """A server and what is in it.

    databases: names of the sample's databases, the first with the tables `orders` and `items`
    account: a login over TCP that may read and back up everything
    password: its password
    """

    server: Any
    databases: tuple[str, ...]
    account: str
    password: str

    @property
    def local(self) -> dict[str, Any]:
        """Options of the connection over the socket as the administrator."""
        return self.server.login()

    @property
    def tcp(self) -> dict[str, Any]:
        """Options of the connection with the password."""
        return {
            "engine": self.local["engine"],
            "login_host": "127.0.0.1",
            "login_port": self.server.port,
            "login_user": self.account,
            "login_password": self.password,
        }


def postgresql_sample(server: PostgresServer) -> Sample:
    """Fill a PostgreSQL server."""
    password = f"pw{secrets.token_hex(12)}"
    server.sql("CREATE ROLE app LOGIN PASSWORD 'app password'")
    server.sql("CREATE ROLE reporting NOLOGIN")
    server.sql(f"CREATE ROLE keeper SUPERUSER LOGIN PASSWORD '{password}'")
    server.sql("CREATE DATABASE shop OWNER app")
    server.sql(
        "CREATE TABLE orders (id int PRIMARY KEY, note text);"
        "INSERT INTO orders SELECT n, md5(n::text) FROM generate_series(1, 500) n;"
        "UPDATE orders SET note = E'line\\nbreak\\ttab \\\\ back' WHERE id = 1; UPDATE orders SET note = NULL WHERE id = 2;"
        "CREATE TABLE items (id int PRIMARY KEY, order_id int REFERENCES orders);"
        "INSERT INTO items SELECT n, n FROM generate_series(1, 300) n;"
        "GRANT SELECT ON orders TO reporting",
        database="shop",
    )
    server.sql("CREATE DATABASE crm")
    server.sql("CREATE TABLE people (id int)", database="crm")
    return Sample(server, ("shop", "crm"), "keeper", password)


def mariadb_sample(server: MariaDBServer) -> Sample:
    """Fill a MariaDB server."""
    password = f"pw{secrets.token_hex(12)}"
    server.create_account("keeper", password)
    server.sql("CREATE USER app@'%' IDENTIFIED BY 'app password'; CREATE ROLE reporting")
    server.sql("CREATE DATABASE shop; CREATE DATABASE crm")
    server.sql(
        "CREATE TABLE orders (id int PRIMARY KEY, note text);"
        "INSERT INTO orders SELECT seq, md5(seq) FROM seq_1_to_500;"
        "UPDATE orders SET note = 'line\\nbreak\\ttab \\\\ back' WHERE id = 1; UPDATE orders SET note = NULL WHERE id = 2;"
        "CREATE TABLE items (id int PRIMARY KEY, order_id int, FOREIGN KEY (order_id) REFERENCES orders (id));"
        "INSERT INTO items SELECT seq, seq FROM seq_1_to_300;"
        "GRANT SELECT ON shop.orders TO reporting",
        database="shop",
    )
    server.sql("CREATE TABLE people (id int)", database="crm")
    return Sample(server, ("shop", "crm"), "keeper", password)
