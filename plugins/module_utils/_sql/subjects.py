# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which object and which database a statement is about. Private to this collection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

from ansible_collections.vya.backupdb.plugins.module_utils._sql.identifiers import decode_mysql, decode_postgres
from ansible_collections.vya.backupdb.plugins.module_utils._sql.places import chain_at
from ansible_collections.vya.backupdb.plugins.module_utils._sql.tokens import WORD, Statement

MYSQL = "mysql"
POSTGRES = "postgresql"

#: words between the type of an object, or the verb, and its name
_SKIPPED = frozenset(
    b"IF NOT EXISTS ONLY INTO IGNORE LOW_PRIORITY HIGH_PRIORITY DELAYED CONCURRENTLY TABLE TABLES BODY TRIGGER INDEX VIEW "
    b"MAPPING WRAPPER SEARCH FOR DATA CONFIGURATION DICTIONARY PARSER TEMPLATE CLASS FAMILY METHOD LANGUAGE USER LARGE "
    b"OBJECT".split()
)
#: the words that stand for an object's type in a kind, where they differ
_WORDS = {
    "routine": (b"FUNCTION", b"PROCEDURE", b"PACKAGE", b"ROUTINE"),
    "database": (b"DATABASE", b"SCHEMA"),
    "role": (b"ROLE", b"USER", b"GROUP"),
    "table": (b"TABLE", b"TABLES"),
    "user_mapping": (b"MAPPING",),
    "text_search": (b"SEARCH",),
    "wrapper": (b"WRAPPER",),
    "access_method": (b"METHOD",),
    "large_object": (b"OBJECT",),
}
#: what has no name of its own
_NAMELESS = frozenset(("system", "privileges", "instance", "other"))


@dataclass(frozen=True)
class Subject:
    """What a statement is about.

    type: such as ``table``, ``view``, ``database``; ``row`` for INSERT and COPY
    names: its name with its qualifiers, unquoted
    """

    type: str
    names: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.type} {'.'.join(self.names)}"


def subject_of(statement: Statement, flavour: str) -> Optional[Subject]:
    """The first object that a statement creates, changes, drops or fills; None when it is about none."""
    verb, _separator, type_name = statement.kind.partition("_")
    type_name = type_name.replace("on_", "", 1)
    if verb in ("insert", "copy"):
        type_name, words = "row", (b"INTO", b"COPY", b"INSERT", b"REPLACE")
    elif verb in ("create", "alter", "drop", "lock", "comment", "rename"):
        words = _WORDS.get(type_name, (type_name.upper().encode(),))
    else:
        return None
    if type_name in _NAMELESS:
        return None
    order = statement.significant
    found = False
    for position, index in enumerate(order):
        kind, text = statement.tokens[index]
        word = text.upper() if kind == WORD else b""
        if not found:
            found = word in words
        elif word not in _SKIPPED and word not in words:
            decode = decode_mysql if flavour == MYSQL else decode_postgres
            parts = [
                decode(statement.tokens[part], statement.codec)
                for part in chain_at(statement.tokens, order, position).parts
            ]
            names = tuple(part for part in parts if part is not None)
            return Subject(type_name, names) if names else None
    return None


def database_of(statement: Statement, flavour: str) -> Optional[str]:
    """The database that a statement belongs to: the one it names, else the current one; None when there is none.

    In PostgreSQL a qualifier in front of a table is a schema, so only statements about databases name one.
    """
    if statement.kind == "use":
        index = statement.significant[1:2]
        return decode_mysql(statement.tokens[index[0]], statement.codec) if index else None
    subject = subject_of(statement, flavour)
    if subject is not None and subject.type == "database":
        return subject.names[0]
    if flavour == MYSQL and subject is not None and len(subject.names) == 2 and subject.type != "role":
        return subject.names[0]
    return statement.database
