# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Roles in dumps of PostgreSQL, and the repair of names that no server accepts. Private to this collection.

Scripts that write ``CREATE ROLE admin@example.com`` without quotes make dumps that cannot be loaded. What stands where a role
must stand, in one piece up to the next space, comma or semicolon, is one name: it is quoted as it is written.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

from ansible_collections.vya.backupdb.plugins.module_utils._sql.charsets import decode
from ansible_collections.vya.backupdb.plugins.module_utils._sql.identifiers import decode_postgres
from ansible_collections.vya.backupdb.plugins.module_utils._sql.keywords import POSTGRES_QUOTED
from ansible_collections.vya.backupdb.plugins.module_utils._sql.tokens import (
    BLANK,
    END,
    NUMBER,
    OP,
    QUOTED,
    WORD,
    Statement,
)

_RIGHTS = ("grant", "revoke")
#: words that stand where a role stands and mean something else
_NO_NAMES = frozenset(b"PUBLIC CURRENT_USER CURRENT_ROLE SESSION_USER GROUP NONE DEFAULT".split())
_PUNCTUATION = frozenset((b"@", b".", b"-", b"+", b"!", b"#", b"%", b"&", b"/", b"=", b"?", b"^", b"~", b"*"))


@dataclass(frozen=True)
class RepairedRole:
    """A role's name that has been quoted.

    line: of the dump
    written: as it stands in the dump
    name: the role's name
    """

    line: int
    written: str
    name: str


def repair_roles(statement: Statement) -> tuple[bytes, list[RepairedRole]]:
    """A statement with those names of roles quoted that no server would accept.

    Returns:
        The statement, unchanged when nothing is to be repaired; and what has been.
    """
    repaired: list[RepairedRole] = []
    tokens = statement.tokens
    texts = [text for _kind, text in tokens]
    for begin in _places(statement):
        end = _run(statement, begin)
        run = b"".join(texts[begin:end])
        if not _must_be_quoted(statement, begin, end):
            continue
        line = statement.line + sum(text.count(b"\n") for text in texts[:begin])
        name = decode(run, statement.codec)
        repaired.append(RepairedRole(line, name, name))
        texts[begin] = b'"' + run.replace(b'"', b'""') + b'"'
        texts[begin + 1 : end] = [b""] * (end - begin - 1)
    return b"".join(texts), repaired


def role_names(statement: Statement) -> list[str]:
    """Every role that a statement names, repaired if need be, where only a role can stand. PUBLIC and the like are none."""
    found = []
    for begin in _places(statement):
        kind, text = statement.tokens[begin]
        end = _run(statement, begin)
        if _must_be_quoted(statement, begin, end):
            found.append(decode(b"".join(piece for _kind, piece in statement.tokens[begin:end]), statement.codec))
        elif kind != WORD or text.upper() not in _NO_NAMES:
            name = decode_postgres(statement.tokens[begin], statement.codec)
            found += [] if name is None else [name]
    return found


def role_name(statement: Statement) -> Optional[str]:
    """The role that CREATE, ALTER, DROP or COMMENT ON ROLE is about, repaired if need be."""
    for begin in _places(statement)[:1]:
        end = _run(statement, begin)
        if _must_be_quoted(statement, begin, end):
            return decode(b"".join(text for _kind, text in statement.tokens[begin:end]), statement.codec)
        return decode_postgres(statement.tokens[begin], statement.codec)
    return None


def _run(statement: Statement, begin: int) -> int:
    """The end of what is written in one piece."""
    end = begin + 1
    while end < len(statement.tokens):
        kind, text = statement.tokens[end]
        if kind in BLANK or kind == END or (kind == OP and text not in _PUNCTUATION):
            break
        end += 1
    return end


def _must_be_quoted(statement: Statement, begin: int, end: int) -> bool:
    run = statement.tokens[begin:end]
    if any(kind not in (WORD, NUMBER, OP) for kind, _text in run) or run[0][1] in _PUNCTUATION:
        return False
    if len(run) > 1:
        return True
    kind, text = run[0]
    return kind == NUMBER or (text.upper() not in _NO_NAMES and text.decode("latin-1").upper() in POSTGRES_QUOTED)


def _places(statement: Statement) -> list[int]:
    """Tokens at which a role's name begins."""
    words = [
        (index, statement.tokens[index][1].upper() if statement.tokens[index][0] == WORD else b"")
        for index in statement.significant
    ]
    verb, _separator, subject = statement.kind.partition("_")
    found: list[int] = []
    position = 0
    while position < len(words):
        word = words[position][1]
        before = words[position - 1][1] if position else b""
        begins = (
            (subject == "role" and position == 1 and word in (b"ROLE", b"USER", b"GROUP"))
            or (subject == "on_role" and word == b"ROLE" and before == b"ON")
            or (statement.kind == "alter_role_in_database" and position == 1)
            or (verb in _RIGHTS and word in (b"TO", b"FROM"))
            or (verb in _RIGHTS and subject == "role" and position == 0)
            or (word == b"TO" and before in (b"OWNER", b"RENAME") and (before == b"OWNER" or subject == "role"))
            or (word == b"BY" and before == b"GRANTED")
            or (word == b"AUTHORIZATION" and verb in ("create", "set"))
            or (statement.kind in ("alter_privileges", "create_policy") and word == b"TO")
            or (statement.kind == "alter_privileges" and before == b"FOR" and word in (b"ROLE", b"USER"))
            or (subject == "user_mapping" and before == b"MAPPING" and word == b"FOR")
        )
        if statement.kind == "create_policy" and word in (b"USING", b"WITH"):
            # expressions, in which TO means something else
            break
        position += 1
        if begins:
            position = _listed(statement, words, position, found)
    return found


def _listed(statement: Statement, words: list[tuple[int, bytes]], position: int, found: list[int]) -> int:
    """Add the names of a list, and return the position behind it."""
    expect = True
    while position < len(words):
        index, word = words[position]
        kind, text = statement.tokens[index]
        if expect and kind in (WORD, QUOTED, NUMBER):
            if word in (b"IF", b"EXISTS") or word == b"GROUP":
                position += 1
                continue
            found.append(index)
            end = _run(statement, index)
            while position < len(words) and words[position][0] < end:
                position += 1
            expect = False
        elif kind == OP and text == b",":
            expect = True
            position += 1
        else:
            break
    return position
