# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reaching the server: with the driver, and the environment for its own programs. Private to this collection."""

from __future__ import annotations

import contextlib
import functools
import os
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._accounts import (
    Account,
    account_for_peer_login,
    account_named,
    acting_as,
)
from ansible_collections.vya.backupdb.plugins.module_utils._containers import Container
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql import tools
from ansible_collections.vya.backupdb.plugins.module_utils._errors import (
    ConnectionFailed,
    MissingPrivilege,
    MissingProgram,
    ServerRefused,
)
from ansible_collections.vya.backupdb.plugins.module_utils._model import Connection

try:
    import psycopg
except ImportError:
    HAS_PSYCOPG = False
else:
    from psycopg.adapt import Loader

    HAS_PSYCOPG = True

    class LenientTextLoader(Loader):
        """Text of a database of encoding SQL_ASCII, where it can be any bytes; :func:`sql` gives them back."""

        def load(self, data: Any) -> str:
            """The text."""
            return bytes(data).decode("utf-8", "surrogateescape")


if TYPE_CHECKING:
    from psycopg import Connection as Session

APPLICATION = "vya.backupdb"
MAINTENANCE_DATABASE = "postgres"
DEFAULT_USER = "postgres"
DEFAULT_PORT = 5432
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
# Where the servers of Debian, Red Hat and SUSE packages listen.
_SOCKET_DIRECTORY = "/var/run/postgresql"
# In containers also where servers listen that nobody told where to: not this host's directory.
_SOCKET_DIRECTORIES = (_SOCKET_DIRECTORY, "/run/postgresql", "/tmp")  # noqa: S108 (nothing is made there)
_SOCKET_FILE = re.compile(r"\A\.s\.PGSQL\.(\d+)\Z")

#: Settings of every session that reads data or definitions: text forms that do not depend on the server's, database's
#: or role's settings, no time limits, and an error instead of missing rows where row-level security applies.
STABLE_SETTINGS: Mapping[str, str] = {
    "search_path": "",
    "DateStyle": "ISO,YMD",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "extra_float_digits": "3",
    "bytea_output": "hex",
    "lc_monetary": "C",
    "row_security": "off",
    "statement_timeout": "0",
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "synchronize_seqscans": "off",
    "default_transaction_read_only": "off",
    # Catalog queries are short; compiling them costs more than it saves.
    "jit": "off",
    # How much runs at a time is decided by jobs, not by the server.
    "max_parallel_workers_per_gather": "0",
}

#: Settings of a session that only asks what the server is: its own text forms stay visible.
PLAIN_SETTINGS: Mapping[str, str] = {
    name: STABLE_SETTINGS[name]
    for name in ("search_path", "statement_timeout", "lock_timeout", "default_transaction_read_only", "jit")
}

