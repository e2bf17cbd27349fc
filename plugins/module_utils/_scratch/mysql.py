# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Throw-away servers of MySQL and MariaDB. Private to this collection.

There is no way in but a socket in a private directory. Events do not run, nothing is replicated, no binary log is written.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import time
from typing import Any, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._accounts import Account
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.connection import Server
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.flavour import MARIADB
from ansible_collections.vya.backupdb.plugins.module_utils._errors import MissingProgram, ScratchFailed
from ansible_collections.vya.backupdb.plugins.module_utils._launching import Launched, launch
from ansible_collections.vya.backupdb.plugins.module_utils._model import Connection
from ansible_collections.vya.backupdb.plugins.module_utils._process import (
    Command,
    find_program,
    pipe,
    run,
)
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

_ACCOUNT = "mysql"
_SECONDS_TO_START = 600.0
_SECONDS_TO_GREET = 5.0
_STEP = 0.05
#: System tables, redo log, undo, and some air.
_BASE_BYTES = 512 << 20
#: An index that is built is written twice for a moment.
_ROOM = 1.3
_TITLES = {"mariadb": "MariaDB", "mysql": "MySQL"}
_SERVERS = {"mariadb": ("mariadbd", "mysqld"), "mysql": ("mysqld",)}
_SYSTEM_DIRECTORIES = ("/usr/sbin", "/usr/libexec", "/usr/local/sbin", "/usr/local/bin", "/usr/local/mysql/bin")
_ZONES = "/usr/share/zoneinfo"
#: What a data directory is initialised with and cannot change later.
_INITIAL = ("innodb_page_size", "lower_case_table_names")
#: Recorded facts that change what a definition means or a query returns.
_FACTS = ("character_set_server", "collation_server", "max_allowed_packet", "sql_mode")
#: The same of the settings that were not the defaults.
_CARRIED = (
    "default_storage_engine",
    "default_week_format",
    "div_precision_increment",
    "explicit_defaults_for_timestamp",
    "ft_max_word_len",
    "ft_min_word_len",
    "group_concat_max_len",
    "innodb_default_row_format",
    "innodb_ft_max_token_size",
    "innodb_ft_min_token_size",
    "innodb_strict_mode",
    "lc_time_names",
    "old_mode",
    # without it, accounts that have privileges everywhere but in some databases cannot be made
    "partial_revokes",
)
#: Kinds of plugins that tables and accounts need.
_NEEDED_PLUGINS = ("STORAGE ENGINE", "AUTHENTICATION", "FTPARSER")
#: What keeps the server apart from everything else.
_PROTECTED = (
    "bind_address",
    "datadir",
    "event_scheduler",
    "init_file",
    "log_bin",
    "log_error",
    "pid_file",
    "port",
    "secure_file_priv",
    "skip_grant_tables",
    "skip_networking",
    "skip_replica_start",
    "skip_slave_start",
    "socket",
    "tmpdir",
    "user",
    "wsrep_on",
    "wsrep_provider",
)
#: Accounts that the way without unix_socket makes, and that an installed server does not have.
_FEWER_ACCOUNTS = (
    "DELETE FROM mysql.global_priv WHERE User = '' OR (User = 'root' AND Host <> 'localhost');\n"
    "DELETE FROM mysql.proxies_priv WHERE User = '' OR Host <> 'localhost';\n"
)


