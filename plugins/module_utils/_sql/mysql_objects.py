# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the databases of a MySQL dump hold, and what belongs to which table: for taking parts of it. Private to this collection."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Optional

from ansible_collections.vya.backupdb.plugins.module_utils._sql.identifiers import decode_mysql
from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_foreign_keys import ForeignKey, foreign_keys
from ansible_collections.vya.backupdb.plugins.module_utils._sql.places import chain_at
from ansible_collections.vya.backupdb.plugins.module_utils._sql.subjects import MYSQL, subject_of
from ansible_collections.vya.backupdb.plugins.module_utils._sql.tokens import QUOTED, WORD, Statement

#: Tables and other objects that are kept of a dump.
_MOST = 20_000
_MOST_UNCLEAR = 10
_OTHERS = {"create_view": "views", "create_routine": "routines", "create_event": "events"}
#: Statements whose table is the one that they are about.
OF_SUBJECT = frozenset(("create_table", "alter_table", "insert"))
#: Statements whose table stands behind ON.
ON_TABLE = frozenset(("create_trigger", "create_index", "drop_index"))
OF_SEQUENCE = frozenset(("create_sequence", "alter_sequence"))
#: What leaves no trace in a new database.
_NOTHING = ("drop_",)
_COUNTER = b"AUTO_INCREMENT"
#: Digits of the largest counter.
_LONGEST_COUNTER = 20


@dataclass
class DumpedTable:
    """A table of a dump.

    foreign_keys: that its definition, or a later statement, makes
    sequences: names that may be sequences which it takes values from
    definers: of its triggers
    versioned: it keeps the rows of earlier times
    counter: AUTO_INCREMENT of its definition; 0 for none
    whole: its definition was seen to its end
    """

    foreign_keys: list[ForeignKey] = field(default_factory=list)
    sequences: set[str] = field(default_factory=set)
    definers: set[str] = field(default_factory=set)
    versioned: bool = False
    counter: int = 0
    whole: bool = True


@dataclass
class DumpedObjects:
    """What a database of a dump holds.

    tables: by name; views are among them where the dump makes a table in their place first
    others: ``views``, ``routines`` and ``events``, their names
    sequences: names
    unclear: statements of which it cannot be told what they concern, with their lines
    """

    tables: dict[str, DumpedTable] = field(default_factory=dict)
    others: dict[str, list[str]] = field(default_factory=dict)
    sequences: list[str] = field(default_factory=list)
    unclear: list[str] = field(default_factory=list)

    @property
    def real_tables(self) -> dict[str, DumpedTable]:
        """Those that are no views."""
        views = set(self.others.get("views", ()))
        return {name: table for name, table in self.tables.items() if name not in views}

    def note(self, statement: Statement) -> None:
        """Keep a statement of which it cannot be told what it concerns."""
        if len(self.unclear) < _MOST_UNCLEAR:
            self.unclear.append(f"line {statement.line}: {statement.head.rstrip(' ;')}")


def table_of(statement: Statement) -> Optional[str]:
    """The table that a statement about one, or about something on one, belongs to; None for other statements."""
    if statement.kind in ON_TABLE:
        return _name_behind(statement, b"ON")
    subject = subject_of(statement, MYSQL) if statement.kind in OF_SUBJECT else None
    return subject.names[-1] if subject is not None else None


def sequence_of(statement: Statement) -> Optional[str]:
    """The sequence that a statement makes or sets; None for other statements."""
    if statement.kind in OF_SEQUENCE:
        subject = subject_of(statement, MYSQL)
        return subject.names[-1] if subject is not None else None
    if statement.kind in ("select", "do"):
        return _name_behind(statement, b"SETVAL")
    return None


