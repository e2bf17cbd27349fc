# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Archives that are altered, truncated or hostile: refused before anything is changed."""

from __future__ import annotations

import io
import os
import re
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._errors import BackupError, DamagedSet, ProcessError

from tests.integration.files.forge import forge
from tests.integration.files.rig import Rig, below, unpacked

pytestmark = pytest.mark.usefixtures("as_root")


@pytest.fixture
def outside(reachable_tmp: Path) -> Path:
    """A place that no restore has any business in."""
    folder = reachable_tmp / "outside"
    folder.mkdir()
    (folder / "file").write_text("untouched")
    return folder


def _everything(top: Path) -> list[tuple[str, int, int]]:
    return sorted((str(path), path.lstat().st_mode, path.lstat().st_mtime_ns) for path in [top, *top.rglob("*")])


def _member(name: str, type: bytes = tarfile.REGTYPE, link: str = "", data: bytes = b"", **pax: str) -> bytes:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = type, link, len(data)
    info.pax_headers = dict(pax)
    return info.tobuf(tarfile.PAX_FORMAT) + data + bytes(-len(data) % 512)


def _directories(path: Path) -> bytes:
    return b"".join(_member(str(parent)[1:], tarfile.DIRTYPE) for parent in [*reversed(path.parents), path][1:])


def _line(path: str, kind: str, **more: object) -> bytes:
    import json

    values = {
        "path": path,
        "type": kind,
        "mode": "0644",
        "uid": 0,
        "gid": 0,
        "user": "root",
        "group": "root",
        "mtime": 0,
    }
    return json.dumps({**values, **more}, separators=(",", ":")).encode() + b"\n"


class Places(NamedTuple):
    """What is backed up, and where no restore has any business."""

    top: Path
    outside: Path


ATTACKS: dict[str, tuple[Callable[[Places], bytes] | bytes, str]] = {
    "climbing": (
        lambda at: _member(f"{at.top}/../../outside/file"[1:], data=b"evil"),
        "does not follow the directory|climbs",
    ),
    "absolute": (lambda at: _member(f"//{at.outside}/file", data=b"evil"), "leaves|follow|climbs"),
    "dot dot": (_member(".."), "leaves|climbs"),
    "through a link": (
        lambda at: (
            _member(f"{at.top}/link"[1:], tarfile.SYMTYPE, str(at.outside))
            + _member(f"{at.top}/link/file"[1:], data=b"evil")
        ),
        "does not follow the directory",
    ),
    "a link in the place of a directory": (
        lambda at: (
            _member(f"{at.top}/dir"[1:], tarfile.DIRTYPE)
            + _member(f"{at.top}/dir"[1:], tarfile.SYMTYPE, str(at.outside))
            + _member(f"{at.top}/dir/file"[1:], data=b"evil")
        ),
        "does not follow the directory",
    ),
    "hard link to the outside": (
        lambda at: _member(f"{at.top}/hard"[1:], tarfile.LNKTYPE, f"{at.top}/../outside/file"[1:]),
        "is a hard link to",
    ),
    "hard link to an absolute path": (
        lambda at: _member(f"{at.top}/hard"[1:], tarfile.LNKTYPE, "/etc/shadow"),
        "is a hard link to",
    ),
    "character device": (lambda at: _member(f"{at.top}/null"[1:], tarfile.CHRTYPE), "which no backup writes"),
    "block device": (lambda at: _member(f"{at.top}/disk"[1:], tarfile.BLKTYPE), "which no backup writes"),
    "GNU long name": (_member("././@LongLink", b"L", data=b"../evil\0"), "which no backup writes"),
    "global header": (_member("g", b"g", data=b"19 path=../evilpath\n"), "which no backup writes"),
    "unknown extended record": (
        lambda at: _member(f"{at.top}/file"[1:], **{"GNU.volume.label": "x"}),
        "which no backup writes",
    ),
    "second path": (
        lambda at: _member(f"{at.top}/file"[1:], path="../evil"),
        "leaves|follow|climbs",
    ),
    "path of a sparse file": (
        lambda at: _member(f"{at.top}/file"[1:], **{"GNU.sparse.name": "../evil"}),
        "leaves|follow|climbs",
    ),
    "contents of a directory": (
        lambda at: (
            _member(f"{at.top}/dir"[1:], tarfile.DIRTYPE)[:124]
            + b"00000001000\0"
            + _member(f"{at.top}/dir"[1:], tarfile.DIRTYPE)[136:]
        ),
        "contents|checksum",
    ),
    "something behind the end": (bytes(1024) + b"x" * 512, "behind its end"),
    "no tar at all": (b"x" * 512, "not one of a POSIX archive|malformed"),
    "another file than listed": (
        lambda at: _member(f"{at.top}/other"[1:], data=b"x"),
        "is not what the listing names",
    ),
}


