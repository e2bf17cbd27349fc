# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The proof names exactly what differs: one thing is removed or changed on the rebuilt side at a time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.mysql.conftest import Journey, script
from tests.support.mariadb import MariaDBServer
from tests.support.mysql import mysql_server

ESTATE = r"""
CREATE DATABASE shop /*M! COMMENT 'all of it' */;
USE shop;
CREATE TABLE customers (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(50), email VARCHAR(90), KEY by_name (name), UNIQUE KEY (email));
CREATE TABLE orders (id INT PRIMARY KEY, customer INT, price INT DEFAULT 5, note TEXT, CONSTRAINT cheap CHECK (price < 1000),
  CONSTRAINT of_customer FOREIGN KEY (customer) REFERENCES customers (id), FULLTEXT KEY words (note));
INSERT INTO customers VALUES (1, 'a', 'a@x'), (2, 'b', 'b@x');
INSERT INTO orders VALUES (1, 1, 10, 'one'), (2, 2, 20, 'two'), (3, 1, 30, NULL);
CREATE TABLE spare (id INT PRIMARY KEY, x INT);
/*M! CREATE SEQUENCE numbers */;
CREATE VIEW cheap AS SELECT id FROM orders WHERE price < 20;
CREATE FUNCTION twice(n INT) RETURNS INT DETERMINISTIC RETURN 2 * n;
CREATE PROCEDURE clean() DELETE FROM orders WHERE 0;
CREATE TRIGGER stamp BEFORE INSERT ON orders FOR EACH ROW SET NEW.note = COALESCE(NEW.note, 'none');
CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY STARTS '2030-01-01 00:00:00' DO DELETE FROM orders WHERE 0;
CREATE ROLE reporting;
CREATE ROLE chief;
CREATE USER app@'%' IDENTIFIED BY 'x' WITH MAX_USER_CONNECTIONS 5;
CREATE USER anna@localhost IDENTIFIED BY 'y';
GRANT reporting TO anna@localhost;
GRANT chief TO anna@localhost WITH ADMIN OPTION;
SET DEFAULT ROLE reporting /*M! FOR */ /*!80000 TO */ anna@localhost;
GRANT SELECT ON shop.orders TO reporting;
GRANT UPDATE (price) ON shop.orders TO app@'%';
GRANT INSERT ON shop.* TO app@'%';
GRANT EXECUTE ON FUNCTION shop.twice TO app@'%';
GRANT PROCESS ON *.* TO app@'%';
GRANT SELECT ON `sh%`.* TO app@'%';
GRANT PROXY ON app@'%' TO anna@localhost;
"""

