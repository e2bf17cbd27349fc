# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The order of NOT NULL constraints that are NOT VALID. Private to this collection.

PostgreSQL 18 hands one that a table gets down to its partitions and children, under the table's name for it. A child that
has one of another name must get that first; the archive does not say so, and pg_restore fails where the parent comes first.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.toc import Entry

_UNVALIDATED = re.compile(r"\bNOT NULL\b.*\bNOT VALID;\s*\Z", re.DOTALL)
#: What every archive with such a constraint has in its bytes.
MARK = b" NOT VALID;"


def children_first(entries: Sequence[Entry]) -> list[int]:
    """Numbers of the entries that make such constraints, children before their parents, each with what is said about it."""
    constraints = {
        entry.number: entry for entry in entries if entry.kind == "CONSTRAINT" and _UNVALIDATED.search(entry.definition)
    }
    if not constraints:
        return []
    parents = _parents(entries)

    def depth(table: int) -> int:
        return 1 + max((depth(parent) for parent in parents.get(table, ())), default=0)

    ordered = sorted(
        constraints, key=lambda number: max((depth(table) for table in constraints[number].depends_on), default=0)
    )
    remarks = [
        entry.number
        for entry in entries
        if entry.number not in constraints and any(number in constraints for number in entry.depends_on)
    ]
    return [*reversed(ordered), *remarks]


def _parents(entries: Sequence[Entry]) -> dict[int, set[int]]:
    """Table -> those that it is a partition or a child of, by the numbers of their entries."""
    tables = {entry.number: entry for entry in entries if entry.kind in ("TABLE", "FOREIGN TABLE")}
    found: dict[int, set[int]] = {
        number: {other for other in entry.depends_on if other in tables} for number, entry in tables.items()
    }
    for entry in entries:
        if entry.kind == "TABLE ATTACH":
            both = [number for number in entry.depends_on if number in tables]
            for child in both:
                if (tables[child].namespace, tables[child].tag) == (entry.namespace, entry.tag):
                    found[child].update(number for number in both if number != child)
    return found