# What libpq and the server say -> what is wrong and what to do. First match wins.
_CAUSES: Sequence[tuple[str, str, str]] = (
    (
        r"peer authentication failed",
        "the server wants the login to come from the operating-system account of the same name (peer)",
        "run the task as root (become: true), set login_os_user to the account mapped to this login, or give login_password",
    ),
    (
        r"ident authentication failed",
        "the server identifies logins by their operating-system account",
        "set login_os_user, or give login_password and allow it in pg_hba.conf",
    ),
    (
        r"password authentication failed|no password supplied|empty password",
        "the login or its password is wrong",
        "check login_user and login_password",
    ),
    (r"role \".*\" does not exist", "there is no such login on the server", "check login_user"),
    (r"role \".*\" is not permitted to log in", "the role may not log in", "use a role with LOGIN"),
    (
        r"database \".*\" does not exist",
        "there is no such database on the server",
        "check the name; instance_info lists the databases",
    ),
    (
        r"is not currently accepting connections",
        "the database does not allow connections",
        "exclude it, or allow connections with ALTER DATABASE ... ALLOW_CONNECTIONS true",
    ),
    (r"permission denied for database", "the login may not connect to this database", "grant it CONNECT"),
    (
        r"no pg_hba\.conf entry|rejects connection",
        "the server's pg_hba.conf has no rule for this login from here",
        "add a rule to pg_hba.conf and reload the server",
    ),
    (
        r"certificate verify failed|root certificate|certificate|SSL",
        "the encrypted connection could not be made",
        "check ssl_mode, ca_cert, client_cert and client_key",
    ),
    (
        r"starting up|shutting down|in recovery mode|not yet accepting",
        "the server is starting or stopping",
        "try again in a moment",
    ),
    (
        r"too many clients|connection slots|too many connections",
        "the server has no free connection",
        "lower jobs, or raise max_connections",
    ),
    (
        r"could not translate host name|name or service not known",
        "the host name is unknown",
        "check login_host",
    ),
    (
        r"timeout expired|timed out",
        "the server did not answer in time",
        "check login_host and login_port, and that no firewall is in between; or raise connect_timeout",
    ),
    (
        r"refused|no such file or directory|no route|unreachable|server closed the connection|server running",
        "no server answers there",
        "start the server, or check login_host, login_port and login_unix_socket",
    ),
    (
        r"permission denied",
        "the socket may not be used by this account",
        "run the task as root (become: true), or set login_os_user",
    ),
)


def require_driver() -> None:
    """Make sure that psycopg 3 can be imported.

    Raises:
        MissingProgram: it cannot.
    """
    if not HAS_PSYCOPG:
        raise MissingProgram(
            "The Python library psycopg (version 3) is not installed for the Python that runs this module.",
            "install it (on Debian and Ubuntu: apt-get install python3-psycopg; elsewhere: pip install 'psycopg[binary]')",
        )


