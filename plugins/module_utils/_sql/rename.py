# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Renaming databases in a dump: the part that does not depend on the dialect. Private to this collection.

Every statement is asked which of its tokens are names of databases; those are spelled anew, everything else comes out as it
came in. Data is never looked at. What may refer to a renamed database but cannot be decided is a `Reference`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Optional

from ansible_collections.vya.backupdb.plugins.module_utils._errors import UsageError
from ansible_collections.vya.backupdb.plugins.module_utils._sql.charsets import encode
from ansible_collections.vya.backupdb.plugins.module_utils._sql.places import Place, Places
from ansible_collections.vya.backupdb.plugins.module_utils._sql.references import References
from ansible_collections.vya.backupdb.plugins.module_utils._sql.splitter import Splitter
from ansible_collections.vya.backupdb.plugins.module_utils._sql.tokens import Data, Item, SqlError, Statement, Token

#: the old and the new row in triggers and rules
_ROWS = ("new", "old", "excluded")


class Renamer:
    """Renames databases in the statements of one dump, one item after the other.

    changed: how many names have been rewritten
    references: what may refer to an old name and was left
    """

    base = 2

    def __init__(self, names: Mapping[str, str]) -> None:
        self.names = {old: new for old, new in names.items() if old != new}
        for old, new in self.names.items():
            if not old or not new or "\0" in new:
                raise UsageError(f"A database cannot be renamed from {old!r} to {new!r}.", "give both names")
        self._needles: dict[str, tuple[bytes, ...]] = {}
        self.changed = 0
        self.references = References()
        self._statement: Optional[Statement] = None
        self._places = Places(self.base, "")
        #: names that are tables, aliases or variables of the statement, and places that depend on it
        self._standing: set[str] = set()
        self._unsure: list[tuple[Statement, str, int]] = []

    def needles(self, codec: str = "utf-8") -> tuple[bytes, ...]:
        """What `Splitter.needles` must be while the dump is written in a character set."""
        if codec not in self._needles:
            found = set()
            for name in self.names:
                try:
                    needle = encode(name, codec).lower()
                except UnicodeEncodeError:
                    continue
                found.update((needle, needle.replace(b"`", b"``"), needle.replace(b'"', b'""')))
            self._needles[codec] = tuple(sorted(found))
        return self._needles[codec]

    def run(self, splitter: Splitter) -> Iterator[bytes]:
        """The dump with the databases renamed, in pieces.

        Raises:
            SqlError: a new name cannot be written where it must stand, or the dump holds a command that must not run.
        """
        splitter.needles = self.needles()
        codec = "utf-8"
        for item in splitter:
            yield self.apply(item)
            if isinstance(item, Statement) and item.codec != codec:
                codec = item.codec
                splitter.needles = self.needles(codec)

    def apply(self, item: Item) -> bytes:
        """One item with the databases renamed.

        Raises:
            SqlError: see `run`.
        """
        if isinstance(item, Statement):
            return self._apply(item)
        if isinstance(item, Data):
            self._pass(item)
        return item.bytes()

    def _apply(self, statement: Statement) -> bytes:
        if not statement.part:
            self._refuse(statement)
            self._places = Places(self.base, statement.kind, statement.oracle)
            self._standing, self._unsure = set(), []
        self._statement = statement
        if statement.part or not statement.last or self._may_concern(statement):
            changes = self._rewrite(statement)
            for name in self.names:
                self.references.look(statement, name)
        else:
            changes = {}
        if statement.last:
            for place, name, index in self._unsure:
                if name not in self._standing:
                    self.references.add(place, name, "it is not clear whether a table or the database is meant", index)
        if not changes:
            return statement.bytes()
        self.changed += len(changes)
        return b"".join([changes.get(index, text) for index, (_kind, text) in enumerate(statement.tokens)])

    def _may_concern(self, statement: Statement) -> bool:
        """A quick look whether any of the names can be in a statement at all."""
        text = statement.bytes().lower()
        return any(needle in text for needle in self.needles(statement.codec))

    def _rewrite(self, statement: Statement) -> dict[int, bytes]:
        """The tokens that are to be written anew, by their index."""
        changes: dict[int, bytes] = {}
        for index in self._database_names(statement):
            self._change(statement, index, changes)
        places = self._places
        places.feed(statement)
        for index in places.singles:
            name = self._decode(statement, index)
            if name in self.names:
                self._standing.add(str(name))
        for place in places.places:
            if place.sort == "database":
                self._change(statement, place.index, changes)
            elif place.sort == "pattern":
                self._pattern(statement, place.index, changes)
            else:
                self._doubt(statement, place)
        return changes

    def _doubt(self, statement: Statement, place: Place) -> None:
        name = self._decode(statement, place.index)
        if name is None or name not in self.names:
            return
        if place.sort == "unsure":
            self.references.add(
                statement, name, "it is not clear whether a package or the database is meant", place.index
            )
        elif name.lower() not in _ROWS or not statement.kind.startswith(("create_trigger", "create_rule")):
            self._unsure.append((statement, name, place.index))

    def _change(self, statement: Statement, index: int, changes: dict[int, bytes]) -> None:
        token = statement.tokens[index]
        name = self._decode(statement, index)
        new = self._new_name(name) if name is not None else None
        if new is None:
            return
        try:
            changes[index] = self._spell(token, new, statement.codec)
        except SqlError as error:
            raise SqlError(error.message, statement.line, error.remedy) from error

    def _new_name(self, name: str) -> Optional[str]:
        return self.names.get(name)

    # what dialects know

    def _decode(self, statement: Statement, index: int) -> Optional[str]:
        """The name that a token is."""
        raise NotImplementedError

    def _spell(self, token: Token, name: str, codec: str) -> bytes:
        """A name in place of a token."""
        raise NotImplementedError

    def _database_names(self, statement: Statement) -> list[int]:
        """Tokens that are names of databases because of the kind of the statement."""
        raise NotImplementedError

    def _pattern(self, statement: Statement, index: int, changes: dict[int, bytes]) -> None:
        """A pattern of databases in a GRANT."""
        raise NotImplementedError

    def _refuse(self, statement: Statement) -> None:
        """Raise SqlError for a command to the client that must not run."""
        raise NotImplementedError

    def _pass(self, data: Data) -> None:
        """See data go by."""
