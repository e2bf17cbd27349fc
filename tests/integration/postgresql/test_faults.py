# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""When things are wrong: one clear message, and nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql import dump
from ansible_collections.vya.backupdb.plugins.module_utils._engines.base import BackupRequest, RestoreRequest
from ansible_collections.vya.backupdb.plugins.module_utils._engines.placement import Placement
from ansible_collections.vya.backupdb.plugins.module_utils._errors import (
    BackupError,
    ConnectionFailed,
    Interrupted,
    ProcessError,
    UsageError,
)
from ansible_collections.vya.backupdb.plugins.module_utils._repository import Repository

from tests.integration.postgresql.rig import Backup, back_up, back_up_with, differences, engine, plan_restore, restore
from tests.support.postgresql import PostgresServer

RESTORE_FOR_EVER = """
import sys
from tests.support.paths import link_collection
link_collection()
from ansible_collections.vya.backupdb.plugins.module_utils._engines.base import RestoreRequest
from ansible_collections.vya.backupdb.plugins.module_utils._engines.postgresql import PostgresqlEngine
from ansible_collections.vya.backupdb.plugins.module_utils._model import Connection
from ansible_collections.vya.backupdb.plugins.module_utils._progress import Reporter
from ansible_collections.vya.backupdb.plugins.module_utils._repository import SetReader
reader = SetReader(sys.argv[1])
with PostgresqlEngine(Connection(unix_socket=sys.argv[2], port=int(sys.argv[3]), user="postgres"), Reporter()) as engine:
    request = RestoreRequest(databases={"big": "big"}, jobs=2)
    engine.restore(request, engine.plan_restore(request, reader), reader)
"""


@pytest.fixture(scope="module")
def big(work: Path) -> Iterator[tuple[PostgresServer, Backup]]:
    """A database that takes a while to dump and to load, with its set."""
    with PostgresServer() as server:
        server.sql("CREATE DATABASE big")
        server.sql(
            "CREATE TABLE a AS SELECT g, md5(g::text) AS t FROM generate_series(1, 100000) g;"
            "CREATE TABLE b AS SELECT * FROM a; CREATE INDEX ON a (t); CREATE INDEX ON b (t)",
            database="big",
        )
        yield server, back_up(server, work / "big", "big", level="counts")


