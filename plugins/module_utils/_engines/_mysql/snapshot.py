# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Several connections that see one moment of the server. Private to this collection.

All are opened first; then a global read lock stops every write for the few milliseconds that each needs to begin its
transaction. Afterwards the server works on while the connections keep what they saw.
"""

from __future__ import annotations

import contextlib
import fcntl
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import BinaryIO, NamedTuple, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.connection import (
    Server,
    Session,
    driver_errors,
    explaining,
)
from ansible_collections.vya.backupdb.plugins.module_utils._errors import ProcessError
from ansible_collections.vya.backupdb.plugins.module_utils._process import (
    PIPE,
    Process,
    start,
)

LOCK_SECONDS = 120
_PIPE_BYTES = 1 << 20
_SET_PIPE_SIZE = 1031  # F_SETPIPE_SZ of linux/fcntl.h; the name is in Python 3.10 and later only
_LONGEST_TRAILER = 200
# Pieces that stay in the processor's cache while they are looked through.
_READ_BYTES = 128 << 10
_FEW_BYTES = 64 << 10
_SECONDS_TO_FILL = 0.001

_BEGIN = (
    "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
    "START TRANSACTION WITH CONSISTENT SNAPSHOT",
)


def widen_pipe(stream: BinaryIO) -> None:
    """Let a pipe hold more, for fewer and larger reads; a kernel that refuses costs speed only."""
    with contextlib.suppress(OSError):
        fcntl.fcntl(stream.fileno(), _SET_PIPE_SIZE, _PIPE_BYTES)


class Sent(NamedTuple):
    """What the server says about a statement: its warnings, and the rows that it sent (-1 where it cannot say)."""

    warnings: int
    rows: int


class ReaderProcess:
    """A client program that runs one query after another on one connection and prints the rows.

    Statements reach it as hexadecimal text, so that nothing in a name means anything to the client.

    Args:
        process: the program, started.
        sent_rows: the expression for how many rows the server has just sent.
    """

    def __init__(self, process: Process, sent_rows: str) -> None:
        self._process = process
        self._marker = secrets.token_hex(16)
        self._trailer = f"SELECT '{self._marker}', @@warning_count, {sent_rows};\n"
        widen_pipe(process.stdout)

    def run(self, sql: str, sink: Optional[Callable[[bytes], None]] = None) -> Sent:
        """Run a statement and hand on what it prints.

        Args:
            sql: one statement.
            sink: called with pieces of the output.

        Raises:
            ProcessError: the program ended.
        """
        self._send(f"SET @statement = 0x{sql.encode('utf-8').hex()};\nPREPARE s FROM @statement;\nEXECUTE s;\n")
        return self._receive(sink)

    def execute(self, sql: str) -> None:
        """Run a statement of our own that prints nothing and holds no name, also one that cannot be prepared."""
        self._send(f"{sql};\n")
        self._receive(None)

    def warnings(self) -> str:
        """The first warnings of the last statement."""
        output: list[bytes] = []
        self._send("SHOW WARNINGS LIMIT 3;\n")
        self._receive(output.append)
        return "; ".join(line.split("\t")[-1] for line in b"".join(output).decode("utf-8", "replace").splitlines())

    def _send(self, text: str) -> None:
        try:
            self._process.stdin.write((text + self._trailer).encode("ascii"))
            self._process.stdin.flush()
        except BrokenPipeError:
            self._fail()

    def _receive(self, sink: Optional[Callable[[bytes], None]]) -> Sent:
        # Nothing is sent before the marker was seen, so that it always stands at the end of what has arrived.
        marker = f"{self._marker}\t".encode("ascii")
        held = b""
        while True:
            chunk = self._process.stdout.read1(_READ_BYTES)
            if not chunk:
                return self._fail()
            data = held + chunk if held else chunk
            if data.endswith(b"\n"):
                begin = data.rfind(marker, max(0, len(data) - _LONGEST_TRAILER))
                if begin >= 0:
                    if begin and sink is not None:
                        sink(data[:begin])
                    warnings, rows = data[begin + len(marker) :].split(b"\t")
                    return Sent(int(warnings), int(rows))
            # What may be the beginning of the marker stays; whole rows are easier for whoever takes them.
            safe = max(0, len(data) - _LONGEST_TRAILER)
            cut = data.rfind(b"\n", 0, safe) + 1 or safe
            if cut and sink is not None:
                sink(data[:cut])
            held = data[cut:]
            if len(chunk) < _FEW_BYTES:
                # The client writes 4 kB at a time: reading each by itself costs more than everything else here.
                time.sleep(_SECONDS_TO_FILL)

    def _fail(self) -> Sent:
        self._process.wait(60)
        program = self._process.command.program
        raise ProcessError(
            f"{program} ended before it had sent everything: {self._process.stderr_tail}",
            program,
            None,
            self._process.stderr_tail,
            "look into the server's log for the reason, then run this again",
        )

    def end(self) -> None:
        """End the program."""
        self._process.end()


@dataclass
class Pair:
    """What one worker reads with: a client program for rows, a session for questions. Both see the same moment."""

    reader: ReaderProcess
    session: Session


@dataclass(frozen=True)
class Moment:
    """When the snapshot was taken, and where the binary log stood then (empty where it is off or hidden)."""

    at: datetime
    binlog: str


class Snapshot:
    """Connections that see one moment.

    Args:
        server: where to read.
        count: how many pairs.
    """

    def __init__(self, server: Server, count: int) -> None:
        self._server = server
        self._count = count
        self._stack = contextlib.ExitStack()
        self.pairs: list[Pair] = []
        self.moment: Optional[Moment] = None

    def __enter__(self) -> Snapshot:
        with contextlib.ExitStack() as stack:
            for _number in range(self._count):
                self.pairs.append(self._open(stack))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stack.close()

    def _open(self, stack: contextlib.ExitStack) -> Pair:
        flavour = self._server.flavour
        command = stack.enter_context(
            self._server.command(
                self._server.find_program(*flavour.clients),
                "--batch",
                "--skip-column-names",
                "--quick",
                "--unbuffered",
                "--skip-reconnect",
                "--binary-mode",
                "--default-character-set=binary",
                "--max-allowed-packet=1G",
                f"--connect-timeout={self._server.connection.connect_timeout}",
                *flavour.client_raw_options,
            )
        )
        process = stack.enter_context(start(command, stdin=PIPE, stdout=PIPE))
        session = stack.enter_context(self._server.session())
        reader = ReaderProcess(process, flavour.sent_rows)
        for name, value in {
            "sql_mode": "''",
            "time_zone": "'+00:00'",
            "sql_select_limit": "18446744073709551615",
            "net_write_timeout": "86400",
            "wait_timeout": "31536000",
            **flavour.session,
        }.items():
            reader.execute(f"SET SESSION {name} = {value}")
        return Pair(reader, session)

    def take(self, while_locked: Optional[Callable[[], None]] = None) -> Moment:
        """Stop writes, let every connection begin, run what must happen meanwhile, let writes go on.

        Args:
            while_locked: reads what no snapshot covers: tables of engines without transactions.

        Raises:
            BackupError: the lock was not granted in time.
        """
        with self._server.session(lock_wait_timeout=str(LOCK_SECONDS)) as locker:
            with explaining(
                "the global read lock (FLUSH TABLES WITH READ LOCK)",
                "let long-running statements end or run the backup at another time; the login needs RELOAD",
            ):
                locker.execute("FLUSH TABLES WITH READ LOCK")
            try:
                self._begin()
                moment = Moment(_now(locker), _binlog(locker))
                if while_locked is not None:
                    while_locked()
            finally:
                with explaining("releasing the global read lock"):
                    locker.execute("UNLOCK TABLES")
        self.moment = moment
        return moment

    def _begin(self) -> None:
        for pair in self.pairs:
            for statement in _BEGIN:
                pair.reader.execute(statement)
                with explaining("beginning a snapshot"):
                    pair.session.execute(statement)


def _now(session: Session) -> datetime:
    return session.value("SELECT UTC_TIMESTAMP(6)").replace(tzinfo=timezone.utc)  # type: ignore[no-any-return]


def _binlog(session: Session) -> str:
    for statement in ("SHOW BINARY LOG STATUS", "SHOW MASTER STATUS"):
        with contextlib.suppress(driver_errors()):
            rows = session.rows(statement)
            return f"{rows[0][0]}:{rows[0][1]}" if rows else ""
    return ""


class Splitter:
    """Passes a table's rows on, with the word for NULL replaced, and counts.

    Args:
        null_word: what the server sends in the place of NULL; empty where no column can be NULL.
        write: takes the result.
        count: whether to count rows, where the server does not say how many it sent.
    """

    def __init__(self, null_word: str, write: Callable[[bytes], None], count: bool) -> None:
        self._count = count
        self._word = null_word.encode("ascii")
        self._write = write
        self._held = b""
        self.rows = 0
        self.size = 0

    def feed(self, chunk: bytes) -> None:
        """Take a piece of the output."""
        if not self._word:
            self._pass(chunk)
            return
        data = (self._held + chunk if self._held else chunk).replace(self._word, b"\\N")
        # The end may be the beginning of the word, which holds no newline: it is kept until more has come.
        keep = 0 if data.endswith(b"\n") else min(len(self._word) - 1, len(data))
        self._held = data[len(data) - keep :]
        self._pass(data[: len(data) - keep] if keep else data)

    def close(self) -> None:
        """Pass on what was kept."""
        self._pass(self._held)
        self._held = b""

    def _pass(self, data: bytes) -> None:
        if self._count:
            self.rows += data.count(b"\n")
        self.size += len(data)
        if data:
            self._write(data)
