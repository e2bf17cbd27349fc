# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Loading the content of a plain dump into shadows, in one pass and bounded memory. Private to this collection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Callable, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.load_parts import Choice
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.load_session import Sender
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.load_survey import (
    NAMING,
    again,
    conforming_of,
    is_event_trigger,
    is_of_server,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.quoting import identifier
from ansible_collections.vya.backupdb.plugins.module_utils._errors import DamagedDump
from ansible_collections.vya.backupdb.plugins.module_utils._sql.postgresql_kinds import postgres_level
from ansible_collections.vya.backupdb.plugins.module_utils._sql.postgresql_lexer import PostgresLexer, PostgresMode
from ansible_collections.vya.backupdb.plugins.module_utils._sql.postgresql_objects import Numbering, relation_of
from ansible_collections.vya.backupdb.plugins.module_utils._sql.postgresql_rename import PostgresRenamer
from ansible_collections.vya.backupdb.plugins.module_utils._sql.postgresql_roles import repair_roles
from ansible_collections.vya.backupdb.plugins.module_utils._sql.postgresql_splitter import PostgresSplitter, meta_of
from ansible_collections.vya.backupdb.plugins.module_utils._sql.postgresql_words import PathFollower
from ansible_collections.vya.backupdb.plugins.module_utils._sql.psql import MetaCommand
from ansible_collections.vya.backupdb.plugins.module_utils._sql.tokens import (
    Data,
    Filler,
    Item,
    SqlError,
    Statement,
)

#: INSERT statements are sent together once they are so long.
_ENOUGH = 1 << 18
#: What would make counting quotes wrong.
_UNSURE = (b"--", b"/*", b'"', b"$")

SKIP, WHOLE, ROWS = range(3)


class PlainLoad:
    """Loads one plain dump.

    Args:
        sender: where statements go.
        label: of the dump.
        shadows: key in the dump -> the shadow for it.
        names: key in the dump -> the name that its statements have for it.
        unnamed: the key of content that no statement names a database for.
        check: raises if the work was stopped.
        choices: key in the dump -> what of it is loaded, where that is not all.
    """

    def __init__(
        self,
        sender: Sender,
        label: str,
        shadows: Mapping[str, str],
        names: Mapping[str, str],
        unnamed: str,
        check: Callable[[], None],
        choices: Optional[Mapping[str, Choice]] = None,
    ) -> None:
        self._sender = sender
        self._label = label
        self._shadows = shadows
        self._names = names
        self._unnamed = unnamed
        self._check = check
        self._choices = choices or {}
        self._numbering = Numbering()
        self._path = PathFollower()
        self._splitter = PostgresSplitter(())
        self._renamer = PostgresRenamer({})
        self._current: Optional[str] = None
        self._way = SKIP
        self._first: Optional[Statement] = None
        self._in_line = False
        #: what comes last in the current database
        self._last: list[tuple[bytes, Statement]] = []
        self._head = b""
        self._pending: list[bytes] = []
        self._pending_line = 0
        self._pending_size = 0
        #: bytes that were loaded
        self.done = 0

    def run(self, splitter: PostgresSplitter) -> None:
        """Load everything.

        Raises:
            DamagedSet: the dump ends in the middle.
            SqlError: it holds a command that must not run.
            LoadStopped: a statement failed, and that was to be the end.
        """
        self._splitter = splitter
        try:
            for item in splitter:
                self._check()
                if isinstance(item, Filler):
                    continue
                if isinstance(item, Statement) and not item.part:
                    self._begin(item)
                elif self._way != SKIP:
                    self._more(item)
            self._leave()
        except BaseException:
            self._sender.abandon()
            raise
        unfinished = splitter.unfinished
        if unfinished is not None and unfinished.what != "statement":
            raise DamagedDump(
                f"{self._label} ends inside of the {unfinished.what} that begins in line {unfinished.line}.",
                "give another copy of the dump, or dump again",
            )

    @property
    def _mode(self) -> PostgresMode:
        lexer = self._splitter.lexer
        return lexer.mode if isinstance(lexer, PostgresLexer) else PostgresMode()

    # which database

    def _begin(self, statement: Statement) -> None:
        """The first part of a statement."""
        self._way = SKIP
        level = postgres_level(statement.kind)
        key = self._unnamed if statement.database is None else statement.database
        chosen = not self._choices or self._is_chosen(statement, level, key)
        if level == "client" or statement.kind == "connect":
            self._command(statement)
            return
        if not chosen or key not in self._shadows or level not in ("content", "session"):
            return
        if key != self._current:
            self._enter(key)
        if statement.kind == "copy_from_stdin":
            self._way, self._in_line = ROWS, True
            self._sender.begin_copy(self._renamer.apply(statement), statement)
        elif statement.last:
            self._whole(statement)
        else:
            self._way = WHOLE
            self._first = statement
            text = self._renamer.apply(statement)
            bulk = statement.kind == "insert" and self._mode.conforming and text == statement.bytes()
            self._head = text if bulk else b""
            self._pending, self._pending_line, self._pending_size = [text], statement.line, len(text)

    def _is_chosen(self, statement: Statement, level: str, key: str) -> bool:
        """Whether a statement is in the part that is loaded."""
        number = self._numbering.of(statement)
        self._path.see(statement)
        choice = self._choices.get(key)
        if choice is None or level != "content":
            return True
        if statement.kind in ("insert", "copy_from_stdin"):
            return relation_of(statement, self._path.schema) in choice.tables
        return number in choice.numbers

    def _enter(self, key: str) -> None:
        self._leave()
        self._current = key
        self._sender.connect(self._shadows[key])
        name = self._names[key]
        self._renamer = PostgresRenamer({name: self._shadows[key]} if name else {})
        self._splitter.needles = self._renamer.needles()

    def _leave(self) -> None:
        """Everything of the current database has been seen."""
        last, self._last = self._last, []
        for text, statement in last:
            self._sender.statement(text, statement)
        self._sender.close()

    def _command(self, statement: Statement) -> None:
        command = meta_of(statement)
        if command is None:
            return
        if command.refused is not None:
            raise SqlError(
                f"the dump gives a command to psql, \\{command.name}: {command.refused}.",
                statement.line,
                "check where the dump comes from, and remove the command if the dump can be trusted",
            )
        if command.name == "connect":
            key = command.database
            key = self._current if key is None else key
            self._current = None
            user = _user_of(command)
            if user is not None and key is not None and key in self._shadows:
                self._enter(key)
                self._act_as(user)
        elif command.name == "encoding" and command.arguments and self._current is not None:
            name = "".join(char for char in command.arguments[0] if char.isalnum() or char in "_-")
            self._sender.execute(f"SET client_encoding = '{name}'".encode("ascii", "ignore"))

    def _act_as(self, user: str) -> None:
        self._sender.execute(f"SET SESSION AUTHORIZATION {identifier(user)}".encode())

    # what to do with it

    def _whole(self, statement: Statement) -> None:
        if is_of_server(statement) or (statement.kind == "copy" and b"STDOUT" in statement.words):
            # It would reach beyond the shadow, or print rows.
            return
        original = statement
        if statement.kind.startswith(NAMING):
            text, repaired = repair_roles(statement)
            statement = again(statement, text, conforming_of(self._splitter)) if repaired else statement
        text = self._renamer.apply(statement)
        self.done += len(text)
        if is_event_trigger(statement):
            # It would fire for the rest of the dump.
            self._last.append((text, original))
        else:
            self._sender.statement(text, original)

    def _more(self, item: Item) -> None:
        """What follows the first part of a statement."""
        text = self._renamer.apply(item)
        self.done += len(text)
        if self._way == ROWS:
            self._copied(item, text)
        elif isinstance(item, Data) and self._head:
            self._values(text)
        else:
            self._keep(text)
        if isinstance(item, Statement) and item.last and self._way == WHOLE:
            self._flush()

    def _copied(self, item: Item, text: bytes) -> None:
        if isinstance(item, Statement):
            if item.last:
                self._sender.end_copy()
        elif self._in_line:
            # the rest of the line of COPY itself
            self._in_line = False
        else:
            self._sender.rows(text, item.line)

    def _keep(self, text: bytes) -> None:
        self._pending.append(text)
        self._pending_size += len(text)

    def _values(self, text: bytes) -> None:
        """Values of INSERT statements; those that are whole are sent once they are enough."""
        cut = 0 if self._pending_size + len(text) < _ENOUGH else boundary(text, self._head)
        if cut:
            self._keep(text[:cut])
            whole = b"".join(self._pending)
            self._sender.inserts(whole, self._pending_line, self._mode)
            self._pending, self._pending_size = [], 0
            self._pending_line += whole.count(b"\n")
            text = text[cut:]
        self._keep(text)

    def _flush(self) -> None:
        whole = b"".join(self._pending)
        first, self._first = self._first, None
        self._pending = []
        if self._head:
            self._sender.inserts(whole, self._pending_line, self._mode)
        elif first is not None:
            self._sender.statement(whole, first)


def boundary(values: bytes, head: bytes) -> int:
    """Behind the last end of a statement in a run of INSERT statements; 0 if there is none, or it is not certain.

    Args:
        values: some of the run, which begins and ends outside of strings.
        head: with which each of the statements begins.
    """
    pieces = values.split(b"'")
    outside = b"'".join(pieces[::2])
    plain = outside.replace(head, b"")
    if len(pieces) % 2 == 0 or any(mark in plain for mark in _UNSURE):
        return 0
    for separator in (b";\n", b";\r\n"):
        for number in range(len(pieces) - 1, -1, -2):
            found = pieces[number].rfind(separator + head)
            if found >= 0:
                return sum(len(piece) + 1 for piece in pieces[:number]) + found + len(separator)
    return 0


def _user_of(command: MetaCommand) -> Optional[str]:
    """The user that ``\\\\connect`` names behind the database."""
    rest = [argument for argument in command.arguments if not argument.startswith("-reuse-previous=")]
    return rest[1] if len(rest) > 1 and rest[1] != "-" else None
