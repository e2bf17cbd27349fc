# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Renaming changes the database's name where it is one, and nothing else, for dumps of all kinds."""

from __future__ import annotations

import re

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._sql import lexer, splitter
from ansible_collections.vya.backupdb.plugins.module_utils._sql.tokens import SqlError, Statement
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.unit.sql.support import FLAVOURS, cuts, items, rename, render, soups
from tests.unit.sql.templates import mysql_templates, names, postgres_templates

TEMPLATES = {"mysql": mysql_templates, "postgresql": postgres_templates}
PATCHED = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None)


@pytest.fixture
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits so low that small dumps hold tokens and statements that are too big."""
    monkeypatch.setattr(lexer, "LIMIT", 24)
    monkeypatch.setattr(lexer, "BLANK_LIMIT", 40)
    monkeypatch.setattr(lexer, "_FIRST_WINDOW", 32)
    monkeypatch.setattr(lexer, "_LAST_WINDOW", 64)
    monkeypatch.setattr(splitter, "LIMIT", 24)
    monkeypatch.setattr(splitter, "PART", 64)


def outcome(flavour: str, dump: bytes, at: list[int], block: int) -> object:
    """The renamed dump with its references, or the refusal."""
    try:
        return rename(flavour, dump, {"shop": "new-shop"}, at, block)
    except SqlError as error:
        return str(error)


@pytest.mark.parametrize("flavour", FLAVOURS)
@PATCHED
@given(values=st.data())
def test_m22_p34_a_dump_is_renamed_exactly_where_the_database_is_meant(flavour: str, values: st.DataObject) -> None:
    old, new = values.draw(names()), values.draw(names())
    assume(old != new and "\n" not in old + new)
    template = values.draw(TEMPLATES[flavour](old))
    before, after = render(template, old), render(template, new)
    at = values.draw(cuts())
    block = values.draw(st.sampled_from((1, 7, 64, 1 << 18)))
    renamed = rename(flavour, before, {old: new}, at, block)
    assert renamed.output == after
    assert renamed.unfinished is None


@pytest.mark.parametrize("flavour", FLAVOURS)
@PATCHED
@given(values=st.data())
def test_m22_there_and_back_gives_the_same_bytes(flavour: str, values: st.DataObject) -> None:
    old, new = values.draw(names()), values.draw(names())
    template = values.draw(TEMPLATES[flavour](old))
    dump = render(template, old)
    # a name that stands in the dump already would be renamed on the way back
    assume(old != new and new.encode() not in dump)
    there = rename(flavour, dump, {old: new})
    back = rename(flavour, there.output, {new: old})
    assert back.output == dump
    assert back.changed == there.changed


@pytest.mark.parametrize("flavour", FLAVOURS)
@PATCHED
@given(dump=soups(), at=cuts(), block=st.sampled_from((1, 2, 3, 17)))
def test_every_split_into_chunks_gives_the_same_result(flavour: str, dump: bytes, at: list[int], block: int) -> None:
    assert outcome(flavour, dump, at, block) == outcome(flavour, dump, [], 1 << 18)


@pytest.mark.parametrize("flavour", FLAVOURS)
@PATCHED
@given(dump=soups(), at=cuts(), block=st.sampled_from((1, 2, 3, 17)))
def test_every_split_gives_the_same_result_for_oversized_tokens(
    flavour: str, dump: bytes, at: list[int], block: int, small_limits: None
) -> None:
    assert outcome(flavour, dump, at, block) == outcome(flavour, dump, [], 1 << 18)


@pytest.mark.parametrize("flavour", FLAVOURS)
@PATCHED
@given(dump=soups() | st.binary(max_size=200), at=cuts(), block=st.sampled_from((1, 5, 1 << 18)))
def test_nothing_is_lost_when_cut_into_statements(flavour: str, dump: bytes, at: list[int], block: int) -> None:
    # refusals of a splitter: text behind COPY … FROM stdin or behind a SET on its line, and a monstrous delimiter
    may_refuse = re.search(rb"stdin;|DELIMITER|SET[^\n]*;", dump, re.IGNORECASE)
    assume(not may_refuse or not isinstance(outcome(flavour, dump, at, block), str))
    found = items(flavour, dump, at, block)
    assert b"".join(item.bytes() for item in found) == dump
    line = 1
    for item in found:
        assert item.line == line, item
        line += item.bytes().count(b"\n")


@pytest.mark.parametrize("flavour", FLAVOURS)
@PATCHED
@given(values=st.data())
def test_names_that_are_not_in_the_dump_change_nothing(flavour: str, values: st.DataObject) -> None:
    dump = values.draw(soups())
    try:
        renamed = rename(flavour, dump, {"elsewhere": "nowhere"})
    except SqlError:
        return
    assert renamed.output == dump
    assert renamed.changed == 0


@pytest.mark.parametrize("flavour", FLAVOURS)
@PATCHED
@given(values=st.data())
def test_two_databases_can_change_places(flavour: str, values: st.DataObject) -> None:
    first = values.draw(TEMPLATES[flavour]("first_db"))
    second = values.draw(TEMPLATES[flavour]("second_db"))
    dump = render(first, "first_db") + render(second, "second_db")
    swapped = rename(flavour, dump, {"first_db": "second_db", "second_db": "first_db"})
    assert swapped.output == render(first, "second_db") + render(second, "first_db")


@pytest.mark.parametrize("flavour", FLAVOURS)
@PATCHED
@given(values=st.data())
def test_each_statement_is_whole_and_has_its_kind(flavour: str, values: st.DataObject) -> None:
    dump = render(values.draw(TEMPLATES[flavour]("shop")), "shop")
    for item in items(flavour, dump):
        if isinstance(item, Statement) and not item.part:
            assert item.kind
            assert item.kind != "other"
            assert item.last or item.kind in ("insert", "copy_from_stdin")