class ObjectsTaker:
    """Collects what the databases of a dump hold.

    objects: by the name of the database, empty for what no database is named for
    complete: whether all of it is there: of very many objects only the first are kept
    """

    def __init__(self) -> None:
        self.objects: dict[str, DumpedObjects] = {}
        self.complete = True
        self._count = 0

    def see(self, statement: Statement, database: str, definer: Optional[str]) -> None:
        """Take the first part of a statement in.

        Args:
            statement: that is executed when the dump is loaded.
            database: that it belongs to.
            definer: that it names.
        """
        kind = statement.kind
        found = self.objects.setdefault(database, DumpedObjects())
        if kind.startswith(_NOTHING):
            return
        subject = subject_of(statement, MYSQL) if kind in _OTHERS or kind in OF_SEQUENCE else None
        name = subject.names[-1] if subject is not None else ""
        if kind in _OTHERS:
            self._add(found.others.setdefault(_OTHERS[kind], []), name)
        elif kind == "create_table" and _selects(statement):
            # with rows of other tables
            found.note(statement)
        elif kind in OF_SUBJECT or kind in ON_TABLE:
            self._table(statement, found, definer)
        elif kind in OF_SEQUENCE:
            self._add(found.sequences, name)
        elif kind in ("alter_view", "alter_event") or (kind in ("select", "do") and sequence_of(statement)):
            return
        else:
            found.note(statement)

    def _add(self, names: list[str], name: str) -> None:
        self._count += 1
        if self._count > _MOST:
            self.complete = False
        elif not names or names[-1] != name:
            names.append(name)

    def _table(self, statement: Statement, found: DumpedObjects, definer: Optional[str]) -> None:
        name = table_of(statement)
        if name is None:
            return
        table = found.tables.get(name)
        if table is None:
            self._count += 1
            if self._count > _MOST:
                self.complete = False
                return
            table = found.tables[name] = DumpedTable()
        if statement.kind in ("create_table", "alter_table"):
            table.foreign_keys += foreign_keys(statement)
            table.whole = table.whole and statement.last
            table.counter = _counter(statement) or table.counter
        if statement.kind == "create_table":
            table.sequences |= _drawn(statement)
            words = statement.bytes().upper()
            table.versioned = b"SYSTEM VERSIONING" in words
        elif definer is not None and statement.kind == "create_trigger":
            table.definers.add(definer)


def _name_behind(statement: Statement, word: bytes) -> Optional[str]:
    """The last part of the name behind a word, which may be in parentheses."""
    tokens, order = statement.tokens, statement.significant
    for position, index in enumerate(order):
        if tokens[index][0] == WORD and tokens[index][1].upper() == word:
            following = position + 1
            if following < len(order) and tokens[order[following]][1] == b"(":
                following += 1
            if following < len(order) and tokens[order[following]][0] in (WORD, QUOTED):
                last = chain_at(tokens, order, following).parts[-1]
                return decode_mysql(tokens[last], statement.codec)
    return None


def _drawn(statement: Statement) -> set[str]:
    """The sequences that defaults of columns take values from: ``nextval(`db`.`s`)``, ``NEXT VALUE FOR s``."""
    tokens, order = statement.tokens, statement.significant
    found = set()
    for position, index in enumerate(order):
        if tokens[index][0] != WORD or tokens[index][1].upper() not in (b"NEXTVAL", b"LASTVAL", b"FOR"):
            continue
        following = position + 1
        if following < len(order) and tokens[order[following]][1] == b"(":
            following += 1
        if following < len(order) and tokens[order[following]][0] in (WORD, QUOTED):
            last = chain_at(tokens, order, following).parts[-1]
            found.add(decode_mysql(tokens[last], statement.codec) or "")
    return found


def _selects(statement: Statement) -> bool:
    """Whether CREATE TABLE takes rows from a query."""
    depth = 0
    for index in statement.significant:
        kind, text = statement.tokens[index]
        depth += (text == b"(") - (text == b")")
        if kind == WORD and not depth and text.upper() == b"SELECT":
            return True
    return False


def _counter(statement: Statement) -> int:
    """AUTO_INCREMENT of a table's options; 0 for none."""
    tokens, order = statement.tokens, statement.significant
    for position in range(len(order) - 1, 0, -1):
        if tokens[order[position]][1].upper() == _COUNTER:
            rest = [tokens[index][1] for index in order[position + 1 : position + 3]]
            number = rest[1:] if rest[:1] == [b"="] else rest[:1]
            if number and number[0].isdigit() and len(number[0]) <= _LONGEST_COUNTER:
                return int(number[0])
    return 0
