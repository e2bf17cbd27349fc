# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sets of files for tests: made, restored and compared without modules."""

from __future__ import annotations

import json
import os
import stat
import struct
import subprocess
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from ansible_collections.vya.backupdb.plugins.module_utils._files.archive import (
    FilesOutcome,
    FilesRequest,
    archive,
    plan_archive,
)
from ansible_collections.vya.backupdb.plugins.module_utils._files.compare import FilesComparison, compare
from ansible_collections.vya.backupdb.plugins.module_utils._files.plan import (
    FilesRestorePlan,
    FilesRestoreRequest,
    plan_restore,
)
from ansible_collections.vya.backupdb.plugins.module_utils._files.restore import FilesRestoreOutcome, restore
from ansible_collections.vya.backupdb.plugins.module_utils._model import Manifest, timestamp
from ansible_collections.vya.backupdb.plugins.module_utils._progress import Reporter
from ansible_collections.vya.backupdb.plugins.module_utils._repository import Repository, SetReader


class Rig:
    """A repository with sets of files."""

    def __init__(self, repository: Path) -> None:
        self.path = repository
        self.repository = Repository(str(repository))
        self.reporter = Reporter()
        self._moment = datetime(2026, 1, 1, tzinfo=timezone.utc)

    def backup(self, *paths: object, **options: Any) -> FilesOutcome:
        """Make a set; it is the latest then."""
        request = FilesRequest(paths=[str(path) for path in paths], repository=str(self.path), **options)
        plan = plan_archive(request)
        assert not plan.problems, plan.problems
        self._moment += timedelta(seconds=1)
        with self.repository.begin("host", "files", self._moment) as writer:
            outcome = archive(request, plan, writer, self.reporter)
            now = timestamp(self._moment)
            writer.seal(
                Manifest(
                    *(writer.set_id, "run", "host", "files", "files", "files", "", now, now, now, "0"),
                    artefacts=writer.artefacts,
                    details=outcome.details,
                )
            )
        return outcome

    def reader(self) -> SetReader:
        """The latest set."""
        return self.repository.open("host", "files")

    def plan(self, root: Path | None = None, *patterns: object, **options: Any) -> FilesRestorePlan:
        """What a restore would do."""
        names = tuple(str(pattern) for pattern in patterns)
        return plan_restore(FilesRestoreRequest(str(root) if root else None, names, **options), self.reader())

    def restore(self, root: Path | None = None, *patterns: object, **options: Any) -> FilesRestoreOutcome:
        """Restore from the latest set."""
        names = tuple(str(pattern) for pattern in patterns)
        request = FilesRestoreRequest(str(root) if root else None, names, **options)
        reader = self.reader()
        return restore(request, plan_restore(request, reader), reader, self.reporter)

    def compare(self, root: Path | None = None, *patterns: object, **options: Any) -> FilesComparison:
        """Compare with the latest set."""
        names = tuple(str(pattern) for pattern in patterns)
        return compare(self.reader(), str(root) if root else None, names, **options)

    def messages(self, root: Path | None = None, *patterns: object, **options: Any) -> list[str]:
        """The differences to the latest set, in words, without the root in front of the paths."""
        found = self.compare(root, *patterns, **options)
        assert found.total == len(found.differences)
        return [item.message.replace(str(root), "") if root else item.message for item in found.differences]

    def listing(self) -> list[dict[str, Any]]:
        """The lines of the latest set's listing."""
        reader = self.reader()
        path = reader.path(reader.artefact("proof"))
        return [json.loads(line) for line in unpacked(Path(path)).splitlines()]

    def entries(self) -> list[str]:
        """Paths in the latest set, without the directories above."""
        return [line["path"] for line in self.listing() if "path" in line and not line.get("parent")]

    def archive(self, pattern: object) -> Path:
        """Where an archive of the latest set is."""
        reader = self.reader()
        return Path(reader.path(reader.artefact("archive", str(pattern))))


def unpacked(path: Path) -> bytes:
    """Contents of a file compressed by zstd."""
    return subprocess.run(["zstd", "-dcq", path], check=True, capture_output=True).stdout


def below(root: Path, path: Path) -> Path:
    """Where a path is under another root."""
    return root / path.relative_to("/")


