# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Small cases of what PostgreSQL's own regression database has shown: tests/hosts/test_regression_database.py."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._proof.model import Proof

from tests.integration.postgresql.rig import back_up, differences, restore
from tests.support.postgresql import PostgresServer

# Naming an operator that does not exist makes it, without a function; it stays when the one that named it goes.
NAMED_ONLY = """
CREATE FUNCTION differ(boolean, boolean) RETURNS boolean IMMUTABLE LANGUAGE sql AS 'SELECT $1 <> $2';
CREATE OPERATOR === (LEFTARG = boolean, RIGHTARG = boolean, FUNCTION = pg_catalog.booleq, NEGATOR = !==);
CREATE OPERATOR <=> (LEFTARG = boolean, RIGHTARG = boolean, FUNCTION = differ, COMMUTATOR = <=>, NEGATOR = <!>);
DROP OPERATOR === (boolean, boolean);
"""


def test_p36_operators_that_are_only_named(work: Path, fresh_pg: Callable[..., PostgresServer]) -> None:
    source, target = fresh_pg(), fresh_pg()
    source.sql(NAMED_ONLY)
    made = back_up(source, work / "named-only", "postgres")
    restore(target, made.reader, made.databases)
    assert source.value("SELECT count(*) FROM pg_operator WHERE oprcode = 0") == 2
    assert target.value("SELECT count(*) FROM pg_operator WHERE oprcode = 0") == 1
    assert differences(target, made.proof) == []
    target.sql("DROP OPERATOR <=> (boolean, boolean)")
    assert differences(target, made.proof) == ["missing operator: public.<=>(boolean,boolean) (database postgres)"]


#: What no dump can do without, and is easily overlooked.
DETAILS = """
CREATE TABLE clustered (id int PRIMARY KEY, other int UNIQUE);
ALTER TABLE clustered CLUSTER ON clustered_pkey;
COMMENT ON INDEX clustered_pkey IS 'of the index';
COMMENT ON CONSTRAINT clustered_pkey ON clustered IS 'of the constraint';
CREATE TYPE pair AS (one int, other text);
COMMENT ON COLUMN pair.other IS 'the other one';
CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TABLE parent (id int, part int) PARTITION BY LIST (part);
CREATE TABLE first PARTITION OF parent FOR VALUES IN (1);
CREATE TABLE second PARTITION OF parent FOR VALUES IN (2);
CREATE TRIGGER cloned BEFORE INSERT ON parent FOR EACH ROW EXECUTE FUNCTION nothing();
ALTER TABLE second DISABLE TRIGGER cloned;
CREATE SUBSCRIPTION far CONNECTION 'host=192.0.2.1' PUBLICATION theirs WITH (
    connect = false, slot_name = NONE, binary = true, streaming = on, disable_on_error = true, synchronous_commit = local);
"""
OF_DATABASE = " (database postgres)"
#: What is done, how it is undone, and what the comparison says.
CHANGES = {
    "index that a table is clustered on": (
        "ALTER TABLE clustered CLUSTER ON clustered_other_key",
        "ALTER TABLE clustered CLUSTER ON clustered_pkey",
        [
            "clustered of constraint clustered_other_key on public.clustered: expected none, found yes",
            "clustered of constraint clustered_pkey on public.clustered: expected yes, found none",
        ],
    ),
    "comment on the index of a constraint": (
        "COMMENT ON INDEX clustered_pkey IS NULL",
        "COMMENT ON INDEX clustered_pkey IS 'of the index'",
        [
            "comment on the index of constraint clustered_pkey on public.clustered: expected of the index, found none",
        ],
    ),
    "comment on an attribute": (
        "COMMENT ON COLUMN pair.other IS NULL",
        "COMMENT ON COLUMN pair.other IS 'the other one'",
        ["comment on attribute other of composite type public.pair: expected the other one, found none"],
    ),
    "trigger of a partition that was disabled": (
        "ALTER TABLE second ENABLE TRIGGER cloned",
        "ALTER TABLE second DISABLE TRIGGER cloned",
        ["missing trigger: cloned on public.second"],
    ),
    "trigger of a partition that is disabled": (
        "ALTER TABLE first DISABLE TRIGGER cloned",
        "ALTER TABLE first ENABLE TRIGGER cloned",
        ["unexpected trigger: cloned on public.first"],
    ),
    "options of a subscription": (
        "ALTER SUBSCRIPTION far SET (binary = false, streaming = off, disable_on_error = false)",
        "ALTER SUBSCRIPTION far SET (binary = true, streaming = on, disable_on_error = true)",
        [
            "binary of subscription far: expected true, found none",
            "disabled on errors of subscription far: expected true, found none",
            "streaming of subscription far: expected on, found none",
        ],
    ),
}


