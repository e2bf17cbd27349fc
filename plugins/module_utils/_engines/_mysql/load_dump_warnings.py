# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the server remarks on statements of a dump: what changed a row or a definition is an error. Private to this collection."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Optional

from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.connection import Session
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.load_dump_feed import Unit
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.load_dump_session import (
    Answer,
    DumpSession,
    Remark,
)
from ansible_collections.vya.backupdb.plugins.module_utils._progress import Reporter
from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_rows import inserted_columns, inserted_values

_WRITES = frozenset(("insert", "update", "delete"))
#: Warnings that say nothing about the rows: a value given for a generated column, deprecated syntax, statements that a
#: binary log cannot replay.
_HARMLESS = frozenset((1287, 1592, 1681, 1906, 3719, 3720))
#: Of definitions: the event scheduler is off.
_ABOUT_EVENTS = frozenset((1105, 1544))
_TRUNCATED = 1265
#: Notes of other statements that change what was asked for: another storage engine, another type, a shorter key.
_CHANGED = frozenset((1246, 1266, 1286))
_COLUMN = re.compile(r"'([^']*)'")
_NUMBER = re.compile(r"\d+")
_MOST_WARNINGS = 20


class Judge:
    """Looks at remarks.

    Args:
        admin: a session for what is not of the dump.
        session: the one of the dump.
        reporter: for what is no error.
        public: a message with the names that the operator knows.
    """

    def __init__(self, admin: Session, session: DumpSession, reporter: Reporter, public: Callable[[str], str]) -> None:
        self._admin = admin
        self._session = session
        self._reporter = reporter
        self._public = public
        self._warned = 0

    def problem_of(self, answer: Answer, unit: Unit, dump: str, shadow: str) -> Optional[str]:
        """Why a statement counts as failed: nothing that changed a row passes. What else the server says is handed on.

        Args:
            answer: what the server said to it.
            unit: the statement.
            dump: label of the dump.
            shadow: the database that it belongs to.
        """
        writes = unit.kind in _WRITES
        telling = [item for item in answer.warnings if _tells(item, writes)]
        if not telling:
            return None
        if not writes:
            changed = next((item for item in telling if item.code in _CHANGED), None)
            if changed is not None:
                return f"{changed.message} (warning {changed.code})"
            if self._warned < _MOST_WARNINGS:
                self._warned += 1
                texts = "; ".join(self._public(item.message) for item in telling[:3])
                self._reporter.warn(f"{dump}, line {unit.line}: {unit.head}: the server says: {texts}")
            return None
        if self._are_empty_enums(unit, answer, telling, shadow):
            return None
        first = telling[0]
        more = f"; {answer.count} values in this statement" if answer.count > 1 else ""
        return f"the row would not be what it was: {first.message} (warning {first.code}{more})"

    # the empty value of ENUM

    def _are_empty_enums(self, unit: Unit, answer: Answer, warnings: list[Remark], shadow: str) -> bool:
        """Whether every warning is of an ENUM's empty value 0, which no member stands for and which dumps write as ''."""
        wanted: dict[int, set[str]] = {}
        for item in warnings:
            match, rows = _COLUMN.search(item.message), _NUMBER.findall(item.message)
            if item.code != _TRUNCATED or match is None or not rows:
                return False
            wanted.setdefault(int(rows[-1]), set()).add(match.group(1).rpartition(".")[2].strip("`"))
        if answer.count > len(answer.warnings):
            return False
        columns = self._columns(shadow, unit.subject)
        if not {name for names in wanted.values() for name in names} <= {
            name for name, enum in columns.items() if enum
        }:
            return False
        mode = self._session.reading()
        order = inserted_columns(unit.sql, mode) or list(columns)
        empty = 0
        for row, position, text in inserted_values(unit.sql, mode):
            if row in wanted and position <= len(order) and order[position - 1] in wanted[row]:
                if text not in (b"''", b'""'):
                    return False
                empty += 1
        return empty == sum(map(len, wanted.values()))

    def _columns(self, shadow: str, table: str) -> dict[str, bool]:
        """The columns of a table, as it is now, that an INSERT without names fills, and whether each is an ENUM."""
        rows = self._admin.rows(
            "SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = %s "
            "AND table_name = %s AND extra NOT LIKE '%%INVISIBLE%%' ORDER BY ordinal_position",
            [shadow, table],
        )
        return {row[0]: row[1] == "enum" for row in rows}


def _tells(item: Remark, writes: bool) -> bool:
    if item.code in _HARMLESS:
        return False
    if writes:
        return item.level != "Note" or item.code == _TRUNCATED
    return (item.level != "Note" and item.code not in _ABOUT_EVENTS) or item.code in _CHANGED
