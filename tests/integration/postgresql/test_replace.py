# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Restoring over what is there: the old database or the new one, never a part, and the old one is kept."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql import restore as restore_module
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql import run_restore, swap
from ansible_collections.vya.backupdb.plugins.module_utils._engines.placement import Placement
from ansible_collections.vya.backupdb.plugins.module_utils._engines.proven import recorded_proof
from ansible_collections.vya.backupdb.plugins.module_utils._errors import BackupError, Interrupted

from tests.integration.postgresql.rig import back_up, differences, engine, plan_restore, restore
from tests.integration.postgresql.standing import NEW, OLD, Standing
from tests.integration.postgresql.test_faults import soon
from tests.support.postgresql import PostgresServer

SHADOWS = "SELECT count(*) FROM pg_database WHERE datname ~ 'backupdb_shadow'"


def test_replaced_database_is_kept_and_the_new_one_is_what_was_recorded(standing: Standing) -> None:
    request = standing.request()
    kept = {name: f"{name}__before_{standing.stamp}" for name in standing.names}
    with engine(standing.server) as used:
        plan = used.plan_restore(request, standing.made.reader)
        assert (list(plan.problems), plan.replaced) == ([], kept)
        outcome = used.restore(request, plan, standing.made.reader)
    assert {item.name: item.previous for item in outcome.databases} == kept
    assert differences(standing.server, standing.made.proof, instance=False) == []
    assert [standing.state(name) for name in kept.values()] == [OLD, OLD]
    assert standing.databases() == sorted([*kept, *kept.values()])


def test_what_is_not_what_was_backed_up_takes_no_place(standing: Standing, monkeypatch: pytest.MonkeyPatch) -> None:
    def with_more_rows(reader: Any) -> Any:
        proof = recorded_proof(reader)
        objects = tuple(
            replace(item, rows=item.rows + 1) if item.rows is not None else item for item in proof.databases["shop"]
        )
        return replace(proof, databases={**proof.databases, "shop": objects})

    monkeypatch.setattr(run_restore, "recorded_proof", with_more_rows)
    with pytest.raises(BackupError, match="not what was backed up") as failure:
        standing.replace(standing.request("shop"))
    assert all(text.startswith("rows of table") and "(database shop)" in text for text in failure.value.details)
    assert (standing.state("shop"), standing.databases()) == (OLD, ["crm", "shop"])


def test_previous_databases_beyond_keep_previous_are_removed(standing: Standing) -> None:
    for stamp in ("20200101T000000Z", "20210101T000000Z"):
        standing.server.sql(f'CREATE DATABASE "shop__before_{stamp}" IS_TEMPLATE true')
    standing.server.sql('CREATE DATABASE "shop__before_the_war"')
    now = standing.stamp
    for keep, number, left in (
        (3, "", ["20200101T000000Z", "20210101T000000Z", now]),
        (2, "_2", [now, f"{now}_2"]),
        (1, "_3", [f"{now}_3"]),
        (0, None, []),
    ):
        outcome, warnings = standing.replace(standing.request("shop", keep=keep))
        there = [name for name in standing.databases() if name not in ("crm", "shop", "shop__before_the_war")]
        assert there == [f"shop__before_{stamp}" for stamp in left]
        assert outcome.databases[0].previous == (None if number is None else f"shop__before_{now}{number}")
        assert (standing.state("shop"), warnings) == (NEW, [])
    assert "shop__before_the_war" in standing.databases()


def test_absent_names_are_simply_created_and_names_stay_free(standing: Standing) -> None:
    standing.server.sql("DROP DATABASE shop")
    standing.server.sql(f'ALTER DATABASE crm RENAME TO "shop__before_{standing.stamp}"')
    outcome, _warnings = standing.replace(standing.request("shop"))
    assert outcome.databases[0].previous is None
    outcome, _warnings = standing.replace(standing.request("shop", keep=2))
    assert outcome.databases[0].previous == f"shop__before_{standing.stamp}_2"
    assert standing.state(f"shop__before_{standing.stamp}") == OLD


