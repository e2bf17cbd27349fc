# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tablespaces: made again where they were or elsewhere, or left out."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engines.placement import REPLACE, Placement
from ansible_collections.vya.backupdb.plugins.module_utils._engines.proven import without_tablespaces
from ansible_collections.vya.backupdb.plugins.module_utils._errors import UsageError
from ansible_collections.vya.backupdb.plugins.module_utils._proof.model import Proof

from tests.integration.postgresql.rig import Backup, back_up, differences, plan_restore, restore
from tests.support.postgresql import PostgresServer

FILL = """
CREATE TABLE orders (id int PRIMARY KEY USING INDEX TABLESPACE "Odd "" space", city text) TABLESPACE fast;
CREATE INDEX ON orders (city) TABLESPACE fast;
CREATE TABLE plain (id int PRIMARY KEY);
CREATE TABLE parts (id int, at date) PARTITION BY RANGE (at) TABLESPACE fast;
CREATE TABLE part PARTITION OF parts FOR VALUES FROM ('2026-01-01') TO ('2027-01-01') TABLESPACE pg_default;
CREATE MATERIALIZED VIEW cities TABLESPACE fast AS SELECT 'Wien'::text AS city;
INSERT INTO orders SELECT n, 'city ' || n FROM generate_series(1, 50) n;
INSERT INTO parts VALUES (1, '2026-11-21');
"""
#: where each lies: name, tablespace
PLACES = """
SELECT c.relname, t.spcname FROM pg_class c LEFT JOIN pg_tablespace t ON t.oid = c.reltablespace
 WHERE c.relnamespace = 'public'::regnamespace ORDER BY 1
"""
SPACES = """
SELECT spcname, pg_get_userbyid(spcowner), spcoptions::text, has_tablespace_privilege('app', oid, 'CREATE'),
       shobj_description(oid, 'pg_tablespace') FROM pg_tablespace WHERE spcname !~ '^pg_' ORDER BY 1
"""


def directory(server: PostgresServer, path: Path) -> Path:
    """A directory of the server's account."""
    path.mkdir(parents=True)
    if os.geteuid() == 0:
        shutil.chown(path, server.account)
    return path


@pytest.fixture
def source(fresh_pg: Callable[..., PostgresServer], reachable_tmp: Path) -> PostgresServer:
    """A server with tablespaces of every property."""
    server = fresh_pg()
    server.sql("CREATE ROLE app LOGIN")
    server.sql('CREATE ROLE "of the disks"')
    for name, sub in (("fast", "fast"), ('"Odd "" space"', "odd")):
        server.sql(f"CREATE TABLESPACE {name} LOCATION '{directory(server, reachable_tmp / 'old' / sub)}'")
    server.sql('ALTER TABLESPACE fast OWNER TO "of the disks"')
    server.sql("ALTER TABLESPACE fast SET (random_page_cost = 1.1, seq_page_cost = 0.5)")
    server.sql("COMMENT ON TABLESPACE fast IS 'it''s the SSD'")
    server.sql("GRANT CREATE ON TABLESPACE fast TO app")
    server.sql("CREATE DATABASE shop TABLESPACE fast")
    server.sql("CREATE DATABASE wide")
    for database in ("shop", "wide"):
        server.psql("-c", FILL.replace("TABLESPACE fast", "TABLESPACE pg_default") if database == "shop" else FILL,
                    database=database)  # fmt: skip
    return server


@pytest.fixture
def made(source: PostgresServer, reachable_tmp: Path) -> Backup:
    """A set of it; the server and its directories are gone."""
    found = back_up(source, reachable_tmp / "repository")
    source.stop()
    shutil.rmtree(reachable_tmp / "old")
    return found


def expected(made: Backup, *left_out: str) -> Proof:
    return without_tablespaces(made.proof, left_out)


def test_p23_missing_tablespaces_are_named_before_anything_changes(
    made: Backup, fresh_pg: Callable[..., PostgresServer]
) -> None:
    # Also the one that nothing but the index of a primary key is in.
    problems = plan_restore(fresh_pg(), made.reader, made.databases).problems
    assert [text.partition(" of")[0] for text in problems] == [
        "The tablespace 'Odd \" space'",
        "The tablespace 'fast'",
        "The tablespace 'Odd \" space'",
        "The tablespace 'fast'",
    ]
    assert all("does not exist" in text and "with tablespaces" in text for text in problems)


