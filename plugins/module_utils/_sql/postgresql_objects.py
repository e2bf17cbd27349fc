# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What each statement of a PostgreSQL dump makes, belongs to, and names: for taking parts of it. Private to this collection.

A plain dump has no table of contents. What its statements say is put into the words of one, those of pg_dump's archives:
``TABLE``, ``FK CONSTRAINT``, ``SEQUENCE OWNED BY``. A statement names more than it depends on, never less, as far as its
tokens and the names in its strings go; what a function's body names, nobody can see.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Optional

from ansible_collections.vya.backupdb.plugins.module_utils._sql.identifiers import decode_postgres
from ansible_collections.vya.backupdb.plugins.module_utils._sql.places import chain_at
from ansible_collections.vya.backupdb.plugins.module_utils._sql.postgresql_splitter import PostgresSplitter
from ansible_collections.vya.backupdb.plugins.module_utils._sql.tokens import (
    OP,
    QUOTED,
    STRING,
    WORD,
    Filler,
    Statement,
)

#: What is made: (schema, name) in a schema, (schema, table, name) on a table, ("", type, name) elsewhere.
Name = tuple[str, ...]

PUBLIC = "public"
#: Entries that are about others, and come when all of those are there.
COMPANION = "COMMENT"
OPERATOR = "OPERATOR"
_SCHEMA_PUBLIC = "SCHEMA public"
_CATALOG = "pg_catalog"

_LONGEST_NAME_IN_STRING = 300
#: Objects without a schema.
_GLOBAL = frozenset(
    ("schema", "extension", "server", "wrapper", "language", "publication", "subscription", "access_method")
)
#: Statements without any trace in a new database, or of the session.
_NOTHING = ("drop_", "lock", "analyze", "vacuum", "reindex", "cluster", "checkpoint", "notify", "listen", "show")
_LARGE_OBJECTS = (b"LO_CREATE", b"LO_OPEN", b"LOWRITE", b"LO_CLOSE", b"LO_UNLINK", b"LO_FROM_BYTEA", b"LO_PUT")
_ABOUT = ("comment_on_", "security_on_", "grant_on_", "revoke_on_")
_SKIPPED = frozenset(("IF", "NOT", "EXISTS", "ONLY", "CONCURRENTLY", "TABLE", "DOMAIN"))
_KINDS = {
    "routine": "FUNCTION",
    "text_search": "TEXT SEARCH",
    "access_method": "ACCESS METHOD",
    "wrapper": "FOREIGN DATA WRAPPER",
    "language": "PROCEDURAL LANGUAGE",
}
_OWN_LANGUAGES = frozenset(("sql", "plpgsql", "c", "internal"))


@dataclass(frozen=True)
class Fact:
    """What one statement is.

    Args:
        kind: as pg_dump names entries of an archive.
        schema: where it is; empty for none.
        tag: its name, with that of its table before it where it has one.
        makes: the name of what it makes; empty where it makes nothing that others could name.
        owner: the table, view or sequence that it belongs to; empty for none.
        needs: what it names.
        extended: it uses what a dump does not name: operators of extensions, wrappers, languages; or names without schemas.
        whole: the partitioned table that it makes its table a part of.
    """

    kind: str
    schema: str
    tag: str
    makes: Name = ()
    owner: Name = ()
    needs: frozenset[Name] = frozenset()
    extended: bool = False
    whole: Name = ()


@dataclass(frozen=True)
class _Word:
    """A name with its qualifiers, or a mark, in a statement.

    text: in capitals if it is an unquoted word by itself; a mark as it is; empty for other names
    names: of a name
    depth: of parentheses
    """

    text: str
    names: tuple[str, ...]
    depth: int