class Access:
    """The ways to one server: sessions of the driver, and the environment of its programs. Safe to use from threads.

    Args:
        connection: how the operator wants the server to be reached.

    Raises:
        UsageError: login_os_user names no account, or container no container.
        ConnectionFailed: the container does not run, or has no socket.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.user = connection.user or DEFAULT_USER
        self.maintenance_database = connection.database or MAINTENANCE_DATABASE
        self.container: Optional[Container] = None
        if connection.container is not None:
            self.container = Container(connection.container, connection.container_engine)
        self.host, self.port = _address(connection, self.container)
        self.is_local_socket = self.host.startswith(("/", "@"))
        self.is_local = self.is_local_socket or self.host in _LOOPBACK
        self._driver_host = self.host
        if self.container is not None and self.is_local_socket:
            self._driver_host = _socket_inside(self.container, self.host, self.port)
        self.account = self._account()
        self._sessions: set[Session[Any]] = set()
        self._backends: set[int] = set()
        self._lock = threading.Lock()

    def _account(self) -> Optional[Account]:
        where = self.container
        if self.connection.os_user:
            return (account_named if where is None else where.account_named)(self.connection.os_user)
        if self.is_local_socket and self.connection.password is None:
            return (account_for_peer_login if where is None else where.account_for_peer_login)(self.user)
        return None

    def choose_tools(self, server_major: int, at_least: int = 0) -> tools.Tools:
        """The programs for a server, of the container if it is in one; see :func:`tools.choose`."""
        return tools.choose(server_major, at_least, self.installed_tools, self.container)

    @functools.cached_property
    def installed_tools(self) -> Sequence[tools.Tools]:
        """All programs that there are, of the container if the server is in one."""
        return tools.installed() if self.container is None else tools.installed_inside(self.container)

    @contextlib.contextmanager
    def _network(self) -> Iterator[None]:
        """Let the calling thread see the network that the server's address is in."""
        inside = None if self.is_local_socket else self.container
        with contextlib.nullcontext() if inside is None else inside.network():
            yield

    @property
    def address(self) -> str:
        """Where the server is, for people."""
        where = f"{self.host}:{self.port}" if not self.is_local_socket else f"socket {self.host}, port {self.port}"
        return where if self.container is None else f"container {self.container.name}, {where}"

    @contextlib.contextmanager
    def session(
        self,
        database: Optional[str] = None,
        settings: Optional[Mapping[str, str]] = None,
        application: str = APPLICATION,
    ) -> Iterator[Session[Any]]:
        """A session, committing each statement, closed at the end.

        Args:
            database: where to; None for the maintenance database.
            settings: run-time parameters of the session; None for :data:`STABLE_SETTINGS`.
            application: its ``application_name``.

        Raises:
            ConnectionFailed: the server refused or is not there.
            MissingProgram: there is no driver.
        """
        session = self.open(database, settings, application)
        try:
            yield session
        finally:
            self.forget(session)

    def open(
        self,
        database: Optional[str] = None,
        settings: Optional[Mapping[str, str]] = None,
        application: str = APPLICATION,
    ) -> Session[Any]:
        """As :meth:`session`, for callers that close it with :meth:`forget`."""
        require_driver()
        settings = STABLE_SETTINGS if settings is None else settings
        name = self.maintenance_database if database is None else database
        keywords = {**self._keywords(), "dbname": name, "application_name": application, "client_encoding": "utf8"}
        keywords["host"] = self._driver_host
        if settings:
            keywords["options"] = " ".join(f"-c {key}={_option(value)}" for key, value in settings.items())
        if self.connection.password is not None:
            keywords["password"] = self.connection.password
        try:
            with self._network(), acting_as(self.account):
                session = psycopg.connect(autocommit=True, **keywords)
        except psycopg.OperationalError as error:
            raise self._failure(name, error) from None
        except OSError as error:
            raise ConnectionFailed(
                f"Acting as the operating-system account {self.account.name if self.account else '?'} failed: {error}.",
                "run the task as root (become: true)",
            ) from None
        session.prepare_threshold = None
        if session.info.parameter_status("server_encoding") == "SQL_ASCII":
            session.execute("SET client_encoding = 'SQL_ASCII'")
            for type_name in ('"char"', "text", "name", "varchar", "bpchar"):
                session.adapters.register_loader(type_name, LenientTextLoader)
        if settings is STABLE_SETTINGS and session.info.server_version >= 170000:
            session.execute("SET transaction_timeout = 0")
        with self._lock:
            self._sessions.add(session)
            self._backends.add(session.info.backend_pid)
        return session

    def forget(self, session: Session[Any]) -> None:
        """Close a session."""
        with self._lock:
            self._sessions.discard(session)
        session.close()

    @property
    def backends(self) -> list[int]:
        """Server processes of all sessions so far; one is still listed for a moment after its session was closed."""
        with self._lock:
            return sorted(self._backends)

    def cancel_all(self) -> None:
        """Ask the server to stop what the open sessions do, from whichever thread they are used."""
        with self._lock:
            sessions = list(self._sessions)
        for session in sessions:
            with contextlib.suppress(psycopg.Error), self._network():
                session.cancel()

    def close(self) -> None:
        """Close every open session."""
        with self._lock:
            sessions = list(self._sessions)
            self._sessions.clear()
        for session in sessions:
            session.close()

    def environment(self) -> dict[str, str]:
        """Variables with which libpq's programs reach the server."""
        names = {
            "host": "PGHOST",
            "port": "PGPORT",
            "user": "PGUSER",
            "sslmode": "PGSSLMODE",
            "sslrootcert": "PGSSLROOTCERT",
            "sslcert": "PGSSLCERT",
            "sslkey": "PGSSLKEY",
            "connect_timeout": "PGCONNECT_TIMEOUT",
        }
        variables = {names[key]: str(value) for key, value in self._keywords().items()}
        variables["PGAPPNAME"] = APPLICATION
        return variables

    def secret_environment(self) -> dict[str, str]:
        """Variables that hold secrets."""
        return {} if self.connection.password is None else {"PGPASSWORD": self.connection.password}

    def _keywords(self) -> dict[str, Any]:
        given = self.connection
        optional = {
            "sslmode": given.ssl_mode,
            "sslrootcert": given.ca_cert,
            "sslcert": given.client_cert,
            "sslkey": given.client_key,
        }
        keywords: dict[str, Any] = {key: value for key, value in optional.items() if value is not None}
        keywords.update(host=self.host, port=self.port, user=self.user, connect_timeout=given.connect_timeout)
        return keywords

    def _failure(self, database: str, error: Exception) -> ConnectionFailed:
        said = " ".join(str(error).split())
        cause, remedy = "the server could not be reached", "check the login_* options"
        for pattern, because, what_to_do in _CAUSES:
            if re.search(pattern, said, re.IGNORECASE):
                cause, remedy = because, what_to_do
                break
        who = f"login {self.user}"
        if self.account is not None:
            who += f" as operating-system account {self.account.name}"
        return ConnectionFailed(
            f"Cannot connect to database {database!r} on {self.address} ({who}): {cause}. The answer was: {said}",
            remedy,
        )


