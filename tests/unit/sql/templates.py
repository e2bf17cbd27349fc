# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Random dumps of MySQL and PostgreSQL as their tools write them, full of the database's name where it must stay.

A template is rendered with one name and with another: renaming must turn the first into the second, byte for byte.
"""

from __future__ import annotations

import re

from hypothesis import strategies as st

from tests.unit.sql.support import Piece, Template

_LETTERS = "abcdefgh_xyz019 -.$`\"'\\%#;/*@\u00e9\u8868\U0001f600"


def names() -> st.SearchStrategy[str]:
    """Names of databases, tame and wild, without the spaces at their ends that MySQL refuses."""
    tame = st.from_regex(r"[a-z_][a-z0-9_]{0,9}", fullmatch=True)
    wild = st.text(_LETTERS, min_size=1, max_size=12).filter(lambda name: name == name.strip() and name != ".")
    return tame | wild


def data(name: str) -> st.SearchStrategy[str]:
    """Text of a row: full of the name and of what ends strings and statements."""
    hostile = (
        *(name, f"`{name}`.", f'"{name}".', f"{name}.{name}", f"USE `{name}`;", f"\\connect {name}\n"),
        *("'", '"', "`", "\\", "\\\\", "\\'", "''", ";", ";\n", "--", "-- ", "#", "/*", "*/", "/*!", "\n", "\\.", "\t"),
        *("),(", "$$", "\n\\.\n", "DELIMITER ;;\n", "a", " ", ",", "(", ")", "\u8868", "\0"),
    )
    return st.lists(st.sampled_from(hostile), max_size=8).map("".join)


# MySQL


def mysql_identifier(name: str) -> bytes:
    """As mysqldump quotes."""
    return b"`" + name.replace("`", "``").encode() + b"`"


def mysql_string(text: str) -> bytes:
    """As mysqldump escapes."""
    escapes = {"\0": "\\0", "\n": "\\n", "\r": "\\r", "\\": "\\\\", "'": "\\'", '"': '\\"'}
    return b"'" + "".join(escapes.get(char, char) for char in text).encode() + b"'"


def mysql_pattern(name: str) -> bytes:
    """The pattern of a grant that covers exactly one database."""
    return mysql_identifier(re.sub(r"([_%\\])", r"\\\1", name))


_MYSQL = (
    "-- Current Database: {S}\n\nCREATE DATABASE /*!32312 IF NOT EXISTS*/ {D} /*!40100 COMMENT ''*/;\n",
    "USE {D};\n",
    "DROP TABLE IF EXISTS {S};\n# {C}\n",
    (
        "CREATE TABLE {S} ({S} int DEFAULT {T} COMMENT {T}, KEY {S} ({S}), CONSTRAINT {S} FOREIGN KEY ({S}) REFERENCES {D}.{S} ({S})"
        ") ENGINE=InnoDB;\n"
    ),
    (
        "/*!50001 CREATE ALGORITHM=UNDEFINED */\n/*!50013 DEFINER={S}@{S} SQL SECURITY DEFINER */\n/*!50001 VIEW {D}.{S} AS select "
        "{D}.{S}.{S} AS {S},{S}.a,{D}.{S}({T}) from ({D}.{S} join {S} on({S}.x = {D}.{S}.{S}))*/;\n"
    ),
    (
        "DELIMITER ;;\n/*!50003 CREATE*/ /*!50017 DEFINER={S}@`%`*/ /*!50003 TRIGGER {S} BEFORE INSERT ON {S} FOR EACH ROW BEGIN "
        "SET NEW.{S} = {T}; UPDATE {D}.{S}, {S} SET {S}.a = @{S}.b; DELETE FROM {D}.t; CALL {D}.p(); END */;;\nDELIMITER ;\n"
    ),
    "GRANT SELECT, INSERT ({S}) ON {D}.{S} TO {S}@`%`;\n",
    "GRANT ALL ON {G}.* TO {S}@{S};\n",
    "LOCK TABLES {S} WRITE, {D}.{S} READ;\n",
    "ALTER DATABASE {D} CHARACTER SET utf8mb4;\n",
    "INSERT INTO {S} VALUES ({T},NULL,-1.5,{T});\n",
    "INSERT INTO {S} VALUES ({T},NULL,-1.5,{T});\nINSERT INTO {S} VALUES ({T},1),(2,{T});\nINSERT INTO {S} VALUES (1),({T});\n",
    "INSERT INTO {D}.{S} ({S}) VALUES ({T},NULL),({T},0x27),(_binary {T});\n",
)


@st.composite
def mysql_templates(draw: st.DrawFn, name: str) -> Template:
    """A dump by mysqldump --databases, with a table, a column, an alias and a user of the database's name."""
    pieces: dict[str, Piece] = {
        "S": mysql_identifier(name),
        "D": mysql_identifier,
        "G": mysql_pattern,
        "C": name.replace("\n", " ").encode(),
    }
    return filled(draw, _MYSQL, pieces, data(name).map(mysql_string))


