# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which lines a running task shows: never flooding, never silent."""

from __future__ import annotations

import pytest
from ansible_collections.vya.backupdb.plugins.plugin_utils._lines import Lines, duration


def record(phase: str = "dump", done: int = 0, total: int | None = 100, **others: object) -> dict[str, object]:
    return {"phase": phase, "text": "orders", "done": done, "total": total, "unit": "tables", **others}


def test_what_is_over_at_once_shows_nothing() -> None:
    lines = Lines("[db1] dump", began=0.0)
    assert lines.line(record(), 0.5) is None
    assert lines.last_line(False, 0.6) is None


def test_first_phase_tenth_silence_and_end_make_lines() -> None:
    lines = Lines("[db1] dump", began=0.0)
    assert lines.line(record(done=1), 2.0) == "[db1] dump: dump: orders, 1 % of 100 tables (2 s)"
    assert lines.line(record(done=2), 3.0) is None, "nothing new"
    assert lines.line(record(done=30), 3.5) is not None, "another tenth"
    assert lines.line(record(done=40), 3.6) is None, "too soon for another tenth"
    assert lines.line(record("seal", 0), 3.7) is not None, "another phase"
    assert lines.line(record("seal", 0), 9.0) is not None, "too long silent"
    assert lines.last_line(True, 10.0) == "[db1] dump: failed after 10 s"


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ({"phase": "plan", "text": "plan", "done": 0, "total": None}, "plan"),
        ({"phase": "dump", "text": "a\nb\x1b[1m", "done": 0, "total": None}, "dump: a?b?[1m"),
        ({"phase": "dump", "text": "x", "done": 3 << 20, "total": None, "unit": "bytes"}, "dump: x, 3.0 MiB"),
        ({"phase": "dump", "text": "x", "done": 9, "total": 4, "unit": "tables"}, "dump: x, 100 % of 4 tables"),
        ({"phase": "dump", "text": "x", "done": "many", "total": [], "unit": None}, "dump: x"),
        ({}, "running"),
    ],
)
def test_a_line_is_one_line_whatever_the_record_holds(found: dict[str, object], words: str) -> None:
    assert Lines("l", began=0.0).line(found, 60.0) == f"l: {words} (1 min 00 s)"


@pytest.mark.parametrize(("seconds", "text"), [(9.9, "9 s"), (125, "2 min 05 s"), (3725, "1 h 02 min")])
def test_durations_are_for_people(seconds: float, text: str) -> None:
    assert duration(seconds) == text
