# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Restores over a database that is there: what was before is kept, whoever uses it is asked first."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import replace as changed
from typing import Any

import pymysql
import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql import restore, swap
from ansible_collections.vya.backupdb.plugins.module_utils._engines.proven import recorded_proof
from ansible_collections.vya.backupdb.plugins.module_utils._errors import BackupError

from tests.integration.modules.harness import until
from tests.integration.mysql.conftest import Journey, databases_of
from tests.integration.mysql.standing import WITH_RIGHTS, build, differences, proof_of
from tests.support.mariadb import MariaDBServer


@pytest.fixture
def standing(source: MariaDBServer, target: MariaDBServer, journey: Journey) -> MariaDBServer:
    """A server with a database ``shop`` of which a set holds another state."""
    build(source, "shop", "new", WITH_RIGHTS)
    journey.dump(source, "shop")
    build(target, "shop", "old")
    return target


def replace(journey: Journey, server: MariaDBServer, **options: Any) -> dict[str, Any]:
    return journey.restore(server, "shop", **{"if_exists": "replace", "roles": "none", **options})


def parked(name: str) -> list[str]:
    """How a database that was replaced differs from what it was."""
    return [
        f"missing grant: ALL PRIVILEGES on database {name} to 'app'@'%' (database {name})",
        f"status of event ticks: expected ENABLED, found DISABLED (database {name})",
    ]


def test_m08_m21_what_was_there_is_kept_and_both_are_proven(standing: MariaDBServer, journey: Journey) -> None:
    before = proof_of(standing, "shop")
    plan = replace(journey, standing, check=True)
    previous = f"shop__before_{journey.latest.manifest.set_id}"
    assert plan["databases"] == [{"recorded": "shop", "name": "shop", "previous": previous}]
    assert databases_of(standing) == ["shop"]
    result = replace(journey, standing)
    assert result["databases"][0]["previous"] == previous
    assert databases_of(standing) == ["shop", previous]
    assert journey.differences(standing) == []
    assert differences(before, standing, shop=previous) == ["there is shop", *parked(previous)]
    # its programs work on their own tables, and use what they are called now
    standing.sql(f"INSERT INTO {previous}.parent (/*!80000 id */) VALUES (/*!80000 77 */); CALL {previous}.note('x')")
    assert standing.sql("SELECT * FROM shop.log") == []
    assert standing.value("SELECT COUNT(*) FROM shop.parent") == 2


def test_what_is_not_what_was_backed_up_takes_no_place(
    standing: MariaDBServer, journey: Journey, monkeypatch: pytest.MonkeyPatch
) -> None:
    def with_more_rows(reader: Any) -> Any:
        proof = recorded_proof(reader)
        objects = tuple(
            changed(item, rows=item.rows + 1) if item.rows is not None else item for item in proof.databases["shop"]
        )
        return changed(proof, databases={"shop": objects})

    before = proof_of(standing, "shop")
    monkeypatch.setattr(restore, "recorded_proof", with_more_rows)
    with pytest.raises(BackupError, match="not what was backed up") as failure:
        replace(journey, standing)
    assert all(text.startswith("rows of table") and "(database shop)" in text for text in failure.value.details)
    assert (differences(before, standing), databases_of(standing)) == ([], ["shop"])


def test_m05_grants_on_routines_outlive_the_routines(standing: MariaDBServer, journey: Journey) -> None:
    standing.sql("CREATE USER IF NOT EXISTS reader@'%'; GRANT EXECUTE ON FUNCTION shop.named TO reader@'%'")
    standing.sql("GRANT SELECT ON shop.a_top TO reader@'%'")
    replace(journey, standing)
    grants = "\n".join(row[0] for row in standing.sql("SHOW GRANTS FOR reader@'%'"))
    assert "EXECUTE ON FUNCTION `shop`.`named`" in grants
    assert "SELECT ON `shop`.`a_top`" in grants
    standing.sql("DROP USER reader@'%'")


