# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Commands to psql in a dump. Private to this collection.

A dump must never make psql run a program, read or write a file, connect elsewhere or leave statements out. So every
command that is not known to be harmless is refused. Which ones there are:
https://www.postgresql.org/docs/current/app-psql.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Optional

from ansible_collections.vya.backupdb.plugins.module_utils._sql.identifiers import needs_quotes

#: Commands that change nothing but what psql prints.
_PRINTING = frozenset(("echo", "qecho", "warn", "timing", "x", "t", "a"))
#: Commands that dump tools write: the first two since the fix of CVE-2025-8714.
_OF_TOOLS = frozenset(("restrict", "unrestrict", ".", "encoding"))
_NAME = re.compile(r"\\([.]|[^\s\\]+)")
_HARMLESS_SETS = frozenset(("ON_ERROR_STOP", "ECHO", "QUIET", "VERBOSITY", "SHOW_CONTEXT"))
_ON = frozenset(("on", "1", "true", "yes"))


@dataclass(frozen=True)
class MetaCommand:
    """A command to psql.

    name: without its backslash; ``c`` is ``connect``
    arguments: unquoted
    refused: why it must not run, None when it may
    """

    name: str
    arguments: tuple[str, ...]
    refused: Optional[str] = None

    @property
    def database(self) -> Optional[str]:
        """The database that \\\\connect goes to; None when the command does not change it."""
        target = self.target
        if target is None or target == "-":
            return None
        if not is_conninfo(target):
            return target
        return None if self.refused is not None else dict(parse_conninfo(target)).get("dbname")

    @property
    def target(self) -> Optional[str]:
        """The first argument of \\\\connect that is no option, as written."""
        if self.name != "connect":
            return None
        return next((argument for argument in self.arguments if not argument.startswith("-reuse-previous=")), None)


def parse_meta(text: str) -> MetaCommand:
    """Read a line that begins with a backslash."""
    match = _NAME.match(text)
    if match is None:
        return MetaCommand("", (), "it has no name")
    name = {"c": "connect"}.get(match.group(1), match.group(1))
    try:
        # psql drops semicolons behind \\connect, as Adminer writes them
        end = text.rstrip().rstrip(";") if name == "connect" else text
        arguments = tuple(_arguments(end[match.end() :]))
    except ValueError as error:
        return MetaCommand(name, (), str(error))
    return MetaCommand(name, arguments, _refusal(name, arguments))


def _refusal(name: str, arguments: tuple[str, ...]) -> Optional[str]:
    if name in _PRINTING or name in _OF_TOOLS:
        return None
    if name == "connect":
        return _connect_refusal(arguments)
    if name == "set" and arguments[:1] and arguments[0] in _HARMLESS_SETS:
        stops = arguments[0] != "ON_ERROR_STOP" or arguments[1:2] == () or arguments[1].lower() in _ON
        return None if stops else "it makes psql go on after errors"
    return "it is none of those that a dump needs"


def _connect_refusal(arguments: tuple[str, ...]) -> Optional[str]:
    rest = [argument for argument in arguments if not argument.startswith("-reuse-previous=")]
    if len(rest) > 1 and any(argument != "-" for argument in rest[2:]):
        return "it connects to another server"
    if rest and is_conninfo(rest[0]):
        if rest[0].startswith(("postgresql://", "postgres://")):
            return "it connects to a server by its address"
        try:
            names = {name for name, _value in parse_conninfo(rest[0])}
        except ValueError as error:
            return str(error)
        if names - {"dbname"}:
            return "it connects to another server or as another user"
    return None


def _arguments(text: str) -> list[str]:
    """psql's own splitting: white space separates, single quotes with escapes, double quotes with doubling."""
    found: list[str] = []
    word: Optional[str] = None
    position = 0
    while position < len(text):
        char = text[position]
        if char.isspace():
            if word is not None:
                found.append(word)
            word = None
            position += 1
        elif char in "'\"":
            piece, position = _quoted(text, position)
            word = (word or "") + piece
        elif char == "`":
            raise ValueError("it runs a program (backquotes)")
        elif char == ":" and word is None:
            raise ValueError("it uses a variable of psql")
        elif char == "\\":
            raise ValueError("another command follows on its line")
        else:
            word = (word or "") + char
            position += 1
    return found if word is None else [*found, word]


_ESCAPES = {"n": "\n", "t": "\t", "b": "\b", "r": "\r", "f": "\f"}


def _quoted(text: str, begin: int) -> tuple[str, int]:
    quote = text[begin]
    piece = ""
    position = begin + 1
    while position < len(text):
        char = text[position]
        if char == quote:
            if text[position + 1 : position + 2] != quote:
                return piece, position + 1
            position += 1
        elif char == "\\" and quote == "'":
            position += 1
            char = _ESCAPES.get(text[position : position + 1], text[position : position + 1])
        piece += char
        position += 1
    raise ValueError("a quote is not closed")


def is_conninfo(text: str) -> bool:
    """Whether psql takes an argument for a connection string rather than for a database's name."""
    return text.startswith(("postgresql://", "postgres://")) or "=" in text


_PAIR = re.compile(r"\s*([^\s=]+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|((?:[^\s'\\]|\\.)*))(?=\s|$)", re.DOTALL)


def parse_conninfo(text: str) -> list[tuple[str, str]]:
    """Names and values of a connection string such as ``dbname='my shop'``.

    https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING

    Raises:
        ValueError: it is none.
    """
    found = []
    position = 0
    text = text.rstrip()
    while position < len(text):
        match = _PAIR.match(text, position)
        if match is None:
            raise ValueError("its connection string cannot be read")
        value = match.group(2) if match.group(2) is not None else match.group(3)
        found.append((match.group(1), re.sub(r"\\(.)", r"\1", value, flags=re.DOTALL)))
        position = match.end()
    return found


def spell_connect(database: str) -> str:
    """The command as pg_dumpall writes it.

    Raises:
        ValueError: the name has a line break, which no such command can carry.
    """
    if "\n" in database or "\r" in database:
        raise ValueError("psql cannot connect to a database whose name has a line break")
    if re.fullmatch(r"[A-Za-z0-9_.]+", database):
        return "\\connect " + (_double(database) if needs_quotes(database) else database)
    value = database.replace("\\", "\\\\").replace("'", "\\'")
    return "\\connect -reuse-previous=on " + _double(f"dbname='{value}'")


def _double(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'
