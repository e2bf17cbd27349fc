# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading a tar stream as it passes. Private to this collection.

GNU tar writes and extracts the archives; this looks at what flows by, so that a digest is of the bytes that are in the
archive and no member is extracted that should not be. It reads what ``tar --format=posix`` of GNU tar writes and refuses
everything else. Formats: POSIX.1-2001 pax interchange format; GNU tar manual, "Storing Sparse Files" (PAX format 1.0);
the ``SCHILY.`` and ``RHT.`` keywords are those of star and of GNU tar.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Optional, Union

from ansible_collections.vya.backupdb.plugins.module_utils._errors import DamagedSet

BLOCK = 512
FILE, HARDLINK, LINK, DIRECTORY, FIFO = ord("0"), ord("1"), ord("2"), ord("5"), ord("6")
_EXTENDED = ord("x")
_KNOWN = frozenset((FILE, HARDLINK, LINK, DIRECTORY, FIFO))
_ZEROS = bytes(BLOCK)
_LONGEST_EXTENDED = 16 << 20
_LONGEST_NUMBER = 20
ACL_ACCESS, ACL_DEFAULT = b"SCHILY.acl.access", b"SCHILY.acl.default"
_KEYS = frozenset(
    (
        *(b"path", b"linkpath", b"size", b"mtime", b"uid", b"gid", b"uname", b"gname"),
        *(ACL_ACCESS, ACL_DEFAULT, b"RHT.security.selinux"),
        *(b"GNU.sparse.major", b"GNU.sparse.minor", b"GNU.sparse.name", b"GNU.sparse.realsize"),
    )
)
_NAMES = frozenset((b"path", b"linkpath", b"GNU.sparse.name"))
_XATTR = b"SCHILY.xattr."
_NO_RECORDS: dict[bytes, bytes] = {}


class Member:
    """A member of an archive, as its headers tell.

    Attributes:
        path: as it stands in the archive, without a slash at its end.
        type: one of the constants above.
        size: bytes of data that follow in the archive.
        header: the last block of its headers.
        raw: all of its headers.
        records: extended records, without the time.
        mtime: seconds and nanoseconds since the epoch as one number of nanoseconds.
    """

    __slots__ = ("header", "mtime", "path", "raw", "records", "size", "type")

    def __init__(
        self, path: bytes, kind: int, size: int, header: bytes, raw: bytes, records: dict[bytes, bytes], mtime: int
    ) -> None:
        self.path = path
        self.type = kind
        self.size = size
        self.header = header
        self.raw = raw
        self.records = records
        self.mtime = mtime

    @property
    def link(self) -> bytes:
        """What a symbolic or hard link points to."""
        return self.records.get(b"linkpath") or self.header[157:257].split(b"\0", 1)[0]

    @property
    def sparse_size(self) -> Optional[int]:
        """Bytes of a sparse file with its holes; None for any other."""
        size = self.records.get(b"GNU.sparse.realsize")
        return None if size is None else _decimal(size)


