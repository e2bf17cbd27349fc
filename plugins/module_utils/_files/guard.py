# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Watching an archive on its way to extraction. Private to this collection.

Every member has to be the one that the listing names, below a directory that came before it in the archive; so nothing
is written through a link, and nothing outside. Only what is to be restored is handed on.
"""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Collection, Sequence
from typing import Callable, Union

from ansible_collections.vya.backupdb.plugins.module_utils._files import tarstream
from ansible_collections.vya.backupdb.plugins.module_utils._files.entries import shown
from ansible_collections.vya.backupdb.plugins.module_utils._files.globs import to_text
from ansible_collections.vya.backupdb.plugins.module_utils._files.listing import encode_text
from ansible_collections.vya.backupdb.plugins.module_utils._files.tarstream import Member, TarReader, damaged

#: What happens to an entry.
CREATE, REPLACE, EQUAL, KEEP, UNSELECTED, ABOVE, RELINK, EXTRACT = b"cr=k.^lx"
_FORWARDED = frozenset((CREATE, REPLACE, EXTRACT))
_END = bytes(2 * tarstream.BLOCK)
#: After so much, another lane is served: less than a pipe holds, so that none of them waits.
_BYTES_IN_A_ROW = 128 << 10

Write = Callable[[Union[bytes, memoryview]], None]


class Decisions:
    """What happens to each entry of an archive, in the archive's order: five bytes an entry.

    Attributes:
        codes: what happens.
        names: CRC-32 of each path as it stands in the listing, to notice an archive that does not belong to it.
        filtered: whether some entries, other than directories, are not to be extracted.
    """

    def __init__(self) -> None:
        self.codes = bytearray()
        self.names = array("I")
        self.filtered = False

    def add(self, code: int, name: bytes) -> None:
        """The next entry, with its path as it stands in the listing."""
        self.codes.append(code)
        self.names.append(zlib.crc32(name))


class Guard(TarReader):
    """Checks an archive, and hands on what is to be extracted.

    Args:
        decisions: of this archive.
        lanes: each takes what one tar shall extract; files go to one after another, directories to each that needs
            them, further names of files to none. Without lanes, nothing is handed on: the caller passes everything.
        above: directories that are not in the archive, though what is below them is; they exist already.
    """

    def __init__(self, decisions: Decisions, lanes: Sequence[Write] = (), above: Collection[bytes] = ()) -> None:
        super().__init__()
        self._codes = decisions.codes
        self._names = decisions.names
        self._lanes = lanes
        self._lane = 0
        self._sent = 0
        self._above = frozenset(above)
        self._index = 0
        self._directories: list[bytes] = []
        #: For each of them its headers, and the lanes that have got them as bits; no headers where there are none.
        self._headers: list[tuple[bytes, int]] = []
        self._passing = False
        self.bytes = 0

    def whole(self, member: Member, data: memoryview) -> None:
        """A member with all of its data."""
        self._count(member)
        if self._check(member) and self._lanes:
            write = self._begin_member(member)
            if member.size:
                write(data)

    def begin(self, member: Member) -> None:
        """A member whose data comes in pieces."""
        self._count(member)
        self._passing = self._check(member) and bool(self._lanes)
        if self._passing:
            self._begin_member(member)

    def _count(self, member: Member) -> None:
        size = member.sparse_size if member.records else None
        self.bytes += member.size if size is None else size

    def data(self, piece: memoryview) -> None:
        """A piece of its data."""
        if self._passing:
            self._lanes[self._lane](piece)

    padding = data

    def end(self) -> None:
        """The member is complete."""
        self._passing = False

    @property
    def data_left(self) -> int:
        """Bytes of pure contents that follow next."""
        return self._data_left

    def passed(self, length: int) -> None:
        """Contents have gone by without being looked at."""
        self._data_left -= length
        if not self._data_left and not self._padding_left:
            self.end()

    def finish(self) -> None:
        """The stream has ended."""
        super().finish()
        if self._index != len(self._codes):
            raise damaged("it holds fewer members than its listing")
        for write in self._lanes:
            write(_END)

    def _begin_member(self, member: Member) -> Write:
        """Hand on the headers of a member, and of the directories above that its lane has not got."""
        if self._sent > _BYTES_IN_A_ROW:
            self._sent = 0
            self._lane = (self._lane + 1) % len(self._lanes)
        write = self._lanes[self._lane]
        bit = 1 << self._lane
        directory = member.type == tarstream.DIRECTORY
        self._hand_on(write, bit, len(self._headers) - directory)
        write(member.raw)
        if directory:
            self._headers[-1] = (member.raw, bit)
        self._sent += len(member.raw) + member.size
        return write

    def _hand_on(self, write: Write, bit: int, count: int) -> None:
        if count and self._headers[count - 1][1] & bit:
            return
        for position in range(count):
            raw, lanes = self._headers[position]
            if raw and not lanes & bit:
                self._headers[position] = (raw, lanes | bit)
                write(raw)

    def _check(self, member: Member) -> bool:
        """Refuse what does not belong here; whether the member is to be handed on now."""
        path = member.path
        parent, _slash, name = path.rpartition(b"/")
        if name in (b"", b".", b"..") or b"\0" in path or (not parent and path[:1] == b"/"):
            raise _refused(path, "leaves the directory that it belongs to")
        directories = self._directories
        if directories and directories[-1] == parent:
            pass
        elif parent or directories:
            self._go_to(path, parent)
        index = self._index
        if index >= len(self._codes):
            raise _refused(path, "is not in the listing")
        if self._names[index] != zlib.crc32(encode_text("/" + to_text(path)).encode("ascii")):
            raise _refused(path, "is not what the listing names in its place")
        self._index = index + 1
        if member.type == tarstream.HARDLINK:
            self._check_link(member)
        if path in self._above:
            raise _refused(path, "takes the place of a directory above")
        code = self._codes[index]
        if member.type == tarstream.DIRECTORY:
            directories.append(path)
            self._headers.append((member.raw, 0))
        elif code == RELINK and self._lanes:
            # It is linked afterwards, and wants a directory to be in.
            self._hand_on(self._lanes[self._lane], 1 << self._lane, len(self._headers))
        return code in _FORWARDED

    def _go_to(self, path: bytes, parent: bytes) -> None:
        """Leave directories for the one that a member belongs to, which must have come, or be above the archive."""
        directories = self._directories
        while directories and directories[-1] != parent and not parent.startswith(directories[-1] + b"/"):
            directories.pop()
            self._headers.pop()
        while parent and (not directories or directories[-1] != parent):
            begin = len(directories[-1]) + 1 if directories else 0
            end = parent.find(b"/", begin)
            missing = parent if end < 0 else parent[:end]
            if missing not in self._above:
                raise _refused(path, "does not follow the directory that it belongs to")
            directories.append(missing)
            self._headers.append((b"", 0))

    def _check_link(self, member: Member) -> None:
        link = member.link
        if any(part in (b"", b".", b"..") for part in link.split(b"/")) or b"\0" in link:
            raise _refused(member.path, f"is a hard link to {shown(to_text(link))}, outside of the archive")


def _refused(path: bytes, why: str) -> Exception:
    return damaged(f"its member {shown(to_text(path))} {why}")
