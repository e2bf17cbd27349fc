# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What CREATE DATABASE and ALTER DATABASE say of a database, and events that wait. Private to this collection."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Optional

from ansible_collections.vya.backupdb.plugins.module_utils._sql.charsets import decode
from ansible_collections.vya.backupdb.plugins.module_utils._sql.identifiers import decode_mysql
from ansible_collections.vya.backupdb.plugins.module_utils._sql.tokens import (
    EXEC,
    OP,
    QUOTED,
    SPACE,
    STRING,
    WORD,
    Statement,
    Token,
)

_PLAIN = re.compile(r"[A-Za-z0-9_]+\Z")


def database_options(statement: Statement) -> dict[str, str]:
    """The options of CREATE DATABASE or ALTER DATABASE, as SQL: ``charset``, ``collation``, ``comment``."""
    found: dict[str, str] = {}
    tokens = [statement.tokens[index] for index in statement.significant]
    position = 2
    while position < len(tokens):
        kind, text = tokens[position]
        word = text.upper() if kind == WORD else b""
        position += 1
        if word == b"CHARACTER" and tokens[position : position + 1] and tokens[position][1].upper() == b"SET":
            word, position = b"CHARSET", position + 1
        option = {b"CHARSET": "charset", b"COLLATE": "collation", b"COMMENT": "comment"}.get(word)
        if option is None:
            continue
        if tokens[position : position + 1] == [(OP, b"=")]:
            position += 1
        value = _value(tokens[position : position + 1], option, statement.codec)
        if value is not None:
            position += 1
            found[option] = value
    return found


def _value(tokens: list[Token], option: str, codec: str) -> Optional[str]:
    """A comment as it is written, with its quotes; otherwise a plain name."""
    if not tokens or tokens[0][0] not in (WORD, QUOTED, STRING):
        return None
    kind, text = tokens[0]
    if option == "comment":
        return decode(text, codec) if kind == STRING else None
    name = decode(text[1:-1], codec) if kind == STRING else decode_mysql(tokens[0], codec)
    return name if name and _PLAIN.match(name) and name.upper() != "DEFAULT" else None


def waiting_event(statement: Statement) -> tuple[Statement, str]:
    """CREATE EVENT or ALTER EVENT with the event disabled, and the status that it had: empty where it says none.

    The status stands between ON COMPLETION or RENAME and COMMENT or DO, and is ``ENABLED``, ``DISABLED`` or
    ``SLAVESIDE_DISABLED``, as information_schema.events names it.
    """
    tokens, order = list(statement.tokens), statement.significant
    words = [tokens[index][1].upper() if tokens[index][0] == WORD else b"" for index in order]
    begin = words.index(b"SCHEDULE") if b"SCHEDULE" in words else min(3, len(words))
    end = begin
    while end < len(words) and words[end] != b"DO" and not _is_comment(tokens, order, words, end):
        end += 1
    status = ""
    for position in range(begin, end):
        if words[position] == b"ENABLE":
            status = "ENABLED"
            tokens[order[position]] = (SPACE, b" ")
        elif words[position] == b"DISABLE":
            remote = words[position + 1 : position + 2] == [b"ON"]
            status = "SLAVESIDE_DISABLED" if remote else "DISABLED"
            for index in order[position : position + (3 if remote else 1)]:
                tokens[index] = (SPACE, b" ")
    at = order[end] if end < len(order) else order[-1] + 1
    # not behind the end of an executable comment, which another server may leave out
    while at > 0 and end >= len(order) and tokens[at - 1][0] in (SPACE, EXEC):
        at -= 1
    tokens[at:at] = [(SPACE, b" "), (WORD, b"DISABLE"), (SPACE, b" ")]
    return replace(statement, tokens=tokens), status


def _is_comment(tokens: list[Token], order: list[int], words: list[bytes], position: int) -> bool:
    return words[position] == b"COMMENT" and position + 1 < len(order) and tokens[order[position + 1]][0] == STRING
