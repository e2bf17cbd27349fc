# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sizes, ages and tables for people, on the controller. Private to this collection."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.vya.backupdb.plugins.module_utils._errors import UsageError
from ansible_collections.vya.backupdb.plugins.module_utils._modules._results import human_bytes

_NOTHING = "-"
_BETWEEN = "  "
#: Longest text of a cell, in columns of a terminal; the rest is cut.
_WIDEST = 60
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def number(value: Any, filter_name: str) -> float:
    """A value as a number.

    Raises:
        AnsibleFilterError: it is none.
    """
    try:
        return float(value)
    except (TypeError, ValueError):
        raise AnsibleFilterError(str(UsageError(f"{filter_name} wants a number, not {value!r}."))) from None


def size(value: Any) -> str:
    """Bytes for people: ``1.5 GiB``."""
    return human_bytes(int(number(value, "human_size")))


def age(value: Any) -> str:
    """Seconds as an age, in one unit: ``3 h``, ``2 days``."""
    seconds = max(0, int(number(value, "human_age")))
    if seconds < _MINUTE:
        return f"{seconds} s"
    if seconds < _HOUR:
        return f"{seconds // _MINUTE} min"
    if seconds < 2 * _DAY:
        return f"{seconds // _HOUR} h"
    return f"{seconds // _DAY} days"


def duration(value: Any) -> str:
    """Seconds as the time that something took: ``0.4 s``, ``12 s``, ``3 min 5 s``, ``2 h 10 min``."""
    seconds = max(0.0, number(value, "human_duration"))
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE} s"
    return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE} min"


def printable(value: Any) -> str:
    """A text on one line: what would move the cursor or cannot be shown is written as an escape."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape", "backslashreplace").decode("ascii")
        for character in str(value)
    )


def _yes_no(value: Any) -> str:
    return "yes" if value else "no"


def _names(value: Any) -> str:
    if isinstance(value, str):
        return printable(value)
    return ", ".join(printable(item) for item in value) or _NOTHING


def _verification(value: Any) -> str:
    """What a verification found: the dict that M(backup_info) returns as ``verified``."""
    if not isinstance(value, Mapping):
        return "no"
    if value.get("ok"):
        return printable(value.get("level", "yes"))
    problems = value.get("problems", 1)
    return f"DAMAGED: {problems} problem{'' if problems == 1 else 's'}"


def _hold(value: Any) -> str:
    """Whether a set is held: the dict that M(backup_info) returns as ``held``."""
    if not isinstance(value, Mapping):
        return "no"
    return f"until {printable(str(value['until'])[:10])}" if value.get("until") else "yes"


def _proven(value: Any) -> str:
    """When a drill has proven a set: the dict that M(backup_info) returns as ``proven``."""
    if not isinstance(value, Mapping):
        return "no"
    if not value.get("ok"):
        return "FAILED"
    return printable(str(value.get("proven_at") or "no")[:10])


#: How a cell is written, and whether it stands to the right.
KINDS: Mapping[str, tuple[Callable[[Any], str], bool]] = {
    "text": (printable, False),
    "names": (_names, False),
    "yes_no": (_yes_no, False),
    "verification": (_verification, False),
    "hold": (_hold, False),
    "proven": (_proven, False),
    "count": (printable, True),
    "size": (size, True),
    "age": (age, True),
    "duration": (duration, True),
}


def width(text: str) -> int:
    """How many columns of a terminal a text takes."""
    columns = 0
    for character in text:
        if not unicodedata.combining(character):
            columns += 2 if unicodedata.east_asian_width(character) in "WF" else 1
    return columns


def _cut(text: str) -> str:
    if width(text) <= _WIDEST:
        return text
    while width(text) > _WIDEST - 1:
        text = text[:-1]
    return text + "…"


def _look_up(row: Mapping[str, Any], path: str) -> Any:
    value: Any = row
    for name in path.split("."):
        if not isinstance(value, Mapping) or name not in value:
            return None
        value = value[name]
    return value


def table(rows: Iterable[Mapping[str, Any]], columns: Sequence[Mapping[str, str]]) -> list[str]:
    """Rows as the lines of a table with a heading.

    Args:
        rows: one mapping a row.
        columns: for each column its ``title``, the ``value`` to show (a key of the row, with dots into nested ones), and
            ``kind``, how to show it (see KINDS; ``text`` where it is not given).

    Raises:
        AnsibleFilterError: a column is malformed, or a value is not of its column's kind.
    """
    cells = [[str(_column(column, "title")) for column in columns]]
    kinds = [_kind(column) for column in columns]
    paths = [_column(column, "value") for column in columns]
    for row in rows:
        values = [_look_up(row, path) for path in paths]
        cells.append(
            [
                _cut(show(value)) if value is not None or show in (_yes_no, _verification, _hold, _proven) else _NOTHING
                for value, (show, _right) in zip(values, kinds)
            ]
        )
    widths = [max(width(line[index]) for line in cells) for index in range(len(columns))]
    cells.insert(1, ["-" * columns_wide for columns_wide in widths])
    return [
        _BETWEEN.join(
            _pad(cell, columns_wide, right) for cell, columns_wide, (_show, right) in zip(line, widths, kinds)
        ).rstrip()
        for line in cells
    ]


def _column(column: Mapping[str, str], key: str) -> str:
    if key not in column:
        raise AnsibleFilterError(str(UsageError(f"text_table: a column has no {key}: {column!r}.")))
    return column[key]


def _kind(column: Mapping[str, str]) -> tuple[Callable[[Any], str], bool]:
    kind = column.get("kind", "text")
    if kind not in KINDS:
        wrong = UsageError(f"text_table: there is no kind {kind!r}.", f"choose one of {', '.join(sorted(KINDS))}")
        raise AnsibleFilterError(str(wrong))
    return KINDS[kind]


def _pad(text: str, columns_wide: int, right: bool) -> str:
    blanks = " " * (columns_wide - width(text))
    return blanks + text if right else text + blanks
