# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is recorded of an entry of the file system. Private to this collection.

An entry is a line of the listing: a JSON object. Its keys: ``path`` (absolute), ``type`` (``f`` file, ``d`` directory, ``l``
symbolic link, ``p`` FIFO, ``h`` hard link to an earlier entry), ``mode`` (octal text), ``uid``, ``gid``, ``user``, ``group``
(names, empty where the host knows none), ``mtime`` (nanoseconds since the epoch); for files ``size`` and ``sha256``; for links
``target``; for sparse files ``stored`` (bytes without the holes); ``hardlink`` (path of the first name of
the same file); where there are any: ``acl``, ``default_acl``
(``user:app:rw-`` and so on, sorted, joined by commas), ``xattrs`` (name -> SHA-256 of its value), ``selinux`` (context); and
``parent``, true for a directory that is there because of what is below it.
Bytes that are not UTF-8 are lone surrogates, as ``surrogateescape`` makes them.
"""

from __future__ import annotations

import errno
import functools
import grp
import hashlib
import os
import pwd
import stat
import struct
from collections.abc import Mapping
from typing import Any, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._files.globs import to_text

#: Words for the types.
WORDS = {
    "f": "file",
    "d": "directory",
    "l": "symbolic link",
    "p": "FIFO",
    "h": "hard link",
    "s": "socket",
    "b": "device",
}

#: Namespaces of extended attributes that are kept; access lists and SELinux contexts are kept in their own way.
KEPT_XATTRS = ("user.", "trusted.", "security.capability")

_ACL_ACCESS, _ACL_DEFAULT, _SELINUX = "system.posix_acl_access", "system.posix_acl_default", "security.selinux"
#: Tags of the kernel's binary form: include/uapi/linux/posix_acl_xattr.h.
_ACL_TAGS = {1: "user", 2: "user", 4: "group", 8: "group", 16: "mask", 32: "other"}
_ACL_USER = 2
_ACL_NAMED = {_ACL_USER, 8}
_NOT_SUPPORTED = (errno.ENOTSUP, errno.ENOSYS)
_HASH_CHUNK = 1 << 20
_ZERO_CHUNK = bytes(_HASH_CHUNK)


@functools.lru_cache(maxsize=4096)
def user_name(uid: int) -> str:
    """Name of a user, empty if the host knows none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return ""


@functools.lru_cache(maxsize=4096)
def group_name(gid: int) -> str:
    """Name of a group, empty if the host knows none."""
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return ""


def shown(path: str) -> str:
    """A path for a person: what cannot be printed, or is no UTF-8, is escaped as in Python."""
    if path.isprintable() and "\\" not in path:
        return path
    return "".join(
        char
        if char.isprintable() and char != "\\"
        else f"\\x{ord(char) - 0xDC00:02x}"
        if 0xDC80 <= ord(char) <= 0xDCFF
        else char.encode("unicode_escape").decode("ascii")
        for char in path
    )


def acl_from_text(text: str) -> Optional[str]:
    """An access list in canonical form from the text form of acl(5); None if it says no more than the mode."""
    lines = sorted(line.split("#", 1)[0].strip() for line in text.replace(",", "\n").split("\n") if line.strip())
    lines = [":".join(line.split(":")[:3]) for line in lines]
    if all(line.split(":")[1] == "" and not line.startswith("mask") for line in lines if line.count(":") >= 1):
        return None
    return ",".join(lines)


def acl_text(value: bytes, numeric: bool = False) -> bytes:
    """The text form of acl(5), a line for each entry, of an access list in the kernel's binary form."""
    lines = []
    for tag, permissions, number in struct.iter_unpack("<HHI", value[4:]):
        name = ""
        if tag in _ACL_NAMED:
            name = "" if numeric else user_name(number) if tag == _ACL_USER else group_name(number)
            name = name or str(number)
        letters = "".join(letter if permissions & bit else "-" for letter, bit in (("r", 4), ("w", 2), ("x", 1)))
        lines.append(f"{_ACL_TAGS.get(tag, tag)}:{name}:{letters}\n")
    return "".join(lines).encode("utf-8", "surrogateescape")


