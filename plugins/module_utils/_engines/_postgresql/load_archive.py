# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Archives of pg_dump that other tools made: which program reads them, what they say, loading them. Private to this collection."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._accounts import Account
from ansible_collections.vya.backupdb.plugins.module_utils._dumps.detect import PG_CUSTOM, PG_DIRECTORY, PG_TAR
from ansible_collections.vya.backupdb.plugins.module_utils._dumps.reader import DumpPart
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql import archive, staging
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.instance import Server
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.pg_restore import head_of_command
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.tools import (
    FIRST_WITH_ZSTD,
    Tools,
    choose,
    major_of,
    package,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines.foreign import StatementError
from ansible_collections.vya.backupdb.plugins.module_utils._errors import (
    BackupError,
    DamagedSet,
    MissingProgram,
    ProcessError,
)
from ansible_collections.vya.backupdb.plugins.module_utils._process import PIPE, Command, chunks, start

#: As pg_restore names the formats.
FORMS = {PG_CUSTOM: "custom", PG_TAR: "tar", PG_DIRECTORY: "directory"}
_ENTRY = re.compile(r"from TOC entry \d+; \d+ \d+ (.+)")
_COMMAND = "Command was: "
_UNKNOWN_TIMEOUT = 'unrecognized configuration parameter "transaction_timeout"'
_FURTHER = ("DETAIL:", "HINT:", "CONTEXT:")
_IGNORED = re.compile(r"errors ignored on restore: (\d+)")
_SAID = re.compile(r"^pg_restore: error: (?:could not execute query: )?(?:ERROR:  )?(.*)")


def tools_for(part: DumpPart, server: Server) -> Tools:
    """The programs that can load an archive.

    Raises:
        MissingProgram: there are none on this host.
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
        return choose(server.major, oldest)
    except MissingProgram as error:
        raise MissingProgram(f"{part.label} needs a newer pg_restore: {error.message}", error.remedy) from None


def definitions(part: DumpPart, tools: Tools) -> Iterator[bytes]:
    """What an archive holds besides data, as SQL that creates the database too.

    Raises:
        DamagedSet: pg_restore cannot read it.
    """
    packed = bool(part.codecs)
    argv = [tools.path("pg_restore"), f"--format={FORMS[part.kind]}", "--create", "--schema-only", "--file=-"]
    process = start(Command(argv if packed else [*argv, part.path]), PIPE if packed else None, PIPE)
    failures: list[BackupError] = []
    feeder = threading.Thread(target=_feed, args=(part.chunks() if packed else (), process, failures), daemon=True)
    with process:
        if packed:
            feeder.start()
        yield from chunks(process.stdout)
        if packed:
            feeder.join()
        if failures:
            raise failures[0]
        try:
            process.wait()
        except ProcessError as error:
            raise DamagedSet(
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
            found.append(StatementError(label, 0, entry or "pg_restore", begun[1]))
        elif found and line.startswith(_COMMAND):
            head = entry or head_of_command(line[len(_COMMAND) :])
            found[-1] = replace(found[-1], head=head or "pg_restore")
        elif found and line.startswith(_FURTHER):
            found[-1] = replace(found[-1], message=f"{found[-1].message} {line.strip()}")
    # The one error that is no loss, see `pg_restore`.
    harmless = sum(_UNKNOWN_TIMEOUT in error.message for error in found)
    found = [error for error in found if _UNKNOWN_TIMEOUT not in error.message]
    count = _IGNORED.search(said)
    return found, max(len(found), int(count[1]) - harmless if count else 0)
