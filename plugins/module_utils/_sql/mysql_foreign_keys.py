# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Foreign keys in CREATE TABLE and ALTER TABLE of a MySQL dump, and the same statements without some. Private to this collection."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Optional

from ansible_collections.vya.backupdb.plugins.module_utils._sql.identifiers import decode_mysql
from ansible_collections.vya.backupdb.plugins.module_utils._sql.places import chain_at
from ansible_collections.vya.backupdb.plugins.module_utils._sql.tokens import END, EXEC, OP, QUOTED, WORD, Statement

_KINDS = ("create_table", "alter_table")


@dataclass(frozen=True)
class ForeignKey:
    """A foreign key in a statement.

    Args:
        name: of the constraint; empty where it has none.
        database: of the table that it refers to, where that is said.
        table: that it refers to.
        element: which of the elements of the statement it is, from 0; None where it stands with its column, or in an
            executable comment, so that the statement cannot do without it.
    """

    name: str
    database: Optional[str]
    table: str
    element: Optional[int]


@dataclass(frozen=True)
class _Elements:
    """The definitions of CREATE TABLE, or the clauses of ALTER TABLE: their first token, and the one behind their last."""

    spans: Sequence[tuple[int, int]]


def foreign_keys(statement: Statement) -> list[ForeignKey]:
    """The foreign keys that a statement makes; those of its first part where it comes in parts."""
    if statement.kind not in _KINDS or b"REFERENCES" not in statement.bytes().upper():
        return []
    found = []
    for number, (begin, end) in enumerate(_elements(statement).spans):
        key = _key_in(statement, begin, end, number)
        if key is not None:
            found.append(key)
    return found


def without(statement: Statement, elements: Collection[int]) -> Optional[Statement]:
    """A statement without some of its elements; None if none is left.

    Args:
        statement: a whole one.
        elements: see `ForeignKey.element`.
    """
    spans = _elements(statement).spans
    kept = [span for number, span in enumerate(spans) if number not in elements]
    if not kept or not spans:
        return None
    tokens = statement.tokens[: spans[0][0]]
    for number, (begin, end) in enumerate(kept):
        if number:
            tokens.append((OP, b","))
        tokens += statement.tokens[begin:end]
    return replace(statement, tokens=[*tokens, *statement.tokens[spans[-1][1] :]])


def _elements(statement: Statement) -> _Elements:
    """The elements between commas: in the first parentheses of CREATE TABLE, outside of any in ALTER TABLE."""
    inside = 1 if statement.kind == "create_table" else 0
    begin = None if inside else _behind_name(statement)
    spans: list[tuple[int, int]] = []
    depth = 0
    for index, (kind, text) in enumerate(statement.tokens):
        if kind == END and begin is not None:
            spans.append((begin, index))
            return _Elements(spans)
        if kind != OP:
            continue
        depth += text == b"("
        if inside and begin is None and text == b"(":
            begin = index + 1
        elif text == b"," and depth == inside and begin is not None:
            spans.append((begin, index))
            begin = index + 1
        depth -= text == b")"
        if inside and begin is not None and text == b")" and not depth:
            spans.append((begin, index))
            return _Elements(spans)
    if begin is not None:
        spans.append((begin, len(statement.tokens)))
    return _Elements(spans)


def _behind_name(statement: Statement) -> Optional[int]:
    """The first token behind the name of the table in ALTER TABLE."""
    order, tokens = statement.significant, statement.tokens
    table = next((n for n, index in enumerate(order) if tokens[index][1].upper() == b"TABLE"), None)
    if table is None:
        return None
    position = table + 1
    while position < len(order) and tokens[order[position]][1].upper() in (b"IF", b"EXISTS"):
        position += 1
    if position >= len(order):
        return None
    after = chain_at(tokens, order, position).after
    return order[after - 1] + 1


def _key_in(statement: Statement, begin: int, end: int, number: int) -> Optional[ForeignKey]:
    tokens = statement.tokens
    order = [index for index in statement.significant if begin <= index < end]
    words = [tokens[index][1].upper() if tokens[index][0] == WORD else b"" for index in order]
    if b"REFERENCES" not in words:
        return None
    position = words.index(b"REFERENCES") + 1
    if position >= len(order):
        return None
    parts = [decode_mysql(tokens[part], statement.codec) or "" for part in chain_at(tokens, order, position).parts]
    leading = [word for word in words[:3] if word == b"ADD"]
    rest = order[len(leading) :]
    name = ""
    if words[len(leading) : len(leading) + 1] == [b"CONSTRAINT"] and len(rest) > 1:
        token = tokens[rest[1]]
        if token[0] == QUOTED or (token[0] == WORD and token[1].upper() != b"FOREIGN"):
            name = decode_mysql(token, statement.codec) or ""
    apart = any(pair == (b"FOREIGN", b"KEY") for pair in zip(words, words[1:]))
    # Cut out of an executable comment, its mark would be lost.
    removable = apart and all(tokens[index][0] != EXEC for index in range(begin, end))
    return ForeignKey(name, parts[-2] if len(parts) > 1 else None, parts[-1], number if removable else None)
