# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""JSON that a stranger may have written. Private to this collection.

What two readers could understand differently, and what only costs time, is an error: names that are there twice, numbers
that are none, numbers of thousands of digits, values nested without end.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn

_DEEPEST = 64
_MOST_DIGITS = 80


def strict_json(data: bytes) -> Any:
    """A value from JSON in UTF-8.

    Lone surrogates stand for bytes that are no UTF-8, as everywhere in a set.

    Raises:
        ValueError: it is not JSON, or not such that every reader understands the same.
    """
    try:
        value = json.loads(
            data.decode("utf-8", "surrogateescape"),
            object_pairs_hook=_object,
            parse_constant=_no_number,
            parse_int=_integer,
            parse_float=_float,
        )
    except RecursionError:
        raise ValueError("values are nested too deeply") from None
    _check_depth(value)
    if b"\\u" in data:
        # A half of a pair that stands for no byte either could not be written again, nor name a file.
        json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogateescape")
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        seen: set[str] = set()
        for name, _value in pairs:
            if name in seen:
                raise ValueError(f"the name {name[:80]!r} is there twice")
            seen.add(name)
    return value


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number of JSON")


def _integer(text: str) -> int:
    if len(text) > _MOST_DIGITS:
        raise ValueError("a number has too many digits")
    return int(text)


def _float(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError("a number is too large")
    return value


def _check_depth(value: Any) -> None:
    level = [value]
    for _depth in range(_DEEPEST):
        containers = [item for item in level if isinstance(item, (dict, list))]
        if not containers:
            return
        level = [inner for item in containers for inner in (item.values() if isinstance(item, dict) else item)]
    raise ValueError("values are nested too deeply")
