# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The engine for MySQL and MariaDB. Private to this collection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Optional

from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql import (
    ask,
    backup,
    fencing,
    instructions,
    load_dump,
    load_dump_plan,
    load_dump_rows,
    parts,
    preflight,
    prove,
    rollback,
    rows_only,
    swap,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.connection import Server
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.instance import inspect
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.restore import Restore
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.users import (
    export_sql,
    masked,
    missing_objects,
    read_accounts,
    statements_of,
)
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
from ansible_collections.vya.backupdb.plugins.module_utils._engines.foreign import LoadOutcome, LoadPlan, LoadRequest
from ansible_collections.vya.backupdb.plugins.module_utils._engines.part import DATA
from ansible_collections.vya.backupdb.plugins.module_utils._engines.placement import RollbackPlan, RollbackRequest
from ansible_collections.vya.backupdb.plugins.module_utils._model import Connection, InstanceInfo, Manifest
from ansible_collections.vya.backupdb.plugins.module_utils._progress import Reporter
from ansible_collections.vya.backupdb.plugins.module_utils._proof.fence import Fence
from ansible_collections.vya.backupdb.plugins.module_utils._proof.model import Proof


class MysqlEngine(Engine):
    """MySQL and MariaDB: one engine; what differs is in ``_mysql/flavour.py``."""

    name = "mysql"

    def __init__(self, connection: Connection, reporter: Reporter) -> None:
        super().__init__(connection, reporter)
        self._opened: Optional[Server] = None

    @property
    def _server(self) -> Server:
        if self._opened is None:
            self._opened = Server(self.connection)
        return self._opened

    def inspect(self) -> InstanceInfo:
        """Connect and look; raises ConnectionFailed, MissingProgram."""
        return inspect(self._server)

    def plan_backup(self, request: BackupRequest) -> BackupPlan:
        """What a backup would do; raises UsageError for a pattern that matches nothing."""
        return backup.plan_backup(self._server, request)

    def backup(self, request: BackupRequest, plan: BackupPlan, writer: ArtefactWriter) -> BackupOutcome:
        """Dump the planned databases through the writer."""
        return backup.Backup(self._server, request, plan, writer, self.reporter).run()

    def export_roles(self) -> RolesExport:
        """Users, roles, memberships, grants and hashes."""
        flavour = self._server.flavour
        accounts, omissions = missing_objects(self._server, read_accounts(self._server))
        return RolesExport(
            export_sql(accounts, flavour).encode("utf-8"),
            {str(account.name): masked(statements_of(account, flavour)) for account in accounts},
            tuple(omissions),
        )

    def plan_restore(self, request: RestoreRequest, reader: ArtefactReader) -> RestorePlan:
        """What a restore would do, from the manifest, the accounts and the server alone."""
        if request.part.whole:
            return preflight.plan_restore(self._server, request, reader).plan
        chosen = parts.choose(reader, request)
        if request.part.content == DATA:
            return rows_only.plan(self._server, request, chosen)
        plan = preflight.plan_restore(self._server, request, chosen.reader).plan
        return replace(
            plan,
            problems=(*plan.problems, *chosen.problems),
            warnings=(*plan.warnings, *chosen.warnings),
            included=chosen.included,
        )

    def restore(self, request: RestoreRequest, plan: RestorePlan, reader: ArtefactReader) -> RestoreOutcome:
        """Restore as planned. No database ever has its final name before it is complete."""
        swap.recover(self._server, self.reporter)
        if not request.part.whole:
            chosen = parts.choose(reader, request)
            if request.part.content == DATA:
                return rows_only.fill(self._server, request, chosen, self.reporter)
            reader = chosen.reader
        found = preflight.again(self._server, request, plan, reader)
        return Restore(self._server, request, found, reader, self.reporter).run()

    def plan_load(self, request: LoadRequest) -> LoadPlan:
        """What loading dumps of other tools would do."""
        return load_dump_plan.plan_load(self._server, request)

    def load(self, request: LoadRequest, plan: LoadPlan) -> LoadOutcome:
        """Load as planned. No database ever has its final name before it is complete."""
        if request.part.content == DATA:
            return load_dump_rows.fill_tables(self._server, request, plan, self.reporter)
        return load_dump.Load(self._server, request, plan, self.reporter).run()

    def plan_release(self, recorded: Sequence[Fence]) -> ReleasePlan:
        """Which of the things that were on are off now."""
        return fencing.plan_release(self._server, recorded)

    def release(self, waiting: Sequence[Fence]) -> None:
        """Turn things on that wait."""
        fencing.release(self._server, waiting)

    def plan_rollback(self, request: RollbackRequest) -> RollbackPlan:
        """What giving databases back what they were before a restore would do."""
        return rollback.plan_rollback(self._server, request)

    def rollback(self, request: RollbackRequest, plan: RollbackPlan) -> None:
        """Exchange the databases as planned, one after the other, each wholly or not at all."""
        rollback.roll_back(self._server, request, plan, self.reporter)

    def prove(self, databases: Sequence[str], level: str, jobs: int = 1, instance: bool = True) -> Proof:
        """The proof of some databases, as the server is now; with its accounts if asked."""
        return prove.prove(self._server, databases, level, jobs, instance)

    def ask(self, database: str, statement: str, seconds: int) -> Sequence[Sequence[Optional[str]]]:
        """What a query returns in a database; it changes nothing."""
        return ask.ask(self._server, database, statement, seconds)

    def restore_instructions(self, manifest: Manifest) -> str:
        """The engine's part of RESTORE.md."""
        return instructions.instructions(manifest)

    def close(self) -> None:
        """Nothing stays open between calls."""