def test_p23_tablespaces_are_made_where_they_were(made: Backup, fresh_pg: Callable[..., PostgresServer]) -> None:
    target = fresh_pg()
    planned = plan_restore(target, made.reader, made.databases, create_tablespaces=True)
    assert planned.problems == []
    assert [text.split(" in ")[0] for text in planned.tablespaces] == [
        'create tablespace Odd " space',
        "create tablespace fast",
    ]
    restore(target, made.reader, made.databases, create_tablespaces=True)
    assert differences(target, made.proof) == []
    assert target.sql(SPACES)[1] == (
        "fast",
        "of the disks",
        "{random_page_cost=1.1,seq_page_cost=0.5}",
        True,
        "it's the SSD",
    )
    assert dict(target.sql(PLACES, database="wide")) == {
        "cities": "fast",
        "orders": "fast",
        "orders_city_idx": "fast",
        "orders_pkey": 'Odd " space',
        "part": None,
        "parts": "fast",
        "plain": None,
        "plain_pkey": None,
    }
    again = plan_restore(
        target, made.reader, made.databases, create_tablespaces=True, placement=Placement(if_exists="skip")
    )
    assert not again.changes


def test_p23_tablespaces_are_mapped(made: Backup, fresh_pg: Callable[..., PostgresServer], reachable_tmp: Path) -> None:
    target = fresh_pg()
    ssd = reachable_tmp / "new" / "ssd"
    mapped = {"fast": str(ssd), 'Odd " space': ""}
    before = os.umask(0o077)
    try:
        restore(target, made.reader, made.databases, tablespaces=mapped)
    finally:
        os.umask(before)
    assert differences(target, expected(made, 'Odd " space')) == []
    # The server's account gets through what had to be made above it.
    assert ssd.parent.stat().st_mode & 0o777 == 0o755
    assert dict(target.sql(PLACES, database="wide"))["orders_pkey"] is None
    assert [row[0] for row in target.sql(SPACES)] == ["fast"]
    assert ssd.stat().st_mode & 0o777 == 0o700
    assert (ssd.owner() == target.account) and any(ssd.iterdir())
    # Without being told that it was left out, a comparison misses it.
    assert any("missing tablespace" in text for text in differences(target, made.proof))
    # Elsewhere by now: what is there is not taken for what was asked for.
    (problem,) = plan_restore(
        target, made.reader, {"wide": "other"}, tablespaces={"fast": "/elsewhere", 'Odd " space': ""}
    ).problems
    assert "exists in" in problem
    # A replaced database is proven before it gets its name.
    restore(target, made.reader, {"wide": "wide"}, tablespaces=mapped, placement=Placement(REPLACE, 0, stamp="x"))
    assert differences(target, expected(made, 'Odd " space')) == []


def test_p23_everything_goes_to_the_default(made: Backup, fresh_pg: Callable[..., PostgresServer]) -> None:
    target = fresh_pg()
    restore(target, made.reader, made.databases, tablespaces={"fast": "", 'Odd " space': ""})
    assert differences(target, expected(made, "fast", 'Odd " space')) == []
    assert target.sql(SPACES) == []
    # The set is what it was.
    (name,) = {item.path for item in made.reader.manifest.artefacts if item.name == "wide"}
    assert b"fast" in (Path(made.reader.directory) / name / "toc.dat").read_bytes()


def test_p23_directories_that_cannot_be_used(
    made: Backup, fresh_pg: Callable[..., PostgresServer], reachable_tmp: Path
) -> None:
    target = fresh_pg()
    full = directory(target, reachable_tmp / "full")
    (full / "something").touch()
    wanted = {"fast": str(full), 'Odd " space': str(full)}
    problems = plan_restore(target, made.reader, made.databases, tablespaces=wanted).problems
    assert sum("is not empty" in text for text in problems) == 2
    assert sum("cannot both lie in" in text for text in problems) == 1
    (problem,) = plan_restore(target, made.reader, {}, tablespaces={"fast": "relative"}).problems
    assert "give an absolute path" in problem
    (problem,) = plan_restore(target, made.reader, {}, tablespaces={"fast": "/x"}, roles="none").problems
    assert "'of the disks', who does not exist" in problem
    with pytest.raises(UsageError, match="has no tablespace 'slow'"):
        plan_restore(target, made.reader, {}, tablespaces={"slow": ""})
