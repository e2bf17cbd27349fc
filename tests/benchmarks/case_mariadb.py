# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One MariaDB database of eight tables: dumped and loaded."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from tests.benchmarks.bench import Bench
from tests.benchmarks.case_postgresql import MEMORY
from tests.benchmarks.data_mariadb import DATABASE, fill
from tests.benchmarks.measure import Command, Contender, Outcome, chain, measure, together
from tests.benchmarks.report import Goal, Table
from tests.benchmarks.servers import BenchMariaDB, kept_folder
from tests.benchmarks.tables import TABLES

GZIP = "mariadb-dump piped to gzip -6"
ZSTD = "mariadb-dump piped to zstd -3"
TWO = "two mariadb-dump by tables, zstd -3"
MODULE = "community.mysql.mysql_db, .sql.gz"
OURS = "vya.backupdb.backup"
CONTENT = "vya.backupdb.backup, proof: content"

ZCAT = "zcat piped to mariadb"
BY_TABLES = "zstd piped to mariadb by tables, two at a time"
MODULE_RESTORE = "community.mysql.mysql_db, import of .sql.gz"
OUR_RESTORE = "vya.backupdb.restore"
REBUILD = "vya.backupdb.disaster_recovery"

CLIENT = "mariadb reading the dump"
OUR_LOAD = "vya.backupdb.restore, src"
OUR_RENAMED_LOAD = "vya.backupdb.restore, src, under another name"
_OTHER_NAME = "another_name"

_OPTIONS = ("--single-transaction", "--routines", "--events", "--triggers")


def run(bench: Bench, tables: list[Table]) -> None:
    """Adds both tables."""
    bench.need(8, "The MariaDB case")
    with ExitStack() as stack:
        source = stack.enter_context(BenchMariaDB(bench.work, kept_folder(bench.keep, "mariadb", bench.settings.scale)))
        if not source.filled:
            bench.say("  filling the database")
            fill(source, bench.settings, bench.prose)
            source.keep_data()
        # everything is read once before it is measured
        chain(dump_command(source))
        tables.append(dump(bench, source))
        target = stack.enter_context(BenchMariaDB(bench.work))
        tables.append(restore(bench, source, target))
        tables.append(load(bench, source, target))
    bench.forget_backups()


def dump_command(server: BenchMariaDB, *tables: str) -> list[str]:
    """The command line of a dump of the database, or of some of its tables."""
    return ["mariadb-dump", *server.client_options(), *_OPTIONS, DATABASE, *tables]


def halves() -> tuple[list[str], list[str]]:
    """The tables in two parts of about the same size; TABLES has the biggest first."""
    names = [table.name for table in TABLES]
    return [*names[0::4], *names[3::4]], [*names[1::4], *names[2::4]]


def dump(bench: Bench, source: BenchMariaDB) -> Table:
    """The dumps."""
    file, first, second = (bench.work / name for name in ("peer.sql", "peer-1.sql", "peer-2.sql"))
    plain = Outcome()

    def two() -> Outcome:
        zstd: Command = ["zstd", "-3", "-q"]
        one, other = halves()
        return together(
            lambda: chain(dump_command(source, *one), zstd, target=first),
            lambda: chain(dump_command(source, *other), zstd, target=second),
        )

    def module() -> Outcome:
        target = bench.work / "module.sql.gz"
        bench.peers.play(
            "community.mysql.mysql_db",
            {
                "name": DATABASE,
                "state": "dump",
                "target": str(target),
                "single_transaction": True,
                "login_unix_socket": str(source.socket),
                "login_user": source.superuser,
            },
        )
        return Outcome(size=target.stat().st_size)

    def ours(label: str, level: str) -> Outcome:
        return bench.backup({**source.login(), "databases": [DATABASE], "proof": level}, label)

    plain = chain(dump_command(source), target=file)
    contenders = [
        Contender(GZIP, lambda: chain(dump_command(source), ["gzip", "-6"], target=file)),
        Contender(ZSTD, lambda: chain(dump_command(source), ["zstd", "-3", "-q"], target=file)),
        Contender(TWO, two),
        Contender(MODULE, module, skip=bench.no_peers),
        Contender(OURS, lambda: ours(OURS, "counts"), prepare=bench.forget_backups),
        Contender(CONTENT, lambda: ours(CONTENT, "content"), prepare=bench.forget_backups),
    ]
    results = measure(contenders, bench.settings, bench.say)
    bench.remove(file, first, second, bench.work / "module.sql.gz")
    goals = [
        Goal("the whole run is 5 times as fast as the Ansible module", OURS, (MODULE, GZIP), faster=5),
        Goal("and not slower than two mariadb-dump by tables with the same codec", OURS, (TWO,), at_most=1),
        Goal("a module uses at most 150 MiB", CONTENT, memory=MEMORY),
    ]
    version = ".".join(map(str, source.version))
    text = (
        f"MariaDB {version}, one database of {len(TABLES)} tables, {(plain.size or 0) / 1e9:.2f} GB as a plain dump. "
        "Two dumps by tables are not one consistent snapshot; ours is."
    )
    return Table("MariaDB: dump of one database", text, results, TWO, goals)


