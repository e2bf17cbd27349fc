# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pruning on a real file system: what goes is gone as a whole, what stays is untouched, whatever happens on the way."""

from __future__ import annotations

import hashlib
import os
import signal
import sys
import threading
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import Path

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._drills import record_drill
from ansible_collections.vya.backupdb.plugins.module_utils._errors import RepositoryError, UsageError
from ansible_collections.vya.backupdb.plugins.module_utils._keys import Keys
from ansible_collections.vya.backupdb.plugins.module_utils._progress import Reporter
from ansible_collections.vya.backupdb.plugins.module_utils._pruning import Asked, Pruned, dry_run, prune
from ansible_collections.vya.backupdb.plugins.module_utils._removal import opened, put_aside
from ansible_collections.vya.backupdb.plugins.module_utils._repository import Repository
from ansible_collections.vya.backupdb.plugins.module_utils._retention import Hold, Policy
from ansible_collections.vya.backupdb.plugins.module_utils._set_locks import ReadLock
from ansible_collections.vya.backupdb.plugins.module_utils._set_reader import SetReader
from ansible_collections.vya.backupdb.plugins.module_utils._set_states import hold_of, record_hold
from ansible_collections.vya.backupdb.plugins.module_utils._signature_file import add_signature
from ansible_collections.vya.backupdb.plugins.module_utils._signatures import Statement
from ansible_collections.vya.backupdb.plugins.module_utils._verifications import record_verification
from ansible_collections.vya.backupdb.plugins.plugin_utils._signing import SigningKey, sign_statement

from tests.support.sets import make_set

NOW = datetime(2026, 11, 21, 8, tzinfo=timezone.utc)
AT = "2026-11-21T09:00:00Z"


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(str(tmp_path / "repository"))


def asked(policy: Policy | None = None) -> Asked:
    return Asked("db1", "main", policy or Policy(keep_last=2), NOW, timezone.utc)


def run(repository: Repository, policy: Policy | None = None) -> Pruned:
    return prune(repository, asked(policy), Reporter())


def history(repository: Repository, number: int) -> list[Path]:
    """Sets of so many days, the newest first."""
    return [make_set(repository, NOW - timedelta(days=day)) for day in range(number)]


def names(repository: Repository) -> list[str]:
    """Everything in the directory of the instance, the lock aside."""
    return sorted(name for name in os.listdir(repository.instance_directory("db1", "main")) if name != ".lock")


def fingerprint(path: Path) -> dict[str, str]:
    """Every file below a directory with its digest and mode; links are told by what they say."""
    found = {}
    for parent, directories, files in os.walk(path):
        for name in (*directories, *files):
            item = Path(parent, name)
            digest = str(item.readlink()) if item.is_symlink() else ""
            if item.is_file() and not item.is_symlink():
                digest = hashlib.sha256(item.read_bytes()).hexdigest()
            found[str(item.relative_to(path))] = f"{item.lstat().st_mode:o} {item.lstat().st_uid} {digest}"
    return found


def test_a_dry_run_tells_what_a_prune_does_and_changes_nothing(repository: Repository) -> None:
    sets = history(repository, 4)
    before = fingerprint(Path(repository.root))
    told = dry_run(repository, asked())
    assert fingerprint(Path(repository.root)) == before
    done = run(repository)
    assert done.decisions == told.decisions
    assert (done.removed, done.freed, done.errors) == (told.removed, told.freed, [])
    assert done.removed == [path.name for path in sets[2:]]
    assert done.freed == sum(item.candidate.size for item in done.decisions[2:]) > 1000
    assert names(repository) == sorted([".state", *(path.name for path in sets[:2])])
    assert sorted(os.listdir(sets[0].parent / ".state")) == sorted(f"{path.name}.json" for path in sets[:2])
    assert run(repository).removed == []


def test_an_instance_without_sets_is_nothing_to_prune(repository: Repository) -> None:
    assert run(repository) == Pruned() == dry_run(repository, asked())
    assert not os.path.exists(repository.root)


# what counts


