# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Parts of dumps that other tools made: what is chosen comes complete, what cannot come is named, as from a set."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._errors import BackupError
from ansible_collections.vya.backupdb.plugins.module_utils._modules._request import FailedResult

from tests.integration.modules.harness import call
from tests.integration.mysql.conftest import databases_of, script
from tests.integration.mysql.test_parts import SHOP, changed, needed, objects
from tests.support.mariadb import MariaDBServer

#: As phpMyAdmin writes: keys and foreign keys come last, in a transaction.
LATE = b"""SET SQL_MODE = "NO_AUTO_VALUE_ON_ZERO";
START TRANSACTION;
SET time_zone = "+00:00";
CREATE TABLE `a` (`id` int(11) NOT NULL, `b` int(11) DEFAULT NULL) ENGINE=InnoDB;
INSERT INTO `a` (`id`, `b`) VALUES (1, 2);
CREATE TABLE `b` (`id` int(11) NOT NULL) ENGINE=InnoDB;
INSERT INTO `b` (`id`) VALUES (2);
ALTER TABLE `a` ADD PRIMARY KEY (`id`), ADD KEY `b` (`b`);
ALTER TABLE `b` ADD PRIMARY KEY (`id`);
ALTER TABLE `a` MODIFY `id` int(11) NOT NULL AUTO_INCREMENT, AUTO_INCREMENT=12;
ALTER TABLE `a` ADD CONSTRAINT `to_b` FOREIGN KEY (`b`) REFERENCES `b` (`id`);
COMMIT;
"""


@pytest.fixture
def path(source: MariaDBServer, tmp_path: Path) -> Path:
    """A dump of the database shop."""
    script(source, SHOP)
    command = [source.dump_program, *source.client_options(), "--routines", "--events", "--databases", "shop"]
    made = tmp_path / "dump"
    made.write_bytes(subprocess.run(command, check=True, capture_output=True).stdout)
    return made


@pytest.fixture
def part(target: MariaDBServer) -> Callable[..., dict[str, Any]]:
    """Loads a part of a dump."""

    def load(src: Path, check: bool = False, diff: bool = False, **options: Any) -> dict[str, Any]:
        return call("restore", check=check, diff=diff, **target.login(), src=str(src), **{"roles": "none", **options})

    return load


def test_a_table_comes_with_its_triggers_and_sequences_and_no_more(
    source: MariaDBServer, target: MariaDBServer, path: Path, part: Any
) -> None:
    result = part(path, tables=["or*"], target="part")
    (included,) = result["included"]
    assert (included["tables"], included["needed"]) == (["or der"], needed(source))
    assert included["left_out"] == [
        "the foreign key to_customer of or der, since customer is not chosen",
        "views, which belong to no table: names",
        "routines, which belong to no table: seven",
        "events, which belong to no table: ticks",
    ]
    assert all(any(text in warning for warning in result["warnings"]) for text in included["left_out"])
    there, recorded = objects(target, "part"), objects(source, "shop")
    assert changed(there, recorded) == set()
    assert {key for key in recorded if "or der" in key[1] and key not in there} == {
        ("foreign key", "or der.to_customer")
    }
    assert sorted(name for kind, name in there if kind == "trigger") == ["before ON update", "second"]
    assert {kind for kind, _name in there} & {"view", "function", "event"} == set()
    target.sql("INSERT INTO part.`or der` (customer, price) VALUES (1000, 5)")
    assert target.value("SELECT n FROM part.`or der` WHERE customer = 1000") > 7


def test_foreign_keys_stay_where_both_tables_come(
    source: MariaDBServer, target: MariaDBServer, path: Path, part: Any
) -> None:
    (included,) = part(path, tables=["or der", "customer"])["included"]
    assert not any("foreign key" in text for text in included["left_out"])
    there, recorded = objects(target, "shop"), objects(source, "shop")
    assert changed(there, recorded) == set()
    assert ("foreign key", "or der.to_customer") in there
    assert ("trigger", "of_customer") in there


def test_keys_that_come_late_are_left_out_one_by_one(target: MariaDBServer, part: Any, tmp_path: Path) -> None:
    path = tmp_path / "dump"
    path.write_bytes(LATE)
    (included,) = part(path, tables=["a"], target="part")["included"]
    assert included["left_out"] == ["the foreign key to_b of a, since b is not chosen"]
    assert target.sql("SHOW TABLES FROM part") == [("a",)]
    target.sql("INSERT INTO part.a (b) VALUES (9)")
    assert target.sql("SELECT id, b FROM part.a") == [(1, 2), (12, 9)]


def test_schema_brings_no_rows_and_then_data_brings_them(
    source: MariaDBServer, target: MariaDBServer, path: Path, part: Any
) -> None:
    part(path, content="schema")
    assert [target.value(f"SELECT COUNT(*) FROM shop.{name}") for name in ("customer", "`or der`", "log")] == [0, 0, 0]
    assert "AUTO_INCREMENT=" not in target.sql("SHOW CREATE TABLE shop.customer")[0][1]
    there, recorded = objects(target, "shop"), objects(source, "shop")
    assert set(there) == set(recorded)
    assert {key for key, item in there.items() if recorded[key].digest != item.digest} == set()
    with pytest.raises(BackupError, match=r"know no transactions.*log \(MyISAM\)"):
        part(path, content="data")
    result = part(path, content="data", tables=["customer", "or*"])
    assert result["included"][0]["tables"] == ["customer", "or der"]
    there = objects(target, "shop")
    assert {name for _kind, name in changed(there, recorded)} == {"log", "kept"}
    target.sql("INSERT INTO shop.customer (name) VALUES ('next')")
    assert target.value("SELECT MAX(id) FROM shop.customer") == 100
    with pytest.raises(BackupError, match="not empty: customer"):
        part(path, content="data", tables=["customer"])


