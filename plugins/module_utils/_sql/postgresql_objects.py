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
from dataclasses import dataclass, replace
from typing import Optional

from ansible_collections.vya.backupdb.plugins.module_utils._sql.postgresql_words import (
    PUBLIC,
    Name,
    WordReader,
    names_in_strings,
    placed,
    unskipped,
    words_of,
)
from ansible_collections.vya.backupdb.plugins.module_utils._sql.tokens import Statement

#: Entries that are about others, and come when all of those are there.
COMPANION = "COMMENT"
OPERATOR = "OPERATOR"
_SCHEMA_PUBLIC = "SCHEMA public"
#: Objects without a schema.
_GLOBAL = frozenset(
    ("schema", "extension", "server", "wrapper", "language", "publication", "subscription", "access_method")
)
#: Statements without any trace in a new database, or of the session.
_NOTHING = ("drop_", "lock", "analyze", "vacuum", "reindex", "cluster", "checkpoint", "notify", "listen", "show")
_LARGE_OBJECTS = (b"LO_CREATE", b"LO_OPEN", b"LOWRITE", b"LO_CLOSE", b"LO_UNLINK", b"LO_FROM_BYTEA", b"LO_PUT")
_ABOUT = ("comment_on_", "security_on_", "grant_on_", "revoke_on_")
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
    words = words_of(statement)
    for word in words:
        if word.names and word.text not in ("COPY", "INSERT", "INTO"):
            return placed(word.names, schema)
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
    reader = WordReader(statement, schema)
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
    return WordReader(statement, schema).needs


def _fact(
    reader: WordReader, kind: str, name: Name, owner: Name = (), more: Iterable[Name] = (), whole: Name = ()
) -> Fact:
    """A statement that makes something in a schema."""
    needs = reader.needs.union(more) - {name}
    return Fact(kind, name[0], name[1], name, owner, needs, reader.extended, whole)


def _on_table(reader: WordReader, kind: str, table: Optional[Name], own: str) -> Optional[Fact]:
    """A statement that makes something that a table has."""
    if table is None:
        return None
    return Fact(kind, table[0], f"{table[1]} {own}", (*table, own), table, reader.needs, reader.extended)


def _created(reader: WordReader, sort: str) -> Optional[list[Fact]]:
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
    return [_fact(reader, kind, placed(after[0].names, reader.schema))] if after else None


def _created_elsewhere(reader: WordReader, sort: str) -> Fact:
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


def _table(reader: WordReader) -> Optional[Fact]:
    name = reader.name_after("TABLE")
    if name is None or reader.has("AS", top=True):
        # with rows of a query
        return None
    if not reader.has("FOREIGN", "TABLE"):
        return _fact(reader, "TABLE", name, whole=reader.name_after("PARTITION", "OF") or ())
    more = [("", "server", server) for server in reader.names_after("SERVER")[:1]]
    return _fact(reader, "FOREIGN TABLE", name, more=more)


def _view(reader: WordReader) -> Optional[Fact]:
    name = reader.name_after("VIEW")
    kind = "MATERIALIZED VIEW" if reader.has("MATERIALIZED", "VIEW") else "VIEW"
    return None if name is None else _fact(reader, kind, name)


def _routine(reader: WordReader) -> Optional[Fact]:
    name = reader.name_after("FUNCTION") or reader.name_after("PROCEDURE")
    languages = [word for word in reader.names_after("LANGUAGE")[:1] if word not in _OWN_LANGUAGES]
    if name is None:
        return None
    found = _fact(reader, "FUNCTION", name, more=[("", "language", word) for word in languages])
    return replace(found, extended=True) if languages else found


def _sequence(reader: WordReader) -> Optional[Fact]:
    name = reader.name_after("SEQUENCE")
    return None if name is None else _fact(reader, "SEQUENCE", name)


def _index(reader: WordReader) -> Optional[Fact]:
    names, table = reader.names_after("INDEX"), reader.name_after("ON")
    if not names or table is None:
        return None
    return _fact(reader, "INDEX", (table[0], names[-1]), owner=table)


def _trigger(reader: WordReader) -> Optional[Fact]:
    own = next(iter(reader.names_after("TRIGGER")), "")
    if reader.has("EVENT", "TRIGGER"):
        return Fact("EVENT TRIGGER", "", own)
    return _on_table(reader, "TRIGGER", reader.name_after("ON"), own)


def _rule(reader: WordReader) -> Optional[Fact]:
    return _on_table(reader, "RULE", reader.name_after("TO"), next(iter(reader.names_after("RULE")), ""))


