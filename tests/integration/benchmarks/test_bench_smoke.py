# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`make bench` works: every case at a tiny size, every playbook of ours in it. What it takes is not judged."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.benchmarks.measure import Result
from tests.benchmarks.page import BEGIN, END, write_page
from tests.benchmarks.report import Goal
from tests.benchmarks.settings import BenchError, Settings
from tests.support.paths import CHECKOUT

HEADINGS = (
    "### PostgreSQL: dump of one database",
    "### PostgreSQL: restore of one database",
    "### PostgreSQL: many small databases",
    "### MariaDB: dump of one database",
    "### MariaDB: restore of one database",
    "### MariaDB: a dump of another tool",
    "### Files: backup of a few big files",
    "### Files: restore of a few big files",
    "### Files: backup of many small files",
    "### Files: restore of many small files",
    "### Renaming a dump of COPY",
    "### Renaming a dump of INSERT",
    "### Runs with nothing to do",
)


@pytest.mark.timeout(1800)  # everything is measured, beside other tests
def test_every_case_runs(tmp_path: Path) -> None:
    # a folder of its own, since pytest's shuts out the servers' accounts
    environment = {**os.environ, "SCALE": "0.002", "RUNS": "1", "PEERS": "0", "BENCH_WRITE": "0"}
    for name in ("BENCH_DIR", "CASES"):
        environment.pop(name, None)
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks"],
        cwd=CHECKOUT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=1700,
    )
    assert done.returncode == 0, done.stderr[-6000:]
    assert [line for line in done.stdout.splitlines() if line.startswith("### ")] == list(HEADINGS)
    assert "failed" not in done.stdout
    assert "vya.backupdb.backup: dump phase" in done.stdout


def test_a_goal_that_is_missed_is_said() -> None:
    results = {
        "ours": Result("ours", [2.0, 2.6, 9.0], size=10),
        "slow": Result("slow", [8.0], size=20),
        "fast": Result("fast", [2.0], size=5),
    }
    assert Goal("", "ours", ("fast", "slow"), at_most=1.31).judge(results).met is True
    assert Goal("", "ours", ("fast", "slow"), at_most=1.29).judge(results).met is False
    assert Goal("", "ours", ("fast",), at_most=1.2, plus_seconds=0.3).judge(results).met is True
    assert Goal("", "ours", ("slow",), faster=3).judge(results).met is True
    assert Goal("", "ours", ("slow",), faster=3.2).judge(results).met is False
    assert Goal("", "ours", ("slow",), smaller=True).judge(results).met is True
    assert Goal("", "ours", ("fast",), smaller=True).judge(results).met is False
    assert Goal("", "ours", ("absent",), at_most=1).judge(results).met is None
    assert Goal("", "ours", memory=1).judge(results).met is None
    assert Goal("", "ours", seconds=2.5).judge(results).met is False


def test_only_what_was_measured_is_written(tmp_path: Path) -> None:
    page = tmp_path / "benchmarks.md"
    page.write_text(f"before\n{BEGIN}\n{END}\nafter\n")
    write_page(page, "files", "old\n")
    write_page(page, "idle", "idle\n\ntable")
    write_page(page, "files", "new\n")
    write_page(page, "postgresql", "first")
    parts = "".join(
        f"<!-- case: {case} -->\n\n{text}\n\n"
        for case, text in (("postgresql", "first"), ("files", "new"), ("idle", "idle\n\ntable"))
    )
    assert page.read_text() == f"before\n{BEGIN}\n\n{parts}{END}\nafter\n"
    page.write_text("no markers")
    with pytest.raises(BenchError, match="markers|lacks"):
        write_page(page, "idle", "new")


@pytest.mark.parametrize("bad", [{"SCALE": "big"}, {"SCALE": "0"}, {"RUNS": "0"}, {"CASES": "postgresql,oracle"}])
def test_bad_settings_are_refused(bad: dict[str, str]) -> None:
    with pytest.raises(BenchError):
        Settings.from_environment(bad)


def test_settings_of_the_environment() -> None:
    settings = Settings.from_environment({"SCALE": "0.5", "RUNS": "2", "CASES": "idle, files", "PEERS": "0"})
    assert (settings.scale, settings.runs, settings.peers, settings.directory) == (0.5, 2, False, None)
    assert settings.cases == ("files", "idle")
