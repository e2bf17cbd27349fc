# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files while things go wrong: disks full, files unreadable, changing or vanishing, runs killed."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._errors import BackupError, NoSpace
from ansible_collections.vya.backupdb.plugins.module_utils._progress import Reporter

from tests.integration.files.rig import Rig, below, facts
from tests.support.paths import BUILD, CHECKOUT

NOBODY = 65534

pytestmark = pytest.mark.usefixtures("as_root")


@pytest.fixture
def mounted(reachable_tmp: Path) -> Iterator[Callable[[str, int], Path]]:
    """Call it with a name and a size in MiB for a small file system of its own."""
    places: list[Path] = []

    def mount(name: str, size: int) -> Path:
        place = reachable_tmp / name
        place.mkdir(exist_ok=True)
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size}m", "none", place], check=False, capture_output=True
        )
        if done.returncode:
            pytest.skip(f"file systems cannot be mounted here: {done.stderr.decode().strip()}")
        places.append(place)
        return place

    yield mount
    for place in reversed(places):
        subprocess.run(["umount", place], check=True)


class Meddler(Reporter):
    """Does something as soon as the first piece of an archive has passed."""

    def __init__(self, meddle: Callable[[], object], during: str = "archiving") -> None:
        super().__init__()
        self._during = during
        self._meddle: Callable[[], object] | None = meddle

    def progress(self, text: str, done: int, total: int | None, unit: str = "bytes", force: bool = False) -> None:
        meddle, self._meddle = self._meddle, None
        if meddle is not None and text.startswith(self._during):
            meddle()
        super().progress(text, done, total, unit, force)


def test_f09_a_full_repository_ends_in_one_clear_error(
    mounted: Callable[[str, int], Path], reachable_tmp: Path, source: Path
) -> None:
    rig = Rig(mounted("small", 4))
    (source / "old").write_text("old")
    rig.backup(source)
    older = {path: path.read_bytes() for path in rig.path.rglob("*") if path.is_file() and path.name != ".lock"}
    (source / "large").write_bytes(os.urandom(8 << 20))
    with pytest.raises(NoSpace, match="No space left for the repository") as caught:
        rig.backup(source)
    assert caught.value.remedy
    assert {path: path.read_bytes() for path in rig.path.rglob("*") if path.is_file() and path.name != ".lock"} == older


def test_f09_a_repository_that_many_small_files_fill(mounted: Callable[[str, int], Path], source: Path) -> None:
    rig = Rig(mounted("small", 1))
    for number in range(20_000):
        os.mknod(source / f"{hashlib.sha256(str(number).encode()).hexdigest()}", 0o100644)
    with pytest.raises(NoSpace, match="No space left for the repository"):
        rig.backup(source)
    assert not [path for path in rig.path.rglob("*") if path.is_file() and path.name != ".lock"]


def test_f09_a_restore_that_does_not_fit_is_refused_before_anything_is_written(
    rig: Rig, mounted: Callable[[str, int], Path], source: Path
) -> None:
    (source / "large").write_bytes(os.urandom(8 << 20))
    rig.backup(source)
    place = mounted("small", 4)
    with pytest.raises(BackupError, match=r"bytes free; the restore needs \d+"):
        rig.restore(place)
    assert list(place.iterdir()) == []


def test_f09_a_disk_that_fills_while_files_are_restored(
    rig: Rig, mounted: Callable[[str, int], Path], source: Path
) -> None:
    """Many small files need more room than their sizes tell, here more inodes than there are."""
    for number in range(3000):
        (source / f"{number}").write_bytes(b"x" * 10)
    rig.backup(source)
    place = mounted("small", 16)
    subprocess.run(["mount", "-o", "remount,nr_inodes=1000", place], check=True)
    with pytest.raises(BackupError, match="No space left below") as caught:
        rig.restore(place)
    assert caught.value.remedy
    assert list(place.iterdir()) == []


def test_a_file_that_changes_while_being_read_is_named(rig: Rig, source: Path, target: Path) -> None:
    (source / "a").write_bytes(os.urandom(64 << 20))

    def meddle() -> None:
        with (source / "a").open("ab") as stream:
            stream.write(b"more")

    rig.reporter = Meddler(meddle)
    outcome = rig.backup(source)
    assert outcome.warnings == (f"1 entry changed while being read: {source}/a",)
    _digests_are_those_of_the_archive(rig, target, 64 << 20)


