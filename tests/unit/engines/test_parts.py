# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What of an archive a part of a database comes to, from entries alone; and archives whose contents are damaged."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.parts import Selection, select
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.toc import Entry, read_entries
from ansible_collections.vya.backupdb.plugins.module_utils._engines.part import Part
from ansible_collections.vya.backupdb.plugins.module_utils._engines.part_rows import compare_rows
from ansible_collections.vya.backupdb.plugins.module_utils._errors import BackupError, DamagedSet

#: Two tables of which one name begins with the other, in two schemas; a view; a partitioned table.
ENTRIES = (
    Entry(1, "SCHEMA", "", "s"),
    Entry(2, "TYPE", "s", "kind", depends_on=(1,)),
    Entry(3, "FUNCTION", "public", "f()"),
    Entry(10, "TABLE", "s", "a", depends_on=(1, 2)),
    Entry(11, "TABLE", "s", "a b", depends_on=(1,)),
    Entry(12, "TABLE", "public", "a"),
    Entry(13, "VIEW", "public", "v", depends_on=(11, 3)),
    Entry(14, "TABLE", "public", "whole"),
    Entry(15, "TABLE", "public", "one", depends_on=(14,)),
    Entry(16, "TABLE", "public", "two", depends_on=(14,)),
    Entry(20, "SEQUENCE", "s", "a_id_seq", depends_on=(1, 10)),
    Entry(21, "SEQUENCE OWNED BY", "s", "a_id_seq", depends_on=(20,)),
    Entry(22, "TABLE ATTACH", "public", "one", depends_on=(15, 14)),
    Entry(23, "TABLE ATTACH", "public", "two", depends_on=(16, 14)),
    Entry(24, "DEFAULT", "s", "a id", depends_on=(10, 20)),
    Entry(30, "TABLE DATA", "s", "a", depends_on=(10,)),
    Entry(31, "TABLE DATA", "s", "a b", depends_on=(11,)),
    Entry(32, "TABLE DATA", "public", "a", depends_on=(12,)),
    Entry(33, "TABLE DATA", "public", "one", depends_on=(15,)),
    Entry(34, "TABLE DATA", "public", "two", depends_on=(16,)),
    Entry(35, "SEQUENCE SET", "s", "a_id_seq", depends_on=(20,)),
    Entry(40, "CONSTRAINT", "s", "a a_pkey", depends_on=(10,)),
    Entry(41, "CONSTRAINT", "public", "whole whole_pkey", depends_on=(14,)),
    Entry(42, "CONSTRAINT", "public", "one one_pkey", depends_on=(15, 41)),
    Entry(43, "CONSTRAINT", "public", "two two_pkey", depends_on=(16, 41)),
    Entry(44, "INDEX ATTACH", "public", "one_pkey", depends_on=(42, 41, 15, 14)),
    Entry(45, "INDEX ATTACH", "public", "two_pkey", depends_on=(43, 41, 16, 14)),
    Entry(50, "FK CONSTRAINT", "s", "a b to_a", depends_on=(40, 10, 11)),
    Entry(51, "POLICY", "public", "a mine", depends_on=(12, 11)),
    Entry(52, "COMMENT", "s", 'CONSTRAINT "to_a" ON "a b"', depends_on=(50,)),
    Entry(53, "ACL", "public", "FUNCTION f()", depends_on=(3,)),
    Entry(54, "PUBLICATION TABLE", "s", "all a", depends_on=(10, 90)),
    Entry(60, "BLOBS", "", "BLOBS"),
    Entry(90, "PUBLICATION", "", "all"),
)
A = {1, 2, 10, 20, 21, 24, 30, 35, 40}
A_B = {1, 11, 31}
FRAME = {14, 15, 22, 33, 41, 42, 44}


def chosen(**wanted: object) -> Selection:
    return select("d", ENTRIES, Part(**wanted))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("tables", "numbers"),
    [
        (["s.a"], A),
        (["a b"], A_B),
        (["s.*"], A | A_B | {50, 52}),
        (["public.a"], {12, 32, 51} | A_B),
        (["a"], A | {12, 32, 51} | A_B | {50, 52}),
        (["v"], A_B | {3, 13, 53}),
        (["one"], FRAME),
        (["who?e"], FRAME | {16, 23, 34, 43, 45}),
        (["tw[o]", "one"], FRAME | {16, 23, 34, 43, 45}),
    ],
)
def test_tables_come_with_what_belongs_to_them_and_what_they_need(tables: Sequence[str], numbers: set[int]) -> None:
    assert chosen(tables=tables).numbers == numbers


def test_what_was_not_asked_for_is_named() -> None:
    found = chosen(tables=["a b"]).included
    assert (found.tables, found.needed) == (["s.a b"], ["schema s"])
    assert found.left_out[0] == "the foreign key s.a b to_a, since s.a is not chosen"
    found = chosen(tables=["public.a"]).included
    assert (found.tables, found.needed) == (["public.a"], ["schema s", "table s.a b"])
    assert (
        "the publication table s.all a, which concerns the whole database" in chosen(tables=["s.a"]).included.left_out
    )


def test_schemas_and_tables_add_up() -> None:
    assert chosen(schemas=["s"]).numbers == A | A_B | {50, 52}
    assert chosen(schemas=["s"], tables=["v"]).numbers == A | A_B | {50, 52} | {3, 13, 53}


def test_content_decides_on_rows() -> None:
    assert chosen(content="schema").numbers == {entry.number for entry in ENTRIES} - {30, 31, 32, 33, 34, 35, 60}
    assert chosen(content="data").numbers == {30, 31, 32, 33, 34, 35}
    assert chosen(tables=["a b"], content="schema").numbers == A_B - {31}
    # what a table needs is there already, or nobody asked for its rows
    assert chosen(tables=["public.a", "whole", "s.a"], content="data").numbers == {30, 32, 33, 34, 35}


def test_patterns_that_match_nothing_are_problems() -> None:
    found = chosen(tables=["s.v", "a"], schemas=["S"])
    assert found.entries == ()
    assert len(found.problems) == 2
    assert "'s.a b'" in found.problems[1]
    assert chosen(tables=["*"], schemas=["*"]).problems == ()


def test_rows_are_compared_with_the_proof() -> None:
    assert compare_rows("d", {"a": 1, "b": 2}, {"b": 2}) == 1
    with pytest.raises(BackupError) as failure:
        compare_rows("d", {"a": 1}, {"a": 2, "b": 0})
    assert list(failure.value.details) == ["a: 1 recorded, 2 loaded", "b: nothing recorded, 0 loaded"]


@pytest.mark.parametrize("size", [60, 20])
def test_damaged_contents_are_said_to_be_so(tmp_path: Path, size: int) -> None:
    head = b"PGDMP" + bytes([1, 14, 0, 4, 8, 3]) + b"\x00" + (1).to_bytes(4, "little")
    (tmp_path / "toc.dat").write_bytes((head + b"\x00\x01\x00\x00\x00" * 7)[:size])
    with pytest.raises(DamagedSet, match=r"is damaged|ends too early"):
        read_entries(str(tmp_path))
