# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Views, routines, triggers and events as the server keeps them, byte for byte, and making them again elsewhere.

Private to this collection. No statement moves them to another database: they are read with everything that decides what
their text means, written with other database names, and made anew.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.connection import (
    Session,
    driver_errors,
    qualified,
    quote_name,
    quote_text,
)
from ansible_collections.vya.backupdb.plugins.module_utils._errors import MissingPrivilege
from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_rename import MySQLRenamer
from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_splitter import MySQLSplitter
from ansible_collections.vya.backupdb.plugins.module_utils._sql.tokens import (
    BLANK,
    SPACE,
    WORD,
    Statement,
    Token,
)

VIEW = "view"
TRIGGER = "trigger"
EVENT = "event"
ROUTINES = ("package", "package body", "function", "procedure")

ENABLED = "ENABLED"
_STATUS = {"ENABLED": b"ENABLE", "DISABLED": b"DISABLE", "SLAVESIDE_DISABLED": b"DISABLE ON SLAVE"}


@dataclass(frozen=True)
class Program:
    """A view, routine, trigger or event.

    Args:
        kind: ``view``, ``procedure``, ``function``, ``package``, ``package body``, ``trigger`` or ``event``.
        name: unquoted.
        text: what SHOW CREATE prints, in the character set of the client that made it.
        charset, collation: of that client.
        sql_mode, time_zone: of that client; empty where they do not matter.
        database_collation: of the database when it was made; empty where it does not matter.
        status: of an event.
        broken: a view that cannot be read where it is.
    """

    kind: str
    name: str
    text: bytes
    charset: str = "utf8mb4"
    collation: str = ""
    sql_mode: str = ""
    time_zone: str = ""
    database_collation: str = ""
    status: str = ""
    broken: bool = False

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"

    def to_json(self) -> dict[str, Any]:
        """For a journal."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {**values, "text": base64.b64encode(self.text).decode("ascii")}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Program:
        """The inverse."""
        return cls(**{**data, "text": base64.b64decode(data["text"])})


# reading


def names_of(session: Session, database: str) -> list[tuple[str, str]]:
    """Kind and name of every program, triggers in the order in which they fire."""
    found = [
        (VIEW, row[0])
        for row in session.rows(
            "SELECT table_name FROM information_schema.views WHERE table_schema = %s ORDER BY 1", [database]
        )
    ]
    found += [
        (row[0].lower(), row[1])
        for row in session.rows(
            "SELECT routine_type, routine_name FROM information_schema.routines WHERE routine_schema = %s ORDER BY 1, 2",
            [database],
        )
    ]
    found += [
        (TRIGGER, row[0])
        for row in session.rows(
            "SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema = %s "
            "ORDER BY event_object_table, action_timing, event_manipulation, action_order",
            [database],
        )
    ]
    found += [
        (EVENT, row[0])
        for row in session.rows(
            "SELECT event_name FROM information_schema.events WHERE event_schema = %s ORDER BY 1", [database]
        )
    ]
    return found


def read_programs(
    session: Session, database: str, judge: bool, only: Optional[tuple[str, str]] = None
) -> list[Program]:
    """Everything that is no table.

    Args:
        session: without a default database, or views would not name theirs.
        database: where.
        judge: look which views cannot be read.
        only: kind and name of the one that is wanted, where that is not all.

    Raises:
        pymysql.MySQLError: the server refused.
        MissingPrivilege: a definition is hidden from the login.
    """
    listed = [item for item in names_of(session, database) if only in (None, item)]
    statuses = dict(
        session.rows("SELECT event_name, status FROM information_schema.events WHERE event_schema = %s", [database])
    )
    broken = {name for kind, name in listed if judge and kind == VIEW and _is_broken(session, database, name)}
    session.execute("SET character_set_results = binary")
    found = []
    for kind, name in listed:
        (row,) = session.records(f"SHOW CREATE {kind.upper()} {qualified(database, name)}")
        text = row.get("sql original statement" if kind == TRIGGER else f"create {kind}")
        if text is None:
            session.execute("SET NAMES utf8mb4")
            raise MissingPrivilege(
                f"The definition of {kind} {database}.{name} is hidden from the login.",
                "grant SELECT ON *.* (with mysql.*) or SHOW CREATE ROUTINE to the login",
            )
        found.append(
            Program(
                kind,
                name,
                _bytes(text),
                _text(row["character_set_client"]),
                _text(row["collation_connection"]),
                _text(row.get("sql_mode")),
                _text(row.get("time_zone")),
                _text(row.get("database collation")),
                statuses.get(name, "") if kind == EVENT else "",
                kind == VIEW and name in broken,
            )
        )
    session.execute("SET NAMES utf8mb4")
    return found


def _is_broken(session: Session, database: str, name: str) -> bool:
    try:
        session.rows(f"SHOW FIELDS FROM {quote_name(name)} FROM {quote_name(database)}")
    except driver_errors():
        return True
    return False


def _bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode("utf-8")


def _text(value: Any) -> str:
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else str(value or "")


def asleep(program: Program) -> Program:
    """An event that does not run; anything else as it is."""
    return with_status(program, "DISABLED") if program.kind == EVENT and program.status == ENABLED else program


# rewriting


def renamed(program: Program, names: Mapping[str, str], ignore_case: bool) -> tuple[Program, list[str]]:
    """A program with other names of databases, and what may refer to an old one and was left.

    Raises:
        SqlError: a new name cannot be written in the program's character set.
    """
    renamer = MySQLRenamer(names, ignore_case)
    begin, end = _frame()
    splitter = MySQLSplitter([begin + program.text + end], program.sql_mode, program.charset or "utf8mb4")
    text = b"".join(renamer.run(splitter))
    doubts = [f"{program}, {reference}" for reference in renamer.references.found]
    return replace(program, text=text[len(begin) : -len(end)]), doubts


def _frame() -> tuple[bytes, bytes]:
    """What makes one statement of a text with semicolons in it."""
    word = b"end" + secrets.token_hex(6).encode("ascii")
    return b"DELIMITER " + word + b"\n", b"\n" + word


def _edited(program: Program, edit: Callable[[list[Token]], bool]) -> Program:
    """A program after its tokens were edited in place; the same one where nothing was."""
    begin, end = _frame()
    items = list(MySQLSplitter([begin + program.text + end], program.sql_mode, program.charset or "utf8mb4"))
    first = next(item for item in items if isinstance(item, Statement) and item.kind != "delimiter")
    if not edit(first.tokens):
        return program
    whole = b"".join(item.bytes() for item in items)
    return replace(program, text=whole[len(begin) : -len(end)])


def as_invoker(program: Program) -> Program:
    """A view of ours with the rights of whoever uses it: it can be made where its definer may do nothing."""

    def edit(tokens: list[Token]) -> bool:
        words = _words(tokens)
        texts = [text for _index, text in words]
        head = texts[: texts.index(b"VIEW")] if b"VIEW" in texts else []
        for position in range(len(head)):
            if head[position : position + 2] == [b"DEFINER", b"="]:
                tokens[words[position + 2][0]] = (WORD, b"CURRENT_USER")
                if head[position + 3 : position + 4] == [b"@"]:
                    for gone, _word in words[position + 3 : position + 5]:
                        tokens[gone] = (SPACE, b" ")
            elif head[position : position + 3] == [b"SQL", b"SECURITY", b"DEFINER"]:
                tokens[words[position + 2][0]] = (WORD, b"INVOKER")
        return bool(head)

    return _edited(program, edit)


def with_status(program: Program, status: str) -> Program:
    """An event with another status: it stands between ON COMPLETION … PRESERVE and COMMENT or DO."""

    def edit(tokens: list[Token]) -> bool:
        words = _words(tokens)
        for position, (_index, word) in enumerate(words[:-1]):
            at, following = words[position + 1]
            if word != b"PRESERVE" or following not in (b"ENABLE", b"DISABLE"):
                continue
            tokens[at] = (WORD, _STATUS[status])
            behind = words[position + 2 : position + 4]
            if following == b"DISABLE" and [text for _at, text in behind[:1]] == [b"ON"]:
                for gone, _word in behind:
                    tokens[gone] = (SPACE, b" ")
            return True
        return False

    return replace(_edited(program, edit), status=status)


def waking(program: Program) -> bytes:
    """The statement that enables an event and says nothing else of it but its definer, who would be another then.

    It is written in the character set of the event, as its text is.
    """
    begin, end = _frame()
    items = MySQLSplitter([begin + program.text + end], program.sql_mode, program.charset or "utf8mb4")
    tokens = next(item for item in items if isinstance(item, Statement) and item.kind != "delimiter").tokens
    words = _words(tokens)
    position = next(number for number, (_index, word) in enumerate(words) if word == b"EVENT")
    head = [(WORD, b"ALTER"), *tokens[words[0][0] + 1 : words[position + 1][0] + 1]]
    return b"".join(text for _kind, text in head) + b" ENABLE"


def with_recorded_status(program: Program) -> Program:
    """An event with the status that its text says."""
    found: list[str] = []

    def look(tokens: list[Token]) -> bool:
        words = [word for _index, word in _words(tokens)]
        if b"PRESERVE" in words:
            behind = words[words.index(b"PRESERVE") + 1 :][:3]
            said = b" ".join(behind if behind[1:2] == [b"ON"] else behind[:1])
            found.extend(status for status, text in _STATUS.items() if text == said)
        return False

    _edited(program, look)
    return replace(program, status=found[0] if found else ENABLED)


def _words(tokens: Sequence[Token]) -> list[tuple[int, bytes]]:
    """Index and upper case of every token that means something; what is no word comes as it is."""
    return [
        (index, text.upper() if kind == WORD else text)
        for index, (kind, text) in enumerate(tokens)
        if kind not in BLANK
    ]


# making


def create(session: Session, database: str, program: Program) -> None:
    """Make a program in a database, under everything that it was made with.

    Args:
        session: not used for reading; its default database and settings change.

    Raises:
        pymysql.MySQLError: the server refused.
    """
    enter(session, database)
    if program.database_collation:
        now = session.value("SELECT @@collation_database")
        if now != program.database_collation:
            session.execute(f"ALTER DATABASE {quote_name(database)} COLLATE {program.database_collation}")
            session.raw.select_db(database)
    adopt(session, program)
    session.raw.query(program.text)


def adopt(session: Session, program: Program) -> None:
    """Give a session the settings that a program was made with."""
    settings = {"character_set_client": program.charset or "utf8mb4", "sql_mode": quote_text(program.sql_mode)}
    if program.collation:
        settings["collation_connection"] = program.collation
    if program.time_zone:
        settings["time_zone"] = quote_text(program.time_zone)
    session.execute("SET " + ", ".join(f"{name} = {value}" for name, value in settings.items()))


def enter(session: Session, database: str) -> None:
    """Make a session as it was, with a default database."""
    session.execute("SET NAMES utf8mb4")
    session.execute("SET sql_mode = '', time_zone = '+00:00'")
    session.raw.select_db(database)


def drop(session: Session, database: str, kind: str, name: str) -> None:
    """Remove a program, if it is there.

    Raises:
        pymysql.MySQLError: the server refused.
    """
    packaged = kind.startswith("package")
    if packaged:
        # MariaDB knows the word in this mode only.
        session.execute("SET sql_mode = 'ORACLE'")
    session.execute(f"DROP {kind.upper()} IF EXISTS {qualified(database, name)}")
    if packaged:
        session.execute("SET sql_mode = ''")


def of_kinds(programs: Iterable[Program], *kinds: str) -> list[Program]:
    """Those of some kinds, in the order of the kinds."""
    return [program for kind in kinds for program in programs if program.kind == kind]