def facts(top: Path) -> Iterator[tuple[Any, ...]]:
    """Everything about a tree that a restore has to give back, directory times included."""
    numbers: dict[tuple[int, int], int] = {}
    for path in sorted([top, *top.rglob("*")]):
        status = path.lstat()
        link = stat.S_ISLNK(status.st_mode)
        yield (
            os.fsencode(path.relative_to(top)),
            oct(status.st_mode),
            status.st_uid,
            status.st_gid,
            status.st_mtime_ns,
            status.st_nlink if not stat.S_ISDIR(status.st_mode) else 0,
            numbers.setdefault((status.st_dev, status.st_ino), len(numbers)),
            os.readlink(path) if link else path.read_bytes() if stat.S_ISREG(status.st_mode) else None,
            {
                name: os.getxattr(path, name, follow_symlinks=False)
                for name in os.listxattr(path, follow_symlinks=False)
            },
        )


def acl(*entries: tuple[int, int, int]) -> bytes:
    """An access list in the kernel's form from (tag, permissions, id); the id counts for named users and groups."""
    return struct.pack("<I", 2) + b"".join(
        struct.pack("<HHI", tag, permissions, number if number >= 0 else 0xFFFFFFFF)
        for tag, permissions, number in entries
    )


#: rw for the owner, r for a named user, nothing else.
def named_acl(uid: int, permissions: int = 4) -> bytes:
    """An access list that gives a named user something."""
    return acl((1, 6, -1), (2, permissions, uid), (4, 4, -1), (16, 6, -1), (32, 0, -1))


def fill(top: Path) -> None:
    """A tree with everything that files can be, as root; the names are hostile."""
    top.mkdir(parents=True)
    (top / "plain").write_text("plain\n")
    (top / ".hidden").write_text("hidden\n")
    (top / "empty").touch()
    (top / "large").write_bytes(os.urandom(3 << 20))
    for name in (
        "-leading-dash",
        "--checkpoint-action=exec=false",
        "a b",
        "new\nline",
        "ü",
        "*",
        "[a]",
        "{x,y}",
        "back\\slash",
    ):
        (top / name).write_text(name)
    (Path(os.fsdecode(os.fsencode(top) + b"/not-utf8-\xff\xfe"))).write_text("bytes")
    deep = top / ("d" * 120) / ("é" * 100)
    deep.mkdir(parents=True)
    (deep / ("f" * 200)).write_text("deep")
    (top / "hard").write_text("hard")
    (top / "linked").hardlink_to(top / "hard")
    (top / "relative").symlink_to("plain")
    (top / "absolute").symlink_to("/etc/passwd")
    (top / "climbing").symlink_to("../../../etc/passwd")
    (top / "dangling").symlink_to("nowhere\n")
    os.mkfifo(top / "fifo", 0o620)
    (top / "empty-directory").mkdir(mode=0o2755)
    (top / "shut").mkdir()
    (top / "shut" / "secret").write_text("secret")
    (top / "shut" / "secret").chmod(0o600)
    with (top / "sparse").open("wb") as stream:
        stream.seek(5 << 20)
        stream.write(b"middle")
        stream.truncate(9 << 20)
    with (top / "hole").open("wb") as stream:
        stream.truncate(1 << 20)
    os.chown(top / "plain", 1, 2)
    os.chown(top / "relative", 3, 4, follow_symlinks=False)
    (top / "set-id").write_text("#!/bin/sh\n")
    (top / "set-id").chmod(0o6755)
    os.setxattr(top / "plain", "user.note", b"a=b\n\0c")
    os.setxattr(top / "empty", "user.a=b", b"")
    os.setxattr(top / "plain", "trusted.note", b"t")
    os.setxattr(top / "set-id", "security.capability", bytes.fromhex("0100000200200000000000000000000000000000"))
    os.setxattr(top / "plain", "system.posix_acl_access", named_acl(65534))
    os.setxattr(top / "empty-directory", "system.posix_acl_default", named_acl(65534))
    os.utime(top / "empty", ns=(0, 1))
    os.utime(top / "hole", ns=(0, -500_000_000))
    os.utime(top / "dangling", ns=(5, 5), follow_symlinks=False)
    (top / "shut").chmod(0o500)
    os.utime(top / "shut", ns=(7, 7_000_000_007))
