# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a server is and what the login may do there. Private to this collection."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.catalog import database_properties
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.connection import (
    Server,
    Session,
    explaining,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.flavour import SYSTEM_DATABASES
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.shadow import marked_databases
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.users import account_in_use
from ansible_collections.vya.backupdb.plugins.module_utils._errors import NoSuchDatabase
from ansible_collections.vya.backupdb.plugins.module_utils._model import Database, InstanceInfo
from ansible_collections.vya.backupdb.plugins.module_utils._process import Command, find_program, run
from ansible_collections.vya.backupdb.plugins.module_utils._sql import mysql_accounts as levels
from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_accounts import parse_account_statements

#: Privilege -> what a backup reads with it.
FOR_BACKUP: Mapping[str, str] = {
    "SELECT": "to read tables, accounts and routines",
    "SHOW VIEW": "to read the definitions of views",
    "TRIGGER": "to see triggers",
    "EVENT": "to see events",
    "RELOAD": "to take a snapshot that is the same for all tables",
}

#: How the server shows a directory that is no database, such as lost+found.
_NO_DATABASE = "#mysql50#"

_FACTS = (
    "hostname",
    "port",
    "datadir",
    "character_set_server",
    "collation_server",
    "lower_case_table_names",
    "sql_mode",
    "system_time_zone",
    "time_zone",
    "event_scheduler",
    "max_allowed_packet",
    "local_infile",
    "log_bin",
    "default_storage_engine",
    "innodb_page_size",
)


def inspect(server: Server, databases: bool = True) -> InstanceInfo:
    """Look at a server.

    Raises:
        ConnectionFailed, MissingProgram.
    """
    flavour = server.flavour
    with server.session() as session:
        names = list_databases(session) if databases else []
        privileges = global_privileges(session)
        return InstanceInfo(
            engine="mysql",
            flavour=flavour.name,
            version=flavour.version,
            version_number=flavour.number,
            address=str(server.address),
            user=str(account_in_use(session)),
            databases=tuple(
                Database(item.name, item.size, database_properties(session, flavour, item.name)) for item in names
            ),
            tools=tool_versions(server),
            missing_privileges=tuple(missing(privileges, FOR_BACKUP)),
            facts=read_facts(session),
        )


def list_databases(session: Session) -> list[Database]:
    """Every database but the server's own and those being restored just now, with its size, the biggest first."""
    with explaining("listing the databases"):
        names = [row[0] for row in session.rows("SELECT schema_name FROM information_schema.schemata")]
        sizes = dict(
            session.rows(
                "SELECT table_schema, SUM(data_length + index_length) FROM information_schema.tables GROUP BY 1"
            )
        )
        restoring = marked_databases(session)
    listed = [
        Database(name, int(sizes.get(name) or 0))
        for name in names
        if name.lower() not in SYSTEM_DATABASES and name not in restoring and not name.startswith(_NO_DATABASE)
    ]
    return sorted(listed, key=lambda item: (-item.size, item.name))


def select_databases(there: Sequence[Database], patterns: Sequence[str], excluded: Sequence[str]) -> list[Database]:
    """The databases that some names or shell patterns select.

    Raises:
        UsageError: one of them matches nothing; ``*`` may.
    """
    names = [item.name for item in there]
    for pattern in patterns:
        if pattern != "*" and not _matching(pattern, names):
            raise NoSuchDatabase(
                f"No database matches {pattern!r}.",
                f"choose among {', '.join(map(repr, sorted(names)[:20]))}" if names else "there is none on this server",
            )
    chosen = {name for pattern in patterns for name in _matching(pattern, names)}
    chosen -= {name for pattern in excluded for name in _matching(pattern, names)}
    return [item for item in there if item.name in chosen]


def _matching(pattern: str, names: Iterable[str]) -> list[str]:
    return [name for name in names if name == pattern or fnmatch.fnmatchcase(name, pattern)]


def read_facts(session: Session) -> dict[str, Any]:
    """Variables that a rebuild compares."""
    with explaining("reading the server's variables"):
        names = ", ".join(f"'{name}'" for name in _FACTS)
        found = dict(session.rows(f"SHOW GLOBAL VARIABLES WHERE variable_name IN ({names})"))
    return {name: found[name] for name in _FACTS if name in found}


def global_privileges(session: Session) -> set[str]:
    """What the login, with its active roles, may do on the whole server."""
    found: set[str] = set()
    with explaining("reading the login's privileges"):
        for (text,) in session.rows("SHOW GRANTS"):
            for statement in parse_account_statements(text):
                if statement.level == levels.GLOBAL:
                    found.update(statement.privileges)
    return found


def missing(held: set[str], wanted: Mapping[str, str], allow_all: bool = True) -> list[str]:
    """Which privileges are not held, each as a sentence."""
    if allow_all and held & {"ALL PRIVILEGES", "ALL"}:
        return []
    return [
        f"The privilege {name} on *.* is missing: it is needed {reason}."
        for name, reason in wanted.items()
        if name not in held
    ]


def tool_versions(server: Server) -> dict[str, str]:
    """The client programs and their versions.

    Raises:
        MissingProgram: one is not installed.
    """
    tools = {}
    commands = [
        *(
            Command([server.find_program(*names), "--version"], inside=server.container)
            for names in (server.flavour.clients, server.flavour.dumpers)
        ),
        Command([find_program("zstd"), "--version"]),
    ]
    for command in commands:
        path, output = command.argv[0], run(command).stdout.decode("utf-8", "replace")
        tools[path.rsplit("/", 1)[-1]] = program_version(output)
    return tools


def program_version(output: str) -> str:
    """The version in what a program prints for ``--version``."""
    match = (
        re.search(r"(?:Distrib|from)\s+(\d+\.\d+\.\d+(?:-MariaDB)?)", output)
        or re.search(r"Ver\s+(\d+\.\d+\.\d+)", output)
        or re.search(r"v?(\d+\.\d+\.\d+)", output)
    )
    return match.group(1) if match else output.strip()[:40]


def tool_problem(server: Server, tools: Mapping[str, str]) -> Optional[str]:
    """Why the client programs do not fit the server, as a sentence; None if they do."""
    flavour = server.flavour
    for name in (*flavour.clients, *flavour.dumpers):
        version = tools.get(name)
        match = re.match(r"(\d+)\.(\d+)", version or "")
        if match is None or version is None:
            continue
        if flavour.is_mariadb != version.endswith("MariaDB"):
            return (
                f"The program {name} {version} is of another product than the server, {flavour.title} "
                f"{flavour.version}: install the client programs of {flavour.title}."
            )
        if tuple(int(part) for part in match.groups()) < flavour.number[:2]:
            return (
                f"The program {name} {version} is older than the server, {flavour.title} {flavour.version}: "
                "install client programs of the server's version or newer."
            )
    return None
