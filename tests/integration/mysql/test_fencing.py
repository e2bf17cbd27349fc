# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Events and accounts of a rebuilt server are off until they are released, and then as they were recorded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pymysql
import pytest

from tests.integration.modules.harness import call, until
from tests.integration.mysql.conftest import Journey
from tests.support.mariadb import MariaDBServer

#: An event that would run every second, and one that was off.
EVENTS = """
CREATE DATABASE jobs CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci;
CREATE TABLE jobs.log (what VARCHAR(50));
CREATE EVENT jobs.mails ON SCHEDULE EVERY 1 SECOND DO INSERT INTO log VALUES ('mail');
CREATE EVENT jobs.stopped ON SCHEDULE EVERY 1 SECOND DISABLE DO INSERT INTO log VALUES ('never');
"""
#: One whose every setting is odd.
SETTINGS = (
    "SET collation_connection = latin1_german1_ci, sql_mode = 'ANSI_QUOTES,PIPES_AS_CONCAT', time_zone = '+05:00'"
)
ODD = """
CREATE DEFINER = 'of it'@'%' EVENT jobs."odd; EVENT DO" ON SCHEDULE EVERY 1 HOUR STARTS '2031-01-01 00:00:00'
  ON COMPLETION PRESERVE COMMENT 'DISABLE; DO' DO BEGIN INSERT INTO log VALUES ('tä' || 'g'); END
"""
STATUSES = "SELECT event_name, status FROM information_schema.events WHERE event_schema = 'jobs' ORDER BY 1"
MAKING = (
    "SELECT event_name, definer, sql_mode, time_zone, character_set_client, collation_connection, database_collation, "
    "/*!80000 TRIM(TRAILING ';' FROM */ event_definition /*!80000 ) */, event_comment, starts FROM information_schema.events ORDER BY 1"
)


def make_events(server: MariaDBServer) -> None:
    server.sql("CREATE USER IF NOT EXISTS 'of it'@'%'")
    server.sql(EVENTS)
    with pymysql.connect(unix_socket=str(server.socket), user=server.superuser, charset="latin1") as connection:
        for statement in (SETTINGS, ODD):
            connection.cursor().execute(statement)
    # Events remember what it was when they were made.
    server.sql("ALTER DATABASE jobs COLLATE utf8mb4_unicode_ci")


def release(journey: Journey, server: MariaDBServer, **options: Any) -> dict[str, Any]:
    return call("release", **server.login(), **journey.place, **{"set": "latest", **options})


def fenced_differences(journey: Journey, server: MariaDBServer, fenced: bool, **options: Any) -> dict[str, Any]:
    return call("proof_info", **server.login(), **journey.place, fenced=fenced, instance_objects=False, **options)


@pytest.fixture
def running(source: MariaDBServer, target: MariaDBServer, journey: Journey) -> Iterator[MariaDBServer]:
    """A server whose event scheduler is on, rebuilt with its events fenced."""
    make_events(source)
    journey.dump(source, "jobs")
    target.sql("SET GLOBAL event_scheduler = ON")
    journey.restore(target, fence=["events"])
    yield target
    target.sql("SET GLOBAL event_scheduler = OFF")


