# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Throw-away servers where Debian's packages put theirs: the default sockets, ports and authentication."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.mariadb import MariaDBServer
from tests.support.postgresql import PostgresServer

POSTGRESQL_SOCKET = Path("/var/run/postgresql/.s.PGSQL.5432")
MARIADB_SOCKET = Path("/run/mysqld/mysqld.sock")


def somebody_listens(path: Path) -> bool:
    """Whether a server is behind a socket; a killed one leaves its socket, and the next one replaces it."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            return False
    return True


def why_not() -> str | None:
    """Why servers cannot be started there, or None."""
    if os.geteuid() != 0:
        return "only root can start servers where Debian does"
    for path in (POSTGRESQL_SOCKET, MARIADB_SOCKET):
        if somebody_listens(path):
            return f"a server of this machine uses {path}"
    if not POSTGRESQL_SOCKET.parent.is_dir():
        return f"{POSTGRESQL_SOCKET.parent} is not there"
    return None


@contextmanager
def stock_servers() -> Iterator[tuple[PostgresServer, MariaDBServer]]:
    """A PostgreSQL and a MariaDB server at the default places; nothing of them is left."""
    made = not MARIADB_SOCKET.parent.exists()
    if made:
        MARIADB_SOCKET.parent.mkdir(mode=0o755)
        shutil.chown(MARIADB_SOCKET.parent, "mysql")
    mariadb = MariaDBServer()
    mariadb.socket = MARIADB_SOCKET
    settings = {"unix_socket_directories": str(POSTGRESQL_SOCKET.parent)}
    try:
        with mariadb, PostgresServer(port=5432, settings=settings) as postgresql:
            yield postgresql, mariadb
    finally:
        mariadb.destroy()
        # a server that is thrown away leaves its socket, which only the next start would remove
        for path in (MARIADB_SOCKET, MARIADB_SOCKET.with_name(MARIADB_SOCKET.name + ".lock")):
            path.unlink(missing_ok=True)
        if made:
            MARIADB_SOCKET.parent.rmdir()
