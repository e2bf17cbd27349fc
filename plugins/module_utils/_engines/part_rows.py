# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether the rows of a restored part are all there. Private to this collection."""

from __future__ import annotations

from collections.abc import Mapping

from ansible_collections.vya.backupdb.plugins.module_utils._engines.base import ArtefactReader
from ansible_collections.vya.backupdb.plugins.module_utils._engines.proven import recorded_proof
from ansible_collections.vya.backupdb.plugins.module_utils._errors import DamagedSet, NotProven

_TOLD = 20


def recorded_rows(reader: ArtefactReader, database: str) -> dict[str, int]:
    """Name of each table of a database -> its rows, as the proof of the set says.

    Raises:
        DamagedSet: the set has no proof of it.
    """
    objects = recorded_proof(reader).databases.get(database)
    if objects is None:
        raise DamagedSet(f"The proof of the set is not of the database {database!r}.", "restore another set")
    return {item.name: item.rows for item in objects if item.kind == "table" and item.rows is not None}


def compare_rows(database: str, recorded: Mapping[str, int], found: Mapping[str, int]) -> int:
    """Make sure that tables have as many rows as were recorded; returns how many tables that are.

    Args:
        database: name, for messages.
        recorded: of the proof.
        found: of every table that was loaded.

    Raises:
        BackupError: one has not.
    """
    different = [
        f"{name}: {recorded.get(name, 'nothing')} recorded, {rows} loaded"
        for name, rows in sorted(found.items())
        if recorded.get(name) != rows
    ]
    if different:
        raise NotProven(
            f"What was loaded of {database!r} has not the rows that the proof of the set names.",
            "look into the server's log; if it says nothing, restore another set. What was loaded is removed",
            different[:_TOLD],
        )
    return len(found)
