# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The engine of PostgreSQL. Private to this collection.

What it is made of is in the package ``_postgresql``; this file puts the parts together. What only some of the methods
need is imported by them: reading it all takes longer than a small task.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql import instance, roles_restore, staging
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql import roles as roles_of
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.connection import (
    PLAIN_SETTINGS,
    Access,
    explained,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.dump import (
    Dumped,
    Dumper,
    Settings,
    prove_database,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.instructions import restore_instructions
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.proof_instance import instance_objects
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.settings import (
    read_settings,
    read_tablespaces,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.shadow import (
    Shadows,
    drop,
    is_shadow,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.tools import (
    zstd_program,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.workers import Task, Team
from ansible_collections.vya.backupdb.plugins.module_utils._engines.base import (
    ArtefactReader,
    ArtefactWriter,
    BackupOutcome,
    BackupPlan,
    BackupRequest,
    Engine,
    RestoreOutcome,
    RestorePlan,
    RestoreRequest,
    RolesExport,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines.fencing import ReleasePlan
from ansible_collections.vya.backupdb.plugins.module_utils._engines.foreign import (
    CONTINUE,
    LoadOutcome,
    LoadPlan,
    LoadRequest,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines.part import DATA
from ansible_collections.vya.backupdb.plugins.module_utils._engines.placement import RollbackPlan, RollbackRequest
from ansible_collections.vya.backupdb.plugins.module_utils._errors import Impossible, MissingProgram, NoSuchDatabase
from ansible_collections.vya.backupdb.plugins.module_utils._model import Connection, Database, InstanceInfo, Manifest
from ansible_collections.vya.backupdb.plugins.module_utils._progress import Reporter
from ansible_collections.vya.backupdb.plugins.module_utils._proof.fence import Fence
from ansible_collections.vya.backupdb.plugins.module_utils._proof.model import CONTENT, Proof, ProofObject

if TYPE_CHECKING:
    from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.load_plan import Planned
    from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.load_survey import Survey
    from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.preflight import Findings
    from psycopg import Connection as Session

#: A dump in a set in relation to the database on disk, estimated with care: compressed text without indexes.
_STORED = 0.5
_SMALLEST_STORED = 64 << 10


class PostgresqlEngine(Engine):
    """PostgreSQL 12 and newer."""

    name = "postgresql"

    def __init__(self, connection: Connection, reporter: Reporter) -> None:
        super().__init__(connection, reporter)
        self._access = Access(connection)
        self._lasting: Optional[Session[Any]] = None
        self._server: Optional[instance.Server] = None
        self._surveyed: Optional[tuple[LoadRequest, list[Survey]]] = None

    # looking

    def inspect(self) -> InstanceInfo:
        """Connect and look."""
        server = self._look(again=True)
        return self._info(server)

    def _session(self) -> Session[Any]:
        """A session to the maintenance database that stays open between calls."""
        if self._lasting is None or self._lasting.closed:
            self._lasting = self._access.open()
        return self._lasting

    def _look(self, again: bool = False) -> instance.Server:
        if self._server is None or again:
            with self._access.session(settings=PLAIN_SETTINGS) as session, explained("looking at the server"):
                self._server = instance.look(session)
        return self._server

    def _info(self, server: instance.Server) -> InstanceInfo:
        tools = {"psycopg": str(server.facts["driver"])}
        with contextlib.suppress(MissingProgram):
            chosen = self._access.choose_tools(server.major)
            tools.update(pg_dump=chosen.version, pg_restore=chosen.version)
        there = self._access.installed_tools
        if "pg_dump" not in tools and there:
            tools.update(pg_dump=there[-1].version, pg_restore=there[-1].version)
        with contextlib.suppress(MissingProgram):
            tools["zstd"] = zstd_program()[1]
        return InstanceInfo(
            engine=self.name,
            flavour=self.name,
            version=server.version,
            version_number=(server.number // 10000, server.number % 10000, 0),
            address=self._access.address,
            user=server.user,
            databases=[database for database in server.databases if not is_shadow(database.name)],
            tools=tools,
            missing_privileges=instance.general_privileges(server),
            facts={**server.facts, "superuser": server.bootstrap, "standby": server.standby},
        )

    # backup

    def plan_backup(self, request: BackupRequest) -> BackupPlan:
        """What a backup would do."""
        server = self._look(again=True)
        initial = frozenset() if self._template1_is_used(server) else frozenset({instance.TEMPLATE1})
        there = [database for database in server.databases if not is_shadow(database.name)]
        chosen = instance.select(there, request.databases, request.exclude_databases, initial)
        problems, warnings = [], []
        if not chosen:
            raise NoSuchDatabase("No database is left to back up.", "correct databases and exclude_databases")
        for program in (functools.partial(self._access.choose_tools, server.major), zstd_program):
            try:
                program()
            except MissingProgram as error:
                problems.append(str(error))
        for database in chosen:
            found = instance.readability(self._access, server, database)
            problems += found.problems
            warnings += found.warnings
        if not server.read_hashes:
            warnings.append(_no_hashes(server))
        return BackupPlan(
            info=self._info(server),
            databases=chosen,
            problems=problems,
            warnings=warnings,
            estimated_bytes=self._estimate(server, chosen, request.jobs),
        )

    def _template1_is_used(self, server: instance.Server) -> bool:
        database = server.database(instance.TEMPLATE1)
        if database is None or not database.properties["allow_connections"] or not database.properties["connectable"]:
            return False
        with self._access.session(instance.TEMPLATE1) as session, explained("looking at template1"):
            return instance.has_user_objects(session)

    def _estimate(self, server: instance.Server, databases: Sequence[Database], jobs: int) -> int:
        stored = sum(max(_SMALLEST_STORED, int(database.size * _STORED)) for database in databases)
        with contextlib.suppress(MissingProgram):
            if not self._access.choose_tools(server.major).zstd:
                # Written plain and compressed then: the databases at work lie there both ways for a moment.
                stored += int(sum(database.size for database in databases[:jobs]) * (1 - _STORED))
        return stored

    def backup(self, request: BackupRequest, plan: BackupPlan, writer: ArtefactWriter) -> BackupOutcome:
        """Dump the planned databases."""
        server = self._look()
        tools = self._access.choose_tools(server.major)
        self.reporter.phase("roles and settings")
        snapshot_at = datetime.now(timezone.utc)
        with explained("reading roles and settings"):
            roles = roles_of.read_roles(self._session(), server.number, server.read_hashes)
            with self._access.session(settings={}) as session:
                settings, omissions = read_settings(session, server.number)
            settings["roles"] = roles.to_json()
        if not server.read_hashes:
            omissions.append(_no_hashes(server))
        self.reporter.phase("dump")
        team = Team(request.jobs, self._access)
        level = Settings(tools, server.number, request.compression_level, request.proof_level == CONTENT)
        total = sum(database.size for database in plan.databases)
        with Dumper(self._access, team, writer, self.reporter, level) as dumper:
            tasks: list[Task[Dumped]] = [
                Task(database.size, functools.partial(dumper.dump, database)) for database in plan.databases
            ]
            dumped = team.run(tasks, lambda: self.reporter.progress("dumping databases", dumper.written, total))
        self.reporter.phase("")
        return BackupOutcome(
            snapshot_at=min([item.snapshot_at for item in dumped], default=snapshot_at),
            databases=[item.database for item in dumped],
            roles_sql=roles_of.script(roles),
            settings=settings,
            proof=Proof(
                engine=self.name,
                flavour=self.name,
                server_version=server.version,
                level=request.proof_level,
                instance=tuple(instance_objects(roles, settings["tablespaces"])),
                databases={item.database.name: item.proof for item in dumped},
            ),
            omissions=[*omissions, *(text for item in dumped for text in item.omissions)],
            details={"facts": dict(server.facts), "superuser": server.bootstrap},
        )

    def export_roles(self) -> RolesExport:
        """Roles, memberships, grants on parameters and password verifiers."""
        server = self._look()
        with explained("reading roles"):
            roles = roles_of.read_roles(self._session(), server.number, server.read_hashes)
        omissions = [] if server.read_hashes else [_no_hashes(server)]
        return RolesExport(roles_of.script(roles), roles_of.masked(roles), omissions)

    # restore

    def plan_restore(self, request: RestoreRequest, reader: ArtefactReader) -> RestorePlan:
        """What a restore would do."""
        from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.fencing import fence_problems
        from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.preflight import (
            recorded_roles,
            recorded_settings,
        )

        server = self._look(again=True)
        recorded = recorded_roles(recorded_settings(reader))
        with explained("looking at the server"):
            existing = roles_of.read_roles(self._session(), server.number, server.read_hashes)
            found = self._preflight(request, reader, server, recorded, existing)
        planned = roles_restore.changes(found.roles, existing)
        return RestorePlan(
            info=self._info(server),
            databases=found.databases,
            replaced=found.replaced,
            skipped=found.skipped,
            roles=roles_restore.texts(planned),
            problems=[*found.problems, *fence_problems(request.fence, server.superuser, server.user)],
            warnings=found.warnings,
            included={name: part.included for name, part in found.parts.items()},
            tablespaces=[str(item) for item in found.tablespaces.wanted],
        )

    def _preflight(
        self,
        request: RestoreRequest,
        reader: ArtefactReader,
        server: instance.Server,
        recorded: roles_of.Roles,
        existing: roles_of.Roles,
    ) -> Findings:
        from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.preflight import Preflight

        return Preflight(self._access, self._session(), server, request, reader).run(recorded, existing)

    def restore(self, request: RestoreRequest, plan: RestorePlan, reader: ArtefactReader) -> RestoreOutcome:
        """Restore as planned."""
        from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.preflight import (
            recorded_roles,
            recorded_settings,
        )
        from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.restore import Loader
        from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.rows_only import RowsOnly, fill
        from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.run_restore import RestoreRun
        from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.tablespaces import (
            make_tablespaces,
        )

        server = self._look(again=True)
        recorded = recorded_roles(recorded_settings(reader))
        done: list[str] = []
        with explained("restoring roles"):
            session = self._session()
            self._sweep(session, server)
            existing = roles_of.read_roles(session, server.number, server.read_hashes)
            found = self._preflight(request, reader, server, recorded, existing)
            _refuse("restore", found.problems)
            planned = roles_restore.changes(found.roles, existing)
            if planned:
                self.reporter.phase("roles")
                roles_restore.apply(session, planned, server.superuser)
                self.reporter.changed = True
                done = roles_restore.texts(planned)
            if found.tablespaces.wanted:
                make_tablespaces(session, self._access, server, found.tablespaces.wanted)
                self.reporter.changed = True
        self.close()
        databases = {name: plan.databases[name] for name in found.databases if name in plan.databases}
        if request.part.content == DATA:
            filled = [
                fill(
                    self._access,
                    self.reporter,
                    server,
                    RowsOnly(reader, name, databases[name], found.parts[name]),
                    request,
                )
                for name in databases
            ]
            self.reporter.phase("")
            return RestoreOutcome(filled, done)
        if not databases or found.tools is None:
            self.reporter.phase("")
            return RestoreOutcome((), done)
        roles = existing.names | found.roles.names
        team = Team(request.jobs, self._access)
        loader = Loader(
            self._access, team, self.reporter, server, found.tools, request.analyze, roles, found.tablespaces.left_out
        )
        run = RestoreRun(self._access, self.reporter, server, loader, team, request.placement, request.fence)
        restored = run.restore(reader, databases, found.emptied, found.parts)
        self.reporter.phase("")
        return RestoreOutcome(restored, done)

    def _sweep(self, session: Session[Any], server: instance.Server) -> None:
        for path in staging.sweep():
            self.reporter.warn(f"Removed {path}, temporary files of a run that died.")
        for name in Shadows.leftovers(session, [database.name for database in server.databases]):
            drop(self._access, session, name, server.number)
            self.reporter.warn(f"Removed {name}, the unfinished restore of a run that died.")

    # dumps of other tools

    def plan_load(self, request: LoadRequest) -> LoadPlan:
        """What loading dumps of other tools would do."""
        planned = self._plan_load(request)
        targets = [item.targets for item in planned.sources]
        return LoadPlan(
            info=self._info(self._look()),
            databases=[found.databases for found in targets],
            replaced={name: previous for found in targets for name, previous in found.replaced.items()},
            skipped=[name for found in targets for name in found.skipped],
            roles=roles_restore.texts(planned.roles),
            problems=planned.problems,
            warnings=planned.warnings,
            included=planned.included,
        )

    def _plan_load(self, request: LoadRequest) -> Planned:
        from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.load_plan import LoadPlanner

        server = self._look(again=True)
        known = self._surveyed[1] if self._surveyed is not None and self._surveyed[0] is request else None
        with explained("looking at the server"):
            existing = roles_of.read_roles(self._session(), server.number, server.read_hashes)
            planned = LoadPlanner(self._access, self._session(), server, request, existing).run(known)
        # Reading a dump takes long: once is enough for a request.
        self._surveyed = (request, [item.survey for item in planned.sources])
        return planned

    def load(self, request: LoadRequest, plan: LoadPlan) -> LoadOutcome:
        """Load as planned."""
        from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.load_errors import Errors
        from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.load_rows import fill_tables
        from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.load_run import LoadRun
        from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.restore import Builder

        with explained("looking at the server"):
            self._sweep(self._session(), self._look(again=True))
        planned = self._plan_load(request)
        server = self._look()
        if planned.problems:
            raise Impossible(
                "The restore is not possible any more; nothing was changed:",
                "solve each of these, then run again",
                planned.problems,
            )
        if planned.roles:
            self.reporter.phase("roles")
            roles_restore.apply(self._session(), planned.roles, server.superuser)
            self.reporter.changed = True
        self.close()
        roles = roles_restore.texts(planned.roles)
        team = Team(request.jobs, self._access)
        builder = Builder(self._access, team, self.reporter, server, request.analyze, planned.names)
        errors = Errors(request.error_limit, request.on_error == CONTINUE)
        if request.part.content == DATA:
            filled = fill_tables(self._access, self.reporter, server, team, errors, planned.sources, request.analyze)
            self.reporter.phase("")
            return LoadOutcome(filled, roles, errors.found, errors.count)
        run = LoadRun(self._access, self.reporter, server, builder, team, errors, planned.names, request.placement)
        for item, chosen in zip(planned.sources, plan.databases):
            item.targets.databases = {key: name for key, name in item.targets.databases.items() if key in chosen}
        restored = run.load([item for item in planned.sources if item.targets.databases])
        self.reporter.phase("")
        return LoadOutcome(restored, roles, errors.found, errors.count)

    # rollback

    def plan_release(self, recorded: Sequence[Fence]) -> ReleasePlan:
        """Which of the things that were on are off now."""
        from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.fencing import plan_release

        server = self._look(again=True)
        with explained("looking at what waits for its release"):
            return plan_release(self._access, self._session(), self._info(server), recorded)

    def release(self, waiting: Sequence[Fence]) -> None:
        """Turn things on that wait."""
        from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.fencing import release

        release(self._access, waiting)

    def plan_rollback(self, request: RollbackRequest) -> RollbackPlan:
        """What giving databases back what they were would do."""
        from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.rollback import RollbackPlanner

        server = self._look(again=True)
        with explained("looking at the server"):
            steps, problems = RollbackPlanner(self._access, self._session(), server, request).find()
        return RollbackPlan(self._info(server), steps, problems)

    def rollback(self, request: RollbackRequest, plan: RollbackPlan) -> None:
        """Exchange the databases as planned; it takes as long as renaming does, whatever their size."""
        from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.rollback import (
            RollbackPlanner,
            roll_back,
        )

        server = self._look(again=True)
        with explained("looking at the server"):
            self._sweep(self._session(), server)
            _steps, problems = RollbackPlanner(self._access, self._session(), server, request).find()
        _refuse("rollback", problems)
        self.close()
        self.reporter.phase("names")
        roll_back(self._access, self.reporter, request, plan)
        self.reporter.phase("")

    # proof

    def prove(self, databases: Sequence[str], level: str, jobs: int = 1, instance: bool = True) -> Proof:
        """The proof of some databases as the server is now."""
        server = self._look(again=True)
        objects: Sequence[ProofObject] = ()
        if instance:
            with explained("reading roles"):
                roles = roles_of.read_roles(self._session(), server.number, server.read_hashes)
                objects = tuple(instance_objects(roles, read_tablespaces(self._session())))
        chosen = []
        for name in databases:
            database = server.database(name)
            if database is None:
                raise NoSuchDatabase(f"There is no database {name!r} on the server.", "correct the name")
            chosen.append(database)
        team = Team(jobs, self._access)
        work = functools.partial(prove_database, self._access, team, server.number, level == CONTENT)
        tasks = [Task(database.size, functools.partial(work, database)) for database in chosen]
        proven = team.run(tasks)
        return Proof(
            engine=self.name,
            flavour=self.name,
            server_version=server.version,
            level=level,
            instance=objects,
            databases={database.name: items for database, items in zip(chosen, proven)},
        )

    def ask(self, database: str, statement: str, seconds: int) -> Sequence[Sequence[Optional[str]]]:
        """What a query returns in a database; it changes nothing."""
        from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.ask import ask

        return ask(self._access, database, statement, seconds)

    def restore_instructions(self, manifest: Manifest) -> str:
        """The engine's part of RESTORE.md."""
        return restore_instructions(manifest)

    def close(self) -> None:
        """Close what is open."""
        self._lasting = None
        self._access.close()


def _refuse(what: str, problems: Sequence[str]) -> None:
    """Fail if anything forbids what was planned, by now."""
    if problems:
        raise Impossible(
            f"The {what} is not possible any more; no database was changed:",
            "solve each of these, then run again",
            problems,
        )


def _no_hashes(server: instance.Server) -> str:
    return (
        f"The password hashes of roles are not in the backup: {server.user} cannot read pg_authid. After a rebuild the"
        " passwords have to be set again."
    )