def test_m09_events_do_not_run_in_what_was_replaced(standing: MariaDBServer, journey: Journey) -> None:
    replace(journey, standing)
    query = "SELECT event_schema, event_name, status FROM information_schema.events ORDER BY 1, 2"
    previous = f"shop__before_{journey.latest.manifest.set_id}"
    assert standing.sql(query) == [
        ("shop", "stopped", "DISABLED"),
        ("shop", "ticks", "ENABLED"),
        (previous, "stopped", "DISABLED"),
        (previous, "ticks", "DISABLED"),
    ]


def test_only_as_many_previous_ones_stay_as_asked_for(standing: MariaDBServer, journey: Journey) -> None:
    standing.sql("CREATE DATABASE shop__before_20200101T000000Z; CREATE DATABASE shop__before_20210101T000000Z")
    standing.sql("CREATE DATABASE shop__before_notes; CREATE DATABASE shop2__before_20200101T000000Z")
    others = ["shop2__before_20200101T000000Z", "shop__before_notes"]
    stamp = journey.latest.manifest.set_id
    replace(journey, standing, keep_previous=2)
    kept = ["shop__before_20210101T000000Z", f"shop__before_{stamp}"]
    assert databases_of(standing) == sorted(["shop", *others, *kept])
    result = replace(journey, standing, keep_previous=0)
    assert result["databases"][0]["previous"] is None
    assert databases_of(standing) == sorted(["shop", *others])
    assert journey.differences(standing) == []


def test_absent_and_empty_databases_are_simply_filled(
    source: MariaDBServer, target: MariaDBServer, journey: Journey
) -> None:
    build(source, "shop", "new")
    journey.dump(source, "shop")
    assert replace(journey, target, roles="all")["databases"][0]["previous"] is None
    target.sql("DROP DATABASE shop; CREATE DATABASE shop CHARACTER SET koi8r")
    replace(journey, target)
    assert databases_of(target) == ["shop"]
    assert journey.differences(target) == []


def test_several_at_once_with_views_on_each_other(
    source: MariaDBServer, target: MariaDBServer, journey: Journey
) -> None:
    for server in (source, target):
        server.sql("CREATE DATABASE a; CREATE DATABASE b; CREATE TABLE a.t (id INT PRIMARY KEY)")
        server.sql("CREATE TABLE b.t (id INT, CONSTRAINT k FOREIGN KEY (id) REFERENCES a.t (id))")
        server.sql("CREATE VIEW a.v AS SELECT id FROM b.t; CREATE VIEW b.v AS SELECT v.id FROM a.v")
    source.sql("INSERT INTO a.t VALUES (1); INSERT INTO b.t VALUES (1)")
    journey.dump(source)
    journey.restore(target, if_exists="replace")
    assert journey.differences(target) == []
    assert target.sql("SELECT * FROM b.v") == [(1,)]
    assert "REFERENCES `a`.`t`" in target.sql("SHOW CREATE TABLE b.t")[0][1]
    assert len(databases_of(target)) == 4


# sessions


class Client(threading.Thread):
    """An application that connects again at once when its connection is ended, and begins a transaction again."""

    def __init__(self, server: MariaDBServer) -> None:
        super().__init__(daemon=True)
        self._server = server
        self._ended = threading.Event()
        self.connections = 0

    def run(self) -> None:
        while not self._ended.is_set():
            with contextlib.suppress(pymysql.MySQLError):
                self._work()

    def _work(self) -> None:
        with self._server.connect("shop") as connection, connection.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute("SELECT COUNT(*) FROM parent")
            self.connections += 1
            while not self._ended.is_set():
                cursor.execute("SELECT SLEEP(0.1)")
                cursor.fetchall()

    def __enter__(self) -> Client:
        self.start()
        until(lambda: self.connections, "the client has connected")
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._ended.set()
        self.join()


