# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The single values of an INSERT of MySQL or MariaDB: for the few statements that a server complained about. Private to this collection."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.vya.backupdb.plugins.module_utils._sql.charsets import codec_of
from ansible_collections.vya.backupdb.plugins.module_utils._sql.identifiers import decode_mysql
from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_lexer import MySQLLexer, MySQLMode
from ansible_collections.vya.backupdb.plugins.module_utils._sql.tokens import BLANK, OP, QUOTED, WORD


def inserted_columns(sql: bytes, mode: MySQLMode) -> list[str]:
    """The columns that an INSERT names; none where it names none."""
    names: list[str] = []
    codec = codec_of(mode.charset)
    depth = 0
    lexer = MySQLLexer([sql], mode)
    token = lexer.token()
    while token is not None:
        kind, text = token
        if kind == OP and text == b"(":
            depth += 1
        elif kind == OP and text == b")":
            return names
        elif kind == WORD and text.upper() in (b"VALUES", b"VALUE", b"SELECT"):
            return []
        elif depth and kind in (WORD, QUOTED):
            names.append(decode_mysql(token, codec) or "")
        token = lexer.token()
    return []


def inserted_values(sql: bytes, mode: MySQLMode) -> Iterator[tuple[int, int, bytes]]:
    """The values of an INSERT: row and position, both from 1, and the text.

    Of a value of several tokens, or of a very long one, the text is cut; it is never that of a short one then.
    """
    lexer = MySQLLexer([sql], mode)
    depth = row = position = 0
    begun = False
    text = b""
    token = lexer.token()
    while token is not None:
        kind, piece = token
        if kind == WORD and not depth and piece.upper() in (b"VALUES", b"VALUE"):
            begun = True
        elif begun and kind == OP and piece == b"(":
            depth += 1
            if depth == 1:
                row, position, text = row + 1, 1, b""
            else:
                text += piece
        elif begun and kind == OP and piece == b")":
            depth -= 1
            if not depth:
                yield row, position, text
            else:
                text += piece
        elif begun and depth == 1 and kind == OP and piece == b",":
            yield row, position, text
            position, text = position + 1, b""
        elif begun and depth and kind not in BLANK:
            text += piece[:200]
        token = lexer.token()