class TarReader:
    """Follows a tar stream; a subclass says what is done with what it holds.

    Checksums of headers are left to tar itself: it writes them, and fails on a wrong one.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._data_left = 0
        self._padding_left = 0
        self._records = _NO_RECORDS
        self._mtime: Optional[int] = None
        self._extended = b""
        self._zeros = 0

    def extended(self, begin: int, end: int, records: dict[bytes, bytes]) -> None:
        """An extended header with more than the time, between two positions of what is being looked at."""

    def whole(self, member: Member, data: memoryview) -> None:
        """A member with all of its data, and what fills its last block up."""
        raise NotImplementedError

    def begin(self, member: Member) -> None:
        """A member whose data comes in pieces."""
        raise NotImplementedError

    def data(self, piece: memoryview) -> None:
        """A piece of the data of the member that was begun."""
        raise NotImplementedError

    def padding(self, piece: memoryview) -> None:
        """A piece of what fills up the last block of the member that was begun."""

    def end(self) -> None:
        """The member that was begun is complete."""
        raise NotImplementedError

    def finish(self) -> None:
        """Call at the end of the stream.

        Raises:
            DamagedSet: the stream ended in the middle of a member.
        """
        if self._data_left or self._padding_left or self._rest or self._extended or self._zeros < 2:
            raise damaged("it ends in the middle")

    @property
    def rest(self) -> int:
        """How many bytes at the end of the last piece were not looked at, for want of what follows them."""
        return len(self._rest)

    def feed(self, chunk: bytes) -> None:
        """Follow a piece of the stream.

        Raises:
            DamagedSet: the stream is not what GNU tar writes.
        """
        if self._rest:
            chunk = self._rest + chunk
            self._rest = b""
        view = memoryview(chunk)
        length = len(chunk)
        position = 0
        if self._data_left or self._padding_left:
            position = self._continue(view, length)
            if self._data_left or self._padding_left:
                return
        while length - position >= BLOCK:
            header = chunk[position : position + BLOCK]
            if self._zeros or not header[0]:
                self._end_block(header)
                position += BLOCK
                continue
            size = self._size(header)
            end = position + BLOCK + (size + 511) // BLOCK * BLOCK
            if header[156] == _EXTENDED:
                if not self._take_extended(chunk, position, end, size):
                    break
                position = end
                continue
            member = self._member(header, size)
            position += BLOCK
            if member.size != size:
                end = position + (member.size + 511) // BLOCK * BLOCK
            if end > length:
                self.begin(member)
                self._data_left = member.size
                self._padding_left = -member.size % BLOCK
                self._continue(view[position:], length - position)
                return
            self.whole(member, view[position:end])
            position = end
        if position < length:
            self._rest = chunk[position:]

    def _take_extended(self, chunk: bytes, position: int, end: int, size: int) -> bool:
        """Read an extended header; False if not all of it is there."""
        if self._extended or size > _LONGEST_EXTENDED:
            raise damaged("an extended header is malformed")
        if end > len(chunk):
            return False
        self._read_records(chunk[position + BLOCK : position + BLOCK + size])
        self._extended = chunk[position:end]
        if self._records:
            self.extended(position, end, self._records)
        return True

    @staticmethod
    def _size(header: bytes) -> int:
        if header[257:263] != b"ustar\0":
            raise damaged("a header is not one of a POSIX archive")
        try:
            return int(header[124:135], 8)
        except ValueError:
            raise damaged("a number in a header is malformed") from None

    def _continue(self, view: memoryview, length: int) -> int:
        position = min(self._data_left, length)
        if position:
            self.data(view[:position])
            self._data_left -= position
        fill = min(self._padding_left, length - position)
        if fill:
            self.padding(view[position : position + fill])
            self._padding_left -= fill
        if not self._data_left and not self._padding_left:
            self.end()
        return position + fill

    def _end_block(self, header: bytes) -> None:
        if header != _ZEROS or self._extended:
            raise damaged("there is something behind its end")
        self._zeros += 1

    def _member(self, header: bytes, size: int) -> Member:
        kind = header[156]
        if kind not in _KNOWN:
            raise damaged(f"it holds a member of the type {chr(kind)!r}, which no backup writes")
        records, mtime, raw = self._records, self._mtime, header
        if self._extended:
            raw = self._extended + header
            self._records, self._mtime, self._extended = _NO_RECORDS, None, b""
        if mtime is None:
            mtime = _octal(header[136:148]) * 1_000_000_000
        path = header[:100].split(b"\0", 1)[0]
        if header[345]:
            path = header[345:500].split(b"\0", 1)[0] + b"/" + path
        if records:
            path = records.get(b"GNU.sparse.name") or records.get(b"path") or path
            if b"size" in records:
                size = _decimal(records[b"size"])
        if kind != FILE and size:
            raise damaged("a member that is no file has contents")
        if path[-1:] == b"/":
            path = path[:-1]
        return Member(path, kind, size, header, raw, records, mtime)

    def _read_records(self, data: bytes) -> None:
        """Records are ``<length> <key>=<value>\\n``; nearly always there is only the time."""
        if data[2:9] == b" mtime=" and data[:2] == b"%d" % len(data):
            self._mtime = _nanoseconds(data[9:-1])
            return
        self._records, self._mtime = _NO_RECORDS, None
        position = 0
        records: dict[bytes, bytes] = {}
        while position < len(data):
            space = data.find(b" ", position, position + 12)
            end = position + _decimal(data[position:space]) if space > 0 else 0
            if not space < end <= len(data) or data[end - 1] != 0x0A:
                raise damaged("an extended header is malformed")
            key, separator, value = data[space + 1 : end - 1].partition(b"=")
            if not separator or (key not in _KEYS and not key.startswith(_XATTR)) or key in records:
                raise damaged(f"an extended header holds {key[:60]!r}, which no backup writes")
            if key == b"mtime":
                self._mtime = _nanoseconds(value)
            elif not value and key in _NAMES:
                raise damaged("a name in an extended header is empty")
            else:
                records[key] = value
            position = end
        if records:
            self._records = records


def damaged(what: str) -> DamagedSet:
    """The error for an archive that is not what this collection writes."""
    return DamagedSet(f"The archive is damaged or was altered: {what}.", "restore another set, or a copy of this one")


def _octal(field: bytes) -> int:
    try:
        return int(field.rstrip(b"\0 ") or b"0", 8)
    except ValueError:
        raise damaged("a number in a header is malformed") from None


def _decimal(text: bytes) -> int:
    if not text.isdigit() or len(text) > 19:
        raise damaged("a number in an extended header is malformed")
    return int(text)


def _nanoseconds(text: bytes) -> int:
    """A time as a decimal number of seconds, as nanoseconds: ``-0.5`` is half a second before the epoch."""
    whole, _point, fraction = text.partition(b".")
    digits = whole + fraction[:9].ljust(9, b"0")
    negative = digits[:1] == b"-"
    if not digits[negative:].isdigit() or len(digits) > 32:
        raise damaged("a time in an extended header is malformed")
    return int(digits)


def extended_header(header: bytes, records: Mapping[bytes, bytes]) -> bytes:
    """An extended header with other records.

    Args:
        header: the first block of the one that it replaces.
        records: keys and values.
    """
    lines = []
    for key, value in records.items():
        rest = b" " + key + b"=" + value + b"\n"
        length = len(rest) + 1
        while length != len(rest) + len(str(length)):
            length = len(rest) + len(str(length))
        lines.append(str(length).encode() + rest)
    data = b"".join(lines)
    block = header[:124] + b"%011o\0" % len(data) + header[136:148] + b" " * 8 + header[156:]
    block = block[:148] + b"%06o\0 " % sum(block) + block[156:]
    return block + data + bytes(-len(data) % BLOCK)


def time_text(nanoseconds: int) -> bytes:
    """A time as it stands in an extended header."""
    whole, fraction = divmod(abs(nanoseconds), 1_000_000_000)
    return b"%s%d.%09d" % (b"-" if nanoseconds < 0 else b"", whole, fraction)


class SparseMap:
    """The map at the beginning of a sparse member's data: where its pieces belong.

    Feed it the data until it is complete. Format: decimal numbers, each on a line: how many pieces, then offset and
    size of each; the map fills whole blocks.
    """

    def __init__(self) -> None:
        self._text = b""
        self.complete = False
        self.pieces: list[tuple[int, int]] = []

    def feed(self, data: Union[bytes, memoryview]) -> bytes:
        """Take data; returns what of it lies behind the map."""
        self._text += bytes(data)
        numbers = self._text.split(b"\n")
        if len(numbers) < 2:
            if len(self._text) > _LONGEST_NUMBER:
                raise damaged("the map of a sparse file is malformed")
            return b""
        count = _decimal(numbers[0])
        if count > 1 << 24:
            raise damaged("the map of a sparse file is malformed")
        if len(numbers) - 1 < 1 + 2 * count:
            return b""
        used = sum(len(number) + 1 for number in numbers[: 1 + 2 * count])
        end = (used + BLOCK - 1) // BLOCK * BLOCK
        if len(self._text) < end:
            return b""
        values = [_decimal(number) for number in numbers[1 : 1 + 2 * count]]
        self.pieces = list(zip(values[::2], values[1::2]))
        self.complete = True
        rest = self._text[end:]
        self._text = b""
        return rest
