# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Events and accounts that are off until they are released. Private to this collection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.connection import (
    Server,
    Session,
    explaining,
    quote_name,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.flavour import Flavour
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.instance import inspect
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.programs import (
    adopt,
    enter,
    read_programs,
    waking,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.proof import instance_objects
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.users import (
    account_in_use,
    quoted,
    read_accounts,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines.fencing import ReleasePlan
from ansible_collections.vya.backupdb.plugins.module_utils._errors import ChangedMeanwhile
from ansible_collections.vya.backupdb.plugins.module_utils._proof.fence import CONNECTIONS, EVENT, Fence
from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_accounts import (
    ALTER_USER,
    CREATE_USER,
    AccountStatement,
    Name,
    with_clause,
)


def shut_out(statement: AccountStatement, flavour: Flavour, in_use: Name) -> AccountStatement:
    """A statement about an account that makes it locked, unless it is an administrator's own or the one in use."""
    name = statement.grantee
    if (
        statement.level not in (CREATE_USER, ALTER_USER)
        or name == in_use
        or (name.user, name.host) in flavour.bootstrap_accounts
    ):
        return statement
    return replace(statement, text=with_clause(statement.text, "ACCOUNT", "ACCOUNT LOCK"))


def plan_release(server: Server, recorded: Sequence[Fence]) -> ReleasePlan:
    """Which of the things that were on are off now.

    Raises:
        BackupError: the server cannot be read.
    """
    info = inspect(server)
    with server.session() as session, explaining("looking at what waits for its release"):
        statuses = {
            (database, name): status
            for database, name, status in session.rows(
                "SELECT event_schema, event_name, status FROM information_schema.events"
            )
        }
        in_use = account_in_use(session)
    locked: dict[str, bool] = {}
    if any(item.kind == CONNECTIONS for item in recorded):
        accounts = [
            account
            for account in read_accounts(server)
            if account.name != in_use
            and (account.name.user, account.name.host) not in server.flavour.bootstrap_accounts
        ]
        locked = {
            item.name: item.attributes["locked"] == "yes" for item in instance_objects(accounts) if item.kind == "user"
        }
    waiting: list[Fence] = []
    missing: list[Fence] = []
    for item in recorded:
        if item.kind == EVENT:
            status = statuses.get((item.database or "", item.name))
            if status is None:
                missing.append(item)
            elif status == "DISABLED":
                waiting.append(item)
        elif item.kind == CONNECTIONS and locked.get(item.name):
            waiting.append(item)
    return ReleasePlan(info, waiting, missing)


def release(server: Server, waiting: Sequence[Fence]) -> None:
    """Turn things on, each in a statement of its own; accounts before events.

    Raises:
        BackupError: the server refused.
    """
    wanted = {item.name for item in waiting if item.kind == CONNECTIONS}
    accounts = [account for account in read_accounts(server) if str(account.name) in wanted] if wanted else []
    with server.session(**server.flavour.user_session) as session:
        for account in accounts:
            with explaining(f"to unlock {account.name}"):
                session.execute(f"ALTER USER {quoted(account.name)} ACCOUNT UNLOCK")
    with server.session() as session:
        for item in waiting:
            if item.kind == EVENT:
                _wake(session, item.database or "", item.name)


def _wake(session: Session, database: str, name: str) -> None:
    """Enable an event, and change nothing else of it: altering one gives it the session's settings."""
    with explaining(f"to read the event {name} of {database}"):
        found = read_programs(session, database, judge=False, only=(EVENT, name))
    if not found:
        raise ChangedMeanwhile(f"The event {name} of {database} went away meanwhile.", "run this again")
    with explaining(f"to enable the event {name} of {database}"):
        enter(session, database)
        now = session.value("SELECT @@collation_database")
        wanted = found[0].database_collation or now
        try:
            if now != wanted:
                session.execute(f"ALTER DATABASE {quote_name(database)} COLLATE {wanted}")
                session.raw.select_db(database)
            adopt(session, found[0])
            session.raw.query(waking(found[0]))
        finally:
            if now != wanted:
                enter(session, database)
                session.execute(f"ALTER DATABASE {quote_name(database)} COLLATE {now}")
