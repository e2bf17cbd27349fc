# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Recording what an archive holds while it is written. Private to this collection."""

from __future__ import annotations

import collections
import hashlib
import os
import stat
from typing import Any, NamedTuple, Optional, Union

from ansible_collections.vya.backupdb.plugins.module_utils._errors import Defect
from ansible_collections.vya.backupdb.plugins.module_utils._files import tarstream
from ansible_collections.vya.backupdb.plugins.module_utils._files.entries import (
    Digest,
    acl_text,
    group_name,
    octal_mode,
    shown,
    special_records,
    user_name,
)
from ansible_collections.vya.backupdb.plugins.module_utils._files.globs import to_text
from ansible_collections.vya.backupdb.plugins.module_utils._files.listing import ListingWriter, encode, encode_text
from ansible_collections.vya.backupdb.plugins.module_utils._files.tarstream import Member, SparseMap, TarReader
from ansible_collections.vya.backupdb.plugins.module_utils._files.walk import Omissions

_MOST_OWNERS = 1000
_MOST_ABOVE = 1000
_MOST_FRAGMENTS = 10_000
#: Attributes of the kernel -> keywords of star and GNU tar.
_RAW_ACLS = {
    b"SCHILY.xattr.system.posix_acl_access": tarstream.ACL_ACCESS,
    b"SCHILY.xattr.system.posix_acl_default": tarstream.ACL_DEFAULT,
}
_TYPES = {tarstream.DIRECTORY: "d", tarstream.LINK: "l", tarstream.FIFO: "p", tarstream.HARDLINK: "h"}


class Asked(NamedTuple):
    """What tar was asked for.

    Args:
        name: relative to ``/``.
        parent: whether it is only a directory above something that matches, or a link that leads to it.
        link: first name of the same file in another archive.
        segment: the segment that begins with it.
    """

    name: bytes
    parent: bool
    link: Optional[bytes]
    segment: Optional[str]


class _Begun:
    """The digest of a member whose data comes in pieces, of a sparse file with its holes."""

    def __init__(self, member: Member) -> None:
        self.member = member
        sparse = member.sparse_size
        self.size = member.size if sparse is None else sparse
        self._digest = Digest()
        self._map = None if sparse is None else SparseMap()
        self._places: list[tuple[int, int]] = []
        self._left = 0

    def update(self, piece: Union[bytes, memoryview]) -> None:
        """Data that follows."""
        if self._map is None:
            self._digest.update(piece)
            return
        if not self._map.complete:
            piece = self._map.feed(piece)
            if not self._map.complete:
                return
            self._places = self._map.pieces[::-1]
            self._next_place()
        view = memoryview(piece)
        while view and self._left:
            take = min(self._left, len(view))
            self._digest.update(view[:take])
            view = view[take:]
            self._left -= take
            if not self._left:
                self._next_place()

    def _next_place(self) -> None:
        """Go over the hole before the next piece that holds something."""
        while self._places and not self._left:
            offset, self._left = self._places.pop()
            self._digest.zeros_to(offset)

    def finish(self) -> str:
        """The digest of the complete file."""
        self._digest.zeros_to(self.size)
        return self._digest.hexdigest()