class PathFollower:
    """Where names without a schema are, as a dump says while it goes on."""

    def __init__(self) -> None:
        self.schema = PUBLIC

    def see(self, statement: Statement) -> None:
        """Take a statement in."""
        if statement.kind == "connect":
            self.schema = PUBLIC
        elif statement.kind == "set_config" or (
            statement.kind in ("set", "reset") and b"SEARCH_PATH" in statement.words[:3]
        ):
            found = _path_of(statement)
            if found is not None:
                self.schema = found


class Numbering:
    """Numbers statements; however rows are cut into pieces, the same statement has the same number."""

    def __init__(self) -> None:
        self._count = 0

    def of(self, statement: Statement) -> int:
        """The number of a statement, by its first part; that of the one before for INSERT."""
        self._count += statement.kind != "insert"
        return self._count


def relation_of(statement: Statement, schema: str) -> Optional[Name]:
    """The table that COPY or INSERT fills.

    Args:
        statement: its first part.
        schema: where a name without one is.
    """
    words = _words(statement)
    for word in words:
        if word.names and word.text not in ("COPY", "INSERT", "INTO"):
            return _placed(word.names, schema)
    return None


def fact_of(statement: Statement, schema: str) -> Optional[list[Fact]]:
    """What the first part of a statement in a database is; nothing for what leaves no trace.

    Args:
        statement: of the level ``content``, see `postgres_level`.
        schema: where names without one are, see `PathFollower`.

    Returns:
        Mostly one. None where it cannot be told what the statement concerns.
    """
    kind = statement.kind
    if kind in ("insert", "copy_from_stdin"):
        table = relation_of(statement, schema)
        return None if table is None else [Fact("TABLE DATA", table[0], table[1], owner=table)]
    if kind.startswith(_NOTHING):
        return []
    reader = _Reader(statement, schema)
    if kind == "select":
        return _query(statement, reader)
    if kind == "refresh":
        view = reader.name_after("VIEW")
        return None if view is None else [Fact("MATERIALIZED VIEW DATA", view[0], view[1], owner=view)]
    if kind.startswith(_ABOUT):
        # on all tables that there are at its place
        return None if reader.has("IN", "SCHEMA", top=True) else [_about(reader, kind)]
    verb, _separator, sort = kind.partition("_")
    if verb == "create":
        return _created(reader, sort)
    return _altered(reader, sort) if verb == "alter" else None


def names_in(statement: Statement, schema: str) -> frozenset[Name]:
    """What a further part of a statement names."""
    return _Reader(statement, schema).needs


@dataclass
class _Reader:
    """One statement, in words."""

    statement: Statement
    schema: str
    words: list[_Word] = field(init=False)

    def __post_init__(self) -> None:
        self.words = _words(self.statement)

    def named(self, begin: int = 0, end: Optional[int] = None) -> frozenset[Name]:
        """All that the names among some of its words could be."""
        return frozenset(meaning for word in self.words[begin:end] for meaning in _meanings(word.names, self.schema))

    @property
    def needs(self) -> frozenset[Name]:
        """All that its names, and the names in its strings, could be."""
        found = set(self.named())
        if self.statement.kind not in ("create_routine", "create_aggregate"):
            for names in _names_in_strings(self.statement):
                found.update(_meanings(names, self.schema))
        return frozenset(found)

    @property
    def extended(self) -> bool:
        """See `Fact`."""
        return bool(self.schema) or any(word.text == "OPERATOR" for word in self.words)

    def position(self, *sought: str, top: bool = False) -> Optional[int]:
        """Behind some words that follow each other; None if they are not there."""
        texts = [word.text for word in self.words]
        size = len(sought)
        for begin in range(len(texts) - size + 1):
            if tuple(texts[begin : begin + size]) == sought and not (top and self.words[begin].depth):
                return begin + size
        return None

    def has(self, *sought: str, top: bool = False) -> bool:
        return self.position(*sought, top=top) is not None

    def names_after(self, *sought: str) -> tuple[str, ...]:
        """The name behind some words, unplaced; empty if there is none."""
        begin = self.position(*sought)
        rest = self.words[begin:] if begin is not None else []
        return next((word.names for word in _unskipped(rest) if word.names), ())

    def name_after(self, *sought: str) -> Optional[Name]:
        """The name behind some words, in its schema."""
        names = self.names_after(*sought)
        return _placed(names, self.schema) if names else None

    def fact(
        self,
        kind: str,
        name: Name,
        makes: bool = True,
        owner: Name = (),
        more: Iterable[Name] = (),
        whole: Name = (),
    ) -> Fact:
        """A statement about something in a schema."""
        needs = self.needs.union(more) - {name}
        return Fact(kind, name[0], name[1], name if makes else (), owner, needs, self.extended, whole)

    def on_table(self, kind: str, table: Optional[Name], own: str) -> Optional[Fact]:
        """A statement about something that a table has."""
        if table is None:
            return None
        makes = (*table, own)
        return Fact(kind, table[0], f"{table[1]} {own}", makes, table, self.needs, self.extended)


