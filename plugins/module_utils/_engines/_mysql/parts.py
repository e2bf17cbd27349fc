# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What of a set a part of its databases comes to: a smaller set, which is restored as any other. Private to this collection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.connection import quote_name
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.scripts import read_part, read_trigger_tables
from ansible_collections.vya.backupdb.plugins.module_utils._engines.base import ArtefactReader, RestoreRequest
from ansible_collections.vya.backupdb.plugins.module_utils._engines.part import (
    DATA,
    SCHEMA,
    Included,
    Part,
    matches,
    unmatched,
)
from ansible_collections.vya.backupdb.plugins.module_utils._errors import DamagedSet, NoSuchDatabase
from ansible_collections.vya.backupdb.plugins.module_utils._model import Artefact, Manifest
from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_accounts import OBJECT_LEVELS, AccountStatement
from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_create_table import (
    COLUMN,
    FOREIGN_KEY,
    CreateTable,
    parse_create_table,
    split_sequence_default,
)
from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_statements import split_statements
from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_words import Reader

#: Where a smaller artefact says what of it is meant; see :func:`shorten`.
KEY = "part"
_OTHERS = ("views", "routines", "events")
_TRIGGER = "trigger "


@dataclass(frozen=True)
class Parts:
    """What a restore of parts reads.

    Args:
        reader: the set, as if only the part had been backed up.
        included: recorded name of each database -> what the part comes to.
        problems: patterns that match nothing, each a sentence with its remedy.
        warnings: what is left out.
    """

    reader: ArtefactReader
    included: Mapping[str, Included]
    problems: Sequence[str] = ()
    warnings: Sequence[str] = ()


class _SmallerSet:
    """A set whose artefacts say that they hold less."""

    def __init__(self, reader: ArtefactReader, details: Mapping[str, Mapping[str, Any]]) -> None:
        self._reader = reader
        self._manifest = replace(
            reader.manifest,
            artefacts=tuple(
                replace(item, details=details[item.name]) if item.kind == "database" and item.name in details else item
                for item in reader.manifest.artefacts
            ),
        )

    @property
    def manifest(self) -> Manifest:
        return self._manifest

    def path(self, artefact: Artefact) -> str:
        return self._reader.path(artefact)

    def verify(self, artefact: Artefact) -> None:
        self._reader.verify(artefact)


def choose(reader: ArtefactReader, request: RestoreRequest) -> Parts:
    """The smaller set that a request means.

    Raises:
        DamagedSet: a definition cannot be read.
    """
    details: dict[str, Mapping[str, Any]] = {}
    included: dict[str, Included] = {}
    problems: list[str] = []
    warnings: list[str] = []
    for name, target in request.databases.items():
        artefact = reader.manifest.artefact("database", name)
        if artefact is None:
            raise NoSuchDatabase(f"The set holds no database {name!r}.", "choose another set")
        there = [*(item["name"] for item in artefact.details["tables"]), *artefact.details.get("without_rows", ())]
        wrong = [
            pattern
            for pattern in request.part.tables
            if pattern != "*" and not any(matches(pattern, table) for table in there)
        ]
        problems += [unmatched(name, "table", pattern, there) for pattern in wrong]
        if wrong:
            continue
        details[name], included[name] = shorten(reader.path(artefact), artefact.details, request.part)
        warnings += [f"Left out of {target}: {text}." for text in included[name].left_out]
    return Parts(_SmallerSet(reader, details), included, problems, warnings)


