# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Small files of a set, compressed with zstd. Private to this collection.

For what fits into memory: roles, settings, proofs. Databases and archives are streamed by their engines.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Sequence
from typing import Any

from ansible_collections.vya.backupdb.plugins.module_utils._errors import DamagedSet, ProcessError
from ansible_collections.vya.backupdb.plugins.module_utils._process import Command, find_program, pipe
from ansible_collections.vya.backupdb.plugins.module_utils._strict_json import strict_json

#: Endings of file names by codec.
SUFFIX = {"zstd": ".zst", "none": ""}

_LIMIT = 1 << 30


def write_bytes(path: str, data: bytes, level: int = 3, filters: Sequence[Command] = ()) -> None:
    """Compress bytes into an existing file.

    Args:
        path: the file; its mode and owner stay.
        data: what to write.
        level: of zstd.
        filters: programs that it has to pass afterwards.

    Raises:
        ProcessError: zstd failed.
        OSError: the file cannot be written.
    """
    pieces = (data[begin : begin + (1 << 20)] for begin in range(0, len(data), 1 << 20))
    with open(path, "r+b") as target:
        pipe([Command([find_program("zstd"), f"-{level}", "-q", "-c"]), *filters], source=pieces, target=target)


def read_bytes(path: str, limit: int = _LIMIT) -> bytes:
    """Decompress a file; one that is not compressed is read as it is.

    Args:
        path: the file; ``.zst`` at its end says that it is compressed.
        limit: most bytes to accept, so that a forged file cannot fill the memory.

    Raises:
        DamagedSet: the file is damaged, or holds more than the limit.
    """
    with open(path, "rb") as source:
        if not path.endswith(SUFFIX["zstd"]):
            data = source.read(limit + 1)
        else:
            data = _decompress(path, source, limit)
    if len(data) > limit:
        raise DamagedSet(f"{path} holds more than {limit} bytes.", "restore the set from another copy")
    return data


def _decompress(path: str, source: Any, limit: int) -> bytes:
    target = _Bounded(limit)
    try:
        pipe([Command([find_program("zstd"), "-d", "-q", "-c"])], source=source, target=target)
    except ProcessError as error:
        raise DamagedSet(
            f"{path} cannot be decompressed: {error.message}", "restore the set from another copy"
        ) from error
    return target.getvalue()


class _Bounded(io.BytesIO):
    def __init__(self, limit: int) -> None:
        super().__init__()
        self._limit = limit

    def write(self, data: Any) -> int:
        if self.tell() > self._limit:
            return len(data)
        return super().write(data)


def write_json(path: str, value: Any, level: int = 3, filters: Sequence[Command] = ()) -> None:
    """Write a value as compressed JSON into an existing file; errors as :func:`write_bytes`."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    write_bytes(path, text.encode("utf-8", "surrogateescape"), level, filters)


def read_json(path: str) -> Any:
    """Read a value back.

    Raises:
        DamagedSet: the file is damaged.
    """
    try:
        return strict_json(read_bytes(path))
    except ValueError as error:
        raise DamagedSet(
            f"{os.path.basename(path)} is not valid JSON: {error}", "restore the set from another copy"
        ) from None
