# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sizes, ages and tables for people."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.vya.backupdb.plugins.filter.connection_options import connection_options
from ansible_collections.vya.backupdb.plugins.filter.key_options import key_options
from ansible_collections.vya.backupdb.plugins.module_utils._modules._options import CONNECTION
from ansible_collections.vya.backupdb.plugins.plugin_utils._text import KINDS, age, duration, size, table, width

from tests.support.paths import CHECKOUT

COLUMNS = [
    {"title": "Instance", "value": "instance"},
    {"title": "Age", "value": "age", "kind": "age"},
    {"title": "Size", "value": "size", "kind": "size"},
]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0 s"),
        (0, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (3599, "59 min"),
        (3600, "1 h"),
        (2 * 86400 - 1, "47 h"),
        (2 * 86400, "2 days"),
        (400 * 86400, "400 days"),
    ],
)
def test_age(seconds: float, text: str) -> None:
    assert age(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0 s"),
        (0.44, "0.4 s"),
        (9.94, "9.9 s"),
        (10, "10 s"),
        (59.6, "1 min 0 s"),
        (185, "3 min 5 s"),
        (7800, "2 h 10 min"),
    ],
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 bytes"), (1023, "1023 bytes"), (1536, "1.5 KiB"), (3 << 30, "3.0 GiB")]
)
def test_size(number: int, text: str) -> None:
    assert size(number) == text


def test_table_stands_in_columns() -> None:
    rows = [{"instance": "main", "age": 7200, "size": 3 << 20}, {"instance": "app-files", "age": 60, "size": None}]
    assert table(rows, COLUMNS) == [
        "Instance     Age     Size",
        "---------  -----  -------",
        "main         2 h  3.0 MiB",
        "app-files  1 min        -",
    ]


def test_table_without_rows_is_a_heading() -> None:
    assert table([], COLUMNS) == ["Instance  Age  Size", "--------  ---  ----"]


def test_table_leads_into_nested_values() -> None:
    columns = [{"title": "By", "value": "a.b"}, {"title": "Gone", "value": "a.x.y"}]
    assert table([{"a": {"b": 1}}], columns)[2] == "1   -"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "no"),
        ({"ok": True, "level": "checksum", "problems": 0}, "checksum"),
        ({"ok": False, "level": "quick", "problems": 1}, "DAMAGED: 1 problem"),
        ({"ok": False, "level": "quick", "problems": 7}, "DAMAGED: 7 problems"),
    ],
)
def test_verification_in_words(value: Any, text: str) -> None:
    columns = [{"title": "V", "value": "v", "kind": "verification"}]
    assert table([{"v": value}], columns)[2] == text


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        ("hold", None, "no"),
        ("hold", {"reason": "an audit", "until": None}, "yes"),
        ("hold", {"reason": "an audit", "until": "2199-01-31T00:00:00Z"}, "until 2199-01-31"),
        ("proven", None, "no"),
        ("proven", {"at": "2026-11-21T08:00:00Z", "ok": True, "proven_at": "2026-11-21T08:00:00Z"}, "2026-11-21"),
        ("proven", {"at": "2026-11-21T08:00:00Z", "ok": True, "proven_at": None}, "no"),
        ("proven", {"at": "2026-11-21T08:00:00Z", "ok": False, "proven_at": "2026-11-20T08:00:00Z"}, "FAILED"),
    ],
)
def test_holds_and_proofs_in_words(kind: str, value: Any, text: str) -> None:
    assert table([{"v": value}], [{"title": "V", "value": "v", "kind": kind}])[-1] == text


def test_p34_hostile_names_stay_on_their_line() -> None:
    columns = [{"title": "Databases", "value": "names", "kind": "names"}, {"title": "N", "value": "n", "kind": "count"}]
    lines = table([{"names": ["a\nb", "\x1b[31mred", "日本", "x\tx"], "n": 4}], columns)
    assert len(lines) == 3
    assert lines[2] == r"a\nb, \x1b[31mred, 日本, x\tx  4"
    # wide characters take two columns: the numbers stand below each other all the same
    assert width(lines[2]) == width(lines[1])


def test_long_cells_are_cut() -> None:
    line = table([{"n": ["database" + str(n) for n in range(100)]}], [{"title": "N", "value": "n", "kind": "names"}])[2]
    assert width(line) == 60
    assert line.endswith("…")


@pytest.mark.parametrize(
    ("rows", "columns", "message"),
    [
        ([], [{"title": "A"}], "has no value"),
        ([{}], [{"value": "a"}], "has no title"),
        ([], [{"title": "A", "value": "a", "kind": "colour"}], "no kind 'colour'"),
        ([{"a": "many"}], [{"title": "A", "value": "a", "kind": "size"}], "wants a number"),
    ],
)
def test_wrong_columns_are_named(rows: list[dict[str, Any]], columns: list[dict[str, str]], message: str) -> None:
    with pytest.raises(AnsibleFilterError, match=message):
        table(rows, columns)


def test_connection_options_are_those_of_the_modules() -> None:
    instance = dict.fromkeys(CONNECTION, "x")
    assert connection_options({**instance, "name": "main", "databases": ["*"], "retention": {}}) == instance
    with pytest.raises(AnsibleFilterError, match="backupdb_instances"):
        connection_options(["main"])


def test_every_filter_is_found_under_its_file_name() -> None:
    for path in (CHECKOUT / "plugins" / "filter").glob("*.py"):
        module = importlib.import_module(f"ansible_collections.vya.backupdb.plugins.filter.{path.stem}")
        assert list(module.FilterModule().filters()) == [path.stem]


def test_documented_kinds_are_those_there_are() -> None:
    text = (CHECKOUT / "plugins" / "filter" / "text_table.py").read_text()
    assert f"choices: [{', '.join(KINDS)}]" in text


def test_key_options_are_those_that_say_something() -> None:
    assert key_options([]) == {} == key_options("")
    assert key_options("AGE-SECRET-KEY-1", staging="/srv") == {"identity": ["AGE-SECRET-KEY-1"], "staging": "/srv"}
    assert key_options(["one", " ", "two"]) == {"identity": ["one", "two"]}
    with pytest.raises(AnsibleFilterError, match="backupdb_identity"):
        key_options({"key": "one"})
