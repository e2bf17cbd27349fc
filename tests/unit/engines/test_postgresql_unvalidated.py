# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The order of NOT NULL constraints that are NOT VALID."""

from __future__ import annotations

from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.toc import Entry
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.unvalidated import children_first


def constraint(number: int, table: int, words: str = "NOT NULL a NOT VALID") -> Entry:
    return Entry(
        number,
        "CONSTRAINT",
        "public",
        f"t c{number}",
        f"ALTER TABLE t ADD CONSTRAINT c{number} {words};\n",
        "",
        (table,),
    )


def test_p36_partitions_and_heirs_come_before_their_parents_and_remarks_last() -> None:
    entries = [
        Entry(1, "TABLE", "public", "root"),
        Entry(2, "TABLE", "public", "middle"),
        Entry(3, "TABLE", "public", "leaf"),
        Entry(4, "TABLE", "public", "heir", depends_on=(3,)),
        Entry(5, "TABLE ATTACH", "public", "middle", depends_on=(1, 2)),
        Entry(6, "TABLE ATTACH", "public", "leaf", depends_on=(3, 2)),
        Entry(10, "COMMENT", "public", "CONSTRAINT c13 ON leaf", depends_on=(13,)),
        constraint(11, 1),
        constraint(14, 4),
        constraint(12, 2),
        constraint(13, 3),
        constraint(15, 1, "UNIQUE (a)"),
    ]
    assert children_first(entries) == [14, 13, 12, 11, 10]


def test_nothing_has_an_order_of_its_own_without_such_constraints() -> None:
    assert children_first([Entry(1, "TABLE", "public", "t"), constraint(2, 1, "UNIQUE (a)")]) == []
