# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The repository: what is sealed is whole, what is not sealed is gone."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import textwrap
from datetime import datetime, timezone
from pathlib import Path

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils import _codec
from ansible_collections.vya.backupdb.plugins.module_utils._errors import DamagedSet, RepositoryError, UsageError
from ansible_collections.vya.backupdb.plugins.module_utils._layout import MANIFEST, SUMS, encode_name
from ansible_collections.vya.backupdb.plugins.module_utils._model import Manifest
from ansible_collections.vya.backupdb.plugins.module_utils._repository import Repository
from ansible_collections.vya.backupdb.plugins.module_utils._set_reader import SetReader, share
from ansible_collections.vya.backupdb.plugins.module_utils._set_writer import SetWriter
from hypothesis import given
from hypothesis import strategies as st

NOW = "2026-11-21T08:00:00Z"


def manifest_of(writer: SetWriter) -> Manifest:
    return Manifest(
        set_id=writer.set_id,
        run_id="run",
        source="db1",
        instance="main",
        engine="postgresql",
        flavour="postgresql",
        server_version="15.1",
        started=NOW,
        snapshot_at=NOW,
        finished=NOW,
        collection_version="0.1.0",
        artefacts=writer.artefacts,
    )


def make_set(repository: Repository, moment: datetime | None = None, source: str = "db1") -> str:
    with repository.begin(source, "main", moment) as writer:
        path = writer.create_file("roles", "roles", ".sql.zst")
        _codec.write_bytes(path, b"CREATE ROLE app;\n")
        writer.finish("roles", "roles", "sql", "zstd")
        directory = Path(writer.create_directory("database", "shop"))
        (directory / "toc.dat").write_bytes(b"PGDMP" * 100)
        writer.finish("database", "shop", "pg_directory", "none")
        return writer.seal(manifest_of(writer))


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(str(tmp_path / "repository"))


def test_f08_a_set_is_readable_by_its_owner_alone(repository: Repository) -> None:
    os.umask(0o022)
    path = make_set(repository)
    for parent, directories, files in os.walk(repository.root):
        assert stat.S_IMODE(os.lstat(parent).st_mode) == 0o700, parent
        for name in files:
            assert stat.S_IMODE(os.lstat(os.path.join(parent, name)).st_mode) == 0o600, name
        assert directories is not None
    assert os.path.isdir(path)


def test_the_checksums_are_those_of_the_standard_program(repository: Repository) -> None:
    path = make_set(repository)
    subprocess.run(["sha256sum", "--check", "--strict", "--quiet", SUMS], cwd=path, check=True)


def test_a_failure_leaves_no_set_and_no_directory(repository: Repository) -> None:
    with pytest.raises(ZeroDivisionError), repository.begin("db1", "main") as writer:
        writer.create_directory("database", "shop")
        raise ZeroDivisionError
    assert os.listdir(repository.instance_directory("db1", "main")) == [".lock"]
    assert list(repository.sets()) == []


def test_f10_two_runs_at_once(repository: Repository) -> None:
    with repository.begin("db1", "main"):
        with pytest.raises(RepositoryError, match="Another backup of 'main' of 'db1' is running"):
            repository.begin("db1", "main")
        with repository.begin("db1", "other"), repository.begin("db2", "main"):
            pass


def test_f10_what_a_killed_writer_left_is_swept_and_nothing_else(repository: Repository, tmp_path: Path) -> None:
    make_set(repository)
    program = textwrap.dedent(
        """
        import os, sys
        sys.path[:0] = sys.argv[2:]
        from ansible_collections.vya.backupdb.plugins.module_utils._repository import Repository
        writer = Repository(sys.argv[1]).begin("db1", "main")
        writer.create_directory("database", "half")
        os.kill(os.getpid(), 9)
        """
    )
    ended = subprocess.run([sys.executable, "-c", program, repository.root, *sys.path], check=False)
    assert ended.returncode == -signal.SIGKILL
    directory = Path(repository.instance_directory("db1", "main"))
    foreign = directory / "notes.partial"
    foreign.mkdir()
    assert len(list(directory.glob("*Z.partial"))) == 1
    assert len(list(repository.sets())) == 1, "a half-written set is never listed"
    make_set(repository)
    assert list(directory.glob("*Z.partial")) == []
    assert foreign.is_dir(), "what is not ours stays"
    assert len(list(repository.sets())) == 2


def test_two_sets_of_one_second_get_two_ids(repository: Repository) -> None:
    assert make_set(repository) != make_set(repository)


def test_latest_is_the_newest_and_never_an_older_one_in_its_place(repository: Repository) -> None:
    make_set(repository, datetime(2026, 1, 1, tzinfo=timezone.utc))
    newest = make_set(repository, datetime(2026, 1, 2, tzinfo=timezone.utc))
    assert repository.open("db1", "main").directory == newest
    os.unlink(os.path.join(newest, MANIFEST))
    with pytest.raises(DamagedSet, match=r"manifest.json is missing"):
        repository.open("db1", "main")
    assert repository.open("db1", "main", "20260101T000000Z").manifest.set_id == "20260101T000000Z"


