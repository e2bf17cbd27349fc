# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the fuzzer asks of every input holds for the corpus, and for what it and people have found."""

from __future__ import annotations

import pytest

from tests.fuzz.fuzz_sql import CORPUS, FLAVOURS, MARK, check_dump, limits

#: dialect and dump
FOUND = [
    ("mysql", b"INSERT INTO t VALUES (1) \\! id\n"),
    ("mysql", b"USE shop" + b"\n" * 50 + b"DROP DATABASE shop;"),
    ("mysql", b"DROP /*" + b"x" * 50 + b"*/ DATABASE shop;"),
    ("mysql", b"DELIMITER //" + b"x" * 50 + b" y\nSELECT 1//"),
    ("mysql", b"USE mysql;\nINSERT INTO db VALUES ('%','" + b"x" * 50 + b"shop" + b"x" * 70 + b"shop','Y');"),
    ("postgresql", b"INSERT INTO t VALUES (1)\\connect shop\n;"),
    ("postgresql", b"COPY t /*" + b"x" * 50 + b"*/ FROM stdin;" + b" " * 50 + b"\n1\n\\.\n"),
    ("postgresql", b"\\! " + b"x" * 50 + b"\n"),
]
SEEDS = [
    (flavour, MARK.sub(lambda match: match.group(1), path.read_bytes()))
    for flavour in FLAVOURS
    for path in sorted(CORPUS.glob(f"{flavour}/*.sql"))
]


@pytest.mark.parametrize("small", [False, True])
@pytest.mark.parametrize("block", [1, 17, 300])
@pytest.mark.parametrize(("flavour", "dump"), [*FOUND, *SEEDS])
def test_any_cut_into_blocks_gives_the_same(flavour: str, dump: bytes, block: int, small: bool) -> None:
    with limits(small):
        check_dump(flavour, block, dump)
