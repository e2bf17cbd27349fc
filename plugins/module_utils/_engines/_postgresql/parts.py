# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What of an archive a part of a database comes to. Private to this collection.

What is chosen is taken with all that belongs to it, and with all that it depends on. A table that something depends on is
taken whole too, with its rows: a view of no rows would be wrong. Two things are never a reason to take a table: a foreign
key, which is left out where the table that it refers to is not taken, and a partition, whose parent comes as the frame that
it is, without its other partitions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.toc import Entry
from ansible_collections.vya.backupdb.plugins.module_utils._engines.part import (
    DATA,
    EVERYTHING,
    SCHEMA,
    Included,
    Part,
    matches,
    unmatched,
)

TABLE = "TABLE"
TABLE_DATA = "TABLE DATA"
SEQUENCE = "SEQUENCE"
SEQUENCE_SET = "SEQUENCE SET"
EXTENSION = "EXTENSION"
FOREIGN_KEY = "FK CONSTRAINT"
_ATTACHED_PARTITION = "TABLE ATTACH"
_ATTACHED_INDEX = "INDEX ATTACH"
_NAMESPACE = "SCHEMA"
_PUBLIC = "public"
_USER_MAPPING = "USER MAPPING"

#: What a pattern of tables can mean.
_TABLES = frozenset({TABLE, "FOREIGN TABLE", "VIEW", "MATERIALIZED VIEW"})
#: What other entries can belong to.
_OWNERS = _TABLES | {SEQUENCE, "DOMAIN"}
#: Entries that belong to one table, view, sequence or domain, and come with it.
_ATTACHED = frozenset(
    {
        "CHECK CONSTRAINT",
        "CONSTRAINT",
        "DEFAULT",
        "INDEX",
        "MATERIALIZED VIEW DATA",
        "POLICY",
        "ROW SECURITY",
        "RULE",
        "SEQUENCE OWNED BY",
        SEQUENCE_SET,
        "STATISTICS",
        "STATISTICS DATA",
        TABLE_DATA,
        "TRIGGER",
    }
)
#: Entries that come when all that they are about is there.
_COMPANIONS = frozenset(
    {"ACL", "CAST", "COMMENT", FOREIGN_KEY, _ATTACHED_INDEX, "SECURITY LABEL", "TRANSFORM", _USER_MAPPING}
)
#: Entries of the whole database, or that would reach beyond it.
_PUBLISHED = "PUBLICATION TABLE"
_LARGE_OBJECTS = frozenset({"BLOB", "BLOB METADATA", "BLOBS"})
_NEVER = _LARGE_OBJECTS | {
    "DATABASE",
    "DATABASE PROPERTIES",
    "ENCODING",
    "EVENT TRIGGER",
    "PUBLICATION",
    _PUBLISHED,
    "PUBLICATION TABLES IN SCHEMA",
    "SEARCHPATH",
    "STDSTRINGS",
    "SUBSCRIPTION",
    "SUBSCRIPTION TABLE",
}
#: Entries that bring rows, or what was found out about them.
_OF_ROWS = _LARGE_OBJECTS | {"MATERIALIZED VIEW DATA", SEQUENCE_SET, "STATISTICS DATA", TABLE_DATA}


@dataclass(frozen=True)
class Selection:
    """A part of an archive.

    Args:
        entries: what is restored, in the archive's order.
        included: what that is, for people.
        problems: patterns that match nothing, each a sentence with its remedy.
    """

    entries: Sequence[Entry] = ()
    included: Included = field(default_factory=Included)
    problems: Sequence[str] = ()

    @property
    def numbers(self) -> frozenset[int]:
        """Their numbers in the archive."""
        return frozenset(entry.number for entry in self.entries)

    @property
    def has_rows(self) -> bool:
        """Whether rows are restored."""
        return any(entry.kind == TABLE_DATA for entry in self.entries)

    @property
    def extensions(self) -> frozenset[str]:
        """Names of the extensions in it."""
        return frozenset(entry.tag for entry in self.entries if entry.kind == EXTENSION)


def select(database: str, entries: Sequence[Entry], part: Part, where: str = "set") -> Selection:
    """Find out what a part of a database comes to.

    Args:
        database: recorded name, for messages.
        entries: of its archive.
        part: what is chosen.
        where: what it is in: a set, or a dump.
    """
    return _Selector(database, entries, part, where).run()


