# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an inventory of a MySQL or MariaDB dump knows beside names: what it needs, what of it will not run. Private to this collection."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Optional

from ansible_collections.vya.backupdb.plugins.module_utils._sql.charsets import decode
from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_mentions import Mention
from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_needs import needs_of
from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_objects import ObjectsTaker, table_of
from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_policy import (
    ACCOUNT,
    EXECUTE,
    OMIT,
    REFUSE,
    policy_of,
)
from ansible_collections.vya.backupdb.plugins.module_utils._sql.subjects import MYSQL, database_of, subject_of
from ansible_collections.vya.backupdb.plugins.module_utils._sql.tokens import END, EXEC, Statement

#: So many are kept of each.
_MOST = 1000
_PLACES = 5
_MOST_ACCOUNTS = 20_000
_MOST_TABLES = 2000


@dataclass(frozen=True)
class Finding:
    """A statement that will not run.

    database: that it belongs to, as far as it says; empty where it does not
    line: of the dump
    head: its beginning, without constants
    reason: why, as the end of a sentence that begins with the statement
    """

    database: str
    line: int
    head: str
    reason: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.head}: {self.reason}"


@dataclass(frozen=True)
class AccountText:
    """A statement about an account.

    line: of the dump
    text: without delimiter, and without the marks of an executable comment
    gate: the opening mark of the executable comment that all of it stands in, such as ``/*!80001``; empty for none
    """

    line: int
    text: str = field(repr=False)
    gate: str = ""


@dataclass
class MySQLFindings:
    """What is found in the statements of a dump.

    needs: (database, sort, name as written) -> the first places
    needed_by: the same -> the tables that need it; an empty name for the database itself, and where tables are too many
    refused: statements that forbid the load
    omitted: statements that are left out
    accounts: statements about accounts; they hold hashes
    definers: account -> the databases that have views, routines, triggers or events of it
    objects: what its databases hold
    mentions: what may refer to a database of it by its name, and was not in a place where names are
    """

    needs: dict[tuple[str, str, str], list[str]] = field(default_factory=dict)
    needed_by: dict[tuple[str, str, str], set[str]] = field(default_factory=dict)
    refused: list[Finding] = field(default_factory=list)
    omitted: list[Finding] = field(default_factory=list)
    accounts: list[AccountText] = field(default_factory=list, repr=False)
    definers: dict[str, set[str]] = field(default_factory=dict)
    objects: ObjectsTaker = field(default_factory=ObjectsTaker, repr=False)
    mentions: list[Mention] = field(default_factory=list)

    def see(self, statement: Statement) -> bool:
        """Take the first part of a statement in; returns whether it is content of a database."""
        policy = policy_of(statement)
        database = database_of(statement, MYSQL) or ""
        for sort, name in needs_of(statement):
            self._need(database, sort, name, statement)
        found: Optional[list[Finding]] = {REFUSE: self.refused, OMIT: self.omitted}.get(policy.action)
        if found is not None and len(found) < _MOST:
            found.append(Finding(database, statement.line, head_of(statement), policy.reason))
        if policy.action == ACCOUNT and len(self.accounts) < _MOST_ACCOUNTS:
            self.accounts.append(_account_text(statement))
        return policy.action == EXECUTE

    def _need(self, database: str, sort: str, name: str, statement: Statement) -> None:
        if len(self.needs) >= _MOST:
            return
        key = (database, sort, name)
        tables = self.needed_by.setdefault(key, set())
        if statement.kind not in ("create_view", "create_routine", "create_event"):
            tables.add((table_of(statement) or "") if len(tables) < _MOST_TABLES else "")
        places = self.needs.setdefault(key, [])
        if len(places) < _PLACES:
            subject = subject_of(statement, MYSQL)
            places.append(f"{subject} in line {statement.line}" if subject is not None else f"line {statement.line}")


def head_of(statement: Statement) -> str:
    """The beginning of a statement for messages, never with what stands behind a password's keyword."""
    head = statement.head
    upper = head.upper()
    ends = [upper.index(word) + len(word) for word in ("PASSWORD", "IDENTIFIED") if word in upper]
    return head[: min(ends)] + " …" if ends else head


def _account_text(statement: Statement) -> AccountText:
    text = b"".join([text for kind, text in statement.tokens if kind not in (END, EXEC)])
    first = statement.tokens[0]
    gate = first[1].decode("ascii") if first[0] == EXEC else ""
    return AccountText(statement.line, decode(text, statement.codec).strip(), gate)
