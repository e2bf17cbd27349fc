# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What CREATE DATABASE of a PostgreSQL dump says, as data. Private to this collection.

https://www.postgresql.org/docs/current/sql-createdatabase.html
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Optional

from ansible_collections.vya.backupdb.plugins.module_utils._sql.identifiers import decode_postgres
from ansible_collections.vya.backupdb.plugins.module_utils._sql.tokens import (
    NUMBER,
    OP,
    QUOTED,
    STRING,
    WORD,
    SqlError,
    Statement,
    Token,
)

_OPTIONS = frozenset(
    "OWNER TEMPLATE ENCODING STRATEGY LOCALE LC_COLLATE LC_CTYPE BUILTIN_LOCALE ICU_LOCALE ICU_RULES LOCALE_PROVIDER "
    "COLLATION_VERSION TABLESPACE ALLOW_CONNECTIONS CONNECTION_LIMIT IS_TEMPLATE OID".split()
)


@dataclass(frozen=True)
class CreateDatabase:
    """A database as its dump describes it.

    options: by their names in lower case, ``connection limit`` as ``connection_limit``; strings and names unquoted. DEFAULT
        is left out
    """

    name: str
    line: int
    options: dict[str, str] = field(default_factory=dict)


def parse_create_database(statement: Statement, unknown: Optional[list[str]] = None) -> CreateDatabase:
    """Read a statement of kind ``create_database``.

    Args:
        statement: the statement.
        unknown: gets the options that are not known, which are left out; None refuses them.

    Raises:
        SqlError: it has an option that is not known, or one without a value.
    """
    tokens = [statement.tokens[index] for index in statement.significant if statement.tokens[index] != (OP, b";")]
    name = _value(tokens[2], statement.codec) if len(tokens) > 2 else None
    if name is None:
        raise SqlError("CREATE DATABASE without a name.", statement.line, "look at this line of the dump")
    options: dict[str, str] = {}
    position = 3
    while position < len(tokens):
        word = tokens[position][1].upper().decode("latin-1")
        position += 1
        if word == "WITH" and position == 4:
            continue
        if word == "CONNECTION" and tokens[position : position + 1] and tokens[position][1].upper() == b"LIMIT":
            word = "CONNECTION_LIMIT"
            position += 1
        if word not in _OPTIONS and unknown is not None:
            unknown.append(word)
        elif word not in _OPTIONS:
            raise SqlError(
                f"CREATE DATABASE has the option {word}, which is not known here.",
                statement.line,
                "create the database by hand and load the dump's content into it",
            )
        if tokens[position : position + 1] == [(OP, b"=")]:
            position += 1
        sign = ""
        if tokens[position : position + 1] == [(OP, b"-")]:
            sign = "-"
            position += 1
        value = _value(tokens[position], statement.codec) if position < len(tokens) else None
        if value is None:
            raise SqlError(f"the option {word} of CREATE DATABASE has no value.", statement.line, "correct the dump")
        if tokens[position] != (WORD, b"DEFAULT") and word in _OPTIONS:
            options[word.lower()] = sign + value
        position += 1
    return CreateDatabase(name, statement.line, options)


def _value(token: Token, codec: str) -> Optional[str]:
    kind, text = token
    if kind in (WORD, QUOTED):
        return decode_postgres(token, codec)
    if kind == NUMBER:
        return text.decode("ascii")
    if kind == STRING and text[:1] == b"'":
        return text[1:-1].decode(codec, "surrogateescape").replace("''", "'")
    if kind == STRING and text[:2].upper() == b"E'":
        body = text[2:-1].decode(codec, "surrogateescape").replace("''", "'")
        return body.replace("\\'", "'").replace("\\\\", "\\")
    return None
