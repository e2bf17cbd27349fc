# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a database is called after another one took its name. Private to this collection.

``shop`` becomes ``shop__before_20261121T080000Z``: the set that took its place, or the moment where that was no set.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable

_BETWEEN = "__before_"
_FAILED = "__failed_"
_STAMP = re.compile(r"\d{8}T\d{6}Z[-_0-9]*\Z", re.IGNORECASE)
#: Of a stamp with what makes it unique.
_LONGEST_STAMP = 22


def previous_name(name: str, stamp: str, taken: Collection[str], longest: int, in_bytes: bool) -> str:
    """A free name for what has had a name until now.

    Args:
        name: of the database.
        stamp: id of the set that takes its place, or a moment in the same form.
        taken: names that exist.
        longest: how long a name may be.
        in_bytes: that counts bytes of UTF-8, not characters.
    """
    return _free(_prefix(name, _BETWEEN, longest, in_bytes), stamp, taken)


def failed_name(name: str, stamp: str, taken: Collection[str], longest: int, in_bytes: bool) -> str:
    """A free name for what a restore that failed leaves for inspection; see `previous_name`."""
    return _free(_prefix(name, _FAILED, longest, in_bytes), stamp, taken)


def _free(prefix: str, stamp: str, taken: Collection[str]) -> str:
    found = prefix + stamp
    number = 1
    while found in taken:
        number += 1
        found = f"{prefix}{stamp}_{number}"
    return found


def previous_of(name: str, names: Iterable[str], longest: int, in_bytes: bool) -> list[str]:
    """The earlier ones of a database, the newest first.

    Args:
        name: of the database.
        names: of all databases that exist.
        longest, in_bytes: see `previous_name`.
    """
    prefix = _prefix(name, _BETWEEN, longest, in_bytes)
    found = [item for item in names if item.startswith(prefix) and _STAMP.match(item[len(prefix) :])]
    return sorted(found, key=lambda item: _order(item[len(prefix) :]), reverse=True)


def is_previous(name: str) -> bool:
    """Whether a database has such a name, whatever it was called before."""
    _head, between, stamp = name.rpartition(_BETWEEN)
    return bool(between and _STAMP.match(stamp))


def _order(stamp: str) -> tuple[str, int]:
    moment, _separator, number = stamp.partition("_")
    return moment, int(number) if number.isdigit() else 1


def _prefix(name: str, between: str, longest: int, in_bytes: bool) -> str:
    """The name, cut where it is too long; a digest keeps cut names apart."""
    room = longest - len(between) - _LONGEST_STAMP
    if _length(name, in_bytes) <= room:
        return name + between
    digest = "_" + hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:8]
    cut = name
    while _length(cut, in_bytes) > room - len(digest):
        cut = cut[:-1]
    return cut + digest + between


def _length(name: str, in_bytes: bool) -> int:
    return len(name.encode("utf-8", "surrogateescape")) if in_bytes else len(name)
