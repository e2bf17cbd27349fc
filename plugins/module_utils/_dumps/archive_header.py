# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The head of an archive of pg_dump: database, versions. Private to this collection.

The same head begins a file in custom format and the toc.dat of the tar and directory formats. Its layout is that of
ReadHead() in PostgreSQL's pg_backup_archiver.c.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Optional

from ansible_collections.vya.backupdb.plugins.module_utils._errors import DamagedDump

_COMPRESSION_BYTE = (1, 15)
_VERSIONS = (1, 10)
_WITH_SERVER = (1, 4)


@dataclass(frozen=True)
class ArchiveHeader:
    """What an archive says about itself.

    version: of the archive's format, such as (1, 14)
    created: local time of the host that dumped, ``2026-01-31 23:59:00``
    database: the database that was dumped
    server_version: of the server that was dumped
    tool_version: of pg_dump
    """

    version: tuple[int, int]
    created: str
    database: Optional[str]
    server_version: Optional[str]
    tool_version: Optional[str]


class _Reader:
    def __init__(self, data: bytes, integer: int) -> None:
        self._data = data
        self._position = 0
        self._integer = integer

    def bytes(self, count: int) -> bytes:
        piece = self._data[self._position : self._position + count]
        if count < 0 or len(piece) < count:
            raise ValueError("cut off")
        self._position += count
        return piece

    def integer(self) -> int:
        sign = self.bytes(1)[0]
        value = int.from_bytes(self.bytes(self._integer), "little")
        return -value if sign else value

    def string(self) -> Optional[str]:
        size = self.integer()
        return None if size < 0 else self.bytes(size).decode("utf-8", "replace")


def read_header(data: bytes) -> ArchiveHeader:
    """Read the head of an archive.

    Args:
        data: its first kilobytes, from "PGDMP" on.

    Raises:
        DamagedSet: it is cut off, or no such head.
    """
    try:
        version, reader = _begin(data)
        second, minute, hour, day, month, year, _summer = (reader.integer() for _field in range(7))
        database = reader.string()
        versions = (reader.string(), reader.string()) if version >= _VERSIONS else (None, None)
    except (ValueError, struct.error) as error:
        raise DamagedDump(
            f"The head of the pg_dump archive cannot be read ({error}).", "give the archive of another backup"
        ) from error
    created = f"{1900 + year}-{month + 1:02}-{day:02} {hour:02}:{minute:02}:{second:02}"
    return ArchiveHeader(version, created, database, *versions)


def _begin(data: bytes) -> tuple[tuple[int, int], _Reader]:
    """The version, and a reader behind the field that names the compression."""
    if data[:5] != b"PGDMP":
        raise ValueError("no PGDMP")
    major, minor, _revision, integer, _offset, _format = struct.unpack_from("6B", data, 5)
    version = (major, minor)
    if not _WITH_SERVER < version < (2, 0) or not 1 <= integer <= 8:
        raise ValueError("unknown version")
    reader = _Reader(data[11:], integer)
    if version >= _COMPRESSION_BYTE:
        reader.bytes(1)
    else:
        reader.integer()
    return version, reader
