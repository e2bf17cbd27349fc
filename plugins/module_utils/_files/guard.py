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
from collections.abc import Collection
from typing import Callable, Optional, Union

from ansible_collections.vya.backupdb.plugins.module_utils._files import tarstream
from ansible_collections.vya.backupdb.plugins.module_utils._files.entries import shown
from ansible_collections.vya.backupdb.plugins.module_utils._files.globs import to_text
from ansible_collections.vya.backupdb.plugins.module_utils._files.listing import encode_text
from ansible_collections.vya.backupdb.plugins.module_utils._files.tarstream import Member, TarReader, damaged

#: What happens to an entry.
CREATE, REPLACE, EQUAL, KEEP, UNSELECTED, ABOVE, RELINK, EXTRACT = b"cr=k.^lx"
_FORWARDED = frozenset((CREATE, REPLACE, EXTRACT))
_END = bytes(2 * tarstream.BLOCK)


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
        write: takes what tar shall extract; None if everything is, and handed on by the caller itself.
        above: directories that are not in the archive, though what is below them is; they exist already.
    """

    def __init__(
        self,
        decisions: Decisions,
        write: Optional[Callable[[Union[bytes, memoryview]], None]] = None,
        above: Collection[bytes] = (),
    ) -> None:
        super().__init__()
        self._codes = decisions.codes
        self._names = decisions.names
        self._write = write
        self._above = frozenset(above)
        self._index = 0
        self._directories: list[bytes] = []
        #: Headers of the directories above, as far as they have not been handed on.
        self._waiting: list[Optional[bytes]] = []
        self._passing = False
        self.bytes = 0

    def whole(self, member: Member, data: memoryview) -> None:
        """A member with all of its data."""
        self._count(member)
        if self._check(member) and self._write is not None:
            self._write(member.raw)
            if member.size:
                self._write(data)

    def begin(self, member: Member) -> None:
        """A member whose data comes in pieces."""
        self._count(member)
        self._passing = self._check(member) and self._write is not None
        if self._passing and self._write is not None:
            self._write(member.raw)

    def _count(self, member: Member) -> None:
        size = member.sparse_size if member.records else None
        self.bytes += member.size if size is None else size

    def data(self, piece: memoryview) -> None:
        """A piece of its data."""
        if self._passing and self._write is not None:
            self._write(piece)

    padding = data

    def end(self) -> None:
        """The member is complete."""
        self._passing = False

    def finish(self) -> None:
        """The stream has ended."""
        super().finish()
        if self._index != len(self._codes):
            raise damaged("it holds fewer members than its listing")
        if self._write is not None:
            self._write(_END)

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
        forwarded = self._codes[index] in _FORWARDED
        if member.type == tarstream.DIRECTORY:
            directories.append(path)
            self._waiting.append(None if forwarded else member.raw)
            if forwarded:
                self._hand_on(len(self._waiting) - 1)
            return forwarded
        if forwarded or self._codes[index] == RELINK:
            self._hand_on(len(self._waiting))
        return forwarded

    def _go_to(self, path: bytes, parent: bytes) -> None:
        """Leave directories for the one that a member belongs to, which must have come, or be above the archive."""
        directories = self._directories
        while directories and directories[-1] != parent and not parent.startswith(directories[-1] + b"/"):
            directories.pop()
            self._waiting.pop()
        while parent and (not directories or directories[-1] != parent):
            begin = len(directories[-1]) + 1 if directories else 0
            end = parent.find(b"/", begin)
            missing = parent if end < 0 else parent[:end]
            if missing not in self._above:
                raise _refused(path, "does not follow the directory that it belongs to")
            directories.append(missing)
            self._waiting.append(None)

    def _hand_on(self, count: int) -> None:
        """Hand on the directories above something that is handed on."""
        for position in range(count):
            raw = self._waiting[position]
            if raw is not None:
                self._waiting[position] = None
                if self._write is not None:
                    self._write(raw)

    def _check_link(self, member: Member) -> None:
        link = member.link
        if any(part in (b"", b".", b"..") for part in link.split(b"/")) or b"\0" in link:
            raise _refused(member.path, f"is a hard link to {shown(to_text(link))}, outside of the archive")


def _refused(path: bytes, why: str) -> Exception:
    return damaged(f"its member {shown(to_text(path))} {why}")
