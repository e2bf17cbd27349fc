# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each thing that is no longer as it was is named, exactly and alone."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._errors import DamagedSet, UsageError

from tests.integration.files.rig import Rig, below, fill, named_acl

pytestmark = pytest.mark.usefixtures("as_root")


def _rewrite(path: Path, data: bytes) -> None:
    """Other contents, the same time."""
    status = path.stat()
    path.write_bytes(data)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def _replace(path: Path, make: Callable[[Path], None]) -> None:
    path.unlink()
    make(path)


CHANGES: list[tuple[str, Callable[[Path], None], list[str]]] = [
    ("mode", lambda top: (top / "empty").chmod(0o640), ["mode of {top}/empty: expected 0644, found 0640"]),
    ("mode of a directory", lambda top: (top / "shut").chmod(0o700), ["mode of {top}/shut: expected 0500, found 0700"]),
    ("set-id bits", lambda top: (top / "set-id").chmod(0o755), ["mode of {top}/set-id: expected 6755, found 0755"]),
    ("owner", lambda top: os.chown(top / "empty", 1, -1), ["owner of {top}/empty: expected root, found daemon"]),
    ("group", lambda top: os.chown(top / "empty", -1, 1), ["group of {top}/empty: expected root, found daemon"]),
    (
        "owner of a link",
        lambda top: os.chown(top / "relative", 0, 4, follow_symlinks=False),
        ["owner of {top}/relative: expected sys, found root"],
    ),
    (
        "time",
        lambda top: os.utime(top / "empty", ns=(0, 2)),
        [
            (
                "modification time of {top}/empty: expected 1970-01-01T00:00:00.000000001Z, found 1970-01-01T00:00:00.000000002Z"
            )
        ],
    ),
    ("contents", lambda top: _rewrite(top / "plain", b"plaim\n"), ["content of {top}/plain differs"]),
    (
        "large contents",
        lambda top: _rewrite(top / "large", bytes(3 << 20)),
        ["content of {top}/large differs"],
    ),
    (
        "size",
        lambda top: _rewrite(top / "plain", b"plain"),
        ["content of {top}/plain differs: expected 6 bytes, found 5 bytes"],
    ),
    ("a file", lambda top: (top / "plain").unlink(), ["missing file: {top}/plain"]),
    ("an empty directory", lambda top: (top / "empty-directory").rmdir(), ["missing directory: {top}/empty-directory"]),
    ("a link", lambda top: (top / "dangling").unlink(), ["missing symbolic link: {top}/dangling"]),
    ("a FIFO", lambda top: (top / "fifo").unlink(), ["missing FIFO: {top}/fifo"]),
    (
        "a directory with files",
        lambda top: shutil.rmtree(top / "shut"),
        ["missing directory: {top}/shut", "missing file: {top}/shut/secret"],
    ),
    (
        "an unexpected file",
        lambda top: (top / "shut" / "new").touch(),
        ["unexpected file: {top}/shut/new"],
    ),
    (
        "an unexpected tree",
        lambda top: (top / "new" / "below").mkdir(parents=True),
        ["unexpected directory: {top}/new, with whatever is in it"],
    ),
    (
        "access list",
        lambda top: os.setxattr(top / "plain", "system.posix_acl_access", named_acl(65534, 6)),
        [
            (
                "access list of {top}/plain: expected group::r--,mask::rw-,other::---,user::rw-,user:nobody:r--, "
                "found group::r--,mask::rw-,other::---,user::rw-,user:nobody:rw-"
            )
        ],
    ),
    (
        "default access list",
        lambda top: os.removexattr(top / "empty-directory", "system.posix_acl_default"),
        [
            (
                "default access list of {top}/empty-directory: expected group::r--,mask::rw-,other::---,user::rw-,user:nobody:r--, found none"
            )
        ],
    ),
    (
        "extended attribute",
        lambda top: os.removexattr(top / "plain", "user.note"),
        ["extended attribute user.note of {top}/plain: expected a value, found none"],
    ),
    (
        "value of an extended attribute",
        lambda top: os.setxattr(top / "plain", "user.note", b"other"),
        ["extended attribute user.note of {top}/plain: expected another value, found this one"],
    ),
    (
        "a new extended attribute",
        lambda top: os.setxattr(top / "empty", "user.more", b"x"),
        ["extended attribute user.more of {top}/empty: expected none, found this one"],
    ),
    (
        "capability",
        lambda top: os.removexattr(top / "set-id", "security.capability"),
        ["extended attribute security.capability of {top}/set-id: expected a value, found none"],
    ),
    (
        "target of a link",
        lambda top: _replace(top / "climbing", lambda path: _link(path, "elsewhere")),
        ["target of {top}/climbing: expected ../../../etc/passwd, found elsewhere"],
    ),
    (
        "hard link",
        lambda top: _replace(top / "linked", lambda path: shutil.copy2(top / "hard", path)),
        ["{top}/linked is no longer a hard link to {top}/hard"],
    ),
    (
        "type",
        lambda top: _replace(top / "plain", Path.mkdir),
        ["type of {top}/plain: expected file, found directory"],
    ),
    (
        "a socket for a file",
        lambda top: _replace(top / "plain", lambda path: os.mknod(path, 0o140644)),
        ["type of {top}/plain: expected file, found socket"],
    ),
    (
        "hostile names",
        lambda top: (top / "new\nline").unlink(),
        ["missing file: {top}/new\\nline"],
    ),
    (
        "names that are no text",
        lambda top: os.unlink(os.fsencode(top) + b"/not-utf8-\xff\xfe"),
        ["missing file: {top}/not-utf8-\\xff\\xfe"],
    ),
]


