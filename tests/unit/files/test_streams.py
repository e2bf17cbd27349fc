# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Archives as they pass: in whatever pieces they come, what is recorded and stored is the same."""

from __future__ import annotations

import collections
import hashlib
import io
import json
import tarfile
from typing import Any

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._errors import BackupError, DamagedSet
from ansible_collections.vya.backupdb.plugins.module_utils._files import guard as guards
from ansible_collections.vya.backupdb.plugins.module_utils._files.guard import Decisions, Guard
from ansible_collections.vya.backupdb.plugins.module_utils._files.listing import encode_text
from ansible_collections.vya.backupdb.plugins.module_utils._files.recorder import Asked, Recorder
from ansible_collections.vya.backupdb.plugins.module_utils._files.walk import Omissions
from hypothesis import example, given, settings
from hypothesis import strategies as st

ACL = bytes.fromhex("02000000 01000600ffffffff 02000400feff0000 04000400ffffffff 10000600ffffffff 20000000ffffffff")


class Listing:
    """What the recorder writes."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []

    def write(self, line: str) -> None:
        """Take a line."""
        self.lines.append(json.loads(line))


def sparse(pieces: list[tuple[int, bytes]], size: int) -> tuple[bytes, dict[str, str], bytes]:
    """Data, extended records and whole contents of a sparse file in the format that GNU tar writes."""
    numbers = [len(pieces), *(number for offset, data in pieces for number in (offset, len(data)))]
    header = "".join(f"{number}\n" for number in numbers).encode()
    data = header + bytes(-len(header) % 512) + b"".join(piece for _offset, piece in pieces)
    contents = bytearray(size)
    for offset, piece in pieces:
        contents[offset : offset + len(piece)] = piece
    records = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": str(size)}
    return data, records, bytes(contents)


def sample() -> tuple[bytes, list[str], dict[str, bytes]]:
    """An archive with what matters, the names in it, and the contents of its files."""
    target = io.BytesIO()
    names: list[str] = []
    contents: dict[str, bytes] = {}
    with tarfile.open(fileobj=target, mode="w", format=tarfile.PAX_FORMAT) as archive:

        def add(name: str, data: bytes = b"", type: bytes = tarfile.REGTYPE, **records: str) -> None:
            info = tarfile.TarInfo(name)
            info.type, info.size, info.pax_headers = type, len(data), {"mtime": "1700000000.123456789", **records}
            archive.addfile(info, io.BytesIO(data))
            names.append(records.get("GNU.sparse.name", name))
            if type == tarfile.REGTYPE:
                contents[names[-1]] = data

        add("d", type=tarfile.DIRTYPE)
        add("d/empty")
        add("d/block", b"x" * 512)
        add("d/odd", b"y" * 1300, **{"SCHILY.xattr.user.a": "1", "SCHILY.xattr.system.posix_acl_access": "@ACL@"})
        add("d/" + "n" * 150, b"z" * 5000)
        data, records, whole = sparse([(1000, b"a" * 700), (4096, b""), (5000, b"b" * 100)], 9000)
        add("d/GNUSparseFile.1/s", data, **records, **{"GNU.sparse.name": "d/s"})
        contents["d/s"] = whole
        add("d/last", b"w" * 99, mtime="-1.5")
    archive_bytes = target.getvalue()
    place = archive_bytes.index(b"@ACL@")
    # The library encodes text only; a value of another length goes in by hand.
    begin = archive_bytes.rindex(b"\n", 0, place) + 1
    line = archive_bytes[begin : archive_bytes.index(b"\n", place) + 1]
    record = b" SCHILY.xattr.system.posix_acl_access=" + ACL + b"\n"
    record = b"%d%s" % (len(record) + 2, record)
    header = archive_bytes.rindex(b"ustar\0", 0, place) - 257
    size = int(archive_bytes[header + 124 : header + 135], 8)
    body = archive_bytes[header + 512 : header + 512 + size].replace(line, record)
    block = archive_bytes[header : header + 512]
    block = block[:124] + b"%011o\0" % len(body) + block[136:148] + b" " * 8 + block[156:]
    block = block[:148] + b"%06o\0 " % sum(block) + block[156:]
    changed = block + body + bytes(-len(body) % 512)
    return archive_bytes[:header] + changed + archive_bytes[header + 512 + (size + 511) // 512 * 512 :], names, contents


ARCHIVE, NAMES, CONTENTS = sample()


def cut(cuts: list[int]) -> list[bytes]:
    """The archive in pieces."""
    places = [0, *sorted(cuts), len(ARCHIVE)]
    return [ARCHIVE[begin:end] for begin, end in zip(places, places[1:]) if begin < end]


def recorded(pieces: list[bytes], names: list[str]) -> tuple[list[dict[str, Any]], bytes, Omissions]:
    """What a recorder makes of an archive: the listing, what is stored, what is missing."""
    listing, omissions = Listing(), Omissions()
    asked = collections.deque(Asked(name.encode(), False, None, None) for name in names)
    recorder = Recorder(listing, asked, omissions)  # type: ignore[arg-type]
    stored = b"".join(bytes(part) for piece in pieces for part in recorder.take(piece))
    recorder.finish()
    return listing.lines, stored, omissions


cuts = st.lists(st.integers(0, len(ARCHIVE)), max_size=12)


@settings(max_examples=300, deadline=None)
@given(cuts)
@example([])
@example(list(range(0, len(ARCHIVE), 7)))
@example(list(range(0, len(ARCHIVE), 512)))
def test_digests_and_access_lists_do_not_depend_on_the_pieces(cuts: list[int]) -> None:
    lines, stored, _omissions = recorded(cut(cuts), NAMES)
    assert [line["path"] for line in lines] == ["/" + name for name in NAMES]
    for line in lines[1:]:
        contents = CONTENTS[line["path"][1:]]
        assert (line["size"], line["sha256"]) == (len(contents), hashlib.sha256(contents).hexdigest())
        assert line["mtime"] == (-1_500_000_000 if line["path"] == "/d/last" else 1_700_000_000_123_456_789)
    assert lines[3]["acl"] == "group::r--,mask::rw-,other::---,user::rw-,user:nobody:r--"
    assert list(lines[3]["xattrs"]) == ["user.a"]
    with tarfile.open(fileobj=io.BytesIO(stored)) as archive:
        member = archive.getmember("d/odd")
        assert (
            member.pax_headers["SCHILY.acl.access"] == "user::rw-\nuser:nobody:r--\ngroup::r--\nmask::rw-\nother::---\n"
        )
        assert "SCHILY.xattr.system.posix_acl_access" not in member.pax_headers
        assert member.mtime == 1700000000.123456789
        assert [item.name for item in archive.getmembers()] == [*NAMES[:5], "d/s", "d/last"]
    assert lines == recorded([ARCHIVE], NAMES)[0]
    assert stored == recorded([ARCHIVE], NAMES)[1]


@settings(max_examples=200, deadline=None)
@given(
    cuts, st.lists(st.sampled_from(guards.CREATE.to_bytes(1, "big") + b"=k."), min_size=len(NAMES), max_size=len(NAMES))
)
def test_only_what_is_wanted_is_handed_on(cuts: list[int], codes: list[int]) -> None:
    _lines, stored, _omissions = recorded([ARCHIVE], NAMES)
    decisions = Decisions()
    for name, code in zip(NAMES, codes):
        decisions.add(code, encode_text("/" + name).encode())
    handed: list[bytes] = []
    guard = Guard(decisions, [lambda piece: handed.append(bytes(piece))])
    places = [0, *sorted(cuts), len(stored)]
    for begin, end in zip(places, places[1:]):
        guard.feed(stored[begin:end])
    guard.finish()
    wanted = [name for name, code in zip(NAMES, codes) if code == guards.CREATE]
    if wanted and "d" not in wanted:
        wanted = ["d", *wanted]
    with tarfile.open(fileobj=io.BytesIO(b"".join(handed))) as archive:
        assert [member.name for member in archive.getmembers()] == wanted
        for member in archive.getmembers():
            if member.isreg() and not member.sparse:
                stream = archive.extractfile(member)
                assert stream is not None
                assert stream.read() == CONTENTS[member.name]


@settings(max_examples=100, deadline=None)
@given(st.integers(0, len(ARCHIVE) - 1025))
def test_a_stream_that_ends_early_is_noticed(end: int) -> None:
    with pytest.raises(DamagedSet):
        recorded([ARCHIVE[:end]], NAMES)


def test_what_does_not_come_is_missing() -> None:
    _lines, _stored, omissions = recorded([ARCHIVE], ["d", "d/absent", *NAMES[1:], "d/zz"])
    assert omissions.names == {"vanished": [b"/d/absent", b"/d/zz"]}


def test_what_was_not_asked_for_is_refused() -> None:
    with pytest.raises(BackupError, match="which it was not asked for"):
        recorded([ARCHIVE], NAMES[:-1])
