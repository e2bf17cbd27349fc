# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""References to a database from inside of strings. Private to this collection.

Dynamic SQL, connection strings of foreign servers, comparisons with DATABASE(): the old name may stand there, and no lexer
can be sure that it does. What looks like it is listed with its place and left as it is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Optional

from ansible_collections.vya.backupdb.plugins.module_utils._sql.charsets import encode
from ansible_collections.vya.backupdb.plugins.module_utils._sql.tokens import DOLLAR, STRING, Statement

#: Most references that are kept; more are counted.
MOST = 200

_LETTER = rb"[0-9A-Za-z_$\x80-\xff]"
#: kinds in which every mention of the name counts: addresses of databases
_ADDRESSES = frozenset(
    f"{verb}_{what}" for verb in ("create", "alter") for what in ("server", "subscription", "user_mapping")
)
#: kinds in which a string is a setting: a schema, a role
_SETTINGS = ("set", "alter_database", "alter_role_in_database", "create_database")
#: kinds in which a string is data or prose
_PROSE = (
    "insert",
    "copy",
    "comment",
    "security",
    "grant",
    "revoke",
    "create_role",
    "alter_role",
    "lock",
    "use",
    "meta",
)


@dataclass(frozen=True)
class Reference:
    """A place that may refer to a renamed database and was left as it is.

    line: of the dump
    head: the statement's beginning, without constants
    name: the database's old name
    reason: what was seen
    """

    line: int
    head: str
    name: str
    reason: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.reason} ({self.name!r}) in: {self.head}"


class References:
    """Collects references, a bounded number.

    found: the first ones
    omitted: how many more there were
    """

    def __init__(self) -> None:
        self.found: list[Reference] = []
        self.omitted = 0
        self._seen: set[tuple[int, str, str, str]] = set()

    def add(self, statement: Statement, name: str, reason: str, index: int = 0) -> None:
        """Note one, seen at a token; the same for one statement is noted once."""
        head = statement.head
        key = (statement.line, head, name, reason)
        if key in self._seen:
            return
        if len(self.found) >= MOST:
            self.omitted += 1
            return
        self._seen.add(key)
        line = statement.line + sum(text.count(b"\n") for _kind, text in statement.tokens[:index])
        self.found.append(Reference(line, head, name, reason))

    def look(self, statement: Statement, name: str) -> None:
        """Look into the strings of a statement."""
        if statement.kind.startswith(_PROSE) and statement.kind != "alter_role_in_database":
            return
        for index, (kind, text) in enumerate(statement.tokens):
            if kind in (STRING, DOLLAR):
                reason = look_into(text, name, statement.kind, statement.codec)
                if reason is not None:
                    self.add(statement, name, reason, index)


def look_into(text: bytes, name: str, kind: str, codec: str) -> Optional[str]:
    """What a string says about a database; None when nothing."""
    patterns = _patterns(name, codec)
    if not patterns.mention.search(text):
        return None
    if kind in _ADDRESSES:
        return "the name stands in an address or an option"
    if patterns.address.search(text):
        return "a connection string names it"
    if kind in ("create_table", "alter_table"):
        return None
    if patterns.qualified.search(text):
        return "SQL in a string names it"
    if kind not in _SETTINGS and patterns.whole.search(text):
        return "a string is equal to the name"
    return None


@dataclass(frozen=True)
class _Patterns:
    mention: re.Pattern[bytes]
    address: re.Pattern[bytes]
    qualified: re.Pattern[bytes]
    whole: re.Pattern[bytes]


@lru_cache(maxsize=256)
def _patterns(name: str, codec: str) -> _Patterns:
    try:
        mark = re.escape(encode(name, codec))
    except UnicodeEncodeError:
        nothing = re.compile(rb"(?!)")
        return _Patterns(nothing, nothing, nothing, nothing)
    word = rb"(?<!%s)%s(?!%s)" % (_LETTER, mark, _LETTER)
    quote = rb"[\"'`\\]{0,4}"
    return _Patterns(
        mention=re.compile(word, re.IGNORECASE),
        address=re.compile(
            rb"(?:dbname|database|db)[ \t]{0,9}=[ \t]{0,9}%s%s|://[^\s'\"]{0,400}/%s|database[ \t]{1,9}[\"']%s"
            % (quote, word, word, word),
            re.IGNORECASE,
        ),
        qualified=re.compile(
            rb"%s%s[ \t]{0,9}\.[ \t]{0,9}%s[A-Za-z_]|(?<!%s)(?:use|database|schema)[ \t]{1,9}%s%s"
            % (word, quote, quote, _LETTER, quote, word),
            re.IGNORECASE,
        ),
        whole=re.compile(rb"'%s'|\A[\"']%s[\"']\Z" % (mark, mark), re.IGNORECASE),
    )
