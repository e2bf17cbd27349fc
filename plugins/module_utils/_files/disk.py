# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is on disk, beside what is recorded. Private to this collection."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any, NamedTuple, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._files.entries import (
    WORDS,
    group_name,
    hash_path,
    octal_mode,
    shown,
    special_attributes,
    user_name,
)
from ansible_collections.vya.backupdb.plugins.module_utils._files.globs import to_text
from ansible_collections.vya.backupdb.plugins.module_utils._files.walk import kind_of

Entry = Mapping[str, Any]

_NOTHING = "none"


class Deviation(NamedTuple):
    """An attribute that is not as recorded; for a digest the values are sizes in bytes.

    Args:
        attribute: ``type``, ``mode``, ``owner``, ``group``, ``mtime``, ``content``, ``target``, ``hardlink``, ``acl``,
            ``default_acl``, ``selinux``, or the name of an extended attribute.
        expected, found: for people.
    """

    attribute: str
    expected: str
    found: str


class Examiner:
    """Compares entries with what is on disk.

    Args:
        numeric_owner: compare numbers of owners instead of names.
        owners: compare owners at all; who is not root cannot set them.
    """

    def __init__(self, numeric_owner: bool = False, owners: bool = True) -> None:
        self._numeric = numeric_owner
        self._owners = owners

    def examine(self, entry: Entry, path: bytes, content: bool = True) -> Optional[list[Deviation]]:
        """What deviates at a path.

        Args:
            entry: what is recorded.
            path: where it should be.
            content: read the contents of files, too.

        Returns:
            None if there is nothing at the path.

        Raises:
            OSError: it cannot be examined.
        """
        try:
            status = os.lstat(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        kind = kind_of(status.st_mode)
        recorded = entry["type"]
        if recorded == "h":
            # What it was a link to is compared under its own name.
            return []
        if kind != recorded:
            return [Deviation("type", WORDS[recorded], WORDS[kind])]
        if entry.get("parent"):
            return []
        found: list[Deviation] = []
        if kind != "l" and octal_mode(status.st_mode) != entry["mode"]:
            found.append(Deviation("mode", entry["mode"], octal_mode(status.st_mode)))
        if self._owners:
            self._examine_owner(entry, status, found)
        if kind != "d" and status.st_mtime_ns != entry["mtime"]:
            found.append(Deviation("mtime", _moment(entry["mtime"]), _moment(status.st_mtime_ns)))
        if kind == "f":
            found.extend(_content(entry, status.st_size, path, content))
        elif kind == "l":
            target = to_text(os.readlink(path))
            if target != entry["target"]:
                found.append(Deviation("target", shown(entry["target"]), shown(target)))
        self._examine_special(entry, path, found)
        return found

    def _examine_owner(self, entry: Entry, status: os.stat_result, found: list[Deviation]) -> None:
        for attribute, number, recorded_number, recorded_name, name_of in (
            ("owner", status.st_uid, entry["uid"], entry["user"], user_name),
            ("group", status.st_gid, entry["gid"], entry["group"], group_name),
        ):
            name = name_of(number)
            if self._numeric or not recorded_name:
                if number != recorded_number:
                    found.append(Deviation(attribute, str(recorded_number), str(number)))
            elif name != recorded_name:
                found.append(Deviation(attribute, recorded_name, name or str(number)))

    def _examine_special(self, entry: Entry, path: bytes, found: list[Deviation]) -> None:
        present = special_attributes(path)
        if not present and len(entry) <= _PLAIN_KEYS:
            return
        for key in ("acl", "default_acl", "selinux"):
            recorded, now = entry.get(key), present.get(key)
            if key == "selinux" and (recorded is None or now is None):
                # One of the hosts does without SELinux.
                continue
            if recorded != now:
                found.append(Deviation(key, recorded or _NOTHING, now or _NOTHING))
        recorded_values, values = entry.get("xattrs", {}), present.get("xattrs", {})
        for name in sorted({*recorded_values, *values}):
            if recorded_values.get(name) != values.get(name):
                found.append(
                    Deviation(
                        name,
                        "another value"
                        if name in recorded_values and name in values
                        else "a value"
                        if name in recorded_values
                        else _NOTHING,
                        "this one" if name in values else _NOTHING,
                    )
                )


#: An entry with fewer keys than this holds nothing but classic attributes: a directory, the smallest, has eight.
_PLAIN_KEYS = 8


def _content(entry: Entry, size: int, path: bytes, read: bool) -> list[Deviation]:
    if size != entry["size"]:
        return [Deviation("content", f"{entry['size']} bytes", f"{size} bytes")]
    if read and hash_path(path, size) != entry["sha256"]:
        return [Deviation("content", "", "")]
    return []


def _moment(nanoseconds: int) -> str:
    whole, rest = divmod(nanoseconds, 1_000_000_000)
    try:
        moment = datetime.fromtimestamp(whole, tz=timezone.utc)
    except (OverflowError, ValueError, OSError):
        return f"{nanoseconds} ns"
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"