class Recorder(TarReader):
    """Writes the entries of an archive into the listing.

    Args:
        listing: where to.
        asked: what tar was asked for, in order; taken from its left.
        omissions: where what does not come is named.

    Attributes:
        members: members of the archive.
        entries: those that the pattern matches.
        files, bytes: files among them, and what they hold, holes included.
    """

    def __init__(
        self,
        listing: ListingWriter,
        asked: collections.deque[Asked],
        omissions: Omissions,
    ) -> None:
        super().__init__()
        self._listing = listing
        self._asked = asked
        self._omissions = omissions
        self._users: set[str] = set()
        self._groups: set[str] = set()
        self._acls = False
        self._patches: list[tuple[int, int, bytes]] = []
        self._above: list[dict[str, Any]] = []
        self._fragments: dict[bytes, str] = {}
        self._begun: Optional[_Begun] = None
        self._users: set[str] = set()
        self._groups: set[str] = set()
        self._acls = False
        self._patches: list[tuple[int, int, bytes]] = []
        self._above: list[dict[str, Any]] = []
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

    def facts(self) -> dict[str, Any]:
        """What a restore wants to know of the archive beforehand."""
        return {
            "entries": self.entries,
            "files": self.files,
            "bytes": self.bytes,
            "members": self.members,
            "users": sorted(self._users),
            "groups": sorted(self._groups),
            "acls": self._acls,
            "above": self._above,
        }

    def take(self, chunk: bytes) -> list[Union[bytes, memoryview]]:
        """Follow a piece of the stream; returns what is to be stored of it, and of what was held back before."""
        seen = self._rest + chunk if self._rest else chunk
        self.feed(chunk)
        view = memoryview(seen)[: len(seen) - self.rest]
        if not self._patches:
            return [view]
        pieces: list[Union[bytes, memoryview]] = []
        position = 0
        for begin, end, data in self._patches:
            pieces += [view[position:begin], data]
            position = end
        self._patches.clear()
        return [*pieces, view[position:]]

    def extended(self, begin: int, end: int, records: dict[bytes, bytes]) -> None:
        """Access lists are stored as ``tar --acls`` does, by name.

        Asked for that, tar makes a call for each file; the attributes it reads anyhow hold them too, by number.
        """
        found = {key: records.pop(key) for key in _RAW_ACLS if key in records}
        if not found:
            return
        for key, value in found.items():
            records[_RAW_ACLS[key]] = acl_text(value)
        head = self._extended[: tarstream.BLOCK]
        if self._mtime is not None:
            records = {**records, b"mtime": tarstream.time_text(self._mtime)}
        self._patches.append((begin, end, tarstream.extended_header(head, records)))

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
        self._begun = _Begun(member)

    def data(self, piece: memoryview) -> None:
        """A piece of its data."""
        self.bytes += len(piece)
        if self._begun is not None:
            self._begun.update(piece)

    def end(self) -> None:
        """The member is complete."""
        begun, self._begun = self._begun, None
        if begun is not None:
            self.bytes += begun.size - begun.member.size
            self._write(begun.member, begun.finish(), begun.size)

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
        raise Defect(
            f"tar wrote {shown('/' + to_text(path))}, which it was not asked for.",
            "report this as a bug, with the version of tar",
        )

    def _missing(self, asked: Asked) -> None:
        path = b"/" + asked.name
        try:
            status = os.lstat(path)
        except (FileNotFoundError, NotADirectoryError):
            self._omissions.add("vanished", path)
            return
        except OSError:
            self._omissions.add("unreadable", path)
            return
        if asked.parent and stat.S_ISDIR(status.st_mode) and len(self._above) < _MOST_ABOVE:
            # Whoever may pass through a directory, but not list it, cannot archive it. What is below can be all the same.
            self._above.append(
                {
                    "path": to_text(path),
                    "mode": octal_mode(status.st_mode),
                    "uid": status.st_uid,
                    "gid": status.st_gid,
                    "user": user_name(status.st_uid),
                    "group": group_name(status.st_gid),
                    "mtime": status.st_mtime_ns,
                }
            )
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
        if "acl" in values or "default_acl" in values:
            self._acls = True
        if member.sparse_size is not None:
            values["stored"] = member.size
        if member.type == tarstream.LINK:
            values["target"] = to_text(member.link)
        elif member.type == tarstream.HARDLINK:
            values["hardlink"] = "/" + to_text(member.link)
        elif asked.link is not None:
            values["hardlink"] = to_text(asked.link)
        if asked.parent and member.type == tarstream.DIRECTORY:
            values["parent"] = True
        return "," + encode(values)[1:-1] if values else ""

    def _owner(self, header: bytes, records: dict[bytes, bytes]) -> str:
        mode = int(header[100:107], 8)
        uid = int(records.get(b"uid") or int(header[108:115], 8))
        gid = int(records.get(b"gid") or int(header[116:123], 8))
        user = to_text(records.get(b"uname", header[265:297].split(b"\0", 1)[0]))
        group = to_text(records.get(b"gname", header[297:329].split(b"\0", 1)[0]))
        for names, name in ((self._users, user), (self._groups, group)):
            if name and len(names) < _MOST_OWNERS:
                names.add(name)
        return (
            f'"mode":"{mode & 0o7777:04o}","uid":{uid},"gid":{gid},'
            f'"user":{encode_text(user)},"group":{encode_text(group)},'
        )
