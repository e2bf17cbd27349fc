# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Definitions as the server prints them, in one form for the same meaning. Private to this collection.

The server keeps expressions as trees and prints them as text that, read again, is not always the same tree:
``status IN ('a', 'b')`` over a varchar column is printed as ``ANY ((ARRAY['a'::character varying, …])::text[])``; read
again, the cast goes into the array, ``ANY (ARRAY[('a'::character varying)::text, …])``; and an AND within an AND becomes one
with it (transformTypeCast and makeAndExpr in PostgreSQL's parser). So a view that was dumped and restored prints
otherwise than before although nothing differs. Texts are brought into the form that reading them again leads to.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Optional, Union

_TOKEN = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|[()\[\]]|[^'"()\[\]]+""")
_OPERATOR = re.compile(r"( AND | OR )")
_OF_A_TYPE = re.compile(r"[\w$ .,]*\Z")
_CLOSING = {"(": ")", "[": "]"}


@dataclass(frozen=True)
class _Group:
    """A part in brackets.

    Args:
        text: all of it.
        operator: what joins its operands: `` AND `` or `` OR ``; empty for any other group.
        operands: what is joined.
        elements: of the array that is all that it holds, or what commas part where the brackets are square.
    """

    text: str
    operator: str = ""
    operands: Sequence[str] = ()
    elements: Optional[Sequence[str]] = None


_Item = Union[str, _Group]


def stable(text: Optional[str]) -> Optional[str]:
    """A printed definition or expression in the form that it has after a dump and a restore."""
    if text is None or ("ARRAY[" not in text and " AND " not in text and " OR " not in text):
        return text
    levels: list[tuple[str, list[_Item]]] = [("", [])]
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            return text
        token = match.group()
        position = match.end()
        if token in _CLOSING:
            levels.append((token, []))
        elif token in (")", "]"):
            opening, items = levels.pop()
            if _CLOSING.get(opening) != token:
                return text
            levels[-1][1].append(_group(opening, items))
        else:
            levels[-1][1].append(token)
    return _joined(_with_casts_inside(levels[0][1])) if len(levels) == 1 else text


def stable_all(texts: Optional[Iterable[str]]) -> Optional[list[str]]:
    """Several definitions, each as :func:`stable` has it."""
    return None if texts is None else [stable(text) or "" for text in texts]


def _joined(items: Iterable[_Item]) -> str:
    return "".join(item if isinstance(item, str) else item.text for item in items)


def _group(opening: str, items: list[_Item]) -> _Group:
    items = _with_casts_inside(items)
    if opening == "[":
        return _Group(f"[{_joined(items)}]", elements=[_joined(part) for part in _parts(items, re.compile("(, )"))[1]])
    operators, parts = _parts(items, _OPERATOR)
    if len(set(operators)) == 1:
        operator = operators[0]
        operands: list[str] = []
        for part in parts:
            only = part[0] if len(part) == 1 else None
            if isinstance(only, _Group) and only.operator == operator:
                operands.extend(only.operands)
            else:
                operands.append(_joined(part))
        return _Group(f"({operator.join(operands)})", operator, operands)
    array = items[1] if len(items) == 2 and items[0] == "ARRAY" else None
    return _Group(f"({_joined(items)})", elements=array.elements if isinstance(array, _Group) else None)


def _parts(items: Sequence[_Item], separator: re.Pattern[str]) -> tuple[list[str], list[list[_Item]]]:
    """The separators that stand outside of quotes and brackets, and what is between them."""
    found: list[str] = []
    parts: list[list[_Item]] = [[]]
    for item in items:
        if not isinstance(item, str) or item[0] in "'\"":
            parts[-1].append(item)
            continue
        for number, piece in enumerate(separator.split(item)):
            if number % 2:
                found.append(piece)
                parts.append([])
            elif piece:
                parts[-1].append(piece)
    return found, parts


def _with_casts_inside(items: list[_Item]) -> list[_Item]:
    """``(ARRAY[a, b])::type[]`` becomes ``ARRAY[(a)::type, (b)::type]``."""
    result: list[_Item] = []
    position = 0
    while position < len(items):
        item = items[position]
        position += 1
        cast = None
        if isinstance(item, _Group) and item.elements is not None and item.text.startswith("(ARRAY["):
            cast = _cast(items, position)
        if cast is None or not isinstance(item, _Group):
            result.append(item)
            continue
        name, position = cast
        elements = [f"({element})::{name}" for element in item.elements or () if element]
        result += ["ARRAY", _Group(f"[{', '.join(elements)}]", elements=elements)]
    return result


def _cast(items: Sequence[_Item], position: int) -> Optional[tuple[str, int]]:
    """The name of the array's element type that a position casts to, and the position behind it."""
    name = ""
    for number, item in enumerate(items[position:]):
        if isinstance(item, _Group):
            if item.text == "[]":
                return (name[2:], position + number + 1) if name.startswith("::") and len(name) > 2 else None
            if not re.fullmatch(r"\([\d, -]+\)", item.text):
                return None
            name += item.text
        elif item.startswith('"') or _OF_A_TYPE.match(item[2:] if number == 0 and item.startswith("::") else item):
            name += item
        else:
            return None
    return None
