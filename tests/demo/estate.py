# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Two hosts on one machine: each a PostgreSQL and a MariaDB server that are thrown away afterwards, and a tree of files."""

from __future__ import annotations

import json
import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pymysql

from tests.demo import content
from tests.support.mariadb import MariaDBServer
from tests.support.paths import CHECKOUT
from tests.support.postgresql import PostgresServer

INVENTORY = CHECKOUT / "inventories" / "demo"
OLD, NEW = "shop-old", "shop-new"
#: Files of a set that hold no data, and how a file of age begins.
_READABLE = ("manifest.json", "SHA256SUMS", "SIGNATURE.json", "RESTORE.md")
_AGE = b"age-encryption.org/v1\n"


class Estate:
    """Everything the demo starts and makes; gone when its context is left, unless it is kept."""

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="backupdb-demo-"))
        self.directory.chmod(0o711)
        self.inventory = self.directory / "inventory"
        self.files = self.directory / "app"
        self.keys = self.directory / "keys"
        self.repository = self.directory / "repository"
        self.copy = self.directory / "elsewhere"
        self.passwords = {word: secrets.token_urlsafe(12) for word in ("APP_PASSWORD", "REPORTING_PASSWORD")}
        self.postgresql: dict[str, PostgresServer] = {}
        self.mariadb: dict[str, MariaDBServer] = {}
        self._stack = ExitStack()
        self._stack.callback(shutil.rmtree, self.directory)
        self._kept: list[int] = []

    def __enter__(self) -> Estate:
        return self

    def __exit__(self, *_exception: object) -> None:
        if not self._kept:
            self._stack.close()

    def start(self, host: str) -> None:
        """Start the two servers of a host, empty."""
        # As root the servers run as Debian's accounts; otherwise as us, and peer knows us by our own name.
        superuser = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        self.postgresql[host] = self._stack.enter_context(PostgresServer(superuser=superuser))
        self.mariadb[host] = self._stack.enter_context(MariaDBServer())

    def write_inventory(self) -> None:
        """Copy the inventory and write down where the servers are."""
        shutil.copytree(INVENTORY, self.inventory)
        (self.inventory / "host_vars").mkdir()
        for host, postgresql in self.postgresql.items():
            mariadb = self.mariadb[host]
            variables = {
                "demo_directory": str(self.directory),
                "demo_postgresql": {
                    "socket": str(postgresql.socket_dir),
                    "port": postgresql.port,
                    "user": postgresql.superuser,
                },
                "demo_mariadb": {"socket": str(mariadb.socket), "user": mariadb.superuser},
            }
            (self.inventory / "host_vars" / f"{host}.yml").write_text("---\n" + json.dumps(variables, indent=2) + "\n")

    def make_keys(self) -> None:
        """Two pairs that encrypt, the second one for the safe; the inventory looks them up."""
        recipients = ""
        for name in ("backup", "recovery"):
            path = self.keys / f"{name}.key"
            subprocess.run(["age-keygen", "-o", path], check=True, capture_output=True)
            recipients += subprocess.run(["age-keygen", "-y", path], check=True, capture_output=True, text=True).stdout
        (self.keys / "recipients.txt").write_text(recipients)

    def fill(self) -> None:
        """Fill the sources."""
        content.fill_postgresql(self.postgresql[OLD], self.passwords)
        content.fill_mariadb(self.mariadb[OLD], self.passwords)
        content.fill_files(self.files)

    def lose(self) -> None:
        """Destroy the sources and the repository: servers killed, their folders, the files and all sets deleted."""
        self.postgresql.pop(OLD).destroy()
        self.mariadb.pop(OLD).destroy()
        shutil.rmtree(self.files)
        shutil.rmtree(self.repository)

    def copied(self) -> tuple[int, list[str]]:
        """How many files of data the copy holds, and those of them that are not encrypted."""
        paths = [path for path in self.copy.rglob("*") if path.is_file() and path.name not in _READABLE]
        return len(paths), [path.name for path in paths if not path.read_bytes().startswith(_AGE)]

    def keep(self) -> list[str]:
        """Let the rebuilt servers live on; returns lines that say how to reach and how to end them."""
        postgresql, mariadb = self.postgresql[NEW], self.mariadb[NEW]
        self._kept = [postgresql.keep(), mariadb.keep()]
        password = self.passwords["REPORTING_PASSWORD"]
        return [
            "The rebuilt servers go on running. To look around with the read-only account:",
            f"  PGPASSWORD={password} psql -h 127.0.0.1 -p {postgresql.port} -U reporting shop",
            f"  MYSQL_PWD={password} mariadb -h 127.0.0.1 -P {mariadb.port} -u reporting shop",
            "As the administrator:",
            f"  PGPASSWORD={postgresql.password} psql -h 127.0.0.1 -p {postgresql.port} -U {postgresql.superuser} postgres",
            f"  mariadb -S {mariadb.socket} -u {mariadb.superuser}",
            "A playbook on it, in this folder:",
            f"  ANSIBLE_COLLECTIONS_PATH=.build .venv/bin/ansible-playbook vya.backupdb.check -i {self.inventory} --limit {NEW}",
            f"The files are in {self.files}, the sets in {self.repository}, the inventory in {self.inventory}.",
            "To end it all:",
            f"  kill {' '.join(map(str, self._kept))} && rm -rf {self.directory}",
        ]

    def log_in(self) -> list[tuple[str, bool]]:
        """What the accounts can do on the rebuilt servers with their old passwords: sentence, whether it is true."""
        return [*self._log_in_postgresql(), *self._log_in_mariadb()]

    def _log_in_postgresql(self) -> list[tuple[str, bool]]:
        server, database = self.postgresql[NEW], "shop"
        reporting = {"user": "reporting", "password": self.passwords["REPORTING_PASSWORD"]}
        app = {"user": "app", "password": self.passwords["APP_PASSWORD"]}
        rows = server.value("SELECT count(*) FROM shop.orders", database=database, **reporting)
        refused = False
        try:
            server.sql("INSERT INTO shop.orders VALUES (0, 1, '2024-01-01', 'new', 1)", database=database, **reporting)
        except psycopg.errors.InsufficientPrivilege:
            refused = True
        server.sql("UPDATE shop.customer SET name = name WHERE id = 1", database=database, **app)
        noted = server.value("SELECT count(*) FROM shop.audit WHERE who = 'app'", database=database, **app)
        return [
            (f"PostgreSQL: reporting logs in with its old password and reads {rows} orders", rows == 60000),
            ("PostgreSQL: reporting cannot write", refused),
            ("PostgreSQL: app writes, and the trigger notes it", noted == 1),
        ]

    def _log_in_mariadb(self) -> list[tuple[str, bool]]:
        server, database = self.mariadb[NEW], "shop"
        reporting = {
            "host": "127.0.0.1",
            "user": "reporting",
            "password": self.passwords["REPORTING_PASSWORD"],
            "database": database,
        }
        app = {**reporting, "user": "app", "password": self.passwords["APP_PASSWORD"]}
        rows = server.value("SELECT count(*) FROM orders", **reporting)
        refused = False
        try:
            server.sql("INSERT INTO orders VALUES (0, 1, '2024-01-01', 'new', 1)", **reporting)
        except pymysql.err.OperationalError as error:
            refused = error.args[0] == 1142
        server.sql("UPDATE customer SET name = concat(name, '!') WHERE id = 1", **app)
        noted = server.value("SELECT count(*) FROM audit WHERE who LIKE 'app@%%'", database=database)
        return [
            (f"MariaDB: reporting logs in with its old password and reads {rows} orders", rows == 60000),
            ("MariaDB: reporting cannot write", refused),
            ("MariaDB: app writes, and the trigger notes it", noted == 1),
        ]
