# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""All that is broken, group by group; each group makes what it needs and removes it."""

from __future__ import annotations

import math
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.faults.damage import clocks, damages, replacements
from tests.faults.injections import ALWAYS, Fault, Injection, inject, measure, spread, steps
from tests.faults.operations import Backup, Drill, Fetch, Operation, Place, Prune, Push, Restore
from tests.faults.server_faults import Proxy, network_cut, server_killed
from tests.faults.standing import standing_on
from tests.support.keys import age_key
from tests.support.mariadb import MariaDBServer
from tests.support.postgresql import PostgresServer
from tests.support.remotes import remote

_SERVERS = {"PostgreSQL": PostgresServer, "MariaDB": MariaDBServer}


@contextmanager
def place() -> Iterator[Place]:
    """A place of its own, reachable for the accounts of servers."""
    root = Path(tempfile.mkdtemp(prefix="backupdb-faults-"))
    root.chmod(0o711)
    try:
        yield Place(root)
    finally:
        shutil.rmtree(root)


@dataclass(frozen=True)
class Amount:
    """How much is broken.

    limit: steps of each kind of call of each program
    one_in: of all that, one in so many; one of each fault at least
    """

    limit: int = 1
    one_in: int = 1

    def times(self, factor: int) -> Amount:
        """More of what is quick."""
        return Amount(self.limit * factor, self.one_in)


def each(operation: Operation, faults: Iterable[Fault], amount: Amount) -> Iterator[Injection]:
    """Every fault at every kind of step of an operation."""
    counted = measure(operation)
    for fault in faults:
        planned = list(steps(counted, fault, amount.limit))
        for number in spread(len(planned), math.ceil(len(planned) / amount.one_in)):
            made = inject(operation, fault, planned[number - 1])
            if made is not None:
                yield made


def archiving(where: Place, key: str | None = None) -> Backup:
    """A backup of files."""
    tree = where.root / "tree"
    tree.mkdir()
    (tree / "hello").write_text("hello\n")
    (tree / "noise").write_bytes(os.urandom(300_000))
    title = "backup of files" + (", encrypted" if key else "")
    return Backup(where, title, "files_archive", {"paths": [str(tree)], "recipients": [key] if key else []})


def dumping(where: Place, name: str, server: Any, login: Mapping[str, Any], key: str | None = None) -> Backup:
    """A backup of a server's two databases."""
    recipients = [key] if key else []
    options = {**login, "databases": ["shop", "crm"], "jobs": 2, "recipients": recipients}
    return Backup(where, f"backup of {name}" + (", encrypted" if key else ""), "dump", options)


def files(amount: Amount) -> Iterator[Injection]:
    """Backups of files, plain and encrypted; the clock; what stands in another's place."""
    with place() as where, place() as other:
        backup = archiving(where)
        yield from each(backup, ALWAYS, amount.times(2))
        yield from clocks(backup)
        yield from replacements(backup, archiving(other))
    with place() as where:
        backup = archiving(where, age_key().public)
        yield from each(backup, ALWAYS, amount)
        yield from damages(backup, amount.limit)


def pruning(amount: Amount) -> Iterator[Injection]:
    """Prunes."""
    with place() as where:
        yield from each(Prune(where), ALWAYS, amount.times(3))


def copying(amount: Amount) -> Iterator[Injection]:
    """Copies to another place and back."""
    for kind in (Push, Fetch):
        with place() as where, remote("local", where.root / "elsewhere") as there:
            yield from each(kind(where, there), ALWAYS, amount.times(2))


def _over_network(server: Any, port: int) -> dict[str, Any]:
    """Options of a connection through a port."""
    if isinstance(server, PostgresServer):
        login = dict(server.login(tcp=True))
    else:
        server.create_account("keeper", "of the network")
        login = dict(server.login(user="keeper", password="of the network"))
    return {**login, "login_port": port}


def databases(name: str, amount: Amount) -> Iterator[Injection]:
    """Backups of one kind of server, plain, encrypted and over a network."""
    key = age_key()
    with _SERVERS[name]() as server:
        standing_on(server)
        with place() as where:
            backup = dumping(where, name, server, server.login())
            yield from each(backup, (*ALWAYS, server_killed(server)), amount)
            yield from damages(backup, amount.limit)
        with place() as where:
            yield from each(dumping(where, name, server, server.login(), key.public), ALWAYS, amount)
        with place() as where, Proxy(server.port) as proxy:
            backup = dumping(where, name, server, _over_network(server, proxy.port))
            yield from each(backup, [network_cut(proxy)], amount.times(3))


def restores(name: str, amount: Amount) -> Iterator[Injection]:
    """Restores in the place of living databases."""
    for key in (None, age_key()):
        with _SERVERS[name]() as server, place() as where:
            title = f"restore of {name}" + (", encrypted" if key else "")
            restore = Restore(where, title, standing_on(server), key)
            yield from each(restore, (*ALWAYS, server_killed(server)), amount)
            yield from damages(restore, amount.limit, amount.one_in)


def drills(amount: Amount) -> Iterator[Injection]:
    """Throw-away servers for drills."""
    for name, kind in _SERVERS.items():
        with kind() as server, place() as where:
            standing_on(server)
            yield from each(Drill(where, f"drill of {name}", server, ["shop", "crm"]), ALWAYS, amount)


GROUPS: dict[str, Callable[[Amount], Iterator[Injection]]] = {
    "files": files,
    "prune": pruning,
    "copies": copying,
    "postgresql": lambda amount: databases("PostgreSQL", amount),
    "mariadb": lambda amount: databases("MariaDB", amount),
    "postgresql-restore": lambda amount: restores("PostgreSQL", amount),
    "mariadb-restore": lambda amount: restores("MariaDB", amount),
    "drills": drills,
}
