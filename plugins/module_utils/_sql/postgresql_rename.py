# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Renaming databases in a dump of PostgreSQL. Private to this collection.

A database is named by CREATE, ALTER and DROP DATABASE, \\connect, ALTER ROLE … IN DATABASE, GRANT, REVOKE, COMMENT and
SECURITY LABEL ON DATABASE, REINDEX DATABASE, and in front of schema and table, where it can only be the current one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Optional

from ansible_collections.vya.backupdb.plugins.module_utils._sql.charsets import encode
from ansible_collections.vya.backupdb.plugins.module_utils._sql.identifiers import decode_postgres, spell_postgres
from ansible_collections.vya.backupdb.plugins.module_utils._sql.postgresql_splitter import meta_of
from ansible_collections.vya.backupdb.plugins.module_utils._sql.psql import (
    MetaCommand,
    is_conninfo,
    parse_conninfo,
    spell_connect,
)
from ansible_collections.vya.backupdb.plugins.module_utils._sql.rename import Renamer
from ansible_collections.vya.backupdb.plugins.module_utils._sql.tokens import (
    OP,
    QUOTED,
    STRING,
    WORD,
    SqlError,
    Statement,
    Token,
)

_ON_DATABASE = ("grant_on_database", "revoke_on_database", "comment_on_database", "security_on_database")


class PostgresRenamer(Renamer):
    """Renames databases in the statements of one dump.

    Args:
        names: new names by old ones.

    Raises:
        UsageError: a name is empty.
    """

    base = 3

    def __init__(self, names: Mapping[str, str]) -> None:
        super().__init__(names)

    def _may_concern(self, statement: Statement) -> bool:
        if statement.kind == "connect":
            # its quoting doubles backslashes too
            return True
        return super()._may_concern(statement) or any(
            kind == QUOTED and text[:1] in b"uU" for kind, text in statement.tokens
        )

    def _decode(self, statement: Statement, index: int) -> Optional[str]:
        token = statement.tokens[index]
        if token[0] == QUOTED and token[1][:1] in b"uU":
            clause = _escape_clause(statement, index)
            if clause:
                return decode_postgres(token, statement.codec, clause[1][1:-1].decode("latin-1"))
        return decode_postgres(token, statement.codec)

    def _spell(self, token: Token, name: str, codec: str) -> bytes:
        return spell_postgres(token, name, codec)

    def _change(self, statement: Statement, index: int, changes: dict[int, bytes]) -> None:
        super()._change(statement, index, changes)
        token = statement.tokens[index]
        if index in changes and token[0] == QUOTED and token[1][:1] in b"uU":
            # what the new spelling does not need
            position = statement.significant.index(index)
            if _escape_clause(statement, index):
                for other in statement.significant[position + 1 : position + 3]:
                    changes[other] = b""

    def _database_names(self, statement: Statement) -> list[int]:
        if statement.part:
            return []
        kind = statement.kind
        if kind in _ON_DATABASE:
            return _listed(statement)
        if kind == "alter_role_in_database":
            return _after(statement, b"DATABASE")
        if kind.endswith("_database"):
            return _after(statement, b"DATABASE") + _after(statement, b"TEMPLATE") + _renamed(statement)
        if kind == "reindex":
            return _after(statement, b"DATABASE") + _after(statement, b"SYSTEM")
        return []

    def _rewrite(self, statement: Statement) -> dict[int, bytes]:
        if statement.kind != "connect":
            return super()._rewrite(statement)
        command = meta_of(statement)
        new = self.names.get(command.database) if command is not None and command.database is not None else None
        if command is None or new is None:
            return {}
        try:
            line = spell_connect(new)
        except ValueError as error:
            raise SqlError(f"{error}: {new!r}.", statement.line, "choose another name") from error
        rest = "".join(f" {argument}" for argument in _behind(command))
        end = b"\r" if statement.tokens[-1][1].endswith(b"\r") else b""
        return {len(statement.tokens) - 1: encode(line + rest, statement.codec) + end}

    def _refuse(self, statement: Statement) -> None:
        command = meta_of(statement)
        if command is not None and command.refused is not None:
            raise SqlError(
                f"the dump gives a command to psql, \\{command.name}: {command.refused}.",
                statement.line,
                "check where the dump comes from, and remove the command if the dump can be trusted",
            )

    def _pattern(self, statement: Statement, index: int, changes: dict[int, bytes]) -> None:
        """PostgreSQL has no patterns of databases."""


def _behind(command: MetaCommand) -> list[str]:
    """The user of \\\\connect, where it is named behind the database."""
    target = command.target or ""
    if is_conninfo(target):
        return [f"'{value}'" for name, value in parse_conninfo(target) if name != "dbname"]
    return [argument for argument in command.arguments[command.arguments.index(target) + 1 :][:1] if argument != "-"]


def _escape_clause(statement: Statement, index: int) -> Optional[Token]:
    """The string of UESCAPE '…' behind a U&"…" name."""
    position = statement.significant.index(index)
    following = [statement.tokens[other] for other in statement.significant[position + 1 : position + 3]]
    if len(following) == 2 and following[0][1].upper() == b"UESCAPE" and following[1][0] == STRING:
        return following[1]
    return None


def _words(statement: Statement) -> list[tuple[int, bytes]]:
    """Indexes of the significant tokens with their text, unquoted words in upper case, everything else as it is."""
    return [
        (
            index,
            statement.tokens[index][1].upper() if statement.tokens[index][0] == WORD else statement.tokens[index][1],
        )
        for index in statement.significant
    ]


def _after(statement: Statement, keyword: bytes) -> list[int]:
    """The name behind the first occurrence of a keyword, IF EXISTS and ``=`` skipped."""
    found = False
    for index, text in _words(statement):
        if found and text not in (b"IF", b"EXISTS", b"=", b"CONCURRENTLY"):
            return [index]
        found = found or text == keyword
    return []


def _renamed(statement: Statement) -> list[int]:
    """The new name in ALTER DATABASE … RENAME TO."""
    words = _words(statement)
    for (_index, first), (_other, second), (index, _text) in zip(words, words[1:], words[2:]):
        if first == b"RENAME" and second == b"TO":
            return [index]
    return []


def _listed(statement: Statement) -> list[int]:
    """The names behind ON DATABASE."""
    found: list[int] = []
    words = _words(statement)
    begin = next(
        (
            number
            for number, (_index, text) in enumerate(words)
            if text == b"DATABASE" and words[number - 1][1] == b"ON"
        ),
        len(words),
    )
    expect = True
    for index, text in words[begin + 1 :]:
        if statement.tokens[index] == (OP, b","):
            expect = True
        elif expect:
            found.append(index)
            expect = False
        elif text != b"UESCAPE" and statement.tokens[index][0] != STRING:
            break
    return found
