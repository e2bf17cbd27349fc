# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Events of a database that the dump program cannot read. Private to this collection.

mariadb-dump escapes a database's name once too often when it comes to events: one with a quote, a backslash
or a newline is "unknown" then.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.catalog import Definition
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.connection import quote_text
from ansible_collections.vya.backupdb.plugins.module_utils._errors import Unsupported

#: Character sets of the server whose bytes Python can write (what the server calls latin1 is cp1252).
_CODECS = {"utf8mb4": "utf-8", "utf8mb3": "utf-8", "utf8": "utf-8", "latin1": "cp1252", "ascii": "ascii"}

#: What mysql_real_escape_string puts a backslash before.
_ESCAPED = frozenset("\0\n\r\x1a\\'\"")


def needs_own_script(database: str) -> bool:
    """Whether the dump program fails on the events of a database."""
    return not _ESCAPED.isdisjoint(database)


def events_script(database: str, events: Sequence[Definition]) -> bytes:
    """A script for the client that makes some events, each under the settings that it was made with.

    Raises:
        BackupError: one of them is in a character set that cannot be written here.
    """
    script = b""
    # The client takes at most 15 characters.
    delimiter = f"end_{secrets.token_hex(5)}"
    for event in events:
        charset = event.settings["character set"]
        codec = _CODECS.get(charset)
        if codec is None:
            raise Unsupported(
                f"Event {database}.{event.name} was made by a client that uses the character set {charset}, which neither "
                "the dump program nor this collection can write for a database with such a name.",
                "make the event again from a client that uses utf8mb4, or exclude the database",
            )
        settings = {
            "character_set_client": charset,
            "collation_connection": event.settings["collation"],
            "sql_mode": quote_text(event.settings["sql_mode"]),
            "time_zone": quote_text(event.settings["time zone"]),
        }
        lines = [f"SET {name} = {value};" for name, value in settings.items()]
        lines += [f"DELIMITER {delimiter}", f"{event.text} {delimiter}", "DELIMITER ;", ""]
        script += "\n".join(lines).encode(codec)
    return script
