# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One question to a database of PostgreSQL. Private to this collection."""

from __future__ import annotations

from typing import Optional

from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.connection import Access, explained

#: A question wants one row; a second one is only read to say that there are several.
_MOST_ROWS = 2


def ask(access: Access, database: str, statement: str, seconds: int) -> list[list[Optional[str]]]:
    """What a query returns, as the server writes it; see :meth:`Engine.ask`.

    Raises:
        BackupError: the server refused, or it took too long.
    """
    # The server's, the database's and the role's other settings are those that the applications have.
    settings = {"default_transaction_read_only": "on", "statement_timeout": str(seconds * 1000)}
    with access.session(database, settings) as session, explained("answering a question"):
        # By the extended protocol, which takes a single statement: none can end the read-only transaction of another.
        session.prepare_threshold = 0
        cursor = session.execute(statement.encode("utf-8", "surrogateescape"), prepare=True)
        result = cursor.pgresult
        if cursor.description is None or result is None:
            return []
        return [
            [_text(result.get_value(row, column)) for column in range(result.nfields)]
            for row in range(min(result.ntuples, _MOST_ROWS))
        ]


def _text(value: Optional[bytes]) -> Optional[str]:
    return None if value is None else bytes(value).decode("utf-8", "surrogateescape")