@pytest.mark.parametrize("name", list(ATTACKS))
@pytest.mark.parametrize("filtered", [False, True], ids=["whole", "part"])
def test_f05_a_forged_archive_is_refused_before_anything_is_written(
    rig: Rig, source: Path, target: Path, outside: Path, name: str, filtered: bool
) -> None:
    """Everything fits: checksums, manifest, and as far as possible the listing. Only the archive is evil."""
    (source / "file").write_text("good")
    (source / "zz").write_text("kept")
    rig.backup(source)
    make, says = ATTACKS[name]
    evil = make if isinstance(make, bytes) else make(Places(source, outside))
    names = [re.sub(r"\A(?=[^/])", "/", text) for text in _names(evil)]

    def listing(data: bytes) -> bytes:
        if name == "another file than listed":
            names[:] = [f"{source}/expected"]
        return data.replace(
            b'{"end"', b"".join(_line(path, "f", size=0, sha256="0" * 64) for path in names) + b'{"end"'
        )

    forge(rig, source, archive=lambda data: _without_end(data) + evil + bytes(1024), listing=listing)
    if filtered:
        below(target, source).mkdir(parents=True)
        below(target, source / "zz").write_text("mine")
        os.utime(below(target, source / "zz"), ns=(0, 0))
    before = _everything(target), _everything(outside)
    with pytest.raises(BackupError, match=says) as caught:
        rig.restore(target, if_exists="skip")
    assert isinstance(caught.value, (DamagedSet, ProcessError))
    assert (_everything(target), _everything(outside)) == before
    assert (outside / "file").read_text() == "untouched"
    assert not list(target.rglob(".backupdb-restore-*"))


def _without_end(data: bytes) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        archive.getmembers()
        return data[: archive.offset]


def _names(data: bytes) -> list[str]:
    try:
        with tarfile.open(fileobj=io.BytesIO(data + bytes(1024))) as archive:
            return [member.name for member in archive.getmembers()]
    except tarfile.TarError:
        return []


@pytest.mark.parametrize("first", ["/../outside/file", "{top}/../../outside/file", "{top}/link/file"])
def test_f05_a_forged_listing_links_nothing_from_the_outside(
    rig: Rig, source: Path, target: Path, outside: Path, first: str
) -> None:
    """Hard links are made by what the listing says, where tar does not make them."""
    (source / "a").write_text("x")
    (source / "b").hardlink_to(source / "a")
    (source / "c").write_text("c")
    (source / "link").symlink_to(outside)
    rig.backup(source)
    good = f'"hardlink":"{source}/a"'.encode()
    evil = f'"hardlink":"{first.format(top=source)}"'.encode()
    forge(rig, source, listing=lambda data: data.replace(good, evil))
    below(target, source).mkdir(parents=True)
    below(target, source / "c").write_text("mine")
    with pytest.raises(BackupError, match="climbs|out of the directory|No such file"):
        rig.restore(target, if_exists="skip")
    assert (outside / "file").stat().st_nlink == 1
    assert not below(target, source / "b").exists()


