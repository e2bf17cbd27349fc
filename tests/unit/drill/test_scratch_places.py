# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Directories of throw-away servers: what is left behind is found and removed, what is somebody else's never."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._errors import BackupError, UsageError
from ansible_collections.vya.backupdb.plugins.module_utils._scratch import processes
from ansible_collections.vya.backupdb.plugins.module_utils._scratch.place import (
    PREFIX,
    Place,
    check_parent,
    make,
    sweep,
    take,
)


@pytest.fixture
def parent(tmp_path: Path) -> str:
    return check_parent(str(tmp_path))


@pytest.fixture
def sleepers() -> Iterator[list[subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for process in started:
        process.kill()
        process.wait()


def new(parent: str, purpose: str = "a", seconds: int = 60) -> Place:
    place = make(parent, purpose, "20261121T080000Z", "postgresql", seconds)
    os.mkdir(place.data)
    return place


def sleeper(started: list[subprocess.Popen[bytes]], **environment: str) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(["sleep", "600"], env={**os.environ, **environment})
    started.append(process)
    return process


def change(place: Place, **values: object) -> None:
    path = Path(place.path("scratch.json"))
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def test_what_runs_in_it_ends_with_it(parent: str, sleepers: list[subprocess.Popen[bytes]]) -> None:
    with new(parent) as place:
        ours = sleeper(sleepers, **place.environment)
        others = sleeper(sleepers, **{processes.MARK: "0" * 16})
        stranger = sleeper(sleepers)
        assert processes.running(place.record.token, place.data) == [ours.pid]
        place.remove()
    assert ours.wait(10) == -signal.SIGKILL
    assert (others.poll(), stranger.poll()) == (None, None)
    assert os.listdir(parent) == []


def test_a_recorded_number_that_is_somebody_elses_by_now_is_not_touched(
    parent: str, sleepers: list[subprocess.Popen[bytes]]
) -> None:
    stranger = sleeper(sleepers)
    with new(parent) as place:
        place.note(pid=stranger.pid)
    assert sweep(parent, "a") == [place.directory]
    assert stranger.poll() is None


def test_a_shell_in_the_data_directory_is_not_a_server(parent: str, sleepers: list[subprocess.Popen[bytes]]) -> None:
    with new(parent) as place:
        shell = subprocess.Popen(["sleep", "600"], cwd=place.data)
        sleepers.append(shell)
        place.remove()
    assert shell.poll() is None


def test_the_next_drill_of_the_same_removes_what_a_killed_one_left(parent: str) -> None:
    for purpose in ("a", "b"):
        new(parent, purpose).close()
    removed = sweep(parent, "a")
    assert len(removed) == 1
    assert len(os.listdir(parent)) == 1, "somebody drills b at this moment, perhaps"
    assert sweep(parent, "a") == []


def test_what_is_past_its_time_is_anybodys(parent: str) -> None:
    with new(parent, "b") as place:
        change(place, made=0.0, until=1.0)
    assert sweep(parent, "a") == [place.directory]


def test_what_somebody_wants_to_look_at_stays_until_its_time(parent: str) -> None:
    with new(parent) as place:
        place.note(kept=True)
    assert sweep(parent, "a") == []
    change(place, made=0.0, until=1.0)
    assert sweep(parent, "a") == [place.directory]


def test_nobody_works_on_it_twice(parent: str) -> None:
    with new(parent) as place:
        with pytest.raises(BackupError, match="Another drill"):
            sweep(parent, "a")
        assert sweep(parent, "b") == []
        with pytest.raises(BackupError, match="Somebody else"):
            take(place.directory)
    take(place.directory).close()


def test_a_removal_that_was_killed_is_finished(parent: str) -> None:
    with new(parent, "b") as place:
        os.rename(place.directory, place.directory + ".gone")
        os.unlink(place.directory + ".gone/scratch.json")
    assert sweep(parent, "a") == [place.directory + ".gone"]


def test_a_directory_without_a_record_has_a_minute_to_get_one(parent: str) -> None:
    directory = Path(parent, PREFIX + "0" * 16)
    directory.mkdir()
    assert sweep(parent, "a") == []
    os.utime(directory, (time.time() - 120, time.time() - 120))
    assert sweep(parent, "a") == [str(directory)]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give directories away")
def test_what_others_have_planted_is_passed_over(parent: str, sleepers: list[subprocess.Popen[bytes]]) -> None:
    with new(parent) as place:
        victim = sleeper(sleepers, **place.environment)
    os.chown(place.directory, 65534, 65534)
    assert sweep(parent, "a") == []
    with pytest.raises(UsageError, match="another account"):
        take(place.directory)
    link = Path(parent, PREFIX + "1" * 16)
    link.symlink_to(parent)
    assert sweep(parent, "a") == []
    assert victim.poll() is None


@pytest.mark.parametrize("path", ["/", "/etc", "/var/lib/postgresql", "relative", "/tmp/backupdb-scratch-xyz"])
def test_nothing_else_is_ever_removed(path: str) -> None:
    with pytest.raises(UsageError, match="no directory of a throw-away server"):
        take(path)


def test_parents_that_others_could_change_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="absolute"):
        check_parent("relative")
    with pytest.raises(UsageError, match="cannot be used"):
        check_parent(str(tmp_path / "absent"))
    open_to_all = tmp_path / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    with pytest.raises(UsageError, match="exchange"):
        check_parent(str(open_to_all))
    open_to_all.chmod(0o1777)
    link = tmp_path / "link"
    link.symlink_to(open_to_all)
    assert check_parent(str(link)) == os.path.realpath(open_to_all)
    shutil.rmtree(open_to_all)
