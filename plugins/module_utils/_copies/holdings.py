# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a copy holds. Private to this collection.

A set is there when its manifest and its checksums are: they are uploaded last and go first. Everything else is a set on
its way, and is not listed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Optional

from ansible_collections.vya.backupdb.plugins.module_utils._copies.rclone import NotThere, Rclone
from ansible_collections.vya.backupdb.plugins.module_utils._errors import CopyFailed
from ansible_collections.vya.backupdb.plugins.module_utils._layout import (
    MANIFEST,
    SIGNATURE,
    SUMS,
    decode_name,
    encode_name,
)
from ansible_collections.vya.backupdb.plugins.module_utils._model import is_set_id

#: what becomes of the manifest while a set is removed
GOING = MANIFEST + ".removed"
#: the files of a set that tell what state it is in; the manifest is written last
MARKS = (SIGNATURE, SUMS, MANIFEST)


@dataclass(frozen=True)
class Held:
    """A set of a copy, or what is left of one.

    Args:
        source, instance, set_id: which set.
        sizes: bytes of those of its files that tell its state.
    """

    source: str
    instance: str
    set_id: str
    sizes: Mapping[str, int]

    @property
    def complete(self) -> bool:
        """Whether it is a set."""
        return MANIFEST in self.sizes and SUMS in self.sizes

    @property
    def going(self) -> bool:
        """Whether its removal was begun."""
        return GOING in self.sizes


def holdings(rclone: Rclone, source: Optional[str] = None, instance: Optional[str] = None) -> list[Held]:
    """What a copy holds, by source, instance and time, with sets that are half removed.

    Args:
        rclone: reaches the copy.
        source: only sets of this host.
        instance: only sets of this instance; needs ``source``.

    Raises:
        CopyFailed: it cannot be listed.
    """
    known = [encode_name(name) for name in (source, instance if source else None) if name is not None]
    pattern = "/*" * (3 - len(known)) + "/{" + ",".join((*MARKS, GOING)) + "}"
    argv = ["lsjson", "--recursive", "--files-only", "--no-modtime", "--no-mimetype", f"--include={pattern}"]
    try:
        output = rclone.run("listing", [*argv, rclone.place(*known)])
    except NotThere:
        return []
    try:
        paths = [("/".join([*known, entry["Path"]]), int(entry["Size"])) for entry in json.loads(output or b"[]")]
    except (ValueError, TypeError, KeyError):
        raise CopyFailed(
            f"rclone listed {rclone.copy.words} in a form that is not understood.", "install a newer rclone"
        ) from None
    found: dict[tuple[str, str, str], dict[str, int]] = {}
    for path, size in paths:
        parts = path.split("/")
        if len(parts) == 4 and is_set_id(parts[2]):
            found.setdefault((parts[0], parts[1], parts[2]), {})[parts[3]] = size
    held = [
        Held(source or decode_name(key[0]), instance if source and instance else decode_name(key[1]), key[2], sizes)
        for key, sizes in sorted(found.items())
    ]
    return [item for item in held if instance is None or item.instance == instance]


def complete(held: list[Held]) -> list[Held]:
    """Those that are sets."""
    return [item for item in held if item.complete]