class MysqlScratch:
    """A throw-away server of the recorded product and series."""

    #: its data is thrown away, and it leaves nothing elsewhere
    stop_signal = int(signal.SIGKILL)

    def __init__(self, recorded: Recorded) -> None:
        self._recorded = recorded
        self._flavour = recorded.manifest.flavour
        self._chosen = {name.replace("-", "_").lower(): value for name, value in recorded.chosen.items()}
        self._account: Optional[Account] = None
        self._server = ""

    def needed_bytes(self) -> int:
        """Room that it needs, with all databases in it."""
        return int(self._recorded.database_bytes * _ROOM) + _BASE_BYTES

    def check(self) -> None:
        """Make sure that it could be made.

        Raises:
            MissingProgram: the server's programs of the recorded product and series are not there.
            UsageError: a setting of the operator is refused.
        """
        refuse_settings(self._chosen, _PROTECTED)
        self._server = _server_program(self._flavour, self._recorded.version)
        self._account = account_of_server(_ACCOUNT, _package(self._flavour))

    def start(self, place: Place, seconds: int) -> Connection:
        """Initialise and start it.

        Raises:
            BackupError: it does not start.
        """
        path = os.path.join(place.run, "mysqld.sock")
        check_socket(path)
        for directory in (place.run, place.data, place.path("tmp")):
            private_directory(directory, self._account)
        self._configure(place)
        self._initialise(place)
        words = [
            f"--defaults-file={place.path('my.cnf')}",
            f"--datadir={place.data}",
            f"--socket={path}",
            f"--pid-file={os.path.join(place.run, 'mysqld.pid')}",
            f"--log-error={place.log}",
            "--skip-networking",
            "--skip-log-bin",
            "--skip-slave-start",
            # Not DISABLED, which refuses to make and remove events.
            "--event-scheduler=OFF",
            *(() if self._flavour == MARIADB else ("--mysqlx=OFF",)),
        ]
        # The server opens its log by name, too.
        with open(place.log, "ab"):
            give(place.log, self._account)
        command = Command([self._server, *words], env=place.environment, cwd=place.data, account=self._account)
        launched = launch(command, place.log, seconds, "TERM")
        place.note(pid=launched.pid)
        self._wait(path, place, launched)
        return Connection(unix_socket=path, user="root")

    def finish(self, connection: Connection, reporter: Reporter) -> None:
        """Load the time zones, where the recorded server knew them."""
        if not self._recorded.settings.get("time_zones_loaded"):
            return
        if not os.path.isdir(_ZONES):
            reporter.warn(f"The recorded server knew named time zones; {_ZONES} is not there, so this one does not.")
            return
        names = (
            ("mariadb-tzinfo-to-sql", "mysql_tzinfo_to_sql") if self._flavour == MARIADB else ("mysql_tzinfo_to_sql",)
        )
        server = Server(connection)
        client = find_program(*server.flavour.clients)
        with server.command(client, "mysql") as command:
            # It complains about files there that are no time zones.
            pipe([Command([find_program(*names), _ZONES]), command])

    def _configure(self, place: Place) -> None:
        """Write the option file, which initialising and running read."""
        values: dict[str, Any] = {"local_infile": "ON", "tmpdir": place.path("tmp")}
        facts = self._recorded.facts
        values.update({name: facts[name] for name in (*_INITIAL, *_FACTS) if facts.get(name) not in (None, "")})
        if facts.get("sql_mode") == "":
            values["sql_mode"] = ""
        lines = [f"{name} = {_quoted(value)}" for name, value in {**values, **self._chosen}.items()]
        path = place.path("my.cnf")
        self._write(path, ["[mysqld]", *lines])

    def _write(self, path: str, lines: list[str]) -> None:
        with open(path, "x", encoding="utf-8") as stream:
            stream.write("".join(f"{line}\n" for line in lines))
        give(path, self._account)

    def _initialise(self, place: Place) -> None:
        if self._flavour == MARIADB:
            argv = self._install_command(place)
        else:
            argv = [
                self._server,
                f"--defaults-file={place.path('my.cnf')}",
                f"--datadir={place.data}",
                "--initialize-insecure",
            ]
        remedy = (
            "if it may not enter a directory: name one that the server's account, and AppArmor or SELinux, let it use"
        )
        run(Command(argv, env=place.environment, cwd="/", account=self._account, remedy=remedy))
        self._complete(place)

    def _complete(self, place: Place) -> None:
        """Add what the server needs, and what would stop it while the data directory is made: no plugin can be loaded then."""
        variables = self._recorded.settings.get("variables", {})
        # A version that does not know one any more starts all the same.
        lines = [
            f"loose_{name} = {_quoted(variables[name]['value'])}"
            for name in _CARRIED
            if name in variables and name not in self._chosen
        ]
        libraries = sorted(
            {
                str(item["library"])
                for item in self._recorded.settings.get("plugins", ())
                if item.get("type") in _NEEDED_PLUGINS and re.fullmatch(r"[\w.-]+", str(item.get("library") or ""))
            }
        )
        lines += [f"plugin_load_add = {library}" for library in libraries]
        with open(place.path("my.cnf"), "a", encoding="utf-8") as stream:
            stream.write("".join(f"{line}\n" for line in lines))

    def _install_command(self, place: Place) -> list[str]:
        program = find_program("mariadb-install-db", "mysql_install_db")
        argv = [program, f"--defaults-file={place.path('my.cnf')}", f"--datadir={place.data}", "--skip-test-db"]
        if os.geteuid() == 0:
            # As root, the same as on Debian: who is root on the host is root there.
            return [*argv, "--auth-root-authentication-method=socket", "--auth-root-socket-user=root"]
        fewer = place.path("accounts.sql")
        self._write(fewer, [_FEWER_ACCOUNTS])
        return [*argv, "--auth-root-authentication-method=normal", f"--extra-file={fewer}"]

    def _wait(self, path: str, place: Place, launched: Launched) -> None:
        until = time.monotonic() + _SECONDS_TO_START
        while not _greets(path):
            if launched.poll() is not None or time.monotonic() > until:
                raise ScratchFailed(
                    f"The throw-away server of {_TITLES[self._flavour]} {_series(self._recorded.version)} did not start"
                    f"{launched.ending()}: {tail(place.log)}",
                    "solve what it says; settings of it can be given in drill.settings of the instance",
                )
            time.sleep(_STEP)


