# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a MySQL or MariaDB dump asks of a server: collations, character sets, storage engines. Private to this collection."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ansible_collections.vya.backupdb.plugins.module_utils._sql.identifiers import decode_mysql
from ansible_collections.vya.backupdb.plugins.module_utils._sql.tokens import (
    COMMENT,
    EXEC,
    OP,
    QUOTED,
    SPACE,
    STRING,
    WORD,
    Statement,
    Token,
)

COLLATION = "collation"
CHARSET = "character set"
ENGINE = "storage engine"

#: kinds of statements that may name some
_KINDS = ("create_table", "create_database", "alter_database", "alter_table", "create_view", "set")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")
_AFTER = {
    b"COLLATE": COLLATION,
    b"COLLATION_CONNECTION": COLLATION,
    b"CHARSET": CHARSET,
    b"NAMES": CHARSET,
    b"CHARACTER_SET_CLIENT": CHARSET,
    b"ENGINE": ENGINE,
}
_NO_NAMES = frozenset(("DEFAULT", "NULL"))
#: MariaDB leaves out what MySQL writes for versions from 5.7 on: see
#: https://mariadb.com/kb/en/comment-syntax/#executable-comment-syntax
_FOR_MYSQL = re.compile(rb"/\*!(?:50[7-9]|[6-9]\d)\d{2,3}\Z")


def needs_of(statement: Statement) -> Iterator[tuple[str, str]]:
    """What a statement asks for: the sort and the name, as written."""
    if not statement.kind.startswith(_KINDS):
        return
    tokens = list(_for_everybody(statement.tokens))
    for position, (kind, text) in enumerate(tokens):
        if kind != WORD:
            continue
        word = text.upper()
        after = position + 1
        sort = _AFTER.get(word)
        if word == b"CHARACTER" and tokens[after : after + 1] and tokens[after][1].upper() == b"SET":
            sort, after = CHARSET, after + 1
        if sort is None:
            continue
        if tokens[after : after + 1] == [(OP, b"=")]:
            after += 1
        elif sort == ENGINE:
            continue
        name = _name(tokens[after : after + 1], statement.codec)
        if name is not None:
            yield sort, name


def _for_everybody(tokens: list[Token]) -> Iterator[Token]:
    hidden = False
    for token in tokens:
        if token[0] == EXEC:
            hidden = bool(_FOR_MYSQL.match(token[1]))
        elif not hidden and token[0] not in (SPACE, COMMENT):
            yield token


def _name(tokens: list[Token], codec: str) -> str | None:
    if not tokens:
        return None
    kind, text = tokens[0]
    name = text[1:-1].decode("latin-1") if kind == STRING else None
    if kind in (WORD, QUOTED):
        name = decode_mysql(tokens[0], codec)
    return name if name and _NAME.match(name) and name.upper() not in _NO_NAMES else None