def test_f15_sets_that_nobody_has_verified_push_no_good_one_out(repository: Repository) -> None:
    good = make_set(repository, NOW - timedelta(days=9))
    for day in range(8):
        make_set(repository, NOW - timedelta(days=day), verified=False)
    run(repository, Policy(keep_last=1))
    assert names(repository) == [".state", good.name, "20261121T080000Z"]


@pytest.mark.parametrize("level", ["quick", "checksum", "deep"])
def test_f15_a_set_that_was_found_damaged_does_not_count(repository: Repository, level: str) -> None:
    newest, older, _oldest = history(repository, 3)
    record_verification(str(newest), level, AT, 1)
    # that its files have their names and sizes clears nothing but that
    record_verification(str(newest), "quick", "2026-11-21T10:00:00Z", 0)
    if level == "checksum":
        record_verification(str(newest), "deep", "2026-11-20T10:00:00Z", 0)
    run(repository, Policy(keep_last=1, counts="sealed"))
    counts = level == "quick"
    assert names(repository) == [".state", *([] if counts else [older.name]), newest.name]


def test_f15_quick_looks_do_not_make_a_set_count(repository: Repository) -> None:
    older = make_set(repository, NOW - timedelta(days=2))
    newer = make_set(repository, NOW, verified=False)
    record_verification(str(newer), "quick", AT, 0)
    run(repository, Policy(keep_last=1))
    assert names(repository) == [".state", older.name, newer.name]
    record_verification(str(newer), "deep", AT, 0)
    run(repository, Policy(keep_last=1))
    assert names(repository) == [".state", newer.name]


def test_f15_only_a_drill_makes_a_set_proven(repository: Repository) -> None:
    sets = history(repository, 4)
    assert run(repository, Policy(keep_last=1, counts="proven")).removed == []
    record_drill(str(sets[3]), AT, "failed", False)
    record_drill(str(sets[2]), AT, "passed", True)
    assert run(repository, Policy(keep_last=1, counts="proven")).removed == [sets[1].name, sets[3].name]


def test_f15_sets_that_nobody_who_is_trusted_has_signed_push_no_signed_one_out(repository: Repository) -> None:
    sets = history(repository, 5)
    ours, theirs = SigningKey.create(), SigningKey.create()
    for path, key in ((sets[0], theirs), (sets[3], ours), (sets[4], ours)):
        reader = SetReader(str(path))
        manifest = reader.manifest
        statement = Statement(
            manifest.source, manifest.instance, manifest.set_id, manifest.run_id, reader.manifest_sha256, AT
        )
        add_signature(str(path), sign_statement(key, statement))
    trusting = Repository(repository.root, Keys(trusted=[ours.public.line]))
    done = run(trusting, Policy(keep_last=1))
    assert done.removed == [sets[4].name]
    reasons = [decision.reason for decision in done.decisions]
    assert all(reason.startswith("left alone: ") for reason in reasons[:3])
    assert reasons[3] == "last 1 of 1, the newest that counts"


# what is protected


def test_held_sets_stay_until_their_hold_ends(repository: Repository) -> None:
    sets = history(repository, 4)
    record_hold(str(sets[2]), Hold("an audit", NOW + timedelta(seconds=1)), AT)
    record_hold(str(sets[3]), Hold("long ago", NOW), AT)
    assert run(repository).removed == [sets[3].name]
    assert not list(sets[3].parent.glob(f".state/{sets[3].name}*")), "what is known of it goes with the set"


def test_a_hold_that_cannot_be_understood_holds(repository: Repository) -> None:
    sets = history(repository, 3)
    record_hold(str(sets[2]), Hold("an audit"), AT)
    file = sets[2].parent / ".state" / f"{sets[2].name}.hold.json"
    for text in ("", "[]", '{"until": 5}', '{"until": "soon"}', "[" * 100_000):
        file.write_text(text)
        assert run(repository).removed == [], text
        found = hold_of(str(sets[2]))
        assert found is not None and found.until is None