def _created(reader: _Reader, sort: str) -> Optional[list[Fact]]:
    special = _CREATED.get(sort)
    if special is not None:
        found = special(reader)
        return None if found is None else [found]
    if sort in _GLOBAL:
        return [_created_elsewhere(reader, sort)]
    words = [word for word in reader.words if word.names]
    kind = _KINDS.get(sort, sort.replace("_", " ").upper())
    if sort in ("cast", "transform"):
        return [Fact(kind, "", reader.statement.head, needs=reader.needs, extended=reader.extended)]
    types = {"routine": ("FUNCTION", "PROCEDURE"), "text_search": ("CONFIGURATION", "DICTIONARY", "PARSER", "TEMPLATE")}
    if sort == "operator" and not (reader.has("OPERATOR", "CLASS") or reader.has("OPERATOR", "FAMILY")):
        # its own name is no word
        schema = next(iter(reader.names_after("OPERATOR")), PUBLIC)
        return [Fact(OPERATOR, schema, reader.statement.head, needs=reader.needs)]
    begin = next((n for n, word in enumerate(words) if word.text in types.get(sort, (sort.upper(),))), None)
    after = [word for word in words[begin + 1 :] if word.text not in ("CLASS", "FAMILY")] if begin is not None else []
    return [reader.fact(kind, _placed(after[0].names, reader.schema))] if after else None


def _created_elsewhere(reader: _Reader, sort: str) -> Fact:
    word = {"wrapper": "WRAPPER", "access_method": "METHOD"}.get(sort, sort.upper())
    name = next(iter(reader.names_after(word)), "")
    more: set[Name] = set()
    extended = sort in ("server", "wrapper", "language")
    if sort == "extension":
        more.update(("", "schema", place) for place in reader.names_after("SCHEMA")[:1])
    elif sort == "server":
        more.update(("", "wrapper", wrapper) for wrapper in reader.names_after("WRAPPER")[:1])
    kind = _KINDS.get(sort, sort.upper())
    return Fact(kind, "", name, ("", sort, name), needs=frozenset(more) | reader.needs, extended=extended)


def _table(reader: _Reader) -> Optional[Fact]:
    name = reader.name_after("TABLE")
    if name is None or reader.has("AS", top=True):
        # with rows of a query
        return None
    if not reader.has("FOREIGN", "TABLE"):
        return reader.fact("TABLE", name, whole=reader.name_after("PARTITION", "OF") or ())
    more = [("", "server", server) for server in reader.names_after("SERVER")[:1]]
    return reader.fact("FOREIGN TABLE", name, more=more)


def _view(reader: _Reader) -> Optional[Fact]:
    name = reader.name_after("VIEW")
    kind = "MATERIALIZED VIEW" if reader.has("MATERIALIZED", "VIEW") else "VIEW"
    return None if name is None else reader.fact(kind, name)


