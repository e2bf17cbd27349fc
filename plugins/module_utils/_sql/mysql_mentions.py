# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What in a MySQL dump may refer to one of its databases, found while the dump is read for its inventory.

Private to this collection. Which databases there are comes to be known on the way: definitions that came before a name are
kept, as far as they are not very long, and looked at again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_objects import table_of
from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_rename import MySQLRenamer
from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_splitter import client_command
from ansible_collections.vya.backupdb.plugins.module_utils._sql.references import Reference
from ansible_collections.vya.backupdb.plugins.module_utils._sql.tokens import STRING, Statement

#: Names that are looked for: each costs time at every statement.
_MOST_NAMES = 100
#: Bytes of statements that are kept: their tokens take many times as much.
_MOST_KEPT = 1 << 19
_MOST = 1000
#: Kinds in which nothing is looked for.
_WITHOUT = ("insert", "drop_")


@dataclass(frozen=True)
class Mention:
    """A place that may refer to a database.

    Args:
        database: that the statement belongs to; empty where none is named.
        table: that it belongs to, if it does to one.
        reference: the place.
    """

    database: str
    table: Optional[str]
    reference: Reference


class MentionsTaker:
    """Collects mentions.

    mentions: found so far
    """

    def __init__(self) -> None:
        self.mentions: list[Mention] = []
        self._names: list[str] = []
        self._renamer = MySQLRenamer({})
        self._kept: list[tuple[str, Statement]] = []
        self._size = 0
        self._following = False

    def name(self, name: str) -> None:
        """Take the name of a database in."""
        if not name or name in self._names or len(self._names) >= _MOST_NAMES:
            return
        self._names.append(name)
        late = MySQLRenamer({name: f"{name}_"})
        for database, statement in self._kept:
            self._look(late, statement, database)
        # Only what is left as it is counts: any new name will do.
        self._renamer = MySQLRenamer({known: f"{known}_" for known in self._names})

    def see(self, statement: Statement, database: str) -> None:
        """Take a part of a statement in that is executed when the dump is loaded.

        Args:
            statement: the part.
            database: that it belongs to; empty for none that is named.
        """
        if statement.part:
            if self._following:
                self._look(self._renamer, statement, database)
            return
        self._following = not statement.kind.startswith(_WITHOUT) and client_command(statement) is None
        if not self._following:
            return
        self._look(self._renamer, statement, database)
        if statement.last and any(kind == STRING for kind, _text in statement.tokens):
            size = sum(len(text) for _kind, text in statement.tokens)
            if self._size + size <= _MOST_KEPT:
                self._size += size
                self._kept.append((database, statement))

    def _look(self, renamer: MySQLRenamer, statement: Statement, database: str) -> None:
        found = renamer.references.found
        before = len(found)
        renamer.apply(statement)
        for reference in found[before:]:
            if len(self.mentions) < _MOST:
                self.mentions.append(Mention(database, table_of(statement), reference))
