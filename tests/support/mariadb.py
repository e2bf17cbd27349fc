# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Throw-away MariaDB servers."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pymysql
from pymysql.constants import CLIENT

from tests.support.server import LOST_PROGRAMS, Server, ServerError, account_exists, in_root, lost_root, run

FAST = {
    "innodb_flush_log_at_trx_commit": "0",
    "innodb_flush_method": "nosync",
    "innodb_doublewrite": "0",
    "sync_binlog": "0",
}


def find_program(bin_dir: Path | None, *names: str, root: str = "") -> Path:
    """The first of the programs that is in `bin_dir`, or in the search path and sbin when that is None.

    In another root than our own these are its folders; what is returned is the path there.
    """
    path = str(bin_dir) if bin_dir else f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/bin"
    if root:
        path = f"{root}/usr/sbin:{root}/usr/bin"
    for name in names:
        found = shutil.which(name, path=path)
        if found:
            return Path(found.removeprefix(root))
    raise ServerError(f"None of {', '.join(names)} found in {path}: install MariaDB (make packages)")


class MariaDBServer(Server):
    """A MariaDB server, by default as Debian sets it up: root comes in by unix_socket, without a password.

    `sql()` and `connect()` use the socket as `superuser`.

    lost: it stands for a server that was lost, see Server
    bin_dir: folder of mariadbd, mariadb-install-db and the clients; the search path when None
    install_args: further arguments of mariadb-install-db
    settings: written to the [mysqld] section of `option_file`, without dashes: {"sql_mode": "ANSI"}. The port, the
        socket and what makes tests fast stand on the command line
    durable: with the settings of a real server for flushing
    """

    prefix = "backupdb-my-"
    quick_signal = signal.SIGKILL
    #: what makes it a kind of its own: its programs, each by one of several names, its section in option files
    flavour = "mariadb"
    programs_of_server: Sequence[str] = ("mariadbd", "mysqld")
    programs_of_install: Sequence[str] = ("mariadb-install-db", "mysql_install_db")
    programs_of_client: Sequence[str] = ("mariadb", "mysql")
    programs_of_dump: Sequence[str] = ("mariadb-dump", "mysqldump")
    version_pattern = r"(\d+)\.(\d+)\.(\d+)-MariaDB"
    #: sizes of the template, smaller than those of a real server
    small: Mapping[str, object] = {"innodb_log_file_size": "16M"}
    fast: Mapping[str, object] = FAST

    def __init__(
        self,
        *,
        lost: bool = False,
        bin_dir: str | os.PathLike[str] | None = None,
        account: str = "mysql",
        install_args: Sequence[str] = (),
        settings: Mapping[str, object] | None = None,
        durable: bool = False,
        directory: str | os.PathLike[str] | None = None,
        port: int | None = None,
    ) -> None:
        root = lost_root(lost)
        folder = Path(bin_dir) if bin_dir else None
        self.server_program = find_program(folder, *self.programs_of_server, root=root)
        self.install_program = find_program(folder, *self.programs_of_install, root=root)
        self.client_program = find_program(LOST_PROGRAMS if root else folder, *self.programs_of_client)
        self.dump_program = find_program(LOST_PROGRAMS if root else folder, *self.programs_of_dump)
        self.version_text = run(in_root(root, [self.server_program, "--no-defaults", "--version"])).strip()
        match = re.search(self.version_pattern, self.version_text)
        if match is None:
            raise ServerError(f"Not a server of this kind ({self.flavour}): {self.version_text}")
        self.version = tuple(int(part) for part in match.groups())
        self.superuser = pwd.getpwuid(os.geteuid()).pw_name
        self.install_args = tuple(install_args)
        if os.geteuid() == 0 and account == "mysql" and not account_exists(account):
            # the package with the server's programs alone makes no account
            account = "nobody"
        super().__init__(account=account, lost=lost, settings=settings, durable=durable, directory=directory, port=port)
        self.socket = self.socket_dir / "mysqld.sock"
        self.option_file = self.base / "my.cnf"

    # talking to it

    def connect(self, database: str | None = None, **options: Any) -> pymysql.connections.Connection[Any]:
        """A connection of PyMySQL over the socket as the superuser, committing each statement; options change it.

        With `host` in the options the connection goes over TCP.
        """
        options = {
            "user": self.superuser,
            "database": database,
            "autocommit": True,
            "charset": "utf8mb4",
            "client_flag": CLIENT.MULTI_STATEMENTS,
            "connect_timeout": 10,
            **({"port": self.port} if "host" in options else {"unix_socket": str(self.socket)}),
            **options,
        }
        return pymysql.connect(**options)

    def sql(
        self, statement: str, *parameters: object, database: str | None = None, **options: Any
    ) -> list[tuple[Any, ...]]:
        """Run SQL, several statements if need be, and return the rows of the last one."""
        with self.connect(database, **options) as connection, connection.cursor() as cursor:
            cursor.execute(statement, parameters or None)
            rows = list(cursor.fetchall())
            while cursor.nextset():
                rows = list(cursor.fetchall())
            return rows

    def value(self, statement: str, *parameters: object, database: str | None = None, **options: Any) -> Any:
        """The one value that a query gives."""
        ((only,),) = self.sql(statement, *parameters, database=database, **options)
        return only

    @contextmanager
    def programs(self) -> Iterator[None]:
        """The client programs of this server's release are found first."""
        before = os.environ.get("PATH", os.defpath)
        try:
            if self.root:
                os.environ["PATH"] = f"{LOST_PROGRAMS}{os.pathsep}{before}"
            yield
        finally:
            os.environ["PATH"] = before

    def client(self, *arguments: str, database: str | None = None, input_text: str | None = None) -> str:
        """Run the command-line client as the superuser: for dumps and DELIMITER; stops at the first error."""
        argv = [self.client_program, *self.client_options(), "--batch", *arguments, *([database] if database else [])]
        return run(argv, input_text=input_text)

    def client_options(self) -> list[str]:
        """First arguments with which the command-line programs reach this server as the superuser."""
        return [
            "--no-defaults",
            f"--socket={self.socket}",
            f"--user={self.superuser}",
            "--default-character-set=utf8mb4",
        ]

    def create_account(
        self, user: str, password: str, *, host: str = "%", grants: str = "ALL PRIVILEGES ON *.*"
    ) -> None:
        """Make an account that logs in with a password, over TCP too, with one grant and the right to hand it on."""
        self.sql("CREATE USER %s@%s IDENTIFIED BY %s", user, host, password)
        self.sql(f"GRANT {grants} TO %s@%s WITH GRANT OPTION", user, host)

    def login(self, *, user: str | None = None, password: str | None = None) -> dict[str, object]:
        """Connection options as the collection's modules take them: the socket, or TCP when a password is given."""
        if password is None:
            return {"engine": "mysql", "login_user": user or self.superuser, "login_unix_socket": str(self.socket)}
        return {
            "engine": "mysql",
            "login_host": self.host,
            "login_port": self.port,
            "login_user": user or self.superuser,
            "login_password": password,
        }

    # what Server asks for

    def _template_key(self) -> Sequence[str]:
        return [str(self.server_program), self.version_text, self.superuser, *self.install_args]

    def _initialise(self, data_dir: Path) -> None:
        data_dir.mkdir(mode=0o700)
        self._own(data_dir)
        self._run_as_account(
            [
                str(self.install_program),
                "--no-defaults",
                f"--datadir={data_dir}",
                "--auth-root-authentication-method=socket",
                f"--auth-root-socket-user={self.superuser}",
                "--skip-test-db",
                "--innodb-log-file-size=16M",
                # a server that starts removes what others have in a common one
                f"--tmpdir={data_dir}",
                *self.install_args,
            ]
        )

    def _configure(self) -> None:
        lines = [f"{name} = {value}" for name, value in self.settings.items()]
        self.option_file.write_text("\n".join(["[mysqld]", *lines]) + "\n")
        self.option_file.chmod(0o644)

    def _command(self) -> Sequence[str]:
        options = {
            "datadir": self.data_dir,
            "port": self.port,
            "bind_address": self.host,
            "socket": self.socket,
            "pid_file": self.base / "run" / "mysqld.pid",
            "tmpdir": self.data_dir,
            # durable: a redo log of a real server's size, which the server makes from the template's at its first start
            **({} if self.durable else {**self.small, **self.fast}),
        }
        return [
            str(self.server_program),
            f"--defaults-file={self.option_file}",
            *(f"--{name}={value}" for name, value in options.items() if name not in self.settings),
        ]

    def _ping(self) -> bool:
        try:
            self.connect().close()
        except pymysql.err.OperationalError as error:
            # 2003: nobody listens yet; 1045, 1130 and 1698 are answers, although a test's own accounts keep us out
            return error.args[0] in (1045, 1130, 1698)
        return True

    def _first_start(self) -> None:
        """Nothing: mariadb-install-db has made the accounts as they are on Debian."""

    def _before_destroy(self) -> None:
        """Nothing: MariaDB keeps everything in its folders."""