def test_a_file_that_shrinks_while_being_read_is_named(rig: Rig, source: Path, target: Path) -> None:
    (source / "a").write_bytes(os.urandom(64 << 20))
    rig.reporter = Meddler(lambda: os.truncate(source / "a", 32 << 20))
    outcome = rig.backup(source)
    assert outcome.warnings == (f"1 entry changed while being read: {source}/a",)
    _digests_are_those_of_the_archive(rig, target, 64 << 20)


@pytest.mark.parametrize("kind", ["file", "directory", "link"])
def test_what_appears_in_the_way_of_a_restore_is_kept(rig: Rig, source: Path, target: Path, kind: str) -> None:
    (source / "a").write_text("a")
    (source / "b").write_text("b")
    below(target, source).mkdir(parents=True)
    rig.backup(source / "*")
    way = below(target, source / "b")
    make = {"file": lambda: way.write_text("mine"), "directory": way.mkdir, "link": lambda: way.symlink_to("a")}[kind]
    rig.reporter = Meddler(make, "restoring")
    with pytest.raises(BackupError, match="b appeared while files were being restored"):
        rig.restore(target)
    assert (way.is_symlink(), way.is_dir()) == (kind == "link", kind == "directory")
    if kind == "file":
        assert way.read_text() == "mine"
    assert not list(target.rglob(".backupdb-restore-*"))


def _digests_are_those_of_the_archive(rig: Rig, target: Path, size: int) -> None:
    rig.restore(target)
    line = next(line for line in rig.listing() if line.get("type") == "f")
    restored = below(target, Path(line["path"])).read_bytes()
    assert (len(restored), hashlib.sha256(restored).hexdigest()) == (size, line["sha256"])
    assert rig.messages(target) == []


def test_what_vanishes_before_it_is_read_is_named(rig: Rig, source: Path, target: Path) -> None:
    (source / "a").write_bytes(os.urandom(64 << 20))
    (source / "b").mkdir()
    (source / "b" / "file").touch()
    for name in ("c", "d\n", "e"):
        (source / name).touch()

    def meddle() -> None:
        (source / "c").unlink()
        (source / "d\n").unlink()

    rig.reporter = Meddler(meddle)
    outcome = rig.backup(source)
    assert outcome.warnings == (f"2 entries vanished while the backup ran: {source}/c, {source}/d\\n",)
    assert rig.entries() == [str(source / path) for path in (".", "a", "b", "b/file", "e")]
    rig.restore(target)
    assert rig.messages(target) == []


