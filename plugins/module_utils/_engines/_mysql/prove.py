# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The proof of a server as it is now. Private to this collection."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Sequence

from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.catalog import Catalog, Table, read_catalogs
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.connection import (
    Server,
    Session,
    explaining,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.dump import table_tasks
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.proof import (
    TableProof,
    database_objects,
    instance_objects,
    prove_table,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.shadow import exists
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.users import (
    account_in_use,
    missing_objects,
    read_accounts,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.workers import work_off
from ansible_collections.vya.backupdb.plugins.module_utils._proof.model import Proof

_Task = tuple[Catalog, Table, int]


def prove(server: Server, databases: Sequence[str], level: str, jobs: int, instance: bool) -> Proof:
    """Compute the proof of some databases; one that does not exist has none.

    Args:
        server: where.
        databases: names.
        level: ``counts`` or ``content``.
        jobs: how many tables are read at a time.
        instance: whether the accounts belong to it.
    """
    flavour = server.flavour
    with server.session() as session:
        in_use = account_in_use(session)
        there = [name for name in databases if exists(session, name)]
    catalogs = read_catalogs(server, there, jobs)
    accounts, _omitted = missing_objects(server, read_accounts(server))
    proofs = _prove_tables(server, list(catalogs.values()), level, jobs)
    return Proof(
        engine="mysql",
        flavour=flavour.name,
        server_version=flavour.version,
        level=level,
        instance=instance_objects(accounts, in_use) if instance else (),
        databases={name: database_objects(catalog, proofs[name], accounts) for name, catalog in catalogs.items()},
    )


def _prove_tables(
    server: Server, catalogs: Sequence[Catalog], level: str, jobs: int
) -> dict[str, dict[str, TableProof]]:
    proofs: dict[str, dict[str, TableProof]] = {catalog.database: {} for catalog in catalogs}
    lock = threading.Lock()
    tasks = table_tasks(catalogs)
    if not tasks:
        return proofs

    def worker(session: Session) -> Callable[[_Task], None]:
        def work(task: _Task) -> None:
            catalog, table, _number = task
            proof = prove_table(session, server.flavour, catalog.database, table, level)
            with lock:
                proofs[catalog.database][table.name] = proof

        return work

    with contextlib.ExitStack() as stack:
        sessions = [stack.enter_context(server.session()) for _number in range(max(1, min(jobs, len(tasks))))]
        with explaining("beginning a snapshot"):
            for session in sessions:
                session.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                session.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT")
        numbers = [session.id for session in sessions]

        work_off(tasks, [worker(session) for session in sessions], lambda: server.kill(numbers))
    return proofs
