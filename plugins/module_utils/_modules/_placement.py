# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What restores from sets and dumps have in common: names chosen, and what becomes of what has them. Private to this collection."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._engines.base import ALL, NONE, REFERENCED
from ansible_collections.vya.backupdb.plugins.module_utils._engines.part import (
    DATA,
    EVERYTHING,
    SCHEMA,
    Included,
    Part,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines.placement import (
    FAIL,
    REPLACE,
    SKIP,
    Placement,
    RestoredDatabase,
)
from ansible_collections.vya.backupdb.plugins.module_utils._errors import NoSuchDatabase, UsageError
from ansible_collections.vya.backupdb.plugins.module_utils._model import set_id_at
from ansible_collections.vya.backupdb.plugins.module_utils._modules._results import LIMIT, lines

#: Recorded name -> directory, or nothing.
TABLESPACES: Mapping[str, Any] = {"type": "dict", "default": {}}
#: The options; their documentation is that of the module ``restore``.
OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "databases": {"type": "list", "elements": "str", "default": ["*"]},
    "rename": {"type": "dict", "default": {}},
    "target": {"type": "str"},
    "roles": {"type": "str", "choices": [ALL, REFERENCED, NONE], "default": ALL},
    "if_exists": {"type": "str", "choices": [FAIL, REPLACE, SKIP], "default": FAIL},
    "keep_previous": {"type": "int", "default": 1},
    "disconnect": {"type": "bool", "default": False},
    "schemas": {"type": "list", "elements": "str", "default": []},
    "tables": {"type": "list", "elements": "str", "default": []},
    "content": {"type": "str", "choices": [EVERYTHING, SCHEMA, DATA], "default": EVERYTHING},
    "keep_failed": {"type": "bool", "default": False},
    "analyze": {"type": "bool", "default": True},
    "tablespaces": TABLESPACES,
    "create_tablespaces": {"type": "bool", "default": False},
}


def moment() -> str:
    """This moment, in the form of a set's id."""
    return set_id_at(datetime.now(timezone.utc))


def placement_from(params: Mapping[str, Any], stamp: str) -> Placement:
    """The placement that the parameters describe.

    Args:
        params: of the module.
        stamp: see `Placement`.

    Raises:
        UsageError: a number makes no sense.
    """
    if params["keep_previous"] < 0:
        raise UsageError(f"keep_previous is {params['keep_previous']}.", "give 0 or more")
    return Placement(params["if_exists"], params["keep_previous"], params["disconnect"], stamp, params["keep_failed"])


def tablespaces_from(params: Mapping[str, Any]) -> dict[str, str]:
    """Recorded name of a tablespace -> directory, or nothing.

    Raises:
        UsageError: a value is no directory; or the server has no tablespaces of that kind.
    """
    given: Mapping[str, Any] = params["tablespaces"]
    if given and params["engine"] != "postgresql":
        raise UsageError("Only tablespaces of PostgreSQL can be mapped.", "leave tablespaces out")
    wrong = sorted(str(name) for name, value in given.items() if value is not None and not isinstance(value, str))
    if wrong:
        raise UsageError(
            f"The tablespace {wrong[0]!r} is mapped to something that is no directory.",
            "give a path, or an empty text for the place where objects go by default",
        )
    return {str(name): value or "" for name, value in given.items()}


def part_from(params: Mapping[str, Any]) -> Part:
    """What of each database the parameters choose.

    Raises:
        UsageError: options contradict each other.
    """
    part = Part(tuple(params["schemas"]), tuple(params["tables"]), params["content"])
    if part.whole:
        return part
    if part.schemas and params["engine"] != "postgresql":
        raise UsageError("Only databases of PostgreSQL have schemas.", "choose with tables")
    if part.content == DATA and params["if_exists"] != FAIL:
        raise UsageError(
            f"content: data fills tables of a database that stays, so if_exists: {params['if_exists']} says nothing.",
            "leave one of the two out",
        )
    return part


def included(found: Mapping[str, Included], databases: Iterable[str]) -> list[dict[str, Any]]:
    """What parts of databases come to, for a result."""
    return [
        {
            "recorded": name,
            "tables": list(found[name].tables[:LIMIT]),
            "needed": list(found[name].needed[:LIMIT]),
            "left_out": list(found[name].left_out[:LIMIT]),
        }
        for name in sorted(databases)[:LIMIT]
        if name in found
    ]


