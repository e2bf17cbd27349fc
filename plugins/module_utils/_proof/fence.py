# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What of a rebuilt server must not work beside the lost one. Private to this collection.

Nothing is noted anywhere when a rebuild fences something: what the proof of the set says was on, and is off now, waits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Optional

from ansible_collections.vya.backupdb.plugins.module_utils._proof.model import Proof, ProofObject

#: Kinds of what can be fenced.
EVENT = "event"
SUBSCRIPTION = "subscription"
CONNECTIONS = "connections"

_NOBODY = "0"


@dataclass(frozen=True)
class Fence:
    """Something that was on when the set was made.

    Args:
        kind: ``event``, ``subscription`` or ``connections``.
        name: as the proof calls it; empty for the connections of a database.
        database: its name now; None for an account, which belongs to the whole server.
        value: what it is to be set to, where it is not just turned on.
    """

    kind: str
    name: str
    database: Optional[str] = None
    value: Optional[str] = None

    def __str__(self) -> str:
        if self.database is None:
            return f"{self.kind} of {self.name}"
        if not self.name:
            return f"{self.kind} to database {self.database}"
        return f"{self.kind} {self.name} of {self.database}"


def recorded_as_on(proof: Proof, databases: Mapping[str, str], kinds: Sequence[str]) -> list[Fence]:
    """Everything that a rebuild may have fenced.

    Args:
        proof: of the set.
        databases: recorded name -> name now, of the databases to look at.
        kinds: of what.
    """
    found = [Fence(CONNECTIONS, item.name) for item in proof.instance if _lets_in(item)]
    for recorded, name in databases.items():
        for item in proof.databases.get(recorded, ()):
            if item.kind == EVENT and item.attributes.get("status") == "ENABLED":
                found.append(Fence(EVENT, item.name, name))
            elif item.kind == SUBSCRIPTION and item.attributes.get("enabled") == "yes":
                found.append(Fence(SUBSCRIPTION, item.name, name))
            elif item.kind == "database" and item.attributes.get("connection limit", _NOBODY) != _NOBODY:
                found.append(Fence(CONNECTIONS, "", name, item.attributes["connection limit"]))
    return [item for item in found if item.kind in kinds]


def _lets_in(item: ProofObject) -> bool:
    return item.kind == "user" and item.attributes.get("locked") == "no"