def _greets(path: str) -> bool:
    """Whether the server behind a socket has begun to speak: it does when it takes connections."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(_SECONDS_TO_GREET)
        try:
            probe.connect(path)
            return bool(probe.recv(5))
        except OSError:
            return False


def _series(version: str) -> str:
    match = re.match(r"(?:5\.5\.5-)?(\d+\.\d+)", version)
    return match[1] if match else version


def _server_program(flavour: str, version: str) -> str:
    """The server's program of a product and series.

    Raises:
        MissingProgram: it is not there.
    """
    wanted, title = _series(version), _TITLES.get(flavour, flavour)
    other = []
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), *_SYSTEM_DIRECTORIES])
    for name in _SERVERS.get(flavour, ()):
        program = shutil.which(name, path=path)
        if program is None:
            continue
        said = run(Command([program, "--no-defaults", "--version"]), timeout=60).stdout.decode("utf-8", "replace")
        match = re.search(r"Ver\s+(\S+)", said)
        found = match[1] if match else said.strip()
        product = MARIADB if "mariadb" in said.lower() else "mysql"
        if product == flavour and _series(found) == wanted:
            return program
        other.append(f"{_TITLES[product]} {_series(found)}")
    there = f"; there is {', '.join(dict.fromkeys(other))}" if other else ""
    raise MissingProgram(
        f"The server program of {title} {wanted}, which the set is of, is not installed on this host{there}.",
        f"install {_package(flavour)} of the series {wanted}, or name a host that has it in backupdb_drill_host",
    )


def _package(flavour: str) -> str:
    return "mariadb-server" if flavour == MARIADB else "mysql-server"


def _quoted(value: Any) -> str:
    """A value for an options file, with the escapes that the server undoes."""
    text = {True: "ON", False: "OFF"}[value] if isinstance(value, bool) else str(value)
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
