# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What happened to a set after it was sealed is found, and nothing is restored from it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._errors import BackupError

from tests.integration.modules.harness import Workplace, call
from tests.integration.modules.samples import Sample
from tests.integration.modules.sets import alter, files_of, rewrite_manifest, truncate
from tests.support.postgresql import PostgresServer


def backed_up(work: Workplace, sample: Sample, **given: Any) -> Path:
    return Path(call("dump", **sample.local, **work.place, **given)["set"]["path"])


def names(server: Any) -> set[str]:
    statement = (
        "SELECT datname FROM pg_database" if isinstance(server, PostgresServer) else "SELECT schema_name FROM"
        " information_schema.schemata"
    )  # fmt: skip
    return {row[0] for row in server.sql(statement)}


def roles(server: Any) -> set[str]:
    statement = "SELECT rolname FROM pg_roles" if isinstance(server, PostgresServer) else "SELECT user FROM mysql.user"
    return {row[0] for row in server.sql(statement)}


def remove(file: Path) -> None:
    file.unlink()


def link(file: Path) -> None:
    file.unlink()
    file.symlink_to("/etc/passwd")


DAMAGES: list[tuple[Callable[[Path], None], str, str]] = [
    (alter, "checksum", "was altered: its SHA-256 differs"),
    (truncate, "quick", "bytes instead of"),
    (remove, "quick", "is missing"),
    (link, "quick", "is not a regular file"),
]


@pytest.mark.parametrize("kind", ["database", "roles"])
@pytest.mark.parametrize(("damage", "level", "words"), DAMAGES, ids=[item[0].__name__ for item in DAMAGES])
def test_f14_damage_is_found_by_verify_and_before_a_restore(
    work: Workplace, sample: Sample, kind: str, damage: Callable[[Path], None], level: str, words: str
) -> None:
    path = backed_up(work, sample)
    file = files_of(path, kind)[0]
    damage(file)
    with pytest.raises(BackupError) as caught:
        call("backup_verify", **work.place, level=level)
    assert str(file.relative_to(path)) in str(caught.value) and words in str(caught.value)
    result = caught.value.result  # type: ignore[attr-defined]
    assert result["ok"] is False and result["total"] >= 1
    assert call("backup_info", repository=str(work.repository))["sets"][0]["verified"]["ok"] is False
    before = names(sample.server), roles(sample.server)
    target = {"rename": {"shop": "shop_again", "crm": "crm_again"}, "databases": ["shop", "crm"]}
    for check in (True, False):
        with pytest.raises(BackupError, match="damaged|altered|missing"):
            call("restore", check=check, **sample.local, **work.place, **target)
    assert (names(sample.server), roles(sample.server)) == before


def test_f14_deep_reads_what_a_checksum_cannot_know(work: Workplace, sample: Sample) -> None:
    path = backed_up(work, sample)
    assert call("backup_verify", **work.place, level="deep")["ok"] is True
    file = next(item for item in files_of(path, "database") if item.name.endswith(".zst"))
    alter(file)

    def believe(manifest: dict[str, Any]) -> None:
        """The sums are of the damaged file: it was damaged before it was sealed."""
        for artefact in manifest["artefacts"]:
            for entry in artefact["files"]:
                if entry["path"] == str(file.relative_to(path)):
                    entry["sha256"] = hashlib.sha256(file.read_bytes()).hexdigest()
                    sums = path / "SHA256SUMS"
                    lines = [line for line in sums.read_text().splitlines() if not line.endswith(entry["path"])]
                    sums.write_text("\n".join([*lines, f"{entry['sha256']}  {entry['path']}"]) + "\n")

    rewrite_manifest(path, believe)
    assert call("backup_verify", **work.place, level="checksum")["ok"] is True
    with pytest.raises(BackupError, match="cannot be read to its end"):
        call("backup_verify", **work.place, level="deep")


