# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reaching a MySQL or MariaDB server, by the driver and by the client programs. Private to this collection."""

from __future__ import annotations

import contextlib
import os
import ssl
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._accounts import (
    Account,
    account_for_peer_login,
    account_named,
    acting_as,
)
from ansible_collections.vya.backupdb.plugins.module_utils._containers import Container
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.flavour import Flavour, flavour_of
from ansible_collections.vya.backupdb.plugins.module_utils._errors import (
    BackupError,
    ConnectionFailed,
    MissingProgram,
    ServerRefused,
    UsageError,
)
from ansible_collections.vya.backupdb.plugins.module_utils._model import Connection
from ansible_collections.vya.backupdb.plugins.module_utils._process import Command, find_program, secret_file

try:
    import pymysql
    import pymysql.cursors
except ImportError:  # said with a remedy when a connection is wanted
    pymysql = None

SOCKETS = (
    "/run/mysqld/mysqld.sock",
    "/var/run/mysqld/mysqld.sock",
    "/run/mariadbd/mysqld.sock",
    "/var/lib/mysql/mysql.sock",
    "/var/run/mysql/mysql.sock",
)
DEFAULT_PORT = 3306
DEFAULT_USER = "root"

#: What every session sets: nothing of the server's or the account's configuration may change what a dump holds.
_SESSION = {
    "sql_mode": "''",
    "time_zone": "'+00:00'",
    "sql_quote_show_create": "1",
    "sql_select_limit": "18446744073709551615",
    "sql_safe_updates": "0",
    "net_read_timeout": "86400",
    "net_write_timeout": "86400",
    "wait_timeout": "31536000",
    "max_error_count": "1024",
}

#: Numbers of errors after which a session cannot be used any more.
CONNECTION_LOST = frozenset((0, 1053, 1927, 2006, 2013, 2055))
_UNREACHABLE = {2002, 2003, 2005, 2006, 2013}
_DENIED = {1044, 1045, 1130, 1131, 1698, 1820, 4151, 3118, 1862}


def quote_name(name: str) -> str:
    """An identifier in backquotes."""
    return "`" + name.replace("`", "``") + "`"


def qualified(database: str, name: str) -> str:
    """An object with its database, both quoted."""
    return f"{quote_name(database)}.{quote_name(name)}"


def quote_text(text: str) -> str:
    """A string literal, for a session without NO_BACKSLASH_ESCAPES (as every session here is)."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("\0", "\\0").replace("\n", "\\n")
    return "'" + escaped.replace("\r", "\\r").replace("\x1a", "\\Z") + "'"


def error_text(error: Exception) -> str:
    """What the server said, with its number."""
    if len(error.args) >= 2:
        return f"{error.args[1]} (error {error.args[0]})"
    return str(error)


def error_number(error: Exception) -> int:
    """The server's or the driver's number of an error; 0 where there is none."""
    return error.args[0] if error.args and isinstance(error.args[0], int) else 0


def driver_errors() -> type[Exception]:
    """What the driver raises where a server refuses, for those who expect it."""
    if pymysql is None:
        raise _missing_driver()
    return pymysql.MySQLError  # type: ignore[no-any-return]


class Session:
    """A connection of the driver. Not to be shared between threads."""

    def __init__(self, raw: Any) -> None:
        self.raw = raw

    @property
    def id(self) -> int:
        """The connection's number on the server."""
        return int(self.raw.thread_id())

    def rows(self, sql: str, args: Optional[Sequence[Any]] = None) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        with self.raw.cursor() as cursor:
            cursor.execute(sql, args)
            return list(cursor.fetchall())

    def records(self, sql: str, args: Optional[Sequence[Any]] = None) -> list[dict[str, Any]]:
        """All rows of a query by column name, the names in lower case."""
        with self.raw.cursor() as cursor:
            cursor.execute(sql, args)
            names = [column[0].lower() for column in cursor.description or ()]
            return [dict(zip(names, row)) for row in cursor.fetchall()]

    def value(self, sql: str, args: Optional[Sequence[Any]] = None) -> Any:
        """The first value of the first row; None where there is none."""
        found = self.rows(sql, args)
        return found[0][0] if found else None

    def execute(self, sql: str, args: Optional[Sequence[Any]] = None) -> int:
        """Run a statement; returns the number of rows that it changed."""
        with self.raw.cursor() as cursor:
            cursor.execute(sql, args)
            return int(cursor.rowcount)

    def close(self) -> None:
        """Close it; a server that is gone already is no error here."""
        if self.raw.open:
            with contextlib.suppress(pymysql.MySQLError, OSError):
                self.raw.close()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