def _routine(reader: _Reader) -> Optional[Fact]:
    name = reader.name_after("FUNCTION") or reader.name_after("PROCEDURE")
    languages = [word for word in reader.names_after("LANGUAGE")[:1] if word not in _OWN_LANGUAGES]
    if name is None:
        return None
    found = reader.fact("FUNCTION", name, more=[("", "language", word) for word in languages])
    return replace(found, extended=True) if languages else found


def _sequence(reader: _Reader) -> Optional[Fact]:
    name = reader.name_after("SEQUENCE")
    return None if name is None else reader.fact("SEQUENCE", name)


def _index(reader: _Reader) -> Optional[Fact]:
    names, table = reader.names_after("INDEX"), reader.name_after("ON")
    if not names or table is None:
        return None
    return reader.fact("INDEX", (table[0], names[-1]), owner=table)


def _trigger(reader: _Reader) -> Optional[Fact]:
    own = next(iter(reader.names_after("TRIGGER")), "")
    if reader.has("EVENT", "TRIGGER"):
        return Fact("EVENT TRIGGER", "", own)
    return reader.on_table("TRIGGER", reader.name_after("ON"), own)


def _rule(reader: _Reader) -> Optional[Fact]:
    return reader.on_table("RULE", reader.name_after("TO"), next(iter(reader.names_after("RULE")), ""))


def _policy(reader: _Reader) -> Optional[Fact]:
    return reader.on_table("POLICY", reader.name_after("ON"), next(iter(reader.names_after("POLICY")), ""))


def _statistics(reader: _Reader) -> Optional[Fact]:
    name, table = reader.name_after("STATISTICS"), reader.name_after("FROM")
    return None if name is None or table is None else reader.fact("STATISTICS", name, owner=table)


def _user_mapping(reader: _Reader) -> Optional[Fact]:
    server = next(iter(reader.names_after("SERVER")), "")
    return Fact("USER MAPPING", "", f"USER MAPPING SERVER {server}", needs=frozenset({("", "server", server)}))


_CREATED = {
    "table": _table,
    "view": _view,
    "routine": _routine,
    "sequence": _sequence,
    "index": _index,
    "trigger": _trigger,
    "rule": _rule,
    "policy": _policy,
    "statistics": _statistics,
    "user_mapping": _user_mapping,
}


def _altered(reader: _Reader, sort: str) -> Optional[list[Fact]]:
    if sort == "table":
        return _altered_table(reader)
    if sort == "privileges":
        schema = next(iter(reader.names_after("IN", "SCHEMA")), "")
        return [Fact("DEFAULT ACL", schema, "DEFAULT PRIVILEGES")]
    if sort == "publication" and reader.has("ADD", "TABLE"):
        table, names = reader.name_after("ADD", "TABLE"), reader.names_after("PUBLICATION")
        where = (table,) if table is not None else ()
        return [Fact("PUBLICATION TABLE", "", " ".join(names[-1:]), needs=frozenset(where))]
    if sort in ("text_search", "type", "operator") and reader.has("ADD", top=True):
        # a piece of what was made before
        words = ("CONFIGURATION", "TYPE", "FAMILY")
        names = [found for found in (reader.name_after(word) for word in words) if found is not None]
        return [reader.fact(_KINDS.get(sort, sort.upper()), names[0])] if names else None
    if sort in ("publication", "subscription"):
        return [Fact(sort.upper(), "", "")]
    if sort == "large_object":
        return [Fact("BLOB", "", "")]
    if sort == "sequence" and reader.has("OWNED", "BY"):
        name, owner = reader.name_after("SEQUENCE"), reader.names_after("OWNED", "BY")
        if name is not None and len(owner) > 1:
            table = _placed(owner[:-1], reader.schema)
            return [
                Fact("SEQUENCE OWNED BY", name[0], name[1], owner=name, needs=frozenset({name, table}), whole=table)
            ]
    if sort == "index" and reader.has("ATTACH", "PARTITION"):
        return [Fact("INDEX ATTACH", "", reader.statement.head, needs=reader.needs)]
    return [_about(reader, f"alter_on_{sort}")]