#: what is done to the rebuilt side -> what the comparison says, and nothing else
CHANGES = {
    "DROP DATABASE shop": ["missing database: shop"],
    "ALTER DATABASE shop COMMENT 'less'": ["comment of database: expected all of it, found less (database shop)"],
    "ALTER DATABASE shop CHARACTER SET latin2": [
        "character set of database: expected {charset}, found latin2 (database shop)",
        "collation of database: expected {collation}, found latin2_general_ci (database shop)",
    ],
    "DROP TABLE shop.spare": ["missing table: spare (database shop)"],
    "CREATE TABLE shop.more (id INT PRIMARY KEY)": ["unexpected table: more (database shop)"],
    "ALTER TABLE shop.spare ENGINE=MyISAM": [
        "the definition of table spare differs (database shop)",
        "engine of table spare: expected InnoDB, found MyISAM (database shop)",
    ],
    "ALTER TABLE shop.spare COMMENT 'x'": ["the definition of table spare differs (database shop)"],
    "ALTER TABLE shop.spare DROP COLUMN x": ["missing column: spare.x (database shop)"],
    "ALTER TABLE shop.spare ADD COLUMN y INT FIRST": ["unexpected column: spare.y (database shop)"],
    "ALTER TABLE shop.spare MODIFY x INT FIRST": [
        "column order of table spare: expected id, x, found x, id (database shop)"
    ],
    "ALTER TABLE shop.orders MODIFY price BIGINT DEFAULT 5": [
        "the definition of column orders.price differs (database shop)"
    ],
    "ALTER TABLE shop.orders ALTER price SET DEFAULT 6": [
        "the definition of column orders.price differs (database shop)"
    ],
    "ALTER TABLE shop.customers AUTO_INCREMENT = 1000": [
        "auto_increment of table customers: expected 3, found 1000 (database shop)"
    ],
    "DROP INDEX by_name ON shop.customers": ["missing index: customers.by_name (database shop)"],
    "ALTER TABLE shop.orders DROP INDEX words": ["missing index: orders.words (database shop)"],
    "ALTER TABLE shop.spare DROP PRIMARY KEY": ["missing index: spare.PRIMARY (database shop)"],
    "ALTER TABLE shop.orders DROP FOREIGN KEY of_customer": ["missing foreign key: orders.of_customer (database shop)"],
    "ALTER TABLE shop.orders DROP CONSTRAINT cheap": ["missing check: orders.cheap (database shop)"],
    "DELETE FROM shop.orders WHERE id = 3": ["rows of table orders: expected 3, found 2 (database shop)"],
    "UPDATE shop.orders SET note = 'One' WHERE id = 1": [
        "the content of table orders differs (the number of rows is the same) (database shop)"
    ],
    "UPDATE shop.orders SET note = '' WHERE id = 3": [
        "the content of table orders differs (the number of rows is the same) (database shop)"
    ],
    "SELECT NEXTVAL(shop.numbers)": ["next value of sequence numbers: expected 1, found 1001 (database shop)"],
    "ALTER SEQUENCE shop.numbers INCREMENT BY 7": ["the definition of sequence numbers differs (database shop)"],
    "DROP VIEW shop.cheap": ["missing view: cheap (database shop)"],
    "ALTER VIEW shop.cheap AS SELECT id FROM shop.orders": ["the definition of view cheap differs (database shop)"],
    "DROP FUNCTION shop.twice": [
        "missing function: twice (database shop)",
    ],
    "ALTER PROCEDURE shop.clean COMMENT 'x'": ["the definition of procedure clean differs (database shop)"],
    "DROP PROCEDURE shop.clean": ["missing procedure: clean (database shop)"],
    "DROP TRIGGER shop.stamp": ["missing trigger: stamp (database shop)"],
    "DROP EVENT shop.nightly": ["missing event: nightly (database shop)"],
    "ALTER EVENT shop.nightly DISABLE": ["status of event nightly: expected ENABLED, found DISABLED (database shop)"],
    "REVOKE SELECT ON shop.orders FROM reporting": ["missing grant: SELECT on orders to reporting (database shop)"],
    "REVOKE UPDATE (price) ON shop.orders FROM app@'%'": [
        "missing grant: UPDATE (price) on orders to 'app'@'%' (database shop)"
    ],
    "GRANT SELECT ON shop.spare TO app@'%'": ["unexpected grant: SELECT on spare to 'app'@'%' (database shop)"],
    "REVOKE INSERT ON shop.* FROM app@'%'": ["missing grant: INSERT on database shop to 'app'@'%' (database shop)"],
    "GRANT INSERT ON shop.* TO app@'%' WITH GRANT OPTION": [
        "missing grant: INSERT on database shop to 'app'@'%' (database shop)",
        "unexpected grant: INSERT on database shop to 'app'@'%' with grant option (database shop)",
    ],
    "REVOKE EXECUTE ON FUNCTION shop.twice FROM app@'%'": [
        "missing grant: EXECUTE on twice to 'app'@'%' (database shop)"
    ],
    "REVOKE PROCESS ON *.* FROM app@'%'": ["missing grant: PROCESS on *.* to 'app'@'%'"],
    "REVOKE SELECT ON `sh%`.* FROM app@'%'": ["missing database pattern: sh%"],
    "REVOKE PROXY ON app@'%' FROM anna@localhost": ["missing proxy: 'app'@'%' to 'anna'@'localhost'"],
    "REVOKE reporting FROM anna@localhost": ["missing membership: reporting to 'anna'@'localhost'"],
    "REVOKE ADMIN OPTION FOR chief FROM anna@localhost": [
        "admin option of membership chief to 'anna'@'localhost': expected yes, found no"
    ],
    "SET DEFAULT ROLE NONE /*M! FOR */ /*!80000 TO */ anna@localhost": [
        "default role of user 'anna'@'localhost': expected reporting, found none"
    ],
    "ALTER USER app@'%' IDENTIFIED BY 'z'": ["password of user 'app'@'%' differs"],
    "ALTER USER app@'%' ACCOUNT LOCK": ["locked of user 'app'@'%': expected no, found yes"],
    "ALTER USER app@'%' REQUIRE SSL": ["tls of user 'app'@'%': expected NONE, found SSL"],
    "ALTER USER app@'%' WITH MAX_USER_CONNECTIONS 6": ["max user connections of user 'app'@'%': expected 5, found 6"],
    "ALTER USER app@'%' PASSWORD EXPIRE NEVER": ["password expiry of user 'app'@'%': expected DEFAULT, found NEVER"],
    "CREATE USER new@localhost": ["unexpected user: 'new'@'localhost'"],
    "CREATE ROLE new": [
        "unexpected membership: new to 'root'@'localhost'",
        "unexpected role: new",
    ],
    "DROP USER anna@localhost": [
        "missing membership: chief to 'anna'@'localhost'",
        "missing membership: reporting to 'anna'@'localhost'",
        "missing proxy: 'app'@'%' to 'anna'@'localhost'",
        "missing user: 'anna'@'localhost'",
    ],
    "DROP ROLE chief": [
        "missing membership: chief to 'anna'@'localhost'",
        "missing membership: chief to 'root'@'localhost'",
        "missing role: chief",
    ],
}
#: What MySQL does not know, or does with something else beside it.
ONLY_MARIADB = (
    "COMMENT 'less'", "NEXTVAL", "SEQUENCE", "CREATE ROLE", "DROP ROLE", "REVOKE reporting", "ADMIN OPTION", "MyISAM",
)  # fmt: skip