@contextlib.contextmanager
def explaining(what: str, remedy: Optional[str] = None) -> Iterator[None]:
    """Turn an error of the driver into one of ours that says what was being done.

    Raises:
        ConnectionFailed: the server went away.
        BackupError: it refused.
    """
    if pymysql is None:
        raise _missing_driver()
    try:
        yield
    except pymysql.MySQLError as error:
        if error_number(error) in _UNREACHABLE:
            raise ConnectionFailed(
                f"The connection was lost while {what}: {error_text(error)}.",
                "look into the server's log for the reason, then run this again",
            ) from error
        raise ServerRefused(f"The server refused {what}: {error_text(error)}.", remedy) from error


def _missing_driver() -> MissingProgram:
    return MissingProgram(
        "The Python library PyMySQL is not installed on this host.",
        "install it for the Python that runs the module (on Debian and Ubuntu: apt-get install python3-pymysql)",
    )


@dataclass(frozen=True)
class Address:
    """Where the server is: a socket, or a host and port; of a container if it is in one."""

    socket: Optional[str]
    host: Optional[str]
    port: int
    container: Optional[str] = None

    def __str__(self) -> str:
        where = self.socket or f"{self.host}:{self.port}"
        return where if self.container is None else f"container {self.container}, {where}"


def address_of(connection: Connection, container: Optional[Container] = None) -> Address:
    """Where a server is, for what the operator said and left out.

    Args:
        connection: what was said.
        container: where its paths are; None for this host.

    Raises:
        ConnectionFailed: nothing was said, and no socket is in the usual places.
    """
    port = connection.port or DEFAULT_PORT
    if connection.unix_socket:
        return Address(connection.unix_socket, None, port, connection.container)
    local = connection.host is None or (connection.host == "localhost" and connection.port is None)
    if local:
        found = (
            next((path for path in SOCKETS if os.path.exists(path)), None)
            if container is None
            else container.first_socket(SOCKETS)
        )
        if found:
            return Address(found, None, port, connection.container)
    if connection.host is None:
        where = "on this host" if container is None else f"in the container {container.name}"
        raise ConnectionFailed(
            f"There is no MySQL or MariaDB server {where}: none of the sockets {', '.join(SOCKETS)} exists.",
            "start the server, or set login_unix_socket or login_host",
        )
    return Address(None, connection.host, port, connection.container)


