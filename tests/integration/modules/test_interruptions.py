# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A run that is cut short leaves no set, no process and no secret; the next run sweeps what a killed one left."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.integration.modules.harness import Workplace, message_of, result_of, until
from tests.integration.modules.samples import Sample, mariadb_sample, postgresql_sample
from tests.support.keys import age_key
from tests.support.mariadb import MariaDBServer
from tests.support.postgresql import PostgresServer

MIB = 1 << 20


@contextmanager
def table_locked(sample: Sample) -> Iterator[None]:
    """A session that keeps everybody from reading a table: a dump waits for it, in its very middle."""
    session = sample.server.connect("shop")
    cursor = session.cursor()
    if isinstance(sample.server, PostgresServer):
        cursor.execute("BEGIN")
        cursor.execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
    else:
        cursor.execute("LOCK TABLES orders WRITE")
    try:
        yield
    finally:
        # Also when the server is gone: closing says nothing to it.
        session.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_f10_told_to_stop(work: Workplace, sample: Sample, number: signal.Signals) -> None:
    work.hold("zstd")
    with work.started("dump", **sample.local, **work.place) as process:
        work.held()
        assert len(work.partial()) == 1
        process.send_signal(number)
        result = result_of(process)
    message_of(result, f"stopped by {number.name}", "What to do: run it again")
    work.assert_clean()


def test_f10_killed_run_leaves_no_process_and_is_swept(work: Workplace, sample: Sample) -> None:
    work.hold("zstd")
    # One at a time: a program that is being started in the very moment of the kill may live on until it has done its part.
    with work.started("dump", **sample.local, **work.place, jobs=1) as process:
        work.held()
        process.kill()
        process.wait()
    until(lambda: not work.processes(), "its programs have ended with it")
    assert len(work.partial()) == 1
    work.release()
    result = work.run("dump", **sample.local, **work.place)
    assert result["changed"] is True, result
    work.assert_clean(sets=1)


def test_f13_killed_compressor(work: Workplace, sample: Sample) -> None:
    work.hold("zstd")
    with work.started("dump", **sample.local, **work.place) as process:
        os.kill(work.held(), signal.SIGKILL)
        work.release()
        result = result_of(process)
    message_of(result, "zstd was killed by signal 9")
    work.assert_clean()


@pytest.mark.parametrize("kind", [PostgresServer, MariaDBServer])
def test_f13_killed_server(work: Workplace, kind: type) -> None:
    with kind() as server:
        fill = postgresql_sample if kind is PostgresServer else mariadb_sample
        sample = fill(server)
        with work.started("dump", **sample.local, **work.place) as process:
            with table_locked(sample):
                waiting = (
                    "SELECT count(*) FROM pg_locks WHERE NOT granted"
                    if kind is PostgresServer
                    else "SELECT count(*) FROM information_schema.processlist WHERE state LIKE 'Waiting for%lock%'"
                )
                until(lambda: server.value(waiting), "the dump waits for the table")
                server.kill()
            result = result_of(process)
        message_of(result, "server|connection|gone away|closed", "What to do: |\\.")
        work.assert_clean()


def full_disk(work: Workplace, sample: Sample, size: int) -> dict[str, object]:
    """Back up to a file system that fills up on the way, and look that nothing is left on it."""
    small = work.repository / "small"
    small.mkdir()
    script = (
        f'mount -t tmpfs -o size={size} none {small} && "$@"; code=$?; '
        f'if find {small} -name "*.partial" -o -name manifest.json | grep -q .; then exit 99; fi; exit $code'
    )
    prefix = ("unshare", "--mount", "sh", "-c", script, "sh")
    with work.started("dump", prefix, **sample.local, **{**work.place, "repository": str(small)}) as process:
        result = result_of(process)
        assert process.returncode != 99, "something half-made is left"
    return result


