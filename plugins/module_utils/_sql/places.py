# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where qualified names stand in a statement, and whether they begin with a database. Private to this collection.

``a.b`` is a table of a database in one place and a column of a table in another. Which it is follows from the clause: after
FROM, JOIN, INTO, UPDATE, TABLE, REFERENCES and the like a table is expected, in expressions a column. This is no grammar: it
follows clauses and parentheses, which decide nearly every place; what it cannot decide is reported, not guessed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Optional

from ansible_collections.vya.backupdb.plugins.module_utils._sql.tokens import OP, QUOTED, WORD, Statement, Token

_DML = frozenset((b"INSERT", b"REPLACE", b"DELETE", b"MERGE"))
#: words before INSERT, UPDATE and DELETE that make them something else than a statement
_NO_VERB_AFTER = frozenset(b"ON FOR KEY BEFORE AFTER OR OF NO".split())
#: after these a table, or a view, routine… is named, whatever the statement
_OBJECTS = frozenset(
    b"TABLE TABLES VIEW PROCEDURE FUNCTION ROUTINE TRIGGER EVENT SEQUENCE PACKAGE BODY CALL AGGREGATE DOMAIN TYPE".split()
)
_ENDS_TABLES = frozenset(
    b"WHERE GROUP HAVING ORDER LIMIT SET VALUES VALUE RETURNING WINDOW FETCH OFFSET UNION EXCEPT INTERSECT WHEN".split()
)
#: words that may stand between the keyword and the name
_MODIFIERS = frozenset(
    b"IF NOT EXISTS IGNORE LOW_PRIORITY HIGH_PRIORITY DELAYED QUICK CONCURRENT ONLY LOCAL LATERAL TO AS INTO TABLE "
    b"TABLES VIEW BODY CONCURRENTLY TEMPORARY TEMP NO_WRITE_TO_BINLOG FUNCTION PROCEDURE SEQUENCE OJ EXTENDED".split()
)
#: statements that name several tables after one keyword
_LISTS = frozenset(b"DROP LOCK RENAME FLUSH CHECK ANALYZE OPTIMIZE REPAIR CHECKSUM TRUNCATE VACUUM".split())
#: statements whose first name is a table's
_LEADS = frozenset(b"DESCRIBE DESC EXPLAIN HANDLER TRUNCATE COPY CALL".split())
#: after these another statement begins
_BODIES = frozenset(b"BEGIN THEN ELSE DO LOOP REPEAT ROW AS RETURN".split())
_NOT_RENAMED = frozenset(b"COLUMN INDEX KEY CONSTRAINT ATTRIBUTE VALUE".split())
_SEQUENCES = frozenset(b"NEXTVAL LASTVAL SETVAL".split())
#: kinds of statements in which the first ON names a table
_ON_TABLE = ("create_trigger", "create_index", "drop_index", "create_policy", "alter_policy")


@dataclass
class Chain:
    """A name with its qualifiers.

    parts: indexes of the tokens of its names
    star: whether ``.*`` ends it
    after: position in `Statement.significant` of what follows
    """

    parts: list[int]
    star: bool
    after: int


@dataclass
class Place:
    """A qualified name that begins with what may be a database.

    index: the token of the first name
    sort: ``database`` when it is one, ``pattern`` for what a GRANT covers (``db.*``), ``column`` when it is a table or an
        alias of one, ``unsure`` when no lexer can tell
    """

    index: int
    sort: str


@dataclass
class _Frame:
    """What is expected at one depth of parentheses."""

    verb: bytes = b""
    tables: bool = False
    expect: bool = False
    nested: str = ""


@dataclass
class _Here:
    """Where a word stands: its frame, the token before it in upper case, the token after it."""

    frame: _Frame
    before: bytes
    after: Token


