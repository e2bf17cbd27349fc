# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is exchanged when a database takes another's name, as a journal keeps it. Private to this collection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.connection import (
    Server,
    Session,
    qualified,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.content import Content, tables_of
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.inbound import ForeignKey
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.programs import ROUTINES, Program
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.users import read_accounts


@dataclass(frozen=True)
class Exchange:
    """One database that takes another's name.

    Args:
        incoming: complete, under another name; it is gone afterwards.
        live: the name that it gets.
        previous: what the database that has the name now is called then; None where there is none, or an empty one.
    """

    incoming: str
    live: str
    previous: Optional[str] = None


@dataclass(frozen=True)
class Part:
    """An exchange with everything that is needed to do and to undo it.

    Args:
        exchange: what it is about.
        existed: whether there is a database of the live name.
        old: what that holds.
        kept: the same, as it is written under the previous one's name.
        brought: what the incoming database holds.
        new: the same, as it is written under the live name.
        foreign: foreign keys of other databases into the live one.
    """

    exchange: Exchange
    existed: bool
    old: Content
    kept: Content
    brought: Content
    new: Content
    foreign: Sequence[ForeignKey] = ()

    def moves(self) -> list[tuple[str, str]]:
        """Each table that moves, from where and to where, in the order in which it must be done."""
        found = []
        live = self.exchange.live
        if self.exchange.previous is not None:
            found += [(qualified(live, name), qualified(self.exchange.previous, name)) for name in self.old.tables]
        return found + [
            (qualified(self.exchange.incoming, name), qualified(live, name)) for name in self.brought.tables
        ]

    def to_json(self) -> dict[str, Any]:
        """For a journal."""
        return {
            "exchange": [self.exchange.incoming, self.exchange.live, self.exchange.previous],
            "existed": self.existed,
            "contents": [item.to_json() for item in (self.old, self.kept, self.brought, self.new)],
            "foreign": [list(item) for item in self.foreign],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Part:
        """The inverse."""
        return cls(
            Exchange(*data["exchange"]),
            bool(data["existed"]),
            *(Content.from_json(item) for item in data["contents"]),
            foreign=tuple(ForeignKey(*item) for item in data["foreign"]),
        )


def moved_of(session: Session, part: Part) -> list[bool]:
    """For each move of a part whether it was done."""
    exchange = part.exchange
    previous = set(tables_of(session, exchange.previous)) if exchange.previous else set()
    incoming = set(tables_of(session, exchange.incoming))
    done = [name in previous for name in part.old.tables] if exchange.previous else []
    return done + [name not in incoming for name in part.brought.tables]


def routine_grants(server: Server, parts: Sequence[Part]) -> list[tuple[str, bool]]:
    """Grants on routines of the live databases, which the server forgets when they are dropped.

    Returns:
        The statements, and whether the routine is there again afterwards.
    """
    routines = {part.exchange.live: [_routine(item) for item in part.old.programs] for part in parts}
    if not any(kind in ROUTINES for found in routines.values() for kind, _name in found):
        return []
    again = {part.exchange.live: [_routine(item) for item in part.new.programs] for part in parts}
    return [
        (grant.text, (grant.level, (grant.object or "").lower()) in again[grant.database])
        for account in read_accounts(server)
        for grant in account.grants
        if grant.level in ROUTINES and grant.database in routines
    ]


def _routine(program: Program) -> tuple[str, str]:
    return program.kind, program.name.lower()
