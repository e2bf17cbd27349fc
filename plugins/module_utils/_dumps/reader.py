# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading dumps made elsewhere: what is inside a file, and its bytes unpacked. Private to this collection.

Everything is streamed. gzip, bzip2, xz and zip are read by Python, zstd and lz4 by their programs. A file may be packed more
than once (a zip of a .sql.gz). A zip may hold several dumps: each is a part of its own.
"""

from __future__ import annotations

import bz2
import lzma
import os
import stat
import threading
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Callable, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._dumps.archive_header import ArchiveHeader, read_header
from ansible_collections.vya.backupdb.plugins.module_utils._dumps.detect import (
    BEGINNING,
    PG_CUSTOM,
    PG_DIRECTORY,
    PG_TAR,
    SQL,
    codec_of,
    content_of,
)
from ansible_collections.vya.backupdb.plugins.module_utils._errors import (
    BackupError,
    DamagedDump,
    ProcessError,
    UsageError,
)
from ansible_collections.vya.backupdb.plugins.module_utils._interrupts import begin
from ansible_collections.vya.backupdb.plugins.module_utils._process import PIPE, Command, find_program, start
from ansible_collections.vya.backupdb.plugins.module_utils._process import chunks as read_chunks
from ansible_collections.vya.backupdb.plugins.module_utils._sql.origin import flavour_of

_CHUNK = 1 << 20
_DEEPEST = 3
_BOM = b"\xef\xbb\xbf"
_ANOTHER = "give another copy of the dump; this one cannot be restored in full"


@dataclass(frozen=True)
class DumpPart:
    """A dump that is ready to be read.

    path: the file, or the directory of pg_dump's directory format
    member: the file in a zip; None outside of one
    codecs: how it is packed, the outermost first
    kind: `detect.SQL`, `PG_CUSTOM`, `PG_TAR` or `PG_DIRECTORY`
    flavour: ``mysql`` or ``postgresql``; None when SQL does not say
    header: of an archive of pg_dump
    size: bytes on disk, as packed
    """

    path: str
    member: Optional[str]
    codecs: tuple[str, ...]
    kind: str
    flavour: Optional[str]
    header: Optional[ArchiveHeader]
    size: int

    @property
    def label(self) -> str:
        """For messages: the file, and the member in it."""
        return f"{self.path} ({self.member})" if self.member else self.path

    def chunks(self) -> Iterator[bytes]:
        """The bytes, unpacked, from their beginning; without the byte order mark of SQL.

        Raises:
            DamagedSet: the file is damaged or cut off.
            MissingProgram: zstd or lz4 is needed and absent.
            BackupError: it is a directory.
        """
        if self.kind == PG_DIRECTORY:
            raise UsageError(f"{self.path} is a directory.", "read it with pg_restore")
        first = True
        for chunk in _unpacked(self.path, self.member, self.codecs):
            if first and self.kind == SQL and chunk.startswith(_BOM):
                yield chunk[len(_BOM) :]
            else:
                yield chunk
            first = False


def examine(path: str) -> list[DumpPart]:
    """What is inside a file or directory; several parts for a zip with several dumps.

    Raises:
        UsageError: it does not exist, or is nothing that can be restored; says what it is.
        DamagedSet: it is damaged.
        MissingProgram: zstd or lz4 is needed and absent.
    """
    try:
        status = os.stat(path)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.", "check the path and its permissions") from error
    if stat.S_ISDIR(status.st_mode):
        return [_directory(path)]
    beginning = _beginning(_file(path))
    if codec_of(beginning) != "zip":
        return [_part(path, None, (), beginning, status.st_size)]
    parts = [
        _part(path, info.filename, ("zip",), _beginning(_zip_member(path, info.filename)), info.compress_size)
        for info in _members(path)
    ]
    if not parts:
        raise UsageError(f"{path} is an empty zip archive.", "look at how it was made: the dump's command failed")
    return parts


def _part(path: str, member: Optional[str], codecs: tuple[str, ...], beginning: bytes, size: int) -> DumpPart:
    codec = codec_of(beginning)
    while codec is not None:
        label = f"{path} ({member})" if member else path
        if codec == "zip" or len(codecs) >= _DEEPEST:
            raise UsageError(f"{label} is packed too often.", "unpack it once and give what is inside")
        codecs = (*codecs, codec)
        beginning = _beginning(_unpacked(path, member, codecs))
        codec = codec_of(beginning)
    content = content_of(beginning)
    if content.kind is None:
        raise UsageError(f"{f'{path} ({member})' if member else path} is {content.problem}.", content.remedy)
    header = None
    if content.kind in (PG_CUSTOM, PG_TAR):
        header = read_header(beginning[512:] if content.kind == PG_TAR else beginning)
    flavour = flavour_of(beginning) if content.kind == SQL else "postgresql"
    return DumpPart(path, member, codecs, content.kind, flavour, header, size)


def _directory(path: str) -> DumpPart:
    try:
        with open(os.path.join(path, "toc.dat"), "rb") as toc:
            header = read_header(toc.read(BEGINNING))
    except FileNotFoundError as error:
        if os.path.exists(os.path.join(path, "metadata")):
            raise UsageError(f"{path} was made by mydumper.", "restore it with myloader") from error
        raise UsageError(
            f"{path} is a directory without a toc.dat: pg_dump did not make it.", "give a single dump file"
        ) from error
    size = sum(entry.stat().st_size for entry in os.scandir(path) if entry.is_file())
    return DumpPart(path, None, (), PG_DIRECTORY, "postgresql", header, size)


def _beginning(source: Iterator[bytes]) -> bytes:
    """The first bytes; the rest is not read."""
    found = b""
    for chunk in source:
        found += chunk
        if len(found) >= BEGINNING:
            break
    close = getattr(source, "close", None)
    if close is not None:
        close()
    return found[:BEGINNING]


def _unpacked(path: str, member: Optional[str], codecs: tuple[str, ...]) -> Iterator[bytes]:
    source = _zip_member(path, member) if member is not None else _file(path)
    for codec in codecs:
        if codec in _PYTHON:
            source = _by_python(source, codec, path)
        elif codec != "zip":
            source = _by_program(source, codec, path)
    return source


def _file(path: str) -> Iterator[bytes]:
    with open(path, "rb") as source:
        while True:
            chunk = source.read(_CHUNK)
            if not chunk:
                return
            yield chunk


# zip


def _open_zip(path: str) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        raise DamagedDump(f"The zip archive {path} is damaged or cut off: {error}.", _ANOTHER) from error


def _members(path: str) -> list[zipfile.ZipInfo]:
    with _open_zip(path) as archive:
        found = [info for info in archive.infolist() if not info.is_dir() and not _is_clutter(info.filename)]
    for info in found:
        if info.flag_bits & 1:
            raise UsageError(f"{path} is encrypted with a password.", "unpack it first")
    return found


def _is_clutter(name: str) -> bool:
    """What macOS adds to archives."""
    return name.startswith("__MACOSX/") or os.path.basename(name) in (".DS_Store", "Thumbs.db")


def _zip_member(path: str, member: str) -> Iterator[bytes]:
    with _open_zip(path) as archive:
        try:
            with archive.open(member) as source:
                while True:
                    # its checksum is compared at its end
                    chunk = source.read(_CHUNK)
                    if not chunk:
                        return
                    yield chunk
        except NotImplementedError as error:
            raise UsageError(
                f"{path} is packed by a method that Python cannot read: {error}.", "unpack it first"
            ) from error
        except (zipfile.BadZipFile, zlib.error, EOFError, lzma.LZMAError, OSError) as error:
            raise DamagedDump(f"{path} ({member}) is damaged or cut off: {error}.", _ANOTHER) from error


# other codecs

_PYTHON: dict[str, Callable[[], Any]] = {
    "gzip": lambda: zlib.decompressobj(16 + zlib.MAX_WBITS),
    "bzip2": bz2.BZ2Decompressor,
    "xz": lzma.LZMADecompressor,
}


def _by_python(source: Iterable[bytes], codec: str, path: str) -> Iterator[bytes]:
    """Unpack; one stream may follow another, and zeros may follow the last (tapes, block devices)."""
    make = _PYTHON[codec]
    decoder = make()
    begun = False
    try:
        for chunk in source:
            data = chunk
            while data:
                if decoder.eof:
                    decoder, begun = make(), False
                if not begun:
                    data = data.lstrip(b"\0") if codec == "gzip" else data
                    if not data:
                        break
                begun = True
                yield from _pieces(decoder, data, codec)
                data = decoder.unused_data if decoder.eof else b""
    except (zlib.error, lzma.LZMAError, OSError, EOFError) as error:
        raise DamagedDump(f"{path} is damaged ({codec}): {error}.", _ANOTHER) from error
    if begun and not decoder.eof:
        raise DamagedDump(f"{path} is cut off: its {codec} data does not end.", _ANOTHER)


def _pieces(decoder: Any, data: bytes, codec: str) -> Iterator[bytes]:
    """What comes out of some bytes, in bounded pieces: a few bytes can unpack to gigabytes."""
    if codec == "gzip":
        while data:
            piece = decoder.decompress(data, _CHUNK)
            if piece:
                yield piece
            data = decoder.unconsumed_tail
            if decoder.eof:
                return
        return
    piece = decoder.decompress(data, _CHUNK)
    while True:
        if piece:
            yield piece
        if decoder.eof or decoder.needs_input:
            return
        piece = decoder.decompress(b"", _CHUNK)


def _by_program(source: Iterator[bytes], codec: str, path: str) -> Iterator[bytes]:
    process = start(Command([find_program(codec), "-d", "-q", "-c"]), stdin=PIPE, stdout=PIPE)
    failures: list[BaseException] = []
    feeder = threading.Thread(target=_feed, args=(source, process.stdin, failures), daemon=True)
    with process:
        begin(feeder)
        yield from read_chunks(process.stdout)
        feeder.join()
        if failures:
            raise failures[0]
        try:
            process.wait()
        except ProcessError as error:
            raise DamagedDump(f"{path} is damaged or cut off: {error.message}", _ANOTHER) from error


def _feed(source: Iterator[bytes], target: Any, failures: list[BaseException]) -> None:
    try:
        for chunk in source:
            target.write(chunk)
        target.close()
    except BrokenPipeError:
        # the program has ended; its exit code says why
        return
    except (BackupError, OSError, ValueError) as error:
        failures.append(error)
        target.close()
