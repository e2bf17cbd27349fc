# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Parts of databases: what is chosen comes complete, what cannot come is named, and nothing else is touched."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engines import part_rows
from ansible_collections.vya.backupdb.plugins.module_utils._errors import BackupError, UsageError
from ansible_collections.vya.backupdb.plugins.module_utils._proof.model import ProofObject

from tests.integration.mysql.conftest import Journey, databases_of, engine, script
from tests.support.mariadb import MariaDBServer

ENGINE = "ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql"
SHOP = r"""
CREATE DATABASE shop CHARACTER SET utf8mb4;
USE shop;
/*M! CREATE SEQUENCE numbers START WITH 5 */;
/*M! CREATE SEQUENCE unused */;
CREATE TABLE customer (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(50) UNIQUE);
CREATE TABLE `or der` (id INT AUTO_INCREMENT PRIMARY KEY, customer INT, self INT,
  n INT DEFAULT /*M! nextval(shop.numbers) */ /*!80000 9 */, price DECIMAL(9, 2),
  twice INT AS (n * 2) STORED, KEY by_price (price), CONSTRAINT to_customer FOREIGN KEY (customer) REFERENCES customer (id),
  CONSTRAINT to_self FOREIGN KEY (self) REFERENCES `or der` (id), CONSTRAINT small CHECK (price < 100000)) COMMENT 'it''s one';
CREATE TABLE log (what VARCHAR(100)) ENGINE=MyISAM;
CREATE TABLE kept (a INT) /*M! WITH SYSTEM VERSIONING */;
INSERT INTO customer (name) VALUES ('a'), ('b'), ('c');
INSERT INTO `or der` (customer, price) VALUES (1, 1.5), (2, 2.5), (3, NULL);
UPDATE `or der` SET self = 1 WHERE id > 1;
ALTER TABLE customer AUTO_INCREMENT = 100;
INSERT INTO log VALUES ('one'), ('two');
INSERT INTO kept VALUES (1), (2);
UPDATE kept SET a = a + 1;
DELIMITER //
CREATE FUNCTION seven() RETURNS INT DETERMINISTIC RETURN 7//
CREATE TRIGGER `before ON update` BEFORE UPDATE ON shop.`or der` FOR EACH ROW SET NEW.price = 1//
SET sql_mode = 'ANSI_QUOTES'//
CREATE /* ON customer */ TRIGGER second AFTER /* x */ DELETE ON "or der" FOR EACH ROW INSERT INTO log VALUES ('ON customer')//
CREATE TRIGGER of_customer BEFORE UPDATE ON customer FOR EACH ROW SET NEW.name = 'x'//
CREATE EVENT ticks ON SCHEDULE EVERY 1 HOUR STARTS '2030-01-01' DO SELECT 1//
DELIMITER ;
CREATE VIEW names AS SELECT name FROM customer;
"""


@pytest.fixture
def shop(source: MariaDBServer, journey: Journey) -> MariaDBServer:
    """A server with the database shop, of which there is a set."""
    script(source, SHOP)
    journey.dump(source, "shop")
    return source


def needed(server: MariaDBServer) -> list[str]:
    """What a table comes with."""
    return ["sequence numbers"] if server.flavour == "mariadb" else []


def objects(server: MariaDBServer, database: str) -> dict[tuple[str, str], ProofObject]:
    with engine(server) as opened:
        found = opened.prove([database], "content", 1, False).databases[database]
    return {item.key: item for item in found if item.kind != "database"}


def changed(there: Mapping[Any, ProofObject], recorded: Mapping[Any, ProofObject]) -> set[tuple[str, str]]:
    """What is not as recorded, but for grants."""
    return {
        key
        for key, item in there.items()
        if key not in recorded or dataclasses.replace(recorded[key], grants=()) != dataclasses.replace(item, grants=())
    }


