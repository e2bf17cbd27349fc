# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a table is made for loading: what of its definition waits until its rows are there. Private to this collection.

Secondary keys are built faster from all rows at once than row by row. The order of keys is part of a definition: of
each class (unique, other) only the last ones wait, so that adding them brings the recorded order back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional

from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_create_table import (
    COLUMN,
    FOREIGN_KEY,
    KEY,
    PRIMARY,
    UNIQUE,
    CreateTable,
    Element,
    has_option,
    split_sequence_default,
    without_auto_increment,
)

#: Tables below this many bytes are made with all their keys: altering costs more than it gains.
DEFER_FROM = 4 << 20


@dataclass(frozen=True)
class Structure:
    """A table's definition in the steps of a restore.

    Args:
        recorded: what SHOW CREATE TABLE has to print at the end (but for the counter).
        create: the statement that makes the table for loading.
        keys: what is added when the rows are there.
        constraints: foreign keys to add when all tables are there.
        defaults: columns whose default takes a value from a sequence: set when the sequence has its final place.
    """

    recorded: str
    create: str
    keys: Sequence[str] = ()
    constraints: Sequence[str] = ()
    defaults: Sequence[str] = ()


def normalised(parts: CreateTable) -> str:
    """A definition without its counter."""
    return parts.text(tail=without_auto_increment(parts.tail))


def plan_structure(
    parts: CreateTable, size: int, counter: Optional[int], versioned: bool, referenced: set[tuple[str, tuple[str, ...]]]
) -> Structure:
    """Decide how a table is made.

    Args:
        parts: its recorded definition.
        size: bytes of its rows.
        counter: next value of its counter, if it has one.
        versioned: whether it keeps old rows; such a table is not altered once it has rows.
        referenced: table and columns that foreign keys point to.
    """
    elements = list(parts.elements)
    keys: list[Element] = []
    constraints: list[Element] = []
    if size >= DEFER_FROM and not versioned and _is_innodb(parts):
        constraints = parts.of_kind(FOREIGN_KEY)
        keys = _deferrable(parts, referenced)
    waiting = {id(element) for element in (*keys, *constraints)}
    elements = [element for element in elements if id(element) not in waiting]
    defaults: list[str] = []
    for index, element in enumerate(elements):
        if element.kind == COLUMN:
            text, found = split_sequence_default(element.text)
            if found:
                defaults.append(element.text)
                elements[index] = Element(COLUMN, element.name, text)
    tail = without_auto_increment(parts.tail)
    if counter:
        # Options may stand in any order, but before partitions.
        tail = f" AUTO_INCREMENT={counter}{tail}"
    return Structure(
        normalised(parts),
        parts.text(elements, tail),
        tuple(element.text for element in keys),
        tuple(element.text for element in constraints),
        tuple(defaults),
    )


def _is_innodb(parts: CreateTable) -> bool:
    return has_option(parts.tail, "ENGINE") and has_option(parts.tail, "INNODB")


def _deferrable(parts: CreateTable, referenced: set[tuple[str, tuple[str, ...]]]) -> list[Element]:
    # Without a primary key the first unique key orders the rows on disk.
    has_primary = bool(parts.of_kind(PRIMARY))
    computed = {
        element.name for element in parts.of_kind(COLUMN) if has_option(element.text, "GENERATED", "ALWAYS", "AS")
    }
    counters = {element.name for element in parts.of_kind(COLUMN) if has_option(element.text, "AUTO_INCREMENT")}
    primary = parts.of_kind(PRIMARY)
    if primary and primary[0].columns[:1] and primary[0].columns[0] in counters:
        counters = set()

    def stays(element: Element) -> bool:
        return (
            bool(computed & set(element.columns))
            or element.columns[0] in counters
            or has_option(element.text, "HASH")
            or any(table == parts.name and element.columns[: len(columns)] == columns for table, columns in referenced)
        )

    waiting: list[Element] = []
    for kind in (UNIQUE, KEY):
        if kind == UNIQUE and not has_primary:
            continue
        of_kind = parts.of_kind(kind)
        last = max((index for index, element in enumerate(of_kind) if stays(element)), default=-1)
        waiting += of_kind[last + 1 :]
    return waiting


def references(tables: Sequence[CreateTable]) -> set[tuple[str, tuple[str, ...]]]:
    """Table and columns of every foreign key's target."""
    return {
        (element.referenced[1], tuple(element.referenced[2]))
        for parts in tables
        for element in parts.of_kind(FOREIGN_KEY)
        if element.referenced is not None
    }


def loosely_referenced(tables: Sequence[CreateTable]) -> list[str]:
    """Foreign keys that point to columns of their database which are no whole unique key, as ``child.name to parent (a, b)``.

    InnoDB has always taken them; MySQL 8.4 refuses to make them unless ``restrict_fk_on_non_standard_key`` is off.
    """
    unique = {
        parts.name: {tuple(element.columns) for kind in (PRIMARY, UNIQUE) for element in parts.of_kind(kind)}
        for parts in tables
    }
    found = []
    for parts in tables:
        for element in parts.of_kind(FOREIGN_KEY):
            if element.referenced is not None and element.referenced[0] is None:
                table, columns = element.referenced[1], tuple(element.referenced[2])
                if table in unique and columns not in unique[table]:
                    found.append(f"{parts.name}.{element.name} to {table} ({', '.join(columns)})")
    return found
