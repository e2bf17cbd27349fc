# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Throw-away MySQL servers, and servers of the kind that this machine has."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.support.mariadb import MariaDBServer

#: MariaDB runs what is in such a comment, as MySQL what is in one that begins with /*!80000; a statement, or a part of one.
_FOR_MARIADB = re.compile(r"^/\*M!.*?\*/ *(;|//)? *\n?|/\*M!.*?\*/", re.DOTALL | re.MULTILINE)


class MySQLServer(MariaDBServer):
    """A MySQL server, as Debian sets it up: the superuser comes in by auth_socket, without a password.

    install_args: further arguments of mysqld for --initialize; the rest is as with MariaDB
    """

    flavour = "mysql"
    programs_of_server = ("mysqld",)
    programs_of_install = ("mysqld",)
    programs_of_client = ("mysql",)
    programs_of_dump = ("mysqldump",)
    version_pattern = r"Ver (\d+)\.(\d+)\.(\d+)(?!.*MariaDB)"
    small: Mapping[str, object] = {"innodb_redo_log_capacity": "32M", "innodb_buffer_pool_size": "64M"}

    def sql(
        self, statement: str, *parameters: object, database: str | None = None, **options: Any
    ) -> list[tuple[Any, ...]]:
        """Without what is for MariaDB alone."""
        return super().sql(_without_mariadb(statement), *parameters, database=database, **options)

    def client(self, *arguments: str, database: str | None = None, input_text: str | None = None) -> str:
        """The same."""
        text = None if input_text is None else _without_mariadb(input_text)
        return super().client(*arguments, database=database, input_text=text)

    def _initialise(self, data_dir: Path) -> None:
        self._run_as_account(
            [
                str(self.install_program),
                "--no-defaults",
                "--initialize-insecure",
                f"--datadir={data_dir}",
                f"--innodb-redo-log-capacity={self.small['innodb_redo_log_capacity']}",
                *self.install_args,
            ]
        )

    def _command(self) -> Sequence[str]:
        # its error log goes to standard error, and says what it notes when it is asked to; the package of the server's
        # programs alone does not make the folder that secure_file_priv names
        return [*super()._command(), "--log-error-verbosity=3", "--mysqlx=OFF", "--secure-file-priv=NULL"]

    def _first_start(self) -> None:
        """Until now its root comes in with an empty password."""
        with self.connect(user="root", password="") as connection, connection.cursor() as cursor:
            cursor.execute("INSTALL PLUGIN auth_socket SONAME 'auth_socket.so'")
            if self.superuser != "root":
                cursor.execute("RENAME USER root@localhost TO %s@localhost", (self.superuser,))
            cursor.execute("ALTER USER %s@localhost IDENTIFIED WITH auth_socket", (self.superuser,))


def mysql_server(**options: Any) -> MariaDBServer:
    """A server of MySQL where that is installed and MariaDB is not, otherwise of MariaDB; `flavour` says which it is."""
    path = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin"
    is_mysql = shutil.which("mysqld", path=path) and not shutil.which("mariadbd", path=path)
    return (MySQLServer if is_mysql else MariaDBServer)(**options)


def _without_mariadb(text: str) -> str:
    """SQL for both, without what is for MariaDB alone: MySQL's client takes an empty statement for a mistake."""
    return _FOR_MARIADB.sub("", text)