def test_a_file_that_nobody_knows_is_found(work: Workplace, sample: Sample) -> None:
    path = backed_up(work, sample)
    (path / "databases" / "intruder").write_text("x")
    with pytest.raises(BackupError, match="databases/intruder is not in the manifest"):
        call("backup_verify", **work.place, level="quick")


def test_an_unknown_manifest_version_is_refused_by_name(work: Workplace, sample: Sample) -> None:
    path = backed_up(work, sample)
    rewrite_manifest(path, lambda manifest: manifest.update(schema_version=99, collection_version="9.9.9"))
    for module, options in (("restore", sample.local), ("proof_info", sample.local), ("backup_verify", {})):
        with pytest.raises(BackupError, match=r"format version 99.*reads up to 2.*9\.9\.9"):
            call(module, **options, **work.place)
    (listed,) = call("backup_info", repository=str(work.repository))["sets"]
    assert "format version 99" in listed["problem"]


@pytest.mark.parametrize(
    ("name", "damage"),
    [("manifest.json", alter), ("manifest.json", truncate), ("manifest.json", remove), ("SHA256SUMS", remove)],
)
def test_f14_a_damaged_manifest_is_listed_and_refused(
    work: Workplace, pg_sample: Sample, name: str, damage: Callable[[Path], None]
) -> None:
    path = backed_up(work, pg_sample)
    damage(path / name)
    (listed,) = call("backup_info", repository=str(work.repository))["sets"]
    assert listed["problem"] and listed["id"] == path.name
    for module, options in (("restore", pg_sample.local), ("backup_verify", {})):
        with pytest.raises(BackupError, match="What to do: "):
            call(module, **options, **work.place)


def test_f14_sums_that_were_altered_are_found(work: Workplace, pg_sample: Sample) -> None:
    path = backed_up(work, pg_sample)
    alter(path / "SHA256SUMS")
    with pytest.raises(BackupError, match="SHA256SUMS"):
        call("backup_verify", **work.place)


def test_latest_never_falls_back_on_an_older_set(work: Workplace, pg_sample: Sample) -> None:
    older = backed_up(work, pg_sample)
    newer = backed_up(work, pg_sample)
    (newer / "manifest.json").unlink()
    with pytest.raises(BackupError, match=newer.name):
        call("backup_verify", **work.place)
    assert call("backup_verify", **work.place, set=older.name)["set"]["id"] == older.name
    assert call("backup_verify", **work.place, set=str(older))["set"]["id"] == older.name


def test_p30_m26_a_target_that_is_older_than_the_set_is_refused(work: Workplace, sample: Sample) -> None:
    path = backed_up(work, sample)

    def newer(manifest: dict[str, Any]) -> None:
        manifest["server_version"] = "99.3" if manifest["engine"] == "postgresql" else "99.3.1-MariaDB"

    rewrite_manifest(path, newer)
    before = names(sample.server)
    with pytest.raises(BackupError, match="99"):
        call("restore", **sample.local, **work.place, rename={"shop": "shop_again"}, databases=["shop"])
    assert names(sample.server) == before


def test_foreign_files_in_the_repository_disturb_nothing(work: Workplace, pg_sample: Sample) -> None:
    backed_up(work, pg_sample)
    for folder in (work.repository, work.repository / "db1", work.repository / "db1" / "main"):
        (folder / "README").write_text("x")
        (folder / "lost+found").mkdir()
        (folder / "dangling").symlink_to("/nowhere")
        (folder / "20261340T250000Z").mkdir()
    (work.repository / "db1" / "main" / "20250101T000000Z").write_text("a file with a set's name")
    result = call("backup_info", repository=str(work.repository))
    assert [item["problem"] for item in result["sets"]] == [None]
    assert call("backup_verify", **work.place, level="deep")["ok"] is True


def test_a_repository_that_does_not_exist_holds_no_sets(work: Workplace) -> None:
    assert call("backup_info", repository=str(work.root / "nowhere"))["sets"] == []
