# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a drill is judged, and what is remembered of it."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._drills import drilled, record_drill
from ansible_collections.vya.backupdb.plugins.module_utils._model import timestamp
from ansible_collections.vya.backupdb.plugins.module_utils._modules.sql_check import matches
from ansible_collections.vya.backupdb.plugins.plugin_utils._drill import (
    drill_problems,
    drill_record,
    drill_row,
    ledger_rows,
    span,
)

INSTANCE: dict[str, Any] = {"name": "main", "engine": "postgresql"}


def steps(hours_old: float = 1, **changes: Any) -> dict[str, Any]:
    """Results of the tasks of a drill without a flaw; changes replace some."""
    moment = timestamp(datetime.now(timezone.utc) - timedelta(hours=hours_old))
    found = {"id": "20261121T080000Z", "snapshot_at": moment, "version": "15.18", "run_id": "r", "path": "/r/s"}
    return {
        "verified": {"set": found, "seconds": 1.0},
        "scratch": {"phases": {"start": 2.0}, "server_version": "15.19"},
        "restored": {"phases": {"plan": 1.0, "load": 9.0}},
        "restored_files": {"skipped": True},
        "proved": {"phases": {"prove": 2.0}, "total": 0, "differences": [], "compared": 9},
        "checked": {"skipped": True},
        "removed": {"phases": {"remove": 0.5}},
        **changes,
    }


def judged(drill: dict[str, Any] | None = None, named: bool = False, **changes: Any) -> dict[str, Any]:
    return drill_record({**INSTANCE, "drill": drill or {}}, steps(**changes), "db1", "vault1", named)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [(3600, 3600), ("3600", 3600), ("90m", 5400), ("1h", 3600), ("1d 12h", 129600), ("1.5 h", 5400), ("30 min", 1800),
     ("2w", 1209600), ("45s", 45), (None, None), ("", None)],
)  # fmt: skip
def test_spans(text: Any, seconds: int | None) -> None:
    assert span(text) == seconds


@pytest.mark.parametrize("text", ["soon", "1 fortnight", "h", "-1h", "1h!", True, "0", -5, "0.1s"])
def test_what_is_no_span_is_refused(text: Any) -> None:
    with pytest.raises(ValueError, match="span|second"):
        span(text)
    (problem,) = drill_problems([{**INSTANCE, "drill": {"rto": text}}])
    assert "main: drill.rto" in problem
    assert "What to do" in problem


def test_assertions_of_files_are_refused() -> None:
    assert drill_problems([{"name": "f", "engine": "files", "drill": {"assertions": [{}]}}, INSTANCE]) != []
    assert drill_problems([INSTANCE, {**INSTANCE, "drill": None}]) == []


def test_a_drill_without_a_flaw_passes() -> None:
    record = judged({"rto": "1h", "rpo": "1d"})
    assert (record["verdict"], record["reasons"], record["proven"], record["differences"]) == ("passed", [], True, 0)
    assert record["recovery_seconds"] == 15.0, "removing is no part of a recovery"
    assert record["phases"] == {"verify": 1, "start": 2, "restore": 10, "prove": 2, "check": 0, "remove": 0.5}
    assert 3590 < record["age_seconds"] < 3700
    assert (record["versions"]["set"], record["versions"]["server"]) == ("15.18", "15.19")
    row = drill_row(record, {"number": 3}, {})
    assert (row["ok"], row["result"], row["line"], row["message"]) == (True, "passed", 3, None)


def test_objectives_that_are_missed_are_named() -> None:
    record = judged({"rto": 14, "rpo": "30m"})
    assert record["verdict"] == "failed"
    assert record["proven"] is True, "the data is right all the same"
    assert "rto is missed: the recovery took 15 s, 14 s are allowed" in record["reasons"][0]
    assert "rpo is missed" in record["reasons"][1]
    assert judged({"rpo": "30m"}, named=True)["verdict"] == "passed", "how old a named set is says nothing"


def test_differences_are_told() -> None:
    proved = {"total": 3, "differences": [{"kind": "table", "what": "missing", "message": "missing table t"}]}
    record = judged(proved=proved)
    assert (record["verdict"], record["proven"], record["differences"]) == ("failed", False, 3)
    assert record["reasons"] == ["3 differences to what was backed up: missing table t; 2 more"]


