# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Renaming databases in a dump of MySQL or MariaDB. Private to this collection.

A database is named by USE, CREATE, ALTER and DROP DATABASE or SCHEMA, in front of a table, routine, trigger, event or
sequence, and in GRANT and REVOKE, where ``_`` and ``%`` are wildcards unless escaped
(https://dev.mysql.com/doc/refman/8.4/en/grant.html#grant-database-privileges).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Optional

from ansible_collections.vya.backupdb.plugins.module_utils._sql.charsets import decode
from ansible_collections.vya.backupdb.plugins.module_utils._sql.identifiers import decode_mysql, spell_mysql
from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_splitter import client_command
from ansible_collections.vya.backupdb.plugins.module_utils._sql.places import chain_at
from ansible_collections.vya.backupdb.plugins.module_utils._sql.rename import Renamer
from ansible_collections.vya.backupdb.plugins.module_utils._sql.tokens import (
    QUOTED,
    WORD,
    Data,
    SqlError,
    Statement,
    Token,
)

#: after ALTER DATABASE these begin its options: the name may be left out
_OPTIONS = frozenset(b"CHARACTER CHARSET COLLATE DEFAULT ENCRYPTION READ COMMENT UPGRADE".split())
#: kinds whose unqualified names may be databases
_LISTING = ("show", "change", "purge")
#: in bytes: 64 characters of up to 4
_LONGEST_NAME = 256
#: Why a name is left: on a server that ignores case it is the same.
IN_CASE_ONLY = "a name differs from it in case only"
_WILDCARD = re.compile(r"\\(.)|([_%])", re.DOTALL)
_SPECIAL = re.compile(r"[_%\\]")


class MySQLRenamer(Renamer):
    """Renames databases in the statements of one dump.

    Args:
        names: new names by old ones.
        ignore_case: the server that the dump comes from does not tell ``Shop`` from ``shop`` (lower_case_table_names 1 or 2).
        wildcards: in grants on databases, ``_`` and ``%`` are wildcards (partial_revokes is off).

    Raises:
        UsageError: a name is empty.
    """

    def __init__(self, names: Mapping[str, str], ignore_case: bool = False, wildcards: bool = True) -> None:
        super().__init__(names)
        self._folded = {old.lower(): old for old in self.names}
        self._ignore_case = ignore_case
        self._wildcards = wildcards
        #: the end of the rows seen last, and the line of their statement
        self._tail, self._tail_of = b"", 0

    def _new_name(self, name: str) -> Optional[str]:
        new = self.names.get(name)
        if new is not None:
            return new
        old = self._folded.get(name.lower())
        if old is None:
            return None
        if self._ignore_case:
            return self.names[old]
        if self._statement is not None:
            self.references.add(self._statement, old, IN_CASE_ONLY)
        return None

    def _may_concern(self, statement: Statement) -> bool:
        if statement.kind in ("grant", "revoke"):
            return True
        if self._ignore_case and not all(name.isascii() for name in self.names):
            return True
        return super()._may_concern(statement)

    def needles(self, codec: str = "utf-8") -> tuple[bytes, ...]:
        """See `Renamer.needles`."""
        if self._ignore_case and not all(name.isascii() for name in self.names):
            # bytes cannot be compared without regard to case: look at everything
            return (b"",)
        return super().needles(codec)

    def _decode(self, statement: Statement, index: int) -> Optional[str]:
        return decode_mysql(statement.tokens[index], statement.codec)

    def _spell(self, token: Token, name: str, codec: str) -> bytes:
        return spell_mysql(token, name, codec)

    def _database_names(self, statement: Statement) -> list[int]:
        if statement.part:
            return []
        order = statement.significant
        if statement.kind == "use":
            return order[1:2]
        if statement.kind.endswith("_database"):
            found = _after_database(statement)
            return [] if found is None else [found]
        if statement.kind.startswith(_LISTING):
            self._note_names(statement)
        return []

    def _note_names(self, statement: Statement) -> None:
        for index in statement.significant:
            name = self._decode(statement, index)
            if name in self.names:
                self.references.add(statement, str(name), "the name stands in a statement that changes no data")

    def _pattern(self, statement: Statement, index: int, changes: dict[int, bytes]) -> None:
        token = statement.tokens[index]
        pattern = decode_mysql(token, statement.codec)
        if pattern is None:
            return
        if not self._wildcards:
            self._change(statement, index, changes)
            return
        literal = _WILDCARD.sub(lambda match: match.group(1) or match.group(2), pattern)
        new = self._new_name(literal)
        if new is not None:
            spelled = new if _has_wildcards(pattern) else _SPECIAL.sub(r"\\\g<0>", new)
            quoted = token if token[0] == QUOTED or "\\" not in spelled else (QUOTED, b"``")
            changes[index] = spell_mysql(quoted, spelled, statement.codec)
            return
        for old in self.names:
            if _has_wildcards(pattern) and _covers(pattern, old):
                self.references.add(statement, old, "a grant covers it by a wildcard")

    def _refuse(self, statement: Statement) -> None:
        command = client_command(statement)
        if command is not None:
            raise SqlError(
                f"the dump gives a command to the mysql client: {command}.",
                statement.line,
                "check where the dump comes from, and remove the command if the dump can be trusted",
            )

    def _pass(self, data: Data) -> None:
        statement = self._statement
        if statement is None or statement.kind != "insert" or not self._is_system(statement):
            return
        # a name may begin in one piece and end in the next
        tail = self._tail if self._tail_of == statement.line else b""
        text = decode(tail + data.text, statement.codec).lower()
        self._tail, self._tail_of = (tail + data.text)[-_LONGEST_NAME:], statement.line
        for old in self.names:
            if old.lower() in text:
                self.references.add(statement, old, "rows of the server's own tables name it")

    def _is_system(self, statement: Statement) -> bool:
        """Whether rows go into the server's own database, where grants, routines and events are rows."""
        if statement.database == "mysql":
            return True
        for position, index in enumerate(statement.significant[:8]):
            if statement.tokens[index][1].lower().strip(b'`"') == b"mysql":
                return len(chain_at(statement.tokens, statement.significant, position).parts) == 2
        return False


def _after_database(statement: Statement) -> Optional[int]:
    """The token of the database's name in CREATE, ALTER or DROP DATABASE."""
    named = False
    for index in statement.significant:
        kind, text = statement.tokens[index]
        word = text.upper() if kind == WORD else b""
        if not named:
            named = word in (b"DATABASE", b"SCHEMA")
        elif word not in (b"IF", b"NOT", b"EXISTS"):
            return None if statement.kind == "alter_database" and word in _OPTIONS else index
    return None


def _has_wildcards(pattern: str) -> bool:
    return any(match.group(2) for match in _WILDCARD.finditer(pattern))


def _covers(pattern: str, name: str) -> bool:
    """Whether a pattern of a grant covers a database."""
    expression = ""
    position = 0
    for match in _WILDCARD.finditer(pattern):
        expression += re.escape(pattern[position : match.start()])
        expression += re.escape(match.group(1)) if match.group(1) else {"_": ".", "%": ".*"}[match.group(2)]
        position = match.end()
    return re.fullmatch(expression + re.escape(pattern[position:]), name, re.DOTALL) is not None
