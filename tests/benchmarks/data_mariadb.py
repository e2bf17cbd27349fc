# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fills MariaDB: one database of eight tables, 0.7 GB as a plain dump."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable

from tests.benchmarks.settings import BenchError, Settings
from tests.benchmarks.tables import TABLES, chunks
from tests.benchmarks.text import Prose
from tests.support.mariadb import MariaDBServer

DATABASE = "shop"
FACTOR = 0.92


def fill(server: MariaDBServer, settings: Settings, prose: Prose) -> None:
    """Make the database: eight tables, their indexes, a view, a procedure, a trigger, an account with grants."""
    server.sql(f"CREATE DATABASE {DATABASE} CHARACTER SET utf8mb4")
    accounts = settings.rows(round(1_000_000 * FACTOR))
    for table in TABLES:
        server.sql(f"CREATE TABLE {table.name} ({table.mariadb}) ENGINE=InnoDB", database=DATABASE)
        rows = settings.rows(round(table.rows * FACTOR))
        load_rows(server, table.name, chunks(table, rows, accounts, prose))
        for name, columns in table.indexes.items():
            server.sql(f"CREATE INDEX {name} ON {table.name} ({columns})", database=DATABASE)
    server.sql(
        """
        CREATE VIEW open_orders AS SELECT o.*, a.name FROM orders o JOIN accounts a ON a.id = o.account_id
            WHERE o.status IN ('new', 'paid');
        CREATE PROCEDURE forget(IN who bigint) DELETE FROM sessions WHERE account_id = who;
        CREATE TRIGGER orders_touch BEFORE INSERT ON orders FOR EACH ROW SET NEW.ordered = coalesce(NEW.ordered, now());
        """,
        database=DATABASE,
    )
    server.sql("CREATE USER shop_reader@'%' IDENTIFIED BY 'only-a-benchmark'")
    server.sql(f"GRANT SELECT ON {DATABASE}.* TO shop_reader@'%'")
    for table in TABLES:
        server.sql(f"ANALYZE TABLE {table.name}", database=DATABASE)


def load_rows(server: MariaDBServer, table: str, pieces: Iterable[bytes]) -> None:
    """Load text into a table."""
    statement = f"LOAD DATA LOCAL INFILE '/dev/stdin' INTO TABLE {table} CHARACTER SET utf8mb4"
    client = subprocess.Popen(
        [server.client_program, *server.client_options(), "--local-infile=1", "-e", statement, DATABASE],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert client.stdin is not None
    assert client.stderr is not None
    with client:
        for piece in pieces:
            client.stdin.write(piece)
        client.stdin.close()
        messages = client.stderr.read().decode(errors="replace")
    if client.returncode != 0:
        raise BenchError(f"Loading {table} failed: {messages}")