def test_m09_f12_events_do_not_run_before_they_are_released(
    source: MariaDBServer, running: MariaDBServer, journey: Journey
) -> None:
    assert {status for _name, status in running.sql(STATUSES)} == {"DISABLED"}
    found = fenced_differences(journey, running, fenced=True)
    assert (found["equal"], found["fenced"]) == (True, {"event": 2}), found["differences"]
    assert {item["rule"] for item in found["allowed"]} == {"mysql-event-fenced"}
    assert all(item["reason"] for item in found["allowed"])
    found = fenced_differences(journey, running, fenced=False)
    assert [item["message"] for item in found["differences"]] == [
        "status of event mails: expected ENABLED, found DISABLED (database jobs)",
        "status of event odd; EVENT DO: expected ENABLED, found DISABLED (database jobs)",
    ]
    # one that somebody else turns on runs, so the scheduler does its work, and the fenced one has not run meanwhile
    running.sql("CREATE EVENT jobs.proof ON SCHEDULE EVERY 1 SECOND DO INSERT INTO jobs.log VALUES ('proof')")
    until(lambda: running.value("SELECT COUNT(*) FROM jobs.log WHERE what = 'proof'") >= 2, "the scheduler runs events")
    running.sql("DROP EVENT jobs.proof")
    assert running.value("SELECT COUNT(*) FROM jobs.log WHERE what <> 'proof'") == 0

    planned = call("release", check=True, diff=True, **running.login(), **journey.place, set="latest")
    assert (planned["changed"], len(planned["released"])) == (True, 2)
    assert planned["diff"]["after"] == "event mails of jobs: on\nevent odd; EVENT DO of jobs: on\n"
    assert {status for _name, status in running.sql(STATUSES)} == {"DISABLED"}

    assert release(journey, running)["changed"] is True
    until(lambda: running.value("SELECT COUNT(*) FROM jobs.log WHERE what = 'mail'"), "the released event runs")
    assert running.sql(STATUSES) == source.sql(STATUSES)
    assert running.sql(MAKING) == source.sql(MAKING)
    running.sql("SET GLOBAL event_scheduler = OFF")
    running.sql("DELETE FROM jobs.log")
    assert fenced_differences(journey, running, fenced=False)["differences"] == []
    again = release(journey, running)
    assert (again["changed"], again["released"], again["warnings"]) == (False, [], [])


def test_m09_without_a_fence_events_are_as_recorded(
    source: MariaDBServer, target: MariaDBServer, journey: Journey
) -> None:
    make_events(source)
    journey.dump(source, "jobs")
    journey.restore(target)
    assert target.sql(STATUSES) == source.sql(STATUSES)
    assert release(journey, target)["changed"] is False


def test_f12_what_is_not_there_is_named_and_the_rest_released(running: MariaDBServer, journey: Journey) -> None:
    running.sql("DROP EVENT jobs.mails")
    done = release(journey, running, kinds=["events"])
    assert [item["name"] for item in done["missing"]] == ["mails"]
    assert any("event mails of jobs" in text for text in done["warnings"])
    assert [item["name"] for item in done["released"]] == ["odd; EVENT DO"]


def test_f12_accounts_are_locked_until_they_are_released(
    two_servers: tuple[MariaDBServer, MariaDBServer], journey: Journey
) -> None:
    source, target = two_servers
    source.sql("CREATE DATABASE shop; CREATE USER app@localhost IDENTIFIED BY 'ACCOUNT UNLOCK'")
    source.sql("CREATE USER old@localhost IDENTIFIED BY 'x' ACCOUNT LOCK; GRANT ALL ON shop.* TO app@localhost")
    source.sql("ALTER USER app@localhost WITH MAX_USER_CONNECTIONS 7 PASSWORD EXPIRE NEVER")
    journey.dump(source)
    journey.restore(target, fence=["connections"])
    # a second run finds nothing to do
    assert journey.restore(target, check=True, fence=["connections"], if_exists="skip")["roles"] == []

    def connect() -> None:
        pymysql.connect(unix_socket=str(target.socket), user="app", password="ACCOUNT UNLOCK", database="shop").close()

    with pytest.raises(pymysql.MySQLError, match="locked"):
        connect()
    found = call("proof_info", **target.login(), **journey.place, fenced=True)
    assert (found["differences"], found["fenced"]) == ([], {"connections": 1})
    done = release(journey, target)
    assert [item["name"] for item in done["released"]] == ["'app'@'localhost'"]
    connect()
    assert call("proof_info", **target.login(), **journey.place)["differences"] == []
    assert release(journey, target)["changed"] is False
    with pytest.raises(pymysql.MySQLError, match="locked"):
        pymysql.connect(unix_socket=str(target.socket), user="old", password="x")
