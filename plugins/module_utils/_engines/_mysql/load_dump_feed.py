# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The statements of a dump, one after the other, as they are to be sent. Private to this collection.

A thread of its own reads, unpacks, cuts and renames while the server works; what is ready waits in a queue that holds some
megabytes. Statements of databases that were not chosen are passed over.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Optional, TypeVar, Union

from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.load_dump_parts import DumpChoice
from ansible_collections.vya.backupdb.plugins.module_utils._errors import BackupError, Defect
from ansible_collections.vya.backupdb.plugins.module_utils._interrupts import begin
from ansible_collections.vya.backupdb.plugins.module_utils._sql.identifiers import decode_mysql
from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_database import waiting_event
from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_findings import head_of
from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_policy import (
    DATABASE,
    EXECUTE,
    SETTING,
    Policy,
    policy_of,
)
from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_rename import MySQLRenamer
from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_splitter import MySQLSplitter
from ansible_collections.vya.backupdb.plugins.module_utils._sql.places import Places
from ansible_collections.vya.backupdb.plugins.module_utils._sql.references import Reference
from ansible_collections.vya.backupdb.plugins.module_utils._sql.subjects import MYSQL, database_of, subject_of
from ansible_collections.vya.backupdb.plugins.module_utils._sql.tokens import (
    END,
    META,
    SPACE,
    Data,
    Filler,
    Statement,
)
from ansible_collections.vya.backupdb.plugins.module_utils._sql.values import ValueRules

#: Bytes of statements that wait to be sent.
_WAITING = 8 << 20
#: So many go from one thread to the other at a time: statements, or bytes.
_UNITS = 64
_BATCH = 1 << 18
_LONGEST_BEGINNING = 4096
_MOST_BEGINNINGS = 1000
#: An INSERT up to VALUES, the current database, the character set.
_Key = tuple[bytes, Optional[str], str]
_Value = TypeVar("_Value")
#: Kinds that change what they name, so that each name must be of a database that is loaded.
_CHANGING = ("drop_", "truncate", "rename_", "update", "delete", "create_index", "select", "do", "with")
_MOVING = (b"RENAME", b"EXCHANGE", b"CONVERT")


@dataclass
class Unit:
    """A statement to send.

    Args:
        kind: what it does.
        action: `EXECUTE`, `SETTING` or `DATABASE` of the policies.
        database: recorded name of the database that it belongs to.
        current: recorded name of the current database at its place; None where there is none that is loaded.
        line: where it begins in the dump.
        head: its beginning, for messages.
        sql: its bytes, without delimiter, with the names of shadows; empty where it is too big.
        size: how many bytes it has, also when it is too big.
        statement: its tokens: of statements about databases and variables.
        subject: name of the object that it is about.
        event_status: of an event, which is made disabled.
        problem: why it cannot be sent.
    """

    kind: str
    action: str
    database: Optional[str]
    current: Optional[str]
    line: int
    head: str
    sql: bytes = b""
    size: int = 0
    statement: Optional[Statement] = None
    subject: str = ""
    event_status: str = ""
    problem: str = ""


class _OneByOne(MySQLSplitter):
    """Hands out each INSERT by itself, so that each is sent, and fails, by itself."""

    def _value_rules(self, head: bytes) -> Optional[ValueRules]:
        # without a head the rules do not pass over ends of statements
        return super()._value_rules(head[:0])


