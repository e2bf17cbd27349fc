# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a MySQL dump's SET statements say about the bytes that follow. Private to this collection.

Dumps set sql_mode and the client's character set, keep the old values in user variables and set them back:
``/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */``. Only these are followed.

sql_mode: https://dev.mysql.com/doc/refman/8.4/en/sql-mode.html, https://mariadb.com/kb/en/sql-mode/
"""

from __future__ import annotations

from dataclasses import replace
from typing import Optional

from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_lexer import MySQLMode
from ansible_collections.vya.backupdb.plugins.module_utils._sql.tokens import OP, STRING, WORD, Statement, Token

_COMBINED = frozenset(("ANSI", "DB2", "MAXDB", "MSSQL", "ORACLE", "POSTGRESQL"))
_BITS = {1 << 2: "ANSI_QUOTES", 1 << 9: "ORACLE", 1 << 20: "NO_BACKSLASH_ESCAPES"}
_LONGEST_NUMBER = 20
_SCOPES = ("session", "local")
_NOT_HERE = ("global", "persist", "persist_only")


class MySQLSession:
    """The part of a session's state that decides how bytes are read."""

    def __init__(self, mode: MySQLMode, sql_mode: str = "") -> None:
        self._start = (sql_mode, mode.charset)
        self.sql_mode = sql_mode
        self.charset = mode.charset
        self._variables: dict[str, Optional[str]] = {}
        self.mode = mode
        self._update()

    @property
    def oracle(self) -> bool:
        """MariaDB's sql_mode ORACLE."""
        return "ORACLE" in self._modes()

    def delimiter(self, delimiter: bytes) -> None:
        """DELIMITER has been changed."""
        self.mode = replace(self.mode, delimiter=delimiter)

    def apply(self, statement: Statement) -> bool:
        """Follow a SET statement; returns whether the mode has changed."""
        tokens = [statement.tokens[index] for index in statement.significant]
        for assignment in _split(tokens[1:]):
            self._assign(assignment)
        before = self.mode
        self._update()
        return self.mode != before

    def _update(self) -> None:
        modes = self._modes()
        self.mode = replace(
            self.mode,
            ansi_quotes=bool(modes & _COMBINED) or "ANSI_QUOTES" in modes,
            backslash="NO_BACKSLASH_ESCAPES" not in modes,
            charset=self.charset,
        )

    def _modes(self) -> frozenset[str]:
        if self.sql_mode.isdecimal() and len(self.sql_mode) <= _LONGEST_NUMBER:
            return frozenset(name for bit, name in _BITS.items() if int(self.sql_mode) & bit)
        return frozenset(name.strip().upper() for name in self.sql_mode.split(","))

    def _assign(self, tokens: list[Token]) -> None:
        words = [text.lower() for _kind, text in tokens[:3]]
        if words[:1] == [b"names"] or words[:1] == [b"charset"]:
            self._set_charset(self._value(tokens[1:2]))
            return
        if words[:2] == [b"character", b"set"]:
            self._set_charset(self._value(tokens[2:3]))
            return
        at = next((index for index, token in enumerate(tokens) if token == (OP, b"=")), None)
        if at is None:
            return
        left = tokens[: at - 1] if tokens[at - 1] == (OP, b":") else tokens[:at]
        name = _variable(left)
        if name == "sql_mode":
            value = self._value(tokens[at + 1 :])
            self.sql_mode = self.sql_mode if value is None else value
        elif name == "character_set_client":
            self._set_charset(self._value(tokens[at + 1 :]))
        elif name.startswith("@"):
            self._variables[name] = self._value(tokens[at + 1 :])

    def _set_charset(self, value: Optional[str]) -> None:
        if value:
            self.charset = self._start[1] if value.lower() == "default" else value.lower()

    def _value(self, tokens: list[Token]) -> Optional[str]:
        """What an expression gives; None when it is none of those that dumps use."""
        if len(tokens) == 1:
            kind, text = tokens[0]
            if kind == STRING:
                return text[1:-1].decode("latin-1")
            return text.decode("latin-1") if kind == WORD else None
        name = _variable(tokens)
        if name == "sql_mode":
            return self.sql_mode
        if name == "character_set_client":
            return self.charset
        if name in self._variables:
            return self._variables[name]
        return self._computed(tokens)

    def _computed(self, tokens: list[Token]) -> Optional[str]:
        """CONCAT(@@sql_mode, ',…') and REPLACE(@@sql_mode, '…', ''), in any nesting."""
        words = [text.lower() for kind, text in tokens if kind == WORD]
        strings = [text[1:-1].decode("latin-1") for kind, text in tokens if kind == STRING]
        if b"sql_mode" not in words or not strings:
            return None
        given = {name.strip().upper() for text in strings for name in text.split(",")}
        if b"replace" in words:
            return ",".join(sorted(self._modes() - given))
        return ",".join(sorted(self._modes() | given))


def _split(tokens: list[Token]) -> list[list[Token]]:
    """Assignments between commas that stand in no parentheses."""
    found: list[list[Token]] = [[]]
    depth = 0
    for token in tokens:
        depth += (token == (OP, b"(")) - (token == (OP, b")"))
        if token == (OP, b",") and not depth:
            found.append([])
        else:
            found[-1].append(token)
    return [assignment for assignment in found if assignment]


def _variable(tokens: list[Token]) -> str:
    """A variable's name in lower case: ``sql_mode`` for the session's, ``@name`` for a user's; empty for others."""
    text = b"".join(text for _kind, text in tokens[:6]).decode("latin-1").lower().replace("`", "")
    words = [text.decode("latin-1").lower() for kind, text in tokens if kind == WORD]
    if any(word in _NOT_HERE for word in words):
        return ""
    if text.startswith("@@"):
        scope, dot, name = text[2:].partition(".")
        return name if dot and scope in _SCOPES else text[2:]
    if text.startswith("@"):
        return text
    if words and words[0] in _SCOPES:
        return words[-1]
    return text