def load(bench: Bench, source: BenchMariaDB, target: BenchMariaDB) -> Table:
    """A dump of another tool, loaded into an empty server under its own and under another name."""
    script = bench.work / "peer.sql"
    chain(dump_command(source), target=script)

    def drop() -> None:
        target.sql(f"DROP DATABASE IF EXISTS {DATABASE}")
        target.sql(f"DROP DATABASE IF EXISTS {_OTHER_NAME}")

    def empty_database() -> None:
        drop()
        target.sql(f"CREATE DATABASE {DATABASE} CHARACTER SET utf8mb4")

    def ours(label: str, name: str) -> Outcome:
        asked = {"src": str(script), "target": name, "backupdb_restore_roles": "none"}
        return bench.playbook("restore", {**bench.variables(target.login()), **asked}, label, "restore")

    contenders = [
        Contender(
            CLIENT, lambda: chain(["mariadb", *target.client_options(), DATABASE], source=script), empty_database
        ),
        Contender(OUR_LOAD, lambda: ours(OUR_LOAD, DATABASE), prepare=drop),
        Contender(OUR_RENAMED_LOAD, lambda: ours(OUR_RENAMED_LOAD, _OTHER_NAME), prepare=drop),
    ]
    results = measure(contenders, bench.settings, bench.say)
    drop()
    bench.remove(script)
    goals = [
        Goal("renaming adds at most 3 %", OUR_RENAMED_LOAD, (OUR_LOAD,), at_most=1.03),
        Goal("a module uses at most 150 MiB", OUR_RENAMED_LOAD, memory=MEMORY),
    ]
    text = (
        "The same database as a plain dump of mariadb-dump. Ours reads it to its end beforehand, and names every error."
    )
    return Table("MariaDB: a dump of another tool", text, results, CLIENT, goals)


def restore(bench: Bench, source: BenchMariaDB, target: BenchMariaDB) -> Table:
    """The restores, into an empty server."""
    script = bench.work / "peer.sql.gz"
    chain(dump_command(source), ["gzip", "-1"], target=script)
    pieces = []
    for table in TABLES:
        piece = bench.work / f"peer-{table.name}.sql.zst"
        chain(
            ["mariadb-dump", *source.client_options(), "--single-transaction", DATABASE, table.name],
            ["zstd", "-3", "-q"],
            target=piece,
        )
        pieces.append(piece)
    bench.forget_backups()
    bench.backup({**source.login(), "databases": [DATABASE]}, OURS)
    client = ["mariadb", *target.client_options()]

    def drop() -> None:
        target.sql(f"DROP DATABASE IF EXISTS {DATABASE}")
        target.sql("DROP USER IF EXISTS shop_reader@'%'")

    def empty_database() -> None:
        drop()
        target.sql(f"CREATE DATABASE {DATABASE} CHARACTER SET utf8mb4")

    def by_tables() -> None:
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda piece: chain(["zstd", "-dcq", piece], [*client, DATABASE]), pieces))

    def module() -> None:
        bench.peers.play(
            "community.mysql.mysql_db",
            {
                "name": DATABASE,
                "state": "import",
                "target": str(script),
                "login_unix_socket": str(target.socket),
                "login_user": target.superuser,
            },
        )

    def ours(playbook: str, label: str) -> Outcome:
        variables = bench.variables({**target.login(), "databases": [DATABASE]})
        return bench.playbook(playbook, variables, label, "restore")

    contenders = [
        Contender(ZCAT, lambda: chain(["gzip", "-dc", script], [*client, DATABASE]), prepare=empty_database),
        Contender(BY_TABLES, by_tables, prepare=empty_database),
        Contender(MODULE_RESTORE, module, prepare=empty_database, slow=True, skip=bench.no_peers),
        Contender(OUR_RESTORE, lambda: ours("restore", OUR_RESTORE), prepare=drop),
        Contender(REBUILD, lambda: ours("disaster_recovery", REBUILD), prepare=drop),
    ]
    results = measure(contenders, bench.settings, bench.say)
    bench.remove(script, *pieces)
    goals = [
        Goal("the whole rebuild is 2 times as fast as zcat piped to the client", REBUILD, (ZCAT,), faster=2),
        Goal("in reach: 3 times", f"{REBUILD}: load phase", (ZCAT,), faster=3),
        Goal("a module uses at most 150 MiB", REBUILD, memory=MEMORY),
    ]
    text = (
        "The same database, into another server without it. By tables only tables come back; our rebuild includes users, "
        "views, routines, triggers, the proof and its comparison."
    )
    return Table("MariaDB: restore of one database", text, results, ZCAT, goals)
