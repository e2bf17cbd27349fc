# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Throw-away servers of PostgreSQL. Private to this collection.

Only its superuser can log in, from the server's own account, through a socket in a private directory; there is no other
way in. Nothing leads out either: no archiving, no replication, no library that runs jobs.
"""

from __future__ import annotations

import os
import pwd
import signal
import time
from typing import Any, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._accounts import Account
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.connection import Access, explained
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.initdb import initdb_options
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.quoting import identifier, literal
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.tools import major_of, program_version
from ansible_collections.vya.backupdb.plugins.module_utils._errors import MissingProgram, ScratchFailed
from ansible_collections.vya.backupdb.plugins.module_utils._launching import Launched, launch
from ansible_collections.vya.backupdb.plugins.module_utils._model import Connection
from ansible_collections.vya.backupdb.plugins.module_utils._process import Command, run
from ansible_collections.vya.backupdb.plugins.module_utils._progress import Reporter
from ansible_collections.vya.backupdb.plugins.module_utils._scratch.place import Place
from ansible_collections.vya.backupdb.plugins.module_utils._scratch.recorded import (
    Recorded,
    account_of_server,
    check_socket,
    give,
    private_directory,
    refuse_settings,
    tail,
)

_ACCOUNT = "postgres"
_PORT = 5432
_SECONDS_TO_START = 300.0
_STEP = 0.05
#: A fresh cluster with its write-ahead log, and some air.
_BASE_BYTES = 512 << 20
#: Where packages put each major version: Debian and Ubuntu, the project's RPMs, SUSE, Alpine.
_DIRECTORIES = (
    "/usr/lib/postgresql/{}/bin",
    "/usr/pgsql-{}/bin",
    "/usr/lib/postgresql{}/bin",
    "/usr/libexec/postgresql{}",
)
_PROGRAMS = ("postgres", "initdb")
#: Recorded settings that change what queries return, or how much one transaction can hold.
_CARRIED = (
    "DateStyle",
    "IntervalStyle",
    "TimeZone",
    "array_nulls",
    "default_text_search_config",
    "extra_float_digits",
    "max_connections",
    "max_locks_per_transaction",
    "search_path",
    "standard_conforming_strings",
    "transform_null_equals",
)
#: What keeps the server apart from everything else.
_PROTECTED = (
    "archive_cleanup_command",
    "archive_command",
    "archive_library",
    "archive_mode",
    "config_file",
    "data_directory",
    "external_pid_file",
    "hba_file",
    "ident_file",
    "include",
    "include_dir",
    "include_if_exists",
    "listen_addresses",
    "log_directory",
    "logging_collector",
    "port",
    "primary_conninfo",
    "recovery_end_command",
    "restore_command",
    "unix_socket_directories",
    "unix_socket_group",
    "unix_socket_permissions",
)


class PostgresqlScratch:
    """A throw-away server of the recorded major version."""

    #: immediate shutdown: its data is thrown away
    stop_signal = int(signal.SIGQUIT)

    def __init__(self, recorded: Recorded) -> None:
        self._recorded = recorded
        self._major = major_of(recorded.version)
        self._superuser = str(recorded.manifest.details.get("superuser") or "postgres")
        self._account: Optional[Account] = None
        self._directory = ""
        self._tablespaces = ""

    def needed_bytes(self) -> int:
        """Room that it needs, with all databases in it."""
        return int(self._recorded.database_bytes * 1.1) + _BASE_BYTES

    def check(self) -> None:
        """Make sure that it could be made.

        Raises:
            MissingProgram: the server's programs of the recorded major version are not there.
            UsageError: a setting of the operator is refused.
        """
        refuse_settings({name.lower(): value for name, value in self._recorded.chosen.items()}, _PROTECTED)
        self._directory = _programs(self._major)
        self._account = account_of_server(_ACCOUNT, _package(self._major))

    def start(self, place: Place, seconds: int) -> Connection:
        """Initialise and start it.

        Raises:
            BackupError: it does not start.
        """
        check_socket(os.path.join(place.run, f".s.PGSQL.{_PORT}"))
        private_directory(place.run, self._account)
        private_directory(place.data, self._account)
        self._initialise(place)
        self._configure(place)
        options = {
            "listen_addresses": "",
            "unix_socket_directories": place.run,
            "unix_socket_permissions": "0700",
            "port": str(_PORT),
            "dynamic_shared_memory_type": "mmap",
            "logging_collector": "off",
            "archive_mode": "off",
            "cluster_name": os.path.basename(place.directory),
        }
        # On the command line, where nothing in a file wins over it.
        words = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        command = Command(
            [os.path.join(self._directory, "postgres"), "-D", place.data, *words],
            env=place.environment,
            cwd=place.data,
            account=self._account,
        )
        launched = launch(command, place.log, seconds, "QUIT")
        place.note(pid=launched.pid)
        self._tablespaces = place.path("tablespaces")
        self._wait(place, launched)
        return Connection(
            port=_PORT,
            unix_socket=place.run,
            user=self._superuser,
            os_user=self._account.name if self._account else None,
        )

    def finish(self, connection: Connection, reporter: Reporter) -> None:
        """Make the recorded tablespaces, as directories of the throw-away server."""
        names = [str(item["name"]) for item in self._recorded.settings.get("tablespaces", ())]
        wanted = [name for name in names if not name.startswith("pg_")]
        if not wanted:
            return
        access = Access(connection)
        private_directory(self._tablespaces, self._account)
        with access.session() as session, explained("making tablespaces"):
            for number, name in enumerate(wanted):
                directory = os.path.join(self._tablespaces, str(number))
                private_directory(directory, self._account)
                session.execute(f"CREATE TABLESPACE {identifier(name)} LOCATION {literal(directory)}")
        reporter.warn(
            f"The tablespaces {', '.join(wanted)} lie in the throw-away directory; owners, grants and places of tablespaces"
            " are not compared."
        )

    def _initialise(self, place: Place) -> None:
        argv = [
            os.path.join(self._directory, "initdb"),
            f"--pgdata={place.data}",
            f"--username={self._superuser}",
            "--auth-local=peer",
            "--auth-host=reject",
            # It lives for some minutes.
            "--no-sync",
            *initdb_options(self._recorded.manifest.databases, self._recorded.facts, self._major),
            # Its messages are read by programs; the last one counts.
            "--lc-messages=C",
        ]
        remedy = (
            "if it names a locale: install it (on Debian: add it to /etc/locale.gen and run locale-gen); if it may not enter"
            " a directory: name one that the server's account can pass through"
        )
        run(Command(argv, env=place.environment, cwd="/", account=self._account, remedy=remedy))

    def _configure(self, place: Place) -> None:
        account = self._account.name if self._account else _own_name()
        recorded = {
            str(item["name"]): item["setting"]
            for item in self._recorded.settings.get("parameters", ())
            if item.get("name") in _CARRIED and item.get("setting") is not None
        }
        lines = [f"{name} = '{_quoted(value)}'\n" for name, value in {**recorded, **self._recorded.chosen}.items()]
        who = '"' + self._superuser.replace('"', '""') + '"'
        for name, text in (
            ("postgresql.conf", "\n" + "".join(lines)),
            ("pg_hba.conf", f"local all {who} peer map=scratch\n"),
            ("pg_ident.conf", f'scratch "{account}" {who}\n'),
        ):
            path = os.path.join(place.data, name)
            with open(path, "a" if name == "postgresql.conf" else "w", encoding="utf-8") as stream:
                stream.write(text)
            give(path, self._account)

    def _wait(self, place: Place, launched: Launched) -> None:
        until = time.monotonic() + _SECONDS_TO_START
        while not _ready(place.data):
            if launched.poll() is not None or time.monotonic() > until:
                raise ScratchFailed(
                    f"The throw-away server of PostgreSQL {self._major} did not start{launched.ending()}: {tail(place.log)}",
                    "solve what it says; settings of it can be given in drill.settings of the instance",
                )
            time.sleep(_STEP)


def _programs(major: int) -> str:
    """The directory of the server's programs of a major version.

    Raises:
        MissingProgram: they are not there.
    """
    path = [item for item in os.environ.get("PATH", os.defpath).split(os.pathsep) if item]
    other: list[str] = []
    for directory in [*(pattern.format(major) for pattern in _DIRECTORIES), *path]:
        programs = [os.path.join(directory, name) for name in _PROGRAMS]
        if not all(os.access(program, os.X_OK) for program in programs):
            continue
        version = program_version(programs[0])
        if major_of(version) == major:
            return directory
        other.append(version)
    found = f"; there is {', '.join(dict.fromkeys(other))}" if other else ""
    raise MissingProgram(
        f"The server programs of PostgreSQL {major}, which the set is of, are not installed on this host{found}.",
        f"install {_package(major)}, or name a host that has them in backupdb_drill_host",
    )


def _package(major: int) -> str:
    return f"postgresql-{major} (Debian, Ubuntu) or postgresql{major}-server (Red Hat)"


def _quoted(value: Any) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text.replace("\\", "\\\\").replace("'", "''")


def _own_name() -> str:
    return pwd.getpwuid(os.geteuid()).pw_name


def _ready(data: str) -> bool:
    """Whether the server has written that it takes connections (the last line of postmaster.pid, since version 10)."""
    try:
        with open(os.path.join(data, "postmaster.pid"), encoding="utf-8", errors="replace") as stream:
            lines = stream.read().splitlines()
    except OSError:
        return False
    return len(lines) > 7 and lines[7].strip() == "ready"
