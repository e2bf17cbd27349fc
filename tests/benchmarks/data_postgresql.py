# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fills PostgreSQL: one database of 1.2 GB, and 200 small ones."""

from __future__ import annotations

import random
from collections.abc import Iterable

import psycopg

from tests.benchmarks.settings import Settings
from tests.benchmarks.tables import TABLES, chunks
from tests.benchmarks.text import Prose
from tests.support.postgresql import PostgresServer

DATABASE = "shop"
OWNER = "shop_owner"
READER = "shop_reader"
#: rows beside those of the tables' own numbers, so that the plain dump has 0.9 GB
FACTOR = 1.06
LARGE_OBJECTS = 100
LARGE_OBJECT_BYTES = 500_000
SMALL_DATABASES = 200
_EXTRA_INDEXES = ("CREATE INDEX audit_change ON audit USING gin (change jsonb_path_ops)",)
_FOREIGN_KEYS = (
    "ALTER TABLE orders ADD FOREIGN KEY (account_id) REFERENCES accounts",
    "ALTER TABLE sessions ADD FOREIGN KEY (account_id) REFERENCES accounts",
)


def fill_big(server: PostgresServer, settings: Settings, prose: Prose) -> None:
    """Make the big database: eight tables, indexes, foreign keys, a view, a function, a trigger, large objects."""
    server.sql(f"CREATE ROLE {OWNER} LOGIN PASSWORD 'only-a-benchmark'")
    server.sql(f"CREATE ROLE {READER} LOGIN PASSWORD 'only-a-benchmark'")
    server.sql(f"CREATE DATABASE {DATABASE} OWNER {OWNER}")
    accounts = settings.rows(round(1_000_000 * FACTOR))
    with server.connect(DATABASE) as connection:
        connection.execute("SET synchronous_commit = off; SET maintenance_work_mem = '256MB'")
        connection.execute(f"SET ROLE {OWNER}")
        for table in TABLES:
            connection.execute(f"CREATE TABLE {table.name} ({table.postgresql})")
            copy_rows(connection, table.name, chunks(table, settings.rows(round(table.rows * FACTOR)), accounts, prose))
            for name, columns in table.indexes.items():
                connection.execute(f"CREATE INDEX {name} ON {table.name} ({columns})")
        for statement in (*_EXTRA_INDEXES, *_FOREIGN_KEYS):
            connection.execute(statement)
        _add_objects(connection)
        _add_large_objects(connection, settings, prose)
        connection.execute("RESET ROLE")
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")


def copy_rows(connection: psycopg.Connection, table: str, pieces: Iterable[bytes]) -> None:
    """Load text into a table."""
    with connection.cursor() as cursor, cursor.copy(f"COPY {table} FROM STDIN") as copy:
        for piece in pieces:
            copy.write(piece)


def _add_objects(connection: psycopg.Connection) -> None:
    connection.execute(
        """
        CREATE VIEW open_orders AS SELECT o.*, a.name FROM orders o JOIN accounts a ON a.id = o.account_id
            WHERE o.status IN ('new', 'paid');
        CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS
            'BEGIN NEW.ordered := coalesce(NEW.ordered, now()); RETURN NEW; END';
        CREATE TRIGGER orders_touch BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION touch();
        COMMENT ON TABLE orders IS 'one row an order';
        """
    )
    connection.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {READER}")


def _add_large_objects(connection: psycopg.Connection, settings: Settings, prose: Prose) -> None:
    source = random.Random("large objects")
    for _number in range(settings.rows(LARGE_OBJECTS)):
        # half of it is like pictures, half like text
        data = source.randbytes(LARGE_OBJECT_BYTES // 2)
        while len(data) < LARGE_OBJECT_BYTES:
            data += prose.cut(source, 20_000).encode()
        connection.execute("SELECT lo_from_bytea(0, %s)", (data[:LARGE_OBJECT_BYTES],))


def small_names(settings: Settings) -> list[str]:
    """The names of the small databases."""
    return [f"small_{number:03d}" for number in range(settings.rows(SMALL_DATABASES))]


def fill_small(server: PostgresServer, settings: Settings, prose: Prose) -> None:
    """Make the small databases, with 200 kB of rows each; no two are equal."""
    server.sql("CREATE DATABASE template_small")
    with server.connect("template_small") as connection:
        for table in TABLES:
            connection.execute(f"CREATE TABLE {table.name} ({table.postgresql})")
            copy_rows(connection, table.name, chunks(table, max(1, round(table.rows * 0.00027)), 200, prose))
            for name, columns in table.indexes.items():
                connection.execute(f"CREATE INDEX {name} ON {table.name} ({columns})")
        _add_small_view(connection)
        connection.execute("VACUUM ANALYZE")
    for name in small_names(settings):
        server.sql(f"CREATE DATABASE {name} TEMPLATE template_small STRATEGY file_copy")
        server.sql("UPDATE products SET name = %s WHERE id = 1", name, database=name)
    server.sql("DROP DATABASE template_small")
    server.sql("CHECKPOINT")


def _add_small_view(connection: psycopg.Connection) -> None:
    connection.execute("CREATE VIEW totals AS SELECT account_id, sum(total) FROM orders GROUP BY account_id")