def shorten(directory: str, details: Mapping[str, Any], part: Part) -> tuple[dict[str, Any], Included]:
    """The details of an artefact, as if only a part had been backed up, and what that is for people.

    They have a key :data:`KEY` more: ``tables`` and ``sequences`` that are taken, ``chosen`` (false where those are all),
    and ``values``, whether sequences get their values.
    """
    there = [*(item["name"] for item in details["tables"]), *details.get("without_rows", ())]
    names = [name for name in there if not part.tables or any(matches(pattern, name) for pattern in part.tables)]
    definitions = _definitions(directory, details) if part.chosen else {}
    sequences = list(details.get("sequences", ()))
    if part.chosen:
        sequences = [name for name in sequences if any(_draws(definitions.get(table), name) for table in names)]
    short = {
        **details,
        "tables": [item for item in details["tables"] if item["name"] in names],
        "without_rows": [name for name in details.get("without_rows", ()) if name in names],
        "sequences": sequences,
        KEY: {
            "tables": names,
            "sequences": sequences,
            "chosen": part.chosen,
            "values": part.content != SCHEMA,
        },
    }
    if part.content == SCHEMA:
        short["tables"], short["without_rows"] = [], names
    left_out: list[str] = []
    if part.chosen:
        left_out = [] if part.content == DATA else _left_out(definitions, names, details)
        triggers = {}
        if details.get("triggers"):
            triggers = {
                name: table for name, table in read_trigger_tables(directory).items() if table is None or table in names
            }
        short.update({kind: [] for kind in _OTHERS}, triggers=list(triggers))
        short["parts"] = [
            item for item in details["parts"] if item == "tables" or (item == "triggers" and short["triggers"])
        ]
        short["definers"] = {
            what: definer
            for what, definer in details.get("definers", {}).items()
            if what.startswith(_TRIGGER) and what[len(_TRIGGER) :] in triggers
        }
    needed = [f"sequence {name}" for name in sequences] if part.chosen and part.content != DATA else []
    return short, Included(sorted(names), needed, left_out)


def brings(manifest: Manifest, statement: AccountStatement) -> bool:
    """Whether the object that a grant is on is restored, as far as parts decide that."""
    artefact = manifest.artefact("database", statement.database or "") if statement.level in OBJECT_LEVELS else None
    part = artefact.details.get(KEY) if artefact is not None else None
    if part is None or not part["chosen"]:
        return True
    return statement.level == "table" and statement.object in {*part["tables"], *part["sequences"]}


def without_others(parts: CreateTable, details: Mapping[str, Any]) -> CreateTable:
    """A table's definition without foreign keys to tables that are not taken."""
    return replace(
        parts, elements=[element for element in parts.elements if not _lost(element, details[KEY]["tables"])]
    )


def _lost(element: Any, names: Sequence[str]) -> bool:
    if element.kind != FOREIGN_KEY or element.referenced is None:
        return False
    database, table, _columns = element.referenced
    # One in another database is not part of this one, chosen or not.
    return database is None and table not in names


def _left_out(definitions: Mapping[str, CreateTable], names: Sequence[str], details: Mapping[str, Any]) -> list[str]:
    found = []
    for table in names:
        for element in definitions[table].of_kind(FOREIGN_KEY) if table in definitions else ():
            if _lost(element, names) and element.referenced is not None:
                found.append(f"the foreign key {element.name} of {table}, since {element.referenced[1]} is not chosen")
    for kind in _OTHERS:
        if details.get(kind):
            found.append(f"{kind}, which belong to no table: {', '.join(details[kind][:20])}")
    return found


def _definitions(directory: str, details: Mapping[str, Any]) -> dict[str, CreateTable]:
    if "tables" not in details.get("parts", ()):
        return {}
    try:
        script = read_part(directory, "tables").decode("utf-8")
    except UnicodeDecodeError as error:
        raise DamagedSet("The definitions of tables are not UTF-8.", "choose another set") from error
    found = {}
    for statement in split_statements(script):
        if Reader(statement.text).accept("CREATE", "TABLE"):
            parts = parse_create_table(statement.text)
            found[parts.name] = parts
    return found


def _draws(parts: Optional[CreateTable], sequence: str) -> bool:
    """Whether a table takes values from a sequence."""
    return parts is not None and any(
        split_sequence_default(column.text)[1] and quote_name(sequence) in column.text
        for column in parts.of_kind(COLUMN)
    )