def test_sessions_forbid_it_with_their_list(standing: Standing) -> None:
    with standing.server.connect("shop", application_name="the till"):
        (problem,) = standing.problems(standing.request())
    assert "'shop'" in problem
    assert "1 session uses it" in problem
    assert "the till, from 127.0.0.1" in problem
    assert "disconnect: true" in problem


def test_sessions_that_come_during_the_load_forbid_it_too(standing: Standing) -> None:
    with contextlib.ExitStack() as stack:

        def come() -> None:
            stack.enter_context(standing.server.connect("crm", application_name="latecomer"))

        with (
            soon(lambda: standing.server.value(SHADOWS) > 0, come),
            pytest.raises(BackupError, match="everything is as it was") as failure,
        ):
            standing.replace(standing.request())
        assert "latecomer" in str(failure.value)
    assert standing.databases() == ["crm", "shop"]
    assert [standing.state(name) for name in standing.names] == [OLD, OLD]


def test_pools_that_connect_again_at_once_are_kept_out(standing: Standing) -> None:
    done = threading.Event()
    seen: list[str] = []

    def pool() -> None:
        while not done.is_set():
            with contextlib.suppress(psycopg.Error), standing.server.connect("shop") as session:
                while not done.is_set():
                    row = session.execute("SELECT word, pg_sleep(0.01) FROM item WHERE id = 1").fetchone()
                    assert row is not None
                    seen.append(row[0])

    threads = [threading.Thread(target=pool) for _number in range(6)]
    for thread in threads:
        thread.start()
    try:
        outcome, _warnings = standing.replace(standing.request("shop", disconnect=True))
        until = len(seen) + 50
        while len(seen) < until:
            assert any(thread.is_alive() for thread in threads)
        assert set(seen[-10:]) == {NEW}
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert outcome.databases[0].previous is not None
    assert standing.state(outcome.databases[0].previous) == OLD
    # Once new, it never was old again.
    assert seen == sorted(seen, reverse=True)


def test_prepared_transactions_forbid_it_and_are_never_ended(standing: Standing) -> None:
    with standing.server.connect("shop") as session:
        session.execute("BEGIN; DELETE FROM item WHERE id = 1; PREPARE TRANSACTION 'the payment'")
    (problem,) = standing.problems(standing.request("shop", disconnect=True))
    assert "'the payment'" in problem
    assert "COMMIT PREPARED" in problem
    standing.server.sql("ROLLBACK PREPARED 'the payment'", database="shop")


def test_who_looks_into_an_unfinished_database_does_not_stop_it(standing: Standing) -> None:
    with contextlib.ExitStack() as stack:

        def come() -> None:
            name = standing.server.value("SELECT max(datname) FROM pg_database WHERE datname ~ 'backupdb_shadow'")
            stack.enter_context(standing.server.connect(name, application_name="monitoring"))

        with soon(lambda: standing.server.value(SHADOWS) > 0, come):
            standing.replace(standing.request("shop"))
    assert standing.state("shop") == NEW


