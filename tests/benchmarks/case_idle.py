# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs with nothing to do, over twenty instances."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial

from tests.benchmarks.bench import Bench
from tests.benchmarks.measure import Contender, Outcome, measure
from tests.benchmarks.report import Goal, Table
from tests.support.mariadb import MariaDBServer
from tests.support.postgresql import PostgresServer

INSTANCES = 20
_PLAYBOOKS = ("check", "list_backups", "verify")


def run(bench: Bench, tables: list[Table]) -> None:
    """Adds the table."""
    bench.forget_backups()
    each = max(1, round(INSTANCES // 2 * min(1, bench.settings.scale * 10)))
    with ExitStack() as stack:
        postgres = stack.enter_context(PostgresServer(directory=bench.work))
        mariadb = stack.enter_context(MariaDBServer(directory=bench.work))
        for number in range(each):
            postgres.sql(f"CREATE DATABASE app_{number}")
            postgres.sql("CREATE TABLE t AS SELECT 1 AS a", database=f"app_{number}")
            mariadb.sql(f"CREATE DATABASE app_{number}; CREATE TABLE app_{number}.t AS SELECT 1 AS a")
        instances = [
            {"name": f"{name}-{number}", **server.login(), "databases": [f"app_{number}"]}
            for number in range(each)
            for name, server in (("postgresql", postgres), ("mariadb", mariadb))
        ]
        variables = {"backupdb_repository": str(bench.repository), "backupdb_instances": instances}
        bench.ours.run("vya.backupdb.backup", variables)
        variables["backupdb_verify"] = "quick"

        def one(playbook: str) -> Outcome:
            run = bench.ours.run(f"vya.backupdb.{playbook}", variables)
            return Outcome(memory=run.memory)

        contenders = [Contender(f"vya.backupdb.{name}", partial(one, name)) for name in _PLAYBOOKS]
        results = measure(contenders, bench.settings, bench.say)
    bench.forget_backups()
    goals = [
        Goal(f"{name} over {INSTANCES} instances takes at most 5 s", f"vya.backupdb.{name}", seconds=5)
        for name in _PLAYBOOKS
    ]
    text = f"{2 * each} instances of one host: {each} on PostgreSQL, {each} on MariaDB, each backed up once."
    tables.append(Table("Runs with nothing to do", text, results, "vya.backupdb.check", goals))
