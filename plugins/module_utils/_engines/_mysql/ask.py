# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One question to a database of MySQL or MariaDB. Private to this collection."""

from __future__ import annotations

from typing import Any, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.connection import Server, explaining

#: A question wants one row; a second one is only returned to say that there are several.
_MOST_ROWS = 2


def ask(server: Server, database: str, statement: str, seconds: int) -> list[list[Optional[str]]]:
    """What a query returns, as text; see :meth:`Engine.ask`.

    Raises:
        BackupError: the server refused, or it took too long.
    """
    limit = {"max_statement_time": str(seconds)}
    if not server.flavour.is_mariadb:
        limit = {"max_execution_time": str(seconds * 1000)}
    # What the server is set to is what the applications have.
    settings = {"sql_mode": "@@global.sql_mode", "time_zone": "@@global.time_zone", **limit}
    # The driver sends one statement only: none can end the read-only transaction of another.
    with server.session(database, **settings) as session, explaining("a question"):
        session.execute("START TRANSACTION READ ONLY")
        rows = session.rows(statement)
    return [[_text(value) for value in row] for row in rows[:_MOST_ROWS]]


def _text(value: Any) -> Optional[str]:
    if value is None:
        return None
    return value.decode("utf-8", "surrogateescape") if isinstance(value, (bytes, bytearray)) else str(value)
