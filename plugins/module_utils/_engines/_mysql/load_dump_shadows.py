# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Filling the shadows of databases from a dump. Private to this collection.

A shadow is made when the dump first fills it, with the character set that the dump's CREATE DATABASE says; USE, CREATE,
ALTER and DROP DATABASE act on it alone. Every refusal of the server is kept with its line, and so is every value that a
row could not hold: no row is changed in silence.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Optional

from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.connection import (
    Server,
    Session,
    driver_errors,
    error_number,
    error_text,
    explaining,
    quote_name,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.definitions import charset_clauses
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.load_dump_feed import Feed, Unit
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.load_dump_parts import DumpChoice
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.load_dump_session import (
    Answer,
    DumpSession,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.load_dump_warnings import Judge
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.shadow import Run
from ansible_collections.vya.backupdb.plugins.module_utils._engines.foreign import (
    STOP,
    DumpSource,
    LoadRequest,
    StatementError,
)
from ansible_collections.vya.backupdb.plugins.module_utils._errors import ConnectionFailed
from ansible_collections.vya.backupdb.plugins.module_utils._progress import Reporter
from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_database import database_options
from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_policy import DATABASE, SETTING

#: So much is inserted before it is committed, in bytes.
_COMMIT = 64 << 20
#: What is missing may come later in the dump, or in the next one.
_MISSING = frozenset((1049, 1054, 1146, 1305, 1347, 1356, 1630))
_MAY_WAIT = frozenset(("create_view", "create_routine", "create_trigger", "create_event"))
_MOST_WAITING = 16 << 20


@dataclass
class Shadow:
    """A database on its way.

    Args:
        recorded, name: in the dump, and from now on.
        shadow: where it is loaded.
        made: whether the shadow is there.
        options: of the database, as SQL.
        events: status of each event, by its name in the shadow, where all wait.
        seconds: how long it took.
    """

    recorded: str
    name: str
    shadow: str
    made: bool = False
    options: dict[str, str] = field(default_factory=dict)
    events: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0


@dataclass
class _Waiting:
    dump: str
    unit: Unit
    database: str
    environment: bytes


class Stopped(Exception):
    """The first error ends the load."""


class Shadows:
    """Loads dumps into the shadows of their databases.

    Args:
        server: where to load.
        admin: a session for what is not of the dump.
        run: the run that the shadows belong to.
        request: what happens at an error, and how many are kept.
        renamed: recorded name -> shadow, of all dumps.
        reporter: for progress and warnings.
        said: warnings of the plan, which are not repeated.
    """

    def __init__(
        self,
        server: Server,
        admin: Session,
        run: Run,
        request: LoadRequest,
        renamed: Mapping[str, str],
        reporter: Reporter,
        said: Collection[str] = (),
    ) -> None:
        self._admin = admin
        self._run = run
        self._request = request
        self._renamed = renamed
        self._reporter = reporter
        self._said = said
        self._server = server
        self._session = DumpSession(server)
        self._dump = ""
        self._shadows: Mapping[str, Shadow] = {}
        self._by_name: dict[str, Shadow] = {}
        self._uncommitted = 0
        self._waiting: list[_Waiting] = []
        self._waiting_size = 0
        self._judge = Judge(admin, self._session, reporter, self._public)
        self.errors: list[StatementError] = []
        self.error_count = 0

    def close(self) -> None:
        """End what the session does, and the session."""
        if self._session.busy:
            self._server.kill([self._session.id])
        self._session.close()

    # one dump

    def load(
        self,
        source: DumpSource,
        shadows: Mapping[str, Shadow],
        unnamed: Optional[str],
        choices: Optional[Mapping[str, DumpChoice]] = None,
    ) -> None:
        """Load a dump.

        Args:
            source: the dump.
            shadows: recorded name -> shadow, of what is loaded.
            unnamed: recorded name of what no statement names.
            choices: recorded name -> what of a database is loaded, where that is not all.

        Raises:
            Stopped: a statement failed, and nothing more is wanted.
            BackupError: the dump cannot be read, or the connection is lost.
        """
        self._dump, self._shadows = source.part.label, shadows
        self._by_name.update({item.shadow: item for item in shadows.values()})
        names = {recorded: item.shadow for recorded, item in shadows.items()}
        self._session.reset()
        session = self._session
        feed = Feed(
            source.part.chunks(),
            names,
            self._renamed,
            unnamed,
            session.longest,
            session.sql_mode,
            session.ignore_case,
            choices,
        )
        line = 0
        try:
            for unit in feed:
                line = unit.line
                self._do(unit)
                self._reporter.progress("loading the dump", feed.size, None if source.part.codecs else source.part.size)
            for item in shadows.values():
                self._make(item)
            self._end(line)
        except ConnectionFailed as error:
            raise ConnectionFailed(
                f"{error.message} This was at the statement in line {line} of {self._dump}.", error.remedy
            ) from error
        finally:
            feed.close()
        for item in shadows.values():
            if item.recorded and item.recorded != item.name:
                for reference in feed.references:
                    text = f"{self._dump}, {reference}"
                    if reference.name == item.recorded and text not in self._said:
                        self._reporter.warn(text)

    def _end(self, line: int) -> None:
        """The dump has been read."""
        self._check(self._session.send(b"COMMIT"), Unit("commit", "", None, None, line, "COMMIT"))

    def finish(self) -> None:
        """Make what waits for other objects.

        Raises:
            Stopped: something failed, and nothing more is wanted.
            ConnectionFailed: the connection is lost.
        """
        while self._waiting:
            waiting, self._waiting = self._waiting, []
            self._waiting_size = 0
            failed: list[tuple[_Waiting, Answer]] = []
            for item in waiting:
                self._session.send(item.environment)
                answer = self._send(item.unit, item.database)
                if answer.error:
                    failed.append((item, answer))
            if len(failed) == len(waiting):
                for item, answer in failed:
                    self._dump = item.dump
                    self._fail(item.unit, answer.error)
                return
            self._waiting = [item for item, _answer in failed]

    # statements

    def _do(self, unit: Unit) -> None:
        if unit.problem:
            self._fail(unit, unit.problem)
            return
        if unit.action == DATABASE:
            self._database(unit)
            return
        if not unit.sql:
            if unit.size:
                self._fail(
                    unit,
                    f"it is {unit.size} bytes long, and the server takes no more than {self._session.longest} "
                    "(max_allowed_packet): raise that on the server",
                )
            return
        if unit.action == SETTING:
            self._check(self._session.send(unit.sql), unit)
            self._session.settle()
            return
        owner = self._shadows[unit.database or ""]
        current = self._shadows[unit.current] if unit.current is not None else owner
        for item in {id(owner): owner, id(current): current}.values():
            self._make(item)
        answer = self._send(unit, current.shadow)
        if answer.error and unit.kind in _MAY_WAIT and answer.code in _MISSING and self._wait(unit, current.shadow):
            return
        self._check(answer, unit)
        if unit.event_status or unit.kind == "create_event":
            owner.events[unit.subject] = unit.event_status or "ENABLED"
        self._filled(unit)

    def _filled(self, unit: Unit) -> None:
        """A statement has been executed: now and then a transaction ends."""
        self._uncommitted += unit.size
        if self._uncommitted > _COMMIT:
            self._check(self._session.send(b"COMMIT"), unit)
            self._uncommitted = 0

    def _send(self, unit: Unit, database: str) -> Answer:
        try:
            self._session.enter(database)
        except driver_errors() as error:
            return Answer(error_text(error), error_number(error))
        return self._session.send(unit.sql)

    def _wait(self, unit: Unit, database: str) -> bool:
        self._waiting_size += unit.size
        if self._waiting_size > _MOST_WAITING:
            return False
        self._waiting.append(_Waiting(self._dump, unit, database, self._session.environment()))
        return True

    def _database(self, unit: Unit) -> None:
        item = self._shadows[unit.database or ""]
        if unit.kind == "drop_database" and item.made:
            # A dump that begins anew.
            with explaining(f"dropping database {item.shadow}"):
                self._session.send(b"COMMIT")
                self._admin.execute(f"DROP DATABASE {quote_name(item.shadow)}")
            self._session.forget()
            item.made = False
            item.options, item.events = {}, {}
        elif unit.kind in ("create_database", "alter_database") and unit.statement is not None:
            changes = database_options(unit.statement)
            if "charset" in changes and "collation" not in changes:
                item.options.pop("collation", None)
            item.options.update(changes)
            if item.made and changes:
                sql = f"ALTER DATABASE {quote_name(item.shadow)}{_clauses(changes)}"
                self._check(self._session.send(sql.encode("utf-8")), unit)
                self._session.forget()

    def _make(self, item: Shadow) -> None:
        if item.made:
            return
        if not item.options:
            item.options = self._found_options(item.name)
        with explaining(f"to make database {item.shadow}"):
            self._admin.execute(f"CREATE DATABASE {quote_name(item.shadow)}{_clauses(item.options)}")
        item.made = True
        self._run.mark(self._admin, item.shadow)

    def _found_options(self, name: str) -> dict[str, str]:
        """Of a dump that does not say them: those of the database that has the name, which may have been made for this."""
        with explaining(f"looking for database {name}"):
            found = self._admin.rows(
                "SELECT default_character_set_name, default_collation_name FROM information_schema.schemata "
                "WHERE schema_name = %s",
                [name],
            )
        return {"charset": found[0][0], "collation": found[0][1]} if found else {}

    # errors

    def _fail(self, unit: Unit, message: str) -> None:
        self.error_count += 1
        if len(self.errors) < self._request.error_limit:
            self.errors.append(StatementError(self._dump, unit.line, unit.head, self._public(message)))
        if self._request.on_error == STOP:
            raise Stopped

    def _public(self, message: str) -> str:
        """What the server said, with the name that the operator knows."""
        for item in self._by_name.values():
            message = message.replace(item.shadow, item.name)
        return message

    def _check(self, answer: Answer, unit: Unit) -> None:
        if answer.error:
            self._fail(unit, answer.error)
        elif answer.count:
            owner = self._shadows.get(unit.database or "")
            problem = self._judge.problem_of(answer, unit, self._dump, owner.shadow if owner is not None else "")
            if problem is not None:
                self._fail(unit, problem)


def _clauses(options: Mapping[str, str]) -> str:
    properties = {key: value for key, value in options.items() if key != "comment"}
    comment = options.get("comment")
    return charset_clauses(properties) + (f" COMMENT {comment}" if comment else "")