def _policy(reader: WordReader) -> Optional[Fact]:
    return _on_table(reader, "POLICY", reader.name_after("ON"), next(iter(reader.names_after("POLICY")), ""))


def _statistics(reader: WordReader) -> Optional[Fact]:
    name, table = reader.name_after("STATISTICS"), reader.name_after("FROM")
    return None if name is None or table is None else _fact(reader, "STATISTICS", name, owner=table)


def _user_mapping(reader: WordReader) -> Optional[Fact]:
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


def _altered(reader: WordReader, sort: str) -> Optional[list[Fact]]:
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
        return [_fact(reader, _KINDS.get(sort, sort.upper()), names[0])] if names else None
    if sort in ("publication", "subscription"):
        return [Fact(sort.upper(), "", "")]
    if sort == "large_object":
        return [Fact("BLOB", "", "")]
    if sort == "sequence" and reader.has("OWNED", "BY"):
        name, owner = reader.name_after("SEQUENCE"), reader.names_after("OWNED", "BY")
        if name is not None and len(owner) > 1:
            table = placed(owner[:-1], reader.schema)
            return [
                Fact("SEQUENCE OWNED BY", name[0], name[1], owner=name, needs=frozenset({name, table}), whole=table)
            ]
    if sort == "index" and reader.has("ATTACH", "PARTITION"):
        return [Fact("INDEX ATTACH", "", reader.statement.head, needs=reader.needs)]
    return [_about(reader, f"alter_on_{sort}")]


def _altered_table(reader: WordReader) -> Optional[list[Fact]]:
    table = reader.name_after("TABLE")
    if table is None:
        return None
    child = reader.name_after("ATTACH", "PARTITION")
    if child is not None:
        return [Fact("TABLE ATTACH", child[0], child[1], owner=child, needs=frozenset({table, child}), whole=table)]
    own = next(iter(reader.names_after("ADD", "CONSTRAINT")), "")
    if own:
        foreign = reader.has("FOREIGN", "KEY", top=True)
        found = _on_table(reader, "FK CONSTRAINT" if foreign else "CONSTRAINT", table, own)
        return None if found is None else [found]
    sequence = reader.name_after("SEQUENCE", "NAME")
    if sequence is not None and reader.has("ADD", "GENERATED"):
        return [_fact(reader, "SEQUENCE", sequence, owner=table, more=[table])]
    if reader.has("SET", "DEFAULT", top=True):
        column = next(iter(reader.names_after("ALTER", "COLUMN")), "")
        found = _on_table(reader, "DEFAULT", table, column)
        return None if found is None else [found]
    parent = reader.name_after("INHERIT")
    needs = {table} if parent is None else {table, parent}
    return [Fact(COMPANION, table[0], f"TABLE {table[1]}", needs=frozenset(needs))]


def _about(reader: WordReader, kind: str) -> Fact:
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
        named = [word for word in unskipped(rest[on + 1 :]) if word.names] if on is not None else []
        if named:
            table = placed(named[0].names, reader.schema)
            return Fact(COMPANION, table[0], reader.statement.head, needs=frozenset({table, (*table, own)}))
    if sort == "column":
        names = reader.names_after("COLUMN")
        return Fact(COMPANION, "", reader.statement.head, needs=frozenset({placed(names[:-1], reader.schema)}))
    # Behind these words stand roles and texts, before ON privileges and columns.
    begin = reader.position("ON") if not kind.startswith("alter") else 0
    ends = [reader.position(word, top=True) for word in ("OWNER", "TO", "FROM", "IS")]
    end = min((place for place in ends if place is not None and place > (begin or 0)), default=None)
    return Fact(COMPANION, "", reader.statement.head, needs=reader.named(begin or 0, end))


def _listed(reader: WordReader, word: str) -> Iterator[str]:
    """Names behind a word, with commas between them."""
    begin = reader.position(word)
    rest = list(unskipped(reader.words[begin:])) if begin is not None else []
    for number, found in enumerate(rest):
        if number % 2 == 0 and found.names:
            yield found.names[0]
        elif found.text != ",":
            return


def _query(statement: Statement, reader: WordReader) -> Optional[list[Fact]]:
    called = {word.names[-1].upper().encode() for word in reader.words if word.names}
    if b"SETVAL" in called:
        for names in names_in_strings(statement):
            sequence = placed(names, reader.schema)
            return [Fact("SEQUENCE SET", sequence[0], sequence[1], owner=sequence)]
    return [Fact("BLOB", "", "")] if not called.isdisjoint(_LARGE_OBJECTS) else None
