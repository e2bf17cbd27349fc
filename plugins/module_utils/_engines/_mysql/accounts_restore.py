# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bringing accounts back: only what is missing or different, never the password of the account in use. Private to this collection."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Optional

from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.connection import (
    Session,
    driver_errors,
    error_text,
    qualified,
    quote_name,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.flavour import Flavour
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.proof import unescape_pattern
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.users import (
    PUBLIC,
    Account,
    by_account,
    existence_statements,
    mask_login,
    quoted,
)
from ansible_collections.vya.backupdb.plugins.module_utils._errors import ServerRefused
from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_accounts import (
    ALTER_USER,
    CREATE_ROLE,
    CREATE_USER,
    DATABASE,
    OBJECT_LEVELS,
    ROLE,
    AccountStatement,
    Name,
    parse_account_statement,
    with_clause,
)

_EXISTENCE = (CREATE_ROLE, CREATE_USER, ALTER_USER)


@dataclass(frozen=True)
class AccountPlan:
    """What has to happen to accounts.

    Args:
        actions: in words: ``create user 'app'@'%'``.
        statements: to run before the databases get their names, in order.
        objects: grants on tables and routines, to run for each database when its objects are there.
        revoked: memberships that creating a role gives the account in use, and that were not recorded.
    """

    actions: Sequence[str] = ()
    statements: Sequence[AccountStatement] = ()
    objects: Sequence[AccountStatement] = ()
    revoked: Sequence[tuple[Name, Name]] = ()


def _key(statement: AccountStatement) -> tuple[object, ...]:
    """What two equal statements have in common, whatever the order of privileges in their text."""
    if statement.level in _EXISTENCE:
        return (statement.level, statement.grantee, statement.text)
    return (
        statement.level,
        statement.grantee,
        tuple(sorted(statement.privileges)),
        statement.database,
        statement.object,
        statement.other,
        statement.grantable,
    )


def plan_accounts(
    recorded: Sequence[AccountStatement],
    present: Sequence[Account],
    flavour: Flavour,
    in_use: Name,
    databases: Mapping[str, str],
) -> AccountPlan:
    """Compare the recorded accounts with those of the server.

    Args:
        recorded: what the set says, in order.
        present: what the server has.
        flavour: of the server.
        in_use: the account that the restore runs under: its login is never touched.
        databases: recorded name -> name now, of those that are restored: grants on them follow.
    """
    recorded = [moved for statement in recorded for moved in _moved(statement, databases)]
    there = {account.name: account for account in present}
    roles = {item.grantee for item in recorded if item.level == CREATE_ROLE and item.grantee.host is not None}
    recorded = [_without_login(item) if item.grantee in roles - set(there) else item for item in recorded]
    have = {
        _key(statement)
        for account in present
        for statement in (
            *(parse_account_statement(text) for text in existence_statements(account, flavour)),
            *account.grants,
        )
    }
    chosen: list[AccountStatement] = []
    actions: list[str] = []
    for name, statements in by_account(recorded).items():
        wanted = _wanted(statements, there.get(name), have, name == in_use)
        if not wanted:
            continue
        role = any(statement.level == CREATE_ROLE for statement in statements) or name.host is None
        known = name in there or name == PUBLIC
        actions.append(f"{'alter' if known else 'create'} {'role' if role else 'user'} {name}")
        chosen += wanted
    order = {id(statement): index for index, statement in enumerate(recorded)}
    chosen.sort(key=lambda statement: order[id(statement)])
    # MySQL's roles, which have a host, are not given to whoever makes them.
    created = {item.grantee for item in chosen if item.level == CREATE_ROLE and item.grantee.host is None}
    kept = {statement.other for statement in recorded if statement.level == ROLE and statement.grantee == in_use}
    return AccountPlan(
        tuple(sorted(actions)),
        tuple(statement for statement in chosen if statement.level not in OBJECT_LEVELS),
        tuple(statement for statement in chosen if statement.level in OBJECT_LEVELS),
        tuple((role, in_use) for role in sorted(created, key=str) if role not in kept),
    )


def _without_login(statement: AccountStatement) -> AccountStatement:
    """An alteration of a user without a password that CREATE ROLE has just made: rules for passwords would refuse it."""
    if statement.level != ALTER_USER:
        return statement
    return replace(statement, text=with_clause(statement.text, "IDENTIFIED", ""))


def _wanted(
    statements: Sequence[AccountStatement], account: Optional[Account], have: set[tuple[object, ...]], in_use: bool
) -> list[AccountStatement]:
    wanted = []
    made_as_role = any(item.level == CREATE_ROLE and item.grantee.host is not None for item in statements)
    for statement in statements:
        if _key(statement) in have:
            continue
        if statement.level in (CREATE_USER, CREATE_ROLE) and account is not None:
            continue
        if statement.level == ALTER_USER and ((account is None and not made_as_role) or in_use):
            # CREATE USER says the same of a new account.
            continue
        wanted.append(statement)
    return wanted


def _moved(statement: AccountStatement, databases: Mapping[str, str]) -> list[AccountStatement]:
    """A grant under the name that its database gets; none for objects of a database that is not restored."""
    if statement.level not in (DATABASE, *OBJECT_LEVELS):
        return [statement]
    recorded = unescape_pattern(statement.database or "") if statement.level == DATABASE else statement.database
    if recorded is None or recorded not in databases:
        return [] if statement.level in OBJECT_LEVELS else [statement]
    name = databases[recorded]
    if name == recorded:
        return [statement]
    return [regrant(statement, name)]


def regrant(statement: AccountStatement, database: str) -> AccountStatement:
    """The same grant on another database."""
    privileges = ", ".join(_privilege(privilege) for privilege in statement.privileges)
    if statement.level == DATABASE:
        pattern = database.replace("\\", "\\\\").replace("_", "\\_").replace("%", "\\%")
        target, named = f"{quote_name(pattern)}.*", pattern
    else:
        target, named = qualified(database, statement.object or ""), database
        if statement.level != "table":
            target = f"{statement.level.upper()} {target}"
    text = f"GRANT {privileges} ON {target} TO {quoted(statement.grantee)}"
    return replace(statement, database=named, text=text + (" WITH GRANT OPTION" if statement.grantable else ""))


def _privilege(privilege: str) -> str:
    word, found, column = privilege.partition(" (")
    return f"{word} ({quote_name(column[:-1])})" if found else privilege


def apply_statements(session: Session, statements: Iterable[AccountStatement]) -> None:
    """Run statements about accounts.

    Raises:
        BackupError: names every statement that the server refused.
    """
    refused: list[str] = []
    for statement in statements:
        try:
            session.execute(statement.text)
        except driver_errors() as error:
            refused.append(f"{mask_login(statement.text)[:300]}: {error_text(error)}")
    if refused:
        raise ServerRefused(
            f"{len(refused)} statements about accounts were refused.",
            "give the login the privileges that it has to hand on, or restore with roles: none",
            refused[:20],
        )


def revoke_automatic(session: Session, revoked: Iterable[tuple[Name, Name]]) -> None:
    """Take back the memberships that the server gave to the account that made a role.

    Raises:
        BackupError: the server refused.
    """
    for role, account in revoked:
        try:
            session.execute(f"REVOKE {quoted(role)} FROM {quoted(account)}")
        except driver_errors() as error:
            raise ServerRefused(
                f"The membership of {account} in {role}, which making the role gave, cannot be revoked: "
                f"{error_text(error)}.",
                "revoke it by hand",
            ) from error