def _link(path: Path, target: str) -> None:
    """A link with the owner and the time of the one that was there."""
    path.symlink_to(target)


@pytest.mark.parametrize(("change", "expected"), [item[1:] for item in CHANGES], ids=[item[0] for item in CHANGES])
def test_what_was_changed_is_named_and_nothing_else(
    rig: Rig, source: Path, target: Path, change: Callable[[Path], None], expected: list[str]
) -> None:
    fill(source / "tree")
    rig.backup(source / "tree")
    rig.restore(target)
    change(below(target, source / "tree"))
    found = [message for message in rig.messages(target) if not _time_of_new(message, expected)]
    assert found == [line.format(top=source / "tree") for line in expected]


def _time_of_new(message: str, expected: list[str]) -> bool:
    """A link that a test had to make anew has a new time, too."""
    return message.startswith("modification time of") and any(line.startswith("target of") for line in expected)


def test_what_a_pattern_does_not_mean_is_not_unexpected(rig: Rig, source: Path, target: Path) -> None:
    (source / "a.conf").write_text("a")
    rig.backup(source / "*.conf", exclude=["skip.conf"])
    rig.restore(target)
    for name in ("other.txt", "skip.conf"):
        (below(target, source) / name).touch()
    assert rig.messages(target) == []
    (below(target, source) / "b.conf").touch()
    assert rig.messages(target) == [f"unexpected file: {source}/b.conf"]


def test_differences_are_counted_and_the_first_are_named(rig: Rig, source: Path, target: Path) -> None:
    for number in range(30):
        (source / f"{number:02}").touch()
    rig.backup(source)
    rig.restore(target)
    for number in range(30):
        (below(target, source) / f"{number:02}").unlink()
    found = rig.compare(target, limit=10)
    assert (found.total, len(found.differences), found.entries) == (30, 10, 31)
    first = found.differences[0].to_json()
    assert first["what"] == "missing"
    assert first["kind"] == "file"
    assert first["name"] == str(source / "00")


def test_a_part_is_compared_by_pattern(rig: Rig, source: Path, target: Path) -> None:
    for name in ("a", "b"):
        (source / name).mkdir()
        (source / name / "file").write_text(name)
    rig.backup(source / "a", source / "b")
    rig.restore(target, source / "a")
    assert rig.messages(target, source / "a") == []
    assert rig.messages(target, source / "*" / "file") == [f"missing file: {source}/b/file"]
    assert [line.split(":")[0] for line in rig.messages(target)] == ["missing directory"] * 1 + ["missing file"]
    with pytest.raises(UsageError, match="matches nothing in the set"):
        rig.compare(target, source / "c")


def test_contents_can_be_left_out(rig: Rig, source: Path) -> None:
    (source / "file").write_text("one")
    rig.backup(source)
    _rewrite(source / "file", b"two")
    assert rig.messages(content=False) == []
    assert rig.messages() == [f"content of {source}/file differs"]


def test_f01_numbers_are_compared_where_names_are_not(rig: Rig, source: Path) -> None:
    (source / "file").touch()
    os.chown(source / "file", 4242, 4243)
    rig.backup(source)
    os.chown(source / "file", 4244, 1)
    assert rig.messages() == [
        f"owner of {source}/file: expected 4242, found 4244",
        f"group of {source}/file: expected 4243, found 1",
    ]
    os.chown(source / "file", 4242, 4243)
    assert rig.messages(numeric_owner=True) == []


def test_f14_an_altered_listing_is_found(rig: Rig, source: Path) -> None:
    (source / "file").touch()
    rig.backup(source)
    reader = rig.reader()
    path = Path(reader.path(reader.artefact("proof")))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(DamagedSet, match="was altered"):
        rig.compare()
    with pytest.raises(DamagedSet, match="was altered"):
        rig.plan()
