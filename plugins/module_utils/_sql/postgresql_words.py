# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names in a statement of PostgreSQL: with their schemas, behind which words they stand, also in strings. Private to this collection."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
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
_CATALOG = "pg_catalog"
_LONGEST_NAME_IN_STRING = 300
#: Words between the type of an object and its name.
_SKIPPED = frozenset(("IF", "NOT", "EXISTS", "ONLY", "CONCURRENTLY", "TABLE", "DOMAIN"))


@dataclass(frozen=True)
class Word:
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


@dataclass
class WordReader:
    """One statement, in words."""

    statement: Statement
    schema: str
    words: list[Word] = field(init=False)

    def __post_init__(self) -> None:
        self.words = words_of(self.statement)

    def named(self, begin: int = 0, end: Optional[int] = None) -> frozenset[Name]:
        """All that the names among some of its words could be."""
        return frozenset(meaning for word in self.words[begin:end] for meaning in _meanings(word.names, self.schema))

    @property
    def needs(self) -> frozenset[Name]:
        """All that its names, and the names in its strings, could be."""
        found = set(self.named())
        if self.statement.kind not in ("create_routine", "create_aggregate"):
            for names in names_in_strings(self.statement):
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
        """Whether some words follow each other."""
        return self.position(*sought, top=top) is not None

    def names_after(self, *sought: str) -> tuple[str, ...]:
        """The name behind some words, unplaced; empty if there is none."""
        begin = self.position(*sought)
        rest = self.words[begin:] if begin is not None else []
        return next((word.names for word in unskipped(rest) if word.names), ())

    def name_after(self, *sought: str) -> Optional[Name]:
        """The name behind some words, in its schema."""
        names = self.names_after(*sought)
        return placed(names, self.schema) if names else None


def unskipped(words: list[Word]) -> Iterator[Word]:
    """Words without those that stand between the type of an object and its name."""
    for number, word in enumerate(words):
        following = words[number + 1] if number + 1 < len(words) else Word("", (), 0)
        if word.text not in _SKIPPED or not following.names or following.depth != word.depth:
            yield word


def placed(names: tuple[str, ...], schema: str) -> Name:
    """A name with its schema."""
    return (schema or PUBLIC, names[0]) if len(names) == 1 else names[-2:] if len(names) > 2 else names


def _meanings(names: tuple[str, ...], schema: str) -> Iterator[Name]:
    """What a name could be: a column may stand behind that of its table."""
    if len(names) > 1:
        yield names[:2]
    elif names and schema:
        yield (schema, names[0])


def words_of(statement: Statement) -> list[Word]:
    """The words of a statement."""
    tokens, order = statement.tokens, statement.significant
    found: list[Word] = []
    position = depth = 0
    while position < len(order):
        kind, text = tokens[order[position]]
        if kind not in (WORD, QUOTED):
            if kind == OP:
                depth -= text == b")"
                found.append(Word(text.decode("latin-1"), (), depth))
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
        found.append(Word(text.decode("latin-1").upper() if plain else "", names, depth))
        position = chain.after
    return found


def names_in_strings(statement: Statement) -> Iterator[tuple[str, ...]]:
    """The names that strings are, as that of the sequence in ``nextval('public.s'::regclass)``."""
    for kind, text in statement.tokens:
        if kind == STRING and text[:1] == b"'" and len(text) < _LONGEST_NAME_IN_STRING:
            for item in PostgresSplitter([text[1:-1].replace(b"''", b"'")]):
                if not isinstance(item, Statement):
                    if isinstance(item, Filler):
                        continue
                    break
                item.codec = statement.codec
                words = words_of(item)
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