@pytest.mark.parametrize("kind", [PostgresServer, MariaDBServer])
def test_f09_disk_full_in_the_middle(work: Workplace, kind: type) -> None:
    with kind() as server:
        sample = (postgresql_sample if kind is PostgresServer else mariadb_sample)(server)
        # Noise cannot be compressed: the estimate is too low.
        if kind is PostgresServer:
            server.sql(
                "CREATE TABLE noise (b bytea); ALTER TABLE noise ALTER b SET STORAGE EXTERNAL;"
                "INSERT INTO noise SELECT (SELECT string_agg(sha512((n * 1000 + i)::text::bytea), ''::bytea)"
                " FROM generate_series(1, 160) i) FROM generate_series(1, 2000) n",
                database="shop",
            )
        else:
            server.sql(
                "CREATE TABLE noise (b longblob);INSERT INTO noise SELECT random_bytes(1024) FROM seq_1_to_20000",
                database="shop",
            )
        needed = int(work.run("instance_info", **sample.local)["estimated_bytes"])
        result = full_disk(work, sample, needed + 64 * 1024)
        message_of(result, "no space left for the repository", "What to do: free space")
        work.assert_clean()


@pytest.mark.parametrize("encrypted", [False, True])
def test_f09_disk_full_while_archiving_files(work: Workplace, encrypted: bool) -> None:
    tree = work.root / "tree"
    tree.mkdir()
    (tree / "noise").write_bytes(os.urandom(3 * MIB))
    small = work.repository / "small"
    small.mkdir()
    filler = f"dd if=/dev/zero of={small}/filler bs=64k count=40 2>/dev/null"
    script = f"mount -t tmpfs -o size=4m none {small} && (while ! [ -e {work.go} ]; do sleep 0.02; done; {filler}) & "
    # The disk is filled by somebody else once the backup has begun.
    script = (
        f"mount -t tmpfs -o size=4m none {small}; "
        f"(while ! ls {work.waiting}/* >/dev/null 2>&1; do sleep 0.02; done; {filler}; : > {work.go}) & "
        f'"$@"; code=$?; find {small} -name "*.partial" | grep -q . && exit 99; exit $code'
    )
    work.hold("zstd")
    prefix = ("unshare", "--mount", "sh", "-c", script, "sh")
    place = {**work.place, "repository": str(small)}
    recipients = [age_key().public] if encrypted else []
    with work.started("files_archive", prefix, **place, paths=[str(tree)], recipients=recipients) as process:
        result = result_of(process)
        assert process.returncode != 99, "something half-made is left"
    message_of(result, "no space left for the repository", "What to do: free space")
    work.assert_clean()


def test_p31_m21_a_stopped_restore_leaves_no_database(work: Workplace, sample: Sample, empty: object) -> None:
    work.run("dump", **sample.local, **work.place)
    work.hold("zstd")
    login = empty.login()  # type: ignore[attr-defined]
    names = (
        "SELECT coalesce(string_agg(datname, ' '), '') FROM pg_database WHERE datname NOT IN ('postgres', 'template0', 'template1')"
        if isinstance(empty, PostgresServer)
        else "SELECT coalesce(group_concat(schema_name), '') FROM information_schema.schemata"
        " WHERE schema_name NOT IN ('mysql', 'sys', 'information_schema', 'performance_schema')"
    )
    with work.started("restore", **login, **work.place) as process:
        work.held()
        process.send_signal(signal.SIGTERM)
        result = result_of(process)
    message_of(result, "stopped by SIGTERM")
    work.assert_clean(sets=1)
    assert empty.value(names) == ""  # type: ignore[attr-defined]
    work.release()
    assert work.run("restore", **login, **work.place)["changed"] is True
    assert empty.value("SELECT count(*) FROM orders", database="shop") == 500  # type: ignore[attr-defined]


def test_the_progress_file_says_what_is_being_done(work: Workplace, sample: Sample) -> None:
    work.hold("zstd")
    file = work.root / "progress.json"
    with work.started("dump", **sample.local, **work.place, progress_file=str(file)) as process:
        work.held()
        record = json.loads(file.read_text())
        assert record["pid"] == process.pid and record["phase"]
        assert file.stat().st_mode & 0o777 == 0o600
        work.release()
        result_of(process)
