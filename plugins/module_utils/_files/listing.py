# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The listing of a set of files: its proof. Private to this collection.

JSON lines, compressed with zstd, written and read as a stream. The first line names the format; ``{"pattern": …}`` begins
what an archive holds, ``{"segment": …}`` a part of it in one order (see ``walk.py``); then come the entries (see
``entries.py``), in the order of the archive; ``{"end": …}`` counts them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._errors import (
    BackupError,
    DamagedSet,
    NewerFormat,
    NoSpace,
    ProcessError,
)
from ansible_collections.vya.backupdb.plugins.module_utils._process import PIPE, Command, find_program, start
from ansible_collections.vya.backupdb.plugins.module_utils._sink import Sink

FORMAT = "vya.backupdb.files"
VERSION = 1
#: Every entry's line begins like this, which lets a reader pass over whole directories without parsing them.
ENTRY_PREFIX = b'{"path":'
_FLUSH_BYTES = 1 << 18
_LONGEST_LINE = 1 << 20

encode_text = json.encoder.encode_basestring_ascii


def encode(values: Any) -> str:
    """A value as compact JSON in ASCII."""
    return json.dumps(values, separators=(",", ":"))


class ListingWriter:
    """Writes a listing. A context manager; :meth:`close` makes it complete.

    Args:
        path: an existing, empty file.
        level: of zstd.
        filters: programs that it has to pass afterwards.
    """

    def __init__(self, path: str, level: int, filters: Sequence[Command] = ()) -> None:
        command = Command([find_program("zstd"), f"-{level}", "-q", "-c"])
        with open(path, "r+b") as target:
            self._sink = Sink([command, *filters], target)
        self._lines: list[str] = []
        self._length = 0
        self.write(encode({"format": FORMAT, "version": VERSION}) + "\n")

    def write(self, line: str) -> None:
        """Add a line, which ends in a newline and is ASCII."""
        self._lines.append(line)
        self._length += len(line)
        if self._length > _FLUSH_BYTES:
            self._flush()

    def _flush(self) -> None:
        data = "".join(self._lines).encode("ascii")
        self._lines.clear()
        self._length = 0
        try:
            self._sink.stdin.write(data)
            self._sink.stdin.flush()
        except BrokenPipeError:
            # zstd has ended; its exit code says why.
            self._wait()
            raise

    def _wait(self) -> None:
        try:
            self._sink.wait()
        except ProcessError as error:
            raise explained(error) from error

    def close(self) -> None:
        """Write what is left.

        Raises:
            BackupError: zstd failed.
        """
        self._flush()
        self._sink.stdin.close()
        self._wait()

    def __enter__(self) -> ListingWriter:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._sink.__exit__()


def explained(error: ProcessError) -> BackupError:
    """What a failure of a compressor means to the operator."""
    if "No space left on device" in error.stderr_tail or "Disk quota exceeded" in error.stderr_tail:
        return NoSpace(
            "No space left for the repository.",
            "free space there, or point backupdb_repository at a larger file system",
        )
    return error


def read_lines(path: str) -> Iterator[bytes]:
    """The lines of a listing, its first one checked and left out.

    Raises:
        DamagedSet: it is damaged, or of a newer format.
    """
    with open(path, "rb") as source:
        command = Command([find_program("zstd"), "-d", "-q", "-c"])
        with start(command, stdin=source, stdout=PIPE) as process:
            lines = _split(process.stdout)
            _check_header(next(lines, b""))
            yield from lines
            try:
                process.wait()
            except ProcessError as error:
                raise DamagedSet(
                    f"The listing {path} cannot be decompressed: {error.message}", "restore the set from another copy"
                ) from error


def _split(stream: BinaryIO) -> Iterator[bytes]:
    while True:
        line = stream.readline(_LONGEST_LINE)
        if not line:
            return
        if not line.endswith(b"\n"):
            raise _malformed("it ends in the middle of a line")
        yield line


def _check_header(line: bytes) -> None:
    header = parse(line)
    if header.get("format") != FORMAT or not isinstance(header.get("version"), int):
        raise _malformed("its first line does not name the format")
    if header["version"] > VERSION:
        raise NewerFormat(
            f"The listing has format version {header['version']}; this collection reads up to {VERSION}.",
            "use the version of vya.backupdb that wrote it, or a newer one",
        )


def parse(line: bytes) -> dict[str, Any]:
    """A line as values.

    Raises:
        DamagedSet: it is no JSON object.
    """
    try:
        values = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise _malformed(f"a line is not JSON: {error}") from None
    if not isinstance(values, dict):
        raise _malformed("a line is not a JSON object")
    return values


def below_prefix(path: str) -> bytes:
    """How the line of every entry below a directory begins."""
    return ENTRY_PREFIX + encode_text(path)[:-1].encode("ascii") + (b"" if path == "/" else b"/")


def _malformed(what: str, remedy: Optional[str] = None) -> DamagedSet:
    return DamagedSet(f"The listing is damaged: {what}.", remedy or "restore the set from another copy")
