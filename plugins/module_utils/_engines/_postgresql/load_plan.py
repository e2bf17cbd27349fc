# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether, and how, dumps of other tools can be loaded into a server. Changes nothing. Private to this collection."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._dumps.detect import SQL
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql import roles_restore
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.connection import Access, psycopg_error
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.instance import Server
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.load_archive import (
    definitions,
    tools_for,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.load_database import (
    encoding_is_known,
    properties_of,
    translate_locale,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.load_parts import part_of_archive
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.load_roles import DumpedRoles
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.load_survey import (
    DumpedDatabase,
    Survey,
    Surveyor,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.locales import missing_locale
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.names import Names, Targets
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.roles import Roles
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.roles_referenced import referenced
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.rows_only import room_for_rows
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.tools import Tools, major_of
from ansible_collections.vya.backupdb.plugins.module_utils._engines.base import ALL, NONE, REFERENCED
from ansible_collections.vya.backupdb.plugins.module_utils._engines.foreign import DumpSource, LoadRequest
from ansible_collections.vya.backupdb.plugins.module_utils._engines.part import DATA, Included
from ansible_collections.vya.backupdb.plugins.module_utils._errors import BackupError, Interrupted
from ansible_collections.vya.backupdb.plugins.module_utils._model import Database
from ansible_collections.vya.backupdb.plugins.module_utils._sql.tokens import SqlError

if TYPE_CHECKING:
    from psycopg import Connection as Session

_SHOWN = 20
_PUBLIC_SCHEMA_CLOSED = 15
_ICU_DATABASES = 150000


@dataclass
class PlannedSource:
    """One dump, and what of it will be loaded.

    Args:
        source: the dump.
        survey: what it says.
        targets: what was found out about its databases' names.
        databases: key in the dump -> the database with its properties.
        tools: the programs for an archive.
    """

    source: DumpSource
    survey: Survey
    targets: Targets
    databases: dict[str, Database] = field(default_factory=dict)
    tools: Optional[Tools] = None


@dataclass
class Planned:
    """What a load would do.

    Args:
        sources: the dumps.
        roles: what would be done about roles.
        names: roles that exist then.
        included: key in the dump -> what the chosen part of it comes to, where that is not all.
    """

    sources: list[PlannedSource] = field(default_factory=list)
    roles: list[roles_restore.Change] = field(default_factory=list)
    names: frozenset[str] = frozenset()
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    included: dict[str, Included] = field(default_factory=dict)


class LoadPlanner:
    """Looks at dumps and a server.

    Args:
        access: the way to the server.
        session: to its maintenance database.
        server: what it is.
        request: what to load.
        existing: the roles of the server.
    """

    def __init__(
        self, access: Access, session: Session[Any], server: Server, request: LoadRequest, existing: Roles
    ) -> None:
        self._access = access
        self._session = session
        self._server = server
        self._request = request
        self._existing = existing
        self._planned = Planned()

    def run(self, surveys: Optional[Sequence[Survey]] = None) -> Planned:
        """Find out everything.

        Args:
            surveys: what the dumps say, if they have been read already.
        """
        planned = self._planned
        if self._server.standby:
            planned.problems.append("The server is a standby, which cannot be changed: restore to its primary.")
        targets = [name for source in self._request.sources for name in source.databases.values()]
        rows_only = self._request.part.content == DATA
        for number, source in enumerate(self._request.sources):
            self._source(source, targets, surveys[number] if surveys is not None else None)
        for item in planned.sources:
            self._parts(item)
        if rows_only:
            return planned
        recorded = self._roles()
        rows = self._session.execute("SELECT rolname FROM pg_catalog.pg_roles")
        planned.names = frozenset(row[0] for row in rows) | recorded.names
        planned.roles = roles_restore.changes(self._possible(recorded), self._existing)
        planned.problems += self._privileges()
        for item in planned.sources:
            for key in item.targets.databases:
                self._database(item, key)
        return planned

    # one dump

    def _source(self, source: DumpSource, targets: Sequence[str], survey: Optional[Survey]) -> None:
        planned, part = self._planned, source.part
        found = Targets()
        names = Names(self._access, self._session, self._server, self._request.placement, found)
        for name, target in source.databases.items():
            if self._request.part.content == DATA:
                found.databases[name] = target
            else:
                names.consider(name, target, targets)
        tools = None
        try:
            if part.kind != SQL:
                tools = tools_for(part, self._server, self._access)
            if survey is None:
                survey = self._survey(source, tools)
        except Interrupted:
            raise
        except BackupError as error:
            found.problems.append(f"{part.label}: {error}" if isinstance(error, SqlError) else str(error))
            survey = Survey({name: DumpedDatabase(name) for name in source.databases})
        planned.problems += [*found.problems, *survey.problems]
        planned.warnings += [*found.warnings, *survey.warnings, *self._versions(source, survey)]
        planned.sources.append(PlannedSource(source, survey, found, tools=tools))

    def _survey(self, source: DumpSource, tools: Optional[Tools]) -> Survey:
        part, inventory = source.part, source.inventory
        unnamed = (inventory.origin.database or "") if inventory is not None else ""
        wanted = self._request.part
        if tools is None:
            return Surveyor(part.label, source.databases, unnamed, wanted).read(part.chunks())
        if wanted.whole or not source.databases:
            return Surveyor(part.label, source.databases, unnamed).read(definitions(part, tools))
        (key,) = source.databases
        chosen, numbers = part_of_archive(part, key or source.databases[key], wanted)
        survey = Survey({key: DumpedDatabase(key)})
        if wanted.content != DATA:
            survey = Surveyor(part.label, source.databases, unnamed).read(definitions(part, tools, numbers))
        survey.parts[key] = chosen
        return survey

    def _parts(self, item: PlannedSource) -> None:
        """What is chosen of the databases of a dump, and whether there is room for rows alone."""
        planned = self._planned
        for key, target in item.targets.databases.items():
            chosen = item.survey.parts.get(key)
            if chosen is None:
                continue
            selection = chosen.selection
            planned.included[key] = selection.included
            planned.problems += selection.problems
            planned.warnings += [f"Left out of {target!r}: {text}." for text in selection.included.left_out]
            if self._request.part.content == DATA and not selection.problems:
                planned.problems += room_for_rows(self._access, self._server, target, selection)

    def _versions(self, source: DumpSource, survey: Survey) -> Iterator[str]:
        header = source.part.header
        version = header.server_version if header is not None else survey.origin.server_version
        major = major_of(version or "")
        if not major or not source.databases:
            return
        if major > self._server.major:
            yield (
                f"{source.part.label} is of PostgreSQL {major}, and the server is {self._server.major}: what only the newer"
                " version knows makes the restore fail."
            )
        elif major < _PUBLIC_SCHEMA_CLOSED <= self._server.major:
            yield (
                f"{source.part.label} is of PostgreSQL {major}, where everybody may create tables in the schema public."
                f" On {self._server.major} only its owner may: GRANT CREATE ON SCHEMA public where an application needs it."
            )

    # roles

    def _roles(self) -> Roles:
        """The roles to bring; says what is left out."""
        planned, wanted = self._planned, self._request.roles
        dumped = DumpedRoles(self._existing, self._moment)
        count = 0
        for item in planned.sources:
            dumped.see(item.survey.roles)
            count += len(item.survey.roles)
            texts = [f"line {line}: {head}" for line, head in dumped.unread]
            if texts and wanted != NONE:
                planned.warnings.append(
                    f"{item.source.part.label}: statements on roles that are not understood and left out:"
                    f" {'; '.join(texts[:_SHOWN])}."
                )
            dumped.unread.clear()
        recorded = dumped.result()
        if wanted == ALL:
            return recorded
        if wanted == REFERENCED:
            named = [
                name
                for item in planned.sources
                for key in item.targets.databases
                for name in (*item.survey.databases[key].roles, *item.survey.databases[key].settings_of)
            ]
            chosen = referenced(recorded, frozenset(named))
            left = sorted(recorded.names - chosen.names)
            if left:
                planned.warnings.append(f"Roles that no chosen database needs are left out: {_some(left)}.")
            return chosen
        if count:
            planned.warnings.append(
                f"{count} statements on roles are left out, about {_some(sorted(recorded.names)) or 'memberships'}:"
                " they are applied with roles: all, or roles: referenced."
            )
        return Roles(recorded.version)

    def _possible(self, recorded: Roles) -> Roles:
        """The roles without memberships that cannot be, as those in predefined roles of newer versions."""
        names = self._planned.names
        kept = [item for item in recorded.memberships if {item.role, item.member} <= names]
        left = [f"{item.role} to {item.member}" for item in recorded.memberships if item not in kept]
        if left:
            self._planned.warnings.append(f"Grants of roles that do not exist are left out: {_some(left)}.")
        return replace(recorded, memberships=kept)

    def _moment(self, text: str) -> Optional[str]:
        query = "SELECT %s::pg_catalog.timestamptz::text"
        try:
            row = self._session.execute(query, (text,)).fetchone()
        except psycopg_error():
            # It says so again, and better, when the role is made.
            return text
        return None if row is None else row[0]

    def _privileges(self) -> Iterator[str]:
        server = self._server
        if server.superuser:
            return
        if any(item.targets.databases for item in self._planned.sources) and not server.create_database:
            yield f"{server.user} may not create databases: use a superuser, or give it CREATEDB."
        if self._planned.roles and not server.create_role:
            yield f"{server.user} may not create roles: use a superuser, give it CREATEROLE, or restore without roles."
        self._planned.warnings.append(
            f"{server.user} is not a superuser: whatever only a superuser may create or own makes the restore fail."
        )

    # one database

    def _database(self, item: PlannedSource, key: str) -> None:
        found = item.survey.databases[key]
        label = item.source.part.label
        name = found.name or item.targets.databases[key]
        properties = self._properties(item, key)
        windows = translate_locale(properties, self._server)
        if windows is not None:
            self._planned.warnings.append(
                f"{label}: the database {name!r} sorts by {windows!r}, which only Windows has. It gets the server's own"
                f" {properties['lc_collate']!r}, and what is sorted by text may come in another order."
            )
        item.databases[key] = Database(key, 0, properties)
        self._planned.problems += self._missing(item, found, name, properties["tablespace"])
        self._planned.problems += self._creation(properties, name)
        absent = sorted(role for role in found.settings_of if role not in self._planned.names)
        if absent:
            self._planned.warnings.append(
                f"{label}: settings in the database {name!r} of roles that do not exist are left out: {_some(absent)}."
            )

    def _properties(self, item: PlannedSource, key: str) -> dict[str, Any]:
        """The properties; those of what is replaced where the dump says nothing about the database as a whole."""
        found, target = item.survey.databases[key], item.targets.databases[key]
        now = self._server.database(target)
        if now is None or (target not in item.targets.emptied and (found.create is not None or found.statements)):
            return properties_of(found, self._server)
        return properties_of(found, self._server, now.properties)

    def _missing(self, item: PlannedSource, found: DumpedDatabase, name: str, place: str) -> Iterator[str]:
        label = item.source.part.label
        absent = sorted(role for role in found.roles if role not in self._planned.names)
        if absent:
            where = f", first in line {min(found.roles[role] for role in absent)}" if item.tools is None else ""
            brought = {role.name for role in self._brought(item)} & set(absent)
            remedy = "Restore the roles too (roles: referenced, or all)" if brought else "Create them first"
            yield (
                f"{label}: roles that the database {name!r} names{where} do not exist: {_some(absent)}."
                f" {remedy}{'' if not brought or brought == set(absent) else ', and create the others'}."
            )
        for extension in sorted(found.extensions):
            query = "SELECT FROM pg_catalog.pg_available_extensions WHERE name = %s"
            if self._session.execute(query, (extension,)).fetchone() is None:
                yield (
                    f"{label}: the extension {extension}, which the database {name!r} creates, is not installed on the"
                    f" server's host: install its package (on Debian: postgresql-{self._server.major}-"
                    f"{extension.replace('_', '-')}, or postgresql-contrib)."
                )
        wanted = {*found.tablespaces, place}
        for tablespace in sorted(wanted):
            query = "SELECT FROM pg_catalog.pg_tablespace WHERE spcname = %s"
            if self._session.execute(query, (tablespace,)).fetchone() is None:
                yield (
                    f"{label}: the tablespace {tablespace!r}, which the database {name!r} uses, does not exist: make a"
                    f" directory that belongs to the server's account, then CREATE TABLESPACE {tablespace} LOCATION"
                    " '/that/directory'."
                )

    def _brought(self, item: PlannedSource) -> Sequence[Any]:
        dumped = DumpedRoles(self._existing, lambda text: text)
        dumped.see(item.survey.roles)
        return dumped.result().roles

    def _creation(self, properties: dict[str, Any], name: str) -> Iterator[str]:
        if not encoding_is_known(self._session, properties["encoding"]):
            yield f"The server does not know the encoding {properties['encoding']} of the database {name!r}."
        elif properties["locale_provider"] == "icu" and self._server.number < _ICU_DATABASES:
            yield (
                f"The database {name!r} sorts by ICU, which databases before PostgreSQL 15 cannot: restore to a newer"
                " version."
            )
        else:
            trouble = missing_locale(self._session, self._server.number, properties)
            if trouble is not None:
                yield f"The database {name!r} cannot be created: {trouble}"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
