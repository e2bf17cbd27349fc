# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the databases of a dump are and need, from its statements. Private to this collection.

A plain dump is three restores in one: statements on databases, statements on roles, content. The first two are kept here,
so that the collection can say the same in its own words; of the content it is noted what must be on the server.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.load_parts import (
    ChosenPart,
    PartsOfPlainDump,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.load_words import Words, setting_of
from ansible_collections.vya.backupdb.plugins.module_utils._engines.part import Part
from ansible_collections.vya.backupdb.plugins.module_utils._sql.origin import Origin
from ansible_collections.vya.backupdb.plugins.module_utils._sql.postgresql_database import (
    CreateDatabase,
    parse_create_database,
)
from ansible_collections.vya.backupdb.plugins.module_utils._sql.postgresql_kinds import postgres_level
from ansible_collections.vya.backupdb.plugins.module_utils._sql.postgresql_lexer import PostgresLexer
from ansible_collections.vya.backupdb.plugins.module_utils._sql.postgresql_rename import PostgresRenamer
from ansible_collections.vya.backupdb.plugins.module_utils._sql.postgresql_roles import repair_roles, role_names
from ansible_collections.vya.backupdb.plugins.module_utils._sql.postgresql_splitter import PostgresSplitter, meta_of
from ansible_collections.vya.backupdb.plugins.module_utils._sql.subjects import POSTGRES, subject_of
from ansible_collections.vya.backupdb.plugins.module_utils._sql.tokens import (
    STRING,
    WORD,
    Filler,
    SqlError,
    Statement,
)

#: Most entries of each list.
_MOST = 1000
_FLAGS = {"ALLOW_CONNECTIONS": "allow_connections", "IS_TEMPLATE": "is_template"}
_YES = frozenset(("true", "on", "1", "yes"))
_OF_SERVER = frozenset(
    (b"PG_TERMINATE_BACKEND", b"PG_CANCEL_BACKEND", b"PG_RELOAD_CONF", b"PG_PROMOTE", b"PG_ROTATE_LOGFILE")
)
#: Kinds that name roles.
NAMING = ("grant", "revoke", "alter_", "create_schema", "create_policy", "create_user_mapping")


@dataclass(frozen=True)
class Said:
    """A small statement, and what standard_conforming_strings is for it."""

    statement: Statement
    conforming: bool


@dataclass
class DumpedDatabase:
    """A database of a dump.

    Args:
        name: as its statements name it; empty where they do not.
        create: its CREATE DATABASE.
        properties: what other statements say, by the keys of `properties`; a tablespace, an owner, limits.
        statements: SQL that belongs to it as a whole: its comment, privileges and settings; it names it by ``name``.
        roles: roles that it names, and the line where it first does.
        settings_of: roles with settings of their own in it.
        extensions: that it creates, and their lines.
        tablespaces: that its tables and indexes name, and their lines.
        event_triggers: it has some.
        acts: its objects are made by the roles that own them (pg_dump --use-set-session-authorization).
        public: it creates the schema public, which every new database has.
        encoding: the client encoding that it sets first.
    """

    name: str
    create: Optional[CreateDatabase] = None
    properties: dict[str, Any] = field(default_factory=dict)
    statements: list[Said] = field(default_factory=list)
    roles: dict[str, int] = field(default_factory=dict)
    settings_of: dict[str, int] = field(default_factory=dict)
    extensions: dict[str, int] = field(default_factory=dict)
    tablespaces: dict[str, int] = field(default_factory=dict)
    event_triggers: bool = False
    acts: bool = False
    public: bool = False
    encoding: Optional[str] = None

    def adopt(self, other: DumpedDatabase) -> None:
        """Take over what was said of a name that turns out to be this one's."""
        self.name, self.create, self.properties = other.name, other.create, other.properties
        self.statements = other.statements
        for mine, more in ((self.roles, other.roles), (self.settings_of, other.settings_of)):
            mine.update({name: line for name, line in more.items() if name not in mine})


@dataclass
class Survey:
    """What a dump says.

    Args:
        databases: the chosen ones, by the key that the request has for them.
        parts: what of each of them is chosen, by the same keys, where that is not all.
        roles: statements on roles, repaired, in their order; of all databases.
        origin: what its comments say.
        warnings: what is left out, or repaired.
        problems: what forbids to load it.
    """

    databases: dict[str, DumpedDatabase] = field(default_factory=dict)
    parts: dict[str, ChosenPart] = field(default_factory=dict)
    roles: list[Said] = field(default_factory=list)
    origin: Origin = field(default_factory=Origin)
    warnings: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


class Surveyor:
    """Reads one dump.

    Args:
        label: of the dump, for warnings.
        databases: name in the dump -> target name of the chosen ones.
        unnamed: the key of content that no statement names a database for.
        part: what of each is chosen, of a plain dump.
    """

    def __init__(
        self, label: str, databases: Mapping[str, str], unnamed: str = "", part: Optional[Part] = None
    ) -> None:
        self._parts = None if part is None or part.whole else PartsOfPlainDump(part)
        self._number = 0
        self._label = label
        self._chosen = databases
        self._unnamed = unnamed
        self._survey = Survey({name: DumpedDatabase(name) for name in databases})
        self._others: dict[str, DumpedDatabase] = {}
        self._connected: set[str] = set()
        # Only what is left as it is counts here: any new name will do.
        self._renamer = PostgresRenamer({old: old + "_" for old, new in databases.items() if old and old != new})
        #: the role that SET SESSION AUTHORIZATION names
        self._acting: Optional[str] = None
        self._repaired: set[str] = set()
        #: lines of statements that remove roles or what is theirs
        self._removals: list[int] = []

    def read(self, chunks: Iterable[bytes]) -> Survey:
        """Read it to its end.

        Raises:
            SqlError: it cannot be cut into statements.
        """
        splitter = PostgresSplitter(chunks)
        origin = self._survey.origin
        for item in splitter:
            if isinstance(item, Filler):
                origin.read(item.text)
            elif isinstance(item, Statement) and not item.part:
                self._statement(item, splitter)
            elif isinstance(item, Statement) and self._parts is not None:
                self._parts.go_on(item)
        self._name_the_unnamed()
        self._choose()
        if self._removals:
            count, line = len(self._removals), self._removals[0]
            self._warn(f"line {line}: {count} statements that remove roles or their rights are left out, from here on.")
        references = self._renamer.references
        self._survey.warnings += [f"{self._label}, {reference}" for reference in references.found]
        if references.omitted:
            self._warn(f"{references.omitted} more places may refer to an old name.")
        return self._survey

    def _choose(self) -> None:
        """What the chosen part of each database comes to, and needs."""
        if self._parts is None:
            return
        for key, database in self._survey.databases.items():
            name = database.name or self._chosen[key]
            found = self._survey.parts[key] = self._parts.choose(key, name, self._label)
            for role, line in found.roles.items():
                database.roles.setdefault(role, line)
            wanted = found.selection.extensions
            database.extensions = {item: line for item, line in database.extensions.items() if item in wanted}

    def _warn(self, text: str) -> None:
        if len(self._survey.warnings) < _MOST:
            self._survey.warnings.append(f"{self._label}, {text}")

    def _statement(self, statement: Statement, splitter: PostgresSplitter) -> None:
        level = postgres_level(statement.kind)
        if self._parts is not None:
            key = self._key(statement)
            self._number = self._parts.see(statement, key if key in self._survey.databases else None)
        if statement.kind in ("set", "reset") and statement.words[1:3] == [b"SESSION", b"AUTHORIZATION"]:
            self._acting = Words(statement, conforming_of(splitter)).last() if statement.kind == "set" else None
        if statement.kind == "connect":
            self._acting = None
            command = meta_of(statement)
            if command is not None and command.database is not None:
                self._connected.add(command.database)
        elif level == "client":
            return
        elif level == "role" or statement.kind == "grant_on_parameter":
            self._role(statement, conforming_of(splitter))
        elif level == "cluster":
            self._warn(f"line {statement.line}: left out, it is about the whole server: {statement.head}")
        elif level == "database":
            self._database(statement, conforming_of(splitter))
        else:
            database = self._survey.databases.get(self._key(statement))
            if database is not None:
                self._content(statement, database, level)

    def _key(self, statement: Statement) -> str:
        """The key of the database that a statement belongs to."""
        return self._unnamed if statement.database is None else statement.database

    # roles

    def _role(self, statement: Statement, conforming: bool) -> None:
        if statement.kind in ("owned", "drop_role"):
            self._removals.append(statement.line)
            return
        statement = self._repair(statement, conforming)
        if statement.kind == "alter_role_in_database":
            self._database(statement, conforming)
            return
        self._survey.roles.append(Said(statement, conforming))

    def _repair(self, statement: Statement, conforming: bool) -> Statement:
        text, repaired = repair_roles(statement)
        for item in repaired:
            if item.name not in self._repaired:
                self._repaired.add(item.name)
                self._warn(f"line {item.line}: the role {item.written} was not quoted; it is taken as {item.name!r}.")
        return again(statement, text, conforming) if repaired else statement

    # databases

    def _database(self, statement: Statement, conforming: bool) -> None:
        statement = self._repair(statement, conforming)
        names = databases_named(statement)
        if len(names) > 1:
            self._warn(f"line {statement.line}: left out, it names several databases: {statement.head}")
            return
        for name in names:
            database = self._survey.databases.get(name)
            if database is None:
                database = self._others.setdefault(name, DumpedDatabase(name))
            if statement.kind == "create_database":
                self._create(statement, database)
            elif statement.kind == "alter_database":
                self._alter(statement, database, conforming)
            elif statement.kind == "alter_role_in_database":
                for role in role_names(statement):
                    database.settings_of.setdefault(role, statement.line)
                database.statements.append(Said(statement, conforming))
            elif "_on_" in statement.kind:
                self._note_roles(statement, database)
                database.statements.append(Said(statement, conforming))

    def _create(self, statement: Statement, database: DumpedDatabase) -> None:
        unknown: list[str] = []
        try:
            database.create = parse_create_database(statement, unknown)
        except SqlError as error:
            self._warn(f"line {statement.line}: {error.message} The database is created with the server's defaults.")
            return
        if unknown:
            self._warn(f"line {statement.line}: options of CREATE DATABASE that are left out: {', '.join(unknown)}.")
        owner = database.create.options.get("owner", self._acting)
        if owner is not None:
            database.properties["owner"] = owner
            database.roles.setdefault(owner, statement.line)

    def _alter(self, statement: Statement, database: DumpedDatabase, conforming: bool) -> None:
        words = Words(statement, conforming)
        words.take("ALTER", "DATABASE")
        words.name()
        properties = database.properties
        if words.word in ("SET", "RESET") and not words.take("SET", "TABLESPACE"):
            if setting_of(words) is None:
                self._warn(f"line {statement.line}: left out, it cannot be read: {statement.head}")
            else:
                database.statements.append(Said(statement, conforming))
            return
        if words.take("OWNER", "TO"):
            properties["owner"] = words.name()
            self._note_roles(statement, database)
            return
        if words.word and words.word not in ("WITH", "CONNECTION", *_FLAGS):
            name = words.name()
            if name is not None and not words.left and statement.head.upper().count("TABLESPACE"):
                properties["tablespace"] = name
            else:
                self._warn(f"line {statement.line}: left out: {statement.head}")
            return
        words.take("WITH")
        while words.left:
            if words.take("CONNECTION", "LIMIT"):
                words.take("=")
                limit = words.integer()
                if limit is None:
                    self._warn(f"line {statement.line}: left out: {statement.head}")
                    return
                properties["connection_limit"] = limit
            elif words.word in _FLAGS:
                key = _FLAGS[words.skip()]
                words.take("=")
                properties[key] = (words.value() or "").lower() in _YES
            else:
                self._warn(f"line {statement.line}: left out: {statement.head}")
                return

    def _name_the_unnamed(self) -> None:
        """Content without a name, and statements on a database that nothing is said to be in, belong together."""
        database = self._survey.databases.get("")
        names = [name for name in self._others if name not in self._connected]
        if database is not None and len(names) == 1 and not self._connected:
            database.adopt(self._others[names[0]])

    # content

    def _content(self, statement: Statement, database: DumpedDatabase, level: str) -> None:
        kind = statement.kind
        if level == "session":
            self._session(statement, database)
            return
        if kind == "create_extension":
            subject = subject_of(statement, POSTGRES)
            if subject is not None:
                database.extensions.setdefault(subject.names[0], statement.line)
        elif kind == "create_schema":
            subject = subject_of(statement, POSTGRES)
            database.public |= subject is not None and subject.names == ("public",) and b"IF" not in statement.words[:4]
        elif is_event_trigger(statement):
            database.event_triggers = True
        elif kind == "copy" and not _prints(statement):
            if len(self._survey.problems) < _MOST:
                self._survey.problems.append(
                    f"{self._label}, line {statement.line}: {statement.head.rstrip(' ;')}: it reads or writes a file, or runs"
                    " a program, of the server, which is not part of the dump. Remove the statement from the dump."
                )
        elif is_of_server(statement):
            self._warn(f"line {statement.line}: left out, it is about the whole server: {statement.head}")
        if kind.startswith(NAMING):
            repaired = self._repair(statement, True)
            if self._parts is None:
                self._note_roles(repaired, database)
            else:
                self._parts.name_roles(self._key(statement), self._number, role_names(repaired), statement.line)
        if self._renamer.names and not kind.startswith(("copy", "insert")):
            self._renamer.apply(statement)

    def _session(self, statement: Statement, database: DumpedDatabase) -> None:
        tokens = [statement.tokens[index] for index in statement.significant[:6]]
        said = [
            (kind, text.strip(b"'\"").decode("utf-8", "replace")) for kind, text in tokens if kind in (WORD, STRING)
        ]
        words = [text.lower() for _kind, text in said]
        kind, value = said[-1] if said else (WORD, "")
        if words[:2] == ["set", "client_encoding"] and database.encoding is None:
            database.encoding = value
        elif words[:2] == ["set", "default_tablespace"] and value and words[-1] not in ("default", "to"):
            database.tablespaces.setdefault(value, statement.line)
        elif words[:3] == ["set", "session", "authorization"] and kind == STRING:
            database.roles.setdefault(value, statement.line)
            database.acts = True

    def _note_roles(self, statement: Statement, database: DumpedDatabase) -> None:
        for name in role_names(statement):
            if len(database.roles) < _MOST:
                database.roles.setdefault(name, statement.line)


def is_of_server(statement: Statement) -> bool:
    """Whether a query does something to the server or to other sessions, as scripts do before they drop a database."""
    return statement.kind == "select" and not _OF_SERVER.isdisjoint(statement.words)


def _prints(statement: Statement) -> bool:
    """Whether COPY writes rows to the client, where nobody reads them."""
    return any(
        statement.tokens[index][0] == WORD and statement.tokens[index][1].upper() == b"STDOUT"
        for index in statement.significant
    )


def is_event_trigger(statement: Statement) -> bool:
    """Whether a statement makes an event trigger, or says something about one."""
    return statement.kind.endswith("trigger") and b"EVENT" in statement.words[1:4]


def databases_named(statement: Statement) -> list[str]:
    """The databases that a statement on databases as a whole is about."""
    if statement.kind == "alter_role_in_database":
        words = Words(statement)
        while words.left and not words.take("DATABASE"):
            words.skip()
        name = words.name()
        return [] if name is None else [name]
    if statement.kind.endswith("_on_database"):
        words = Words(statement)
        while words.left and not words.take("ON", "DATABASE"):
            words.skip()
        return words.names()
    subject = subject_of(statement, POSTGRES)
    return [] if subject is None or statement.kind == "update_database" else [subject.names[0]]


def conforming_of(splitter: PostgresSplitter) -> bool:
    """What standard_conforming_strings is at the place that a splitter has come to."""
    lexer = splitter.lexer
    return not isinstance(lexer, PostgresLexer) or lexer.mode.conforming


def again(statement: Statement, text: bytes, conforming: bool) -> Statement:
    """A statement with another text."""
    for item in PostgresSplitter([text], conforming):
        if isinstance(item, Statement):
            item.line, item.database, item.codec = statement.line, statement.database, statement.codec
            return item
    return statement