def _as_nobody(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run Python code as an account that may not read everything."""
    setup = "import sys; from pathlib import Path; from tests.integration.files.rig import *\n"
    command = [
        "setpriv",
        f"--reuid={NOBODY}",
        f"--regid={NOBODY}",
        "--clear-groups",
        "--",
        sys.executable,
        "-c",
        setup + code,
    ]
    environment = {
        **os.environ,
        "PYTHONPATH": f"{BUILD}:{CHECKOUT}",
        "HOME": "/nonexistent",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    return subprocess.run(
        [*command, *map(str, arguments)], check=False, capture_output=True, text=True, env=environment
    )


@pytest.fixture
def theirs(reachable_tmp: Path, source: Path) -> Path:
    """A repository of nobody's, and a source that nobody may not read as a whole."""
    (source / "open").write_text("open")
    (source / "closed").write_text("closed")
    (source / "closed").chmod(0o600)
    (source / "shut").mkdir(mode=0o700)
    (source / "shut" / "file").write_text("shut")
    place = reachable_tmp / "theirs"
    place.mkdir()
    os.chown(place, NOBODY, NOBODY)
    return place


def test_what_cannot_be_read_fails_the_set_and_is_named(theirs: Path, source: Path) -> None:
    done = _as_nobody("Rig(Path(sys.argv[1])).backup(sys.argv[2])", theirs, source)
    assert done.returncode
    assert f"2 entries could not be read: {source}/closed, {source}/shut" in done.stderr
    assert list(theirs.iterdir()) == []


def test_what_becomes_unreadable_after_the_plan_fails_the_set(theirs: Path, source: Path) -> None:
    code = """
from ansible_collections.vya.backupdb.plugins.module_utils._errors import BackupError
from ansible_collections.vya.backupdb.plugins.module_utils._files.request import FilesPlan
rig = Rig(Path(sys.argv[1]))
request = FilesRequest([sys.argv[2]])
with rig.repository.begin("host", "files") as writer:
    try:
        archive(request, FilesPlan(()), writer, rig.reporter)
    except BackupError as error:
        print(error)
"""
    done = _as_nobody(code, theirs, source)
    assert done.returncode == 0, done.stderr
    assert "2 entries could not be read; no set was made." in done.stdout
    assert done.stdout.splitlines()[1:3] == [f"  - {source}/closed", f"  - {source}/shut"]
    assert not [path for path in theirs.rglob("*") if path.is_file() and path.name != ".lock"]


def test_what_cannot_be_read_can_be_allowed_and_is_named(theirs: Path, source: Path) -> None:
    code = """
rig = Rig(Path(sys.argv[1]))
outcome = rig.backup(sys.argv[2], allow_unreadable=True)
print(*outcome.warnings, sep="\\n")
print(rig.entries())
"""
    done = _as_nobody(code, theirs, source)
    assert done.returncode == 0, done.stderr
    assert f"2 entries could not be read: {source}/closed, {source}/shut" in done.stdout
    assert f"['{source}', '{source}/open']" in done.stdout


def test_f03_directories_that_one_may_only_pass_through_come_back(theirs: Path, source: Path, target: Path) -> None:
    """Who is not root cannot list every directory above his files; tar cannot archive those."""
    (source / "passage" / "mine").mkdir(parents=True)
    (source / "passage" / "mine" / "file").write_text("x")
    os.chown(source / "passage", 3, 4)
    (source / "passage").chmod(0o711)
    done = _as_nobody("Rig(Path(sys.argv[1])).backup(*sys.argv[2:])", theirs, source / "passage/mine", source / "open")
    assert done.returncode == 0, done.stderr
    rig = Rig(theirs)
    rig.restore(target)
    restored = below(target, source / "passage").stat()
    assert (restored.st_mode & 0o7777, restored.st_uid, restored.st_gid) == (0o711, 3, 4)
    assert rig.messages(target) == []
    part = target.with_name("part")
    rig.restore(part, source / "open")
    assert [path.name for path in below(part, source).iterdir()] == ["open"]
    assert not rig.restore(target).changed


def test_somebody_else_than_root_restores_what_he_may(rig: Rig, source: Path, reachable_tmp: Path) -> None:
    """Owners aside, everything comes back, also below directories that do not let their owner write."""
    (source / "locked").mkdir()
    (source / "locked" / "file").write_text("x")
    (source / "locked" / "file").chmod(0o440)
    (source / "locked" / "link").symlink_to("file")
    (source / "locked").chmod(0o555)
    rig.backup(source)
    subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", rig.path], check=True)
    place = reachable_tmp / "place"
    place.mkdir()
    os.chown(place, NOBODY, NOBODY)
    code = """
rig = Rig(Path(sys.argv[1]))
place = Path(sys.argv[2])
outcome = rig.restore(place)
print(outcome.created, *outcome.warnings)
(place / sys.argv[3][1:] / "locked").chmod(0o755)
(place / sys.argv[3][1:] / "locked" / "link").unlink()
(place / sys.argv[3][1:] / "locked").chmod(0o555)
outcome = rig.restore(place)
print(outcome.created)
print(rig.restore(place).changed)
"""
    done = _as_nobody(code, rig.path, place, source)
    assert done.returncode == 0, done.stderr
    assert "Owners are not restored" in done.stdout
    assert done.stdout.split("\n")[1:3] == ["1", "False"]
    messages = rig.messages(place)
    assert messages
    assert all(line.startswith(("owner of", "group of")) for line in messages)
    assert not list(place.rglob(".backupdb-restore-*"))


def test_other_file_systems_are_entered_or_not(rig: Rig, mounted: Callable[[str, int], Path], source: Path) -> None:
    (source / "file").write_text("x")
    inner = mounted("source/inner", 4)
    (inner / "file").write_text("y")
    rig.backup(source)
    assert rig.entries() == [str(source / path) for path in (".", "file", "inner", "inner/file")]
    rig.backup(source, one_file_system=True)
    assert rig.entries() == [str(source / path) for path in (".", "file", "inner")]
    rig.backup(source, source / "inner" / "*", one_file_system=True)
    assert rig.entries() == [str(source / path) for path in (".", "file", "inner", "inner/file")]
    assert rig.messages() == []


def test_file_systems_of_the_kernel_are_not_entered(rig: Rig, reachable_tmp: Path) -> None:
    if not Path("/proc/self/mountinfo").exists():
        pytest.skip("there is no /proc here")
    rig.backup("/{proc,sys}", allow_missing=True)
    assert rig.entries() == [path for path in ("/proc", "/sys") if Path(path).exists()]


def test_a_restore_goes_across_file_systems(
    rig: Rig, mounted: Callable[[str, int], Path], source: Path, target: Path
) -> None:
    (source / "disk" / "below").mkdir(parents=True)
    (source / "file").write_text("x")
    (source / "disk" / "file").write_text("y")
    (source / "disk" / "linked").hardlink_to(source / "disk" / "file")
    (source / "disk" / "below" / "file").write_text("z")
    os.chown(source / "disk" / "file", 1, 1)
    os.setxattr(source / "disk" / "below", "trusted.x", b"1")
    os.utime(source / "disk" / "below", ns=(1, 1_000_000_001))
    rig.backup(source)
    before = list(facts(source))
    below(target, source).mkdir(parents=True)
    disk = mounted(str(below(target, source / "disk").relative_to(target.parent)), 4)
    disk.chmod((source / "disk").stat().st_mode & 0o7777)
    rig.restore(target)
    assert rig.messages(target) == []
    restored = {item[0]: item[:6] for item in facts(below(target, source))}
    for item in before:
        if item[0] not in (b".", b"disk"):
            assert restored[item[0]] == item[:6]
    assert not list(target.rglob(".backupdb-restore-*"))


def test_f10_what_a_killed_restore_left_is_swept_by_the_next_one(rig: Rig, source: Path, target: Path) -> None:
    (source / "a").write_bytes(os.urandom(200 << 20))
    rig.backup(source)
    code = """
import sys; from pathlib import Path; from tests.integration.files.rig import *
Rig(Path(sys.argv[1])).restore(Path(sys.argv[2]))
"""
    environment = {**os.environ, "PYTHONPATH": f"{BUILD}:{CHECKOUT}"}
    process = subprocess.Popen([sys.executable, "-c", code, rig.path, target], env=environment)
    while not any(path.is_file() for path in target.rglob("*")):
        assert process.poll() is None, "it was over before it could be killed"
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()
    left = [path.name for path in target.iterdir()]
    assert len(left) == 1
    assert left[0].startswith(".backupdb-restore-")
    rig.restore(target)
    assert [path.name for path in target.iterdir()] == [source.parts[1]]
    assert rig.messages(target) == []


def test_the_memory_of_a_backup_and_a_restore_does_not_grow_with_the_files(
    rig: Rig, source: Path, reachable_tmp: Path
) -> None:
    """In a process of its own: three times as many files, hardly more memory."""
    code = """
import sys; from pathlib import Path; from tests.integration.files.rig import *
rig = Rig(Path(sys.argv[1]))
rig.backup(sys.argv[2])
rig.restore(Path(sys.argv[3]))
rig.restore(Path(sys.argv[3]))
assert rig.messages(Path(sys.argv[3])) == []
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""
    environment = {**os.environ, "PYTHONPATH": f"{BUILD}:{CHECKOUT}"}
    peaks = []
    for count in (10, 40):
        for directory in range(count):
            (source / f"{directory:03}").mkdir(exist_ok=True)
            for number in range(500):
                os.mknod(source / f"{directory:03}" / f"a-rather-long-name-of-a-file-{number:05}", 0o100644)
        place = reachable_tmp / f"place{count}"
        done = subprocess.run(
            [sys.executable, "-c", code, rig.path, source, place],
            env=environment,
            check=True,
            capture_output=True,
            text=True,
        )
        peaks.append(int(done.stdout))
        shutil.rmtree(place)
        shutil.rmtree(source)
        source.mkdir()
        shutil.rmtree(rig.path)
        rig.path.mkdir()
    assert peaks[1] < 100 << 10
    assert peaks[1] - peaks[0] < 6 << 10