def new_names(chosen: Sequence[str], rename: Mapping[str, Any], target: Optional[str] = None) -> dict[str, str]:
    """Name in the set or dump -> name to restore under, for chosen databases.

    Args:
        chosen: names in the set or dump.
        rename: new names of some of them.
        target: the new name of the only one.

    Raises:
        UsageError: a rename names a database that is not selected, two databases would get the same name, or there is
            not exactly one database for ``target``.
    """
    if target is not None:
        if rename:
            raise UsageError("Both target and rename are given.", "use target for one database, rename for several")
        if len(chosen) != 1:
            some = ", ".join(map(repr, chosen[:20])) or "none"
            raise UsageError(
                f"target is one name, and these databases are selected: {some}.",
                "select one with the option databases, or name each with rename",
            )
        rename = {chosen[0]: target}
    wrong = sorted(name for name in rename if name not in chosen)
    if wrong:
        raise NoSuchDatabase(
            f"rename names databases that are not selected: {', '.join(map(repr, wrong))}.",
            "name databases that are there and that the option databases selects",
        )
    result = {name: str(rename.get(name, name)) for name in chosen}
    for name, new in result.items():
        if not new:
            raise UsageError(
                f"{name!r} would get an empty name." if name else "The dump does not say what its database is called.",
                "give it a name with target",
            )
        sources = [other for other in result if result[other] == new]
        if len(sources) > 1:
            raise UsageError(
                f"{' and '.join(map(repr, sources))} would both be restored as {new!r}.",
                "give each database a name of its own",
            )
    return result


def select(names: Sequence[str], patterns: Sequence[str], where: str) -> list[str]:
    """The names that some names or shell patterns select, in the order of the names.

    Raises:
        UsageError: a pattern matches nothing. ``*`` may.
    """
    chosen = set()
    for pattern in patterns:
        found = [name for name in names if name == pattern or fnmatch.fnmatchcase(name, pattern)]
        if not found and pattern != "*":
            some = ", ".join(map(repr, names[:20])) + (", …" if len(names) > 20 else "")
            raise NoSuchDatabase(
                f"{pattern!r} matches no database of {where}.",
                f"choose among {some}" if names else "check that it holds databases at all",
            )
        chosen.update(found)
    return [name for name in names if name in chosen]


def planned(databases: Mapping[str, str], replaced: Mapping[str, str]) -> list[dict[str, Any]]:
    """What would be restored, for a result."""
    return [
        {"recorded": old, "name": new, "previous": replaced.get(new) or None}
        for old, new in sorted(databases.items())[:LIMIT]
    ]


def done(databases: Iterable[RestoredDatabase]) -> list[dict[str, Any]]:
    """What was restored, for a result."""
    return [
        {
            "recorded": item.recorded,
            "name": item.name,
            "previous": item.previous,
            "seconds": round(item.seconds, 3),
            **({} if item.counted is None else {"counted": item.counted}),
        }
        for item in list(databases)[:LIMIT]
    ]


def difference(
    address: str,
    databases: Mapping[str, str],
    replaced: Mapping[str, str],
    kept: Iterable[str],
    roles: Iterable[str],
    parts: Optional[Mapping[str, Included]] = None,
    rows_only: bool = False,
) -> dict[str, str]:
    """The diff of a restore.

    Args:
        address: of the server.
        databases: recorded name -> new name.
        replaced: new name -> what the one that has it is called then; empty where it is removed.
        kept: databases that stay.
        roles: what happens to them.
        parts: recorded name -> what of it comes, where that is not all.
        rows_only: the databases and their tables exist, and get rows.
    """
    there = [f"database {name}" for name in sorted({*kept, *replaced})]
    made = [f"database {new}" + (f" (from {old})" if old != new else "") for old, new in sorted(databases.items())]
    if rows_only:
        there, made = made, [f"{line}, with rows" for line in made]
    for old, part in sorted((parts or {}).items()):
        if old in databases:
            made += [f"{databases[old]}: {'rows of ' if rows_only else ''}table {name}" for name in part.tables]
            made += [f"{databases[old]}: {name}, which that needs" for name in part.needed]
            made += [f"{databases[old]}: without {text}" for text in part.left_out]
    moved = [f"database {old} (was {name})" for name, old in sorted(replaced.items()) if old]
    return {
        "before_header": address,
        "after_header": address,
        "before": lines(there),
        "after": lines([*(f"database {name}" for name in sorted(kept)), *moved, *roles, *made]),
    }
