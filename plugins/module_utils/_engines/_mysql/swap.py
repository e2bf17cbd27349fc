# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Putting complete databases in the place of others. Private to this collection.

All tables change places in one RENAME TABLE, which the server does wholly or not at all. What cannot be moved is made
anew around it. Before anything is changed, a journal in the incoming database says everything that is needed to go on
or back; where the tables are says which way: before the RENAME back, after it on.
"""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.connection import (
    Server,
    Session,
    driver_errors,
    error_number,
    error_text,
    explaining,
    qualified,
    quote_name,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.content import (
    Content,
    Settler,
    has_flag,
    read_chunks,
    read_content,
    set_flag,
    tables_of,
    write_chunks,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.exchanges import (
    Exchange,
    Part,
    moved_of,
    routine_grants,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.inbound import foreign_keys_into, lead_to
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.occupants import (
    described,
    end,
    in_transactions,
    kept_away,
    occupants,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.programs import (
    EVENT,
    TRIGGER,
    VIEW,
    drop,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.shadow import (
    JOURNAL,
    MARKER,
    databases_with,
    exists,
    sweep,
)
from ansible_collections.vya.backupdb.plugins.module_utils._errors import BackupError, ChangedMeanwhile, InUse, Running
from ansible_collections.vya.backupdb.plugins.module_utils._progress import Reporter

#: How long one attempt waits for locks on tables, and all of them together, in seconds.
_ATTEMPT = 2
_PATIENCE = 30.0
_LOCK_TIMEOUT = (1205, 1213)
#: Foreign keys move with their tables and are not checked again; old rows of versioned tables stay.
_PATIENTLY = 30
_SETTINGS = {"foreign_key_checks": "0", "lock_wait_timeout": str(_PATIENTLY)}


class Swap:
    """Exchanges some databases, all or none.

    Args:
        server: where.
        lock: the name of the lock that says that the caller is alive (see ``shadow.Run``).
        reporter: for warnings.
        disconnect: end the sessions that are in the way.
    """

    def __init__(self, server: Server, lock: str, reporter: Reporter, disconnect: bool = False) -> None:
        self._server = server
        self._lock = lock
        self._reporter = reporter
        self._disconnect = disconnect
        self._parts: list[Part] = []
        self._grants: list[str] = []
        self._lost: list[str] = []
        self._home = ""

    def run(self, exchanges: Sequence[Exchange], grants: Sequence[str] = ()) -> None:
        """Exchange.

        Args:
            exchanges: the databases.
            grants: statements to run when everything has its name: grants on tables and routines.

        Raises:
            BackupError: it did not work, and everything is as it was; or, if the server is gone too, the next restore
                or rollback brings it back to that.
        """
        if not exchanges:
            return
        names = [item.live for item in exchanges]
        with self._exclusively(names) as (session, other):
            self._plan(session, exchanges, grants)
            self._vacate(session)
            self._home = exchanges[0].incoming
            with explaining("writing the journal of the exchange"):
                write_chunks(other, self._home, JOURNAL, self._journal(), "An exchange of databases by vya.backupdb")
            try:
                with self._undisturbed(session, other, self._disconnect):
                    self._wait_for_locks(other, _ATTEMPT)
                    self._begin(session, other)
                    self._move(session, other)
                    self._wait_for_locks(other, _PATIENTLY)
                    self._settle(other)
            except BaseException:
                self._undo_or_say()
                raise
            self._reporter.changed = True
            try:
                self._finish(session, other)
            except BackupError as error:
                self._reporter.warn(
                    f"The exchange is complete; what is left over is removed by the next restore or rollback. {error}"
                )

    # preparing

    @contextlib.contextmanager
    def _sessions(self) -> Iterator[tuple[Session, Session]]:
        settings = dict(_SETTINGS)
        if self._server.flavour.keeps_history:
            settings["system_versioning_alter_history"] = "KEEP"
        with self._server.session() as session, self._server.session(**settings) as other:
            yield session, other

    @contextlib.contextmanager
    def _exclusively(self, names: Sequence[str]) -> Iterator[tuple[Session, Session]]:
        """The same two, while nobody else exchanges these databases."""
        with self._sessions() as both, _alone(both[0], names):
            yield both

    def _journal(self) -> dict[str, Any]:
        return {
            "held_by": self._lock,
            "grants": self._grants,
            "lost": self._lost,
            "parts": [part.to_json() for part in self._parts],
        }

    def _plan(self, session: Session, exchanges: Sequence[Exchange], grants: Sequence[str]) -> None:
        names = {item.incoming: item.live for item in exchanges}
        case = bool(int(session.value("SELECT @@lower_case_table_names")))
        for item in exchanges:
            there = exists(session, item.live)
            brought = read_content(session, self._server.flavour, item.incoming, judge=False)
            old = (
                read_content(session, self._server.flavour, item.live, judge=True)
                if there
                else Content(brought.charset, brought.collation)
            )
            if item.previous is None and not old.empty:
                raise ChangedMeanwhile(
                    f"Database {item.live} was filled by somebody else while its backup was being loaded.",
                    "find out who did so, then run the restore again",
                )
            kept = old.renamed({item.live: item.previous} if item.previous else {}, case)
            pointing = foreign_keys_into(session, item.live, list(names.values())) if there else ()
            self._parts.append(Part(item, there, old, kept, brought, brought.renamed(names, case), pointing))
        routines = routine_grants(self._server, self._parts)
        self._grants = [*(text for text, again in routines if again), *grants]
        self._lost = [text for text, _again in routines]

    def _vacate(self, session: Session) -> None:
        """Make sure that nobody uses what is replaced."""
        found = occupants(session, self._lives)
        if found and not self._disconnect:
            raise InUse(
                f"{' and '.join(self._lives)} cannot be replaced while sessions use it: {described(found)}.",
                "stop the applications, or let their sessions be ended (disconnect: true)",
            )
        end(session, found)

    @property
    def _lives(self) -> list[str]:
        """The databases that are replaced."""
        return [part.exchange.live for part in self._parts if part.exchange.previous is not None]

    @contextlib.contextmanager
    def _undisturbed(self, session: Session, other: Session, alone: bool) -> Iterator[None]:
        """Send whoever uses the databases away, again and again, if that was asked for."""
        with contextlib.ExitStack() as stack:
            if alone and self._lives:
                stack.enter_context(kept_away(self._server, self._lives, (session.id, other.id)))
            yield

    def _wait_for_locks(self, other: Session, seconds: int) -> None:
        with explaining("setting up the session"):
            other.execute(f"SET SESSION lock_wait_timeout = {seconds}")

    def _patiently(self, session: Session, action: Callable[[], object]) -> None:
        """Do something that needs tables that others may hold.

        Raises:
            BackupError: they hold them; names them.
        """
        deadline = time.monotonic() + (_PATIENCE if self._disconnect else 0)
        while True:
            try:
                action()
            except driver_errors() as error:
                if error_number(error) not in _LOCK_TIMEOUT:
                    raise
                if time.monotonic() > deadline:
                    raise self._locked(session, error) from error
            else:
                return

    def _locked(self, session: Session, error: Exception) -> BackupError:
        holders = occupants(session, self._lives) or in_transactions(session)
        return InUse(
            f"The tables of {' and '.join(part.exchange.live for part in self._parts)} are locked: {error_text(error)}. "
            + (f"Candidates: {described(holders)}." if holders else "No session says that it holds them."),
            "end the sessions, or stop the applications, then run this again",
        )

    # the exchange

    def _begin(self, session: Session, other: Session) -> None:
        """Make the other names, and take away what RENAME stumbles over."""
        for part in self._parts:
            exchange = part.exchange
            if exchange.previous is not None:
                with explaining(f"to make database {exchange.previous}"):
                    self._execute(other, f"CREATE DATABASE {quote_name(exchange.previous)}{part.old.clauses}")
            if not part.existed:
                with explaining(f"to make database {exchange.live}"):
                    self._execute(other, f"CREATE DATABASE {quote_name(exchange.live)}{part.new.clauses}")
        for part in self._parts:
            for database, content in ((part.exchange.live, part.old), (part.exchange.incoming, part.brought)):
                with explaining(f"removing events and triggers of {database}"):
                    for program in content.programs:
                        clashes = program.kind == VIEW and program.name in part.brought.tables
                        if program.kind in (EVENT, TRIGGER) or clashes:
                            self._step()
                            self._patiently(session, partial(drop, other, database, program.kind, program.name))

    def _move(self, session: Session, other: Session) -> None:
        moves = [move for part in self._parts for move in part.moves()]
        with explaining("writing the journal of the exchange"):
            self._step()
            set_flag(other, self._home, JOURNAL)
        if moves:
            self._rename(session, other, moves)
        for part in self._parts:
            with explaining(f"looking at the tables of {part.exchange.live}"):
                found = tables_of(session, part.exchange.live)
            if set(found) != set(part.brought.tables):
                raise ChangedMeanwhile(
                    f"Tables were made or dropped in {part.exchange.live} while it was being replaced.",
                    "stop the applications, then run this again",
                )

    def _rename(self, session: Session, other: Session, moves: Sequence[tuple[str, str]]) -> None:
        statement = "RENAME TABLE " + ", ".join(f"{old} TO {new}" for old, new in moves)
        with explaining("moving the tables"):
            self._step()
            self._patiently(session, partial(other.execute, statement))

    def _settle(self, other: Session) -> None:
        """Make what could not be moved: first under the live names."""
        settler = Settler(other, self._step)
        settler.settle({part.exchange.live: part.new for part in self._parts}, parked=False)
        with explaining("renewing foreign keys of other databases"):
            for part in self._parts:
                lead_to(other, part.foreign, part.exchange.live)
        for statement in self._grants:
            self._grant(other, statement)
        left = settler.settle(
            {part.exchange.previous: part.kept for part in self._parts if part.exchange.previous is not None},
            parked=True,
        )
        for text in left:
            self._reporter.warn(
                f"The {text} cannot be made under that name with the rights of its definer: it is kept and comes back "
                "with a rollback."
            )

    def _grant(self, other: Session, statement: str) -> None:
        with explaining("granting on tables and routines"):
            self._execute(other, statement)

    def _finish(self, session: Session, other: Session) -> None:
        """Remove the incoming databases, which hold nothing but what was made anew; the journal goes last."""
        for part in sorted(self._parts, key=lambda part: part.exchange.incoming == self._home):
            incoming = part.exchange.incoming
            with explaining(f"dropping database {incoming}"):
                left = tables_of(session, incoming) if exists(session, incoming) else []
                if left:
                    raise ChangedMeanwhile(
                        f"Tables came into {incoming} while it got another name: {', '.join(left[:5])}.",
                        f"look at them, then drop database {incoming}",
                    )
                self._step()
                self._mark(other, incoming)
                self._execute(other, f"DROP DATABASE IF EXISTS {quote_name(incoming)}")

    def _mark(self, other: Session, incoming: str) -> None:
        """Whoever finds a half of it knows that it can be dropped."""
        if exists(other, incoming):
            table = qualified(incoming, MARKER)
            other.execute(
                f"CREATE TABLE IF NOT EXISTS {table} (held_by VARCHAR(64) CHARACTER SET ascii NOT NULL PRIMARY KEY)"
            )
            other.execute(f"INSERT IGNORE INTO {table} VALUES (%s)", [self._lock])

    def _execute(self, session: Session, statement: str) -> None:
        self._step()
        session.execute(statement)

    def _step(self) -> None:
        """Called before each change; tests let it fail."""

    # undoing

    def _undo_or_say(self) -> None:
        """Undo on connections of their own: the first ones may be what has failed.

        Sessions that hold tables are waited for; when that was in vain, they are ended: a database without its triggers
        would be worse.
        """
        for firm in (False, True):
            try:
                with self._sessions() as (session, other):
                    self._undo(session, other, firm)
            except (BackupError, driver_errors()) as error:
                reason = error
            else:
                return
        self._reporter.warn(
            f"The failed exchange could not be undone ({reason}): the next restore or rollback on this server does it."
        )

    def _undo(self, session: Session, other: Session, firm: bool = True) -> None:
        """Everything as it was; from any moment of an exchange or of an undoing.

        Args:
            session, other: connections.
            firm: end the sessions that are in the way.
        """
        with explaining("looking where the tables are"):
            moving = has_flag(session, self._home, JOURNAL)
            moved = [there for part in self._parts for there in moved_of(session, part)]
        # Nobody was there when the tables were moved: who has come since must not keep a half of it alive.
        with self._undisturbed(session, other, firm or self._disconnect or any(moved)):
            self._bring_back(session, other, moving)

    def _bring_back(self, session: Session, other: Session, moving: bool) -> None:
        with explaining("moving the tables back"):
            back = [
                (new, old)
                for part in reversed(self._parts)
                for old, new in reversed([move for move, there in zip(part.moves(), moved_of(session, part)) if there])
            ]
            if back:
                self._free(other)
                other.execute("RENAME TABLE " + ", ".join(f"{new} TO {old}" for new, old in back))
        settler = Settler(other)
        left = settler.settle({part.exchange.live: part.old for part in self._parts if part.existed}, False, moving)
        for text in left:
            self._reporter.warn(f"The {text}, which could not be read before either, could not be made again.")
        settler.settle({part.exchange.incoming: part.brought for part in self._parts}, True, moving)
        with explaining("undoing the exchange"):
            for part in self._parts:
                lead_to(other, part.foreign, part.exchange.live)
                gone = [part.exchange.previous] if part.exchange.previous else []
                gone += [] if part.existed else [part.exchange.live]
                for name in gone:
                    if exists(session, name) and not tables_of(session, name):
                        other.execute(f"DROP DATABASE {quote_name(name)}")
            for statement in self._lost if moving else ():
                other.execute(statement)
            other.execute(f"DROP TABLE IF EXISTS {qualified(self._home, JOURNAL)}")

    def _free(self, other: Session) -> None:
        """Take away the triggers and views that RENAME stumbles over on its way back."""
        for part in self._parts:
            for program in part.new.programs:
                if program.kind in (EVENT, TRIGGER) or (program.kind == VIEW and program.name in part.old.tables):
                    drop(other, part.exchange.live, program.kind, program.name)
            for program in part.kept.programs:
                if program.kind in (EVENT, TRIGGER) and part.exchange.previous is not None:
                    drop(other, part.exchange.previous, program.kind, program.name)

    # after a death

    def resume(self, home: str, journal: Mapping[str, Any]) -> None:
        """Finish or undo what a dead run left.

        Args:
            home: the database with the journal.
            journal: what it says.

        Raises:
            BackupError: neither works.
        """
        self._home = home
        self._parts = [Part.from_json(item) for item in journal["parts"]]
        self._grants = list(journal["grants"])
        self._lost = list(journal["lost"])
        lives = " and ".join(part.exchange.live for part in self._parts)
        names = [part.exchange.live for part in self._parts]
        with self._exclusively(names) as (session, other):
            with explaining("looking where the tables are"):
                moved = [there for part in self._parts for there in moved_of(session, part)]
            if moved and all(moved):
                try:
                    self._clear_previous(other)
                    self._settle(other)
                except BackupError as error:
                    self._undo(session, other)
                    self._reporter.warn(f"The exchange of {lives}, in which a run had died, was undone: {error}")
                    return
                self._finish(session, other)
                self._reporter.warn(
                    f"The exchange of {lives}, in which a run had died, was finished: the new one is there."
                )
                return
            self._undo(session, other)
            self._reporter.warn(f"The exchange of {lives}, in which a run had died, was undone: it is as it was.")

    def _clear_previous(self, other: Session) -> None:
        for part in self._parts:
            if part.exchange.previous is not None:
                with explaining(f"to make database {part.exchange.previous}"):
                    other.execute(f"CREATE DATABASE IF NOT EXISTS {quote_name(part.exchange.previous)}")


def recover(server: Server, reporter: Reporter) -> None:
    """Finish or undo what dead runs left of exchanges, and drop the databases that they were loading.

    Every restore, load and rollback calls this before anything else.

    Raises:
        BackupError: an exchange can neither be finished nor undone.
    """
    with server.session() as session:
        for home, journal in cut_off(session).items():
            Swap(server, journal["held_by"], reporter).resume(home, journal)
        for name in sweep(session):
            reporter.warn(f"{name}, which a restore that died had left, was dropped.")


def cut_off(session: Session) -> dict[str, Any]:
    """Exchanges in which a run died: the database with the journal, and what that says."""
    found = {}
    with explaining("looking for exchanges that were cut off"):
        for home in databases_with(session, JOURNAL):
            journal = read_chunks(session, home, JOURNAL)
            if journal is not None and session.value("SELECT IS_FREE_LOCK(%s)", [journal["held_by"]]) == 1:
                found[home] = journal
    return found


def exchanged(journal: Mapping[str, Any]) -> list[str]:
    """The live names that an exchange is about."""
    return [item["exchange"][1] for item in journal["parts"]]


def vanishing(session: Session, journal: Mapping[str, Any]) -> set[str]:
    """Databases that are gone when an exchange that was cut off has been finished or undone."""
    parts = [Part.from_json(item) for item in journal["parts"]]
    with explaining("looking where the tables are"):
        moved = [there for part in parts for there in moved_of(session, part)]
    if moved and all(moved):
        return {part.exchange.incoming for part in parts}
    return {part.exchange.previous for part in parts if part.exchange.previous is not None} | {
        part.exchange.live for part in parts if not part.existed
    }


@contextlib.contextmanager
def _alone(session: Session, names: Sequence[str]) -> Iterator[None]:
    """Nobody else exchanges these databases."""
    with explaining("taking the lock of the exchange"):
        for name in sorted(names):
            lock = "vya.backupdb.exchange." + hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:32]
            if session.value("SELECT GET_LOCK(%s, 10)", [lock]) != 1:
                raise Running(f"Another run exchanges database {name} just now.", "wait until it is done")
    yield