@dataclass
class Places:
    """Follows one statement, part by part.

    base: how many names a table has when its database is named: 2 in MySQL, 3 in PostgreSQL
    places: what has been found
    singles: indexes of unqualified names and of the last names of tables, in the current part
    """

    base: int
    kind: str
    oracle: bool = False
    places: list[Place] = field(default_factory=list)
    singles: list[int] = field(default_factory=list)
    _frames: list[_Frame] = field(default_factory=lambda: [_Frame()])
    _lead: bytes = b""
    _fresh: bool = True
    _on: bool = True

    def feed(self, statement: Statement) -> None:
        """Go over the tokens of a part."""
        self.places, self.singles = [], []
        tokens, order = statement.tokens, statement.significant
        position = 0
        while position < len(order):
            kind, text = tokens[order[position]]
            if kind == OP:
                position = self._mark(tokens, order, position, text)
                continue
            if kind not in (WORD, QUOTED):
                self._frames[-1].expect = False
                position += 1
                continue
            chain = chain_at(tokens, order, position)
            if len(chain.parts) > 1 or chain.star or kind == QUOTED:
                self._name(tokens, order, chain)
            else:
                self._word(tokens, order, position, text.upper())
            self._fresh = False if kind == QUOTED or len(chain.parts) > 1 else self._fresh
            position = chain.after

    def _mark(self, tokens: list[Token], order: list[int], position: int, text: bytes) -> int:
        frame = self._frames[-1]
        if text == b"(":
            nested = frame.expect or bool(frame.nested)
            self._frames.append(_Frame(tables=frame.expect or frame.nested == "tables", expect=nested))
            frame.expect, frame.nested = False, ""
        elif text == b")":
            if len(self._frames) > 1:
                self._frames.pop()
            self._frames[-1].expect = False
        elif text == b",":
            frame.expect = frame.tables
        elif text == b";":
            self._frames = [_Frame()]
            self._fresh = True
        elif text == b"@" and self.base == 2:
            return _after_account(tokens, order, position)
        elif text == b".":
            # .name: the table of the current database, an old way of writing
            return position + 2
        elif text != b"{":
            frame.expect = False
        return position + 1

    def _name(self, tokens: list[Token], order: list[int], chain: Chain) -> None:
        frame = self._frames[-1]
        expected = frame.expect
        frame.expect = False
        count = len(chain.parts)
        if expected or count == 1:
            self.singles.append(chain.parts[-1])
        if expected and self.base == 3 and count == 2:
            # a schema of that name
            self.singles.append(chain.parts[0])
        if chain.star and count == 1 and self.kind in ("grant", "revoke"):
            self.places.append(Place(chain.parts[0], "pattern"))
        elif count >= self.base and not tokens[chain.parts[0]][1].isdigit():
            called = chain.after < len(order) and tokens[order[chain.after]] == (OP, b"(")
            self.places.append(Place(chain.parts[0], self._sort(expected, chain, called)))

    def _sort(self, expected: bool, chain: Chain, called: bool) -> str:
        if expected or chain.star or len(chain.parts) > self.base:
            return "database"
        if called:
            return "unsure" if self.oracle else "database"
        return "column"

    def _word(self, tokens: list[Token], order: list[int], position: int, word: bytes) -> None:
        """An unquoted word without qualifiers: a keyword, or a name that does not matter."""
        frame = self._frames[-1]
        before = tokens[order[position - 1]][1].upper() if position else b""
        after = tokens[order[position + 1]] if position + 1 < len(order) else (OP, b"")
        begins = self._fresh
        if begins:
            self._lead, self._fresh = word, False
            frame.expect = frame.expect or word in _LEADS
        if word in _BODIES:
            self._fresh = True
        if not (self._verb(frame, word, before, after) or self._clause(frame, word, before, after)):
            if frame.expect and word not in _MODIFIERS and not (begins and word in _LEADS):
                frame.expect = False
            self.singles.append(order[position])

    def _verb(self, frame: _Frame, word: bytes, before: bytes, after: Token) -> bool:
        """Words that begin a statement, or a query in one."""
        rights = self.kind.startswith(("grant", "revoke"))
        if word == b"SELECT":
            if not rights:
                frame.verb, frame.tables, frame.expect = word, False, False
            return True
        if word == b"UPDATE" or word in _DML:
            if before in _NO_VERB_AFTER or rights or after == (OP, b"("):
                return before in _NO_VERB_AFTER or rights
            frame.verb, frame.expect, frame.tables = word, True, word in (b"UPDATE", b"DELETE")
            return True
        if word == b"LOAD":
            frame.verb = b"INSERT"
        return False

    def _clause(self, frame: _Frame, word: bytes, before: bytes, after: Token) -> bool:
        """Words after which tables come, or come no more."""
        if word in _ENDS_TABLES:
            if before != b"FOR":
                frame.tables = frame.expect = False
            if word == b"UNION" and after == (OP, b"="):
                frame.nested = "tables"
            return True
        if word in _OBJECTS:
            frame.expect = after != (OP, b"(")
            frame.tables = self._lead in _LISTS
            return True
        if word == b"REFERENCES":
            frame.expect = not self.kind.startswith(("grant", "revoke"))
            return True
        rule = _RULES.get(word)
        if rule is None:
            return False
        expected = rule(self, _Here(frame, before, after))
        if expected is not None:
            frame.expect = expected
        return True

    # one rule for each word: whether a table comes next, None to leave it as it is

    def _from(self, here: _Here) -> Optional[bool]:
        if here.frame.verb in (b"SELECT", b"DELETE", b"UPDATE") or self._lead == b"SHOW":
            here.frame.tables = True
            return True
        return False

    def _join(self, here: _Here) -> Optional[bool]:
        return here.frame.tables and here.before != b"FOR"

    def _into(self, here: _Here) -> Optional[bool]:
        here.frame.tables = False
        return here.frame.verb in _DML or self.base == 3

    def _using(self, here: _Here) -> Optional[bool]:
        if here.frame.verb in (b"DELETE", b"MERGE") and here.after != (OP, b"("):
            here.frame.tables = True
            return True
        return False

    def _on_word(self, here: _Here) -> Optional[bool]:
        first = self._on and not here.frame.verb
        on_table = self.kind in _ON_TABLE or self.kind.startswith(("grant", "revoke", "drop_", "comment_on"))
        if first and on_table:
            self._on = self.kind.startswith(("drop_", "comment_on"))
            return True
        return False

    def _like(self, here: _Here) -> Optional[bool]:
        return self.kind == "create_table" and not here.frame.verb and len(self._frames) <= 2

    def _to(self, here: _Here) -> Optional[bool]:
        return here.frame.expect or self._lead == b"RENAME" or self.kind == "create_rule"

    def _rename(self, here: _Here) -> Optional[bool]:
        return self._lead == b"ALTER" and here.after[1].upper() not in _NOT_RENAMED

    def _for(self, here: _Here) -> Optional[bool]:
        return True if here.before == b"VALUE" else None

    def _of(self, here: _Here) -> Optional[bool]:
        return here.before in (b"PARTITION", b"TYPE")

    def _partition(self, here: _Here) -> Optional[bool]:
        return True if self.base == 3 and here.before in (b"ATTACH", b"DETACH") else None

    def _sequence(self, here: _Here) -> Optional[bool]:
        if here.after == (OP, b"("):
            here.frame.nested = "name"
        return None

    def _inherits(self, here: _Here) -> Optional[bool]:
        if here.after == (OP, b"("):
            here.frame.nested = "tables"
        return None