@pytest.mark.parametrize("cut", ["half", "one byte", "tail"])
def test_f14_a_truncated_archive_changes_nothing(rig: Rig, source: Path, target: Path, cut: str) -> None:
    (source / "file").write_bytes(os.urandom(1 << 20))
    rig.backup(source)
    path = rig.archive(source)
    size = path.stat().st_size
    os.truncate(path, {"half": size // 2, "one byte": size - 1, "tail": size - 100}[cut])
    with pytest.raises(DamagedSet, match=r"\.tar\.zst has \d+ bytes instead of"):
        rig.restore(target)
    assert list(target.iterdir()) == []


def test_f14_an_altered_byte_changes_nothing(rig: Rig, source: Path, target: Path) -> None:
    (source / "file").write_bytes(os.urandom(1 << 20))
    rig.backup(source)
    path = rig.archive(source)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(DamagedSet, match="was altered: its SHA-256 differs"):
        rig.restore(target)
    assert list(target.iterdir()) == []


def test_f14_an_archive_that_still_unpacks_must_have_the_right_hash(rig: Rig, source: Path, target: Path) -> None:
    (source / "file").write_text("x")
    rig.backup(source)
    path = rig.archive(source)
    data = unpacked(path)
    with path.open("ab") as stream:
        # A frame that every decompressor passes over: its magic number, its length, its contents.
        stream.write(bytes.fromhex("502a4d18 04000000") + b"evil")
    assert unpacked(path) == data
    with pytest.raises(DamagedSet, match="bytes instead of"):
        rig.restore(target)
    assert list(target.iterdir()) == []


def test_f14_a_truncated_tar_with_fitting_checksums_changes_nothing(rig: Rig, source: Path, target: Path) -> None:
    (source / "a").write_bytes(os.urandom(1 << 20))
    (source / "b").write_bytes(os.urandom(1 << 20))
    rig.backup(source)
    for length in (1 << 20, 1 << 19, 0):
        forge(rig, source, archive=lambda data, length=length: data[:length])
        with pytest.raises((DamagedSet, ProcessError)):
            rig.restore(target)
        assert list(target.iterdir()) == []


def test_f14_one_damaged_archive_of_several_changes_nothing(rig: Rig, source: Path, target: Path) -> None:
    for name in ("a", "b"):
        (source / name).mkdir()
        (source / name / "file").write_bytes(os.urandom(1000))
    rig.backup(source / "a", source / "b")
    path = rig.archive(source / "b")
    data = bytearray(path.read_bytes())
    data[-10] ^= 1
    path.write_bytes(data)
    with pytest.raises(DamagedSet):
        rig.restore(target)
    assert list(target.iterdir()) == []


def test_a_listing_of_a_newer_format_is_refused_by_name(rig: Rig, source: Path) -> None:
    (source / "a").touch()
    rig.backup(source)
    forge(rig, source, listing=lambda data: data.replace(b'"version":1', b'"version":2', 1))
    with pytest.raises(DamagedSet, match="format version 2; this collection reads up to 1"):
        rig.plan()


@pytest.mark.parametrize("listing", [b"", b"{}\n", b"[]\n", b"not json\n", b'{"format":"vya.backupdb.files"}\n'])
def test_a_listing_that_is_none_is_refused(rig: Rig, source: Path, listing: bytes) -> None:
    (source / "a").touch()
    rig.backup(source)
    forge(rig, source, listing=lambda _data: listing)
    with pytest.raises(DamagedSet, match="listing"):
        rig.plan()


def test_the_archives_that_the_tests_forge_are_read_otherwise(rig: Rig, source: Path, target: Path) -> None:
    """Forging alone, without an attack, must not be what is refused."""
    (source / "file").write_text("good")
    rig.backup(source)
    forge(rig, source, archive=lambda data: _without_end(data) + bytes(1024), listing=lambda data: data)
    rig.restore(target)
    assert below(target, source / "file").read_text() == "good"
    assert unpacked(rig.archive(source)).endswith(bytes(1024))
