# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A server with a database that stands in the way of a restore: what it was, what it is, and which of the two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.vya.backupdb.plugins.module_utils._engines.base import RestoreOutcome, RestoreRequest
from ansible_collections.vya.backupdb.plugins.module_utils._engines.placement import Placement, RollbackRequest

from tests.integration.postgresql.rig import Backup, back_up, engine
from tests.support.postgresql import PostgresServer

ROWS = 2000
NEW, OLD = "recorded", "standing"
#: Rows, their sum, valid indexes.
_WHOLE = (ROWS, ROWS * (ROWS + 1) // 2, 2)
_CONTENT = """
CREATE TABLE item AS SELECT g AS id, '{word}'::text AS word FROM generate_series(1, {rows}) g;
ALTER TABLE item ADD PRIMARY KEY (id);
CREATE INDEX ON item (word, id);
CREATE VIEW words AS SELECT DISTINCT word FROM item;
"""
_STATE = """
SELECT (SELECT string_agg(word, ',') FROM words), count(*), sum(id),
       (SELECT count(*) FROM pg_index WHERE indrelid = 'item'::regclass AND indisvalid)
  FROM item
"""


class Standing:
    """A server whose databases are in the way of those of a set.

    server: the server
    names: databases, all in the set and all standing on the server, with other content
    repository: where the set is
    made: the set
    """

    def __init__(self, server: PostgresServer, repository: Path, names: Sequence[str] = ("shop", "crm")) -> None:
        self.server = server
        self.names = tuple(names)
        for name in self.names:
            self.create(name, NEW)
        self.repository = repository
        self.made: Backup = back_up(server, repository, *self.names)
        self.stamp = self.made.reader.manifest.set_id

    def create(self, name: str, word: str = OLD) -> None:
        """Make a database with content."""
        self.server.sql(f'CREATE DATABASE "{name}"')
        self.server.sql(_CONTENT.format(word=word, rows=ROWS), database=name, options="-c synchronous_commit=on")

    def reset(self) -> None:
        """Let only the standing databases be there, with their own content."""
        there = self.databases()
        for name in self.names:
            old = [item for item in there if item.startswith(name) and self._has_old_content(item)]
            if name in old:
                continue
            if name in there:
                self.drop(name)
            if old:
                # What is not on disk would be lost when a test kills the server, and a removal always is.
                self.server.sql(f'ALTER DATABASE "{old[0]}" RENAME TO "{name}"', options="-c synchronous_commit=on")
            else:
                self.create(name)
        for name in self.databases():
            if name in self.names:
                self.server.sql(
                    f"COMMENT ON DATABASE {name} IS NULL; ALTER DATABASE {name} RESET ALL;"
                    f" ALTER DATABASE {name} OWNER TO {self.server.superuser}"
                )
            else:
                self.drop(name)

    def drop(self, name: str) -> None:
        """Remove a database."""
        quoted = '"' + name.replace('"', '""') + '"'
        self.server.sql(f"ALTER DATABASE {quoted} WITH IS_TEMPLATE false")
        self.server.sql(f"DROP DATABASE {quoted} WITH (FORCE)")

    def _has_old_content(self, name: str) -> bool:
        if self.server.value("SELECT to_regclass('words') IS NULL", database=name):
            return False
        # What a test kept of a restore that failed has a part of its rows.
        return self.server.sql(_STATE, database=name) == [(OLD, *_WHOLE)]

    def databases(self) -> list[str]:
        """The names of all databases but those of initdb."""
        query = "SELECT datname FROM pg_database WHERE oid >= 16384 AND datname <> 'postgres' ORDER BY 1"
        return [name for (name,) in self.server.sql(query)]

    def state(self, name: str) -> str:
        """Which of the two contents a database has, all of it."""
        ((word, count, total, indexes),) = self.server.sql(_STATE, database=name)
        assert (count, total, indexes) == _WHOLE
        assert word in (NEW, OLD)
        return str(word)

    def request(
        self,
        *names: str,
        databases: Mapping[str, str] | None = None,
        keep: int = 1,
        disconnect: bool = False,
        keep_failed: bool = False,
    ) -> RestoreRequest:
        """To replace databases: some, under other names, or all."""
        placement = Placement("replace", keep, disconnect, self.stamp, keep_failed)
        chosen = databases or {name: name for name in names or self.names}
        return RestoreRequest(chosen, placement=placement, jobs=2, analyze=False)

    def replace(self, request: RestoreRequest, **connect: Any) -> tuple[RestoreOutcome, list[str]]:
        """Restore as the module does; returns the warnings too."""
        with engine(self.server, **connect) as used:
            plan = used.plan_restore(request, self.made.reader)
            assert list(plan.problems) == []
            return used.restore(request, plan, self.made.reader), used.reporter.warnings

    def problems(self, request: RestoreRequest) -> list[str]:
        """What forbids a restore."""
        with engine(self.server) as used:
            return list(used.plan_restore(request, self.made.reader).problems)

    def roll_back(self, request: RollbackRequest) -> None:
        """Roll back as the module does."""
        with engine(self.server) as used:
            plan = used.plan_rollback(request)
            assert list(plan.problems) == []
            used.rollback(request, plan)
