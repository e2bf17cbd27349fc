# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The corpus of hostile dumps: each file says in marks and comments what must come of it.

``⟦shop⟧`` is where the database's name stands, ``⟦old|new⟧`` where renaming spells more than the name. Comments say the rest:
``-- expect: line N: reason`` a reference that is listed, ``-- refused: …`` how the refusal begins, ``-- unfinished: what in
line N`` what the file's end cuts off. Files that are no text in UTF-8 with plain line ends are called ``.sql.bin``.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._sql.tokens import SqlError

from tests.unit.sql.support import rename

CORPUS = Path(__file__).with_name("corpus")
FILES = sorted(CORPUS.glob("*/*.sql*"))
NEW = b"shop_2"
MARK = re.compile("⟦([^⟧|]*)(?:\\|([^⟧]*))?⟧".encode())


def said(text: bytes, word: str) -> list[str]:
    """What the file's comments say."""
    found = re.findall(rb"^-- " + word.encode() + rb": ([^\r\n]*)", text, re.MULTILINE)
    return [line.decode() for line in found]


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
@pytest.mark.parametrize("block", [1, 3, 1 << 18])
def test_p29_p34_m16_m20_m22_corpus(path: Path, block: int) -> None:
    marked = path.read_bytes()
    dump = MARK.sub(lambda match: match.group(1), marked)
    expected = MARK.sub(lambda match: match.group(2) or NEW, marked)
    refused = said(marked, "refused")
    if refused:
        with pytest.raises(SqlError) as caught:
            rename(path.parent.name, dump, {"shop": NEW.decode()}, block=block)
        assert caught.value.message.startswith(refused[0])
        assert caught.value.remedy
        return
    renamed = rename(path.parent.name, dump, {"shop": NEW.decode()}, block=block)
    for got, wanted in zip(renamed.output.split(b"\n"), expected.split(b"\n"), strict=True):
        assert got == wanted
    assert [re.sub(r" \('shop'\).*", "", line) for line in renamed.references] == said(marked, "expect")
    assert [f"{x.what} in line {x.line}" for x in [renamed.unfinished] if x] == said(marked, "unfinished")


def test_the_corpus_is_there() -> None:
    assert {path.parent.name for path in FILES} == {"mysql", "postgresql"}
    assert len(FILES) > 30