class Feed:
    """Reads one dump in a thread of its own. Iterate over it, then look at `references`; close it in any case.

    Args:
        chunks: the dump, unpacked.
        names: recorded name of each database to load -> its shadow.
        renamed: the same of all dumps that are loaded together, which may name each other's databases.
        unnamed: recorded name of the database that statements without a database belong to; None for none.
        longest: the longest statement that the server takes, in bytes.
        sql_mode: that the session begins with.
        ignore_case: the server does not tell names of databases apart by their case.
        choices: recorded name -> what of the database is loaded, where that is not all.
    """

    def __init__(
        self,
        chunks: Iterable[bytes],
        names: Mapping[str, str],
        renamed: Mapping[str, str],
        unnamed: Optional[str],
        longest: int,
        sql_mode: str = "",
        ignore_case: bool = False,
        choices: Optional[Mapping[str, DumpChoice]] = None,
    ) -> None:
        self._names = names
        self._choices = choices or {}
        self._unnamed = unnamed
        self._longest = longest
        self.size = 0
        self._splitter = _OneByOne(self._counted(chunks), sql_mode)
        self._renamer = MySQLRenamer({old: new for old, new in renamed.items() if old}, ignore_case)
        self._folded = {name.lower(): name for name in names} if ignore_case else {}
        self._condition = threading.Condition()
        self._queue: deque[list[Unit]] = deque()
        self._waiting = 0
        self._ended = False
        self._closed = False
        self._complete = False
        #: by the beginning of an INSERT: its text with other names, what it is
        self._renamed: dict[_Key, bytes] = {}
        self._begun: dict[_Key, Optional[Unit]] = {}
        self._late: Optional[Statement] = None
        self._failure: Optional[BaseException] = None
        self._thread = threading.Thread(target=self._work, daemon=True)

    @property
    def references(self) -> list[Reference]:
        """What may still refer to a database by the name that it had in the dump."""
        return self._renamer.references.found

    def __iter__(self) -> Iterator[Unit]:
        begin(self._thread)
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._queue or self._ended)
                if not self._queue:
                    break
                units = self._queue.popleft()
                self._waiting -= _size(units)
                self._condition.notify_all()
            yield from units
        if self._failure is not None:
            raise self._failure
        if not self._complete:
            raise Defect("Reading the dump ended before its end.", "report this as a defect")

    def close(self) -> None:
        """Stop reading."""
        with self._condition:
            self._closed = True
            self._queue.clear()
            self._waiting = 0
            self._condition.notify_all()
        if self._thread.is_alive():
            self._thread.join(10)

    # in the thread

    def _counted(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self.size += len(chunk)
            yield chunk

    def _work(self) -> None:
        found = self._units()
        units: list[Unit] = []
        size = 0
        try:
            for unit in found:
                units.append(unit)
                size += unit.size
                if size >= _BATCH or len(units) >= _UNITS:
                    if not self._put(units):
                        return
                    units, size = [], 0
            self._complete = self._put(units)
        except (BackupError, OSError, ValueError, RuntimeError, MemoryError) as error:
            self._put(units)
            self._failure = error
        finally:
            found.close()
            with self._condition:
                self._ended = True
                self._condition.notify_all()

    def _put(self, units: list[Unit]) -> bool:
        size = _size(units)
        with self._condition:
            self._condition.wait_for(lambda: self._closed or not self._waiting or self._waiting + size <= _WAITING)
            if self._closed:
                return False
            self._queue.append(units)
            self._waiting += size
            self._condition.notify_all()
            return True

    def _units(self) -> Iterator[Unit]:
        codec = ""
        unit: Optional[Unit] = None
        parts: list[bytes] = []
        for item in self._splitter:
            if isinstance(item, Statement):
                if item.codec != codec:
                    codec = item.codec
                    self._splitter.needles = self._renamer.needles(codec)
                if not item.part:
                    unit, parts = self._begin(item), []
            if unit is None or isinstance(item, Filler):
                continue
            self._take(unit, parts, item)
            if isinstance(item, Statement) and item.last:
                unit.sql = b"".join(parts)
                yield unit
                unit = None

    def _take(self, unit: Unit, parts: list[bytes], item: Union[Statement, Data]) -> None:
        """Add a part to a statement, as long as it is not too big for the server."""
        whole = isinstance(item, Statement) and not item.part and item.last
        if whole and unit.kind in ("create_event", "alter_event"):
            item, unit.event_status = waiting_event(item)
        choice = self._choices.get(unit.database or "") if whole else None
        if choice is not None and isinstance(item, Statement):
            shortened = choice.shortened(item)
            if shortened is None:
                # Nothing is left of it: there is nothing to send.
                return
            item = shortened
        text = self._text(item)
        if isinstance(item, Statement) and item.last:
            text = _without_delimiter(item, text)
        unit.size += len(text)
        if unit.size <= self._longest:
            parts.append(text)
        else:
            parts.clear()

    def _text(self, item: Union[Statement, Data]) -> bytes:
        """A part with the names of shadows. The beginnings of INSERT statements are mostly the same."""
        if isinstance(item, Data):
            return item.text
        if not item.part:
            self._late = None
            key = _beginning(item)
            if key is None:
                return self._renamer.apply(item)
            text = self._renamed.get(key)
            if text is not None:
                self._late = item
                return text
            return _remember(self._renamed, key, self._renamer.apply(item))
        if all(kind in (END, SPACE) for kind, _text in item.tokens):
            return item.bytes()
        if self._late is not None:
            # what follows is understood from the beginning
            self._renamer.apply(self._late)
            self._late = None
        return self._renamer.apply(item)

    def _begin(self, statement: Statement) -> Optional[Unit]:
        key = _beginning(statement)
        if key is None:
            return self._look(statement)
        if key not in self._begun:
            _remember(self._begun, key, self._look(statement))
        unit = self._begun[key]
        return None if unit is None else replace(unit, line=statement.line)

    def _look(self, statement: Statement) -> Optional[Unit]:
        policy: Policy = policy_of(statement)
        if policy.action not in (EXECUTE, SETTING, DATABASE):
            return None
        database = self._recorded(database_of(statement, MYSQL))
        if policy.action != SETTING and database not in self._names:
            return None
        choice = self._choices.get(database or "")
        if policy.action == EXECUTE and choice is not None and not choice.takes(statement):
            return None
        current = self._recorded(statement.database)
        unit = Unit(
            statement.kind,
            policy.action,
            database,
            current if current in self._names else None,
            statement.line,
            head_of(statement),
        )
        if policy.action in (DATABASE, SETTING):
            unit.statement = statement
        subject = subject_of(statement, MYSQL)
        unit.subject = subject.names[-1] if subject is not None else ""
        unit.problem = self._foreign(statement)
        return unit

    def _recorded(self, name: Optional[str]) -> Optional[str]:
        """The database that is meant where a statement names one, or none."""
        if name is None:
            return self._unnamed
        return name if name in self._names else self._folded.get(name.lower(), name)

    def _foreign(self, statement: Statement) -> str:
        """Why a statement may not run: it changes a database that is not loaded."""
        text = statement.bytes().upper()
        if b"." not in text or not _changes_what_it_names(statement.kind, text):
            return ""
        places = Places(2, statement.kind, statement.oracle)
        places.feed(statement)
        for place in places.places:
            name = decode_mysql(statement.tokens[place.index], statement.codec) if place.sort == "database" else None
            if name is not None and self._recorded(name) not in self._names:
                return f"it would change the database {name!r}, which is not loaded: it was not executed"
        return ""


def _changes_what_it_names(kind: str, text: bytes) -> bool:
    """Whether a statement, in capital letters, could change tables other than the one that it is about."""
    if kind in ("alter_table", "alter_event"):
        return any(word in text for word in _MOVING)
    # a variable can be set to what a function returns that changes tables
    return kind.startswith(_CHANGING) or (kind == "set" and b"(" in text)


def _size(units: list[Unit]) -> int:
    return sum(unit.size for unit in units)


def _beginning(statement: Statement) -> Optional[_Key]:
    """What tells the beginnings of INSERT statements apart; None for other statements."""
    if statement.kind != "insert" or statement.last or statement.part:
        return None
    text = statement.bytes()
    return (text, statement.database, statement.codec) if len(text) < _LONGEST_BEGINNING else None


def _remember(kept: dict[_Key, _Value], key: _Key, value: _Value) -> _Value:
    if len(kept) >= _MOST_BEGINNINGS:
        kept.clear()
    kept[key] = value
    return value


def _without_delimiter(statement: Statement, text: bytes) -> bytes:
    """The text of a statement's last part without what ends it and what stands before that."""
    if statement.tokens and statement.tokens[-1][0] in (END, META):
        text = text[: len(text) - len(statement.tokens[-1][1])]
    return text.rstrip(b" \t\r\n")
