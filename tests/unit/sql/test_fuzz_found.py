# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the fuzzer asks of every input holds for the corpus, and for what it and people have found."""

from __future__ import annotations

import pytest

from tests.fuzz.fuzz_sql import CORPUS, FLAVOURS, MARK, check, check_dump, limits

#: dialect and dump
FOUND = [
    ("mysql", b"INSERT INTO t VALUES (1) \\! id\n"),
    ("mysql", b"USE shop" + b"\n" * 50 + b"DROP DATABASE shop;"),
    ("mysql", b"DROP /*" + b"x" * 50 + b"*/ DATABASE shop;"),
    ("mysql", b"DELIMITER //" + b"x" * 50 + b" y\nSELECT 1//"),
    ("postgresql", b"INSERT INTO t VALUES (1)\\connect shop\n;"),
    ("postgresql", b"COPY t /*" + b"x" * 50 + b"*/ FROM stdin;" + b" " * 50 + b"\n1\n\\.\n"),
    ("postgresql", b"\\! " + b"x" * 50 + b"\n"),
]
#: inputs of the fuzzer, made smaller
INPUTS = [
    # a DELIMITER in pieces
    b'\x12-- r\nDELIMITER //kupdbd"."`sv3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0'
    + bytes(15)
    + b"ense-Identifier: GPrg/licenses/gpl-3",
    # a name that one piece of a row begins and the next one ends
    b"\x10-- C\nUSE mysql;\n',,'p;\nINSERT ('%'b`ALUES (7%','Y');\n"
    + b"\x04" * 9
    + b"GNU General/PubliFROM c License v3.0+ (see COPYING or sptht://www.gnu.org/l@icens"
    + bytes(16)
    + b"Y shop",
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


@pytest.mark.parametrize("data", INPUTS)
def test_what_the_fuzzer_has_found(data: bytes) -> None:
    check(data)