class _Selector:
    def __init__(self, database: str, entries: Sequence[Entry], part: Part, where: str) -> None:
        self._database = database
        self._where = where
        self._entries = entries
        self._part = part
        self._by_number = {entry.number: entry for entry in entries}
        self._schemas = {entry.tag: entry for entry in entries if entry.kind == _NAMESPACE}
        self._servers = {entry.number: entry.tag for entry in entries if entry.kind == "SERVER"}
        self._belonging: dict[int, list[Entry]] = {}
        self._partitions: dict[int, list[Entry]] = {}
        self._parents: dict[int, set[int]] = {}
        self._taken: set[int] = set()
        self._whole: set[int] = set()
        for entry in entries:
            self._place(entry)

    def run(self) -> Selection:
        problems = list(self._problems())
        if problems:
            return Selection(problems=problems)
        chosen = self._chosen()
        if self._part.content == DATA:
            taken = self._rows_of(chosen)
        else:
            for entry in chosen:
                self._take(entry)
            if _PUBLIC in self._schemas:
                # Every database has it; here it says what is different about it.
                self._take(self._schemas[_PUBLIC])
            self._take_companions()
            taken = [entry for entry in self._entries if entry.number in self._taken]
            if not self._part.chosen:
                taken = list(self._entries)
        left_out = list(self._left_out(taken))
        if self._part.content == SCHEMA:
            taken = [entry for entry in taken if entry.kind not in _OF_ROWS and not self._is_of_large_object(entry)]
        elif self._part.content == DATA:
            taken = [entry for entry in taken if entry.kind in (TABLE_DATA, SEQUENCE_SET)]
        return Selection(taken, Included(self._names(chosen), self._needed(chosen, taken), left_out))

    def _is_of_large_object(self, entry: Entry) -> bool:
        return entry.kind in _COMPANIONS and any(
            self._by_number[number].kind in _LARGE_OBJECTS for number in entry.depends_on if number in self._by_number
        )

    # what is chosen

    def _problems(self) -> Iterator[str]:
        if self._part.schemas:
            there = {entry.namespace for entry in self._entries if entry.namespace} | set(self._schemas)
            for pattern in self._part.schemas:
                if pattern != "*" and not any(matches(pattern, name) for name in there):
                    yield unmatched(self._database, "schema", pattern, there, self._where)
        names = {entry.name for entry in self._entries if entry.kind in _TABLES}
        for pattern in self._part.tables:
            if pattern != "*" and not any(_means(pattern, entry) for entry in self._entries if entry.kind in _TABLES):
                yield unmatched(self._database, "table", pattern, names, self._where)

    def _chosen(self) -> list[Entry]:
        if not self._part.chosen:
            return [entry for entry in self._entries if entry.kind not in _NEVER]
        return [entry for entry in self._entries if self._is_chosen(entry)]

    def _is_chosen(self, entry: Entry) -> bool:
        if entry.kind in _NEVER or entry.kind in _COMPANIONS or entry.kind in _ATTACHED:
            return False
        if entry.kind in _TABLES and any(_means(pattern, entry) for pattern in self._part.tables):
            return True
        name = entry.tag if entry.kind == _NAMESPACE else entry.namespace
        return bool(name) and any(matches(pattern, name) for pattern in self._part.schemas)

    # what belongs together

    def _place(self, entry: Entry) -> None:
        """Remember what an entry belongs to."""
        there = [self._by_number[number] for number in entry.depends_on if number in self._by_number]
        if entry.kind == _ATTACHED_PARTITION:
            for child in [item for item in there if item.tag == entry.tag and item.namespace == entry.namespace]:
                self._belonging.setdefault(child.number, []).append(entry)
                for parent in [item for item in there if item.number != child.number]:
                    self._partitions.setdefault(parent.number, []).append(child)
                    self._parents.setdefault(child.number, set()).add(parent.number)
                return
        elif entry.kind in _ATTACHED or entry.kind == SEQUENCE:
            for owner in self._owners(entry):
                self._belonging.setdefault(owner, []).append(entry)

    def _owners(self, entry: Entry) -> set[int]:
        there = {number for number in entry.depends_on if number in self._by_number}
        owners = {number for number in there if self._by_number[number].kind in _OWNERS}
        if entry.kind in ("INDEX", "STATISTICS"):
            # of a table alone, whatever types or sequences they name
            return {number for number in owners if self._by_number[number].kind in _TABLES}
        if len(owners) > 1:
            # Those with a table's name before their own may be about other tables too, as a policy can be.
            named = [self._by_number[number] for number in owners]
            named = [item for item in named if f"{entry.tag} ".startswith(f"{item.tag} ")]
            named = [item for item in named if item.namespace == entry.namespace] or named
            if named:
                return {max(named, key=lambda item: len(item.tag)).number}
        return owners

    def _take(self, first: Entry) -> None:
        todo = [(first, True)]
        while todo:
            entry, whole = todo.pop()
            if entry.kind in _NEVER or entry.number in (self._whole if whole else self._taken):
                continue
            self._taken.add(entry.number)
            if whole:
                self._whole.add(entry.number)
                todo += [(child, True) for child in self._partitions.get(entry.number, ())]
            todo += [(item, True) for item in self._belonging.get(entry.number, ())]
            frames = self._frames(entry)
            needed = [self._by_number[number] for number in entry.depends_on if number in self._by_number]
            todo += [(item, item.number not in frames) for item in needed]
            if entry.namespace in self._schemas:
                todo.append((self._schemas[entry.namespace], True))

    def _frames(self, entry: Entry) -> set[int]:
        """Tables that an entry needs, but not their partitions: the parent of a partition, and what it belongs to."""
        if entry.kind == _ATTACHED_PARTITION:
            return set(entry.depends_on)
        return self._parents.get(entry.number, set()) | (self._owners(entry) if entry.kind in _ATTACHED else set())

    def _take_companions(self) -> None:
        # Some are about others: a comment on a constraint, the privileges of a column.
        growing = True
        while growing:
            growing = False
            for entry in self._entries:
                if entry.kind in _COMPANIONS and entry.number not in self._taken and self._is_complete(entry):
                    self._taken.add(entry.number)
                    growing = True

    def _is_complete(self, entry: Entry) -> bool:
        there = [number for number in entry.depends_on if number in self._by_number]
        if there or entry.kind == _USER_MAPPING:
            if entry.kind == _USER_MAPPING:
                there += [number for number, name in self._servers.items() if entry.tag.endswith(f" SERVER {name}")]
            return bool(there) and self._taken.issuperset(there)
        # Of schema public, which databases have without an entry.
        return entry.kind in ("ACL", "COMMENT") and entry.tag in ('SCHEMA "public"', "SCHEMA public")

    def _rows_of(self, chosen: Sequence[Entry]) -> list[Entry]:
        """Chosen tables and sequences, their partitions, rows and values; nothing that they depend on."""
        todo, found = list(chosen), set()
        while todo:
            entry = todo.pop()
            if entry.number in found:
                continue
            found.add(entry.number)
            todo += self._partitions.get(entry.number, ())
            kinds = (TABLE_DATA, SEQUENCE, SEQUENCE_SET, FOREIGN_KEY)
            todo += [item for item in self._belonging.get(entry.number, ()) if item.kind in kinds]
        return [entry for entry in self._entries if entry.number in found]

    # for people

    def _names(self, chosen: Sequence[Entry]) -> list[str]:
        kinds = frozenset({TABLE}) if self._part.content == DATA else _TABLES
        names = {entry.name for entry in chosen if entry.kind in kinds}
        todo = [entry for entry in chosen if entry.kind in _TABLES]
        while todo:
            children = self._partitions.get(todo.pop().number, ())
            names.update(child.name for child in children)
            todo += children
        return sorted(names)

    def _needed(self, chosen: Sequence[Entry], taken: Sequence[Entry]) -> list[str]:
        if not self._part.chosen or self._part.content == DATA:
            return []
        known = {entry.number for entry in chosen}
        names = set(self._names(chosen))
        own = {item.number for items in self._belonging.values() for item in items}
        return [
            str(entry)
            for entry in taken
            if entry.number not in known | own
            and entry.kind not in _COMPANIONS
            and not (entry.kind == _NAMESPACE and entry.tag == _PUBLIC)
            and not (entry.kind in _TABLES and entry.name in names)
        ]

    def _left_out(self, taken: Sequence[Entry]) -> Iterator[str]:
        if self._part.content == DATA:
            views = [entry for entry in self._chosen() if entry.kind == "MATERIALIZED VIEW"]
            yield from (f"the rows of {view}: REFRESH it" for view in views)
            for entry in self._entries:
                if self._part.chosen and entry.kind == SEQUENCE_SET and not self._owners(entry):
                    yield f"the value of {entry.name}: nothing says which table the sequence belongs to"
            if any(entry.kind in _LARGE_OBJECTS for entry in self._entries):
                yield "large objects"
            return
        if not self._part.chosen:
            return
        numbers = {entry.number for entry in taken}
        for entry in self._entries:
            if entry.kind == FOREIGN_KEY and entry.number not in numbers and self._owners(entry) & numbers:
                others = set(entry.depends_on) - numbers - self._owners(entry)
                tables = [self._by_number[number] for number in sorted(others) if number in self._by_number]
                where = next((item.name for item in tables if item.kind in _TABLES), "a table")
                yield f"the foreign key {entry.name}, since {where} is not chosen"
            elif entry.kind == _PUBLISHED and numbers.intersection(entry.depends_on):
                yield f"the {entry}, which concerns the whole database"
        if self._part.content == EVERYTHING and any(entry.kind in _LARGE_OBJECTS for entry in self._entries):
            yield "large objects, which belong to no table"


def _means(pattern: str, entry: Entry) -> bool:
    """Whether a pattern means a table: without a dot in whatever schema."""
    return matches(pattern, entry.name) if "." in pattern else matches(pattern, entry.tag)