def children() -> dict[int, str]:
    """Processes that this one started, by their names."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            name, _bracket, rest = (folder / "stat").read_text().partition("(")[2].rpartition(")")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(rest.split()[1]) == os.getpid():
            found[int(folder.name)] = name
    return found


def programs() -> list[int]:
    """Programs of PostgreSQL and compressors among them."""
    return [pid for pid, name in children().items() if name.startswith(("pg_dump", "pg_restore", "zstd", "setpriv"))]


@contextmanager
def soon(condition: Callable[[], bool], act: Callable[[], object]) -> Iterator[None]:
    """Do something as soon as a condition holds, while the block runs."""
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            if condition():
                act()
                return
            time.sleep(0.005)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def sets_in(repository: Path) -> list[str]:
    """What lies in the directory of the instance, but for its lock."""
    return sorted(item.name for item in (repository / "source" / "main").iterdir() if not item.name.startswith("."))


def wait_for_sessions_to_end(server: PostgresServer) -> None:
    deadline = time.monotonic() + 30
    while server.value("SELECT count(*) FROM pg_stat_activity WHERE application_name ~ 'backupdb'"):
        assert time.monotonic() < deadline, "sessions stayed"
        time.sleep(0.05)


def test_wrong_password_is_named_and_not_shown(pg_server: PostgresServer) -> None:
    with pytest.raises(ConnectionFailed, match="login or its password is wrong") as failure:
        engine(pg_server, password="very wrong password").inspect()
    assert "very wrong" not in str(failure.value)
    assert "login_password" in str(failure.value)


def test_unknown_database_is_named(pg_server: PostgresServer) -> None:
    with pytest.raises(ConnectionFailed, match="there is no such database"):
        engine(pg_server, database="no_such").inspect()


def test_login_without_account_names_the_remedy(pg_server: PostgresServer) -> None:
    with pytest.raises(ConnectionFailed, match="set login_os_user"):
        engine(pg_server, user="somebody_else").inspect()


def test_unknown_account_is_named(pg_server: PostgresServer) -> None:
    with pytest.raises(UsageError, match="no_such_account"):
        engine(pg_server, os_user="no_such_account").inspect()


def test_unknown_host_is_named(pg_server: PostgresServer) -> None:
    with pytest.raises(ConnectionFailed, match="login_host"):
        engine(pg_server, host="no-such-host.invalid", unix_socket=None).inspect()


@pytest.mark.parametrize("option", ["require", "verify-full"])
def test_tls_that_the_server_does_not_speak_is_named(pg_server: PostgresServer, option: str) -> None:
    with pytest.raises(ConnectionFailed, match="ssl_mode"):
        engine(
            pg_server, password=pg_server.password, ssl_mode=option, ca_cert="/etc/ssl/certs/ca-certificates.crt"
        ).inspect()


@pytest.mark.parametrize("pattern", ["no_such", "Postgres", "shop*x", ""])
def test_pattern_that_matches_nothing_is_an_error(filled: PostgresServer, pattern: str) -> None:
    with engine(filled) as used, pytest.raises(UsageError, match="No database matches") as failure:
        used.plan_backup(BackupRequest(databases=[pattern]))
    assert "shop" in str(failure.value)


def test_nothing_left_to_back_up_is_an_error(filled: PostgresServer) -> None:
    with engine(filled) as used, pytest.raises(UsageError, match="No database is left"):
        used.plan_backup(BackupRequest(exclude_databases=["*"]))


def test_p33_a_database_without_connections_is_a_problem_unless_excluded(
    fresh_pg: Callable[..., PostgresServer],
) -> None:
    server = fresh_pg()
    server.sql("CREATE DATABASE closed ALLOW_CONNECTIONS false")
    with engine(server) as used:
        problems = used.plan_backup(BackupRequest()).problems
        assert any("'closed' allows no connections" in text for text in problems)
        plan = used.plan_backup(BackupRequest(exclude_databases=["clos*"]))
    assert plan.problems == []
    assert [database.name for database in plan.databases] == ["postgres"]


def test_p33_templates_and_what_somebody_put_into_template1_are_kept(
    work: Path, fresh_pg: Callable[..., PostgresServer]
) -> None:
    source, target = fresh_pg(lost=True), fresh_pg()
    source.sql("CREATE DATABASE my_template IS_TEMPLATE true")
    source.sql("CREATE TABLE in_every_new_one (i integer)", database="template1")
    source.sql("CREATE TABLE precious AS SELECT 1 AS i", database="postgres")
    made = back_up(source, work / "template1")
    assert sorted(made.databases) == ["my_template", "postgres", "template1"]
    restore(target, made.reader, made.databases)
    assert differences(target, made.proof) == []
    target.sql("CREATE DATABASE fresh")
    assert target.value("SELECT count(*) FROM in_every_new_one", database="fresh") == 0
    assert target.value("SELECT i FROM precious") == 1


def test_initial_database_with_something_in_it_is_not_replaced(
    work: Path, fresh_pg: Callable[..., PostgresServer]
) -> None:
    source, target = fresh_pg(lost=True), fresh_pg()
    made = back_up(source, work / "initial")
    target.sql("CREATE TABLE mine AS SELECT 1")
    problems = plan_restore(target, made.reader, made.databases).problems
    assert any("'postgres' exists already" in text for text in problems)
    plan = plan_restore(target, made.reader, made.databases, placement=Placement(if_exists="skip"))
    assert (plan.problems, plan.skipped, plan.databases) == ([], ["postgres"], {})
    target.sql("DROP TABLE mine")
    with target.connect("postgres", application_name="an application"):
        problems = plan_restore(target, made.reader, made.databases).problems
        assert any("session uses it" in text and "an application" in text for text in problems)
    with engine(target) as used:
        request = RestoreRequest(databases=made.databases)
        plan = used.plan_restore(request, made.reader)
        with target.connect("postgres"), pytest.raises(BackupError, match="to be replaced, and 1 session uses it"):
            used.restore(request, plan, made.reader)
    assert target.value("SELECT count(*) FROM pg_database WHERE datname ~ 'shadow'") == 0
    restore(target, made.reader, made.databases)
    assert differences(target, made.proof) == []


def test_existing_database_is_left_as_it_is(backup: Backup, rebuilt: PostgresServer) -> None:
    problems = plan_restore(rebuilt, backup.reader, {"shop": "shop"}).problems
    assert any("'shop' exists already" in text and "if_exists: skip" in text for text in problems)
    plan = plan_restore(rebuilt, backup.reader, {"shop": "shop"}, placement=Placement(if_exists="skip"))
    assert not plan.changes
    assert list(plan.skipped) == ["shop"]


@pytest.mark.parametrize("name", ["x" * 64, "", "template0", "backupdb_shadow_0123456789ab_1"])
def test_impossible_names_are_refused(name: str, backup: Backup, rebuilt: PostgresServer) -> None:
    assert plan_restore(rebuilt, backup.reader, {"shop": name}).problems != []


def test_plan_changes_nothing(backup: Backup, fresh_pg: Callable[..., PostgresServer]) -> None:
    server = fresh_pg()
    state = "SELECT (SELECT count(*) FROM pg_database), (SELECT count(*) FROM pg_roles), pg_current_wal_insert_lsn()"
    plan_restore(server, backup.reader, backup.databases)
    server.sql("CHECKPOINT")
    before = server.sql(state)
    plan = plan_restore(server, backup.reader, backup.databases)
    assert plan.changes
    assert server.sql(state)[0][:2] == before[0][:2]
    assert server.value("SELECT count(*) FROM pg_collation WHERE collname ~ 'probe'") == 0


def test_missing_extension_is_found_before_anything_changes(backup: Backup, rebuilt: PostgresServer) -> None:
    artefact = backup.reader.manifest.artefact("database", "shop")
    assert artefact is not None
    recorded = dict(artefact.details)
    artefact.details["extensions"] = [["no_such_extension", "1.2"], ["hstore", "0.0"]]  # type: ignore[index]
    try:
        plan = plan_restore(rebuilt, backup.reader, {"shop": "other"})
    finally:
        artefact.details.update(recorded)  # type: ignore[attr-defined]
    assert any("no_such_extension 1.2" in text and "install its package" in text for text in plan.problems)
    assert any("hstore was 0.0" in text for text in plan.warnings)


def test_missing_tablespace_is_found_before_anything_changes(
    work: Path, reachable_tmp: Path, fresh_pg: Callable[..., PostgresServer]
) -> None:
    source, target = fresh_pg(lost=True), fresh_pg()
    place = reachable_tmp / "space"
    place.mkdir(mode=0o777)
    place.chmod(0o777)
    if os.geteuid() == 0:
        subprocess.run(["chown", source.account, place], check=True)
    source.sql(f"CREATE TABLESPACE fast LOCATION '{place}'")
    source.sql("CREATE DATABASE d")
    source.sql("CREATE TABLE t (i integer) TABLESPACE fast", database="d")
    made = back_up(source, work / "tablespace", "d")
    problems = plan_restore(target, made.reader, made.databases).problems
    assert any("tablespace 'fast'" in text and "CREATE TABLESPACE" in text for text in problems)


def test_server_killed_in_the_middle_of_a_dump(work: Path) -> None:
    with PostgresServer() as server:
        server.sql("CREATE DATABASE d")
        server.sql("CREATE TABLE t AS SELECT g, md5(g::text) FROM generate_series(1, 500000) g", database="d")
        repository = work / "killed"
        with (
            soon(lambda: bool(list(repository.rglob("*.dat"))), server.kill),
            pytest.raises((ConnectionFailed, ProcessError), match=r"server|connection") as failure,
        ):
            back_up(server, repository, "d")
    assert "password" not in str(failure.value)
    assert sets_in(repository) == []
    assert programs() == []


def test_killed_pg_dump_fails_the_backup(big: tuple[PostgresServer, Backup], work: Path) -> None:
    server, _backup = big
    repository = work / "pg_dump"

    def kill() -> None:
        for pid, name in children().items():
            if name.startswith("pg_dump"):
                os.kill(pid, signal.SIGKILL)

    with (
        soon(lambda: any(name.startswith("pg_dump") for name in children().values()), kill),
        pytest.raises(ProcessError, match="pg_dump was killed by signal 9"),
    ):
        back_up(server, repository, "big")
    assert sets_in(repository) == []
    assert programs() == []
    wait_for_sessions_to_end(server)


def test_interrupted_backup_leaves_nothing(big: tuple[PostgresServer, Backup], work: Path) -> None:
    server, _backup = big
    repository = work / "interrupted"

    def interrupt(_number: int, _frame: object) -> None:
        raise Interrupted("stopped")

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        with (
            soon(lambda: bool(list(repository.rglob("*.dat"))), lambda: os.kill(os.getpid(), signal.SIGTERM)),
            pytest.raises(Interrupted, match="stopped"),
        ):
            back_up(server, repository, "big")
    finally:
        signal.signal(signal.SIGTERM, before)
    assert sets_in(repository) == []
    assert programs() == []
    wait_for_sessions_to_end(server)


def test_interrupted_restore_leaves_nothing(
    big: tuple[PostgresServer, Backup],
    reachable_tmp: Path,
    monkeypatch: pytest.MonkeyPatch,
    fresh_pg: Callable[..., PostgresServer],
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(reachable_tmp))
    _source, made = big
    server = fresh_pg()

    def interrupt(_number: int, _frame: object) -> None:
        raise Interrupted("stopped")

    def loading() -> bool:
        return bool(server.value("SELECT count(*) FROM pg_stat_activity WHERE query ~ '^(COPY|CREATE INDEX)'"))

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        with soon(loading, lambda: os.kill(os.getpid(), signal.SIGTERM)), pytest.raises(Interrupted, match="stopped"):
            restore(server, made.reader, made.databases)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert server.value("SELECT count(*) FROM pg_database WHERE datname ~ 'shadow|big'") == 0
    assert programs() == []
    assert not list(reachable_tmp.glob("backupdb-restore-*"))


def test_killed_restore_is_swept_by_the_next_and_a_living_one_is_not(
    big: tuple[PostgresServer, Backup],
    reachable_tmp: Path,
    monkeypatch: pytest.MonkeyPatch,
    fresh_pg: Callable[..., PostgresServer],
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(reachable_tmp))
    _source, made = big
    server = fresh_pg()
    shadows = "SELECT datname FROM pg_database WHERE datname ~ 'shadow' ORDER BY 1"
    process = subprocess.Popen(
        [sys.executable, "-c", RESTORE_FOR_EVER, made.reader.directory, str(server.socket_dir), str(server.port)],
        cwd=Path(__file__).parents[3],
        env={**os.environ, "TMPDIR": str(reachable_tmp)},
        stderr=subprocess.PIPE,
    )
    while not server.value("SELECT count(*) FROM pg_stat_activity WHERE query ~ '^(COPY|CREATE INDEX)'"):
        assert process.poll() is None, process.communicate()
    process.send_signal(signal.SIGSTOP)
    living = server.sql(shadows)
    assert len(living) == 1
    for path in reachable_tmp.glob("backupdb-restore-*"):
        os.utime(path, (0, 0))
    staged = list(reachable_tmp.glob("backupdb-restore-*"))
    restore(server, made.reader, {"big": "other"}, analyze=False)
    assert server.sql(shadows) == living
    assert list(reachable_tmp.glob("backupdb-restore-*")) == staged
    process.kill()
    process.communicate()
    wait_for_sessions_to_end(server)
    assert server.sql(shadows) == living
    left = list(reachable_tmp.glob("backupdb-restore-*"))
    for path in left:
        os.utime(path, (0, 0))
    with engine(server) as used:
        request = RestoreRequest(databases={"big": "big"}, jobs=2)
        used.restore(request, used.plan_restore(request, made.reader), made.reader)
        assert any(living[0][0] in text for text in used.reporter.warnings)
    assert not list(reachable_tmp.glob("backupdb-restore-*"))
    assert server.sql(shadows) == []
    assert differences(server, made.proof) == []


def test_server_killed_in_the_middle_of_a_restore(
    big: tuple[PostgresServer, Backup], fresh_pg: Callable[..., PostgresServer]
) -> None:
    _source, made = big
    server = fresh_pg()

    def loading() -> bool:
        return bool(server.value("SELECT count(*) FROM pg_stat_activity WHERE query ~ '^(COPY|CREATE INDEX)'"))

    with soon(loading, server.kill), pytest.raises(BackupError, match="big|connection"):
        restore(server, made.reader, made.databases)
    assert programs() == []
    server.start_again()
    assert server.value("SELECT count(*) FROM pg_database WHERE datname = 'big'") == 0
    restore(server, made.reader, made.databases)
    assert differences(server, made.proof) == []
    assert server.value("SELECT count(*) FROM pg_database WHERE datname ~ 'shadow'") == 0


def test_locked_table_is_named(big: tuple[PostgresServer, Backup], work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server, _backup = big
    monkeypatch.setattr(dump, "LOCK_TIMEOUT", 100)
    with server.connect("big") as session, session.transaction():
        session.execute("LOCK TABLE a")
        with pytest.raises(ProcessError, match="LOCK TABLE") as failure:
            back_up(server, work / "locked", "big", level="counts")
    assert "exclusive lock" in str(failure.value)


def test_damaged_data_fails_the_restore(
    big: tuple[PostgresServer, Backup],
    work: Path,
    reachable_tmp: Path,
    monkeypatch: pytest.MonkeyPatch,
    fresh_pg: Callable[..., PostgresServer],
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(reachable_tmp))
    server, _backup = big
    made = back_up(server, work / "damaged", "big", level="counts")
    artefact = made.reader.manifest.artefact("database", "big")
    assert artefact is not None
    largest = max(artefact.files, key=lambda entry: entry.size)
    os.truncate(Path(made.reader.directory) / largest.path, largest.size // 2)
    target = fresh_pg()
    with pytest.raises(BackupError, match="zstd failed"):
        restore(target, made.reader, made.databases)
    assert target.value("SELECT count(*) FROM pg_database WHERE datname ~ 'shadow|big'") == 0
    assert not list(reachable_tmp.glob("backupdb-restore-*"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small file system")
def test_f09_too_little_temporary_space_is_found_before_anything_changes(
    big: tuple[PostgresServer, Backup],
    reachable_tmp: Path,
    monkeypatch: pytest.MonkeyPatch,
    fresh_pg: Callable[..., PostgresServer],
) -> None:
    _source, made = big
    artefact = made.reader.manifest.artefact("database", "big")
    assert artefact is not None
    if "plain_bytes" not in artefact.details:
        pytest.skip("these client programs read compressed dumps as they are")
    server = fresh_pg()
    small = reachable_tmp / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "none", small], check=True)
    try:
        monkeypatch.setattr(tempfile, "tempdir", str(small))
        problems = plan_restore(server, made.reader, made.databases).problems
        assert any("temporary space" in text and "TMPDIR" in text for text in problems)
    finally:
        subprocess.run(["umount", small], check=True)


def test_f17_no_secret_in_argument_lists_logs_and_messages(work: Path, fresh_pg: Callable[..., PostgresServer]) -> None:
    source = fresh_pg()
    target = fresh_pg(settings={"log_statement": "all", "log_min_duration_statement": "0"})
    source.sql("CREATE ROLE app LOGIN PASSWORD 'app-password'")
    source.sql("CREATE DATABASE d OWNER app")
    source.sql(
        "CREATE EXTENSION postgres_fdw; CREATE SERVER s FOREIGN DATA WRAPPER postgres_fdw;"
        "CREATE USER MAPPING FOR app SERVER s OPTIONS (user 'u', password 'mapping-password');"
        "CREATE TABLE t AS SELECT g, md5(g::text) FROM generate_series(1, 100000) g",
        database="d",
    )
    secrets = [source.password, target.password, "mapping-password", "SCRAM-SHA-256$"]
    seen: set[bytes] = set()
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    seen.add(path.read_bytes())
                except (FileNotFoundError, ProcessLookupError):
                    continue

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        made = back_up(source, work / "f17", "d", password=source.password)
        target.log_file.write_text("")
        restore(target, made.reader, made.databases, connect={"password": target.password})
        assert differences(target, made.proof, password=target.password) == []
    finally:
        done.set()
        thread.join()
    assert any(b"pg_dump" in line for line in seen)
    assert not [line for line in seen for secret in secrets if secret.encode() in line]
    log = target.log_file.read_text(errors="replace")
    assert "COMMENT" in log or "SELECT" in log
    assert [secret for secret in secrets if secret in log] == []
    assert source.password not in repr(engine(source, password=source.password).connection)


def test_failing_statement_with_a_password_does_not_show_it(
    work: Path, fresh_pg: Callable[..., PostgresServer]
) -> None:
    source, target = fresh_pg(lost=True), fresh_pg()
    source.sql("CREATE ROLE app")
    source.sql("CREATE DATABASE d")
    source.sql(
        "CREATE EXTENSION postgres_fdw; CREATE SERVER s FOREIGN DATA WRAPPER postgres_fdw;"
        "CREATE USER MAPPING FOR app SERVER s OPTIONS (user 'u', password 'mapping-password')",
        database="d",
    )
    made = back_up(source, work / "mapping", "d")
    artefact = made.reader.manifest.artefact("database", "d")
    assert artefact is not None
    artefact.details["roles"].remove("app")
    with pytest.raises(BackupError, match="USER MAPPING") as failure:
        restore(target, made.reader, made.databases, roles="none")
    assert "mapping-password" not in str(failure.value)
    assert 'role "app" does not exist' in str(failure.value)


def test_backup_of_several_databases_stops_with_the_first_failure(
    work: Path, fresh_pg: Callable[..., PostgresServer]
) -> None:
    server = fresh_pg()
    for number in range(4):
        server.sql(f"CREATE DATABASE d{number}")
    server.sql("CREATE TABLE t (i integer); DROP TABLE t", database="d0")
    used = engine(server)
    request = BackupRequest(jobs=2)
    repository = work / "several"
    with used, Repository(str(repository)).begin("source", "main") as writer:
        plan = used.plan_backup(request)
        server.sql("DROP DATABASE d3")
        with pytest.raises(ConnectionFailed, match="'d3'"):
            used.backup(request, plan, writer)
    assert sets_in(repository) == []
    made = back_up_with(engine(server), repository)
    assert sorted(made.databases) == ["d0", "d1", "d2", "postgres"]
