# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a table is made for loading: which keys wait, and that their order comes back."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.preflight import key_problems
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.structure import (
    DEFER_FROM,
    Structure,
    loosely_referenced,
    plan_structure,
    references,
)
from ansible_collections.vya.backupdb.plugins.module_utils._model import Artefact
from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_create_table import parse_create_table


def planned(
    elements: list[str],
    size: int = DEFER_FROM,
    counter: Optional[int] = None,
    versioned: bool = False,
    tail: str = " ENGINE=InnoDB",
    pointed: Optional[set[tuple[str, tuple[str, ...]]]] = None,
) -> Structure:
    text = "CREATE TABLE `t` (\n  " + ",\n  ".join(elements) + f"\n){tail}"
    return plan_structure(parse_create_table(text), size, counter, versioned, pointed or set())


COLUMNS = ["`a` int(11) NOT NULL", "`b` int(11)", "`c` int(11)"]
PRIMARY = "PRIMARY KEY (`a`)"


def test_keys_and_foreign_keys_of_large_tables_wait() -> None:
    keys = ["UNIQUE KEY `u` (`b`)", "KEY `k` (`c`)"]
    foreign = "CONSTRAINT `f` FOREIGN KEY (`c`) REFERENCES `p` (`x`)"
    found = planned([*COLUMNS, PRIMARY, *keys, foreign])
    assert found.keys == tuple(keys)
    assert found.constraints == (foreign,)
    assert "KEY `k`" not in found.create
    assert "KEY `k`" in found.recorded
    small = planned([*COLUMNS, PRIMARY, *keys, foreign], size=DEFER_FROM - 1)
    assert (small.keys, small.constraints, small.create) == ((), (), small.recorded)


def test_fulltext_and_spatial_keys_and_other_engines_do_not_wait() -> None:
    assert planned([*COLUMNS, PRIMARY, "FULLTEXT KEY `f` (`b`)", "SPATIAL KEY `s` (`b`)"]).keys == ()
    assert planned([*COLUMNS, PRIMARY, "KEY `k` (`c`)"], tail=" ENGINE=MyISAM").keys == ()
    assert planned([*COLUMNS, PRIMARY, "KEY `k` (`c`)"], versioned=True).keys == ()


def test_unique_keys_stay_where_there_is_no_primary_key() -> None:
    assert planned([*COLUMNS, "UNIQUE KEY `u` (`a`)", "KEY `k` (`c`)"]).keys == ("KEY `k` (`c`)",)


def test_the_counter_keeps_its_key_and_those_before_it() -> None:
    counting = ["`a` int(11) NOT NULL AUTO_INCREMENT", *COLUMNS[1:]]
    assert planned([*counting, PRIMARY, "KEY `k` (`b`)"], counter=7).keys == ("KEY `k` (`b`)",)
    later = planned([*counting, "PRIMARY KEY (`b`)", "KEY `x` (`c`)", "KEY `k` (`a`)", "KEY `y` (`c`)"], counter=7)
    assert later.keys == ("KEY `y` (`c`)",)
    assert later.create.endswith("\n) AUTO_INCREMENT=7 ENGINE=InnoDB")


def test_keys_that_foreign_keys_point_to_and_computed_keys_stay() -> None:
    elements = [*COLUMNS, "`v` int(11) GENERATED ALWAYS AS (`a` + 1) VIRTUAL", PRIMARY]
    assert planned([*elements, "KEY `k` (`b`,`c`)"], pointed={("t", ("b",))}).keys == ()
    assert planned([*elements, "KEY `k` (`b`,`c`)"], pointed={("other", ("b",))}).keys == ("KEY `k` (`b`,`c`)",)
    assert planned([*elements, "KEY `k` (`c`,`v`)"]).keys == ()
    assert planned([*elements, "UNIQUE KEY `k` (`c`) USING HASH"]).keys == ()


def test_options_before_partitions_take_the_counter() -> None:
    found = planned([*COLUMNS, PRIMARY], counter=9, tail=" ENGINE=InnoDB AUTO_INCREMENT=5\n PARTITION BY KEY (`a`)")
    assert ") AUTO_INCREMENT=9 ENGINE=InnoDB\n PARTITION BY" in found.create
    assert "AUTO_INCREMENT" not in found.recorded


def test_defaults_from_sequences_wait() -> None:
    column = "`a` int(11) NOT NULL DEFAULT nextval(`shop`.`s`)"
    found = planned([column, PRIMARY], size=0)
    assert found.defaults == (column,)
    assert "nextval" not in found.create
    assert "nextval" in found.recorded


def test_references_are_collected() -> None:
    child = parse_create_table(
        "CREATE TABLE `c` (\n  `x` int,\n  CONSTRAINT `f` FOREIGN KEY (`x`) REFERENCES `p` (`y`,`z`)\n) ENGINE=InnoDB"
    )
    assert references([child]) == {("p", ("y", "z"))}


PARENT = """CREATE TABLE `parent` (
  `a` int, `b` int, `c` int, PRIMARY KEY (`a`,`b`), UNIQUE KEY `u` (`c`), KEY `k` (`b`)
) ENGINE=InnoDB"""
CHILD = """CREATE TABLE `child` (
  `x` int,
  `y` int,
  CONSTRAINT `whole` FOREIGN KEY (`x`, `y`) REFERENCES `parent` (`a`, `b`),
  CONSTRAINT `unique` FOREIGN KEY (`x`) REFERENCES `parent` (`c`),
  CONSTRAINT `part` FOREIGN KEY (`x`) REFERENCES `parent` (`a`),
  CONSTRAINT `plain` FOREIGN KEY (`x`) REFERENCES `parent` (`b`),
  CONSTRAINT `abroad` FOREIGN KEY (`x`) REFERENCES `other`.`parent` (`b`)
) ENGINE=InnoDB"""


def test_m24_foreign_keys_on_anything_but_whole_unique_keys_are_found() -> None:
    assert loosely_referenced([parse_create_table(text) for text in (PARENT, CHILD)]) == [
        "child.part to parent (a)",
        "child.plain to parent (b)",
    ]


class NewServer:
    """Answers as MySQL 8.4 does; no such server is at hand here."""

    def __init__(self, value: str) -> None:
        self.value = value

    def rows(self, _query: str) -> list[tuple[str, str]]:
        return [("restrict_fk_on_non_standard_key", self.value)]


def test_m24_a_server_that_refuses_them_is_told_of_before_a_restore() -> None:
    artefact = Artefact(
        "database",
        "shop",
        "databases/shop",
        "mysql_tables",
        "zstd",
        (),
        {"loosely_referenced": ["child.part to parent (a)"]},
    )
    manifest: Any = SimpleNamespace(artefact=lambda _kind, _name: artefact)
    server: Any = NewServer("ON")
    (problem,) = key_problems(server, manifest, ["shop"])
    assert "child.part to parent (a)" in problem and "restrict_fk_on_non_standard_key" in problem
    server = NewServer("OFF")
    assert key_problems(server, manifest, ["shop"]) == []