def test_a_hold_in_the_moment_of_the_removal_holds(repository: Repository) -> None:
    sets = history(repository, 1)
    with opened(str(sets[0].parent)) as directory:
        assert put_aside(directory, sets[0].name, lambda: True) is False
    assert sets[0].is_dir()


def test_a_set_that_is_read_stays_and_goes_the_next_time(repository: Repository) -> None:
    sets = history(repository, 3)
    reader = repository.open("db1", "main", sets[2].name)
    told = dry_run(repository, asked())
    done = run(repository)
    assert done.decisions == told.decisions
    assert (done.removed, done.decisions[2].reason) == ([], "in use")
    reader.verify(reader.artefact("archive", "data"))
    del reader
    assert run(repository).removed == [sets[2].name]


def test_a_reader_that_comes_too_late_is_told(repository: Repository) -> None:
    (path,) = history(repository, 1)
    moved = path.with_name("elsewhere")
    path.rename(moved)
    with pytest.raises(UsageError, match="is no set any more"):
        ReadLock(str(path))
    moved.rename(path)
    lock = ReadLock(str(path))
    lock.release()


def test_a_damaged_set_that_is_not_surely_ours_is_left_alone(repository: Repository) -> None:
    sets = history(repository, 8)
    (sets[2] / "manifest.json").unlink()
    (sets[3] / "manifest.json").write_text("{}")
    (sets[4] / "notes.txt").write_text("do not lose this")
    (sets[5] / "files" / "link").symlink_to("/etc/passwd")
    sets[6].rename(sets[6].with_name("20260101T000000Z"))
    done = run(repository)
    assert done.removed == [sets[7].name]
    found = {item.candidate.set_id: item.reason for item in done.decisions}
    assert "manifest.json is missing" in found[sets[2].name]
    assert "manifest.json is not what SHA256SUMS says" in found[sets[3].name]
    assert found[sets[4].name] == "left alone: it holds what is not of it: notes.txt"
    assert "neither a file nor a directory" in found[sets[5].name]
    assert "its manifest is of the set" in found["20260101T000000Z"]


def test_a_repository_with_planted_links_and_files_of_others_loses_nothing_of_them(
    repository: Repository, tmp_path: Path
) -> None:
    sets = history(repository, 4)
    instance = sets[0].parent
    outside = tmp_path / "outside"
    elsewhere = Repository(str(outside))
    for day in range(3):
        make_set(elsewhere, NOW - timedelta(days=40 + day))
    victim = next(iter(elsewhere.sets())).path
    (instance / "20260101T000000Z").symlink_to(victim)
    (instance / "20260102T000000Z.removing").symlink_to(victim)
    (instance / "20260103T000000Z").write_text("a file")
    (instance / "notes.removing").mkdir()
    (instance / "20260104T000000Z.removing.old").mkdir()
    (instance / "20260105T000000Z.removing").mkdir()
    (instance / "20260105T000000Z.removing" / "inner").symlink_to(outside)
    (instance / "20260105T000000Z.removing" / "passwd").symlink_to("/etc/passwd")
    os.link(Path(victim, "manifest.json"), instance / "20260105T000000Z.removing" / "hard")
    if os.geteuid() == 0:
        os.chown(sets[3], 65534, 65534)
        (instance / "20260106T000000Z.removing").mkdir()
        os.chown(instance / "20260106T000000Z.removing", 65534, 65534)
    before = fingerprint(outside)
    stays = {name for name in os.listdir(instance) if name != "20260105T000000Z.removing"}
    done = run(repository)
    assert fingerprint(outside) == before
    gone = {sets[2].name} if os.geteuid() == 0 else {sets[2].name, sets[3].name}
    assert set(done.removed) == gone
    assert set(os.listdir(instance)) == stays - gone
    if os.geteuid() == 0:
        assert done.decisions[3].reason == "left alone: it belongs to another account (uid 65534)"


