# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether, and how, a set can be restored to a server. Changes nothing. Private to this collection."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._codec import read_json
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql import archive
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.connection import Access
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.instance import (
    Server,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.locales import (
    missing_locale,
    version_here,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.names import Names, Targets
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.parts import Selection, select
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.properties import (
    DEFAULT_TABLESPACE,
    roles_named,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.roles import Roles
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.roles_referenced import referenced
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.rows_only import room_for_rows
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.staging import (
    free_bytes,
    has_room,
    room_for,
    way_to,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.tablespaces import (
    Spaces,
    plan_tablespaces,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.toc import read_entries
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.tools import (
    Tools,
    major_of,
    package,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines.base import (
    ALL,
    REFERENCED,
    ArtefactReader,
    RestoreRequest,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines.part import DATA
from ansible_collections.vya.backupdb.plugins.module_utils._errors import DamagedSet, MissingProgram, NoSuchDatabase
from ansible_collections.vya.backupdb.plugins.module_utils._model import Artefact, Database

if TYPE_CHECKING:
    from psycopg import Connection as Session

#: Room that a database needs on the target in relation to its recorded size; a restored one is smaller or equal.
_ROOM = 1.0
_TIMESCALEDB = "timescaledb"


@dataclass
class Findings(Targets):
    """What was found; :attr:`problems` forbid the restore.

    Args:
        roles: those that the restore brings.
        tools: the programs to restore with; None if there are none that could.
        parts: recorded name of each database -> what of it is restored; empty where it is all.
        tablespaces: what becomes of the recorded ones.
    """

    roles: Roles = field(default_factory=lambda: Roles(0))
    tools: Optional[Tools] = None
    parts: dict[str, Selection] = field(default_factory=dict)
    tablespaces: Spaces = field(default_factory=Spaces)


def recorded_settings(reader: ArtefactReader) -> Mapping[str, Any]:
    """The settings artefact of a set, which holds the roles as data too.

    Raises:
        DamagedSet: the set has none.
    """
    found = reader.manifest.artefact("settings")
    if found is None:
        raise DamagedSet("The set holds no settings, which every backup writes.", "restore another set")
    data = read_json(reader.path(found))
    if not isinstance(data, dict):
        raise DamagedSet("The settings of the set are malformed.", "restore another set")
    return data


def recorded_roles(settings: Mapping[str, Any]) -> Roles:
    """The roles in the settings of a set.

    Raises:
        DamagedSet: they are malformed.
    """
    try:
        return Roles.from_json(settings["roles"])
    except (KeyError, TypeError) as error:
        raise DamagedSet(f"The roles of the set are malformed: {error!r}.", "restore another set") from None


def artefact_of(reader: ArtefactReader, name: str) -> Artefact:
    """The archive of a database.

    Raises:
        DamagedSet: the set has none.
    """
    found = reader.manifest.artefact("database", name)
    if found is None or reader.manifest.database(name) is None:
        raise NoSuchDatabase(f"The set holds no database {name!r}.", "name a database that the set has")
    return found


class Preflight:
    """Looks at a set and a server.

    Args:
        access: the way to the server.
        session: to its maintenance database.
        server: what it is.
        request: what to restore.
        reader: the set.
    """

    def __init__(
        self,
        access: Access,
        session: Session[Any],
        server: Server,
        request: RestoreRequest,
        reader: ArtefactReader,
    ) -> None:
        self._access = access
        self._session = session
        self._server = server
        self._request = request
        self._reader = reader
        self._found = Findings()

    def run(self, recorded: Roles, existing: Roles) -> Findings:
        """Find out everything.

        Args:
            recorded: the roles of the set.
            existing: the roles of the server.
        """
        found = self._found
        if self._server.standby:
            found.problems.append("The server is a standby, which cannot be changed: restore to its primary.")
        names = Names(self._access, self._session, self._server, self._request.placement, found)
        for name, target in self._request.databases.items():
            self._recorded(name)
            if self._request.part.content == DATA:
                found.databases[name] = target
            else:
                names.consider(name, target, self._request.databases.values())
        if not self._request.part.whole:
            self._choose_parts()
        if self._request.part.content == DATA:
            return found
        databases = [self._recorded(name) for name in found.databases]
        source = major_of(self._reader.manifest.server_version)
        if source > self._server.major and databases:
            found.problems.append(
                f"The set is of PostgreSQL {source} and the server is {self._server.major}: a dump does not load into"
                f" an older version. Restore to PostgreSQL {source} or newer."
            )
        else:
            self._choose_tools()
        found.roles = self._roles_to_bring(recorded, databases)
        found.problems += self._privileges(databases)
        there = existing.names | found.roles.names
        if self._request.tablespaces or self._request.create_tablespaces:
            found.tablespaces = plan_tablespaces(
                self._session,
                self._access,
                self._server,
                recorded_settings(self._reader),
                self._request.tablespaces,
                self._request.create_tablespaces,
                there,
            )
            found.problems += found.tablespaces.problems
        for database in databases:
            found.problems += self._database_problems(database, there)
        found.problems += self._extensions(databases)
        found.problems += self._space(databases)
        return found

    def _choose_parts(self) -> None:
        found = self._found
        for name, target in found.databases.items():
            entries = read_entries(self._reader.path(artefact_of(self._reader, name)))
            chosen = found.parts[name] = select(name, entries, self._request.part)
            found.problems += chosen.problems
            found.warnings += [f"Left out of {target!r}: {text}." for text in chosen.included.left_out]
            if self._request.part.content == DATA and not chosen.problems:
                found.problems += room_for_rows(self._access, self._server, target, chosen)

    def _roles_to_bring(self, recorded: Roles, databases: Sequence[Database]) -> Roles:
        if self._request.roles == ALL:
            return recorded
        if self._request.roles != REFERENCED:
            return Roles(recorded.version)
        named = (roles_named(database.properties) | self._roles_in(database) for database in databases)
        return referenced(recorded, frozenset().union(*named))

    def _recorded(self, name: str) -> Database:
        artefact_of(self._reader, name)
        return next(database for database in self._reader.manifest.databases if database.name == name)

    def _choose_tools(self) -> None:
        found = self._found
        newest = 0
        for name in found.databases:
            artefact = artefact_of(self._reader, name)
            header = archive.read_header(self._reader.path(artefact))
            if header.oldest_reader is None:
                form = ".".join(str(number) for number in header.format)
                found.problems.append(
                    f"The dump of {name!r} has archive format {form}, written by pg_dump {header.program or '?'};"
                    " no pg_restore that this collection knows reads it."
                    f" Install {package(major_of(header.program))} and a newer version of this collection."
                )
                return
            newest = max(newest, header.oldest_reader, major_of(str(artefact.details.get("pg_dump", "0"))))
        try:
            found.tools = self._access.choose_tools(self._server.major, newest)
        except MissingProgram as error:
            found.problems.append(str(error))

    def _privileges(self, databases: Sequence[Database]) -> Iterator[str]:
        server = self._server
        if server.superuser:
            return
        if databases and not server.create_database:
            yield f"{server.user} may not create databases: use a superuser, or give it CREATEDB."
        if self._found.roles.roles and not server.create_role:
            yield f"{server.user} may not create roles: use a superuser, give it CREATEROLE, or restore without roles."
        self._found.warnings.append(
            f"{server.user} is not a superuser: whatever only a superuser may create or own makes the restore fail."
        )

    def _database_problems(self, database: Database, roles: frozenset[str]) -> Iterator[str]:
        properties = database.properties
        name = database.name
        missing = sorted((roles_named(properties) | self._roles_in(database)) - roles)
        missing = [role for role in missing if not role.startswith("pg_")]
        if missing:
            yield (
                f"Roles that the database {name!r} names do not exist: {', '.join(missing[:20])}."
                " Restore the roles too, or create them first."
            )
        known = self._session.execute("SELECT pg_catalog.pg_char_to_encoding(%s)", (properties["encoding"],)).fetchone()
        if known is None or known[0] < 0:
            yield f"The server does not know the encoding {properties['encoding']} of the database {name!r}."
        else:
            trouble = missing_locale(self._session, self._server.number, properties)
            if trouble is not None:
                yield f"The database {name!r} cannot be created: {trouble}"
            else:
                self._compare_collations(database)
        for tablespace in sorted(
            {properties.get("tablespace", DEFAULT_TABLESPACE), *self._details(database, "tablespaces")}
        ):
            if tablespace not in self._found.tablespaces.names and not self._has_tablespace(tablespace):
                yield (
                    f"The tablespace {tablespace!r} of the database {name!r} does not exist: say where to make it with"
                    f" tablespaces, or make a directory that belongs to the server's account, then CREATE TABLESPACE"
                    f" {tablespace} LOCATION '/that/directory'."
                )

    def _compare_collations(self, database: Database) -> None:
        recorded = artefact_of(self._reader, database.name).details.get("collation_version")
        here = version_here(self._session, database.properties)
        if recorded and here and recorded != here:
            self._found.warnings.append(
                f"Texts of the database {database.name!r} were sorted by version {recorded} of its collation's library and"
                f" are sorted by version {here} here. Indexes are built anew; look at partitions by ranges of texts, and"
                " at replicas and programs that rely on an order."
            )

    def _roles_in(self, database: Database) -> frozenset[str]:
        return frozenset(self._details(database, "roles"))

    def _details(self, database: Database, key: str) -> Sequence[Any]:
        return artefact_of(self._reader, database.name).details.get(key) or ()

    def _has_tablespace(self, name: str) -> bool:
        query = "SELECT FROM pg_catalog.pg_tablespace WHERE spcname = %s"
        return self._session.execute(query, (name,)).fetchone() is not None

    def _extensions(self, databases: Sequence[Database]) -> Iterator[str]:
        wanted: dict[tuple[str, str], list[str]] = {}
        for database in databases:
            part = self._found.parts.get(database.name)
            for name, version in self._details(database, "extensions"):
                if part is None or name in part.extensions:
                    wanted.setdefault((name, version), []).append(database.name)
        for (name, version), users in sorted(wanted.items()):
            query = "SELECT version FROM pg_catalog.pg_available_extension_versions WHERE name = %s ORDER BY 1"
            there = [row[0] for row in self._session.execute(query, (name,))]
            used_by = ", ".join(repr(user) for user in users[:5])
            if name == _TIMESCALEDB:
                yield (
                    f"{used_by} has the extension {name} {version}, whose data is only whole if its own functions are called"
                    " before and after a restore, which this collection does not do. Leave the database out and restore"
                    " it as the extension's documentation says, with pg_restore from the files of the set."
                )
            elif not there:
                yield (
                    f"The extension {name} {version}, used by {used_by}, is not installed on the server's host:"
                    f" install its package (on Debian: postgresql-{self._server.major}-{name.replace('_', '-')}, or"
                    f" postgresql-contrib)."
                )
            elif version not in there:
                self._found.warnings.append(
                    f"The extension {name} was {version} in {used_by}; the server's host has {', '.join(there)}."
                )

    def _space(self, databases: Sequence[Database]) -> Iterator[str]:
        needed = int(sum(database.size for database in databases) * _ROOM)
        directory = self._server.facts.get("data_directory")
        if self._access.is_local and directory and needed:
            where = self._access.container
            free = free_bytes(str(directory)) if where is None else where.free_bytes(str(directory))
            if free is not None and free < needed:
                yield (
                    f"The databases need about {needed >> 20} MiB and {directory} has {free >> 20} MiB free:"
                    " free space, or restore fewer databases."
                )
        largest = max((self._temporary_bytes(database) for database in databases), default=0)
        if largest and not has_room(largest):
            yield (
                f"pg_restore needs about {largest >> 20} MiB of temporary space, and {tempfile.gettempdir()} has less:"
                " free space, or set TMPDIR to a larger file system."
            )

    def _temporary_bytes(self, database: Database) -> int:
        if self._found.tools is None:
            return 0
        artefact = artefact_of(self._reader, database.name)
        way = way_to(self._reader.path(artefact), self._found.tools, self._access.account)
        return room_for(way, artefact, database)
