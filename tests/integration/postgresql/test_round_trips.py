# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whole databases there and back: a real sample, by the collection, and by a stranger with the standard programs."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.postgresql.rig import Backup, back_up, differences, engine, prove, restore
from tests.support.paths import CHECKOUT
from tests.support.postgresql import PostgresServer

SAKILA = CHECKOUT.parent / "shared" / "data" / "sakila-postgresql"


@pytest.mark.skipif(not SAKILA.is_dir(), reason="the sample database is not beside the checkout")
@pytest.mark.parametrize("level", ["counts", "content"])
def test_sakila_makes_the_round_trip(level: str, work: Path, fresh_pg: Callable[..., PostgresServer]) -> None:
    source, target = fresh_pg(lost=True), fresh_pg()
    source.sql("CREATE DATABASE sakila")
    # the plain dump of an old version, which says so with a language that exists by now
    source.psql("-f", str(SAKILA / "schema.sql"), "-f", str(SAKILA / "data.sql"), database="sakila")
    made = back_up(source, work / f"sakila-{level}", "sakila", level=level)
    objects = {(item.kind, item.name): item for item in made.proof.databases["sakila"]}
    assert objects["table", "public.rental"].rows == 16044
    assert (objects["table", "public.rental"].content is not None) == (level == "content")
    restore(target, made.reader, {"sakila": "film store"})
    assert differences(target, made.proof, {"sakila": "film store"}) == []


def test_proof_of_a_live_server_is_that_of_its_backup(backup: Backup, filled: PostgresServer) -> None:
    assert prove(filled, *backup.databases) == backup.outcome.proof
    assert backup.proof == backup.outcome.proof


def test_jobs_and_level_change_nothing_in_the_proof(backup: Backup, filled: PostgresServer, work: Path) -> None:
    alone = back_up(filled, work / "alone", "shop", jobs=1, level="counts")
    recorded = {item.key: item.rows for item in backup.proof.databases["shop"]}
    assert {item.key: item.rows for item in alone.proof.databases["shop"]} == recorded
    assert all(item.content is None for item in alone.proof.databases["shop"])


def test_tables_are_read_in_pieces_without_a_difference(
    fresh_pg: Callable[..., PostgresServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql import content, proof

    server = fresh_pg()
    server.sql(
        "CREATE TABLE t AS SELECT g, md5(g::text) FROM generate_series(1, 50000) g; DELETE FROM t WHERE g % 3 = 0"
    )
    whole = prove(server, "postgres", instance=False)
    monkeypatch.setattr(content, "_PIECE_BYTES", 64 << 10)
    monkeypatch.setattr(proof, "_HEAVY", 0)
    with engine(server) as used, used._access.session() as session:
        assert len(content.pieces(session, 150000, True, 4)) > 10
        assert used.prove(["postgres"], "content", 4, False) == whole


def test_stranger_restores_with_the_standard_programs_alone(
    backup: Backup, filled: PostgresServer, fresh_pg: Callable[..., PostgresServer]
) -> None:
    server = fresh_pg()
    text = engine(filled).restore_instructions(backup.reader.manifest)
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    assert len(blocks) >= 3
    for block in blocks:
        existing = 'psql -X -d template1 -c \'CREATE DATABASE "postgres"'
        lines = [line for line in block.splitlines() if not line.startswith(existing)]
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", "\n".join(lines)],
            cwd=backup.reader.directory,
            env={**os.environ, **server.client_environment()},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    server.sql("TRUNCATE ddl_log", database="shop")
    assert differences(server, backup.proof) == []


def test_instance_is_described(filled: PostgresServer) -> None:
    with engine(filled) as used:
        info = used.inspect()
    assert (info.engine, info.flavour, info.user, info.missing_privileges) == (
        "postgresql",
        "postgresql",
        "postgres",
        [],
    )
    assert info.version_number[0] == filled.version
    assert {"pg_dump", "pg_restore", "zstd", "psycopg"} <= set(info.tools)
    sizes = [database.size for database in info.databases]
    assert sizes == sorted(sizes, reverse=True)
    assert "template0" not in [database.name for database in info.databases]


def test_roles_are_exported_with_and_without_hashes(filled: PostgresServer) -> None:
    with engine(filled) as used:
        export = used.export_roles()
    assert b"SCRAM-SHA-256$" in export.sql
    assert "SCRAM" not in "".join(export.masked.values())
    assert "reporting" in export.masked
    assert export.omissions == []


def test_p32_settings_and_rules_are_captured(fresh_pg: Callable[..., PostgresServer], work: Path) -> None:
    server = fresh_pg(settings={"work_mem": "5MB", "log_line_prefix": "it's %m"})
    server.sql("ALTER SYSTEM SET maintenance_work_mem = '77MB'")
    server.sql("SELECT pg_reload_conf()")
    made = back_up(server, work / "settings", "postgres", level="counts")
    parameters = {item["name"]: item for item in made.outcome.settings["parameters"]}
    assert parameters["work_mem"]["setting"] == "5120"
    assert parameters["log_line_prefix"]["setting"] == "it's %m"
    assert any(item["name"] == "maintenance_work_mem" for item in made.outcome.settings["files"])
    assert "search_path" not in parameters
    rules = [(item["type"], item["database"], item["auth_method"]) for item in made.outcome.settings["hba"]]
    assert ("local", ["all"], "peer") in rules
    assert [item["name"] for item in made.outcome.settings["tablespaces"]] == ["pg_default", "pg_global"]
