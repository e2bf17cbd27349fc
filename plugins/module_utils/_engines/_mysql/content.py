# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a database holds beside the rows of its tables, and giving exactly that to a database. Private to this collection.

A database that is parked (a shadow, or one that was replaced) has its events disabled, and may lack views that cannot be
made under its name because their definers may do nothing there. A table in it remembers both.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.catalog import database_properties
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.connection import (
    CONNECTION_LOST,
    Session,
    driver_errors,
    error_number,
    error_text,
    explaining,
    qualified,
    quote_name,
    quote_text,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.flavour import Flavour
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.programs import (
    ENABLED,
    EVENT,
    ROUTINES,
    TRIGGER,
    VIEW,
    Program,
    as_invoker,
    create,
    drop,
    enter,
    names_of,
    of_kinds,
    read_programs,
    renamed,
    with_status,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.shadow import KEPT, OURS, UNWRITTEN, is_ours
from ansible_collections.vya.backupdb.plugins.module_utils._errors import BackupError, NotProven, ServerRefused

_CHUNK = 1 << 19
_FLAG = -1


@dataclass(frozen=True)
class Content:
    """A database but for the rows of its tables.

    Args:
        charset, collation: the database's defaults.
        tables: its tables and sequences.
        programs: its views, routines, triggers and events.
        comment: of the database; None where the server knows none.
        defaults: table, column and expression of the defaults that name a sequence, and so a database.
    """

    charset: str
    collation: str
    tables: Sequence[str] = ()
    programs: Sequence[Program] = ()
    defaults: Sequence[tuple[str, str, str]] = ()
    comment: Optional[str] = None

    @property
    def clauses(self) -> str:
        """The clauses of CREATE or ALTER DATABASE."""
        text = f" CHARACTER SET {self.charset} COLLATE {self.collation}"
        return text if self.comment is None else f"{text} COMMENT {quote_text(self.comment)}"

    @property
    def empty(self) -> bool:
        """Whether nothing is in it."""
        return not self.tables and not self.programs

    def renamed(self, names: Mapping[str, str], ignore_case: bool = False) -> Content:
        """The same with other names of databases."""
        moved = [renamed(program, names, ignore_case)[0] for program in self.programs]
        defaults = []
        for table, column, expression in self.defaults:
            text, _doubts = renamed(
                Program("default", column, f"SELECT {expression}".encode()), names, ignore_case
            )  # a default is an expression, which the renamer only knows inside of a statement
            defaults.append((table, column, text.text.decode()[len("SELECT ") :]))
        return replace(self, programs=tuple(moved), defaults=tuple(defaults))

    def to_json(self) -> dict[str, Any]:
        """For a journal."""
        return {
            "charset": self.charset,
            "collation": self.collation,
            "tables": list(self.tables),
            "programs": [program.to_json() for program in self.programs],
            "defaults": [list(item) for item in self.defaults],
            "comment": self.comment,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Content:
        """The inverse."""
        return cls(
            data["charset"],
            data["collation"],
            tuple(data["tables"]),
            tuple(Program.from_json(item) for item in data["programs"]),
            tuple((item[0], item[1], item[2]) for item in data["defaults"]),
            data["comment"],
        )


def tables_of(session: Session, database: str) -> list[str]:
    """Tables and sequences of a database, but for ours."""
    return [
        row[0]
        for row in session.rows(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = %s AND table_type NOT LIKE %s "
            "ORDER BY 1",
            [database, "%VIEW"],
        )
        if row[0] not in OURS
    ]


def read_content(session: Session, flavour: Flavour, database: str, judge: bool) -> Content:
    """What a database holds; of a parked one, what it holds when it is not.

    Args:
        session: without a default database.
        flavour: of the server.
        database: which.
        judge: look which views cannot be read, and so need not be made again.

    Raises:
        BackupError: the server refused.
    """
    with explaining(f"reading the definitions of database {database}"):
        properties = read_properties(session, flavour, database)
        programs = read_programs(session, database, judge)
        defaults = session.rows(
            "SELECT table_name, column_name, column_default FROM information_schema.columns WHERE table_schema = %s "
            "AND (column_default LIKE %s OR column_default LIKE %s OR column_default LIKE %s) ORDER BY 1, 2",
            [database, "%nextval(`%", "%lastval(`%", "%setval(`%"],
        )
        tables = tables_of(session, database)
        kept = read_chunks(session, database, KEPT) if is_ours(database) else None
    if kept:
        statuses = kept["events"]
        programs = [
            with_status(item, statuses[item.name]) if item.kind == EVENT and item.name in statuses else item
            for item in programs
        ]
        programs += [Program.from_json(item) for item in kept["views"]]
    return replace(
        properties,
        tables=tuple(tables),
        programs=tuple(programs),
        # A view shows the defaults of its tables.
        defaults=tuple((row[0], row[1], row[2]) for row in defaults if row[0] in tables),
    )


def read_properties(session: Session, flavour: Flavour, database: str) -> Content:
    """Character set, collation and comment of a database.

    Raises:
        BackupError: the server refused.
    """
    found = database_properties(session, flavour, database)
    commented = flavour.is_mariadb and flavour.number >= (10, 5)
    return Content(found["charset"], found["collation"], comment=found["comment"] if commented else None)


#: A definer of the view or of a function in it may not do what it needs: the number of the error.
_NO_RIGHTS = frozenset((1044, 1142, 1143, 1227, 1370, 1449))


class Settler:
    """Gives databases exactly the programs that they are to have.

    Args:
        session: for this only: its default database and settings change.
        step: called before each change.
    """

    def __init__(self, session: Session, step: Callable[[], None] = lambda: None) -> None:
        self._session = session
        self._step = step

    def settle(self, wanted: Mapping[str, Content], parked: bool, anew: bool = True, sound: bool = False) -> list[str]:
        """Make the programs of some databases, which may need each other's.

        Args:
            wanted: name of a database -> what it is to hold.
            parked: events are disabled, and views that cannot be made are remembered; otherwise that is an error,
                but for a view that could not be read before either.
            anew: drop what is there first; otherwise what is there is known to be right.
            sound: views may lack rights of their definers, but nothing else.

        Returns:
            Views that were not made, in words.

        Raises:
            BackupError: the server refused.
        """
        there: dict[str, set[tuple[str, str]]] = {}
        for database in wanted:
            with explaining(f"removing the views, routines, triggers and events of {database}"):
                enter(self._session, database)
                there[database] = set(names_of(self._session, database))
                if anew:
                    self._clear(database, there[database])
                    there[database] = set()
        missing = {
            database: [item for item in content.programs if (item.kind, item.name) not in there[database]]
            for database, content in wanted.items()
        }
        for database, programs in missing.items():
            self._defaults(database, wanted[database])
            self._create(database, of_kinds(programs, *ROUTINES))
        left = self._views({name: of_kinds(programs, VIEW) for name, programs in missing.items()}, parked, sound)
        for database, programs in missing.items():
            self._create(database, of_kinds(programs, TRIGGER))
        for database, content in wanted.items():
            events = of_kinds(missing[database], EVENT)
            with explaining(f"setting the character set of {database}"):
                enter(self._session, database)
                self._alter(database, content)
                self._step()
                if parked:
                    self._remember(database, of_kinds(content.programs, EVENT), left.get(database, []))
                else:
                    self._session.execute(f"DROP TABLE IF EXISTS {qualified(database, KEPT)}")
            self._create(database, [with_status(item, "DISABLED") for item in events] if parked else events)
            with explaining(f"setting the character set of {database}"):
                enter(self._session, database)
                self._alter(database, content)
                self._check(database, content, left.get(database, []))
        return [f"{program} of {database}" for database, programs in left.items() for program in programs]

    def _check(self, database: str, content: Content, left: Sequence[Program]) -> None:
        """Make sure that everything is there; an event whose time is over is not, as before."""
        there = set(names_of(self._session, database))
        missing = [item for item in content.programs if item.kind != EVENT and (item.kind, item.name) not in there]
        lost = [str(item) for item in missing if item not in left]
        if lost:
            raise NotProven(
                f"The server took the definitions of {', '.join(lost[:5])} in {database}, but they are not there.",
                "look into the server's log",
            )

    def _alter(self, database: str, content: Content) -> None:
        self._session.execute(f"ALTER DATABASE {quote_name(database)}{content.clauses}")

    def _clear(self, database: str, there: set[tuple[str, str]]) -> None:
        for wanted in (EVENT, TRIGGER, VIEW, "procedure", "function", "package body", "package"):
            for kind, name in sorted(there):
                if kind == wanted:
                    self._step()
                    drop(self._session, database, kind, name)

    def _defaults(self, database: str, content: Content) -> None:
        with explaining(f"to set the defaults of columns from sequences in {database}"):
            enter(self._session, database)
            for table in dict.fromkeys(table for table, _column, _expression in content.defaults):
                # In one statement: what stays would name a sequence that is not there.
                changes = ", ".join(
                    f"ALTER COLUMN {quote_name(column)} SET DEFAULT ({expression})"
                    for of_table, column, expression in content.defaults
                    if of_table == table
                )
                self._step()
                self._session.execute(f"ALTER TABLE {qualified(database, table)} {changes}")

    def _create(self, database: str, programs: Sequence[Program]) -> None:
        for program in programs:
            with explaining(f"to make {program} of {database}"):
                self._step()
                create(self._session, database, program)

    def _views(self, wanted: Mapping[str, Sequence[Program]], parked: bool, sound: bool) -> dict[str, list[Program]]:
        """Make views, whatever the order they need each other in and whatever their definers may do here.

        First all are made with the rights of whoever asks, from those that need none upwards; then each gets its
        definer's rights, downwards: when its turn comes, those that it needs can still be read by us.
        """
        waiting = [(database, item) for database, views in wanted.items() for item in views]
        made: list[tuple[str, Program]] = []
        errors: dict[tuple[str, str], Exception] = {}
        while waiting:
            again = []
            for database, item in waiting:
                self._step()
                try:
                    create(self._session, database, as_invoker(item))
                    made.append((database, item))
                except driver_errors() as error:
                    _refuse_lost(database, item, error)
                    errors[database, item.name] = error
                    again.append((database, item))
            if len(again) == len(waiting):
                break
            waiting = again
        else:
            again = []
        if sound and again and not any(error_number(error) in _NO_RIGHTS for error in errors.values()):
            raise _refused(*again[0], errors)
        for database, item in reversed(made):
            final = as_invoker(item)
            if final == item:
                continue
            with explaining(f"to make {item} of {database}"):
                drop(self._session, database, VIEW, item.name)
            self._step()
            try:
                create(self._session, database, item)
            except driver_errors() as error:
                _refuse_lost(database, item, error)
                errors[database, item.name] = error
                again.append((database, item))
        left: dict[str, list[Program]] = {}
        for database, item in again:
            if not parked and not item.broken:
                raise _refused(database, item, errors)
            left.setdefault(database, []).append(item)
        return left

    def _remember(self, database: str, events: Sequence[Program], views: Sequence[Program]) -> None:
        statuses = {item.name: item.status for item in events if item.status == ENABLED or item.status.startswith("S")}
        self._session.execute(f"DROP TABLE IF EXISTS {qualified(database, KEPT)}")
        if statuses or views:
            write_chunks(
                self._session,
                database,
                KEPT,
                {"events": statuses, "views": [item.to_json() for item in views]},
                "What vya.backupdb needs to give this database its name back: events that were enabled",
            )


def _refused(database: str, item: Program, errors: Mapping[tuple[str, str], Exception]) -> BackupError:
    return ServerRefused(
        f"The server refused to make {item} of {database}: {error_text(errors[database, item.name])}.",
        "look at what it selects from and at the rights of its definer",
    )


def _refuse_lost(database: str, item: Program, error: Exception) -> None:
    """A view that cannot be made is one thing, a server that is gone another."""
    if error_number(error) in CONNECTION_LOST:
        with explaining(f"to make {item} of {database}"):
            raise error


# what is remembered in a table


def write_chunks(session: Session, database: str, table: str, value: Any, comment: str) -> None:
    """Keep a value in a table of its own, in pieces that any max_allowed_packet lets pass.

    The table gets its name when everything is in it. That is on the disk then, however the server flushes its log:
    renaming a table makes it.

    Raises:
        pymysql.MySQLError: the server refused.
    """
    unwritten, name = qualified(database, UNWRITTEN), qualified(database, table)
    session.execute(f"DROP TABLE IF EXISTS {unwritten}, {name}")
    session.execute(
        f"CREATE TABLE {unwritten} (number INT NOT NULL PRIMARY KEY, piece LONGBLOB NOT NULL) "
        f"ENGINE=InnoDB COMMENT='{comment}'"
    )
    data = json.dumps(value)
    for number, begin in enumerate(range(0, len(data), _CHUNK)):
        session.execute(f"INSERT INTO {unwritten} VALUES (%s, %s)", [number, data[begin : begin + _CHUNK]])
    session.execute(f"RENAME TABLE {unwritten} TO {name}")


def set_flag(session: Session, database: str, table: str) -> None:
    """Note in such a table that something has begun.

    Raises:
        pymysql.MySQLError: the server refused.
    """
    session.execute(f"INSERT INTO {qualified(database, table)} VALUES ({_FLAG}, '')")


def has_flag(session: Session, database: str, table: str) -> bool:
    """Whether it was noted.

    Raises:
        pymysql.MySQLError: the server refused.
    """
    return bool(session.value(f"SELECT COUNT(*) FROM {qualified(database, table)} WHERE number = {_FLAG}"))


def read_chunks(session: Session, database: str, table: str) -> Any:
    """What was kept; None where nothing was.

    Raises:
        pymysql.MySQLError: the server refused.
    """
    there = session.value(
        "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = %s AND table_name = %s", [database, table]
    )
    if not there:
        return None
    rows = session.rows(f"SELECT piece FROM {qualified(database, table)} WHERE number >= 0 ORDER BY number")
    return json.loads(b"".join(row[0] for row in rows))