def test_a_table_comes_with_its_triggers_and_sequences_and_no_more(
    shop: MariaDBServer, target: MariaDBServer, journey: Journey
) -> None:
    result = journey.restore(target, tables=["or*"], target="part", roles="none")
    (included,) = result["included"]
    assert (included["tables"], included["needed"]) == (["or der"], needed(shop))
    assert included["left_out"] == [
        "the foreign key to_customer of or der, since customer is not chosen",
        "views, which belong to no table: names",
        "routines, which belong to no table: function seven",
        "events, which belong to no table: ticks",
    ]
    assert all(any(text in warning for warning in result["warnings"]) for text in included["left_out"])
    assert result["databases"][0]["counted"] == 1
    there, recorded = objects(target, "part"), objects(shop, "shop")
    assert changed(there, recorded) == set()
    assert {key for key in recorded if "or der" in key[1] and key not in there} == {
        ("foreign key", "or der.to_customer")
    }
    assert sorted(name for kind, name in there if kind == "trigger") == ["before ON update", "second"]
    assert {kind for kind, _name in there} & {"view", "function", "event"} == set()
    target.sql("INSERT INTO part.`or der` (customer, price) VALUES (1000, 5)")
    assert target.value("SELECT n FROM part.`or der` WHERE customer = 1000") > 7


def test_foreign_keys_stay_where_both_tables_come(shop: MariaDBServer, target: MariaDBServer, journey: Journey) -> None:
    (included,) = journey.restore(target, tables=["or der", "customer", "kept"], roles="none")["included"]
    assert not any("foreign key" in text for text in included["left_out"])
    there, recorded = objects(target, "shop"), objects(shop, "shop")
    assert changed(there, recorded) == set()
    assert ("foreign key", "or der.to_customer") in there
    assert ("trigger", "of_customer") in there


def test_grants_on_what_is_not_restored_stay_out(shop: MariaDBServer, target: MariaDBServer, journey: Journey) -> None:
    for server in (shop, target):
        server.sql("CREATE USER clerk@localhost")
    try:
        shop.sql("GRANT SELECT ON shop.customer TO clerk@localhost")
        shop.sql("GRANT SELECT (name) ON shop.names TO clerk@localhost")
        shop.sql("GRANT EXECUTE ON FUNCTION shop.seven TO clerk@localhost")
        journey.dump(shop, "shop")
        journey.restore(target, tables=["customer"])
        grants = [text for (text,) in target.sql("SHOW GRANTS FOR clerk@localhost")]
        assert [text for text in grants if "shop" in text] == [
            "GRANT SELECT ON `shop`.`customer` TO `clerk`@`localhost`"
        ]
    finally:
        for server in (shop, target):
            server.sql("DROP USER clerk@localhost")


def test_patterns_that_match_nothing_are_named_with_what_there_is(
    shop: MariaDBServer, target: MariaDBServer, journey: Journey
) -> None:
    with pytest.raises(BackupError) as failure:
        journey.restore(target, tables=["or der", "names"])
    assert "'names' matches no table of the database 'shop'" in str(failure.value)
    assert "'customer', 'kept', 'log', 'or der'" in str(failure.value)
    with pytest.raises(UsageError, match="choose with tables"):
        journey.restore(target, schemas=["shop"])
    result = journey.restore(target, tables=["or der"], check=True)
    assert result["included"][0]["needed"] == needed(shop)
    assert databases_of(target) == []


