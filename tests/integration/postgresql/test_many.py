# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many small databases: they share programs and round trips, and are as complete as a single one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql import archive, content, finishing
from ansible_collections.vya.backupdb.plugins.module_utils._engines.base import BackupRequest
from ansible_collections.vya.backupdb.plugins.module_utils._errors import BackupError
from ansible_collections.vya.backupdb.plugins.module_utils._proof.model import COUNTS
from ansible_collections.vya.backupdb.plugins.module_utils._repository import Repository

from tests.integration.postgresql.rig import back_up, differences, engine, restore
from tests.support.postgresql import PostgresServer

NAMES = [f"small_{number:02d}" for number in range(19)]


@pytest.fixture(scope="module")
def many() -> Iterator[PostgresServer]:
    """A server with more small databases than share a program."""
    with PostgresServer(settings={"log_statement": "all", "log_line_prefix": "%p:"}) as server:
        server.sql("CREATE DATABASE small_00")
        server.sql(
            "CREATE TABLE a AS SELECT g, md5(g::text) AS t FROM generate_series(1, 500) g;"
            "CREATE TABLE b (x serial PRIMARY KEY, y text); CREATE VIEW v AS SELECT * FROM b",
            database="small_00",
        )
        for name in NAMES[1:]:
            server.sql(f"CREATE DATABASE {name} TEMPLATE small_00")
            server.sql(f"INSERT INTO b (y) VALUES ('{name}')", database=name)
        yield server


@pytest.fixture
def grouped(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many archives each call of zstd was given."""
    found: list[int] = []
    compress = archive.compress

    def counting(team: Any, directories: Any, level: int, workers: int) -> None:
        found.append(len(directories))
        compress(team, directories, level, workers)

    monkeypatch.setattr(finishing.archive, "compress", counting)
    # As programs before 16, whatever is installed.
    monkeypatch.setattr(
        "ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.tools.FIRST_WITH_ZSTD", 99
    )
    return found


def test_small_archives_share_a_program(many: PostgresServer, tmp_path: Path, grouped: list[int]) -> None:
    backup = back_up(many, tmp_path, "small_*")
    assert sorted(grouped) == [1, 2, 8, 8]
    for artefact in backup.reader.manifest.artefacts:
        if artefact.kind == "database":
            backup.reader.verify(artefact)
            assert artefact.details["plain_bytes"] > 0
            data = [entry.path for entry in artefact.files if not entry.path.endswith("toc.dat")]
            assert len(data) == 2
            assert all(path.endswith(".dat.zst") for path in data)
    with PostgresServer() as target:
        some = {name: name for name in (NAMES[0], NAMES[-1])}
        restore(target, backup.reader, some)
        assert differences(target, backup.proof, some, instance=False) == []


def test_a_backup_fails_when_the_shared_program_does(
    many: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, grouped: list[int]
) -> None:
    monkeypatch.setattr(archive, "zstd_program", lambda: ("/bin/false", "1.5.0"))
    request = BackupRequest(databases=("small_*",), jobs=2)
    repository = Repository(str(tmp_path))
    with (
        pytest.raises(BackupError, match="false failed"),
        engine(many) as used,
        repository.begin("source", "main") as writer,
    ):
        used.backup(request, used.plan_backup(request), writer)
    assert grouped
    assert list(repository.sets()) == []


def test_a_small_database_is_asked_in_few_round_trips(many: PostgresServer, tmp_path: Path) -> None:
    back_up(many, tmp_path, NAMES[1], level=COUNTS)
    said = [
        line.split(":", 1) for line in many.log_file.read_text(errors="replace").splitlines() if "statement: " in line
    ]
    # What exports the snapshot is the session that proves; the last one is of this backup.
    session = [process for process, text in said if "pg_export_snapshot" in text][-1]
    statements = [text for process, text in said if process == session]
    # Begin; sizes; catalogs; rows; values of sequences, twice.
    assert len(statements) <= 7, statements


def test_pieces_are_read_in_groups_and_in_order() -> None:
    pieces = [content.Piece(f"t{number}", size) for number, size in enumerate([9 << 20, 3 << 20, 1 << 20, 1, 0])]
    groups = content.groups(pieces)
    assert [[piece.table for piece in group] for group in groups] == [["t0"], ["t1", "t2"], ["t3", "t4"]]
    assert [len(group) for group in content.groups([content.Piece("t", 0)] * 450)] == [200, 200, 50]
