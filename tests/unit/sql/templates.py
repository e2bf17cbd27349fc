# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Random dumps of MySQL and PostgreSQL as their tools write them, full of the database's name where it must stay.

A template is rendered with one name and with another: renaming must turn the first into the second, byte for byte.
"""

from __future__ import annotations

import re

from hypothesis import strategies as st

from tests.unit.sql.support import Template

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
    return mysql_identifier(re.sub(r"([_%])", r"\\\1", name))


@st.composite
def mysql_templates(draw: st.DrawFn, name: str) -> Template:
    """A dump by mysqldump --databases, with a table, a column, an alias and a user of the database's name."""
    same = mysql_identifier(name)
    db, grant = mysql_identifier, mysql_pattern
    text = data(name).map(mysql_string)
    comment = name.replace("\n", " ").encode()
    statements: list[Template] = [
        [
            b"-- Current Database: ",
            same,
            b"\n\nCREATE DATABASE /*!32312 IF NOT EXISTS*/ ",
            db,
            b" /*!40100 COMMENT ''*/;\n",
        ],
        [b"USE ", db, b";\n"],
        [b"DROP TABLE IF EXISTS ", same, b";\n# ", comment, b"\n"],
        [b"CREATE TABLE ", same, b" (", same, b" int DEFAULT ", draw(text), b" COMMENT ", draw(text), b", KEY ", same]
        + [b" (", same, b"), CONSTRAINT ", same, b" FOREIGN KEY (", same, b") REFERENCES ", db, b".", same, b" (", same]
        + [b")) ENGINE=InnoDB;\n"],
        [b"/*!50001 CREATE ALGORITHM=UNDEFINED */\n/*!50013 DEFINER=", same, b"@", same, b" SQL SECURITY DEFINER */\n"]
        + [
            b"/*!50001 VIEW ",
            db,
            b".",
            same,
            b" AS select ",
            db,
            b".",
            same,
            b".",
            same,
            b" AS ",
            same,
            b",",
            same,
            b".a,",
        ]
        + [
            db,
            b".",
            same,
            b"(",
            draw(text),
            b") from (",
            db,
            b".",
            same,
            b" join ",
            same,
            b" on(",
            same,
            b".x = ",
            db,
            b".",
        ]
        + [same, b".", same, b"))*/;\n"],
        [
            b"DELIMITER ;;\n/*!50003 CREATE*/ /*!50017 DEFINER=",
            same,
            b"@`%`*/ /*!50003 TRIGGER ",
            same,
            b" BEFORE INSERT ON ",
        ]
        + [same, b" FOR EACH ROW BEGIN SET NEW.", same, b" = ", draw(text), b"; UPDATE ", db, b".", same, b", ", same]
        + [
            b" SET ",
            same,
            b".a = @",
            same,
            b".b; DELETE FROM ",
            db,
            b".t; CALL ",
            db,
            b".p(); END */;;\nDELIMITER ;\n",
        ],
        [b"GRANT SELECT, INSERT (", same, b") ON ", db, b".", same, b" TO ", same, b"@`%`;\n"],
        [b"GRANT ALL ON ", grant, b".* TO ", same, b"@", same, b";\n"],
        [b"LOCK TABLES ", same, b" WRITE, ", db, b".", same, b" READ;\n"],
        [b"ALTER DATABASE ", db, b" CHARACTER SET utf8mb4;\n"],
    ]
    insert: Template = [b"INSERT INTO ", same, b" VALUES "]
    if draw(st.booleans()):
        insert = [b"INSERT INTO ", db, b".", same, b" (", same, b") VALUES "]
    rows: list[bytes | object] = []
    for _row in range(draw(st.integers(1, 6))):
        rows += [b"," if rows else b"", b"(", draw(text), b",NULL,-1.5,", draw(text), b")"]
    statements += [[*insert, *rows, b";\n"] for _again in range(draw(st.integers(1, 3)))]  # type: ignore[list-item]
    chosen = draw(st.lists(st.sampled_from(statements), min_size=1, max_size=12))
    return [piece for statement in chosen for piece in statement]


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


@st.composite
def postgres_templates(draw: st.DrawFn, name: str) -> Template:
    """A dump by pg_dumpall, with a role, a schema, a table and a column of the database's name."""
    same = postgres_identifier(name)
    db = postgres_identifier
    text = data(name).map(postgres_string)
    comment = name.replace("\n", " ").encode()
    rows = [postgres_row(draw(st.lists(data(name), min_size=1, max_size=3))) for _row in range(draw(st.integers(0, 5)))]
    body = draw(data(name)).replace("$", "").replace("\0", "").encode()
    statements: list[Template] = [
        [b"CREATE ROLE ", same, b";\n-- ", comment, b"\n"],
        [b"CREATE DATABASE ", db, b" WITH TEMPLATE = template0 ENCODING = 'UTF8' LOCALE = 'C';\n"],
        [b"ALTER DATABASE ", db, b" OWNER TO ", same, b";\n"],
        [b"ALTER DATABASE ", db, b" SET search_path TO ", draw(text), b", ", same, b";\n"],
        [b"ALTER ROLE ", same, b" IN DATABASE ", db, b" SET work_mem TO ", draw(text), b";\n"],
        [b"COMMENT ON DATABASE ", db, b" IS ", draw(text), b";\n"],
        [b"GRANT CONNECT ON DATABASE ", db, b" TO ", same, b";\nREVOKE ALL ON DATABASE ", db, b" FROM PUBLIC;\n"],
        [b"SECURITY LABEL FOR ", same, b" ON DATABASE ", db, b" IS ", draw(text), b";\n"],
        [postgres_connect],
        [b"/* ", b"/* nested */ ", comment.replace(b"*/", b"").replace(b"/*", b""), b" */\n"],
        [b"CREATE TABLE ", same, b".", same, b" (", same, b" text DEFAULT ", draw(text), b");\n"],
        [b"COPY ", same, b".", same, b" (", same, b") FROM stdin;\n", *rows, b"\\.\n\n"],
        [b"CREATE FUNCTION ", same, b".", same, b"() RETURNS void LANGUAGE sql AS $_$", body, b"$_$;\n"],
        [b"CREATE VIEW ", same, b".v AS SELECT ", same, b".", same, b" FROM ", same, b".", same, b" ", same, b";\n"],
        [b"GRANT SELECT ON TABLE ", same, b".", same, b" TO ", same, b";\n"],
        [b"COMMENT ON TABLE ", same, b".", same, b" IS ", draw(text), b";\n"],
        [b"INSERT INTO ", same, b".", same, b" VALUES (", draw(text), b", -1.5, NULL, ", draw(text), b");\n"] * 3,
        [b"SELECT pg_catalog.setval(", draw(text), b", 1, false);\n"],
    ]
    chosen = draw(st.lists(st.sampled_from(statements), min_size=1, max_size=12))
    return [piece for statement in chosen for piece in statement]