def test_schema_brings_no_rows_and_then_data_brings_them(
    shop: MariaDBServer, target: MariaDBServer, journey: Journey
) -> None:
    with pytest.raises(BackupError, match="shop does not exist"):
        journey.restore(target, content="data", tables=["customer"])
    result = journey.restore(target, content="schema", roles="none")
    assert "counted" not in result["databases"][0]
    for table in ("customer", "`or der`", "log", "kept /*M! FOR SYSTEM_TIME ALL */"):
        assert target.value(f"SELECT COUNT(*) FROM shop.{table}") == 0
    if target.flavour == "mariadb":
        assert target.value("SELECT next_not_cached_value FROM shop.numbers") == 5
    there, recorded = objects(target, "shop"), objects(shop, "shop")
    assert set(there) == set(recorded)
    assert {key for key, item in there.items() if recorded[key].digest != item.digest} == set()
    with pytest.raises(BackupError, match=r"know no transactions.*log \(MyISAM\)"):
        journey.restore(target, content="data")
    result = journey.restore(target, content="data", tables=["customer", "or*", "kept"])
    assert result["databases"][0]["counted"] == 3
    there = objects(target, "shop")
    assert changed(there, recorded) == {("table", "log")}
    target.sql("INSERT INTO shop.customer (name) VALUES ('next')")
    assert target.value("SELECT MAX(id) FROM shop.customer") == 100


def test_data_fills_only_what_is_empty_and_fires_nothing(
    shop: MariaDBServer, target: MariaDBServer, journey: Journey
) -> None:
    journey.restore(target, content="schema", roles="none")
    target.sql("INSERT INTO shop.customer VALUES (1, 'mine')")
    target.sql("CREATE TRIGGER shop.fires BEFORE INSERT ON shop.`or der` FOR EACH ROW SET NEW.price = 0")
    target.sql("DROP TABLE shop.kept")
    with pytest.raises(BackupError) as failure:
        journey.restore(target, content="data", tables=["customer", "or der", "kept"])
    text = str(failure.value)
    assert "not empty: customer" in text
    assert "fires of or der" in text
    assert "do not exist in shop: kept" in text
    assert target.sql("SELECT * FROM shop.customer") == [(1, "mine")]


def test_data_leaves_tables_empty_when_it_fails(
    shop: MariaDBServer, target: MariaDBServer, journey: Journey, monkeypatch: pytest.MonkeyPatch
) -> None:
    journey.restore(target, content="schema", roles="none")

    def counts() -> list[int]:
        return [target.value(f"SELECT COUNT(*) FROM shop.{table}") for table in ("customer", "`or der`")]

    with pytest.raises(BackupError, match="to_customer of or der"):
        journey.restore(target, content="data", tables=["or der"])
    assert counts() == [0, 0]
    real = part_rows.recorded_rows
    with monkeypatch.context() as patched:
        patched.setattr(f"{ENGINE}.rows_only.recorded_rows", lambda *given: {**real(*given), "or der": 4})
        with pytest.raises(BackupError, match="has not the rows"):
            journey.restore(target, content="data", tables=["or der", "customer"])
    assert counts() == [0, 0]
    target.sql("ALTER TABLE shop.`or der` DROP COLUMN price, DROP CONSTRAINT small")
    with pytest.raises(BackupError, match="price"):
        journey.restore(target, content="data", tables=["or der", "customer"])
    assert counts() == [0, 0]


def test_rows_are_counted_before_the_database_gets_its_name(
    shop: MariaDBServer, target: MariaDBServer, journey: Journey, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = part_rows.recorded_rows
    monkeypatch.setattr(f"{ENGINE}.restore.recorded_rows", lambda *given: {**real(*given), "customer": 4})
    with pytest.raises(BackupError, match="has not the rows") as failure:
        journey.restore(target, tables=["customer"])
    assert "customer: 4 recorded, 3 loaded" in str(failure.value)
    assert databases_of(target) == []


def test_data_goes_into_a_database_of_another_name(
    shop: MariaDBServer, target: MariaDBServer, journey: Journey
) -> None:
    draw = "SELECT 9 /*M! - 9 + nextval({}.numbers) */"
    shop.sql(draw.format("shop"))
    journey.dump(shop, "shop")
    journey.restore(target, content="schema", target="part", roles="none", tables=["or der", "customer"])
    journey.restore(target, content="data", target="part", tables=["or der", "customer"])
    assert target.value(draw.format("part")) > 8
    assert databases_of(target) == ["part"]