class Rebuilt:
    """A rebuilt server that is put back to what it was after each change."""

    def __init__(self, server: MariaDBServer, journey: Journey) -> None:
        self.server = server
        self.journey = journey

    def repair(self) -> None:
        """Remove everything of ours and restore it again."""
        self.server.sql("DROP DATABASE IF EXISTS shop")
        is_role = "is_role" if self.server.flavour == "mariadb" else "'N'"
        for user, host, role in self.server.sql(f"SELECT user, host, {is_role} FROM mysql.user"):
            if role == "Y" and user != "PUBLIC":
                self.server.sql("DROP ROLE %s", user)
            elif user in ("app", "anna", "new", "reporting", "chief"):
                self.server.sql("DROP USER %s@%s", user, host)
        self.journey.restore(self.server, analyze=False)


@pytest.fixture(scope="module")
def rebuilt(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rebuilt]:
    folder: Path = tmp_path_factory.mktemp("repository")
    with mysql_server() as source, mysql_server() as target:
        script(source, ESTATE)
        journey = Journey(folder)
        journey.dump(source)
        journey.restore(target)
        yield Rebuilt(target, journey)


def test_nothing_differs_after_a_rebuild(rebuilt: Rebuilt) -> None:
    comparison = rebuilt.journey.compare(rebuilt.server, instance=True)
    assert [item.message for item in comparison.differences] == []
    # MySQL has no sequences, and nobody becomes a member of the roles that he makes
    assert comparison.compared > (40 if rebuilt.server.flavour == "mariadb" else 35)


@pytest.mark.parametrize("change", CHANGES)
def test_exactly_what_was_changed_is_named(rebuilt: Rebuilt, change: str) -> None:
    if rebuilt.server.flavour == "mysql" and any(words in change for words in ONLY_MARIADB):
        pytest.skip("not so on MySQL")
    rebuilt.server.sql(change)
    properties = next(item for item in rebuilt.journey.latest.manifest.databases).properties
    try:
        found = rebuilt.journey.differences(rebuilt.server, instance=True)
        # a role of MySQL has a host
        without_hosts = [re.sub(r"['`](reporting|chief)['`]@['`]%['`]", r"\1", text) for text in found]
        assert sorted(without_hosts) == sorted(text.format(**properties) for text in CHANGES[change])
    finally:
        rebuilt.repair()
    assert rebuilt.journey.differences(rebuilt.server, instance=True) == []


def test_content_digest_does_not_depend_on_the_order_of_rows(rebuilt: Rebuilt) -> None:
    rebuilt.server.sql(
        "CREATE TABLE shop.copy LIKE shop.orders; INSERT INTO shop.copy SELECT * FROM shop.orders ORDER BY id DESC"
    )
    rebuilt.server.sql(
        "DELETE FROM shop.orders; INSERT INTO shop.orders SELECT * FROM shop.copy ORDER BY note; DROP TABLE shop.copy"
    )
    try:
        # the trigger wrote the one note that was NULL
        assert rebuilt.journey.differences(rebuilt.server) == [
            "the content of table orders differs (the number of rows is the same) (database shop)"
        ]
        rebuilt.server.sql("UPDATE shop.orders SET note = NULL WHERE id = 3")
        assert rebuilt.journey.differences(rebuilt.server) == []
    finally:
        rebuilt.repair()
