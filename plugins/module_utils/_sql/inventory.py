# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is inside a dump. Private to this collection.

Found by reading it to its end: databases, roles, what it needs on the server, what must not be executed, whether it is
whole. Memory is bounded: of each list the first `MOST` entries are kept.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Optional

from ansible_collections.vya.backupdb.plugins.module_utils._sql.identifiers import decode_mysql
from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_findings import MySQLFindings
from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_kinds import ROLE_KINDS
from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_mentions import MentionsTaker
from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_splitter import MySQLSplitter, client_command
from ansible_collections.vya.backupdb.plugins.module_utils._sql.origin import Origin
from ansible_collections.vya.backupdb.plugins.module_utils._sql.postgresql_kinds import postgres_level
from ansible_collections.vya.backupdb.plugins.module_utils._sql.postgresql_roles import role_name
from ansible_collections.vya.backupdb.plugins.module_utils._sql.postgresql_splitter import PostgresSplitter, meta_of
from ansible_collections.vya.backupdb.plugins.module_utils._sql.splitter import Splitter
from ansible_collections.vya.backupdb.plugins.module_utils._sql.subjects import MYSQL, database_of, subject_of
from ansible_collections.vya.backupdb.plugins.module_utils._sql.tokens import (
    OP,
    WORD,
    Data,
    Filler,
    Item,
    Statement,
    Token,
    Unfinished,
)

#: Longest list.
MOST = 10_000


@dataclass
class DumpedDatabase:
    """A database in a dump.

    name: as its statements, or the tool's comment, name it; "" for content that no database is named for
    line: where it is first named or filled
    created: CREATE DATABASE is in the dump
    dropped: DROP DATABASE is in the dump
    statements: how many statements it has, data included
    tables: how many CREATE TABLE
    data: bytes of rows
    """

    name: str
    line: int
    created: bool = False
    dropped: bool = False
    statements: int = 0
    tables: int = 0
    data: int = 0


@dataclass
class Inventory:
    """What is inside a dump.

    flavour: ``mysql`` or ``postgresql``
    origin: what its comments say
    databases: by name, in their order
    roles: roles or users that it creates
    role_statements: statements that work on roles, users and their rights
    definers: accounts that views, routines, triggers and events run as, as written
    extensions: that it creates
    gtid: it sets GTID_PURGED
    refused: commands to the client that must not run, with their lines
    unfinished: what its end cuts off
    lines: how many it has
    mysql: what it needs and what of it will not run; empty for PostgreSQL
    """

    flavour: str
    origin: Origin = field(default_factory=Origin)
    databases: dict[str, DumpedDatabase] = field(default_factory=dict)
    roles: list[str] = field(default_factory=list)
    role_statements: int = 0
    definers: list[str] = field(default_factory=list)
    extensions: list[str] = field(default_factory=list)
    gtid: bool = False
    refused: list[str] = field(default_factory=list)
    unfinished: Optional[Unfinished] = None
    lines: int = 0
    mysql: MySQLFindings = field(default_factory=MySQLFindings)

    @property
    def truncated(self) -> Optional[str]:
        """Why the dump is not whole, in words; None when nothing says so."""
        if self.unfinished is not None and self.unfinished.what != "statement":
            return f"it ends inside of the {self.unfinished.what} that begins in line {self.unfinished.line}"
        if self.origin.complete is False:
            return f"the line with which {self.origin.tool} ends a dump is missing"
        if self.unfinished is not None and self.origin.tool is not None:
            return f"it ends inside of the statement that begins in line {self.unfinished.line}"
        return None


def take_inventory(chunks: Iterable[bytes], flavour: str) -> Inventory:
    """Read a dump to its end.

    Args:
        chunks: its bytes.
        flavour: ``mysql`` or ``postgresql``, see `origin.flavour_of`.

    Raises:
        SqlError: it cannot be cut into statements.
    """
    splitter: Splitter = MySQLSplitter(chunks) if flavour == MYSQL else PostgresSplitter(chunks)
    taker = InventoryTaker(flavour)
    for item in splitter:
        taker.see(item)
    return taker.finish(splitter)


