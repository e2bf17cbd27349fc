# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Accounts of dumps of other tools: which of their statements are applied, which definers are missing. Private to this collection."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Optional

from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.accounts_restore import (
    AccountPlan,
    plan_accounts,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.connection import Server
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.flavour import Flavour
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.load_dump_parts import DumpChoice
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.proof import unescape_pattern
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.users import Account, quoted
from ansible_collections.vya.backupdb.plugins.module_utils._engines.foreign import DumpSource, LoadRequest
from ansible_collections.vya.backupdb.plugins.module_utils._errors import BackupError
from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_accounts import (
    CREATE_ROLE,
    CREATE_USER,
    DEFAULT_ROLE,
    AccountStatement,
    Name,
    parse_account_statements,
)

#: The opening of an executable comment: MariaDB's M, the version.
_GATE = re.compile(r"/\*(M?)!(\d{5,6})?")
_MYSQL_ONLY = 50700
_SYSTEM_ACCOUNTS = frozenset(("mariadb.sys", "mysql.sys", "mysql.session", "mysql.infoschema"))


def unnamed_of(source: DumpSource) -> Optional[str]:
    """The recorded name of the database that statements belong to where no statement names one."""
    inventory = source.inventory
    name = (inventory.origin.database or "") if inventory is not None else ""
    return name if name in source.databases else None


def concerns(source: DumpSource, names: Mapping[str, str], database: str) -> bool:
    """Whether something of a database, as a statement names it, is loaded."""
    return (database or unnamed_of(source)) in names


def accounts_of(
    server: Server,
    request: LoadRequest,
    chosen: Sequence[Mapping[str, str]],
    present: Sequence[Account],
    in_use: Name,
    choices: Sequence[Mapping[str, DumpChoice]],
) -> tuple[AccountPlan, list[str]]:
    """What has to happen to accounts, and what is left out, in words.

    Args:
        server: where to load.
        request: what was asked for.
        chosen: of each source, what is loaded: recorded name -> name.
        present: the accounts that are there.
        in_use: the account that loads; its login is never touched.
        choices: of each source, by recorded name, what of a database is loaded where that is not all.
    """
    warnings: list[str] = []
    recorded: list[AccountStatement] = []
    databases: dict[str, str] = {}
    for source, names, parts in zip(request.sources, chosen, choices):
        databases.update({old: new for old, new in names.items() if old})
        texts = source.inventory.mysql.accounts if source.inventory is not None else []
        found = [item for item in texts if _is_for(server.flavour, item.gate)]
        if not found:
            continue
        if request.roles == "none":
            warnings.append(
                f"{source.part.label}: {len(found)} statements about accounts are left out (roles: none), the first in line "
                f"{found[0].line}."
            )
            continue
        for item in found:
            statements = _parsed(item.text)
            if not statements:
                words = " ".join(item.text.split()[:2])
                warnings.append(
                    f"{source.part.label}, line {item.line}: {words} …: left out, apply it by hand if it is needed."
                )
            recorded += [
                statement
                for statement in statements
                if _is_wanted(server.flavour, statement) and _is_brought(statement, parts)
            ]
    if request.roles == "referenced":
        recorded = _referenced(recorded, databases, _definer_names(request, chosen, choices))
    if not recorded:
        return AccountPlan(), warnings
    return plan_accounts(recorded, present, server.flavour, in_use, databases), warnings


def _is_for(flavour: Flavour, gate: str) -> bool:
    """Whether a server executes an executable comment that begins so."""
    match = _GATE.fullmatch(gate)
    if match is None:
        return True
    version = int(match.group(2) or 0)
    if match.group(1):
        return flavour.is_mariadb and _as_number(flavour) >= version
    # MariaDB passes over what is meant for MySQL from 5.7 on.
    return version < _MYSQL_ONLY if flavour.is_mariadb else _as_number(flavour) >= version


def _as_number(flavour: Flavour) -> int:
    major, minor, patch = flavour.number[:3]
    return major * 10000 + minor * 100 + patch


def _is_wanted(flavour: Flavour, statement: AccountStatement) -> bool:
    """Whether a statement says anything about an account that is no server's own."""
    grantee = statement.grantee
    if (grantee.user, grantee.host) in flavour.system_accounts or grantee.user in _SYSTEM_ACCOUNTS:
        return False
    nothing = statement.level == DEFAULT_ROLE and statement.other == Name("NONE", None)
    return statement.privileges != ("USAGE",) and not nothing


def _is_brought(statement: AccountStatement, parts: Mapping[str, DumpChoice]) -> bool:
    """Whether the object that a grant is on is loaded."""
    choice = parts.get(unescape_pattern(statement.database)) if statement.database is not None else None
    return choice is None or choice.brings(statement)


def _parsed(text: str) -> list[AccountStatement]:
    """The statements that a statement of a dump is; none where it has an unknown form."""
    try:
        statements = parse_account_statements(text)
    except BackupError:
        return []
    # Several accounts in one statement: only the first would be taken.
    if statements[0].level == CREATE_USER and "," in text.partition("IDENTIFIED")[0]:
        return []
    return [
        # as the server's roles are written, so that one that is there is known
        replace(statement, text=f"CREATE ROLE IF NOT EXISTS {quoted(statement.grantee)}")
        if statement.level == CREATE_ROLE
        else statement
        for statement in statements
    ]


def _referenced(
    recorded: Sequence[AccountStatement], databases: Mapping[str, str], definers: set[str]
) -> list[AccountStatement]:
    """The statements of accounts that run something of the databases or may do something with them, with their roles."""
    wanted = {
        statement.grantee
        for statement in recorded
        if _plain(statement.grantee) in definers
        or (statement.database is not None and unescape_pattern(statement.database) in databases)
    }
    size = -1
    while size != len(wanted):
        size = len(wanted)
        wanted |= {item.other for item in recorded if item.grantee in wanted and item.other is not None}
    return [statement for statement in recorded if statement.grantee in wanted]


def _plain(name: Name) -> str:
    return str(name).replace("'", "")


def _definer_names(
    request: LoadRequest, chosen: Sequence[Mapping[str, str]], choices: Sequence[Mapping[str, DumpChoice]]
) -> set[str]:
    return {
        definer
        for source, names, parts in zip(request.sources, chosen, choices)
        if source.inventory is not None
        for definer, databases in source.inventory.mysql.definers.items()
        if _runs(source, names, parts, definer, databases)
    }


def _runs(
    source: DumpSource,
    names: Mapping[str, str],
    parts: Mapping[str, DumpChoice],
    definer: str,
    databases: Collection[str],
) -> bool:
    """Whether something that is loaded runs as an account."""
    for database in databases:
        if concerns(source, names, database):
            choice = parts.get(database or unnamed_of(source) or "")
            if choice is None or choice.definers is None or definer in choice.definers:
                return True
    return False


def definers_of(
    request: LoadRequest,
    chosen: Sequence[Mapping[str, str]],
    present: Sequence[Account],
    accounts: AccountPlan,
    choices: Sequence[Mapping[str, DumpChoice]],
) -> tuple[list[str], list[str]]:
    """Definers that do not exist: what forbids the load, and what the operator should know."""
    known = {_plain(item.name) for item in present} | {
        _plain(item.grantee) for item in accounts.statements if item.level in (CREATE_USER, CREATE_ROLE)
    }
    problems, warnings = [], []
    for source, names, parts in zip(request.sources, chosen, choices):
        if source.inventory is None or not names:
            continue
        for definer, databases in source.inventory.mysql.definers.items():
            if not _runs(source, names, parts, definer, databases):
                continue
            if definer in known or definer.rstrip("@") in known or definer.upper().startswith("CURRENT_"):
                continue
            text = f"{source.part.label}: the definer {definer} of views, routines, triggers or events does not exist"
            if request.roles == "none":
                problems.append(
                    f"{text} on this server: create it, or let the dump's accounts be made as well (roles: all)."
                )
            else:
                warnings.append(f"{text}, neither here nor in the dump: they cannot be used until it does.")
    return problems, warnings
