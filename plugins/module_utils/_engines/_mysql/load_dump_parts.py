# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What of a dump of another tool a part of its databases comes to. Private to this collection.

As for sets: a table comes with its triggers, and with the sequences that it takes values from; views, routines and events
belong to no table.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Optional

from ansible_collections.vya.backupdb.plugins.module_utils._engines.foreign import DumpSource
from ansible_collections.vya.backupdb.plugins.module_utils._engines.part import (
    DATA,
    SCHEMA,
    Included,
    Part,
    matches,
    unmatched,
)
from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_accounts import OBJECT_LEVELS, AccountStatement
from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_foreign_keys import (
    ForeignKey,
    foreign_keys,
    without,
)
from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_objects import (
    OF_SEQUENCE,
    OF_SUBJECT,
    ON_TABLE,
    DumpedObjects,
    DumpedTable,
    sequence_of,
    table_of,
)
from ansible_collections.vya.backupdb.plugins.module_utils._sql.tokens import Statement

_REMEDY = "restore the whole database under another name with target, and take the part from there"
_TOLD = 20


@dataclass(frozen=True)
class DumpChoice:
    """What of one database of a dump is loaded.

    Args:
        database: its name in the dump.
        part: what is asked for.
        tables: those that are taken, as the dump describes them.
        sequences: names of those that are taken.
        definers: accounts that what is taken runs as, as written; None where everything is taken.
        included: what that is, for people.
        problems: what forbids it, each a sentence with its remedy.
    """

    database: str
    part: Part
    tables: Mapping[str, DumpedTable] = field(default_factory=dict)
    sequences: frozenset[str] = frozenset()
    definers: Optional[frozenset[str]] = None
    included: Included = field(default_factory=Included)
    problems: tuple[str, ...] = ()

    def takes(self, statement: Statement) -> bool:
        """Whether a statement that fills or defines the database is loaded, from its first part."""
        kind = statement.kind
        if kind == "insert":
            return self.part.content != SCHEMA and table_of(statement) in self.tables
        if kind in ("select", "do"):
            return self.part.content != SCHEMA and sequence_of(statement) in self.sequences
        if self.part.content == DATA:
            return False
        if not self.part.chosen:
            return True
        if kind in OF_SUBJECT or kind in ON_TABLE:
            return table_of(statement) in self.tables
        return kind in OF_SEQUENCE and sequence_of(statement) in self.sequences

    def shortened(self, statement: Statement) -> Optional[Statement]:
        """A statement without foreign keys to tables that are not taken; None if nothing else is in it."""
        if not self.part.chosen or statement.kind not in ("create_table", "alter_table"):
            return statement
        lost = [key.element for key in foreign_keys(statement) if self.loses(key) and key.element is not None]
        return without(statement, lost) if lost else statement

    def loses(self, key: ForeignKey) -> bool:
        """Whether a foreign key cannot come: the table that it refers to does not."""
        return key.table not in self.tables and key.database in (None, self.database)

    def brings(self, statement: AccountStatement) -> bool:
        """Whether the object that a grant is on is loaded, as far as parts decide that."""
        if statement.level not in OBJECT_LEVELS or not self.part.chosen:
            return True
        return statement.level == "table" and (statement.object in self.tables or statement.object in self.sequences)


def choices_of(
    source: DumpSource, names: Mapping[str, str], part: Part, unnamed: Optional[str]
) -> dict[str, DumpChoice]:
    """What a part of each database of a dump comes to.

    Args:
        source: the dump.
        names: recorded name -> new name, of what is loaded.
        part: what is chosen.
        unnamed: recorded name of what no statement names a database for.

    Returns:
        By the recorded name.
    """
    if part.whole or source.inventory is None:
        return {}
    taker = source.inventory.mysql.objects
    found = {}
    for recorded in names:
        objects = taker.objects.get(recorded, DumpedObjects())
        if recorded == unnamed and "" in taker.objects:
            objects = _together(taker.objects[""], objects)
        if taker.complete:
            found[recorded] = _choice(source.part.label, recorded, names[recorded], objects, part)
        else:
            problem = f"{source.part.label} holds so many objects that no parts of it can be chosen: {_REMEDY}."
            found[recorded] = DumpChoice(recorded, part, problems=(problem,))
    return found


def _together(first: DumpedObjects, second: DumpedObjects) -> DumpedObjects:
    return DumpedObjects(
        {**first.tables, **second.tables},
        {kind: [*first.others.get(kind, ()), *second.others.get(kind, ())] for kind in {*first.others, *second.others}},
        [*first.sequences, *second.sequences],
        [*first.unclear, *second.unclear],
    )


def _choice(label: str, recorded: str, name: str, objects: DumpedObjects, part: Part) -> DumpChoice:
    database = recorded or name
    there = objects.real_tables
    wrong = [pattern for pattern in part.tables if pattern != "*" and not any(matches(pattern, name) for name in there)]
    problems = [unmatched(database, "table", pattern, there, "dump") for pattern in wrong]
    if objects.unclear:
        problems.append(
            f"{label}: no parts of the database {database!r} can be chosen, for it cannot be told what these statements "
            f"concern: {'; '.join(objects.unclear)}. Remove them from the dump, or {_REMEDY}."
        )
    tables = {
        name: table for name, table in there.items() if not part.tables or any(matches(p, name) for p in part.tables)
    }
    sequences = frozenset(objects.sequences)
    definers: Optional[frozenset[str]] = None
    if part.chosen:
        sequences &= {name for table in tables.values() for name in table.sequences}
        definers = frozenset(definer for table in tables.values() for definer in table.definers)
    choice = DumpChoice(recorded, part, tables, sequences, definers)
    left_out: list[str] = []
    if part.chosen and part.content != DATA:
        problems += _inseparable(label, choice)
        left_out = list(_left_out(choice, objects))
    needed = [f"sequence {name}" for name in sorted(sequences)] if part.chosen and part.content != DATA else []
    included = Included(sorted(tables), needed, left_out)
    return DumpChoice(recorded, part, tables, sequences, definers, included, tuple(problems))


def _inseparable(label: str, choice: DumpChoice) -> Iterator[str]:
    """Tables that cannot come without others."""
    for name, table in choice.tables.items():
        if not table.whole:
            yield f"{label}: the definition of {name} is so long that its foreign keys cannot be known: {_REMEDY}."
        bound = sorted({key.table for key in table.foreign_keys if key.element is None and choice.loses(key)})
        if bound:
            yield (
                f"{label}: {name} refers to {', '.join(bound)} in the definition of a column, which cannot be left out: "
                "choose these tables too."
            )


def _left_out(choice: DumpChoice, objects: DumpedObjects) -> Iterator[str]:
    for name, table in choice.tables.items():
        for key in table.foreign_keys:
            if choice.loses(key) and key.element is not None:
                named = f"the foreign key {key.name}" if key.name else "a foreign key"
                yield f"{named} of {name}, since {key.table} is not chosen"
    for kind in ("views", "routines", "events"):
        found = list(dict.fromkeys(objects.others.get(kind, ())))
        if found:
            yield f"{kind}, which belong to no table: {', '.join(found[:_TOLD])}"
