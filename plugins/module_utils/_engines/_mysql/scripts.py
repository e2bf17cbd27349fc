# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The scripts of a set, as the dump program wrote them: with other database names, and as programs to make.

Private to this collection.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._codec import read_bytes
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.connection import Session, explaining
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.programs import (
    EVENT,
    ROUTINES,
    TRIGGER,
    VIEW,
    Program,
    enter,
    with_recorded_status,
)
from ansible_collections.vya.backupdb.plugins.module_utils._sql.identifiers import decode_mysql
from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_rename import MySQLRenamer
from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_splitter import MySQLSplitter
from ansible_collections.vya.backupdb.plugins.module_utils._sql.tokens import BLANK, END, WORD, Statement

_PARTS = ("routines", "views", "triggers", "events")
_KINDS = {VIEW, TRIGGER, EVENT, *ROUTINES}


def read_part(directory: str, part: str) -> bytes:
    """A script of a set."""
    return read_bytes(os.path.join(directory, f"{part}.sql.zst"))


def rename_script(script: bytes, names: Mapping[str, str], ignore_case: bool) -> tuple[bytes, list[str]]:
    """A script with other names of databases, and what may refer to an old one and was left.

    Raises:
        SqlError: a new name cannot be written where it must stand.
    """
    renamer = MySQLRenamer(names, ignore_case)
    text = b"".join(renamer.run(MySQLSplitter([script])))
    return text, [str(reference) for reference in renamer.references.found]


def doubts_in(directory: str, details: Mapping[str, Any], names: Mapping[str, str], ignore_case: bool) -> list[str]:
    """What may refer to a database under its old name and is left, in all scripts of an artefact."""
    found = []
    for part in ("tables", *_PARTS):
        if part in details.get("parts", ()):
            _text, doubts = rename_script(read_part(directory, part), names, ignore_case)
            found += [f"{part}.sql, {doubt}" for doubt in doubts]
    return found


def read_set_programs(
    session: Session,
    database: str,
    directory: str,
    details: Mapping[str, Any],
    names: Mapping[str, str],
    ignore_case: bool,
) -> list[Program]:
    """The views, routines, triggers and events of an artefact, each with the settings that the script makes before it.

    Args:
        session: for this only: it follows the settings of the scripts.
        database: that the programs are for; exists, and its character set is changed.
        directory, details: of the artefact.
        names: recorded name of each database -> the name to write.
        ignore_case: names differing in case only are the same.

    Raises:
        BackupError: the server refused a setting.
    """
    found: dict[tuple[str, str], Program] = {}
    for part in _PARTS:
        if part not in details.get("parts", ()):
            continue
        script, _doubts = rename_script(read_part(directory, part), names, ignore_case)
        with explaining(f"to follow the script of the {part} in the set"):
            enter(session, database)
            for item in MySQLSplitter([script]):
                if not isinstance(item, Statement) or item.kind == "delimiter":
                    continue
                program = _follow(session, item)
                if program is not None and not _is_left_out(program, details):
                    # The dump program makes views twice: at first in any form, so that others can use them.
                    found.pop((program.kind, program.name), None)
                    found[program.kind, program.name] = program
    return list(found.values())


def _is_left_out(program: Program, details: Mapping[str, Any]) -> bool:
    """Whether a trigger is of a table that is not restored."""
    return program.kind == TRIGGER and program.name not in details["triggers"]


def read_trigger_tables(directory: str) -> dict[str, Optional[str]]:
    """Name of each trigger of an artefact -> its table; None where that cannot be told."""
    found: dict[str, Optional[str]] = {}
    for item in MySQLSplitter([read_part(directory, "triggers")]):
        if isinstance(item, Statement):
            named = _kind_and_name(item)
            if named is not None and named[0] == TRIGGER:
                found[named[1]] = _table_of_trigger(item)
    return found


def _table_of_trigger(statement: Statement) -> Optional[str]:
    order = [index for index in statement.significant if statement.tokens[index][0] not in BLANK]
    words = [statement.tokens[index][1].upper() if statement.tokens[index][0] == WORD else b"" for index in order]
    timed = next((at for at, word in enumerate(words) if word in (b"BEFORE", b"AFTER")), len(words))
    for position in range(timed, len(words) - 1):
        if words[position] == b"ON":
            behind = position + 1
            if behind + 2 < len(order) and statement.tokens[order[behind + 1]][1] == b".":
                behind += 2
            return decode_mysql(statement.tokens[order[behind]], statement.codec)
    return None


def _follow(session: Session, statement: Statement) -> Optional[Program]:
    """Obey a setting; take the program that a statement makes."""
    text = b"".join(content for kind, content in statement.tokens if kind != END).strip()
    if statement.kind in ("set", "alter_database"):
        session.raw.query(text)
        return None
    if not statement.kind.startswith("create_"):
        # What removes a stand-in for a view.
        return None if statement.kind.startswith(("drop_", "use", "empty", "meta")) else _unknown(session, text)
    named = _kind_and_name(statement)
    if named is None:
        return _unknown(session, text)
    kind, name = named
    charset, collation, sql_mode, zone = session.rows(
        "SELECT @@character_set_client, @@collation_connection, @@sql_mode, @@time_zone"
    )[0]
    collated = session.value(
        "SELECT default_collation_name FROM information_schema.schemata WHERE schema_name = DATABASE()"
    )
    program = Program(
        kind,
        name,
        text,
        charset,
        collation,
        "" if kind == VIEW else sql_mode,
        zone if kind == EVENT else "",
        "" if kind == VIEW else collated,
    )
    return with_recorded_status(program) if kind == EVENT else program


def _unknown(session: Session, text: bytes) -> None:
    """What no dump program writes here: the server says what it thinks of it."""
    session.raw.query(text)


def _kind_and_name(statement: Statement) -> Optional[tuple[str, str]]:
    order = [index for index in statement.significant if statement.tokens[index][0] not in BLANK]
    words = [statement.tokens[index][1].upper() if statement.tokens[index][0] == WORD else b"" for index in order]
    for position, word in enumerate(words):
        kind = word.decode("latin-1").lower()
        if kind not in _KINDS or words[position - 1] == b"=":
            continue
        behind = position + 1
        if kind == "package" and words[behind] == b"BODY":
            kind, behind = "package body", behind + 1
        if words[behind : behind + 3] == [b"IF", b"NOT", b"EXISTS"]:
            behind += 3
        name = decode_mysql(statement.tokens[order[behind]], statement.codec)
        if behind + 2 < len(order) and statement.tokens[order[behind + 1]][1] == b".":
            name = decode_mysql(statement.tokens[order[behind + 2]], statement.codec)
        return None if name is None else (kind, name)
    return None
