# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Taking apart what SHOW CREATE TABLE prints. Private to this collection.

The text is the server's own, so its form is known: columns first, then keys and constraints, then the options of the
table. Names and strings in it can hold anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional

from ansible_collections.vya.backupdb.plugins.module_utils._errors import Defect
from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_words import (
    MARK,
    NAME,
    WORD,
    Reader,
    split_list,
    tokens,
)

COLUMN = "column"
PRIMARY = "primary key"
UNIQUE = "unique key"
KEY = "key"
FULLTEXT = "fulltext key"
SPATIAL = "spatial key"
FOREIGN_KEY = "foreign key"
CHECK = "check"
PERIOD = "period"
OTHER = "other"

#: What SHOW CREATE TABLE of MariaDB 10 writes behind INVISIBLE.
_BEHIND_INVISIBLE = ("DEFAULT", "WITHOUT", "ON", "AUTO_INCREMENT", "COMMENT", "CHECK")
_KEY_WORDS = {"UNIQUE": UNIQUE, "KEY": KEY, "INDEX": KEY, "FULLTEXT": FULLTEXT, "SPATIAL": SPATIAL}


@dataclass(frozen=True)
class Element:
    """A column, key or constraint of a table.

    Args:
        kind: one of the constants above.
        name: its name, unquoted; ``PRIMARY`` for the primary key; empty where it has none.
        text: as written.
        columns: of keys and foreign keys: the columns, in order; an expression in a key stands as written.
        referenced: of foreign keys: database (None for the table's own), table and columns.
    """

    kind: str
    name: str
    text: str
    columns: Sequence[str] = ()
    referenced: Optional[tuple[Optional[str], str, Sequence[str]]] = None


@dataclass(frozen=True)
class CreateTable:
    """A CREATE TABLE statement in parts.

    Args:
        name: of the table, unquoted.
        head: everything before the opening parenthesis.
        elements: columns, keys and constraints, in order.
        tail: everything behind the closing parenthesis: engine, options, partitions.
    """

    name: str
    head: str
    elements: Sequence[Element]
    tail: str

    def text(self, elements: Optional[Sequence[Element]] = None, tail: Optional[str] = None) -> str:
        """The statement again, with some of its elements and another tail if given."""
        lines = ",\n  ".join(element.text for element in (self.elements if elements is None else elements))
        return f"{self.head}(\n  {lines}\n){self.tail if tail is None else tail}"

    def of_kind(self, *kinds: str) -> list[Element]:
        """The elements of some kinds, in order."""
        return [element for element in self.elements if element.kind in kinds]


def parse_create_table(sql: str) -> CreateTable:
    """Take a CREATE TABLE statement apart.

    Raises:
        BackupError: it has another form than the one that SHOW CREATE TABLE prints.
    """
    reader = Reader(sql)
    name = None
    while reader.next is not None and not (reader.next.text == "(" and name is not None):
        token = reader.take()
        if token.kind == NAME:
            name = token.value
    if name is None or reader.next is None:
        raise Defect(f"This is no table definition: {sql[:80]!r}", "report this as a defect")
    begin = reader.position
    parts, end = split_list(sql, begin)
    return CreateTable(name, sql[:begin], tuple(_element(part) for part in parts), sql[end:].rstrip().rstrip(";"))


def _element(text: str) -> Element:
    reader = Reader(text)
    first = reader.next
    if first is None or first.kind == NAME:
        return Element(COLUMN, first.value if first else "", _with_charset(_as_before_11(text)))
    if reader.accept("PRIMARY", "KEY"):
        return Element(PRIMARY, "PRIMARY", text, _key_columns(reader))
    if reader.accept("CONSTRAINT"):
        name = reader.take().value
        if reader.accept("FOREIGN", "KEY"):
            return _foreign_key(name, text, reader)
        if reader.accept("CHECK"):
            return Element(CHECK, name, text)
        return Element(OTHER, name, text)
    if reader.accept("CHECK"):
        return Element(CHECK, "", text)
    if reader.accept("PERIOD"):
        return Element(PERIOD, "", text)
    kind = _KEY_WORDS.get(first.text.upper(), OTHER)
    while reader.next is not None and reader.next.kind == WORD:
        reader.take()
    name = reader.take().value if reader.next is not None and reader.next.kind == NAME else ""
    return Element(kind, name, text, _key_columns(reader))


