# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The session that the statements of a dump are sent through, and what the server says to each. Private to this collection."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.connection import (
    Server,
    Session,
    driver_errors,
    error_number,
    error_text,
    quote_text,
)
from ansible_collections.vya.backupdb.plugins.module_utils._errors import ConnectionFailed
from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_lexer import MySQLMode

#: The connection is gone: by the driver, and as a server says that ends it.
_LOST = frozenset((0, 2006, 2013, 2014, 2055, 1053, 1927, 3169))
#: Nothing but a comment for another version.
_EMPTY = 1065
#: sql_modes that change how a text is read: dumps that need one set it.
_READING = re.compile(
    r"ANSI|ANSI_QUOTES|NO_BACKSLASH_ESCAPES|ORACLE|DB2|MAXDB|MSSQL|POSTGRESQL|PIPES_AS_CONCAT|IGNORE_SPACE|"
    r"HIGH_NOT_PRECEDENCE|EMPTY_STRING_IS_NULL|PAD_CHAR_TO_FULL_LENGTH"
)
_ENVIRONMENT = (
    "sql_mode",
    "character_set_client",
    "character_set_results",
    "collation_connection",
    "time_zone",
    "foreign_key_checks",
)
#: What dumps switch and this collection decides. Unique keys are checked: an error then stands where it belongs.
_OURS = "SET SESSION autocommit = 0, unique_checks = 1, foreign_key_checks = 0, sql_notes = 1"


@dataclass(frozen=True)
class Remark:
    """What the server says beside its answer."""

    level: str
    code: int
    message: str


@dataclass(frozen=True)
class Answer:
    """What the server says to a statement.

    Args:
        error: why it refused, empty where it did not; with its number.
        code: that number.
        count: how many warnings there are.
        warnings: those that it keeps.
    """

    error: str = ""
    code: int = 0
    count: int = 0
    warnings: Sequence[Remark] = ()


class DumpSession:
    """A session for a dump, which sets its character set and modes as it likes.

    Args:
        server: where to load.
    """

    def __init__(self, server: Server) -> None:
        self._session = server.session(
            time_zone="@@GLOBAL.time_zone",
            sql_mode="@@GLOBAL.sql_mode",
            innodb_strict_mode="0",
            max_error_count="65535",
        )
        self._raw: Any = self._session.raw
        self.id = self._session.id
        self.longest = int(self._session.value("SELECT @@max_allowed_packet")) - 1
        self.ignore_case = int(self._session.value("SELECT @@lower_case_table_names")) != 0
        self.sql_mode = str(self._session.value("SELECT @@sql_mode"))
        if any(_READING.fullmatch(word) for word in self.sql_mode.split(",")):
            self.sql_mode = ""
            self._session.execute("SET SESSION sql_mode = ''")
        self._database: Optional[str] = None
        self.busy = False
        # Results come in whatever character set the dump sets.
        self._raw.use_unicode = False
        self.reset()

    def close(self) -> None:
        """Close it."""
        self._session.close()

    def reset(self) -> None:
        """Begin as the client does for each dump, whatever the one before has set.

        Raises:
            ConnectionFailed: the connection is lost.
        """
        modes = quote_text(self.sql_mode)
        self.send(b"SET NAMES utf8mb4")
        self.send(f"SET SESSION sql_mode = {modes}, time_zone = @@GLOBAL.time_zone".encode())
        self.settle()

    def settle(self) -> None:
        """Set what the dump must not decide.

        Raises:
            ConnectionFailed: the connection is lost.
        """
        self.send(_OURS.encode("ascii"))

    def enter(self, database: str) -> None:
        """Make a database the current one.

        Raises:
            ConnectionFailed: the connection is lost.
            pymysql.MySQLError: there is no such database.
        """
        if database != self._database:
            with _connected():
                self._raw.select_db(database)
            self._database = database

    def forget(self) -> None:
        """The current database has been dropped or made anew."""
        self._database = None

    def send(self, sql: bytes) -> Answer:
        """Send a statement and wait for the answer.

        Raises:
            ConnectionFailed: the connection is lost.
        """
        self.busy = True
        try:
            with _connected():
                self._raw.query(sql)
                self.busy = False
                count = int(self._raw._result.warning_count)
                return Answer(count=count, warnings=self._warnings() if count else ())
        except driver_errors() as error:
            self.busy = False
            number = error_number(error)
            return Answer() if number == _EMPTY else Answer(error_text(error), number)
        except ConnectionFailed:
            self.busy = False
            raise

    def _warnings(self) -> list[Remark]:
        self._raw.query(b"SHOW WARNINGS")
        rows = self._raw._result.rows or ()
        return [Remark(_text(level), int(code), _text(message)) for level, code, message in rows]

    @contextlib.contextmanager
    def ours(self) -> Iterator[Session]:
        """The session for statements that are not of the dump; `reset` comes before the next one that is."""
        self.send(b"SET NAMES utf8mb4")
        self._raw.use_unicode = True
        try:
            yield self._session
        finally:
            self._raw.use_unicode = False

    def reading(self) -> MySQLMode:
        """How the session reads statements now.

        Raises:
            ConnectionFailed: the connection is lost.
        """
        with _connected():
            self._raw.query(b"SELECT @@character_set_client, @@sql_mode")
        ((charset, modes),) = self._raw._result.rows
        words = _text(modes).split(",")
        return MySQLMode("ANSI_QUOTES" in words, "NO_BACKSLASH_ESCAPES" not in words, _text(charset))

    def environment(self) -> bytes:
        """A statement that sets what decides how a statement is read as it is now.

        Raises:
            ConnectionFailed: the connection is lost.
        """
        with _connected():
            self._raw.query(("SELECT " + ", ".join(f"@@{name}" for name in _ENVIRONMENT)).encode("ascii"))
        (row,) = self._raw._result.rows
        values = [f"{name} = {_literal(value)}" for name, value in zip(_ENVIRONMENT, row)]
        return ("SET SESSION " + ", ".join(values)).encode("utf-8")


@contextlib.contextmanager
def _connected() -> Iterator[None]:
    """Tell the end of the connection from an error of a statement.

    Raises:
        ConnectionFailed: it is lost.
        pymysql.MySQLError: the server refused something.
    """
    try:
        yield
    except driver_errors() as error:
        if error_number(error) in _LOST:
            raise ConnectionFailed(
                f"The connection was lost: {error_text(error)}.",
                "look into the server's log for the reason, then run this again",
            ) from error
        raise


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _literal(value: Any) -> str:
    if value is None:
        return "NULL"
    text = _text(value)
    return text if text.isdigit() else quote_text(text)