class Server:
    """A server and the login to use on it.

    Args:
        connection: as the operator described it.

    Raises:
        ConnectionFailed: nothing says where the server is, or its container does not run.
        UsageError: there is no such operating-system account, or no such container.
    """

    def __init__(self, connection: Connection) -> None:
        if pymysql is None:
            raise _missing_driver()
        self.connection = connection
        self.container: Optional[Container] = None
        if connection.container is not None:
            self.container = Container(connection.container, connection.container_engine)
        self.address = address_of(connection, self.container)
        self._driver_socket = self.address.socket
        if self.container is not None and self.address.socket:
            self._driver_socket = f"/proc/self/fd/{self.container.socket(self.address.socket)}"
        self.user = connection.user or DEFAULT_USER
        self.account = self._account()
        self._flavour: Optional[Flavour] = None

    def _account(self) -> Optional[Account]:
        where = self.container
        if self.connection.os_user:
            return (account_named if where is None else where.account_named)(self.connection.os_user)
        if self.address.socket and self.connection.password is None:
            return (account_for_peer_login if where is None else where.account_for_peer_login)(self.user)
        return None

    def find_program(self, *names: str) -> str:
        """The path of the first of some client programs that exists, in the server's container if it is in one.

        Raises:
            MissingProgram: none of them exists.
        """
        return (find_program if self.container is None else self.container.find_program)(*names)

    @property
    def flavour(self) -> Flavour:
        """MySQL or MariaDB, with the version; asked once."""
        if self._flavour is None:
            with self.session() as session:
                self._flavour = flavour_of(str(session.value("SELECT VERSION()")))
        return self._flavour

    def session(self, database: Optional[str] = None, local_infile: bool = False, **settings: str) -> Session:
        """A new connection.

        Args:
            database: the default one.
            local_infile: whether the server may ask for a file of this host: for loading only.
            settings: further session variables, as SQL expressions.

        Raises:
            ConnectionFailed: the server cannot be reached, or refuses the login.
        """
        inside = None if self.address.socket else self.container
        with contextlib.nullcontext() if inside is None else inside.network(), acting_as(self.account):
            raw = self._connect(database, local_infile)
        session = Session(raw)
        try:
            with explaining("setting up the session", "on MySQL grant SESSION_VARIABLES_ADMIN to the login"):
                self._prepare(session, settings)
        except BackupError:
            session.close()
            raise
        return session

    def _prepare(self, session: Session, settings: Mapping[str, str]) -> None:
        if self._flavour is None:
            self._flavour = flavour_of(str(session.value("SELECT VERSION()")))
        values = {**_SESSION, **self._flavour.session, **settings}
        restricted = self._flavour.restricted.intersection(values)
        if restricted:
            (current,) = session.records("SELECT " + ", ".join(f"@@SESSION.{name} AS {name}" for name in restricted))
            values = {name: value for name, value in values.items() if str(current.get(name)) != value}
        session.execute("SET SESSION " + ", ".join(f"{name} = {value}" for name, value in values.items()))

    def _connect(self, database: Optional[str], local_infile: bool) -> Any:
        mode = self.connection.ssl_mode or "disable"
        contexts: list[Optional[ssl.SSLContext]] = [self._tls(mode)]
        if mode == "prefer":
            contexts.append(None)
        for index, context in enumerate(contexts):
            try:
                return self._connect_once(database, local_infile, context)
            except (pymysql.MySQLError, OSError, RuntimeError) as error:
                if index + 1 == len(contexts):
                    raise self._failure(error) from error
        raise AssertionError("unreachable")

    def _connect_once(self, database: Optional[str], local_infile: bool, context: Optional[ssl.SSLContext]) -> Any:
        connection = self.connection
        return pymysql.connect(
            unix_socket=self._driver_socket,
            host=self.address.host or "localhost",
            port=self.address.port,
            user=self.user,
            # As bytes: the driver itself would take it for Latin-1.
            password=(connection.password or "").encode("utf-8"),
            database=database,
            charset="utf8mb4",
            autocommit=True,
            connect_timeout=connection.connect_timeout,
            local_infile=local_infile,
            ssl=context,
            ssl_disabled=context is None,
            max_allowed_packet=1 << 30,
        )

    def _tls(self, mode: str) -> Optional[ssl.SSLContext]:
        if mode in ("disable", "allow") or self.address.socket:
            return None
        connection = self.connection
        try:
            context = ssl.create_default_context(cafile=connection.ca_cert)
            context.check_hostname = mode == "verify-full"
            context.verify_mode = ssl.CERT_REQUIRED if mode.startswith("verify") else ssl.CERT_NONE
            if connection.client_cert:
                context.load_cert_chain(connection.client_cert, connection.client_key)
        except (OSError, ssl.SSLError) as error:
            raise UsageError(
                f"The TLS files cannot be used: {error}.", "correct ca_cert, client_cert and client_key"
            ) from error
        return context

    def _failure(self, error: Exception) -> ConnectionFailed:
        number = error_number(error)
        where = f"{self.user} at {self.address}"
        if number in _DENIED:
            remedy = "correct login_user and login_password"
            if self.address.socket and self.connection.password is None:
                acting = self.account.name if self.account else "the account that runs the module"
                remedy = (
                    f"over the socket without a password the login must be allowed for the operating-system account "
                    f"(here: {acting}): run the task with become, or set login_user and login_password"
                )
            return ConnectionFailed(f"The server refused the login {where}: {error_text(error)}.", remedy)
        if isinstance(error, RuntimeError):
            # PyMySQL says so where it lacks the library for an authentication method.
            return ConnectionFailed(
                f"The login {where} is not possible: {error}.",
                "install the library that it names (on Debian and Ubuntu: apt-get install python3-cryptography)",
            )
        return ConnectionFailed(
            f"The server cannot be reached as {where}: {error_text(error)}.",
            "make sure that the server runs and that the address, port and TLS options are right",
        )

    def kill(self, numbers: Iterable[int]) -> None:
        """End sessions, by their number, so that the threads that wait for them go on."""
        with contextlib.suppress(BackupError), self.session() as session:
            for number in numbers:
                # One that has ended by itself is as good.
                with contextlib.suppress(pymysql.MySQLError):
                    session.execute(f"KILL {number}")

    def options(self) -> str:
        """The options file for the client programs: where the server is and the login."""
        connection = self.connection
        lines: list[tuple[str, Optional[str]]] = [("user", self.user)]
        if connection.password is not None:
            lines.append(("password", connection.password))
        if self.address.socket:
            lines += [("socket", self.address.socket), ("protocol", "socket")]
        else:
            lines += [("host", self.address.host), ("port", str(self.address.port)), ("protocol", "tcp")]
        lines += self.flavour.client_tls(self._client_tls_mode(), connection)
        return "[client]\n" + "".join(
            f"{name}\n" if value is None else f"{name}={_quote_option(value)}\n" for name, value in lines
        )

    def _client_tls_mode(self) -> str:
        if self.address.socket:
            return "disable"
        return self.connection.ssl_mode or "disable"

    @contextlib.contextmanager
    def command(self, program: str, *arguments: str, remedy: Optional[str] = None) -> Iterator[Command]:
        """A client program with the login in its options file, which lives until the context is left."""
        descriptor = secret_file(self.options(), self.account)
        try:
            yield Command(
                [program, f"--defaults-file=/proc/self/fd/{descriptor}", *arguments],
                account=self.account,
                pass_fds=(descriptor,),
                remedy=remedy,
                inside=self.container,
            )
        finally:
            os.close(descriptor)


def _quote_option(value: str) -> str:
    """A value for an options file: in double quotes, with the escapes that the programs undo."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
    return '"' + escaped.replace("\t", "\\t") + '"'
