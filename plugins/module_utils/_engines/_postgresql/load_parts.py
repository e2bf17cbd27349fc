# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What of a dump of another tool a part of its databases comes to. Private to this collection.

Archives have a table of contents. For a plain dump one is made from its statements; both are then chosen from as a set is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Optional

from ansible_collections.vya.backupdb.plugins.module_utils._dumps.detect import PG_DIRECTORY, PG_TAR
from ansible_collections.vya.backupdb.plugins.module_utils._dumps.reader import DumpPart
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.parts import (
    EXTENSION,
    SEQUENCE,
    TABLE,
    TABLE_DATA,
    Selection,
    select,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.toc import (
    Entry,
    read_entries,
    read_stream,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines.part import Part
from ansible_collections.vya.backupdb.plugins.module_utils._errors import Unsupported
from ansible_collections.vya.backupdb.plugins.module_utils._sql.postgresql_kinds import postgres_level
from ansible_collections.vya.backupdb.plugins.module_utils._sql.postgresql_objects import (
    OPERATOR,
    Fact,
    Numbering,
    fact_of,
    names_in,
)
from ansible_collections.vya.backupdb.plugins.module_utils._sql.postgresql_words import PUBLIC, Name, PathFollower
from ansible_collections.vya.backupdb.plugins.module_utils._sql.tokens import Statement

_DATABASE = ("DATABASE", "DATABASE PROPERTIES")
_ABOUT_DATABASE = ("ACL", "COMMENT", "SECURITY LABEL")
_ATTACHED = "TABLE ATTACH"
_OWNED = "SEQUENCE OWNED BY"
_CONSTRAINT = "CONSTRAINT"
#: Statements of one dump, at most: each is kept.
_MOST = 500_000
_TOLD = 10
_REMEDY = "restore the whole database under another name with target, and take the part from there"


@dataclass(frozen=True)
class Choice:
    """What of a plain dump is loaded.

    Args:
        numbers: of statements, see `Numbering`.
        tables: those whose rows are.
    """

    numbers: frozenset[int]
    tables: frozenset[Name]


@dataclass(frozen=True)
class ChosenPart:
    """A part of one database of a dump.

    Args:
        selection: what it comes to.
        choice: the same for a plain dump.
        roles: that the chosen statements of a plain dump name, and the line where each first does.
    """

    selection: Selection
    choice: Choice = field(default_factory=lambda: Choice(frozenset(), frozenset()))
    roles: Mapping[str, int] = field(default_factory=dict)


def part_of_archive(dump: DumpPart, database: str, part: Part) -> tuple[ChosenPart, list[int]]:
    """What a part of an archive comes to.

    Args:
        dump: the archive.
        database: its name, for messages.
        part: what is chosen.

    Returns:
        That, and the numbers of its entries and of those that say something of the database as a whole, in their order.

    Raises:
        DamagedSet: its table of contents cannot be read.
    """
    if dump.kind == PG_DIRECTORY:
        entries = read_entries(dump.path)
    else:
        entries = read_stream(dump.chunks(), dump.label, dump.kind == PG_TAR)
    about = frozenset(
        entry.number
        for entry in entries
        if entry.kind in _DATABASE or (entry.kind in _ABOUT_DATABASE and entry.tag.startswith("DATABASE "))
    )
    there = [entry for entry in entries if entry.number not in about]
    there += _tables_behind_rows(there)
    selection = select(database, there, part, "dump")
    wanted = selection.numbers | about
    return ChosenPart(selection), [entry.number for entry in entries if entry.number in wanted]


def _tables_behind_rows(entries: Sequence[Entry]) -> Iterator[Entry]:
    """The tables of an archive that holds rows alone: entries that its rows refer to, and that are not in it."""
    numbers = {entry.number for entry in entries}
    for entry in entries:
        if entry.kind == TABLE_DATA and entry.depends_on and numbers.isdisjoint(entry.depends_on):
            yield Entry(entry.depends_on[0], TABLE, entry.namespace, entry.tag)


@dataclass
class _Database:
    """What the statements of a database say."""

    facts: list[tuple[int, Fact]] = field(default_factory=list)
    roles: dict[int, dict[str, int]] = field(default_factory=dict)
    tables: dict[Name, int] = field(default_factory=dict)
    unclear: list[str] = field(default_factory=list)


class PartsOfPlainDump:
    """Collects what the statements of a plain dump are, and chooses from it.

    Args:
        part: what is chosen.
    """

    def __init__(self, part: Part) -> None:
        self._part = part
        self._numbering = Numbering()
        self._path = PathFollower()
        self._databases: dict[str, _Database] = {}
        self._last: Optional[tuple[_Database, int, Fact]] = None
        self._count = 0

    def see(self, statement: Statement, key: Optional[str]) -> int:
        """Take the first part of a statement in, and return its number.

        Args:
            statement: any, in the dump's order.
            key: of the chosen database that it belongs to; None for none.

        Raises:
            BackupError: there are too many.
        """
        number = self._numbering.of(statement)
        self._path.see(statement)
        self._last = None
        if key is None or postgres_level(statement.kind) != "content":
            return number
        database = self._databases.setdefault(key, _Database())
        found = fact_of(statement, self._path.schema)
        if found is None:
            if len(database.unclear) < _TOLD:
                database.unclear.append(f"line {statement.line}: {statement.head.rstrip(' ;')}")
            return number
        for fact in found:
            self._keep(database, number, fact)
        return number

    def _keep(self, database: _Database, number: int, fact: Fact) -> None:
        if fact.kind == TABLE_DATA:
            # one entry, however many statements
            database.tables.setdefault(fact.owner, -1 - len(database.tables))
            return
        self._count += 1
        if self._count > _MOST:
            raise Unsupported(f"The dump has more than {_MOST} statements, too many to choose parts of.", _REMEDY)
        database.facts.append((number, fact))
        self._last = (database, len(database.facts) - 1, fact)

    def go_on(self, statement: Statement) -> None:
        """Take a further part of the last statement in."""
        if self._last is None:
            return
        database, place, fact = self._last
        more = Fact(
            fact.kind,
            fact.schema,
            fact.tag,
            fact.makes,
            fact.owner,
            fact.needs | names_in(statement, self._path.schema),
            fact.extended,
            fact.whole,
        )
        database.facts[place] = (database.facts[place][0], more)
        self._last = (database, place, more)

    def name_roles(self, key: str, number: int, names: Sequence[str], line: int) -> None:
        """Note which roles a statement of a database names."""
        roles = self._databases.setdefault(key, _Database()).roles.setdefault(number, {})
        for name in names:
            roles.setdefault(name, line)

    def choose(self, key: str, database: str, label: str) -> ChosenPart:
        """What the part of a database comes to.

        Args:
            key: of the database in the dump.
            database: its name, for messages.
            label: of the dump.
        """
        found = self._databases.get(key, _Database())
        if found.unclear:
            problem = (
                f"{label}: no parts of the database {database!r} can be chosen, for it cannot be told what these"
                f" statements concern: {'; '.join(found.unclear)}. Remove them from the dump, or {_REMEDY}."
            )
            return ChosenPart(Selection(problems=[problem]))
        selection = select(database, list(_entries(found)), self._part, "dump")
        numbers = selection.numbers
        roles: dict[str, int] = {}
        for number in sorted(numbers & set(found.roles)):
            for name, line in found.roles[number].items():
                roles.setdefault(name, line)
        tables = frozenset(name for name, number in found.tables.items() if number in numbers)
        return ChosenPart(selection, Choice(numbers, tables), roles)


def _entries(found: _Database) -> Iterator[Entry]:
    """The statements of a database as entries of an archive."""
    made: dict[Name, list[int]] = {}
    for number, fact in found.facts:
        if fact.makes:
            made.setdefault(fact.makes, []).append(number)
        if fact.kind == _CONSTRAINT:
            # and an index of its name
            made.setdefault((fact.schema, fact.makes[-1]), []).append(number)
    owners = {fact.owner: fact.whole for _number, fact in found.facts if fact.kind == _OWNED}
    schemas = {name[2] for name in made if name[:2] == ("", "schema")} | {PUBLIC}
    extensions = tuple(number for number, fact in found.facts if fact.kind in (EXTENSION, OPERATOR))
    synthetic = -1 - len(found.tables)
    for number, fact in found.facts:
        names = {*fact.needs, fact.owner}
        if fact.kind == SEQUENCE:
            names.add(owners.get(fact.makes, ()))
        depends = {item for name in names for item in made.get(name, ())} - {number}
        if fact.kind not in (EXTENSION, OPERATOR) and (fact.extended or _is_of_others(fact, made, schemas)):
            depends.update(extensions)
        yield Entry(number, fact.kind, fact.schema, fact.tag, depends_on=tuple(sorted(depends)))
        if fact.kind == TABLE and fact.whole:
            ends = (number, *made.get(fact.whole, ()))
            yield Entry(synthetic, _ATTACHED, fact.schema, fact.tag, depends_on=ends)
            synthetic -= 1
    for name, number in found.tables.items():
        if name not in made:
            # of a dump that holds rows alone
            made[name] = [synthetic]
            yield Entry(synthetic, TABLE, name[0], name[1])
            synthetic -= 1
        yield Entry(number, TABLE_DATA, name[0], name[1], depends_on=tuple(made.get(name, ())))


def _is_of_others(fact: Fact, made: Mapping[Name, Sequence[int]], schemas: set[str]) -> bool:
    """Whether a statement names what nothing in the dump makes, and only an extension can."""
    return any(len(name) == 2 and name[0] in schemas and name not in made and name != fact.makes for name in fact.needs)
