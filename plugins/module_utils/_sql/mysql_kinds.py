# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a statement of MySQL or MariaDB does. Private to this collection.

Kinds are words such as ``create_table``, ``drop_database``, ``insert``, ``use``, ``set``, ``grant``.
"""

from __future__ import annotations

_OBJECTS = {
    b"DATABASE": "database",
    b"SCHEMA": "database",
    b"TABLE": "table",
    b"TABLES": "table",
    b"VIEW": "view",
    b"PROCEDURE": "routine",
    b"FUNCTION": "routine",
    b"PACKAGE": "routine",
    b"TRIGGER": "trigger",
    b"EVENT": "event",
    b"INDEX": "index",
    b"SERVER": "server",
    b"USER": "role",
    b"ROLE": "role",
    b"SEQUENCE": "sequence",
    b"TABLESPACE": "tablespace",
    b"LOGFILE": "tablespace",
    b"INSTANCE": "instance",
}
_VERBS = {
    b"REPLACE": "insert",
    b"INSERT": "insert",
    b"START": "transaction",
    b"BEGIN": "transaction",
    b"COMMIT": "transaction",
    b"ROLLBACK": "transaction",
}
_WITH_OBJECT = (b"CREATE", b"ALTER", b"DROP", b"RENAME", b"LOCK", b"UNLOCK", b"SHOW")

#: Kinds that work on users, roles and their rights.
ROLE_KINDS = frozenset(("create_role", "alter_role", "drop_role", "rename_role", "grant", "revoke"))
#: Kinds that work on a database as a whole.
DATABASE_KINDS = frozenset(("create_database", "alter_database", "drop_database", "use"))


def mysql_kind(words: list[bytes]) -> str:
    """The kind of a statement from its first words, upper case; see `Statement.words`."""
    if not words:
        return "empty"
    verb = words[0]
    if verb not in _WITH_OBJECT:
        return _VERBS.get(verb) or verb.decode("latin-1").lower()
    return f"{verb.decode('ascii').lower()}_{object_type(words)}"


def object_type(words: list[bytes]) -> str:
    """The type of the object that CREATE, ALTER or DROP names."""
    position = 1
    while position < len(words):
        word = words[position]
        if word in _OBJECTS:
            return _OBJECTS[word]
        position += 1
        if word == b"DEFINER" and words[position : position + 1] == [b"="]:
            # the account's name may be any word
            position += 2
            if words[position : position + 1] == [b"@"]:
                position += 2
    return "other"
