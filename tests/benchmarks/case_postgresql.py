# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One PostgreSQL database of 1.2 GB: dumped and loaded."""

from __future__ import annotations

import os
from contextlib import ExitStack

from tests.benchmarks.bench import JOBS, Bench, as_account
from tests.benchmarks.data_postgresql import DATABASE, OWNER, READER, fill_big
from tests.benchmarks.measure import Contender, Outcome, chain, measure, size_of
from tests.benchmarks.report import Goal, Table
from tests.benchmarks.servers import BenchPostgres, kept_folder

GZIP = "pg_dump piped to gzip -6"
STREAM = "pg_dump -Fc -Z0 piped to zstd -3 -T0"
DIRECTORY = f"pg_dump -Fd -j{JOBS}, files by zstd -3"
DIRECTORY_GZIP = f"pg_dump -Fd -j{JOBS}, default gzip"
MODULE = "community.postgresql.postgresql_db, .sql.gz"
OURS = "vya.backupdb.backup"
CONTENT = "vya.backupdb.backup, proof: content"
ENCRYPTED = "vya.backupdb.backup, encrypted to two keys"

PSQL = "gunzip piped to psql"
RESTORE = f"pg_restore -j{JOBS} of an uncompressed directory"
MODULE_RESTORE = "community.postgresql.postgresql_db, restore of .sql.gz"
OUR_RESTORE = "vya.backupdb.restore"
REBUILD = "vya.backupdb.disaster_recovery"
MEMORY = 150 * 2**20


class Tools:
    """PostgreSQL's own programs, on the local socket of a server."""

    def __init__(self, server: BenchPostgres) -> None:
        self.server = server
        self.environment = server.client_environment()
        if os.geteuid() == 0:
            del self.environment["PGPASSWORD"]
            self.environment["PGHOST"] = str(server.socket_dir)

    def __call__(self, program: str, *arguments: str | os.PathLike[str]) -> list[str | os.PathLike[str]]:
        """The command line of a program."""
        return as_account(self.server.account, [self.server.bin_dir / program, *arguments])

    @property
    def module_login(self) -> dict[str, object]:
        """How the other collection's module comes in: over TCP, since the socket wants another OS account."""
        return {
            "login_host": self.server.host,
            "login_port": self.server.port,
            "login_user": self.server.superuser,
            "login_password": self.server.password,
        }


def run(bench: Bench, tables: list[Table]) -> None:
    """Adds both tables."""
    bench.need(11, "The PostgreSQL case")
    with ExitStack() as stack:
        source = stack.enter_context(
            BenchPostgres(bench.work, kept_folder(bench.keep, "postgresql", bench.settings.scale))
        )
        if not source.filled:
            bench.say("  filling the database")
            fill_big(source, bench.settings, bench.prose)
            source.keep_data()
        # everything is read once before it is measured
        tools = Tools(source)
        chain(tools("pg_dump", "-Fc", "-Z0", DATABASE), env=tools.environment)
        tables.append(dump(bench, source))
        target = stack.enter_context(BenchPostgres(bench.work))
        tables.append(restore(bench, source, target))
    bench.forget_backups()


def dump(bench: Bench, source: BenchPostgres) -> Table:
    """The dumps."""
    tools = Tools(source)
    size = source.value("SELECT pg_database_size(%s)", DATABASE)
    file = bench.work / "peer.dump"

    def directory_dump(*options: str, then_zstd: bool = False) -> Outcome:
        folder = bench.folder("peer-directory", source.account)
        chain(tools("pg_dump", "-Fd", f"-j{JOBS}", *options, "-f", folder / "d", DATABASE), env=tools.environment)
        if then_zstd:
            chain(["zstd", "-3", "-T0", "-q", "--rm", *sorted((folder / "d").iterdir())])
        return Outcome(size=size_of(folder))

    def zstd_directory() -> Outcome:
        if source.version >= 16:
            return directory_dump("--compress=zstd:3")
        return directory_dump("-Z0", then_zstd=True)

    def module() -> Outcome:
        target = bench.work / "module.sql.gz"
        bench.peers.play(
            "community.postgresql.postgresql_db",
            {"name": DATABASE, "state": "dump", "target": str(target), **tools.module_login},
        )
        return Outcome(size=target.stat().st_size)

    def ours(label: str, level: str, **more: object) -> Outcome:
        return bench.backup({**source.login(), "databases": [DATABASE], "proof": level}, label, **more)

    contenders = [
        Contender(GZIP, lambda: chain(tools("pg_dump", DATABASE), ["gzip", "-6"], env=tools.environment, target=file)),
        Contender(
            STREAM,
            lambda: chain(
                tools("pg_dump", "-Fc", "-Z0", DATABASE),
                ["zstd", "-3", "-T0", "-q"],
                env=tools.environment,
                target=file,
            ),
        ),
        Contender(DIRECTORY, zstd_directory),
        Contender(DIRECTORY_GZIP, lambda: directory_dump("-Z6"), slow=True),
        Contender(MODULE, module, skip=bench.no_peers),
        Contender(OURS, lambda: ours(OURS, "counts"), prepare=bench.forget_backups),
        Contender(CONTENT, lambda: ours(CONTENT, "content"), prepare=bench.forget_backups),
        Contender(
            ENCRYPTED,
            lambda: ours(ENCRYPTED, "counts", backupdb_recipients=bench.recipients),
            prepare=bench.forget_backups,
        ),
    ]
    results = measure(contenders, bench.settings, bench.say)
    bench.remove(file, bench.work / "peer-directory", bench.work / "module.sql.gz")
    raw = (STREAM, DIRECTORY)
    goals = [
        Goal("the dump phase takes at most 1.25 times the best raw pipeline", f"{OURS}: dump phase", raw, at_most=1.25),
        Goal("the whole run is 4 times as fast as the Ansible module", OURS, (MODULE, GZIP), faster=4),
        Goal("and stores less", OURS, (MODULE, GZIP), smaller=True),
        Goal("with proof: content the whole run takes at most 2 times the best raw pipeline", CONTENT, raw, at_most=2),
        Goal("encryption adds at most a tenth to the whole run", ENCRYPTED, (OURS,), at_most=1.1),
        Goal("a module uses at most 150 MiB", CONTENT, memory=MEMORY),
    ]
    text = (
        f"PostgreSQL {source.version}, one database of {size / 1e9:.2f} GB: accounts, orders, JSONB, prose, large "
        f"objects. Our rows are whole runs of `ansible-playbook` with {JOBS} jobs."
    )
    return Table("PostgreSQL: dump of one database", text, results, STREAM, goals)