def filled(
    draw: st.DrawFn, choices: tuple[str, ...], pieces: dict[str, Piece], text: st.SearchStrategy[bytes]
) -> Template:
    """Some of the statements, with {T} drawn anew each time and the other marks as they are given."""
    template: Template = []
    for statement in draw(st.lists(st.sampled_from(choices), min_size=1, max_size=10)):
        for part in re.split(r"\{([A-Z])\}", statement):
            template.append(draw(text) if part == "T" else pieces.get(part, part.encode()))
    return template


# PostgreSQL


def postgres_identifier(name: str) -> bytes:
    """As pg_dump quotes."""
    if re.fullmatch(r"[a-z_][a-z0-9_]*", name) and name not in (
        "do",
        "as",
        "in",
        "is",
        "on",
        "or",
        "to",
        "all",
        "and",
        "any",
    ):
        return name.encode()
    return b'"' + name.replace('"', '""').encode() + b'"'


def postgres_string(text: str) -> bytes:
    """As pg_dump writes constants."""
    return b"'" + text.replace("\0", "").replace("'", "''").encode() + b"'"


def postgres_row(texts: list[str]) -> bytes:
    """A row of COPY."""
    escapes = {"\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r", "\0": ""}
    return "\t".join("".join(escapes.get(char, char) for char in text) for text in texts).encode() + b"\n"


def postgres_connect(name: str) -> bytes:
    """As pg_dumpall connects."""
    if re.fullmatch(r"[A-Za-z0-9_.]+", name):
        return b"\\connect " + postgres_identifier(name) + b"\n"
    value = name.replace("\\", "\\\\").replace("'", "\\'")
    return b"\\connect -reuse-previous=on " + b'"' + f"dbname='{value}'".replace('"', '""').encode() + b'"\n'


_POSTGRES = (
    "CREATE ROLE {S};\n-- {C}\n",
    "CREATE DATABASE {D} WITH TEMPLATE = template0 ENCODING = 'UTF8' LOCALE = 'C';\n",
    "ALTER DATABASE {D} OWNER TO {S};\n",
    "ALTER DATABASE {D} SET search_path TO {T}, {S};\n",
    "ALTER ROLE {S} IN DATABASE {D} SET work_mem TO {T};\n",
    "COMMENT ON DATABASE {D} IS {T};\n",
    "GRANT CONNECT ON DATABASE {D} TO {S};\nREVOKE ALL ON DATABASE {D} FROM PUBLIC;\n",
    "SECURITY LABEL FOR {S} ON DATABASE {D} IS {T};\n",
    "{M}",
    "/* /* nested */ {N} */\n",
    "CREATE TABLE {S}.{S} ({S} text DEFAULT {T});\n",
    "COPY {S}.{S} ({S}) FROM stdin;\n{R}{R}{R}\\.\n\n",
    "COPY {S}.{S} ({S}) FROM stdin;\n\\.\n",
    "CREATE FUNCTION {S}.{S}() RETURNS void LANGUAGE sql AS $_${B}$_$;\n",
    "CREATE VIEW {S}.v AS SELECT {S}.{S} FROM {S}.{S} {S};\n",
    "GRANT SELECT ON TABLE {S}.{S} TO {S};\n",
    "COMMENT ON TABLE {S}.{S} IS {T};\n",
    "INSERT INTO {S}.{S} VALUES ({T}, -1.5, NULL, {T});\n",
    "INSERT INTO {S}.{S} VALUES ({T}, 1);\nINSERT INTO {S}.{S} VALUES ({T}, true);\nINSERT INTO {S}.{S} VALUES (E'\\'', {T});\n",
    "SELECT pg_catalog.setval({T}, 1, false);\n",
)


@st.composite
def postgres_templates(draw: st.DrawFn, name: str) -> Template:
    """A dump by pg_dumpall, with a role, a schema, a table and a column of the database's name."""
    comment = name.replace("\n", " ")
    pieces: dict[str, Piece] = {
        "S": postgres_identifier(name),
        "D": postgres_identifier,
        "M": postgres_connect,
        "C": comment.encode(),
        "N": comment.replace("*", "").encode(),
        "R": postgres_row(draw(st.lists(data(name), min_size=1, max_size=3))),
        "B": draw(data(name)).replace("$", "").replace("\0", "").encode(),
    }
    return filled(draw, _POSTGRES, pieces, data(name).map(postgres_string))