def test_sessions_forbid_it_and_are_named(standing: MariaDBServer, journey: Journey) -> None:
    before = proof_of(standing, "shop")
    with (
        Client(standing),
        pytest.raises(
            BackupError,
            match=r"shop cannot be replaced while sessions use it: root from localhost \(connection \d+.*disconnect",
        ),
    ):
        replace(journey, standing)
    assert differences(before, standing) == []


def test_sessions_are_ended_even_if_they_come_back_at_once(standing: MariaDBServer, journey: Journey) -> None:
    with Client(standing) as client:
        replace(journey, standing, disconnect=True)
        seen = client.connections
        until(lambda: client.connections, "the client is back")
    assert seen > 1
    assert journey.differences(standing) == []


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(swap, "_ATTEMPT", 1)
    monkeypatch.setattr(swap, "_PATIENCE", 0.5)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("disconnect", [False, True])
def test_locks_are_not_waited_for_for_ever(standing: MariaDBServer, journey: Journey, disconnect: bool) -> None:
    before = proof_of(standing, "shop")
    # no default database: nothing tells the server's list of sessions what it is about
    with standing.connect() as other, other.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("SELECT * FROM shop.child")
        number = other.thread_id()
        # MySQL tells which sessions hold tables, so that they are known beforehand
        known = standing.flavour == "mysql"
        if known and disconnect:
            replace(journey, standing, disconnect=True)
            with pytest.raises(pymysql.MySQLError):
                other.ping(reconnect=False)
            return
        expected = "sessions use it" if known else "tables of shop are locked"
        with pytest.raises(BackupError, match=rf"{expected}.*connection {number}"):
            replace(journey, standing, disconnect=disconnect)
        other.ping()
        assert other.thread_id() == number
    assert differences(before, standing) == []
    assert databases_of(standing) == ["shop"]


def test_a_login_that_cannot_see_sessions_is_refused(standing: MariaDBServer, journey: Journey) -> None:
    standing.sql("CREATE USER IF NOT EXISTS limited@'%' IDENTIFIED BY 'x'")
    standing.sql(
        "GRANT SELECT, INSERT, CREATE, DROP, ALTER, INDEX, REFERENCES, CREATE VIEW, SHOW VIEW, CREATE ROUTINE, "
        "ALTER ROUTINE, TRIGGER, EVENT ON *.* TO limited@'%'"
    )
    login = standing.login(user="limited", password="x")
    with pytest.raises(BackupError, match="The privilege PROCESS on .* is missing"):
        replace(journey, standing, login=login)
    with pytest.raises(BackupError, match="The privilege CONNECTION ADMIN .* is missing"):
        replace(journey, standing, login=login, disconnect=True)
    standing.sql("DROP USER limited@'%'")


# failures


def test_m21_a_failure_on_the_way_leaves_no_trace(
    standing: MariaDBServer, journey: Journey, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = proof_of(standing, "shop")

    def fail(*_arguments: Any) -> None:
        raise BackupError("made to fail")

    monkeypatch.setattr(swap.Swap, "_grant", fail)
    standing.sql("CREATE USER IF NOT EXISTS reader@'%'; GRANT EXECUTE ON FUNCTION shop.named TO reader@'%'")
    with pytest.raises(BackupError, match="made to fail"):
        replace(journey, standing)
    assert differences(before, standing) == ["unexpected grant: EXECUTE on named to 'reader'@'%' (database shop)"]
    standing.sql("DROP USER reader@'%'")


def test_a_failed_one_stays_for_inspection_when_asked(
    standing: MariaDBServer, journey: Journey, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: Any) -> None:
        raise BackupError("made to fail")

    monkeypatch.setattr(swap.Swap, "_settle", fail)
    with pytest.raises(BackupError, match="made to fail"):
        replace(journey, standing, keep_failed=True)
    (kept,) = [name for name in databases_of(standing) if name != "shop"]
    assert kept.startswith("shop__restoring_")
    monkeypatch.undo()
    # and no later run takes it for a leftover
    replace(journey, standing)
    assert kept in databases_of(standing)
    assert standing.value(f"SELECT name FROM {kept}.parent WHERE id = 1") == "new"