def restore(bench: Bench, source: BenchPostgres, target: BenchPostgres) -> Table:
    """The restores, into an empty database of another server."""
    from_tools, tools = Tools(source), Tools(target)
    script = bench.work / "peer.sql.gz"
    folder = bench.folder("peer-directory", source.account)
    chain(from_tools("pg_dump", DATABASE), ["gzip", "-1"], env=from_tools.environment, target=script)
    chain(from_tools("pg_dump", "-Fd", f"-j{JOBS}", "-Z0", "-f", folder / "d", DATABASE), env=from_tools.environment)
    bench.forget_backups()
    bench.backup({**source.login(), "databases": [DATABASE]}, OURS)

    def drop() -> None:
        target.sql(f"DROP DATABASE IF EXISTS {DATABASE}")
        for role in (OWNER, READER):
            target.sql(f"DROP ROLE IF EXISTS {role}")
        target.sql("CHECKPOINT")

    def empty_database() -> None:
        drop()
        for role in (OWNER, READER):
            target.sql(f"CREATE ROLE {role}")
        target.sql(f"CREATE DATABASE {DATABASE} OWNER {OWNER} TEMPLATE template0")

    def psql() -> Outcome:
        command = tools("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-o", os.devnull, "-d", DATABASE)
        return chain(["gzip", "-dc", script], command, env=tools.environment)

    def module() -> None:
        bench.peers.play(
            "community.postgresql.postgresql_db",
            {"name": DATABASE, "state": "restore", "target": str(script), **tools.module_login},
        )

    def ours(playbook: str, label: str) -> Outcome:
        variables = bench.variables({**target.login(), "databases": [DATABASE]})
        return bench.playbook(playbook, variables, label, "restore")

    contenders = [
        Contender(PSQL, psql, prepare=empty_database),
        Contender(
            RESTORE,
            lambda: chain(tools("pg_restore", f"-j{JOBS}", "-e", "-d", DATABASE, folder / "d"), env=tools.environment),
            prepare=empty_database,
        ),
        Contender(MODULE_RESTORE, module, prepare=empty_database, slow=True, skip=bench.no_peers),
        Contender(OUR_RESTORE, lambda: ours("restore", OUR_RESTORE), prepare=drop),
        Contender(REBUILD, lambda: ours("disaster_recovery", REBUILD), prepare=drop),
    ]
    results = measure(contenders, bench.settings, bench.say)
    drop()
    bench.remove(script, folder)
    goals = [
        Goal(
            "the load phase takes at most 1.15 times pg_restore with a job for each core",
            f"{REBUILD}: load phase",
            (RESTORE,),
            at_most=1.15,
        ),
        Goal(
            "the load phase is 1.5 times as fast as gunzip piped to psql", f"{REBUILD}: load phase", (PSQL,), faster=1.5
        ),
        Goal("so is the whole rebuild", REBUILD, (PSQL,), faster=1.5),
        Goal("a module uses at most 150 MiB", REBUILD, memory=MEMORY),
    ]
    text = (
        "The same database, into another server without it. Our rebuild includes checking every file's SHA-256, roles, "
        "the proof and its comparison, and statistics; the peers do none of that."
    )
    return Table("PostgreSQL: restore of one database", text, results, RESTORE, goals)