def _altered_table(reader: _Reader) -> Optional[list[Fact]]:
    table = reader.name_after("TABLE")
    if table is None:
        return None
    child = reader.name_after("ATTACH", "PARTITION")
    if child is not None:
        return [Fact("TABLE ATTACH", child[0], child[1], owner=child, needs=frozenset({table, child}), whole=table)]
    own = next(iter(reader.names_after("ADD", "CONSTRAINT")), "")
    if own:
        foreign = reader.has("FOREIGN", "KEY", top=True)
        found = reader.on_table("FK CONSTRAINT" if foreign else "CONSTRAINT", table, own)
        return None if found is None else [found]
    sequence = reader.name_after("SEQUENCE", "NAME")
    if sequence is not None and reader.has("ADD", "GENERATED"):
        return [reader.fact("SEQUENCE", sequence, owner=table, more=[table])]
    if reader.has("SET", "DEFAULT", top=True):
        column = next(iter(reader.names_after("ALTER", "COLUMN")), "")
        found = reader.on_table("DEFAULT", table, column)
        return None if found is None else [found]
    parent = reader.name_after("INHERIT")
    needs = {table} if parent is None else {table, parent}
    return [Fact(COMPANION, table[0], f"TABLE {table[1]}", needs=frozenset(needs))]


def _about(reader: _Reader, kind: str) -> Fact:
    """A statement that says something about what others have made."""
    sort = kind.partition("_on_")[2]
    if sort == "large_object":
        return Fact("BLOB", "", "")
    if sort == "trigger" and reader.has("EVENT", "TRIGGER"):
        return Fact("EVENT TRIGGER", "", "")
    if sort in ("publication", "subscription"):
        return Fact(sort.upper(), "", "")
    if sort in _GLOBAL:
        word = {"wrapper": "WRAPPER", "access_method": "METHOD"}.get(sort, sort.upper())
        names = list(_listed(reader, word))
        if sort == "schema" and names == [PUBLIC]:
            return Fact(COMPANION, "", _SCHEMA_PUBLIC, needs=frozenset({("", "schema", PUBLIC)}))
        return Fact(COMPANION, "", reader.statement.head, needs=frozenset(("", sort, name) for name in names))
    if sort in ("trigger", "rule", "policy", "constraint"):
        own = next(iter(reader.names_after(sort.upper())), "")
        begin = reader.position(sort.upper())
        rest = reader.words[begin:] if begin is not None else []
        on = next((number for number, word in enumerate(rest) if word.text == "ON"), None)
        named = [word for word in _unskipped(rest[on + 1 :]) if word.names] if on is not None else []
        if named:
            table = _placed(named[0].names, reader.schema)
            return Fact(COMPANION, table[0], reader.statement.head, needs=frozenset({table, (*table, own)}))
    if sort == "column":
        names = reader.names_after("COLUMN")
        return Fact(COMPANION, "", reader.statement.head, needs=frozenset({_placed(names[:-1], reader.schema)}))
    # Behind these words stand roles and texts, before ON privileges and columns.
    begin = reader.position("ON") if not kind.startswith("alter") else 0
    ends = [reader.position(word, top=True) for word in ("OWNER", "TO", "FROM", "IS")]
    end = min((place for place in ends if place is not None and place > (begin or 0)), default=None)
    return Fact(COMPANION, "", reader.statement.head, needs=reader.named(begin or 0, end))


def _listed(reader: _Reader, word: str) -> Iterator[str]:
    """Names behind a word, with commas between them."""
    begin = reader.position(word)
    for found in reader.words[begin:] if begin is not None else ():
        if found.names and found.text not in _SKIPPED:
            yield found.names[0]
        elif found.text == ",":
            continue
        if found.text != ",":
            following = reader.words[reader.words.index(found) + 1 :]
            if not following or following[0].text != ",":
                return


