# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Splitting a small SQL script into statements. Private to this collection.

For the scripts that this collection or the dump program of the server wrote and that fit into memory: definitions of
tables, accounts. The client's DELIMITER command is not among them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_words import COMMENT, MARK, SPACE, tokens


class Statement(NamedTuple):
    """A statement without its delimiter, and the line that it begins in (the first is 1)."""

    text: str
    line: int


def split_statements(script: str) -> Iterator[Statement]:
    """The statements of a script, those that hold nothing but comments left out.

    A conditional comment (``/*!50001 … */``) is a statement like any other.
    """
    begin = 0
    line = 1
    significant_at = -1
    for token in tokens(script):
        if token.kind == MARK and token.text == ";":
            if significant_at >= 0:
                line += script.count("\n", begin, significant_at)
                yield Statement(script[significant_at : token.begin].rstrip(), line)
                line += script.count("\n", significant_at, token.end)
            else:
                line += script.count("\n", begin, token.end)
            begin, significant_at = token.end, -1
        elif significant_at < 0 and token.kind != SPACE and not _plain_comment(token.kind, token.text):
            significant_at = token.begin
    if significant_at >= 0:
        yield Statement(script[significant_at:].rstrip(), line + script.count("\n", begin, significant_at))


def _plain_comment(kind: str, text: str) -> bool:
    return kind == COMMENT and not text.startswith(("/*!", "/*M!"))
