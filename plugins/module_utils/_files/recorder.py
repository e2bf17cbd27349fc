# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Recording what an archive holds while it is written. Private to this collection."""

from __future__ import annotations

import collections
import hashlib
import os
from typing import Any, NamedTuple, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._errors import BackupError
from ansible_collections.vya.backupdb.plugins.module_utils._files import tarstream
from ansible_collections.vya.backupdb.plugins.module_utils._files.entries import Digest, shown, special_records
from ansible_collections.vya.backupdb.plugins.module_utils._files.globs import to_text
from ansible_collections.vya.backupdb.plugins.module_utils._files.listing import ListingWriter, encode, encode_text
from ansible_collections.vya.backupdb.plugins.module_utils._files.tarstream import Member, SparseMap, TarReader
from ansible_collections.vya.backupdb.plugins.module_utils._files.walk import Omissions

_MOST_OWNERS = 1000
_MOST_FRAGMENTS = 10_000
_TYPES = {tarstream.DIRECTORY: "d", tarstream.LINK: "l", tarstream.FIFO: "p", tarstream.HARDLINK: "h"}


class Asked(NamedTuple):
    """What tar was asked for.

    Args:
        name: relative to ``/``.
        parent: whether it is only a directory above something that matches.
        link: first name of the same file in another archive.
        segment: the segment that begins with it.
    """

    name: bytes
    parent: bool
    link: Optional[bytes]
    segment: Optional[str]


class Recorder(TarReader):
    """Writes the entries of an archive into the listing.

    Args:
        listing: where to.
        asked: what tar was asked for, in order; taken from its left.
        omissions: where what does not come is named.
        owners: names of users and of groups, added to.

    Attributes:
        members: members of the archive.
        entries: those that the pattern matches.
        files, bytes: files among them, and what they hold.
    """

    def __init__(
        self,
        listing: ListingWriter,
        asked: collections.deque[Asked],
        omissions: Omissions,
        owners: tuple[set[str], set[str]],
    ) -> None:
        super().__init__(strict=False)
        self._listing = listing
        self._asked = asked
        self._omissions = omissions
        self._owners = owners
        self._fragments: dict[bytes, str] = {}
        self._digest = Digest()
        self._map: Optional[SparseMap] = None
        self._piece = 0
        self._piece_left = 0
        self._current: Optional[Member] = None
        self.members = 0
        self.entries = 0
        self.files = 0
        self.bytes = 0

    def whole(self, member: Member, data: memoryview) -> None:
        """A member with all of its data."""
        if member.type != tarstream.FILE:
            self._write(member, None, 0)
        elif member.records and member.sparse_size is not None:
            self.begin(member)
            self.data(data[: member.size])
            self.end()
        else:
            size = member.size
            self._write(member, hashlib.sha256(data[:size]).hexdigest(), size)
            self.bytes += size

    def begin(self, member: Member) -> None:
        """A member whose data comes in pieces."""
        self._current = member
        self._digest = Digest()
        self._map = SparseMap() if member.sparse_size is not None else None
        self._piece = 0
        self._piece_left = 0

    def data(self, piece: memoryview) -> None:
        """A piece of its data."""
        self.bytes += len(piece)
        if self._map is None:
            self._digest.update(piece)
        else:
            self._sparse_data(piece)

    def _sparse_data(self, piece: Any) -> None:
        assert self._map is not None
        if self._map.pieces is None:
            piece = self._map.feed(piece)
            if self._map.pieces is None:
                return
            self._begin_piece()
        pieces = self._map.pieces
        view = memoryview(piece)
        while view and self._piece < len(pieces):
            take = min(self._piece_left, len(view))
            self._digest.update(view[:take])
            view = view[take:]
            self._piece_left -= take
            if not self._piece_left:
                self._piece += 1
                self._begin_piece()

    def _begin_piece(self) -> None:
        """Go to the next piece that holds something, over the hole before it."""
        assert self._map is not None
        assert self._map.pieces is not None
        while self._piece < len(self._map.pieces):
            offset, length = self._map.pieces[self._piece]
            self._digest.zeros_to(offset)
            self._piece_left = length
            if length:
                return
            self._piece += 1

    def end(self) -> None:
        """The member is complete."""
        member = self._current
        assert member is not None
        size = member.sparse_size if self._map is not None else member.size
        assert size is not None
        self._digest.zeros_to(size)
        self._write(member, self._digest.hexdigest(), size)
        self._current = None

    def finish(self) -> None:
        """The stream has ended."""
        super().finish()
        while self._asked:
            self._missing(self._asked.popleft())

    def _expected(self, path: bytes) -> Asked:
        """What was asked for under this name; what was asked for before it did not come."""
        while self._asked:
            asked = self._asked.popleft()
            if asked.segment is not None:
                self._listing.write(encode({"segment": asked.segment}) + "\n")
            if asked.name == path:
                return asked
            self._missing(asked)
        raise BackupError(
            f"tar wrote {shown('/' + to_text(path))}, which it was not asked for.",
            "report this as a bug, with the version of tar",
        )

    def _missing(self, asked: Asked) -> None:
        path = b"/" + asked.name
        try:
            os.lstat(path)
        except (FileNotFoundError, NotADirectoryError):
            self._omissions.add("vanished", path)
        except OSError:
            self._omissions.add("unreadable", path)
        else:
            self._omissions.add("unreadable", path)

    def _write(self, member: Member, sha256: Optional[str], size: int) -> None:
        path = member.path
        asked = self._expected(path)
        header = member.header
        records = member.records
        key = header[100:124] + header[265:329]
        fragment = self._fragments.get(key) if not records else None
        if fragment is None:
            fragment = self._owner(header, records)
            if not records and len(self._fragments) < _MOST_FRAGMENTS:
                self._fragments[key] = fragment
        self.members += 1
        if not asked.parent:
            self.entries += 1
        text = encode_text("/" + to_text(path))
        if sha256 is not None:
            self.files += 1
            line = f'{{"path":{text},"type":"f",{fragment}"mtime":{member.mtime},"size":{size},"sha256":"{sha256}"'
        else:
            line = f'{{"path":{text},"type":"{_TYPES[member.type]}",{fragment}"mtime":{member.mtime}'
        if records or asked.parent or asked.link or sha256 is None:
            line += self._more(member, asked)
        self._listing.write(line + "}\n")

    def _more(self, member: Member, asked: Asked) -> str:
        values: dict[str, Any] = special_records(member.records)
        if member.type == tarstream.LINK:
            values["target"] = to_text(member.link)
        elif member.type == tarstream.HARDLINK:
            values["hardlink"] = "/" + to_text(member.link)
        elif asked.link is not None:
            values["hardlink"] = to_text(asked.link)
        if asked.parent:
            values["parent"] = True
        return "," + encode(values)[1:-1] if values else ""

    def _owner(self, header: bytes, records: dict[bytes, bytes]) -> str:
        mode = int(header[100:107], 8)
        uid = int(records.get(b"uid") or int(header[108:115], 8))
        gid = int(records.get(b"gid") or int(header[116:123], 8))
        user = to_text(records.get(b"uname", header[265:297].split(b"\0", 1)[0]))
        group = to_text(records.get(b"gname", header[297:329].split(b"\0", 1)[0]))
        for names, name in zip(self._owners, (user, group)):
            if name and len(names) < _MOST_OWNERS:
                names.add(name)
        return (
            f'"mode":"{mode & 0o7777:04o}","uid":{uid},"gid":{gid},'
            f'"user":{encode_text(user)},"group":{encode_text(group)},'
        )