def _query(statement: Statement, reader: _Reader) -> Optional[list[Fact]]:
    called = {word.names[-1].upper().encode() for word in reader.words if word.names}
    if b"SETVAL" in called:
        for names in _names_in_strings(statement):
            sequence = _placed(names, reader.schema)
            return [Fact("SEQUENCE SET", sequence[0], sequence[1], owner=sequence)]
    return [Fact("BLOB", "", "")] if not called.isdisjoint(_LARGE_OBJECTS) else None


# names


def _unskipped(words: list[_Word]) -> Iterator[_Word]:
    """Words without those that stand between the type of an object and its name."""
    for number, word in enumerate(words):
        following = words[number + 1] if number + 1 < len(words) else _Word("", (), 0)
        if word.text not in _SKIPPED or not following.names or following.depth != word.depth:
            yield word


def _placed(names: tuple[str, ...], schema: str) -> Name:
    """A name with its schema."""
    return (schema or PUBLIC, names[0]) if len(names) == 1 else names[-2:] if len(names) > 2 else names


def _meanings(names: tuple[str, ...], schema: str) -> Iterator[Name]:
    """What a name could be: a column may stand behind that of its table."""
    if len(names) > 1:
        yield names[:2]
    elif names and schema:
        yield (schema, names[0])


def _words(statement: Statement) -> list[_Word]:
    tokens, order = statement.tokens, statement.significant
    found: list[_Word] = []
    position = depth = 0
    while position < len(order):
        kind, text = tokens[order[position]]
        if kind not in (WORD, QUOTED):
            if kind == OP:
                depth -= text == b")"
                found.append(_Word(text.decode("latin-1"), (), depth))
                depth += text == b"("
            position += 1
            continue
        chain = chain_at(tokens, order, position)
        names = tuple(
            name
            for name in (decode_postgres(tokens[part], statement.codec) for part in chain.parts)
            if name is not None
        )
        plain = kind == WORD and len(chain.parts) == 1
        found.append(_Word(text.decode("latin-1").upper() if plain else "", names, depth))
        position = chain.after
    return found


def _names_in_strings(statement: Statement) -> Iterator[tuple[str, ...]]:
    """The names that strings are, as that of the sequence in ``nextval('public.s'::regclass)``."""
    for kind, text in statement.tokens:
        if kind == STRING and text[:1] == b"'" and len(text) < _LONGEST_NAME_IN_STRING:
            for item in PostgresSplitter([text[1:-1].replace(b"''", b"'")]):
                if not isinstance(item, Statement):
                    if isinstance(item, Filler):
                        continue
                    break
                item.codec = statement.codec
                words = _words(item)
                if len(words) == 1 and words[0].names:
                    yield words[0].names
                break


def _path_of(statement: Statement) -> Optional[str]:
    """The first schema of a search path, empty for none; None if the statement sets another parameter."""
    if statement.kind == "set_config":
        strings = [text[1:-1] for kind, text in statement.tokens if kind == STRING]
        if len(strings) < 2 or strings[0].lower() != b"search_path":
            return None
        given = [name.strip().strip(b'"').decode(statement.codec, "replace") for name in strings[1].split(b",")]
    else:
        begin = statement.words.index(b"SEARCH_PATH") + 1
        given = []
        for index in statement.significant[begin:]:
            kind, text = statement.tokens[index]
            if kind == STRING:
                given.append(text[1:-1].decode(statement.codec, "replace"))
            elif kind in (WORD, QUOTED) and text.upper() not in (b"TO", b"DEFAULT"):
                given.append(decode_postgres((kind, text), statement.codec) or "")
        if not given:
            return PUBLIC
    found = [name for name in given if name not in (_CATALOG, "$user")]
    return found[0] if found else ""
