# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Traps of what the new host has not, or has in another version: locales, collations, extensions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.postgresql.rig import Backup, back_up, differences, plan_restore, restore
from tests.support.postgresql import PostgresServer


@pytest.fixture
def made(fresh_pg: Callable[..., PostgresServer], work: Path, request: pytest.FixtureRequest) -> Backup:
    """A set with one small database whose texts ICU sorts."""
    source = fresh_pg(lost=True)
    source.sql("CREATE DATABASE shop LOCALE_PROVIDER icu ICU_LOCALE 'de' TEMPLATE template0")
    source.sql(
        """
        CREATE EXTENSION hstore;
        CREATE UNLOGGED TABLE volatile AS SELECT g AS i, 'ü' || g AS text FROM generate_series(1, 100) g;
        CREATE UNIQUE INDEX ON volatile (text);
        """,
        database="shop",
    )
    return back_up(source, work / request.node.name[:40], "shop")


def changed(backup: Backup, **details: object) -> Backup:
    """The set as if it had been made elsewhere."""
    artefact = backup.reader.manifest.artefact("database", "shop")
    assert artefact is not None
    artefact.details.update(details)
    return backup


def test_p08_an_absent_locale_is_found_before_anything_changes(
    made: Backup, fresh_pg: Callable[..., PostgresServer]
) -> None:
    target = fresh_pg()
    before = target.sql("SELECT datname FROM pg_database ORDER BY 1")
    database = made.reader.manifest.database("shop")
    assert database is not None
    database.properties["lc_collate"] = "xx_YY.UTF-8"
    (problem,) = plan_restore(target, made.reader, {"shop": "shop"}).problems
    assert "'shop' cannot be created: the server's host has no locale 'xx_YY.UTF-8'" in problem
    assert "locale-gen" in problem
    assert target.sql("SELECT datname FROM pg_database ORDER BY 1") == before


def test_p10_another_version_of_the_collation_is_said(made: Backup, fresh_pg: Callable[..., PostgresServer]) -> None:
    target = fresh_pg()
    artefact = made.reader.manifest.artefact("database", "shop")
    assert artefact is not None
    recorded = artefact.details["collation_version"]
    target.sql("CREATE COLLATION probe (provider = icu, locale = 'de')")
    here = target.value("SELECT pg_collation_actual_version('probe'::regcollation)")
    assert recorded
    said = [
        text for text in plan_restore(target, made.reader, {"shop": "shop"}).warnings if "sorted by version" in text
    ]
    assert bool(said) == (recorded != here)
    (text,) = plan_restore(target, changed(made, collation_version="1.2").reader, {"shop": "shop"}).warnings
    assert f"'shop' were sorted by version 1.2 of its collation's library and are sorted by version {here} here" in text
    restore(target, made.reader, {"shop": "shop"})
    assert differences(target, made.proof, instance=False) == []


def test_p11_extensions_that_are_absent_or_of_another_version_are_named(
    made: Backup, fresh_pg: Callable[..., PostgresServer]
) -> None:
    target = fresh_pg()
    there = target.value("SELECT default_version FROM pg_available_extensions WHERE name = 'hstore'")
    plan = plan_restore(
        target, changed(made, extensions=[["hstore", "99.1"], ["no_such", "1.0"]]).reader, {"shop": "shop"}
    )
    (problem,) = plan.problems
    assert "The extension no_such 1.0, used by 'shop', is not installed" in problem
    assert f"postgresql-{target.version}-no-such" in problem
    said = [text for text in plan.warnings if "hstore was 99.1 in 'shop'" in text]
    assert [there in text for text in said] == [True]


def test_p13_a_database_with_timescaledb_is_refused_with_the_reason(
    made: Backup, fresh_pg: Callable[..., PostgresServer]
) -> None:
    target = fresh_pg()
    plan = plan_restore(target, changed(made, extensions=[["timescaledb", "2.17.2"]]).reader, {"shop": "shop"})
    (problem,) = plan.problems
    assert "'shop' has the extension timescaledb 2.17.2" in problem
    assert "before and after a restore" in problem


def test_p28_unlogged_tables_keep_their_content(made: Backup, fresh_pg: Callable[..., PostgresServer]) -> None:
    target = fresh_pg()
    restore(target, made.reader, {"shop": "shop"})
    assert differences(target, made.proof, instance=False) == []
    assert target.value("SELECT count(*) FROM volatile", database="shop") == 100
    assert target.value("SELECT relpersistence FROM pg_class WHERE relname = 'volatile'", database="shop") == "u"
