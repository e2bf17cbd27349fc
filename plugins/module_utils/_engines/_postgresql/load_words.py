# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading the small statements of a dump that become the collection's own. Private to this collection."""

from __future__ import annotations

import re
from typing import Optional

from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.quoting import QUOTED_LISTS
from ansible_collections.vya.backupdb.plugins.module_utils._sql.identifiers import decode_postgres, needs_quotes
from ansible_collections.vya.backupdb.plugins.module_utils._sql.tokens import (
    DOLLAR,
    NUMBER,
    OP,
    QUOTED,
    STRING,
    WORD,
    Statement,
    Token,
)

_ESCAPE = re.compile(r"\\(x[0-9A-Fa-f]{1,2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|[0-7]{1,3}|.)", re.DOTALL)
_INTEGER = re.compile(r"-?[0-9]{1,9}")
_LAST_CHARACTER = 0x10FFFF
_LETTERS = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


class Words:
    """The tokens of a statement, taken one after the other.

    Args:
        statement: a whole one.
        conforming: what standard_conforming_strings is for it.
    """

    def __init__(self, statement: Statement, conforming: bool = True) -> None:
        tokens = [statement.tokens[index] for index in statement.significant]
        self._tokens = [token for token in tokens if token != (OP, b";")]
        self._codec = statement.codec
        self._conforming = conforming
        self._position = 0

    @property
    def left(self) -> int:
        """How many are left."""
        return len(self._tokens) - self._position

    @property
    def word(self) -> str:
        """The next one, in capitals if it is an unquoted word, as it is otherwise; empty at the end."""
        if not self.left:
            return ""
        kind, text = self._tokens[self._position]
        decoded = text.decode(self._codec, "replace")
        return decoded.upper() if kind == WORD else decoded

    def take(self, *words: str) -> bool:
        """Take these words if they are the next ones."""
        begin = self._position
        for word in words:
            if self.word != word:
                self._position = begin
                return False
            self._position += 1
        return True

    def skip(self) -> str:
        """Take whatever is next."""
        word = self.word
        self._position += 1
        return word

    def name(self) -> Optional[str]:
        """Take a name; None if the next one is none."""
        return self._decoded(decode_postgres(self._tokens[self._position], self._codec) if self.left else None)

    def value(self) -> Optional[str]:
        """Take a constant, or a name that stands for one, as text; None if the next one is neither."""
        sign = "-" if self.take("-") else ""
        if not self.left:
            return None
        token = self._tokens[self._position]
        if token[0] in (WORD, QUOTED):
            found = decode_postgres(token, self._codec)
        elif token[0] == NUMBER:
            found = token[1].decode("ascii")
        else:
            found = text_of(token, self._codec, self._conforming)
        return self._decoded(None if found is None else sign + found)

    def integer(self) -> Optional[int]:
        """Take a whole number; None if the next one is none."""
        return integer_of(self.value())

    def names(self) -> list[str]:
        """Take names with commas between them."""
        found = []
        while True:
            name = self.name()
            if name is None:
                return found
            found.append(name)
            if not self.take(","):
                return found

    def last(self) -> Optional[str]:
        """The constant, or the name, that is the last one; None for DEFAULT."""
        self._position = max(self._position, len(self._tokens) - 1)
        return None if self.take("DEFAULT") else self.value()

    def _decoded(self, found: Optional[str]) -> Optional[str]:
        self._position += found is not None
        return found


def integer_of(text: Optional[str]) -> Optional[int]:
    """The whole number that a text is; None for anything else."""
    return int(text) if text is not None and _INTEGER.fullmatch(text) else None


def text_of(token: Token, codec: str, conforming: bool = True) -> Optional[str]:
    """What a string constant says; None for another token, and for strings of bits."""
    kind, text = token
    if kind == DOLLAR:
        mark = text.index(b"$", 1) + 1
        return text[mark:-mark].decode(codec, "surrogateescape")
    if kind != STRING:
        return None
    if text[:1] == b"'":
        body = text[1:-1].decode(codec, "surrogateescape").replace("''", "'")
        return body if conforming else _unescaped(body)
    if text[:2] in (b"E'", b"e'"):
        return _unescaped(text[2:-1].decode(codec, "surrogateescape").replace("''", "'"))
    if text[:3].upper() == b"U&'":
        return decode_postgres((QUOTED, b'U&"' + text[3:-1].replace(b"''", b"'") + b'"'), codec)
    return None


def _unescaped(body: str) -> str:
    return _ESCAPE.sub(_escape, body)


def _escape(match: re.Match[str]) -> str:
    found = match[1]
    if found[0] in "xuU" and len(found) > 1:
        code = int(found[1:], 16)
        # What is none the server refuses, in its own words.
        return chr(code) if code <= _LAST_CHARACTER else match[0]
    return chr(int(found, 8) & 0xFF) if found[0] in "01234567" else _LETTERS.get(found, found)


def setting_of(words: Words) -> Optional[tuple[str, Optional[str]]]:
    """Take what follows SET or RESET in ALTER ROLE or ALTER DATABASE.

    Returns:
        The parameter, and its value as pg_db_role_setting keeps it, None to reset it; None for the whole if it cannot
        be read.
    """
    resets = words.take("RESET")
    if not resets and not words.take("SET"):
        return None
    name = words.name()
    while name is not None and words.take("."):
        name = f"{name}.{words.name()}"
    if name is None or resets:
        return None if name is None else (name, None)
    if not (words.take("TO") or words.take("=")):
        return None
    if words.take("DEFAULT"):
        return name, None
    values = []
    while True:
        value = words.value()
        if value is None:
            return None
        values.append(value)
        if not words.take(","):
            break
    if name.lower() in QUOTED_LISTS:
        values = ['"' + value.replace('"', '""') + '"' if needs_quotes(value) else value for value in values]
    return None if words.left else (name, ", ".join(values))
