# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rows of a shop: eight tables, the same for both servers, as tab-separated text that COPY and LOAD DATA read."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.benchmarks.text import AGENTS, CITIES, FIRST_NAMES, KINDS, LAST_NAMES, STATUSES, Prose

Row = Callable[[int, random.Random, Prose, int], str]
_CHUNK_ROWS = 2000


@dataclass(frozen=True)
class Table:
    """A table.

    rows: how many there are at scale 1
    row: makes one, with its line end: number, randomness, prose, number of accounts
    postgresql, mariadb: definition of the columns, primary key included
    indexes: those besides the primary key, name -> columns
    """

    name: str
    rows: int
    row: Row
    postgresql: str
    mariadb: str
    indexes: dict[str, str]


def _moment(source: random.Random) -> str:
    value = int(source.random() * 315_360_000)
    days, second = divmod(value, 86_400)
    year, day = divmod(days, 365)
    return (
        f"{2016 + year}-{1 + day // 31 % 12:02d}-{1 + day % 28:02d} "
        f"{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}"
    )


def _account(number: int, source: random.Random, prose: Prose, _accounts: int) -> str:
    first, last = source.choice(FIRST_NAMES), source.choice(LAST_NAMES)
    return (
        f"{number}\t{first.lower()}.{last.lower()}.{number}@example.org\t{first} {last}\t{source.choice(CITIES)}\t"
        f"{source.randrange(100_000_000) / 100 - 1000:.2f}\tEUR\t{_moment(source)}\t{prose.cut(source, 60)}\n"
    )


def _order(number: int, source: random.Random, _prose: Prose, accounts: int) -> str:
    return (
        f"{number}\t{1 + source.randrange(accounts)}\t{_moment(source)}\t{source.choice(STATUSES)}\t"
        f"{source.randrange(1_000_000) / 100:.2f}\t{source.getrandbits(64):016x}\n"
    )


def _line(number: int, source: random.Random, _prose: Prose, accounts: int) -> str:
    return (
        f"{number}\t{1 + number // 2}\t{1 + source.randrange(50_000)}\t{1 + source.randrange(9)}\t"
        f"{source.randrange(50_000) / 100:.2f}\n"
    )


def _event(number: int, source: random.Random, prose: Prose, accounts: int) -> str:
    token = source.getrandbits(96)
    return (
        f"{number}\t{1 + source.randrange(accounts)}\t{_moment(source)}\t"
        f'{{"kind": "{source.choice(KINDS)}", "ip": "10.{token & 255}.{token >> 8 & 255}.{token >> 16 & 255}", '
        f'"request": "{token:024x}", "agent": "{source.choice(AGENTS)}", "milliseconds": {token >> 24 & 4095}, '
        f'"query": "{prose.cut(source, 50)}", "flags": [{number & 7}, {token >> 40 & 31}], '
        f'"ok": {"true" if token & 15 else "false"}}}\n'
    )


def _document(number: int, source: random.Random, prose: Prose, _accounts: int) -> str:
    return (
        f"{number}\t{prose.cut(source, 40)}\t{source.choice(FIRST_NAMES)} {source.choice(LAST_NAMES)}\t"
        f"{_moment(source)}\t{prose.cut(source, 400 + source.randrange(2600))}\n"
    )


def _session(number: int, source: random.Random, _prose: Prose, accounts: int) -> str:
    return (
        f"{source.getrandbits(128):032x}\t{1 + source.randrange(accounts)}\t{_moment(source)}\t"
        f"{source.getrandbits(256):064x}\t{number % 3}\n"
    )


def _product(number: int, source: random.Random, prose: Prose, _accounts: int) -> str:
    return f"{number}\t{source.getrandbits(48):012x}\t{prose.cut(source, 30)}\t{prose.cut(source, 300)}\n"


def _audit(number: int, source: random.Random, prose: Prose, accounts: int) -> str:
    return (
        f"{number}\t{_moment(source)}\tapp_{number % 7}\t"
        f'{{"table": "{source.choice(("accounts", "orders", "products"))}", "id": {source.randrange(accounts)}, '
        f'"before": "{prose.cut(source, 25)}", "after": "{prose.cut(source, 25)}"}}\n'
    )


_ID = "id bigint PRIMARY KEY"
TABLES = (
    Table(
        "events",
        600_000,
        _event,
        f"{_ID}, account_id bigint NOT NULL, happened timestamp NOT NULL, payload jsonb NOT NULL",
        f"{_ID}, account_id bigint NOT NULL, happened datetime NOT NULL, payload json NOT NULL",
        {"events_account": "account_id", "events_happened": "happened"},
    ),
    Table(
        "accounts",
        1_000_000,
        _account,
        f"{_ID}, email text NOT NULL, name text NOT NULL, city text, balance numeric(12,2), currency char(3), "
        "created timestamp, note text",
        f"{_ID}, email varchar(120) NOT NULL, name varchar(80) NOT NULL, city varchar(40), balance decimal(12,2), "
        "currency char(3), created datetime, note varchar(200)",
        {"accounts_email": "email", "accounts_place": "city, name"},
    ),
    Table(
        "documents",
        90_000,
        _document,
        f"{_ID}, title text NOT NULL, author text, written timestamp, body text",
        f"{_ID}, title varchar(100) NOT NULL, author varchar(80), written datetime, body mediumtext",
        {"documents_title": "title"},
    ),
    Table(
        "orders",
        1_000_000,
        _order,
        f"{_ID}, account_id bigint NOT NULL, ordered timestamp, status varchar(12), total numeric(10,2), reference text",
        f"{_ID}, account_id bigint NOT NULL, ordered datetime, status varchar(12), total decimal(10,2), "
        "reference varchar(20)",
        {"orders_account": "account_id"},
    ),
    Table(
        "order_lines",
        2_000_000,
        _line,
        f"{_ID}, order_id bigint NOT NULL, product_id int NOT NULL, quantity int, price numeric(8,2)",
        f"{_ID}, order_id bigint NOT NULL, product_id int NOT NULL, quantity int, price decimal(8,2)",
        {"order_lines_order": "order_id"},
    ),
    Table(
        "sessions",
        400_000,
        _session,
        "id uuid PRIMARY KEY, account_id bigint, seen timestamp, token text, state smallint",
        "id char(32) PRIMARY KEY, account_id bigint, seen datetime, token varchar(64), state smallint",
        {"sessions_account": "account_id"},
    ),
    Table(
        "audit",
        300_000,
        _audit,
        f"{_ID}, at timestamp, who text, change jsonb",
        f"{_ID}, at datetime, who varchar(20), `change` json",
        {"audit_at": "at"},
    ),
    Table(
        "products",
        50_000,
        _product,
        f"{_ID}, sku text, name text, description text",
        f"{_ID}, sku varchar(20), name varchar(60), description text",
        {"products_sku": "sku"},
    ),
)


def chunks(table: Table, rows: int, accounts: int, prose: Prose) -> Iterator[bytes]:
    """The rows of a table as UTF-8 text, some at a time; the same every time."""
    source = random.Random(table.name)
    row = table.row
    for begin in range(1, rows + 1, _CHUNK_ROWS):
        end = min(begin + _CHUNK_ROWS, rows + 1)
        yield "".join([row(number, source, prose, accounts) for number in range(begin, end)]).encode()
