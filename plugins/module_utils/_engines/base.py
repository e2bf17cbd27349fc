# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an engine is: the protocol between the modules and PostgreSQL, MySQL or MariaDB. Private to this collection.

An engine knows its server and the server's own programs. It knows neither Ansible nor the repository: where to write
it is told by the writer, what it reads comes from the reader.
"""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Optional, Protocol

from ansible_collections.vya.backupdb.plugins.module_utils._engines.fencing import ReleasePlan
from ansible_collections.vya.backupdb.plugins.module_utils._engines.foreign import (
    LoadOutcome,
    LoadPlan,
    LoadRequest,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines.part import Included, Part
from ansible_collections.vya.backupdb.plugins.module_utils._engines.placement import (
    Placement,
    RestoredDatabase,
    RollbackPlan,
    RollbackRequest,
)
from ansible_collections.vya.backupdb.plugins.module_utils._model import (
    Artefact,
    Connection,
    Database,
    InstanceInfo,
    Manifest,
)
from ansible_collections.vya.backupdb.plugins.module_utils._process import Command
from ansible_collections.vya.backupdb.plugins.module_utils._progress import Reporter
from ansible_collections.vya.backupdb.plugins.module_utils._proof.fence import Fence
from ansible_collections.vya.backupdb.plugins.module_utils._proof.model import COUNTS, Proof


class ArtefactWriter(Protocol):
    """Where an engine puts what it makes. Safe to use from several threads."""

    def create_directory(self, kind: str, name: str) -> str:
        """Make an empty directory for an artefact; returns its absolute path."""

    def create_file(self, kind: str, name: str, suffix: str) -> str:
        """Make an empty file, mode 0600, for an artefact; returns its absolute path."""

    @property
    def filters(self) -> list[Command]:
        """Programs that what goes into such a file has to pass, after its compressor."""

    def finish(
        self,
        kind: str,
        name: str,
        format: str,
        codec: str,
        details: Optional[Mapping[str, Any]] = None,
        hashed: Optional[tuple[int, str]] = None,
    ) -> Artefact:
        """Declare an artefact complete: its files are measured, hashed (unless they were) and synced."""


class ArtefactReader(Protocol):
    """Where an engine reads a set from."""

    @property
    def manifest(self) -> Manifest:
        """What the set holds."""

    def path(self, artefact: Artefact) -> str:
        """Absolute path of an artefact, where it can be read; one that is encrypted is decrypted."""

    def stored(self, artefact: Artefact) -> str:
        """Absolute path of an artefact as it lies in the set."""

    def filters(self, artefact: Artefact) -> list[Command]:
        """Programs that what is stored has to pass before it can be read."""

    def verify(self, artefact: Artefact) -> None:
        """Make sure that every file of an artefact is there, with its size and SHA-256; raises DamagedSet."""


@dataclass(frozen=True)
class BackupRequest:
    """What to back up, and how.

    Args:
        databases: names or shell patterns (``*``, ``?``, ``[…]``); one that matches nothing is an error.
        exclude_databases: names or patterns to leave out.
        jobs: how much runs at a time, over all databases.
        compression_level: of zstd.
        proof_level: ``counts`` or ``content``.
    """

    databases: Sequence[str] = ("*",)
    exclude_databases: Sequence[str] = ()
    jobs: int = 1
    compression_level: int = 3
    proof_level: str = COUNTS


@dataclass(frozen=True)
class BackupPlan:
    """What a backup would do; reading it changes nothing.

    Args:
        info: the server.
        databases: the selected databases, biggest first.
        problems: what forbids the backup, each a sentence with its remedy.
        warnings: what the operator should know.
        estimated_bytes: a careful upper estimate of the room that the set needs.
    """

    info: InstanceInfo
    databases: Sequence[Database]
    problems: Sequence[str] = ()
    warnings: Sequence[str] = ()
    estimated_bytes: int = 0


@dataclass(frozen=True)
class BackupOutcome:
    """What a backup left beside the database artefacts, which the engine has finished through the writer.

    Args:
        snapshot_at: the moment that the data is of.
        databases: every database in the set, with its properties.
        roles_sql: roles or users, memberships, grants and hashes as idempotent SQL (UTF-8).
        settings: non-default server settings, HBA rules, plugins, extensions, as JSON.
        proof: computed under the snapshot of the data.
        omissions: what was knowingly left out.
        details: facts of the whole instance that a restore needs.
    """

    snapshot_at: datetime
    databases: Sequence[Database]
    roles_sql: bytes
    settings: Mapping[str, Any]
    proof: Proof
    omissions: Sequence[str] = ()
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class RolesExport:
    """Roles or users of a server.

    Args:
        sql: idempotent SQL, with hashes.
        masked: name of each role -> its statements with every hash masked, for diffs.
        omissions: what could not be read.
    """

    sql: bytes
    masked: Mapping[str, str]
    omissions: Sequence[str] = ()


#: Which roles a restore brings.
ALL = "all"
REFERENCED = "referenced"
NONE = "none"


@dataclass(frozen=True)
class RestoreRequest:
    """What to restore, and how.

    Args:
        databases: recorded name -> name to restore it under.
        roles: ``all``, ``referenced`` (those that the databases need) or ``none``.
        placement: what happens to what is there already.
        jobs: how much runs at a time, over all databases.
        analyze: compute the planner's statistics afterwards.
        part: what of each database.
        fence: what stays off until it is released, ``event`` or ``connections``. Subscriptions always do.
        tablespaces: recorded name -> the directory to make it in, or nothing where its objects go where objects go by default.
        create_tablespaces: make those that are missing where they were, unless ``tablespaces`` says otherwise.
    """

    databases: Mapping[str, str]
    roles: str = ALL
    placement: Placement = field(default_factory=Placement)
    jobs: int = 1
    analyze: bool = True
    part: Part = field(default_factory=Part)
    fence: Sequence[str] = ()
    tablespaces: Mapping[str, str] = field(default_factory=dict)
    create_tablespaces: bool = False


@dataclass(frozen=True)
class RestorePlan:
    """What a restore would do; reading it changes nothing.

    Args:
        info: the server.
        databases: recorded name -> target name of those that would be restored.
        replaced: target name -> what the database that has it now will be called; empty where it is removed.
        skipped: target names that exist and stay as they are.
        roles: what would happen to each role: ``create role app``, ``alter role app``; nothing for those that are equal.
        problems: what forbids the restore, each a sentence with its remedy.
        warnings: what the operator should know.
        included: recorded name of each database -> what the part of it comes to; empty where they are restored whole.
        tablespaces: what would happen to them: ``create tablespace fast in /srv/fast``.
    """

    info: InstanceInfo
    databases: Mapping[str, str]
    replaced: Mapping[str, str] = field(default_factory=dict)
    skipped: Sequence[str] = ()
    roles: Sequence[str] = ()
    problems: Sequence[str] = ()
    warnings: Sequence[str] = ()
    included: Mapping[str, Included] = field(default_factory=dict)
    tablespaces: Sequence[str] = ()

    @property
    def changes(self) -> bool:
        """Whether anything would change."""
        return bool(self.databases or self.roles or self.tablespaces)


@dataclass(frozen=True)
class RestoreOutcome:
    """What a restore did."""

    databases: Sequence[RestoredDatabase]
    roles: Sequence[str] = ()


class Engine(abc.ABC):
    """A server to back up or restore to. Close it, or use it as a context manager.

    Args:
        connection: how to reach the server; nothing is opened yet.
        reporter: where progress and warnings go.
    """

    #: Name in the inventory and the manifest.
    name: str

    def __init__(self, connection: Connection, reporter: Reporter) -> None:
        self.connection = connection
        self.reporter = reporter

    @abc.abstractmethod
    def inspect(self) -> InstanceInfo:
        """Connect and look; raises ConnectionFailed, MissingProgram."""

    @abc.abstractmethod
    def plan_backup(self, request: BackupRequest) -> BackupPlan:
        """What a backup would do; raises UsageError for a pattern that matches nothing."""

    @abc.abstractmethod
    def backup(self, request: BackupRequest, plan: BackupPlan, writer: ArtefactWriter) -> BackupOutcome:
        """Dump the planned databases through the writer."""

    @abc.abstractmethod
    def export_roles(self) -> RolesExport:
        """Roles or users, memberships, grants and hashes."""

    @abc.abstractmethod
    def plan_restore(self, request: RestoreRequest, reader: ArtefactReader) -> RestorePlan:
        """What a restore would do, from the manifest and the server alone."""

    @abc.abstractmethod
    def restore(self, request: RestoreRequest, plan: RestorePlan, reader: ArtefactReader) -> RestoreOutcome:
        """Restore as planned. No database ever has its final name before it is complete."""

    @abc.abstractmethod
    def plan_load(self, request: LoadRequest) -> LoadPlan:
        """What loading dumps of other tools would do."""

    @abc.abstractmethod
    def load(self, request: LoadRequest, plan: LoadPlan) -> LoadOutcome:
        """Load as planned. No database ever has its final name before it is complete."""

    @abc.abstractmethod
    def plan_rollback(self, request: RollbackRequest) -> RollbackPlan:
        """What giving databases back what they were before a restore would do."""

    @abc.abstractmethod
    def rollback(self, request: RollbackRequest, plan: RollbackPlan) -> None:
        """Exchange the databases as planned, one after the other, each wholly or not at all."""

    @abc.abstractmethod
    def plan_release(self, recorded: Sequence[Fence]) -> ReleasePlan:
        """Which of the things that were on are off now."""

    @abc.abstractmethod
    def release(self, waiting: Sequence[Fence]) -> None:
        """Turn things on that wait, each wholly or not at all."""

    @abc.abstractmethod
    def prove(
        self,
        databases: Sequence[str],
        level: str,
        jobs: int = 1,
        instance: bool = True,
    ) -> Proof:
        """The proof of some databases, as the server is now; with the roles and grants of the server if asked."""

    @abc.abstractmethod
    def ask(self, database: str, statement: str, seconds: int) -> Sequence[Sequence[Optional[str]]]:
        """What a query returns in a database, its first rows as texts; it changes nothing.

        Args:
            database: where to ask.
            statement: a single one; in a transaction that is read-only.
            seconds: how long the server may take.

        Raises:
            BackupError: the server refused, or it took too long.
        """

    @abc.abstractmethod
    def restore_instructions(self, manifest: Manifest) -> str:
        """The engine's part of RESTORE.md: exact commands of standard programs, as Markdown."""

    @abc.abstractmethod
    def close(self) -> None:
        """Close what is open."""

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()
