# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Renaming a database in plain dumps, beside `sed`.

A case of `make bench`, and by itself: ``SCALE=1 RUNS=3 python -m tests.benchmarks.case_renaming``. `sed` runs with LC_ALL=C, where it is
fastest; it is no alternative, for it changes data and misses names. The start of Python is not counted: it runs already where
a restore renames.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks.measure import Contender, Outcome, Results, chain, measure
from tests.benchmarks.report import Goal, Table
from tests.benchmarks.settings import BenchError, Settings, work_directory
from tests.benchmarks.text import CITIES, LAST_NAMES, STATUSES, Prose
from tests.support.paths import CHECKOUT, link_collection

if TYPE_CHECKING:
    from tests.benchmarks.bench import Bench

#: Megabytes of each dump at full size.
MEGABYTES = 400
_ROWS = 20_000

_SCRIPT = """
import re, sys, time
_B = "ansible_collections.vya.backupdb.plugins.module_utils._sql."
from importlib import import_module
flavour, source, target = sys.argv[1:]
prefix, name = {"mysql": ("mysql", "MySQL"), "postgresql": ("postgresql", "Postgres")}[flavour]
splitter = getattr(import_module(_B + prefix + "_splitter"), name + "Splitter")
renamer = getattr(import_module(_B + prefix + "_rename"), name + "Renamer")({"shop": "shop_copy"})
began = time.perf_counter()
with open(source, "rb", buffering=0) as dump, open(target, "wb", buffering=0) as out:
    for piece in renamer.run(splitter(iter(lambda: dump.read(1 << 18), b""))):
        out.write(piece)
assert renamer.changed, "nothing was renamed"
print(time.perf_counter() - began)
print(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read()).group(1))
"""


def run(bench: Bench, tables: list[Table]) -> None:
    """Adds the tables."""
    bench.need(2 * MEGABYTES * bench.settings.scale / 1000, "renaming dumps")
    tables.extend(measure_all(bench.work, bench.prose, bench.settings))


def measure_all(folder: Path, prose: Prose, settings: Settings) -> list[Table]:
    """One table for dumps of COPY, one for dumps of INSERT."""
    tables = []
    for title, flavour, pattern, factor in (
        ("COPY", "postgresql", "s/DATABASE shop\\b/DATABASE shop_copy/g", 2),
        ("INSERT", "mysql", "s/`shop`/`shop_copy`/g", 5),
    ):
        path = folder / f"renaming-{title.lower()}.sql"
        write_dump(path, flavour, prose, int(MEGABYTES * 1e6 * settings.scale))
        results = _measure(path, flavour, pattern, settings)
        path.unlink()
        goals = [
            Goal(f"renaming takes at most {factor} times the seconds of sed", "ours", ("sed",), at_most=factor),
            Goal("memory stays under 100 MiB", "ours", memory=100 << 20),
        ]
        text = f"A plain dump with {title} of {MEGABYTES * settings.scale:.0f} MB; from a file to /dev/null."
        tables.append(Table(f"Renaming a dump of {title}", text, results, "sed", goals))
    return tables


def _measure(path: Path, flavour: str, pattern: str, settings: Settings) -> Results:
    sed = ["sed", pattern]
    contenders = [
        Contender("ours", partial(_ours, path, flavour)),
        Contender("sed", partial(chain, sed, env={**os.environ, "LC_ALL": "C"}, source=path)),
    ]
    return measure(contenders, settings, lambda line: print(line, file=sys.stderr, flush=True))


def _ours(path: Path, flavour: str) -> Outcome:
    environment = {**os.environ, "PYTHONPATH": str(link_collection())}
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT, flavour, str(path), os.devnull],
        env=environment,
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BenchError(done.stderr)
    seconds, memory = done.stdout.split()
    return Outcome(memory=int(memory) * 1024, seconds=float(seconds))


def write_dump(path: Path, flavour: str, prose: Prose, size: int) -> None:
    """A dump of several tables as pg_dump or mysqldump writes it, with the database's name in one row of fifty."""
    source = random.Random(7)
    rows = [list(_row(source, prose, number)) for number in range(_ROWS)]
    table = _copy(rows) if flavour == "postgresql" else _insert(rows)
    with path.open("wb") as dump:
        dump.write(b"CREATE DATABASE shop;\n\\connect shop\n" if flavour == "postgresql" else b"USE `shop`;\n")
        for number in range(max(1, size // len(table))):
            dump.write(b"CREATE TABLE t%d (id int, name text);\n" % number)
            dump.write(table.replace(b"orders", b"orders_%d" % number))


def _row(source: random.Random, prose: Prose, number: int) -> Iterator[str]:
    yield str(number)
    yield f"{source.choice(LAST_NAMES)}, {source.choice(CITIES)}"
    yield source.choice(STATUSES)
    yield f"2026-{source.randrange(1, 13):02}-{source.randrange(1, 29):02} {source.randrange(24):02}:15:00"
    yield f"{source.randrange(100_000) / 100:.2f}"
    text = prose.cut(source, source.randrange(20, 300))
    yield f"{text} `shop`.`orders`" if number % 50 == 0 else text
    yield f'{{"city": "{source.choice(CITIES)}", "n": {number}}}' if number % 4 == 0 else ""


def _copy(rows: list[list[str]]) -> bytes:
    lines = ["\t".join(value or "\\N" for value in row) for row in rows]
    return ("COPY public.orders (a, b, c, d, e, f, g) FROM stdin;\n" + "\n".join(lines) + "\n\\.\n\n").encode()


def _insert(rows: list[list[str]]) -> bytes:
    def value(column: int, text: str) -> str:
        if column in (0, 4):
            return text
        return "'" + text.replace("\\", "\\\\").replace("'", "\\'").replace('"', '\\"') + "'" if text else "NULL"

    tuples = ["(" + ",".join(value(column, text) for column, text in enumerate(row)) + ")" for row in rows]
    statements = []
    for begin in range(0, len(tuples), 4000):
        # about one megabyte, as net_buffer_length makes them
        statements.append("INSERT INTO `orders` VALUES " + ",".join(tuples[begin : begin + 4000]) + ";\n")
    return "".join(statements).encode()


def main() -> int:
    """Measure and print."""
    settings = Settings.from_environment(os.environ)
    with work_directory(settings) as (_keep, work):
        tables = measure_all(work, Prose(1, 8), settings)
    print("\n".join(table.markdown() for table in tables))
    return 0 if all(verdict.met for table in tables for verdict in table.verdicts()) else 1


if __name__ == "__main__":
    sys.exit(main())
