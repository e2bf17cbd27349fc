# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names and files of a set on disk, shared by those who write and those who read it. Private to this collection."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import stat
from collections.abc import Iterator

from ansible_collections.vya.backupdb.plugins.module_utils._errors import DamagedSet, RepositoryError

MANIFEST = "manifest.json"
SUMS = "SHA256SUMS"
README = "RESTORE.md"
SIGNATURE = "SIGNATURE.json"
PARTIAL = ".partial"
REMOVING = ".removing"
LATEST = "latest"
LOCK = ".lock"
STATE = ".state"
DIRECTORY_MODE = 0o700
FILE_MODE = 0o600

#: kind -> directory in the set; artefacts of other kinds lie in the set itself, named after their kind.
DIRECTORIES = {"database": "databases", "archive": "files"}

_HASH_CHUNK = 1 << 20
_LONGEST_NAME = 200


def encode_name(name: str) -> str:
    """A name as a file name: ASCII letters, digits, ``_``, ``-`` and inner dots stay, every other byte becomes ``%XX``.

    A name that would be too long for a file system is cut and ends in a part of its SHA-256.
    """
    data = name.encode("utf-8", "surrogateescape")
    safe = re.compile(rb"[A-Za-z0-9_-]")
    encoded = "".join(
        chr(byte) if safe.match(bytes([byte])) or (byte == 0x2E and index > 0) else f"%{byte:02X}"
        for index, byte in enumerate(data)
    )
    if not encoded or len(encoded) > _LONGEST_NAME:
        encoded = encoded[: _LONGEST_NAME - 18] + "%~" + hashlib.sha256(data).hexdigest()[:16]
    return encoded


def hash_file(path: str) -> tuple[int, str]:
    """Bytes and SHA-256 (hexadecimal) of a file."""
    digest = hashlib.sha256()
    size = 0
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb", buffering=0) as stream:
        while True:
            chunk = stream.read(_HASH_CHUNK)
            if not chunk:
                return size, digest.hexdigest()
            size += len(chunk)
            digest.update(chunk)


def read_regular(path: str, limit: int) -> bytes:
    """Contents of a file that is neither a link nor anything that could be waited for.

    Raises:
        OSError: it cannot be read.
        ValueError: it is not a regular file, or holds more bytes than the limit.
    """
    try:
        # a pipe would not be waited for
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise ValueError("it is a symbolic link") from None
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ValueError("it is not a regular file")
    with os.fdopen(descriptor, "rb") as stream:
        data = stream.read(limit + 1)
    if len(data) > limit:
        raise ValueError("it is larger than any real one")
    return data


def sync(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def files_below(path: str) -> Iterator[str]:
    """Every file below a directory, sorted, refusing anything that is neither file nor directory."""
    for entry in sorted(os.scandir(path), key=lambda item: item.name):
        if entry.is_dir(follow_symlinks=False):
            yield from files_below(entry.path)
        elif entry.is_file(follow_symlinks=False):
            yield entry.path
        else:
            raise DamagedSet(f"{entry.path} is neither a file nor a directory.", "remove it, or restore another set")


def write_new(path: str, data: bytes) -> None:
    """Write a file that must not exist yet, mode 0600, synced."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


@contextlib.contextmanager
def explaining(path: str) -> Iterator[None]:
    """Turn what the operating system says about a path of the repository into words."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise RepositoryError(
                f"No space left for the repository at {path}.",
                "free space there, or point backupdb_repository at a larger file system",
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise RepositoryError(
                f"The repository is not writable: {error.strerror}: {error.filename or path}.",
                "run the task with become, or correct owner and mode of the directory",
            ) from error
        raise RepositoryError(
            f"The repository at {path} failed: {error.strerror or error}: {error.filename or path}.",
            "check the file system that it lies on",
        ) from error


def decode_name(name: str) -> str:
    data = re.sub(rb"%([0-9A-F]{2})", lambda match: bytes([int(match.group(1), 16)]), name.encode())
    return data.decode("utf-8", "surrogateescape")