@pytest.fixture(scope="module")
def detailed(work: Path) -> Iterator[tuple[PostgresServer, Proof]]:
    """A server that was rebuilt, and what was recorded of the lost one."""
    with PostgresServer() as source, PostgresServer() as target:
        for statement in DETAILS.split(";\n"):
            source.sql(statement or "SELECT")
        made = back_up(source, work / "details", "postgres")
        restore(target, made.reader, made.databases)
        yield target, made.proof


def test_p36_details_survive(detailed: tuple[PostgresServer, Proof]) -> None:
    target, proof = detailed
    assert differences(target, proof) == []


@pytest.mark.parametrize("case", CHANGES)
def test_p36_a_changed_detail_is_named(case: str, detailed: tuple[PostgresServer, Proof]) -> None:
    target, proof = detailed
    change, back, expected = CHANGES[case]
    target.sql(change)
    try:
        found = differences(target, proof)
    finally:
        target.sql(back)
    assert sorted(text.removesuffix(OF_DATABASE) for text in found) == expected


NOT_NULL = """
CREATE TABLE plain (id int CONSTRAINT named NOT NULL, other int NOT NULL);
CREATE TABLE odd (id int CONSTRAINT commented NOT NULL, own int CONSTRAINT alone NOT NULL NO INHERIT, late int);
ALTER TABLE odd ADD CONSTRAINT unproven NOT NULL late NOT VALID;
COMMENT ON CONSTRAINT commented ON odd IS 'never';
"""


def test_p36_not_null_constraints_that_say_more_than_their_columns(
    work: Path, fresh_pg: Callable[..., PostgresServer]
) -> None:
    source, target = fresh_pg(), fresh_pg()
    if source.version < 18:
        pytest.skip("no PostgreSQL 18 here")
    source.sql(NOT_NULL)
    made = back_up(source, work / "not-null", "postgres")
    restore(target, made.reader, made.databases)
    assert differences(target, made.proof) == []
    target.sql("COMMENT ON CONSTRAINT commented ON odd IS NULL")
    target.sql("ALTER TABLE odd VALIDATE CONSTRAINT unproven")
    target.sql("ALTER TABLE odd ALTER CONSTRAINT alone INHERIT")
    assert sorted(text.removesuffix(OF_DATABASE) for text in differences(target, made.proof)) == [
        "missing constraint: alone on public.odd",
        "missing constraint: commented on public.odd",
        "missing constraint: unproven on public.odd",
    ]


INHERITED = """
CREATE TABLE zz (id int, a int) PARTITION BY LIST (id);
CREATE TABLE aa PARTITION OF zz FOR VALUES IN (1) PARTITION BY LIST (a);
CREATE TABLE mm PARTITION OF aa FOR VALUES IN (NULL, 1);
CREATE TABLE heir (b int) INHERITS (plain);
INSERT INTO mm VALUES (1, NULL);
ALTER TABLE mm ADD CONSTRAINT of_mm NOT NULL a NOT VALID;
COMMENT ON CONSTRAINT of_mm ON mm IS 'some day';
ALTER TABLE aa ADD CONSTRAINT of_aa NOT NULL a NOT VALID;
ALTER TABLE zz ADD CONSTRAINT of_zz NOT NULL a NOT VALID;
ALTER TABLE heir ADD CONSTRAINT of_heir NOT NULL third NOT VALID;
ALTER TABLE plain ADD CONSTRAINT of_plain NOT NULL third NOT VALID;
"""


@pytest.mark.parametrize("jobs", [1, 2])
def test_p36_not_null_constraints_of_children_under_other_names(
    work: Path, fresh_pg: Callable[..., PostgresServer], jobs: int
) -> None:
    source, target = fresh_pg(), fresh_pg()
    if source.version < 18:
        pytest.skip("no PostgreSQL 18 here")
    source.sql(NOT_NULL + "ALTER TABLE plain ADD COLUMN third int;" + INHERITED)
    made = back_up(source, work / f"inherited-{jobs}", "postgres")
    restore(target, made.reader, made.databases, jobs=jobs)
    assert differences(target, made.proof) == []
