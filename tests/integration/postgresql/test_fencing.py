# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Subscriptions and connections of a rebuilt server are off until they are released, and then as they were recorded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._errors import BackupError

from tests.integration.modules.harness import call, until
from tests.support.postgresql import PostgresServer

MakePostgres = Callable[..., PostgresServer]
SECRET = "secret of the publisher"
TABLE = "CREATE TABLE t (n int PRIMARY KEY)"
ROWS = "SELECT count(*) FROM t"


@pytest.fixture
def publisher(fresh_pg: MakePostgres) -> PostgresServer:
    """A server that others subscribe to."""
    server = fresh_pg(settings={"wal_level": "logical"})
    server.sql(f"CREATE ROLE sender SUPERUSER REPLICATION LOGIN PASSWORD '{SECRET}'")
    server.sql("CREATE DATABASE feed")
    server.sql(f"{TABLE}; CREATE PUBLICATION news FOR TABLE t; INSERT INTO t VALUES (1)", database="feed")
    return server


def place(repository: Path) -> dict[str, Any]:
    return {"repository": str(repository), "source": "db1", "instance": "main"}


def test_p21_f12_a_subscription_waits_for_its_release(
    publisher: PostgresServer, fresh_pg: MakePostgres, repository: Path
) -> None:
    source, target = fresh_pg(), fresh_pg()
    source.sql("CREATE DATABASE shop")
    source.sql(TABLE, database="shop")
    address = f"host={publisher.host} port={publisher.port} dbname=feed user=sender password=''{SECRET}''"
    make = f"CREATE SUBSCRIPTION \"From far\" CONNECTION '{address}' PUBLICATION news WITH (slot_name = from_far)"
    source.sql(make, database="shop")
    # one that was off stays off
    source.sql(
        "CREATE SUBSCRIPTION off CONNECTION 'host=192.0.2.1' PUBLICATION p WITH (connect = false)", database="shop"
    )
    until(lambda: source.value(ROWS, database="shop") == 1, "the first copy")
    where = place(repository)
    results = [call("dump", **source.login(), **where, databases=["shop"], proof="content")]
    source.stop()

    results.append(call("restore", **target.login(), **where, fence=["events"]))
    publisher.sql("INSERT INTO t VALUES (2)", database="feed")
    enabled = "SELECT subname, subenabled FROM pg_subscription ORDER BY 1"
    assert target.sql(enabled) == [("From far", False), ("off", False)]
    found = call("proof_info", **target.login(), **where, fenced=True)
    assert (found["differences"], found["fenced"]) == ([], {"subscription": 1})
    assert publisher.value("SELECT active FROM pg_replication_slots", database="feed") is False

    planned = call("release", check=True, diff=True, **target.login(), **where, set="latest")
    assert [item["name"] for item in planned["released"]] == ['"From far"']
    assert planned["diff"]["after"] == 'subscription "From far" of shop: on\n'
    assert target.sql(enabled) == [("From far", False), ("off", False)]

    done = call("release", **target.login(), **where, set="latest")
    assert target.sql(enabled) == [("From far", True), ("off", False)]
    (advice,) = done["warnings"]
    assert 'empty its tables, then run ALTER SUBSCRIPTION "From far" REFRESH PUBLICATION' in advice
    target.sql("TRUNCATE t", database="shop")
    target.sql('ALTER SUBSCRIPTION "From far" REFRESH PUBLICATION', database="shop")
    until(lambda: target.value(ROWS, database="shop") == 2, "what was written meanwhile comes")
    again = call("release", **target.login(), **where, set="latest")
    assert (again["changed"], again["released"], again["warnings"]) == (False, [], [])
    found = call("proof_info", **target.login(), **where, level="counts", instance_objects=False)
    assert [item["message"] for item in found["differences"]] == [
        "rows of table public.t: expected 1, found 2 (database shop)"
    ]
    assert (found["fenced"], found["allowed"]) == ({}, [])
    for result in (*results, planned, done, again, found):
        assert SECRET not in str(result)


def test_p21_a_subscription_without_a_slot_is_named(fresh_pg: MakePostgres, repository: Path) -> None:
    source = fresh_pg()
    source.sql("CREATE DATABASE shop")
    source.sql(
        "CREATE SUBSCRIPTION far CONNECTION 'host=192.0.2.1' PUBLICATION p WITH (connect = false)", database="shop"
    )
    source.sql("ALTER SUBSCRIPTION far ENABLE", database="shop")
    where = place(repository)
    call("dump", **source.login(), **where, databases=["shop"])
    source.sql("ALTER SUBSCRIPTION far DISABLE", database="shop")
    source.sql("ALTER SUBSCRIPTION far SET (slot_name = NONE)", database="shop")
    with pytest.raises(BackupError, match=r"names no replication slot.*SET \(slot_name"):
        call("release", **source.login(), **where, set="latest")


def test_f12_applications_are_kept_out_until_the_release(fresh_pg: MakePostgres, repository: Path) -> None:
    source, target = fresh_pg(), fresh_pg()
    source.sql("CREATE ROLE app LOGIN PASSWORD 'of the app'")
    for name, limit in (("shop", -1), ("stock", 5), ("closed", 0)):
        source.sql(f"CREATE DATABASE {name} OWNER app CONNECTION LIMIT {limit}")
    where = place(repository)
    call("dump", **source.login(), **where, databases=["shop", "stock", "closed"])
    call("restore", **target.login(), **where, fence=["events", "connections"])
    login = {"host": target.host, "port": target.port, "user": "app", "password": "of the app"}
    with pytest.raises(psycopg.OperationalError, match="too many connections for database"):
        psycopg.connect(**login, dbname="shop")
    found = call("proof_info", **target.login(), **where, fenced=True)
    assert (found["differences"], found["fenced"]) == ([], {"connections": 2})
    assert call("proof_info", **target.login(), **where)["total"] == 2

    done = call("release", **target.login(), **where, set="latest", databases=["shop"])
    assert done["released"] == [{"kind": "connections", "name": "", "database": "shop"}]
    psycopg.connect(**login, dbname="shop").close()
    assert call("release", **target.login(), **where, set="latest")["changed"] is True
    assert call("proof_info", **target.login(), **where)["differences"] == []
    assert call("release", **target.login(), **where, set="latest")["changed"] is False
    assert dict(target.sql("SELECT datname, datconnlimit FROM pg_database WHERE datname ~ '^(s|c)'")) == {
        "shop": -1,
        "stock": 5,
        "closed": 0,
    }