def _as_before_11(column: str) -> str:
    """A column's definition with INVISIBLE in the place where MariaDB 10 writes it, whichever version wrote it.

    Newer versions of MariaDB write it behind the default.
    """
    depth = 0
    place = found = None
    for token in tokens(column):
        depth += {"(": 1, ")": -1}.get(token.text, 0) if token.kind == MARK else 0
        if depth == 0 and token.is_word("INVISIBLE"):
            found = token
        elif depth == 0 and place is None and token.is_word(*_BEHIND_INVISIBLE):
            place = token.begin
    if found is None or place is None or found.begin < place:
        return column
    without = column[: found.begin].rstrip() + column[found.end :]
    return f"{without[:place]}{found.text} {without[place:]}"


def _with_charset(column: str) -> str:
    """A column's definition with the character set of its collation.

    MySQL leaves it out where the column has the collation of its table without having been told, and writes it once the
    table was made by such a definition.
    """
    depth = 0
    found = list(tokens(column))
    for index, token in enumerate(found):
        depth += {"(": 1, ")": -1}.get(token.text, 0) if token.kind == MARK else 0
        if depth or not token.is_word("COLLATE"):
            continue
        if any(before.is_word("CHARACTER") for before in found[:index]):
            break
        collation = next((later.text for later in found[index + 1 :] if later.kind == WORD), "")
        charset, line, _rest = collation.partition("_")
        # of MariaDB's newest ones the name does not say it
        if line and not charset.startswith("uca"):
            return f"{column[: token.begin]}CHARACTER SET {charset} {column[token.begin :]}"
        break
    return column


def _key_columns(reader: Reader) -> tuple[str, ...]:
    while reader.next is not None and reader.next.text != "(":
        reader.take()
    if reader.next is None:
        return ()
    parts, end = split_list(reader.sql, reader.position)
    while reader.next is not None and reader.position < end:
        reader.take()
    return tuple(_column(part) for part in parts)


def _column(part: str) -> str:
    first = Reader(part).next
    return first.value if first is not None and first.kind == NAME else part


def _foreign_key(name: str, text: str, reader: Reader) -> Element:
    columns = _key_columns(reader)
    reader.accept("REFERENCES")
    table = reader.take().value
    database = None
    if reader.accept_mark("."):
        database, table = table, reader.take().value
    return Element(FOREIGN_KEY, name, text, columns, (database, table, _key_columns(reader)))


def without_auto_increment(tail: str) -> str:
    """The options of a table without the next value of its counter, which changes with every row."""
    found = list(tokens(tail))
    for index, token in enumerate(found):
        if token.is_word("AUTO_INCREMENT"):
            values = [later for later in found[index + 1 :] if later.kind == WORD]
            begin = found[index - 1].begin if index and found[index - 1].kind == "space" else token.begin
            if values:
                return tail[:begin] + tail[values[0].end :]
    return tail


def has_option(text: str, *words: str) -> bool:
    """Whether a sequence of keywords stands in an element or a tail, outside of names and strings."""
    reader = Reader(text)
    while reader.next is not None:
        if reader.accept(*words):
            return True
        reader.take()
    return False


def split_sequence_default(column: str) -> tuple[str, bool]:
    """A column's definition without its default where that takes a value from a sequence.

    Such a default names the sequence with its database, which need not exist while the table is being loaded.

    Returns:
        The definition, and whether it had such a default.
    """
    reader = Reader(column)
    while reader.next is not None:
        begin = reader.previous_end
        if not reader.accept("DEFAULT"):
            reader.take()
            continue
        expression = reader.position
        if reader.next is not None and reader.next.kind == WORD:
            reader.take()
        if reader.next is None or reader.next.text != "(":
            continue
        _parts, end = split_list(column, reader.position)
        if _uses_sequence(column[expression:end]):
            return column[:begin] + column[end:], True
    return column, False


def _uses_sequence(expression: str) -> bool:
    return any(token.is_word("NEXTVAL", "LASTVAL", "SETVAL") for token in tokens(expression))
