# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Statements of a dump that the server refused: which of them count, and how they are told. Private to this collection."""

from __future__ import annotations

import re
import threading
from typing import Any

from ansible_collections.vya.backupdb.plugins.module_utils._engines.foreign import StatementError
from ansible_collections.vya.backupdb.plugins.module_utils._errors import LoadFailed
from ansible_collections.vya.backupdb.plugins.module_utils._sql.tokens import Statement

#: What is to be removed is not there: undefined table, object, schema, function, column, or no such relation kind.
_ABSENT = frozenset(("42P01", "42704", "3F000", "42883", "42703"))
_INSUFFICIENT_PRIVILEGE = "42501"
_DUPLICATE_OBJECT = "42710"
_UNDEFINED_OBJECT = "42704"
#: Parameters of sessions that newer versions of pg_dump set and older servers do not know; none changes what is stored.
_OF_NEWER_DUMPS = frozenset(
    (
        b"TRANSACTION_TIMEOUT",
        b"IDLE_SESSION_TIMEOUT",
        b"IDLE_IN_TRANSACTION_SESSION_TIMEOUT",
        b"LOCK_TIMEOUT",
        b"ROW_SECURITY",
        b"DEFAULT_TOAST_COMPRESSION",
    )
)
_COPY_LINE = re.compile(r"\ACOPY (.+), line (\d+)(, column [^:]+)?")
#: Details that show a whole row.
_ROW = "Failing row contains"


class LoadStopped(LoadFailed):
    """A statement failed, and the load stops there; the error is in the collector."""


class Errors:
    """Collects errors, a bounded number; safe to use from several threads.

    Args:
        limit: how many are kept.
        persist: go on after errors.
    """

    def __init__(self, limit: int, persist: bool) -> None:
        self.persist = persist
        self.found: list[StatementError] = []
        self.count = 0
        self._limit = limit
        self._lock = threading.Lock()

    def add(self, error: StatementError, count: int = 1) -> None:
        """Take one in.

        Args:
            error: what failed.
            count: how many that stands for.

        Raises:
            LoadStopped: it is the last.
        """
        with self._lock:
            if self.count and not self.persist:
                raise LoadStopped("Another statement failed before.")
            self.count += count
            if len(self.found) < self._limit:
                self.found.append(error)
        if not self.persist:
            raise LoadStopped(str(error))


def is_harmless(statement: Statement, code: str, superuser: bool) -> bool:
    """Whether the failure of a statement in a new database loses nothing.

    ``pg_dump --clean`` drops what a new database does not have; newer versions set parameters that older servers do not
    know; old ones create the language PL/pgSQL; and a login that is no superuser may not comment on extensions, as older versions of pg_dump do.

    Args:
        statement: what failed.
        code: SQLSTATE.
        superuser: whether the login is one.
    """
    words = statement.words
    if drops(statement):
        return code in _ABSENT
    if statement.kind == "set":
        return code == _UNDEFINED_OBJECT and bool(_OF_NEWER_DUMPS & set(words[:3]))
    if statement.kind == "create_language":
        # which every new database has, since version 9.0
        return code == _DUPLICATE_OBJECT and b"PLPGSQL" in words
    return statement.kind == "comment_on_extension" and code == _INSUFFICIENT_PRIVILEGE and not superuser


def drops(statement: Statement) -> bool:
    """Whether a statement removes something."""
    if statement.kind.startswith("drop_") or b"LO_UNLINK" in statement.words[:4]:
        return True
    return statement.kind.startswith("alter_") and any(word in statement.words for word in (b"DROP", b"DETACH"))


def told(error: Any) -> str:
    """What the server said, in one line, without what a row holds.

    Args:
        error: of the driver.
    """
    diag = error.diag
    primary = diag.message_primary or str(error)
    parts = [primary]
    if diag.message_detail and not diag.message_detail.startswith(_ROW):
        parts.append(diag.message_detail)
    if diag.message_hint:
        parts.append(diag.message_hint)
    copied = _COPY_LINE.match(diag.context or "")
    if copied:
        parts.append(f"(COPY {copied[1]}{copied[3] or ''})")
    elif diag.context:
        parts.append(f"({diag.context.splitlines()[0]})")
    return " ".join(" ".join(parts).split())


def row_of(error: Any) -> int:
    """The row of COPY that failed, from 1; 0 if none did."""
    copied = _COPY_LINE.match(error.diag.context or "")
    return int(copied[2]) if copied else 0
