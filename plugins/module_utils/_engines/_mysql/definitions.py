# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a set says about how its databases and tables are made. Private to this collection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.connection import (
    quote_name,
    quote_text,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.parts import KEY, without_others
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.scripts import read_part, rename_script
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.structure import (
    Structure,
    plan_structure,
    references,
)
from ansible_collections.vya.backupdb.plugins.module_utils._errors import DamagedSet
from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_create_table import (
    CreateTable,
    parse_create_table,
)
from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_statements import split_statements
from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_words import Reader

_ENCODING = "utf-8"


def charset_clauses(properties: Mapping[str, Any]) -> str:
    """The clauses of CREATE DATABASE for recorded properties."""
    text = ""
    if properties.get("charset"):
        text += f" CHARACTER SET {properties['charset']}"
    if properties.get("collation"):
        text += f" COLLATE {properties['collation']}"
    if properties.get("comment"):
        text += f" COMMENT {quote_text(str(properties['comment']))}"
    return text


def read_definitions(
    directory: str, details: Mapping[str, Any], names: Mapping[str, str], ignore_case: bool
) -> tuple[dict[str, Structure], list[str]]:
    """How the tables of an artefact are made, and the statements that make its sequences.

    Args:
        directory, details: of the artefact.
        names: recorded name of each database -> the name to write.
        ignore_case: names differing in case only are the same.

    Raises:
        DamagedSet: the file cannot be read.
    """
    if "tables" not in details.get("parts", ()):
        return {}, []
    try:
        script = rename_script(read_part(directory, "tables"), names, ignore_case)[0].decode(_ENCODING)
    except UnicodeDecodeError as error:
        raise DamagedSet("The definitions of tables are not UTF-8.", "choose another set") from error
    part = details.get(KEY)
    tables: dict[str, CreateTable] = {}
    sequences: list[str] = []
    for statement in split_statements(script):
        reader = Reader(statement.text)
        if reader.accept("CREATE", "TABLE"):
            parts = parse_create_table(statement.text)
            if part is not None and parts.name not in part["tables"]:
                continue
            tables[parts.name] = parts if part is None else without_others(parts, details)
        elif (reader.accept("CREATE", "SEQUENCE") or reader.accept("DO", "SETVAL")) and (
            part is None or _is_wanted(statement.text, part)
        ):
            sequences.append(statement.text)
    pointed = references(list(tables.values()))
    about = {item["name"]: item for item in details["tables"]}
    return {
        name: plan_structure(
            parts,
            int(about.get(name, {}).get("bytes", 0)),
            about.get(name, {}).get("auto_increment"),
            bool(about.get(name, {}).get("versioned")),
            pointed,
        )
        for name, parts in tables.items()
    }, sequences


def _is_wanted(statement: str, part: Mapping[str, Any]) -> bool:
    """Whether a statement about a sequence belongs to a part."""
    if not part["values"] and Reader(statement).accept("DO", "SETVAL"):
        return False
    return not part["chosen"] or any(quote_name(name) in statement for name in part["sequences"])