@pytest.mark.parametrize("level", ["source", "instance"])
def test_nothing_is_removed_behind_a_link(repository: Repository, tmp_path: Path, level: str) -> None:
    outside = Repository(str(tmp_path / "outside"))
    sets = history(outside, 4)
    before = fingerprint(Path(outside.root))
    link = Path(repository.root, "db1") if level == "source" else Path(repository.root, "db1", "main")
    link.parent.mkdir(parents=True)
    link.symlink_to(sets[0].parents[1 if level == "source" else 0])
    for act in (run, lambda where: dry_run(where, asked())):
        with pytest.raises(RepositoryError, match="is a symbolic link"):
            act(repository)
    with pytest.raises(RepositoryError), opened(str(Path(repository.root, "db1", "main"))):
        pass
    assert fingerprint(Path(outside.root)) == before


def test_a_link_in_the_place_of_the_states_leads_nowhere(repository: Repository, tmp_path: Path) -> None:
    sets = history(repository, 4)
    states = sets[0].parent / ".state"
    outside = tmp_path / "outside"
    states.rename(outside)
    states.symlink_to(outside)
    before = fingerprint(outside)
    assert run(repository).removed == [sets[2].name, sets[3].name]
    with pytest.raises(RepositoryError, match="is a symbolic link"):
        record_verification(str(sets[0]), "deep", AT, 0)
    assert fingerprint(outside) == before


# other runs


def test_f10_a_prune_and_a_backup_keep_out_of_each_others_way(repository: Repository) -> None:
    sets = history(repository, 3)
    with repository.begin("db1", "main", NOW + timedelta(days=1)):
        with pytest.raises(RepositoryError, match="A backup of 'main' of 'db1' is running"):
            run(repository)
        assert dry_run(repository, asked()).removed == [sets[2].name]
    made: list[Path] = []
    with repository.pruning("db1", "main"):
        waiting = threading.Thread(target=lambda: made.append(make_set(repository, NOW + timedelta(days=2))))
        waiting.start()
        waiting.join(0.5)
        assert made == []
    waiting.join()
    assert len(made) == 1


def steps(act: Callable[[], object], number: int) -> bool:
    """Do something in a process that is killed at its so-manieth change of the file system; False if it has fewer."""
    child = os.fork()
    if child == 0:
        left = [number]

        def count(event: str, _arguments: tuple[object, ...]) -> None:
            if event in ("os.rename", "os.remove", "os.rmdir"):
                if left[0] == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                left[0] -= 1

        try:
            sys.addaudithook(count)
            act()
            os._exit(0)
        finally:
            os._exit(1)
    status = os.waitpid(child, 0)[1]
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


@pytest.mark.parametrize("then", ["prune", "backup"])
def test_f10_a_prune_that_is_killed_leaves_whole_sets_and_is_finished_by_the_next_run(
    tmp_path: Path, then: str
) -> None:
    """Killed before each of its changes in turn."""
    number, killed = 0, True
    while killed:
        repository = Repository(str(tmp_path / str(number)))
        sets = history(repository, 4)
        record_hold(str(sets[3]), Hold("long ago", NOW), AT)
        untouched = [fingerprint(path) for path in sets[:2]]
        killed = steps(partial(run, repository), number)
        listed = list(repository.sets())
        assert {item.set_id for item in listed} >= {path.name for path in sets[:2]}
        for item in listed:
            assert item.problem is None
            reader = SetReader(item.path)
            for artefact in reader.manifest.artefacts:
                assert reader.check_contents(artefact) == []
        if then == "backup":
            make_set(repository, NOW + timedelta(days=1))
            assert not list(sets[0].parent.glob("*.removing"))
            os.rename(sets[0].with_name("20261122T080000Z"), tmp_path / f"{number}.put-away")
            (sets[0].parent / ".state" / "20261122T080000Z.json").unlink()
        run(repository)
        assert names(repository) == sorted([".state", *(path.name for path in sets[:2])])
        assert sorted(os.listdir(sets[0].parent / ".state")) == sorted(f"{path.name}.json" for path in sets[:2])
        assert [fingerprint(path) for path in sets[:2]] == untouched
        number += 1
    # two renames; of each set its states, files and directories
    assert number > 15