def acl_from_kernel(value: bytes, numeric: bool = False) -> Optional[str]:
    """An access list in canonical form from the kernel's binary form; None if it says no more than the mode."""
    return acl_from_text(acl_text(value, numeric).decode("utf-8", "surrogateescape"))


def special_attributes(path: bytes, numeric: bool = False) -> dict[str, Any]:
    """Access lists, extended attributes and SELinux context of a path, as they stand in an entry.

    Raises:
        OSError: they cannot be read. A file system that knows none has none.
    """
    try:
        names = os.listxattr(path, follow_symlinks=False)
    except OSError as error:
        if error.errno in _NOT_SUPPORTED:
            return {}
        raise
    if not names:
        return {}
    found: dict[str, Any] = {}
    for name in names:
        if name in (_ACL_ACCESS, _ACL_DEFAULT):
            acl = acl_from_kernel(os.getxattr(path, name, follow_symlinks=False), numeric)
            if acl is not None:
                found["acl" if name == _ACL_ACCESS else "default_acl"] = acl
        elif name == _SELINUX:
            found["selinux"] = os.getxattr(path, name, follow_symlinks=False).rstrip(b"\0").decode("utf-8", "replace")
        elif name.startswith(KEPT_XATTRS):
            value = os.getxattr(path, name, follow_symlinks=False)
            found.setdefault("xattrs", {})[name] = hashlib.sha256(value).hexdigest()
    return found


def special_records(records: Mapping[bytes, bytes]) -> dict[str, Any]:
    """The same from the extended records of a tar member."""
    found: dict[str, Any] = {}
    for key, value in records.items():
        if key in (b"SCHILY.acl.access", b"SCHILY.acl.default"):
            acl = acl_from_text(value.decode("utf-8", "surrogateescape"))
            if acl is not None:
                found["acl" if key.endswith(b"access") else "default_acl"] = acl
        elif key == b"RHT.security.selinux":
            found["selinux"] = value.rstrip(b"\0").decode("utf-8", "replace")
        elif key.startswith(b"SCHILY.xattr."):
            # GNU tar cannot write an equals sign into a keyword.
            name = to_text(key[13:]).replace("%3D", "=").replace("%25", "%")
            if name.startswith(KEPT_XATTRS):
                found.setdefault("xattrs", {})[name] = hashlib.sha256(value).hexdigest()
    return found


class Digest:
    """SHA-256 of a file's contents, holes being zeros."""

    __slots__ = ("_hash", "position")

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self.position = 0

    def update(self, data: Any) -> None:
        """Contents that follow."""
        self._hash.update(data)
        self.position += len(data)

    def zeros_to(self, position: int) -> None:
        """A hole up to a position."""
        while self.position < position:
            length = min(_HASH_CHUNK, position - self.position)
            self.update(_ZERO_CHUNK if length == _HASH_CHUNK else _ZERO_CHUNK[:length])

    def hexdigest(self) -> str:
        """The digest in hexadecimal."""
        return self._hash.hexdigest()


def hash_path(path: bytes, size: int = 0) -> str:
    """SHA-256 of a file on disk, in hexadecimal; a symbolic link is not followed.

    Args:
        path: the file.
        size: its size, where it is known: small files are read at once.

    Raises:
        OSError: it cannot be read.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        if 0 < size < _HASH_CHUNK:
            data = os.read(descriptor, size + 1)
            if len(data) <= size:
                return hashlib.sha256(data).hexdigest()
            os.lseek(descriptor, 0, os.SEEK_SET)
        digest = hashlib.sha256()
        buffer = bytearray(_HASH_CHUNK)
        view = memoryview(buffer)
        while True:
            length = os.readv(descriptor, [buffer])
            if not length:
                return digest.hexdigest()
            digest.update(view[:length])
    finally:
        os.close(descriptor)


def octal_mode(mode: int) -> str:
    """Permission bits as text: ``0644``."""
    return f"{stat.S_IMODE(mode):04o}"
