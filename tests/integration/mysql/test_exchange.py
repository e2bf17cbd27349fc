# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Databases that change places: whatever fails, the name is wholly old or wholly new."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql import swap
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.connection import Server
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.programs import Program
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.shadow import JOURNAL, KEPT, MARKER, Run
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.swap import (
    Exchange,
    Swap,
    cut_off,
    recover,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines.base import BackupRequest
from ansible_collections.vya.backupdb.plugins.module_utils._engines.placement import RollbackRequest
from ansible_collections.vya.backupdb.plugins.module_utils._errors import BackupError
from ansible_collections.vya.backupdb.plugins.module_utils._model import Connection
from ansible_collections.vya.backupdb.plugins.module_utils._progress import Reporter

from tests.integration.modules.harness import until
from tests.integration.mysql.conftest import databases_of, engine
from tests.integration.mysql.standing import WITH_RIGHTS, build, differences, proof_of
from tests.support.mariadb import MariaDBServer

PREVIOUS = "shop__before_20260101T000000Z"
INCOMING = "incoming__restoring_0000000a"
THERE = Exchange(INCOMING, "shop", PREVIOUS)
BACK = Exchange(PREVIOUS, "shop", INCOMING)
#: The change that moves the tables.
RENAMING = 11


class Interrupted(Exception):
    """What a test lets a step raise."""


class Counted(Swap):
    """Does something before one of its changes."""

    def at(self, number: int, action: object) -> Counted:
        self.number, self.action, self.done = number, action, 0
        return self

    def _step(self) -> None:
        self.done += 1
        if self.done == self.number:
            self.action()


def connect(server: MariaDBServer) -> Server:
    return Server(Connection(unix_socket=str(server.socket), user=server.superuser))


def exchange(server: MariaDBServer, what: Exchange, number: int = 0, action: object = None) -> int:
    """Exchange, with something done before a change; returns how many changes there were."""
    opened = connect(server)
    with opened.session() as session:
        counted = Counted(opened, Run(session).lock, Reporter()).at(number, action)
        counted.run([what])
        return counted.done


@pytest.fixture
def shops(target: MariaDBServer) -> MariaDBServer:
    """A live database, and another one that is to take its name."""
    build(target, "shop", "old")
    build(target, INCOMING, "new")
    # there and back, so that both have been parked once
    exchange(target, THERE)
    exchange(target, BACK)
    return target


def fail() -> None:
    raise Interrupted


def test_m21_m22_an_exchange_brings_everything_both_ways(shops: MariaDBServer) -> None:
    before = proof_of(shops, "shop", INCOMING)
    exchange(shops, THERE)
    assert databases_of(shops) == ["shop", PREVIOUS]
    # What is parked has its events disabled, grants stay with the name, and nothing else.
    assert differences(before, shops, shop=PREVIOUS, **{INCOMING: "shop"}) == [
        f"missing grant: ALL PRIVILEGES on database {PREVIOUS} to 'app'@'%' (database {PREVIOUS})",
        f"status of event ticks: expected ENABLED, found DISABLED (database {PREVIOUS})",
        "unexpected grant: ALL PRIVILEGES on database shop to 'app'@'%' (database shop)",
        "status of event ticks: expected DISABLED, found ENABLED (database shop)",
    ]
    assert shops.value("SELECT COUNT(*) FROM shop.a_top") == 4
    shops.sql("INSERT INTO shop.child VALUES (3, 2)")
    assert shops.sql("SELECT what FROM shop.log ORDER BY 1") == [(f"{INCOMING}.log 3 new",), (f"{INCOMING}.parent",)]
    assert shops.sql(f"SELECT * FROM {PREVIOUS}.log") == []
    shops.sql("DELETE FROM shop.child WHERE id = 3; DELETE FROM shop.log")
    exchange(shops, BACK)
    assert differences(before, shops) == []


def test_m21_a_failure_at_each_step_leaves_everything_as_it_was(shops: MariaDBServer) -> None:
    before = proof_of(shops, "shop", INCOMING)
    number, complete = -2, 0
    while True:
        number += 3
        try:
            exchange(shops, THERE, number, fail)
        except Interrupted:
            if PREVIOUS in databases_of(shops):
                complete += 1
                back(shops)
            assert differences(before, shops) == [], number
        else:
            break
    # MySQL has no sequences and packages
    assert number > (50 if shops.flavour == "mariadb" else 40)
    # Only while the emptied database was being dropped.
    assert complete <= 1


def back(server: MariaDBServer) -> list[str]:
    """Let the next run do its part, and exchange them back if need be; returns its warnings."""
    opened = connect(server)
    with opened.session() as session:
        until(lambda: cut_off(session), "the server has noticed that the run is dead")
    reporter = Reporter()
    recover(opened, reporter)
    if INCOMING not in databases_of(server):
        exchange(server, BACK)
    return list(reporter.warnings)


def test_m21_killed_at_each_step_the_next_run_finishes_or_undoes(shops: MariaDBServer) -> None:
    before = proof_of(shops, "shop", INCOMING)
    fork = multiprocessing.get_context("fork")
    outcomes = []
    for number in (2, 11, *range(12, 56, 6), 55):
        process = fork.Process(
            target=exchange, args=(shops, THERE, number, lambda: os.kill(os.getpid(), signal.SIGKILL))
        )
        process.start()
        process.join()
        if process.exitcode != -signal.SIGKILL:
            exchange(shops, BACK)
            continue
        (warning,) = back(shops)
        outcomes.append("finished" if "was finished" in warning else "undone")
        assert differences(before, shops) == [], (number, warning)
    assert set(outcomes) == {"finished", "undone"}


def killed(server: MariaDBServer, number: int) -> None:
    """Begin the exchange in a process that kills itself before a change, and wait until the server has noticed."""
    process = multiprocessing.get_context("fork").Process(
        target=exchange, args=(server, THERE, number, lambda: os.kill(os.getpid(), signal.SIGKILL))
    )
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    with connect(server).session() as session:
        until(lambda: cut_off(session), "the server has noticed that the run is dead")


def test_m21_a_rollback_puts_right_what_a_dead_run_left(shops: MariaDBServer) -> None:
    before = proof_of(shops, "shop", INCOMING)
    wanted = RollbackRequest({"shop": None}, "20270101T000000Z")
    with engine(shops) as opened:
        killed(shops, 5)
        assert ["shop has no previous one" in text for text in opened.plan_rollback(wanted).problems] == [True]
        recover(connect(shops), Reporter())
        killed(shops, 20)
        plan = opened.plan_rollback(wanted)
        assert plan.problems == ()
        opened.rollback(wanted, plan)
        assert ["was finished" in text for text in opened.reporter.warnings] == [True]
    kept = "shop__before_20270101T000000Z"
    assert differences(before, shops, **{INCOMING: kept}) == []


def test_m21_a_database_in_the_middle_of_an_exchange_is_not_backed_up_as_if_it_were_whole(shops: MariaDBServer) -> None:
    before = proof_of(shops, "shop", INCOMING)
    with engine(shops) as opened:
        killed(shops, 5)
        (problem,) = opened.plan_backup(BackupRequest(databases=["shop"])).problems
        assert "shop may not be whole" in problem
        recover(connect(shops), Reporter())
        assert opened.plan_backup(BackupRequest(databases=["shop"])).problems == ()
    assert differences(before, shops) == []


def test_what_an_application_puts_into_its_database_is_not_believed(shops: MariaDBServer) -> None:
    """It could hide the database from backups, or let a restore run statements with the rights of root."""
    held = "CREATE TABLE shop.{} (held_by VARCHAR(64), number INT, piece LONGBLOB)"
    for table in (MARKER, JOURNAL, KEPT):
        shops.sql(held.format(table))
    shops.sql(f"INSERT INTO shop.{MARKER} VALUES ('free', 0, '')")
    view = Program("view", "mine", b"CREATE VIEW mine AS SELECT authentication_string FROM mysql.user")
    lies = {JOURNAL: {"held_by": "free", "parts": []}, KEPT: {"events": {}, "views": [view.to_json()]}}
    with shops.connect("shop") as session, session.cursor() as cursor:
        for table, lie in lies.items():
            cursor.execute(f"INSERT INTO {table} VALUES ('', 0, %s)", [json.dumps(lie)])
        session.commit()
    with connect(shops).session() as session:
        assert cut_off(session) == {}
    recover(connect(shops), Reporter())
    with engine(shops) as opened:
        assert "shop" in [database.name for database in opened.plan_backup(BackupRequest()).databases]
    exchange(shops, THERE)
    exchange(shops, BACK)
    assert shops.sql("SHOW FULL TABLES FROM shop LIKE 'mine'") == []
    assert "shop" in databases_of(shops)


def test_sessions_that_come_after_the_plan_forbid_it_too(shops: MariaDBServer) -> None:
    before = proof_of(shops, "shop", INCOMING)
    with shops.connect("shop"), pytest.raises(BackupError, match="shop cannot be replaced while sessions use it: root"):
        exchange(shops, THERE)
    assert differences(before, shops) == []


def test_m21_the_server_dies_in_the_middle_of_an_exchange(shops: MariaDBServer) -> None:
    before = proof_of(shops, "shop", INCOMING)
    for number in (5, 14, 20, 24, 31, 42):
        with pytest.raises(BackupError, match="connection was lost"):
            exchange(shops, THERE, number, shops.kill)
        shops.start()
        back(shops)
        assert differences(before, shops) == []


def test_m21_views_that_cannot_be_made_where_their_definer_has_no_rights_are_kept(target: MariaDBServer) -> None:
    build(target, "shop", "old", WITH_RIGHTS)
    build(target, INCOMING, "new")
    before = proof_of(target, "shop")
    exchange(target, THERE)
    assert target.sql(f"SHOW FULL TABLES FROM {PREVIOUS} LIKE 'rights'") == []
    exchange(target, BACK)
    assert differences(before, target) == [f"there is {INCOMING}"]
    assert target.value("SELECT name FROM shop.rights") == "old"


def test_m22_foreign_keys_of_other_databases_stay_with_the_name(shops: MariaDBServer) -> None:
    shops.sql("CREATE DATABASE other; CREATE TABLE other.far (id INT PRIMARY KEY)")
    shops.sql("CREATE TABLE other.t (p INT, CONSTRAINT k FOREIGN KEY (p) REFERENCES shop.child (id) ON DELETE CASCADE)")
    for name in ("shop", INCOMING):
        shops.sql(f"CREATE TABLE {name}.out (id INT, CONSTRAINT f FOREIGN KEY (id) REFERENCES other.far (id))")
    before = shops.sql("SHOW CREATE TABLE other.t")
    exchange(shops, THERE)
    assert shops.sql("SHOW CREATE TABLE other.t") == before
    assert "REFERENCES `other`.`far`" in shops.sql("SHOW CREATE TABLE shop.out")[0][1]
    assert "REFERENCES `parent`" in shops.sql("SHOW CREATE TABLE shop.child")[0][1]
    with pytest.raises(Interrupted):
        exchange(shops, BACK, 45, fail)
    assert shops.sql("SHOW CREATE TABLE other.t") == before


def test_m21_a_session_that_comes_in_between_does_not_keep_a_half_alive(
    shops: MariaDBServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It holds a table whose triggers are dropped already: they come back all the same."""
    monkeypatch.setattr(swap, "_ATTEMPT", 1)
    monkeypatch.setitem(swap._SETTINGS, "lock_wait_timeout", "1")
    before = proof_of(shops, "shop", INCOMING)
    with shops.connect() as late, late.cursor() as cursor:

        def come() -> None:
            late.select_db("shop")
            cursor.execute("BEGIN")
            cursor.execute("SELECT * FROM child")

        with pytest.raises(BackupError, match=rf"tables of shop are locked.*connection {late.thread_id()}"):
            exchange(shops, THERE, RENAMING, come)
    assert differences(before, shops) == []