_RULES = {
    b"FROM": Places._from,
    b"JOIN": Places._join,
    b"STRAIGHT_JOIN": Places._join,
    b"INTO": Places._into,
    b"USING": Places._using,
    b"ON": Places._on_word,
    b"LIKE": Places._like,
    b"TO": Places._to,
    b"RENAME": Places._rename,
    b"FOR": Places._for,
    b"OF": Places._of,
    b"PARTITION": Places._partition,
    b"INHERITS": Places._inherits,
    **dict.fromkeys(_SEQUENCES, Places._sequence),
}


def chain_at(tokens: list[Token], order: list[int], position: int) -> Chain:
    """The name that begins at a position of the significant tokens, with everything that dots join to it."""
    parts = [order[position]]
    position += 1
    while position + 1 < len(order) and tokens[order[position]] == (OP, b"."):
        kind, text = tokens[order[position + 1]]
        if kind == OP and text == b"*":
            return Chain(parts, True, position + 2)
        if kind not in (WORD, QUOTED):
            break
        parts.append(order[position + 1])
        position += 2
    return Chain(parts, False, position)


def _after_account(tokens: list[Token], order: list[int], position: int) -> int:
    """The position after ``@host``, ``@variable`` or ``@@scope.variable``: dots in them qualify nothing."""
    last = order[position]
    position += 1
    while position < len(order) and order[position] == last + 1:
        kind, text = tokens[order[position]]
        if kind == OP and text not in (b"@", b"."):
            break
        last = order[position]
        position += 1
        if kind != OP and tokens[last + 1 : last + 2] not in ([(OP, b".")], [(OP, b"@")]):
            break
    return position
