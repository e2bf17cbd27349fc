# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Two hundred small PostgreSQL databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from tests.benchmarks.bench import JOBS, Bench
from tests.benchmarks.case_postgresql import Tools
from tests.benchmarks.data_postgresql import fill_small, small_names
from tests.benchmarks.measure import Contender, Outcome, chain, measure, size_of
from tests.benchmarks.report import Goal, Table
from tests.benchmarks.servers import BenchPostgres, kept_folder

EACH = f"pg_dump -Fc, {JOBS} at a time"
ALL = "pg_dumpall piped to zstd -3"
TASKS = "community.postgresql.postgresql_db, one task each"
OURS = "vya.backupdb.backup"
_TASKS_MEASURED = 20


def run(bench: Bench, tables: list[Table]) -> None:
    """Adds the table."""
    bench.need(4, "The case of many databases")
    names = small_names(bench.settings)
    with BenchPostgres(bench.work, kept_folder(bench.keep, "small", bench.settings.scale)) as source:
        if not source.filled:
            bench.say("  making the databases")
            fill_small(source, bench.settings, bench.prose)
            source.keep_data()
        tools = Tools(source)

        def one(name: str) -> Outcome:
            target = bench.work / "peer-small" / f"{name}.dump"
            return chain(tools("pg_dump", "-Fc", name), env=tools.environment, target=target)

        def each() -> Outcome:
            folder = bench.folder("peer-small")
            with ThreadPoolExecutor(JOBS) as pool:
                list(pool.map(one, names))
            return Outcome(size=size_of(folder))

        def everything() -> Outcome:
            target = bench.work / "peer.sql.zst"
            return chain(tools("pg_dumpall"), ["zstd", "-3", "-T0", "-q"], env=tools.environment, target=target)

        # once each before it is measured, for the catalogs' pages
        each()
        contenders = [
            Contender(EACH, each),
            Contender(ALL, everything),
            Contender(TASKS, lambda: tasks(bench, tools, names), slow=True, skip=bench.no_peers),
            Contender(
                OURS,
                lambda: bench.backup({**source.login(), "databases": ["small_*"]}, OURS),
                prepare=bench.forget_backups,
            ),
        ]
        results = measure(contenders, bench.settings, bench.say)
    bench.forget_backups()
    bench.remove(bench.work / "peer-small", bench.work / "peer.sql.zst")
    goals = [
        Goal(f"at most 1.3 times pg_dump {JOBS} at a time, plus 3 s", OURS, (EACH,), at_most=1.3, plus_seconds=3),
        Goal("8 times as fast as one task each", OURS, (TASKS,), faster=8),
    ]
    text = (
        f"{len(names)} databases of 200 kB in one PostgreSQL {source.version}. «One task each» was measured over "
        f"{min(_TASKS_MEASURED, len(names))} of them and multiplied."
    )
    tables.append(Table("PostgreSQL: many small databases", text, results, EACH, goals))


def tasks(bench: Bench, tools: Tools, names: list[str]) -> Outcome:
    """Some databases, a task each, to the time that all of them would take."""
    from time import perf_counter

    folder = bench.folder("peer-tasks")
    some = names[:_TASKS_MEASURED]
    began = perf_counter()
    bench.peers.play(
        "community.postgresql.postgresql_db",
        {"name": "{{ item }}", "state": "dump", "target": f"{folder}/{{{{ item }}}}.sql.gz", **tools.module_login},
        loop=some,
    )
    seconds = perf_counter() - began
    factor = len(names) / len(some)
    size = round(size_of(folder) * factor)
    bench.remove(folder)
    return Outcome(size=size, seconds=seconds * factor)
