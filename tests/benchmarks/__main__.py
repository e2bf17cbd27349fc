# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Our backups and restores beside what people use today: `make bench`.

Environment: SCALE (1 is full size), RUNS, SLOW_RUNS, CASES, BENCH_DIR (keeps generated data), BENCH_WRITE=1 (writes
docs/benchmarks.md, case by case), PEERS=0 (without the collections of others).
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from datetime import datetime, timezone

from tests.benchmarks import case_files, case_idle, case_mariadb, case_postgresql, case_renaming, case_small
from tests.benchmarks.bench import Bench
from tests.benchmarks.machine import describe
from tests.benchmarks.page import write_page
from tests.benchmarks.report import Table
from tests.benchmarks.settings import BenchError, Settings, work_directory
from tests.support.paths import CHECKOUT

PAGE = CHECKOUT / "docs" / "benchmarks.md"
_CASES: dict[str, Callable[[Bench, list[Table]], None]] = {
    "postgresql": case_postgresql.run,
    "small": case_small.run,
    "mariadb": case_mariadb.run,
    "files": case_files.run_large,
    "manyfiles": case_files.run_many,
    "renaming": case_renaming.run,
    "idle": case_idle.run,
}


def say(line: str) -> None:
    """Print a line of progress."""
    print(line, file=sys.stderr, flush=True)


def main() -> int:
    """Measure, print, write."""
    # servers and folders are removed on the way out
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    try:
        settings = Settings.from_environment(os.environ)
        with work_directory(settings) as (_keep, work):
            bench = Bench(settings, settings.directory, work, say)
            bench.ours.warm_up()
            if settings.peers:
                say("the peers' collections:")
                bench.peers.warm_up()
            tables, failed = measure_all(bench)
            head = heading(bench)
    except BenchError as error:
        say(f"bench: {error}")
        return 1
    print("\n".join([head, "", *(table.markdown() for table in tables)]))
    if settings.scale != 1:
        print("The goals are meant for SCALE=1: below it, the start of Ansible counts more than the work.")
    verdicts = [verdict.met for table in tables for verdict in table.verdicts()]
    print(f"goals: {verdicts.count(True)} met, {verdicts.count(False)} not met, {verdicts.count(None)} not measured")
    failed += [result.label for table in tables for result in table.results.values() if result.failed]
    if failed:
        say(f"bench: these failed: {', '.join(failed)}")
        return 1
    return 0


def heading(bench: Bench) -> str:
    """When, how and on what it was measured."""
    settings = bench.settings
    return (
        f"Measured on {datetime.now(timezone.utc):%d %B %Y}, SCALE={settings.scale:g}, medians of up to {settings.runs} "
        f"runs in turn. {describe(bench.work)}"
    )


def measure_all(bench: Bench) -> tuple[list[Table], list[str]]:
    """The tables of the wanted cases, and the names of the cases that failed as a whole."""
    tables: list[Table] = []
    failed: list[str] = []
    for name in bench.settings.cases:
        began = time.monotonic()
        say(f"{name}:")
        measured = len(tables)
        try:
            _CASES[name](bench, tables)
            if bench.settings.write:
                shown = [table.markdown() for table in tables[measured:]]
                write_page(PAGE, name, "\n".join([heading(bench), "", *shown]))
        except BenchError as error:
            # the other cases' numbers are worth having
            say(f"bench: {name} failed: {error}")
            failed.append(name)
        say(f"  {name} took {time.monotonic() - began:.0f} s in all")
    return tables, failed


if __name__ == "__main__":
    sys.exit(main())