class InventoryTaker:
    """Collects an inventory from items that are read for another purpose."""

    def __init__(self, flavour: str) -> None:
        self.inventory = Inventory(flavour)
        self._current: Optional[DumpedDatabase] = None
        self._mentions = MentionsTaker()
        self._executed = False

    def see(self, item: Item) -> None:
        """Take an item in."""
        if isinstance(item, Filler):
            self.inventory.origin.read(item.text)
        elif isinstance(item, Data):
            if self._current is not None:
                self._current.data += len(item.text)
        else:
            self._refused(item)
            if not item.part:
                self._statement(item)
            elif self._executed:
                self._mentions.see(item, self._current.name if self._current is not None else "")

    def finish(self, splitter: Splitter) -> Inventory:
        """The inventory, when all items have been seen."""
        inventory = self.inventory
        inventory.unfinished = splitter.unfinished
        inventory.lines = splitter.lexer.line
        inventory.mysql.mentions = self._mentions.mentions
        unnamed = inventory.databases.pop("", None)
        if unnamed is not None:
            unnamed.name = inventory.origin.database or ""
            known = inventory.databases.setdefault(unnamed.name, unnamed)
            if known is not unnamed:
                known.statements += unnamed.statements
                known.tables += unnamed.tables
                known.data += unnamed.data
        return inventory

    def _statement(self, statement: Statement) -> None:
        flavour, kind = self.inventory.flavour, statement.kind
        self._current = None
        self._executed = False
        level = _mysql_level(kind) if flavour == MYSQL else postgres_level(kind)
        if flavour == MYSQL and not self.inventory.mysql.see(statement) and level == "content":
            return
        if level == "role":
            self.inventory.role_statements += 1
            if kind == "create_role":
                self._add(self.inventory.roles, self._role(statement))
        elif level == "database":
            self._database(statement)
        elif level == "content":
            self._content(statement)
        elif kind == "set" and flavour == MYSQL:
            self.inventory.gtid |= b"GTID_PURGED" in statement.bytes().upper()
            self._mentions.see(statement, statement.database or "")

    def _refused(self, statement: Statement) -> None:
        if self.inventory.flavour == MYSQL:
            name = client_command(statement)
            if name is not None:
                self._add(self.inventory.refused, f"line {statement.line}: {name}")
            return
        command = meta_of(statement)
        if command is not None and command.refused is not None:
            self._add(self.inventory.refused, f"line {statement.line}: \\{command.name}: {command.refused}")

    def _role(self, statement: Statement) -> Optional[str]:
        if self.inventory.flavour == MYSQL:
            subject = subject_of(statement, MYSQL)
            return subject.names[-1] if subject is not None else None
        return role_name(statement)

    def _database(self, statement: Statement) -> None:
        if statement.kind == "connect":
            command = meta_of(statement)
            name = command.database if command is not None else None
        else:
            name = database_of(statement, self.inventory.flavour)
        if name is not None and not statement.kind.startswith("alter_role"):
            database = self._named(name, statement.line)
            database.created |= statement.kind == "create_database"
            database.dropped |= statement.kind == "drop_database"
            self._mentions.name(database.name)

    def _content(self, statement: Statement) -> None:
        database = self._named(database_of(statement, self.inventory.flavour) or "", statement.line)
        database.statements += 1
        database.tables += statement.kind == "create_table"
        self._current = database
        tokens = [statement.tokens[index] for index in statement.significant[:40]]
        if self.inventory.flavour == MYSQL:
            definer = _definer(tokens, statement.codec)
            self._executed = True
            self._mentions.name(database.name or self.inventory.origin.database or "")
            self._mentions.see(statement, database.name)
            self.inventory.mysql.objects.see(statement, database.name, definer)
            self._add(self.inventory.definers, definer)
            if definer is not None and len(self.inventory.mysql.definers) < MOST:
                self.inventory.mysql.definers.setdefault(definer, set()).add(database.name)
        elif statement.kind == "create_extension":
            subject = subject_of(statement, self.inventory.flavour)
            self._add(self.inventory.extensions, subject.names[0] if subject is not None else None)

    def _named(self, name: str, line: int) -> DumpedDatabase:
        databases = self.inventory.databases
        if name not in databases and len(databases) < MOST:
            databases[name] = DumpedDatabase(name, line)
        return databases.get(name) or DumpedDatabase(name, line)

    @staticmethod
    def _add(names: list[str], name: Optional[str]) -> None:
        if name is not None and name not in names and len(names) < MOST:
            names.append(name)


def _mysql_level(kind: str) -> str:
    if kind in ROLE_KINDS:
        return "role"
    if kind == "use" or kind.endswith("_database"):
        return "database"
    if kind in ("meta", "delimiter"):
        return "client"
    if kind in ("set", "transaction", "lock_table", "unlock_table", "unlock_other", "flush", "empty"):
        return "session"
    return "content"


def _definer(tokens: list[Token], codec: str) -> Optional[str]:
    """The account of DEFINER=name@host, as SHOW GRANTS would name it."""
    for position, token in enumerate(tokens[:-2]):
        if token[0] == WORD and token[1].upper() == b"DEFINER" and tokens[position + 1] == (OP, b"="):
            parts = tokens[position + 2 : position + 5]
            if len(parts) == 3 and parts[1] == (OP, b"@"):
                return "@".join(_account_part(part, codec) for part in (parts[0], parts[2]))
            return _account_part(parts[0], codec)
    return None


def _account_part(token: Token, codec: str) -> str:
    name = decode_mysql(token, codec)
    return name if name is not None else token[1].strip(b"'\"").decode(codec, "surrogateescape")
