# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table of contents of an archive, read from its bytes. Private to this collection.

What ``pg_restore --list`` prints has no quotes, so a name with a space could be anything. The format is that of ReadHead,
ReadToc and each format's ReadExtraToc in pg_dump's pg_backup_archiver.c, versions 1.12 to 1.16.
"""

from __future__ import annotations

import codecs
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Optional

from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.archive import (
    TOC,
    Header,
    read_header,
)
from ansible_collections.vya.backupdb.plugins.module_utils._errors import (
    DamagedDump,
    DamagedSet,
    NewerFormat,
    Unsupported,
)

_WITH_ACCESS_METHOD = (1, 14)
_SHORT_COMPRESSION = (1, 15)
_WITH_KIND = (1, 16)
#: magic, version, size of integers, size of offsets, format
_FIXED = 11
_NUMBERS_OF_TIME = 7
_TEXTS_OF_HEAD = 3
#: Formats of archives (ArchiveFormat in pg_backup.h): the custom one has offsets where others name files.
_CUSTOM = 1
_OLDEST = (1, 12)
_TAR_BLOCK = 512
_TAR_SIZE = slice(124, 136)
_ENDS = "it ends too early"


@dataclass(frozen=True)
class Entry:
    """One entry.

    Args:
        number: its id in the archive.
        kind: ``TABLE``, ``TABLE DATA``, ``FK CONSTRAINT``, ...
        namespace: schema; empty where it has none.
        tag: its name, with that of its table before it where it has one.
        definition: SQL that makes it.
        copy: the COPY statement of rows.
        depends_on: numbers of other entries, some of which are not in the archive.
        file: name of the file of rows.
    """

    number: int
    kind: str
    namespace: str
    tag: str
    definition: str = ""
    copy: str = ""
    depends_on: Sequence[int] = ()
    file: str = ""

    @property
    def name(self) -> str:
        """Its name with its schema, as people write it."""
        return f"{self.namespace}.{self.tag}" if self.namespace else self.tag

    def __str__(self) -> str:
        return f"{self.kind.lower()} {self.name}"


def read_entries(directory: str) -> list[Entry]:
    """Every entry of an archive, in its order.

    Raises:
        DamagedSet: it cannot be read.
    """
    data, form = _read(directory)
    try:
        return _entries(data, form)
    except (IndexError, ValueError) as error:
        raise _damaged(directory, error) from None


def without_tablespaces(directory: str, names: frozenset[str]) -> bytes:
    """The table of contents of an archive whose objects of some tablespaces go where objects go by default.

    Args:
        directory: the archive.
        names: of the tablespaces.

    Raises:
        DamagedSet: it cannot be read.
    """
    data, form = _read(directory)
    try:
        reader = _Reader(data, form, python_codec(encoding_of(_entries(data, form))) or "utf-8")
        reader.entries()
    except (IndexError, ValueError) as error:
        raise _damaged(directory, error) from None
    return reader.without_tablespaces(names)


def _read(directory: str) -> tuple[bytes, tuple[int, int]]:
    header = read_header(directory)
    if header.oldest_reader is None:
        raise NewerFormat(
            f"{directory} has a newer archive format than this collection knows, written by pg_dump {header.program}.",
            "use a newer version of vya.backupdb, or restore the database whole",
        )
    with open(os.path.join(directory, TOC), "rb") as stream:
        return stream.read(), header.format


def _damaged(directory: str, error: Exception) -> DamagedSet:
    return DamagedSet(f"The table of contents of {directory} is damaged: {error}.", "restore another set")


def read_stream(chunks: Iterable[bytes], label: str, tar: bool = False) -> list[Entry]:
    """Every entry of an archive that another tool has made, from its first bytes.

    Args:
        chunks: its bytes; no more of them are taken than are needed.
        label: of the archive, for messages.
        tar: it is in the tar format, and its first member is the table of contents.

    Raises:
        DamagedSet: it cannot be read.
    """
    data = b""
    wanted = _FIXED
    source = iter(chunks)
    while True:
        chunk = next(source, b"")
        data += chunk
        if chunk and len(data) < wanted:
            continue
        if tar:
            wanted = _TAR_BLOCK + int(data[_TAR_SIZE].strip(b"\0 ") or b"0", 8)
            if chunk and len(data) < wanted:
                continue
        body = data[_TAR_BLOCK:wanted] if tar else data
        try:
            form = (body[5], body[6])
            if form < _OLDEST or Header(form).oldest_reader is None:
                raise Unsupported(
                    f"{label} has archive format {form[0]}.{form[1]}, of which no parts can be taken.",
                    "restore the whole database under another name with target, and take the part from there",
                )
            return _entries(body, form)
        except (IndexError, ValueError) as error:
            if chunk and not tar:
                # It goes on behind what has been read.
                wanted = 2 * len(data)
                continue
            raise DamagedDump(
                f"The table of contents of {label} is damaged: {error}.", "give another copy of the dump, or dump again"
            ) from None


def _entries(data: bytes, form: tuple[int, int]) -> list[Entry]:
    found = _Reader(data, form).entries()
    codec = python_codec(encoding_of(found))
    return found if codec is None else _Reader(data, form, codec).entries()


def encoding_of(entries: Sequence[Entry]) -> str:
    """The encoding of an archive, as the server calls it."""
    text = next((entry.definition for entry in entries if entry.kind == "ENCODING"), "")
    found = re.search(r"client_encoding = '(\w+)'", text)
    return found[1] if found else "UTF8"


def python_codec(encoding: str) -> Optional[str]:
    """What Python calls an encoding of the server; None where UTF-8 does, and for what has no encoding or is unknown."""
    if encoding in ("UTF8", "SQL_ASCII"):
        return None
    name = re.sub(r"\AWIN(?=\d)", "cp", encoding)
    try:
        return codecs.lookup(name).name
    except LookupError:
        return None


class _Reader:
    def __init__(self, data: bytes, form: tuple[int, int], codec: str = "utf-8") -> None:
        self._data = data
        self._form = form
        self._size = data[8]
        self._offset = data[9] + 1 if data[10] == _CUSTOM else 0
        self._at = _FIXED
        self._codec = codec
        #: name, begin and end of each tablespace that an entry names
        self._tablespaces: list[tuple[str, int, int]] = []

    def without_tablespaces(self, names: frozenset[str]) -> bytes:
        """The bytes, with an empty name in place of some; :meth:`entries` has found them."""
        pieces, last = [], 0
        for name, begin, end in self._tablespaces:
            if name in names:
                pieces += [self._data[last:begin], bytes(1 + self._size)]
                last = end
        return b"".join([*pieces, self._data[last:]])

    def entries(self) -> list[Entry]:
        if self._form >= _SHORT_COMPRESSION:
            self._at += 1
        else:
            self._number()
        for _number in range(_NUMBERS_OF_TIME):
            self._number()
        for _text in range(_TEXTS_OF_HEAD):
            self._text()
        return [self._entry() for _entry in range(self._number())]

    def _entry(self) -> Entry:
        number = self._number()
        self._number()  # has rows or large objects
        self._text()  # oid of its catalog
        self._text()  # oid
        tag, kind = self._words(), self._words()
        self._number()  # section
        definition = self._words()
        self._text()  # how to drop it
        copy, namespace = self._words(), self._words()
        begin = self._at
        self._tablespaces.append((self._words(), begin, self._at))
        if self._form >= _WITH_ACCESS_METHOD:
            self._text()
        if self._form >= _WITH_KIND:
            self._number()
        self._text()  # owner
        self._text()  # with oids
        depends_on = []
        while True:
            text = self._text()
            if text is None:
                break
            depends_on.append(int(text))
        return Entry(number, kind, namespace, tag, definition, copy, tuple(depends_on), self._file())

    def _file(self) -> str:
        if not self._offset:
            return self._words()
        self._at += self._offset
        if self._at > len(self._data):
            raise ValueError(_ENDS)
        return ""

    def _number(self) -> int:
        end = self._at + 1 + self._size
        if end > len(self._data):
            raise ValueError(_ENDS)
        value = int.from_bytes(self._data[self._at + 1 : end], "little")
        negative = self._data[self._at] == 1
        self._at = end
        return -value if negative else value

    def _text(self) -> Optional[bytes]:
        length = self._number()
        if length < 0:
            return None
        text = self._data[self._at : self._at + length]
        if len(text) != length:
            raise ValueError(_ENDS)
        self._at += length
        return text

    def _words(self) -> str:
        return (self._text() or b"").decode(self._codec, "surrogateescape")
