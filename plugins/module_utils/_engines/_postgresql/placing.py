# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Giving all databases of a run their names, when every one of them is finished. Private to this collection."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.connection import Access, explained
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.instance import (
    Server,
    has_user_objects,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.occupants import (
    obstacles,
    sessions_in,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.quoting import identifier
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.shadow import (
    drop,
    has_subscriptions,
    no_template,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.swap import (
    LONGEST_NAME,
    Swap,
    open_beside,
    swap,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines.placement import REPLACE, Placement
from ansible_collections.vya.backupdb.plugins.module_utils._engines.previous import previous_name, previous_of
from ansible_collections.vya.backupdb.plugins.module_utils._errors import (
    BackupError,
    ChangedMeanwhile,
    Interrupted,
    InUse,
)
from ansible_collections.vya.backupdb.plugins.module_utils._progress import Reporter

if TYPE_CHECKING:
    from psycopg import Connection as Session

_NAMES = "SELECT datname FROM pg_catalog.pg_database"
_LIVES = "SELECT FROM pg_catalog.pg_stat_activity WHERE pid = ANY (%s)"
#: A server process whose client is gone may still be at its last statement.
_SECONDS_TO_END = 10.0


@dataclass(frozen=True)
class Ready:
    """A finished shadow.

    Args:
        name: what it will be called.
        shadow: what it is called until now.
        statements: SQL that completes it in the same transaction as the renaming.
        emptied: set where an empty database of initdb has the name: what that is called until it is removed.
    """

    name: str
    shadow: str
    statements: Sequence[str] = ()
    emptied: Optional[str] = None


class Placer:
    """Gives finished databases their names, one after the other; what had them before is kept as the placement says.

    Args:
        access: the way to the server.
        reporter: where warnings go.
        server: what the server is.
        application: ``application_name`` of its sessions, which shows that the run lives.
        placement: what happens to what is there already.
    """

    def __init__(
        self, access: Access, reporter: Reporter, server: Server, application: str, placement: Placement
    ) -> None:
        self._access = access
        self._reporter = reporter
        self._server = server
        self._application = application
        self._placement = placement
        self._session: Optional[Session[Any]] = None
        self._backends: set[int] = set()
        self._avoid: frozenset[str] = frozenset()
        self._done: dict[str, Optional[str]] = {}

    def __enter__(self) -> Placer:
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self._session is not None:
            self._access.forget(self._session)

    def begin(self, ready: Sequence[Ready]) -> None:
        """Open the session to work from, so that the run shows that it lives from here on."""
        self._avoid = frozenset(name for item in ready for name in (item.name, item.shadow))
        if ready:
            self._beside(frozenset({ready[0].name, ready[0].shadow}))

    def place(self, ready: Sequence[Ready]) -> list[Optional[str]]:
        """Give every database its name; returns what the ones before are called now.

        Args:
            ready: all of a run: previous ones that are among them are never removed.

        Raises:
            BackupError: somebody uses one of the databases, or something else went wrong; its details say which
                databases have been replaced before that. Every other name means what it meant before.
        """
        self.begin(ready)
        try:
            with explained("giving the databases their names"):
                self._refuse(ready)
                for item in ready:
                    self._place(item)
                for item in ready:
                    self._tidy(item)
        except BackupError as error:
            error.details = (*error.details, *self._state(ready))
            raise
        return [self._done[item.name] for item in ready]

    def _beside(self, avoid: frozenset[str]) -> Session[Any]:
        """A session to another database than some; the one before stays open until the new one is."""
        if self._session is None or self._session.info.dbname in avoid:
            new = open_beside(self._access, avoid, self._application, self._avoid)
            if self._session is not None:
                self._access.forget(self._session)
            self._session = new
            self._backends.add(new.info.backend_pid)
        return self._session

    def _refuse(self, ready: Sequence[Ready]) -> None:
        """Before the first renaming: raise if anything forbids one of them."""
        if self._session is None:
            return
        names = self._names(self._session)
        problems = [
            text
            for item in ready
            if item.name in names
            for text in obstacles(self._session, item.name, self._access.backends, self._placement.disconnect)
        ]
        if problems:
            raise InUse(
                "The databases are restored, and what has their names cannot be replaced; everything is as it was:",
                "run again when nobody uses them",
                problems,
            )

    def _place(self, item: Ready) -> None:
        session = self._beside(frozenset({item.name, item.shadow}))
        previous = None
        names = self._names(session)
        if item.name in names:
            if item.emptied is not None:
                self._make_sure_of_emptiness(item.name)
                previous = item.emptied
            elif self._placement.if_exists == REPLACE:
                previous = previous_name(item.name, self._placement.stamp, names | self._avoid, LONGEST_NAME, True)
        change = Swap(item.name, item.shadow, previous, item.statements)
        swap(self._access, session, change, self._placement.disconnect)
        self._done[item.name] = previous
        self._reporter.changed = True

    def _make_sure_of_emptiness(self, name: str) -> None:
        database = self._server.database(name)
        if database is None or not database.properties["allow_connections"]:
            return
        with self._access.session(name, application=self._application) as session:
            if has_user_objects(session):
                raise ChangedMeanwhile(
                    f"The database {name!r} was empty and is not any more. It is left as it is.",
                    "run again; to replace what is in it, with if_exists: replace",
                )

    def _tidy(self, item: Ready) -> None:
        """Remove what is not to be kept of what had the name before; a failure is a warning."""
        previous = self._done[item.name]
        if previous is None:
            return
        session = self._beside(frozenset({item.name, item.shadow}))
        if previous == item.emptied:
            drop(self._access, session, previous, self._server.number)
            self._done[item.name] = None
            return
        keep = self._placement.keep_previous
        there = previous_of(item.name, self._names(session), LONGEST_NAME, True)
        older = [name for name in there if name != previous and name not in self._avoid]
        for name in [*reversed(older[max(0, keep - 1) :]), *([previous] if keep == 0 else [])]:
            if self._remove(session, name) and name == previous:
                self._done[item.name] = None

    def _remove(self, session: Session[Any], name: str) -> bool:
        """Remove a previous database unless somebody needs it."""
        why = ""
        try:
            with explained(f"removing {name}"):
                busy = sessions_in(session, name, self._access.backends)
                if has_subscriptions(session, name):
                    why = "it has subscriptions, whose slots on the publishers would stay for ever"
                elif busy:
                    why = f"it is in use ({busy[0]})"
                else:
                    no_template(session, name)
                    session.execute(f"DROP DATABASE IF EXISTS {identifier(name)}")
                    return True
        except Interrupted:
            raise
        except BackupError as error:
            why = error.message
        self._reporter.warn(f"The previous database {name!r} was not removed: {why}. Remove it when it is not needed.")
        return False

    @staticmethod
    def _names(session: Session[Any]) -> frozenset[str]:
        return frozenset(row[0] for row in session.execute(_NAMES))

    def _state(self, ready: Sequence[Ready]) -> list[str]:
        """After a failure: what has been replaced all the same."""
        done = [self._told(name, previous) for name, previous in self._done.items()]
        pending = [item for item in ready if item.name not in self._done]
        if not pending:
            return done
        try:
            names = self._look_again()
        except BackupError as error:
            unknown = f"Whether {pending[0].name!r} is already the restored one is not known: {error.message}"
            return [*done, f"{unknown} It is wholly the old database or wholly the new one."]
        return [*done, *(self._told(item.name, None) for item in pending if item.shadow not in names)]

    @staticmethod
    def _told(name: str, previous: Optional[str]) -> str:
        kept = "" if previous is None else f"; what it was is called {previous!r} now"
        return f"{name!r} is the restored database already{kept}."

    def _look_again(self) -> frozenset[str]:
        """The names of the databases once nothing of this run is at work any more."""
        if self._session is not None:
            self._access.forget(self._session)
            self._session = None
        deadline = time.monotonic() + _SECONDS_TO_END
        with explained("looking what became of the databases"), self._access.session() as session:
            while session.execute(_LIVES, (sorted(self._backends),)).fetchone() and time.monotonic() < deadline:
                time.sleep(0.05)
            return self._names(session)