def test_data_that_fails_leaves_the_tables_empty(target: MariaDBServer, path: Path, part: Any) -> None:
    with pytest.raises(BackupError, match="does not exist"):
        part(path, content="data", tables=["customer"])
    part(path, content="schema")

    def counts() -> list[int]:
        return [target.value(f"SELECT COUNT(*) FROM shop.{table}") for table in ("customer", "`or der`")]

    with pytest.raises(BackupError, match="to_customer of or der"):
        part(path, content="data", tables=["or der"])
    assert counts() == [0, 0]
    target.sql("ALTER TABLE shop.`or der` DROP COLUMN price, DROP CONSTRAINT small")
    for on_error in ("stop", "continue"):
        with pytest.raises(FailedResult, match="the tables are empty as before") as failure:
            part(path, content="data", tables=["or der", "customer"], on_error=on_error)
        assert failure.value.result["errors"][0]["line"] > 0
        assert failure.value.result["changed"] is False
        assert counts() == [0, 0]


def test_a_dump_does_not_end_the_one_transaction(target: MariaDBServer, part: Any, tmp_path: Path) -> None:
    target.sql("CREATE DATABASE part; CREATE TABLE part.a (id INT PRIMARY KEY)")
    path = tmp_path / "dump"
    path.write_bytes(
        b"INSERT INTO a VALUES (1);\nSET autocommit = 1;\nCOMMIT;\nCREATE TABLE b (c INT);\nINSERT INTO a VALUES (1);\n"
    )
    with pytest.raises(FailedResult, match="Duplicate entry"):
        part(path, content="data", target="part", tables=["a"])
    assert target.sql("SHOW TABLES FROM part") == [("a",)]
    assert target.sql("SELECT * FROM part.a") == []
    path.write_bytes(b"INSERT INTO a VALUES (1);\nINSERT INTO a VALUES (2);\n")
    part(path, content="data", target="part", tables=["a"])
    assert target.sql("SELECT * FROM part.a") == [(1,), (2,)]


def test_check_mode_says_what_would_come_and_patterns_are_checked(target: MariaDBServer, path: Path, part: Any) -> None:
    result = part(path, check=True, diff=True, tables=["or der"], target="part")
    after = result["diff"]["after"]
    assert "part: table or der" in after
    assert [line for line in after.splitlines() if "which that needs" in line] == [
        f"part: {item}, which that needs" for item in needed(target)
    ]
    assert "part: without the foreign key to_customer of or der" in after
    with pytest.raises(BackupError, match=r"'custmer' matches no table of the database 'shop' in the dump.*'customer'"):
        part(path, tables=["or der", "custmer"])
    assert databases_of(target) == []


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        (b"UPDATE a SET b = 1", "line 2: UPDATE"),
        (b"TRUNCATE a", "line 2: TRUNCATE"),
        (b"CREATE TABLE c (d INT REFERENCES a (b))", "c refers to a in the definition of a column"),
    ],
)
def test_what_cannot_be_taken_apart_is_refused(
    target: MariaDBServer, part: Any, tmp_path: Path, statement: bytes, message: str
) -> None:
    path = tmp_path / "dump"
    path.write_bytes(b"CREATE TABLE a (b INT PRIMARY KEY);\n" + statement + b";\n")
    with pytest.raises(BackupError) as failure:
        part(path, tables=["a" if b"CREATE" not in statement else "c"], target="part")
    assert message in str(failure.value)
    assert databases_of(target) == []


def test_the_servers_own_databases_get_no_rows(target: MariaDBServer, part: Any, tmp_path: Path) -> None:
    target.sql("CREATE DATABASE shop; CREATE TABLE shop.a (b INT)")
    path = tmp_path / "dump"
    path.write_bytes(b"USE mysql;\nINSERT INTO plugin VALUES ('x', 'y');\nUSE shop;\nINSERT INTO a VALUES (1);\n")
    result = part(path, content="data")
    assert [item["name"] for item in result["databases"]] == ["shop"]
    assert target.value("SELECT COUNT(*) FROM mysql.plugin WHERE name = 'x'") == 0
    with pytest.raises(BackupError, match="is a database of the server itself"):
        part(path, content="data", databases=["shop"], target="mysql")


def test_definers_and_grants_of_what_is_not_chosen_are_not_wanted(
    target: MariaDBServer, part: Any, tmp_path: Path
) -> None:
    path = tmp_path / "dump"
    path.write_bytes(
        b"CREATE DATABASE shop; USE shop;\nCREATE TABLE a (b INT);\nCREATE TABLE c (d INT);\n"
        b"CREATE DEFINER=gone@localhost VIEW v AS SELECT * FROM a;\n"
        b"CREATE DEFINER=gone@localhost TRIGGER t BEFORE INSERT ON c FOR EACH ROW SET @x = 1;\n"
        b"GRANT SELECT ON shop.a TO clerk@localhost;\nGRANT SELECT ON shop.c TO clerk@localhost;\n"
    )
    part(path, tables=["a"])
    with pytest.raises(BackupError, match="the definer gone@localhost"):
        part(path, tables=["c"], target="other")
    target.sql("CREATE USER clerk@localhost")
    try:
        part(path, tables=["a"], target="third", roles="all")
        grants = [text for (text,) in target.sql("SHOW GRANTS FOR clerk@localhost")]
        assert [text for text in grants if "third" in text] == ["GRANT SELECT ON `third`.`a` TO `clerk`@`localhost`"]
    finally:
        target.sql("DROP USER clerk@localhost")
