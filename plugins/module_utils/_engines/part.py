# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Parts of databases: what of them is chosen. Part of the protocol of engines. Private to this collection."""

from __future__ import annotations

import fnmatch
from collections.abc import Collection, Sequence
from dataclasses import dataclass

#: What of the chosen tables is restored.
EVERYTHING = "all"
SCHEMA = "schema"
DATA = "data"

_TOLD = 20


@dataclass(frozen=True)
class Part:
    """What of each database is restored.

    Args:
        schemas: names or shell patterns; only of PostgreSQL.
        tables: names or shell patterns. Tables are chosen that one of the two selects; all where neither is given.
        content: ``all``, ``schema`` (everything but rows) or ``data`` (rows into empty tables that exist).
    """

    schemas: Sequence[str] = ()
    tables: Sequence[str] = ()
    content: str = EVERYTHING

    @property
    def chosen(self) -> bool:
        """Whether only some tables or schemas are meant."""
        return bool(self.schemas or self.tables)

    @property
    def whole(self) -> bool:
        """Whether databases are restored as they were."""
        return not self.chosen and self.content == EVERYTHING


@dataclass(frozen=True)
class Included:
    """What a part of one database comes to.

    Args:
        tables: those that were chosen.
        needed: what is taken as well because something chosen depends on it.
        left_out: what belongs to something chosen and cannot come with it, each with the reason.
    """

    tables: Sequence[str] = ()
    needed: Sequence[str] = ()
    left_out: Sequence[str] = ()


def matches(pattern: str, name: str) -> bool:
    """Whether a name, or a shell pattern, means a name."""
    return name == pattern or fnmatch.fnmatchcase(name, pattern)


def unmatched(database: str, what: str, pattern: str, there: Collection[str], where: str = "set") -> str:
    """The problem with a pattern that matches nothing.

    Args:
        database: recorded name.
        what: ``table`` or ``schema``.
        pattern: as given.
        there: what could be chosen.
        where: what the database is in: a set, or a dump.
    """
    names = sorted(there)
    some = ", ".join(map(repr, names[:_TOLD])) + (", …" if len(names) > _TOLD else "")
    remedy = f"Choose among {some}." if names else "It has none: choose another database, or do not choose."
    return f"{pattern!r} matches no {what} of the database {database!r} in the {where}. {remedy}"