def test_places_of_tablespaces_do_not_count() -> None:
    proved = {"total": 1, "differences": [{"kind": "tablespace", "what": "attribute", "message": "location"}]}
    assert judged(proved=proved)["verdict"] == "passed"
    proved["differences"][0]["what"] = "missing"
    assert judged(proved=proved)["verdict"] == "failed"


@pytest.mark.parametrize(
    ("changes", "words", "proven"),
    [
        ({"verified": {"failed": True, "msg": "is damaged", "problems": ["x"]}}, "could not be verified: is damaged", False),
        ({"verified": {"failed": True, "msg": "no set"}}, "could not be verified: no set", None),
        ({"scratch": {"failed": True, "msg": "postgresql-15"}}, "no throw-away server could be started: postgresql-15", None),
        ({"restored": {"failed": True, "msg": "boom"}}, "could not be restored: boom", None),
        ({"proved": {}}, "it was not proven", None),
        ({"removed": {"failed": True, "msg": "busy"}}, "could not be removed: busy", True),
        (
            {"checked": {"failed": True, "failed_checks": ["a"], "checks": [{"name": "a", "ok": False, "message": "it gives 'f'"}]}},
            "the assertion 'a' does not hold: it gives 'f'",
            True,
        ),
    ],
)  # fmt: skip
def test_every_failed_step_is_named(changes: dict[str, Any], words: str, proven: bool | None) -> None:
    found = steps()
    if "proved" not in changes and "removed" not in changes and "checked" not in changes:
        # what comes after a failed step did not run
        order = ["verified", "scratch", "restored", "proved"]
        for name in order[order.index(next(iter(changes))) + 1 :]:
            found[name] = {}
    record = drill_record(INSTANCE, {**found, **changes}, "db1", "db1")
    assert record["verdict"] == "failed"
    assert words in record["reasons"][0]
    assert record["proven"] is proven


def test_a_record_that_could_not_be_written_fails_the_row() -> None:
    row = drill_row(judged(), {"failed": True, "msg": "the disk is full"})
    assert (row["ok"], row["result"]) == (False, "FAILED")
    assert "not in the ledger: the disk is full" in row["message"]


def test_rows_of_the_ledger_bear_what_others_may_have_written() -> None:
    rows = ledger_rows(
        [{"number": 1, "record": {}}, {"number": 2, "record": judged({"rto": 1}), "signed_by": "SHA256:x"}]
    )
    assert rows[0]["verdict"] is None
    assert (rows[1]["verdict"], rows[1]["signed"]) == ("FAILED", True)
    assert "rto is missed" in rows[1]["why"]


def test_what_is_known_of_a_set(tmp_path: Path) -> None:
    path = tmp_path / "20261121T080000Z"
    path.mkdir()
    assert drilled(str(path)) is None
    record_drill(str(path), "2026-11-21T09:00:00Z", "passed", True, 4.5)
    record_drill(str(path), "2026-11-22T09:00:00Z", "failed", None)
    known = drilled(str(path))
    assert known is not None
    assert (known.at, known.verdict, known.proven_at) == ("2026-11-22T09:00:00Z", "failed", "2026-11-21T09:00:00Z")
    record_drill(str(path), "2026-11-23T09:00:00Z", "failed", False)
    known = drilled(str(path))
    assert known is not None
    assert not known.proven
    assert list(path.iterdir()) == [], "a sealed set never changes"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"verdict": "passed", "at": 5}', '{"verdict": "odd"}', "\u00e4"])
def test_a_state_that_makes_no_sense_is_none(text: str, tmp_path: Path) -> None:
    (tmp_path / ".state").mkdir()
    (tmp_path / ".state" / "20261121T080000Z.drill.json").write_text(text, encoding="utf-8")
    assert drilled(str(tmp_path / "20261121T080000Z")) is None


@pytest.mark.parametrize(
    ("found", "expect", "fits"),
    [("t", True, True), ("1", True, True), ("f", True, False), ("0", False, True), ("f", "false", True), ("42", 42, True),
     ("42.0", 42, True), ("42", "42", True), ("x", "x", True), ("X", "x", False), (None, True, False), ("abc", 5, False),
     ("2", True, False), ("", "", True), ("1.10", "1.1", True), ("nan", "nan", True)],
)  # fmt: skip
def test_answers_fit_whatever_the_server_writes(found: str | None, expect: Any, fits: bool) -> None:
    assert matches(found, expect) is fits
