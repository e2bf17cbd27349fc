# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a restored database can have a name, and what becomes of the one that has it. Private to this collection."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.connection import Access
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.instance import (
    INITIAL_DATABASES,
    Server,
    has_user_objects,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.occupants import (
    attached,
    irreplaceable,
    obstacles,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.shadow import is_shadow
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.swap import LONGEST_NAME
from ansible_collections.vya.backupdb.plugins.module_utils._engines.placement import REPLACE, SKIP, Placement
from ansible_collections.vya.backupdb.plugins.module_utils._engines.previous import previous_name
from ansible_collections.vya.backupdb.plugins.module_utils._errors import Occupied

if TYPE_CHECKING:
    from psycopg import Connection as Session

#: Below the first object identifier that anybody but initdb gets (FirstNormalObjectId).
_OF_INITDB = "SELECT FROM pg_catalog.pg_database WHERE datname = %s AND oid < 16384"


@dataclass
class Targets:
    """What was found out about names; :attr:`problems` forbid the restore.

    Args:
        databases: name in the set or the dump -> target name of those to restore.
        skipped: target names that exist and stay.
        replaced: target name -> what the database that has it will be called; empty where it is removed.
        emptied: those of them that are initdb's own databases, with nothing in them.
    """

    databases: dict[str, str] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)
    replaced: dict[str, str] = field(default_factory=dict)
    emptied: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


class Names:
    """Looks at the names of a server.

    Args:
        access: the way to the server.
        session: to its maintenance database.
        server: what it is.
        placement: what happens to what is there already.
        found: gets what is found out.
    """

    def __init__(
        self, access: Access, session: Session[Any], server: Server, placement: Placement, found: Targets
    ) -> None:
        self._access = access
        self._session = session
        self._server = server
        self._placement = placement
        self._found = found

    def consider(self, name: str, target: str, targets: Collection[str] = ()) -> None:
        """Find out whether a database can have a name.

        Args:
            name: in the set or the dump.
            target: the name to give it.
            targets: names that other databases of the run will have.
        """
        found = self._found
        if not target or len(target.encode("utf-8")) > LONGEST_NAME or "\0" in target or is_shadow(target):
            found.problems.append(f"{target!r} cannot be the name of a database: at most {LONGEST_NAME} bytes, no NUL.")
        elif target == "template0":
            found.problems.append("template0 belongs to the server and is never replaced: choose another name.")
        elif self._server.database(target) is None:
            found.databases[name] = target
        elif target in INITIAL_DATABASES and self._is_untouched(target):
            found.databases[name] = target
            found.replaced[target] = ""
            found.emptied.append(target)
            found.problems += self._obstacles(target)
        elif self._placement.if_exists == SKIP:
            found.skipped.append(target)
        elif self._placement.if_exists == REPLACE:
            found.databases[name] = target
            found.replaced[target] = self._previous(target, targets)
            found.problems += self._obstacles(target)
            found.problems += irreplaceable(self._session, self._server, target)
            found.warnings += attached(self._session, target)
        else:
            occupied = Occupied(
                f"The database {target!r} exists already and is left as it is: restore under another name, replace it"
                " (if_exists: replace), or skip existing ones (if_exists: skip)."
            )
            found.problems.append(str(occupied))

    def _obstacles(self, target: str) -> list[str]:
        return obstacles(self._session, target, self._access.backends, self._placement.disconnect)

    def _previous(self, target: str, targets: Collection[str]) -> str:
        placement = self._placement
        if placement.keep_previous == 0:
            return ""
        taken = {database.name for database in self._server.databases}
        taken.update(targets, self._found.replaced.values())
        return previous_name(target, placement.stamp, taken, LONGEST_NAME, True)

    def _is_untouched(self, name: str) -> bool:
        """Whether a database is as initdb made it: one that was restored is not, even if nothing is in it."""
        row = self._session.execute(_OF_INITDB, (name,)).fetchone()
        database = self._server.database(name)
        if row is None or database is None:
            return False
        if not database.properties["allow_connections"] or not database.properties["connectable"]:
            return False
        if name == self._session.info.dbname:
            return not has_user_objects(self._session)
        with self._access.session(name) as session:
            return not has_user_objects(session)
