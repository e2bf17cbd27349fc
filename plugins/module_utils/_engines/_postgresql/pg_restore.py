# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Running pg_restore, and telling what it says when it fails. Private to this collection."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql import archive, unvalidated
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.connection import Access
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.dump import conninfo
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.instance import Server
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.toc import read_entries
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.tools import Tools
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.workers import Team
from ansible_collections.vya.backupdb.plugins.module_utils._errors import BackupError, LoadFailed, ProcessError
from ansible_collections.vya.backupdb.plugins.module_utils._process import Command

#: Entries of an archive that make event triggers, or say something about them.
_EVENT_TRIGGER = re.compile(rb"\A\d+; \d+ \d+ (EVENT TRIGGER |(COMMENT|SECURITY LABEL) - EVENT TRIGGER )")
#: Entries that make triggers, or say something about them; and one that a partitioned table has.
_TRIGGER = re.compile(rb"\A\d+; \d+ \d+ (TRIGGER |(COMMENT|SECURITY LABEL) .*\bTRIGGER )")
_PARTITION = re.compile(rb"\A\d+; \d+ \d+ TABLE ATTACH ")
_TOC_ENTRY = re.compile(r"from TOC entry \d+; \d+ \d+ (.+)")
#: Nothing of a shadow can be lost by a crash before its last transaction, the renaming, is on disk: that one waits for
#: the disk as always, and everything before it with it.
LOAD_SETTINGS = {
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
_LONGEST_HEAD = 200
#: Of a program that goes on after errors so many lines are read, of each error a few.
PERSISTENT_LINES = 5000
_LAST_LINES = 40
#: First major version that has the parameter.
_TRANSACTION_TIMEOUT = 17
_DEADLOCK = "deadlock detected"
_ERRORS_IGNORED = re.compile(r"errors ignored on restore: (\d+)")


@dataclass(frozen=True)
class Source:
    """An archive, and how to load it.

    Args:
        path: where it is.
        scratch: a directory for temporary files.
        form: its format, as pg_restore names it.
        event_triggers: it has some.
        persist: go on after errors.
        wanted: numbers of the entries to load; None for all of them.
    """

    path: str
    scratch: str
    form: str = "directory"
    event_triggers: bool = False
    persist: bool = False
    wanted: Optional[frozenset[int]] = None


class Archives:
    """Loads archives of pg_dump into one server.

    Args:
        access: the way to the server.
        team: where programs run.
        server: what it is.
        tools: the programs to restore with.
        application: ``application_name`` of the sessions.
    """

    def __init__(self, access: Access, team: Team, server: Server, tools: Tools, application: str) -> None:
        self._access = access
        self._team = team
        self._server = server
        self._tools = tools
        self._application = application

    def load(self, database: str, source: Source, workers: int, afresh: Callable[[], None]) -> None:
        """Load an archive into a database that is empty.

        Sessions of pg_restore can wait for each other in a circle, as when one attaches an index to a partitioned table
        and another adds a foreign key to it. The server ends one of them, and then a single session does it all again.

        Args:
            database: where to.
            source: the archive.
            workers: how much may run at a time.
            afresh: empties the database.

        Raises:
            ProcessError: it failed; what it wrote may hold secrets.
        """
        try:
            self._load(database, source, workers)
        except ProcessError as error:
            if workers < 2 or _DEADLOCK not in error.stderr_tail:
                raise
            self._team.check()
            afresh()
            self._load(database, source, 1)

    def _load(self, database: str, source: Source, workers: int) -> None:
        jobs = [] if source.form == "tar" else [f"--jobs={workers}"]
        late = _unvalidated(source)
        several = (
            source.event_triggers
            or source.wanted is not None
            or bool(late)
            or (workers > 1 and _has_partitions(source))
        )
        failed: list[ProcessError] = []
        for options in self._lists(source, late) if several else [[]]:
            try:
                self._run(database, source, [*jobs, *options])
            except ProcessError as error:
                # One that came to its end leaves the others something to build on.
                if not source.persist or not _ERRORS_IGNORED.search(error.stderr_tail):
                    raise
                failed.append(error)
        if failed:
            said = "\n".join(error.stderr_tail for error in failed)
            raise ProcessError(failed[0].message, failed[0].program, failed[0].returncode, said) from failed[0]

    def _run(self, database: str, source: Source, options: Sequence[str]) -> None:
        environment = self._access.environment()
        settings = {**LOAD_SETTINGS, **(QUIET_SETTINGS if self._server.superuser else {})}
        environment["PGOPTIONS"] = " ".join(f"-c {name}={value}" for name, value in settings.items())
        environment["PGAPPNAME"] = self._application
        # From 17 on it begins with a parameter that older servers do not know: the one error that is no loss.
        forgiving = self._tools.major >= _TRANSACTION_TIMEOUT > self._server.major
        command = Command(
            [
                self._tools.path("pg_restore"),
                f"--format={source.form}",
                *([] if forgiving or source.persist else ["--exit-on-error"]),
                "--no-password",
                f"--dbname={conninfo(database)}",
                *options,
                source.path,
            ],
            env=environment,
            secret_env=self._access.secret_environment(),
            account=self._access.account,
            stderr_lines=PERSISTENT_LINES if source.persist else _LAST_LINES,
            inside=self._access.container,
            reads=(source.path, *(option.partition("=")[2] for option in options if option.startswith("--use-list="))),
        )
        try:
            self._team.execute(command)
        except ProcessError as error:
            if not (forgiving and _only_transaction_timeout(error)):
                raise

    def _lists(self, source: Source, late: Sequence[int]) -> list[list[str]]:
        """Options for several runs: all but what has an order of its own and triggers, and then those, which must not fire meanwhile.

        Triggers of a partitioned table have no rows to wait for in the archive, so several sessions would make them while
        the rows of partitions are on their way.
        """
        listing = archive.entries(self._tools, source.path)
        if source.wanted is not None:
            listing = [line for line in listing if _number(line) in source.wanted]
        partitions = any(_PARTITION.match(line) for line in listing)
        stages: dict[str, list[bytes]] = {"objects": [], "unvalidated": [], "triggers": [], "event_triggers": []}
        turns = {number: turn for turn, number in enumerate(late)}
        for line in listing:
            if _number(line) in turns:
                stages["unvalidated"].append(line)
            elif _EVENT_TRIGGER.match(line):
                stages["event_triggers"].append(line)
            elif partitions and _TRIGGER.match(line):
                stages["triggers"].append(line)
            else:
                stages["objects"].append(line)
        stages["unvalidated"].sort(key=lambda line: turns[_number(line)])
        options = []
        for name, lines in stages.items():
            if lines:
                file = Path(source.scratch, name)
                file.write_bytes(b"".join(lines))
                # several sessions would not keep the order
                options.append([f"--use-list={file}", *(["--jobs=1"] if name == "unvalidated" else [])])
        return options


def _number(line: bytes) -> int:
    """Of an entry in a listing."""
    return int(line.partition(b";")[0])


def _unvalidated(source: Source) -> list[int]:
    """Entries whose order the archive does not say; only one in the directory format tells."""
    toc = Path(source.path, archive.TOC)
    if source.form != "directory" or not toc.is_file() or unvalidated.MARK not in toc.read_bytes():
        return []
    if archive.read_header(source.path).oldest_reader is None:
        # A format that only newer programs know: theirs is the order.
        return []
    return unvalidated.children_first(read_entries(source.path))


def _has_partitions(source: Source) -> bool:
    """Whether an archive may have partitioned tables: only one in the directory format tells without being listed."""
    toc = Path(source.path, archive.TOC)
    return source.form != "directory" or (toc.is_file() and b"TABLE ATTACH" in toc.read_bytes())


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
    where = f" at {entry[1]}" if entry else f" at: {head_of_command(statement)}" if statement.strip() else ""
    how = "" if said else f" {error.message}"
    details = [line for line in said if not _TOC_ENTRY.search(line) and "while PROCESSING TOC" not in line]
    return LoadFailed(
        f"Restoring {recorded!r} as {target!r} failed{where}; what that name means is as it was.{how}",
        "solve what the server says, then run again",
        details,
    )


def head_of_command(statement: str) -> str:
    """The beginning of a statement, up to where a secret could stand: in quotes."""
    head = re.split(r"['$(]|\bOPTIONS\b|\bPASSWORD\b|\bCONNECTION\b", " ".join(statement.split()), maxsplit=1)[0]
    return head[:_LONGEST_HEAD].strip()