def _address(connection: Connection, container: Optional[Container] = None) -> tuple[str, int]:
    port = connection.port or DEFAULT_PORT
    directory = connection.unix_socket
    if directory is None and connection.host is not None:
        return connection.host, port
    if directory is None and container is not None:
        found = container.first_socket([f"{place}/.s.PGSQL.{port}" for place in _SOCKET_DIRECTORIES])
        return os.path.dirname(found) if found else _SOCKET_DIRECTORY, port
    if directory is None:
        return _SOCKET_DIRECTORY, port
    match = _SOCKET_FILE.match(os.path.basename(directory))
    if match:
        return os.path.dirname(directory), connection.port or int(match[1])
    return directory, port


def _socket_inside(container: Container, directory: str, port: int) -> str:
    """The directory of a socket in a container, as this process reaches it.

    Raises:
        ConnectionFailed: there is no socket.
    """
    container.socket(f"{directory}/.s.PGSQL.{port}")
    return f"/proc/self/fd/{container.directory(directory)}"


def _option(value: str) -> str:
    return value.replace("\\", "\\\\").replace(" ", "\\ ")


def sql(text: str) -> bytes:
    """A statement with names that were read from a catalog, for the driver: byte by byte as they were read."""
    return text.encode("utf-8", "surrogateescape")


def explain(error: Exception, doing: str) -> NoReturn:
    """Raise the error of the collection that a driver's error means.

    Args:
        error: what the driver raised.
        doing: what was being done, as "while <doing>".
    """
    said = " ".join(str(error).split())
    code = getattr(error, "sqlstate", None)
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        raise MissingPrivilege(
            f"The login lacks a privilege while {doing}: {said}.", "use a superuser, or grant what is missing"
        ) from error
    if isinstance(error, psycopg.OperationalError) and (code is None or code.startswith(("08", "57P"))):
        raise ConnectionFailed(
            f"The server ended the connection while {doing}: {said}.", "look into the server's log, then try again"
        ) from error
    raise ServerRefused(f"The server reported an error while {doing}: {said} (SQLSTATE {code}).") from error


@contextlib.contextmanager
def explained(doing: str) -> Iterator[None]:
    """Turn the driver's errors into those of the collection; see :func:`explain`."""
    require_driver()
    try:
        yield
    except psycopg.Error as error:
        if error.sqlstate is None and not isinstance(error, psycopg.OperationalError):
            # Not the server's word but a mistake of ours.
            raise
        explain(error, doing)


def psycopg_version() -> str:
    """Version of the driver."""
    require_driver()
    return str(psycopg.__version__)


def psycopg_error() -> type[Exception]:
    """The driver's root exception, for callers that handle it themselves."""
    require_driver()
    return psycopg.Error
