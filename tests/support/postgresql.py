# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Throw-away PostgreSQL servers."""

from __future__ import annotations

import os
import pwd
import re
import secrets
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psycopg

from tests.support.server import LOST_PROGRAMS, Server, ServerError, in_root, lost_root, run

#: as Debian's pg_createcluster writes it
STOCK_HBA = (
    "local all {superuser} peer",
    "local all all peer",
    "host all all 127.0.0.1/32 scram-sha-256",
    "host all all ::1/128 scram-sha-256",
)
FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


def installed_versions(root: str = "") -> dict[int, Path]:
    """Major versions of the servers in a root and the folders of their programs there, oldest first."""
    found = {}
    for program in Path(f"{root}/usr/lib/postgresql").glob("*/bin/postgres"):
        if program.parts[-3].isdecimal():
            found[int(program.parts[-3])] = Path("/", *program.parts[-5:-1])
    return dict(sorted(found.items()))


class PostgresServer(Server):
    """A PostgreSQL server, by default as Debian sets it up: peer on the socket, scram-sha-256 over TCP.

    `superuser` (named like the OS account) has the random `password`; `sql()` and `connect()` use both over TCP.

    lost: it stands for a server that was lost, see Server
    version: major version; the newest that is installed when neither it nor `bin_dir` is given
    initdb_args: further arguments; the locale is C.UTF-8 and the encoding UTF8 when they do not say otherwise
    settings: written to postgresql.conf. The port, the socket and what makes tests fast stand on the command line,
        so that `pg_settings.source` tells them from the settings of a test
    hba: the lines of pg_hba.conf; "{superuser}" is replaced
    durable: with the settings of a real server for fsync, synchronous_commit and full_page_writes

    The data folder is a copy of an earlier initdb's: servers of one kind share the system identifier, not the password.
    """

    prefix = "backupdb-pg-"
    stop_signal = signal.SIGINT
    quick_signal = signal.SIGQUIT

    def __init__(
        self,
        *,
        lost: bool = False,
        version: int | None = None,
        bin_dir: str | os.PathLike[str] | None = None,
        account: str = "postgres",
        superuser: str | None = None,
        initdb_args: Sequence[str] = (),
        settings: Mapping[str, object] | None = None,
        hba: Sequence[str] = STOCK_HBA,
        durable: bool = False,
        directory: str | os.PathLike[str] | None = None,
        port: int | None = None,
    ) -> None:
        root = lost_root(lost)
        if bin_dir is None:
            versions = installed_versions(root)
            if not versions:
                raise ServerError("No PostgreSQL server in /usr/lib/postgresql: install it (make packages)")
            if version is not None and version not in versions:
                raise ServerError(f"No PostgreSQL {version} here, only {', '.join(map(str, versions))}")
            bin_dir = versions[version if version is not None else max(versions)]
        self._server_dir = Path(bin_dir)
        #: of the client programs
        self.bin_dir = LOST_PROGRAMS if root else self._server_dir
        text = run(in_root(root, [self._server_dir / "postgres", "--version"]))
        match = re.search(r"\b(\d+)", text)
        if match is None:
            raise ServerError(f"Not a version: {text!r}")
        self.version_text = text.strip()
        self.version = int(match[1])
        # over the socket, peer lets in who is named like the OS account
        self.superuser = superuser or (account if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name)
        self.password = secrets.token_urlsafe(18)
        self.initdb_args = tuple(initdb_args)
        self.hba = tuple(hba)
        super().__init__(account=account, lost=lost, settings=settings, durable=durable, directory=directory, port=port)

    # talking to it

    def connect(self, database: str = "postgres", **options: Any) -> psycopg.Connection[Any]:
        """A connection of psycopg over TCP as the superuser, committing each statement; options change any of it."""
        options = {
            "host": self.host,
            "port": self.port,
            "user": self.superuser,
            "password": self.password,
            "autocommit": True,
            "connect_timeout": 10,
            **options,
        }
        return psycopg.connect(dbname=database, **options)

    def sql(
        self, statement: str, *parameters: object, database: str = "postgres", **options: Any
    ) -> list[tuple[Any, ...]]:
        """Run SQL and return the rows, if it makes any. Without parameters it may be several statements."""
        with self.connect(database, **options) as connection:
            cursor = connection.execute(statement.encode(), parameters or None)  # type: ignore[arg-type]
            while cursor.nextset():
                pass
            return cursor.fetchall() if cursor.description else []

    def value(self, statement: str, *parameters: object, database: str = "postgres", **options: Any) -> Any:
        """The one value that a query gives."""
        ((only,),) = self.sql(statement, *parameters, database=database, **options)
        return only

    def psql(self, *arguments: str, database: str = "postgres", input_text: str | None = None) -> str:
        """Run psql as the superuser: for dumps with COPY data and meta-commands; stops at the first error."""
        argv = [self.bin_dir / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", *arguments]
        return run(argv, input_text=input_text, env=self.client_environment(database))

    def client_environment(self, database: str = "postgres") -> dict[str, str]:
        """The environment in which libpq's programs reach this server over TCP as the superuser."""
        return {
            **os.environ,
            "PATH": f"{self.bin_dir}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            "PGHOST": self.host,
            "PGPORT": str(self.port),
            "PGUSER": self.superuser,
            "PGPASSWORD": self.password,
            "PGDATABASE": database,
        }

    def login(self, *, tcp: bool = False) -> dict[str, object]:
        """Connection options as the collection's modules take them; over the socket with peer, or TCP and password."""
        login: dict[str, object] = {"engine": "postgresql", "login_port": self.port, "login_user": self.superuser}
        if tcp:
            return {**login, "login_host": self.host, "login_password": self.password}
        return {**login, "login_unix_socket": str(self.socket_dir)}

    # what Server asks for

    def _template_key(self) -> Sequence[str]:
        return [str(self._server_dir), self.version_text, self.superuser, *self.initdb_args]

    def _initialise(self, data_dir: Path) -> None:
        # the password of the template is known to whoever copies it, and changed at the copy's first start
        password_file = data_dir.parent / "password"
        password_file.touch(mode=0o600)
        password_file.write_text(secrets.token_urlsafe(18) + "\n")
        self._own(password_file)
        locale = [] if any(word.startswith("--locale") for word in self.initdb_args) else ["--locale=C.UTF-8"]
        self._run_as_account(
            [
                str(self._server_dir / "initdb"),
                "--pgdata",
                str(data_dir),
                "--username",
                self.superuser,
                "--pwfile",
                str(password_file),
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--no-sync",
                *locale,
                *self.initdb_args,
            ]
        )

    def _configure(self) -> None:
        lines = [line.format(superuser='"{}"'.format(self.superuser.replace('"', '""'))) for line in self.hba]
        (self.data_dir / "pg_hba.conf").write_text("\n".join(lines) + "\n")
        with (self.data_dir / "postgresql.conf").open("a") as configuration:
            for name, value in self.settings.items():
                quoted = str(value).replace("'", "''")
                configuration.write(f"{name} = '{quoted}'\n")

    def _command(self) -> Sequence[str]:
        options = {
            "port": self.port,
            "listen_addresses": self.host,
            "unix_socket_directories": self.socket_dir,
            # files in the data folder go away with it, whatever happens
            "dynamic_shared_memory_type": "mmap",
            **({} if self.durable else FAST),
        }
        return [
            str(self._server_dir / "postgres"),
            "-D",
            str(self.data_dir),
            *(f"--{name}={value}" for name, value in options.items() if name not in self.settings),
        ]

    def _ping(self) -> bool:
        password = self.password if self._initialised else self._template_password()
        try:
            self.connect(password=password).close()
        except psycopg.OperationalError as error:
            text = str(error)
            # these are answers, although a test's own rules keep us out
            return "authentication failed" in text or "no pg_hba.conf entry" in text
        return True

    def _first_start(self) -> None:
        with self.connect(password=self._template_password()) as connection:
            role = psycopg.sql.Identifier(self.superuser)
            password = psycopg.sql.Literal(self.password)
            connection.execute(psycopg.sql.SQL("ALTER ROLE {} PASSWORD {}").format(role, password))

    def _template_password(self) -> str:
        return (self.base / "password").read_text().strip()

    def _before_destroy(self) -> None:
        """After SIGKILL a small System V segment stays, which only the next start would remove."""
        lock = self.data_dir / "postmaster.pid"
        if lock.exists() and not self.running():
            words = lock.read_text().splitlines()[6:7]
            if words and len(words[0].split()) == 2:
                run(["ipcrm", "-m", words[0].split()[1]])
