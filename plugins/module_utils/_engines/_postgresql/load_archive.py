# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Archives of pg_dump that other tools made: which program reads them, what they say, loading them. Private to this collection."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._accounts import Account
from ansible_collections.vya.backupdb.plugins.module_utils._dumps.detect import PG_CUSTOM, PG_DIRECTORY, PG_TAR
from ansible_collections.vya.backupdb.plugins.module_utils._dumps.reader import DumpPart
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql import archive, staging
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.connection import Access
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.instance import Server
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.pg_restore import (
    PERSISTENT_LINES,
    head_of_command,
    restore_failure,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.tools import (
    FIRST_WITH_ZSTD,
    Tools,
    major_of,
    package,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines.foreign import StatementError
from ansible_collections.vya.backupdb.plugins.module_utils._errors import (
    BackupError,
    DamagedDump,
    LoadFailed,
    MissingProgram,
    ProcessError,
)
from ansible_collections.vya.backupdb.plugins.module_utils._interrupts import begin
from ansible_collections.vya.backupdb.plugins.module_utils._process import PIPE, Command, chunks, start

#: As pg_restore names the formats.
FORMS = {PG_CUSTOM: "custom", PG_TAR: "tar", PG_DIRECTORY: "directory"}
_ENTRY = re.compile(r"from TOC entry \d+; \d+ \d+ (.+)")
_COMMAND = "Command was: "
_UNKNOWN_TIMEOUT = 'unrecognized configuration parameter "transaction_timeout"'
_FURTHER = ("DETAIL:", "HINT:", "CONTEXT:")
_IGNORED = re.compile(r"errors ignored on restore: (\d+)")
_ROWS = re.compile(r'\S+ failed for table "(.*)": ERROR:  (.*)')
_SAID = re.compile(r"^pg_restore: error: (?:could not execute query: )?(?:ERROR:  )?(.*)")


def tools_for(part: DumpPart, server: Server, access: Access) -> Tools:
    """The programs that can load an archive.

    Raises:
        MissingProgram: there are none where programs for this server are.
    """
    header = part.header
    version = header.version if header is not None else (0, 0)
    oldest = archive.Header(version).oldest_reader
    if oldest is None:
        written = header.tool_version if header is not None else None
        raise MissingProgram(
            f"{part.label} has archive format {version[0]}.{version[1]}, written by pg_dump {written or '?'}; no pg_restore"
            " that this collection knows reads it.",
            f"install {package(major_of(written or '0'))} and a newer version of this collection",
        )
    try:
        return access.choose_tools(server.major, oldest)
    except MissingProgram as error:
        raise MissingProgram(f"{part.label} needs a newer pg_restore: {error.message}", error.remedy) from None


def definitions(part: DumpPart, tools: Tools, wanted: Optional[Sequence[int]] = None) -> Iterator[bytes]:
    """What an archive holds besides data, as SQL that creates the database too.

    Args:
        part: the archive.
        tools: the programs.
        wanted: numbers of its entries, in its order; None for all of them.

    Raises:
        DamagedSet: pg_restore cannot read it.
    """
    options = ["--create", "--schema-only"]
    if wanted is None:
        yield from _script(part, tools, options)
        return
    with staging.temporary_directory(0) as scratch:
        yield from _script(part, tools, [*options, use_list(wanted, scratch)])


def rows_of(part: DumpPart, tools: Tools, wanted: Sequence[int], scratch: str) -> Iterator[bytes]:
    """Rows of an archive, and the values of its sequences, as SQL.

    Args:
        part: the archive.
        tools: the programs.
        wanted: numbers of the entries, in the order of the archive.
        scratch: a directory for temporary files.

    Raises:
        DamagedSet: pg_restore cannot read it.
    """
    return _script(part, tools, ["--data-only", use_list(wanted, scratch)])


def use_list(wanted: Iterable[int], scratch: str) -> str:
    """The option that makes pg_restore take some entries only.

    Args:
        wanted: their numbers, in the order of the archive: tar, and what comes from a pipe, cannot be read in another.
        scratch: a directory for temporary files.
    """
    file = Path(scratch, "entries")
    file.write_text("".join(f"{number};\n" for number in wanted), encoding="ascii")
    return f"--use-list={file}"


def _script(part: DumpPart, tools: Tools, options: Sequence[str]) -> Iterator[bytes]:
    """What pg_restore writes of an archive as SQL."""
    packed = bool(part.codecs)
    argv = [tools.path("pg_restore"), f"--format={FORMS[part.kind]}", *options, "--file=-"]
    reads = [option.partition("=")[2] for option in options if option.startswith("--use-list=")]
    command = Command(argv if packed else [*argv, part.path], inside=tools.inside, reads=(part.path, *reads))
    process = start(command, PIPE if packed else None, PIPE)
    failures: list[BackupError] = []
    feeder = threading.Thread(target=_feed, args=(part.chunks() if packed else (), process, failures), daemon=True)
    with process:
        if packed:
            begin(feeder)
        yield from chunks(process.stdout)
        if packed:
            feeder.join()
        if failures:
            raise failures[0]
        try:
            process.wait()
        except ProcessError as error:
            raise DamagedDump(
                f"{part.label} cannot be read: {error.message}", "give another copy of the dump, or dump again"
            ) from None


def _feed(source: Iterable[bytes], process: Any, failures: list[BackupError]) -> None:
    try:
        for chunk in source:
            process.stdin.write(chunk)
        process.stdin.close()
    except BrokenPipeError:
        # It has read what it needs, or has failed: its exit code says which.
        return
    except BackupError as error:
        failures.append(error)
        process.end()


def place(part: DumpPart, tools: Tools, account: Optional[Account], scratch: str) -> str:
    """Where pg_restore, acting as some account, finds an archive.

    Args:
        part: the archive.
        tools: the programs.
        account: as which it will act.
        scratch: a directory for temporary files.
    """
    target = Path(scratch, "archive")
    if part.kind == PG_DIRECTORY:
        if account is None or tools.major < FIRST_WITH_ZSTD:
            return part.path
        # Newer programs look for compressed files as the account itself would.
        target.mkdir(mode=0o700)
        staging.show(part.path, str(target))
        staging.give_to(account, str(target))
        return str(target)
    if not part.codecs:
        return part.path
    with target.open("xb") as stream:
        for chunk in part.chunks():
            stream.write(chunk)
    return str(target)


def failures_of(error: ProcessError, recorded: str, target: str) -> BackupError:
    """What a pg_restore that went on to the end could not restore, without the statements: they may hold secrets.

    Args:
        error: of the program.
        recorded: the database in the set.
        target: the name that it would have got.
    """
    found, count = errors_in(error.stderr_tail, "")
    if not found:
        return restore_failure(error, recorded, target)
    more = [f"and {count - len(found)} more"] if count > len(found) else []
    return LoadFailed(
        f"Restoring {recorded!r} as {target!r} failed: {count} of its objects could not be restored, everything else"
        " could; what that name means is as it was.",
        "solve what the server says, then run again",
        [*(f"{item.head}: {item.message}" for item in found), *more],
    )


def errors_in(said: str, label: str) -> tuple[list[StatementError], int]:
    """The errors in what pg_restore wrote, without the statements: they may hold secrets.

    Args:
        said: its last lines.
        label: of the dump.

    Returns:
        Those that are in the lines, and how many there were.
    """
    found: list[StatementError] = []
    entry = ""
    for line in said.splitlines():
        begun, named = _SAID.match(line), _ENTRY.search(line)
        if named is not None:
            entry = named[1]
        elif begun is not None:
            rows = _ROWS.match(begun[1])
            head, text = (f"COPY {rows[1]}", rows[2]) if rows is not None else (entry or "pg_restore", begun[1])
            found.append(StatementError(label, 0, head, text))
        elif found and line.startswith(_COMMAND):
            head = entry or head_of_command(line[len(_COMMAND) :])
            found[-1] = replace(found[-1], head=head or "pg_restore")
        elif found and line.startswith(_FURTHER):
            found[-1] = replace(found[-1], message=f"{found[-1].message} {line.strip()}")
    # The one error that is no loss, see `pg_restore`.
    harmless = sum(_UNKNOWN_TIMEOUT in error.message for error in found)
    found = [error for error in found if _UNKNOWN_TIMEOUT not in error.message]
    if said.count("\n") < PERSISTENT_LINES - 1:
        # What the program itself counts is too much where several of its sessions are at work.
        return found, len(found)
    return found, max(len(found), sum(map(int, _IGNORED.findall(said))) - harmless)