def test_p31_live_database_keeps_its_name_when_the_new_one_cannot_have_it(
    standing: Standing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(swap, "_LOCK_TIMEOUT", 200)
    with standing.server.connect() as other, other.transaction():

        def lock() -> None:
            ((name,),) = other.execute(
                "SELECT max(datname) FROM pg_database WHERE datname ~ 'backupdb_shadow'"
            ).fetchall()
            other.execute(f"COMMENT ON DATABASE {name} IS 'busy'".encode())

        with (
            soon(lambda: standing.server.value(SHADOWS) > 0, lock),
            pytest.raises(BackupError, match="holds a lock on the database 'shop'"),
        ):
            # Removing the shadow would wait for the lock.
            monkeypatch.setattr(restore_module.Builder, "discard_all", lambda *_arguments: None)
            standing.replace(standing.request("shop"))
        assert standing.state("shop") == OLD


@pytest.mark.parametrize("keep_failed", [False, True])
def test_p31_failure_of_one_database_leaves_all_as_they_were(standing: Standing, keep_failed: bool) -> None:
    artefact = standing.made.reader.manifest.artefact("database", "crm")
    assert artefact is not None
    largest = Path(standing.made.reader.directory) / max(artefact.files, key=lambda entry: entry.size).path
    content = largest.read_bytes()
    largest.write_bytes(content[: len(content) // 2])
    used = engine(standing.server)
    request = standing.request(keep_failed=keep_failed)
    try:
        with used, pytest.raises(BackupError):
            used.restore(request, used.plan_restore(request, standing.made.reader), standing.made.reader)
    finally:
        largest.write_bytes(content)
    assert [standing.state(name) for name in standing.names] == [OLD, OLD]
    failed = [name for name in standing.databases() if name not in standing.names]
    if keep_failed:
        assert f"crm__failed_{standing.stamp}" in failed
        assert all(any(repr(name) in text for text in used.reporter.warnings) for name in failed)
    else:
        assert failed == []
    _outcome, warnings = standing.replace(standing.request("shop"))
    assert [name for name in standing.databases() if "__failed_" in name] == failed
    assert warnings == []


def test_interrupted_while_it_waits_for_a_lock_it_blocks_nobody(
    standing: Standing, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_number: int, _frame: object) -> None:
        raise Interrupted("stopped")

    def waiting() -> bool:
        query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query ~ 'RENAME'"
        return bool(standing.server.value(query))

    def discard(*arguments: Any) -> None:
        # By now the server was told to stop.
        deadline = time.monotonic() + 5
        while waiting() and time.monotonic() < deadline:
            time.sleep(0.05)
        still_waiting.append(waiting())
        discard_all(*arguments)

    still_waiting: list[bool] = []
    discard_all = restore_module.Builder.discard_all
    monkeypatch.setattr(restore_module.Builder, "discard_all", discard)
    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        with standing.server.connect() as other, other.transaction():
            other.execute("COMMENT ON DATABASE shop IS 'busy'")
            with (
                soon(waiting, lambda: os.kill(os.getpid(), signal.SIGTERM)),
                pytest.raises(Interrupted, match="stopped"),
            ):
                standing.replace(standing.request("shop"))
    finally:
        signal.signal(signal.SIGTERM, before)
    assert still_waiting == [False]
    assert standing.databases() == ["crm", "shop"]
    assert standing.state("shop") == OLD


def test_slots_and_subscriptions_are_named_and_never_lost(standing: Standing) -> None:
    sql = standing.server.sql
    sql("SELECT pg_create_logical_replication_slot('to_the_warehouse', 'test_decoding')", database="shop")
    sql(
        "CREATE SUBSCRIPTION from_the_tills CONNECTION 'host=192.0.2.1' PUBLICATION p WITH (connect = false)",
        database="shop",
    )
    try:
        with engine(standing.server) as used:
            texts = used.plan_restore(standing.request("shop", keep=0), standing.made.reader).warnings
        assert [name for name in ("to_the_warehouse", "from_the_tills") if any(name in text for text in texts)] == [
            "to_the_warehouse",
            "from_the_tills",
        ]
        outcome, warnings = standing.replace(standing.request("shop", keep=0))
        previous = f"shop__before_{standing.stamp}"
        assert outcome.databases[0].previous == previous
        assert any("was not removed: it has subscriptions" in text for text in warnings)
        assert standing.server.value("SELECT database FROM pg_replication_slots") == previous
    finally:
        place = "SELECT d.datname FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid"
        name = standing.server.value(place)
        sql("ALTER SUBSCRIPTION from_the_tills SET (slot_name = NONE)", database=name)
        sql("DROP SUBSCRIPTION from_the_tills", database=name)
        sql("SELECT pg_drop_replication_slot('to_the_warehouse')")


def test_closed_templates_and_databases_of_initdb_are_replaced_and_come_back(
    work: Path, fresh_pg: Callable[..., PostgresServer]
) -> None:
    server = fresh_pg()
    server.sql("CREATE DATABASE stamped IS_TEMPLATE true ALLOW_CONNECTIONS false")
    for name in ("postgres", "template1"):
        server.sql(f"CREATE TABLE precious AS SELECT '{name}'::text AS t", database=name)
    server.sql("ALTER DATABASE stamped ALLOW_CONNECTIONS true")
    made = back_up(server, work / "initdb", "postgres", "template1", "stamped")
    server.sql("ALTER DATABASE stamped ALLOW_CONNECTIONS false")
    for name in ("postgres", "template1"):
        server.sql("UPDATE precious SET t = 'later'", database=name)
    placement = Placement("replace", 1, False, made.reader.manifest.set_id)
    outcome = restore(server, made.reader, made.databases, placement=placement)
    assert differences(server, made.proof) == []
    kept = {item.name: item.previous for item in outcome.databases}
    assert server.value("SELECT t FROM precious", database=str(kept["postgres"])) == "later"
    assert server.value("SELECT datistemplate FROM pg_database WHERE datname = %s", kept["stamped"])
    restore(server, made.reader, {"stamped": "stamped"}, placement=Placement("replace", 0, False, "20260101T000000Z"))
    assert server.value("SELECT count(*) FROM pg_database WHERE datname ~ 'stamped'") == 1


def test_database_that_the_run_logs_in_to_is_replaced_too(standing: Standing) -> None:
    standing.replace(standing.request(), database="shop")
    assert [standing.state(name) for name in standing.names] == [NEW, NEW]


def test_second_run_changes_nothing_even_where_a_restored_database_is_empty(
    work: Path, fresh_pg: Callable[..., PostgresServer]
) -> None:
    source, target = fresh_pg(lost=True), fresh_pg()
    source.sql("CREATE DATABASE shop; ".strip("; "))
    source.sql("COMMENT ON DATABASE postgres IS 'recorded'")
    made = back_up(source, work / "twice")
    options = {"placement": Placement("skip")}
    restore(target, made.reader, made.databases, **options)
    identifiers = target.sql("SELECT oid, datname FROM pg_database ORDER BY 1")
    plan = plan_restore(target, made.reader, made.databases, **options)
    assert (plan.changes, list(plan.problems), sorted(plan.skipped)) == (False, [], ["postgres", "shop"])
    restore(target, made.reader, made.databases, **options)
    assert target.sql("SELECT oid, datname FROM pg_database ORDER BY 1") == identifiers


def test_login_without_privileges_replaces_its_own_and_is_told_what_it_may_not(standing: Standing) -> None:
    sql = standing.server.sql
    sql("DROP ROLE IF EXISTS clerk; CREATE ROLE clerk LOGIN CREATEDB PASSWORD 'secret of the clerk'")
    sql("ALTER DATABASE shop OWNER TO clerk")
    sql("ALTER TABLE item OWNER TO clerk; ALTER VIEW words OWNER TO clerk", database="shop")
    login = {"user": "clerk", "password": "secret of the clerk"}
    made = back_up(standing.server, standing.repository, "shop", level="counts")
    sql("INSERT INTO item VALUES (0, 'later')", database="shop")
    options = {"roles": "none", "placement": Placement("replace", 1, True, made.reader.manifest.set_id)}
    plan = plan_restore(standing.server, made.reader, {"shop": "crm"}, login, **options)
    assert any("clerk may not rename the database 'crm' of postgres" in text for text in plan.problems)
    with standing.server.connect("shop"), pytest.raises(BackupError, match="may not end the sessions of 'shop'"):
        restore(standing.server, made.reader, {"shop": "shop"}, login, **options)
    assert standing.server.value("SELECT count(*) FROM item WHERE id = 0", database="shop") == 1
    with standing.server.connect("shop", user="clerk", password="secret of the clerk"):
        outcome = restore(standing.server, made.reader, {"shop": "shop"}, login, **options)
    assert standing.state("shop") == OLD
    assert outcome.databases[0].previous == f"shop__before_{made.reader.manifest.set_id}"
    standing.drop("shop")
    standing.drop(str(outcome.databases[0].previous))
    sql("DROP ROLE clerk")
