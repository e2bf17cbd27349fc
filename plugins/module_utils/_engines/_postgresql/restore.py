# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Restoring databases: loaded as shadows, completed, then given their names. Private to this collection."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql import archive, public_schema, staging
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.connection import Access, explained, sql
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.dump import conninfo
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.instance import Server
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.properties import (
    create_statement,
    opening_statement,
    property_statements,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.quoting import identifier
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.shadow import Shadows, drop
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.tools import Tools
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.workers import Team
from ansible_collections.vya.backupdb.plugins.module_utils._errors import BackupError, ProcessError
from ansible_collections.vya.backupdb.plugins.module_utils._model import Artefact, Database
from ansible_collections.vya.backupdb.plugins.module_utils._process import Command
from ansible_collections.vya.backupdb.plugins.module_utils._progress import Reporter

if TYPE_CHECKING:
    from psycopg import Connection as Session

#: Entries of an archive that make event triggers, or say something about them.
_EVENT_TRIGGER = re.compile(rb"\A\d+; \d+ \d+ (EVENT TRIGGER |(COMMENT|SECURITY LABEL) - EVENT TRIGGER )")
_TOC_ENTRY = re.compile(r"from TOC entry \d+; \d+ \d+ (.+)")
#: Nothing of a shadow can be lost by a crash before its last transaction, the renaming, is on disk: that one waits for
#: the disk as always, and everything before it with it.
_LOAD_SETTINGS = {
    "synchronous_commit": "off",
    "default_transaction_read_only": "off",
    "idle_in_transaction_session_timeout": "0",
}
#: What only a superuser may set: keeps passwords of user mappings and roles out of the server's log.
QUIET_SETTINGS = {
    "log_statement": "none",
    "log_min_duration_statement": "-1",
    "log_min_error_statement": "panic",
}
_ANALYZE = """
SELECT pg_catalog.format('%I.%I', n.nspname, c.relname)
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'm', 'p') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
   AND (c.relkind <> 'm' OR c.relispopulated)
 ORDER BY c.relpages DESC, 1
"""
_ANALYZED_AT_A_TIME = 50
_LONGEST_HEAD = 200
#: First major version that has the parameter.
_TRANSACTION_TIMEOUT = 17
_ERRORS_IGNORED = re.compile(r"errors ignored on restore: (\d+)")


@dataclass(frozen=True)
class Loaded:
    """A finished shadow, or the database that it became."""

    database: Database
    target: str
    shadow: str


class Loader:
    """Loads databases into one server. Safe to use from several threads.

    Args:
        access: the way to the server.
        team: where programs run.
        reporter: where warnings go.
        server: what it is.
        tools: the programs to restore with.
        analyze: compute the planner's statistics afterwards.
        roles: roles that exist by now.
    """

    def __init__(
        self,
        access: Access,
        team: Team,
        reporter: Reporter,
        server: Server,
        tools: Tools,
        analyze: bool,
        roles: frozenset[str],
    ) -> None:
        self.shadows = Shadows()
        self._access = access
        self._team = team
        self._reporter = reporter
        self._server = server
        self._tools = tools
        self._analyze = analyze
        self._roles = roles

    def load(
        self,
        session: Session[Any],
        database: Database,
        target: str,
        artefact: Artefact,
        path: str,
        number: int,
        workers: int,
    ) -> Loaded:
        """Load an archive into a new shadow; :meth:`complete` and :meth:`finish` come next.

        Args:
            session: of :meth:`administer`.
            database: as recorded.
            target: the name that it will get.
            artefact: its archive.
            path: where the archive is.
            number: of the shadow, unique in this run.
            workers: how much may run at a time.
        """
        shadow = self.shadows.name(number)
        session.execute(create_statement(shadow, database.properties, self._server.number, self._server.superuser))
        if not self._server.superuser:
            session.execute(f"REVOKE CONNECT ON DATABASE {identifier(shadow)} FROM PUBLIC")
        details = artefact.details
        if details.get("public_schema") is None:
            with self._access.session(shadow) as inside:
                public_schema.prepare(inside, None)
        way = staging.way_to(path, self._tools, self._access.account)
        room = staging.room_for(way, artefact, database)
        with staging.temporary_directory(room, self._access.account) as scratch:
            source = self._laid_out(way, path, scratch, workers)
            lists = self._lists(source, scratch) if details.get("event_triggers") else []
            for options in lists or [[]]:
                self._pg_restore(database.name, target, shadow, source, workers, options)
        return Loaded(database, target, shadow)

    def complete(self, loaded: Loaded, artefact: Artefact, workers: int) -> None:
        """Do inside a loaded shadow what its archive does not: schema public as recorded, and statistics."""
        with self._access.session(loaded.shadow) as session:
            public_schema.enforce(session, artefact.details.get("public_schema"))
            tables = [row[0] for row in session.execute(_ANALYZE)] if self._analyze else []
            if not tables:
                return
            if workers == 1 or len(tables) == 1:
                self._analyze_all(session, tables)
                return
        self._team.spread(tables, workers, lambda names: self._analyze_some(loaded.shadow, names))

    def discard_all(self) -> None:
        """Remove what is left of this run; a failure of that is a warning, since something else failed before."""
        try:
            with explained("removing unfinished databases"), self.administer() as session:
                for name in self.shadows.mine(session):
                    drop(self._access, session, name, self._server.number)
        except BackupError as error:
            self._reporter.warn(f"Unfinished databases could not be removed, the next restore does it: {error.message}")

    def bytes_loaded(self, session: Session[Any]) -> int:
        """How large the shadows are by now."""
        query = "SELECT pg_catalog.pg_database_size(%s::name)"
        rows = [session.execute(query, (name,)).fetchone() for name in self.shadows.mine(session)]
        return sum(row[0] for row in rows if row is not None)

    @contextlib.contextmanager
    def administer(self, database: Optional[str] = None) -> Iterator[Session[Any]]:
        """A session that shows that this run lives."""
        with self._access.session(database, application=self.shadows.application) as session:
            yield session

    def finishing(self, loaded: Loaded) -> list[str]:
        """SQL, for one transaction, that gives a finished shadow its properties and its name."""
        properties = loaded.database.properties
        return [
            *property_statements(loaded.shadow, properties, self._roles),
            opening_statement(loaded.shadow, properties),
            f"ALTER DATABASE {identifier(loaded.shadow)} RENAME TO {identifier(loaded.target)}",
        ]

    def finish(self, session: Session[Any], loaded: Loaded) -> None:
        """Let a finished shadow take its name."""
        with session.transaction():
            for statement in self.finishing(loaded):
                session.execute(statement)

    def _laid_out(self, way: str, path: str, scratch: str, workers: int) -> str:
        """Where pg_restore finds an archive."""
        if way == staging.DIRECT:
            return path
        place = Path(scratch, "archive")
        place.mkdir(mode=0o700)
        if way == staging.SHOWN:
            staging.show(path, str(place))
        else:
            archive.decompress(self._team, path, str(place), workers)
        staging.give_to(self._access.account, str(place))
        return str(place)

    def _lists(self, source: str, scratch: str) -> list[list[str]]:
        """Options for two runs: all but the event triggers, which must not fire meanwhile, and then those."""
        listing = archive.entries(self._tools.path("pg_restore"), source)
        options = []
        for name, wanted in (("objects", False), ("triggers", True)):
            lines = [line for line in listing if bool(_EVENT_TRIGGER.match(line)) is wanted]
            file = Path(scratch, name)
            file.write_bytes(b"".join(lines))
            options.append([f"--use-list={file}"])
        return options

    def _pg_restore(
        self, recorded: str, target: str, shadow: str, source: str, workers: int, options: Sequence[str]
    ) -> None:
        environment = self._access.environment()
        settings = {**_LOAD_SETTINGS, **(QUIET_SETTINGS if self._server.superuser else {})}
        environment["PGOPTIONS"] = " ".join(f"-c {name}={value}" for name, value in settings.items())
        environment["PGAPPNAME"] = self.shadows.application
        # From 17 on it begins with a parameter that older servers do not know: the one error that is no loss.
        forgiving = self._tools.major >= _TRANSACTION_TIMEOUT > self._server.major
        command = Command(
            [
                self._tools.path("pg_restore"),
                "--format=directory",
                f"--jobs={workers}",
                *([] if forgiving else ["--exit-on-error"]),
                "--no-password",
                f"--dbname={conninfo(shadow)}",
                *options,
                source,
            ],
            env=environment,
            secret_env=self._access.secret_environment(),
            account=self._access.account,
        )
        try:
            self._team.execute(command)
        except ProcessError as error:
            if not (forgiving and _only_transaction_timeout(error)):
                raise restore_failure(error, recorded, target) from None

    def _analyze_all(self, session: Session[Any], tables: Sequence[str]) -> None:
        for begin in range(0, len(tables), _ANALYZED_AT_A_TIME):
            self._team.check()
            session.execute(sql("ANALYZE " + ", ".join(tables[begin : begin + _ANALYZED_AT_A_TIME])))

    def _analyze_some(self, shadow: str, tables: Iterator[str]) -> None:
        with explained(f"computing statistics of {shadow}"), self._access.session(shadow) as session:
            for table in tables:
                session.execute(sql(f"ANALYZE {table}"))


def _only_transaction_timeout(error: ProcessError) -> bool:
    """Whether every error of pg_restore is that the server does not know ``transaction_timeout``."""
    ignored = _ERRORS_IGNORED.search(error.stderr_tail)
    unknown = error.stderr_tail.count('unrecognized configuration parameter "transaction_timeout"')
    return error.returncode == 1 and ignored is not None and int(ignored[1]) == unknown


def restore_failure(error: ProcessError, recorded: str, target: str) -> BackupError:
    """What pg_restore said, without the statement that failed: it may hold a password.

    Args:
        error: of the program.
        recorded: the database in the set.
        target: the name that it would have got.
    """
    text, _marker, statement = error.stderr_tail.partition("Command was:")
    said = [line.removeprefix("pg_restore: ").removeprefix("error: ") for line in text.splitlines() if line.strip()]
    entry = next((found for line in said for found in [_TOC_ENTRY.search(line)] if found), None)
    where = f" at {entry[1]}" if entry else f" at: {_head(statement)}" if statement.strip() else ""
    how = "" if said else f" {error.message}"
    details = [line for line in said if not _TOC_ENTRY.search(line) and "while PROCESSING TOC" not in line]
    return BackupError(
        f"Restoring {recorded!r} as {target!r} failed{where}; nothing has that name.{how}",
        "solve what the server says, then run again",
        details,
    )


def _head(statement: str) -> str:
    """The beginning of a statement, up to where a secret could stand: in quotes."""
    head = re.split(r"['$(]|\bOPTIONS\b|\bPASSWORD\b|\bCONNECTION\b", " ".join(statement.split()), maxsplit=1)[0]
    return head[:_LONGEST_HEAD].strip()
