# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One moment: several workers, several databases and all writes at once."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from pathlib import Path

import pymysql

from tests.integration.mysql.conftest import Journey, engine, numbers
from tests.support.mariadb import MariaDBServer


def test_all_workers_see_one_moment(source: MariaDBServer, target: MariaDBServer, journey: Journey) -> None:
    """Money moves between tables of two databases all the time: no sum is ever wrong in a backup."""
    source.sql("CREATE DATABASE bank_a; CREATE DATABASE bank_b")
    tables = [f"bank_{bank}.account_{number}" for bank in "ab" for number in range(4)]
    for table in tables:
        source.sql(
            f"CREATE TABLE {table} (id INT PRIMARY KEY, balance BIGINT NOT NULL, pad VARCHAR(300));"
            f"INSERT INTO {table} SELECT seq, 1000, REPEAT('x', 300) FROM {numbers(3000)}",
            database="bank_a",
        )
    source.sql("CREATE TABLE bank_a.book (id INT AUTO_INCREMENT PRIMARY KEY, moved INT)")
    stop = threading.Event()
    moves: list[int] = []

    def transfer() -> None:
        with source.connect(autocommit=False) as connection, connection.cursor() as cursor:
            while not stop.is_set():
                giver, taker = random.sample(tables, 2)
                amount, row = random.randint(1, 50), random.randint(1, 3000)
                cursor.execute(f"UPDATE {giver} SET balance = balance - %s WHERE id = %s", (amount, row))
                cursor.execute(f"UPDATE {taker} SET balance = balance + %s WHERE id = %s", (amount, row))
                cursor.execute("INSERT INTO bank_a.book (moved) VALUES (%s)", (amount,))
                try:
                    connection.commit()
                except pymysql.MySQLError:
                    connection.rollback()
                moves.append(amount)

    threads = [threading.Thread(target=transfer) for _number in range(2)]
    for thread in threads:
        thread.start()
    try:
        for _number in range(3):
            moves.clear()
            journey.dump(source, jobs=3)
            assert moves
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    journey.restore(target)
    assert journey.differences(target) == []
    total = sum(int(target.value(f"SELECT SUM(balance) FROM {table}")) for table in tables)
    assert total == 1000 * 3000 * len(tables)
    assert target.value("SELECT MAX(id) >= COUNT(*) FROM bank_a.book") == 1


def test_m23_tables_without_transactions_are_of_the_same_moment_and_named(
    source: MariaDBServer, target: MariaDBServer, journey: Journey
) -> None:
    source.sql("CREATE DATABASE mixed")
    engines = ("MyISAM", "MEMORY", "CSV", *(["Aria"] if source.flavour == "mariadb" else []))
    for name in engines:
        source.sql(f"CREATE TABLE mixed.{name} (id INT NOT NULL, v VARCHAR(200) NOT NULL) ENGINE={name}")
    source.sql("CREATE TABLE mixed.safe (id INT PRIMARY KEY) ENGINE=InnoDB")
    source.sql(
        "CREATE TABLE mixed.merged (id INT NOT NULL, v VARCHAR(200) NOT NULL) ENGINE=MERGE UNION=(mixed.MyISAM)",
        database="mixed",
    )
    stop = threading.Event()

    def write() -> None:
        number = 0
        with source.connect() as connection, connection.cursor() as cursor:
            while not stop.is_set():
                number += 1
                # the transactional table first: the other one can never be ahead of it in one moment
                cursor.execute("INSERT INTO mixed.safe VALUES (%s)", (number,))
                cursor.execute("INSERT INTO mixed.MyISAM VALUES (%s, REPEAT('y', 200))", (number,))

    for name in engines[1:]:
        source.sql(f"INSERT INTO mixed.{name} VALUES (1, 'a'), (2, '\\\\ \\n\\t')")
    writer = threading.Thread(target=write)
    writer.start()
    try:
        result = journey.dump(source, "mixed")
    finally:
        stop.set()
        writer.join()
    (warning,) = [text for text in result["warnings"] if "without transactions" in text]
    assert all(name in warning for name in engines)
    journey.restore(target)
    assert journey.differences(target) == []
    safe, other = (target.value(f"SELECT COUNT(*) FROM mixed.{name}") for name in ("safe", "MyISAM"))
    assert safe in (other, other + 1)
    assert target.value("SELECT COUNT(*) FROM mixed.merged") == other


def test_m13_binary_log_position_is_recorded_and_no_privilege_for_it_is_needed(
    fresh_mysql: Callable[..., MariaDBServer], journey: Journey
) -> None:
    source = fresh_mysql(lost=True, settings={"log_bin": "binlog", "server_id": "1"})
    target = fresh_mysql(settings={"log_bin": "binlog", "server_id": "2", "local_infile": "ON"})
    source.sql("CREATE DATABASE shop; CREATE TABLE shop.t (id INT PRIMARY KEY); INSERT INTO shop.t VALUES (1)")
    journey.dump(source)
    file, place = journey.latest.manifest.details["binlog"].split(":")
    assert (file, int(place)) == source.sql(f"SHOW {'MASTER' if source.flavour == 'mariadb' else 'BINARY LOG'} STATUS")[
        0
    ][:2]
    privileges = (
        "SELECT, INSERT, CREATE, DROP, ALTER, INDEX, REFERENCES, CREATE VIEW, SHOW VIEW, CREATE ROUTINE, "
        "ALTER ROUTINE, TRIGGER, EVENT, /*!80000 SESSION_VARIABLES_ADMIN, */ CREATE USER ON *.*"
    )
    target.create_account("limited", "x", grants=privileges)
    journey.restore(target, roles="none", login=target.login(user="limited", password="x"))
    assert journey.differences(target) == []


def test_settings_are_captured(fresh_mysql: Callable[..., MariaDBServer], journey: Journey) -> None:
    from ansible_collections.vya.backupdb.plugins.module_utils._codec import read_json

    server = fresh_mysql(settings={"max_connections": "77", "sql_mode": "ANSI"})
    server.sql("SET GLOBAL innodb_io_capacity = 321")
    journey.dump(server)
    reader = journey.latest
    settings = read_json(reader.path(reader.artefact("settings")))
    variables = settings["variables"]
    assert variables["max_connections"]["value"] == "77"
    assert variables["max_connections"]["origin"] == ("config" if server.flavour == "mariadb" else "explicit")
    expected = {"value": "321", "origin": "dynamic"}
    if server.flavour == "mariadb":
        expected = {"value": "321", "default": "200", "origin": "sql", "dynamic": True}
    assert variables["innodb_io_capacity"] == expected
    assert "ANSI_QUOTES" in variables["sql_mode"]["value"]
    assert "hostname" not in variables
    assert settings["time_zones_loaded"] is False
    assert reader.manifest.details["facts"]["lower_case_table_names"] == "0"


def test_instance_is_described(source: MariaDBServer) -> None:
    source.sql("CREATE DATABASE small; CREATE DATABASE big; CREATE TABLE big.t (v LONGTEXT)")
    source.sql(f"INSERT INTO big.t SELECT REPEAT('x', 1000) FROM {numbers(500)}", database="big")
    source.sql("ANALYZE TABLE big.t")
    with engine(source) as opened:
        info = opened.inspect()
    assert [item.name for item in info.databases] == ["big", "small"]
    assert info.databases[0].size > 100_000
    assert (info.flavour, info.version_number[:2], info.missing_privileges) == (source.flavour, source.version[:2], ())
    assert info.tools[source.client_program.name].endswith("-MariaDB") == (source.flavour == "mariadb")
    assert Path(info.address) == source.socket