def test_an_unknown_set_is_named_with_those_that_are_there(repository: Repository) -> None:
    with pytest.raises(UsageError, match="holds no set of 'main' of 'db1'"):
        repository.open("db1", "main")
    make_set(repository, datetime(2026, 1, 1, tzinfo=timezone.utc))
    with pytest.raises(UsageError, match="newest being 20260101T000000Z"):
        repository.open("db1", "main", "20250101T000000Z")


@pytest.mark.parametrize("damage", ["flip", "cut", "remove", "grow"])
def test_f14_an_altered_artefact_is_found(repository: Repository, damage: str) -> None:
    path = make_set(repository)
    victim = Path(path, "databases", "shop", "toc.dat")
    data = bytearray(victim.read_bytes())
    if damage == "flip":
        data[250] ^= 1
    elif damage == "cut":
        del data[-1]
    elif damage == "grow":
        data += b"x"
    if damage == "remove":
        victim.unlink()
    else:
        victim.write_bytes(bytes(data))
    reader = SetReader(path)
    with pytest.raises(DamagedSet, match="databases/shop/toc.dat"):
        reader.verify(reader.artefact("database", "shop"))
    reader.verify(reader.artefact("roles"))


@pytest.mark.parametrize("jobs", [1, 3])
def test_f14_files_that_are_read_together_are_told_apart(repository: Repository, jobs: int) -> None:
    with repository.begin("db1", "main") as writer:
        directory = Path(writer.create_directory("database", "shop"))
        for number in range(9):
            (directory / f"{number}.dat").write_bytes(b"%d" % number * (5 - number % 5))
        artefact = writer.finish("database", "shop", "pg_directory", "none")
        path = writer.seal(manifest_of(writer))
    reader = SetReader(path)
    assert reader.check_contents(artefact, jobs) == []
    for number in (7, 2):
        file = Path(path, artefact.path, f"{number}.dat")
        file.write_bytes(b"x" * file.stat().st_size)
    altered = [f"{artefact.path}/{number}.dat was altered: its SHA-256 differs" for number in (2, 7)]
    assert reader.check_contents(artefact, jobs) == altered


def test_each_artefact_is_read_by_its_share_of_the_jobs() -> None:
    assert [share(size, 100, 4) for size in (100, 60, 25, 1, 0)] == [4, 2, 1, 1, 1]
    assert share(0, 0, 4) == 1


def test_f14_an_altered_manifest_is_found(repository: Repository) -> None:
    path = make_set(repository)
    manifest = Path(path, MANIFEST)
    manifest.write_text(manifest.read_text().replace('"db1"', '"db2"'))
    with pytest.raises(DamagedSet, match="manifest.json is not what SHA256SUMS says"):
        SetReader(path)
    listed = list(repository.sets())
    assert [item.manifest for item in listed] == [None]
    assert listed[0].problem is not None


def test_a_file_that_the_manifest_does_not_name_is_reported(repository: Repository) -> None:
    path = make_set(repository)
    Path(path, "databases", "shop", "9999.dat").write_bytes(b"x")
    assert SetReader(path).unexpected() == ["databases/shop/9999.dat"]


def test_an_artefact_replaced_by_a_link_is_refused(repository: Repository, tmp_path: Path) -> None:
    path = make_set(repository)
    victim = Path(path, "databases", "shop", "toc.dat")
    copy = tmp_path / "copy"
    victim.rename(copy)
    victim.symlink_to(copy)
    reader = SetReader(path)
    assert reader.check_sizes(reader.artefact("database", "shop")) == ["databases/shop/toc.dat is not a regular file"]


def test_a_repository_that_is_a_file_or_relative_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RepositoryError, match="is not a directory"):
        Repository(str(tmp_path / "file")).check_writable()
    with pytest.raises(UsageError, match="not an absolute path"):
        Repository("backups")


def test_a_listing_passes_over_what_is_not_a_set(repository: Repository) -> None:
    path = Path(make_set(repository))
    (path.parent / "20261399T000000Z").mkdir()
    (path.parent / "README").write_text("")
    (path.parent / "20260101T000000Z").symlink_to(path)
    Path(repository.root, "lost+found").mkdir()
    assert [item.path for item in repository.sets()] == [str(path)]


@given(st.text(st.characters(blacklist_categories=["Cs"]), max_size=80))
def test_p34_an_encoded_name_is_a_harmless_file_name(name: str) -> None:
    encoded = encode_name(name)
    assert encoded.isascii() and 0 < len(encoded) <= 200
    assert "/" not in encoded and not encoded.startswith(".") and encoded.isprintable() and " " not in encoded


@given(st.text(max_size=300), st.text(max_size=300))
def test_p34_different_names_are_encoded_differently(one: str, other: str) -> None:
    try:
        one.encode("utf-8", "surrogateescape"), other.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return
    assert (encode_name(one) == encode_name(other)) == (one == other)
