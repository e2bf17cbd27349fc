# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tests of `_sql` share: running a renamer, and random dumps whose renamed form is known beforehand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Union

from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_rename import MySQLRenamer
from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_splitter import MySQLSplitter
from ansible_collections.vya.backupdb.plugins.module_utils._sql.postgresql_rename import PostgresRenamer
from ansible_collections.vya.backupdb.plugins.module_utils._sql.postgresql_splitter import PostgresSplitter
from ansible_collections.vya.backupdb.plugins.module_utils._sql.rename import Renamer
from ansible_collections.vya.backupdb.plugins.module_utils._sql.splitter import Splitter
from ansible_collections.vya.backupdb.plugins.module_utils._sql.tokens import Item, Unfinished
from hypothesis import strategies as st

FLAVOURS = ("mysql", "postgresql")
BLOCK = 1 << 18

#: Pieces that a lexer stumbles over, for soups that are no SQL at all.
FRAGMENTS = (
    *(
        "'",
        '"',
        "`",
        "\\",
        "\\\\",
        "''",
        '""',
        "``",
        "\\'",
        "E'",
        "e'",
        "U&'",
        'U&"',
        "N'",
        "X'",
        "$",
        "$$",
        "$a$",
        "$a",
    ),
    *(
        "--",
        "-- ",
        "#",
        "/*",
        "*/",
        "/*!",
        "/*!50001 ",
        "/*M!100100 ",
        "/*+",
        "/*!999999\\- x */",
        "*",
        "/",
        "-",
        "@",
        "@@",
    ),
    *(";", ";;", "\n", "\r\n", "\n;\n", " ", "\t", "(", ")", ",", ".", "=", "{", "}", "[", ":", "::", "&", "?", "\0"),
    *("DELIMITER ;;\n", "DELIMITER $$\n", "\nDELIMITER ;\n", "END", "END$$", "BEGIN", "BEGIN ATOMIC", "CASE", "AS"),
    *("COPY t FROM stdin;\n", "\\.\n", "\n\\.\n", "\n\\.x", "\\.", "\\connect shop\n", "\\c", "\\restrict x\n", "\\!"),
    *(
        "INSERT INTO t VALUES ",
        "INSERT INTO `t` VALUES (1,'a'),",
        "(1,'",
        "'),(",
        "),(",
        "NULL",
        "1.5",
        "VALUES (",
        "0x",
    ),
    *("SET sql_mode='ANSI_QUOTES';", "SET sql_mode='NO_BACKSLASH_ESCAPES';", "SET NAMES gbk;", "SET NAMES utf8mb4;"),
    *(
        "SET standard_conforming_strings = off;",
        "SET client_encoding = 'SJIS';",
        "USE shop;",
        "use shop\n",
        "USE `shop`;",
    ),
    *(
        "SELECT ",
        "FROM ",
        "JOIN ",
        "CREATE ",
        "TABLE ",
        "VIEW ",
        "DATABASE ",
        "GRANT ALL ON ",
        "shop",
        "`shop`",
        '"shop"',
    ),
    *(
        "shop.t",
        "`shop`.`t`",
        "shop.f(",
        "shop.a.b",
        "my\\_db",
        "\u00e9",
        "\u8868",
        "\x81\\",
        "x",
        "1",
        "1shop",
        "UESCAPE '!'",
    ),
)


def splitter_of(flavour: str, chunks: Iterable[bytes], block: int = BLOCK) -> Splitter:
    """A splitter with the defaults of its dialect."""
    return MySQLSplitter(chunks, block=block) if flavour == "mysql" else PostgresSplitter(chunks, block=block)


def renamer_of(flavour: str, names: Mapping[str, str]) -> Renamer:
    """A renamer with the defaults of its dialect."""
    return MySQLRenamer(names) if flavour == "mysql" else PostgresRenamer(names)


@dataclass(frozen=True)
class Renamed:
    """What came of renaming."""

    output: bytes
    references: tuple[str, ...]
    changed: int
    unfinished: Unfinished | None


def rename(
    flavour: str, dump: bytes, names: Mapping[str, str], cuts: Iterable[int] = (), block: int = BLOCK
) -> Renamed:
    """Rename databases in a dump that comes in pieces cut at some offsets."""
    splitter = splitter_of(flavour, pieces(dump, cuts), block)
    renamer = renamer_of(flavour, names)
    output = b"".join(renamer.run(splitter))
    return Renamed(output, tuple(map(str, renamer.references.found)), renamer.changed, splitter.unfinished)


def items(flavour: str, dump: bytes, cuts: Iterable[int] = (), block: int = BLOCK) -> list[Item]:
    """Everything that a splitter hands out."""
    return list(splitter_of(flavour, pieces(dump, cuts), block))


def pieces(dump: bytes, cuts: Iterable[int]) -> list[bytes]:
    """A dump cut at some offsets."""
    edges = [0, *sorted(cut % (len(dump) + 1) for cut in cuts), len(dump)]
    return [dump[begin:end] for begin, end in zip(edges, edges[1:], strict=False)]


def soups() -> st.SearchStrategy[bytes]:
    """Bytes that look like SQL to a lexer, in no order."""
    return st.lists(st.sampled_from(FRAGMENTS), max_size=40).map(lambda parts: "".join(parts).encode("utf-8"))


def cuts() -> st.SearchStrategy[list[int]]:
    """Offsets to cut a dump at."""
    return st.lists(st.integers(0, 1 << 16), max_size=20)


# dumps whose renamed form is known: pieces of bytes, and places where the database's name stands

Piece = Union[bytes, Callable[[str], bytes]]
Template = list[Piece]


def render(template: Template, name: str) -> bytes:
    """The dump of a database of that name."""
    return b"".join(piece if isinstance(piece, bytes) else piece(name) for piece in template)
