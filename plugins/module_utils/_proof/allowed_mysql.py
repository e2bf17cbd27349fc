# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Differences of MySQL and MariaDB servers that a correct rebuild may show. Private to this collection."""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.vya.backupdb.plugins.module_utils._proof.difference import Difference
from ansible_collections.vya.backupdb.plugins.module_utils._proof.fence import CONNECTIONS, EVENT
from ansible_collections.vya.backupdb.plugins.module_utils._proof.model import Proof
from ansible_collections.vya.backupdb.plugins.module_utils._proof.rule import Allowed

_ENGINE = "mysql"
_PASSWORD = "password digest"
_BOOTSTRAP = ("'root'@'localhost'", "'mysql'@'localhost'")


def _bootstrap_login(difference: Difference, expected: Proof, _found: Proof) -> bool:
    return (
        expected.engine == _ENGINE
        and difference.kind == "user"
        and difference.name in _BOOTSTRAP
        and difference.what == "attribute"
    )


def _bootstrap_absent(difference: Difference, expected: Proof, _found: Proof) -> bool:
    """Installations differ in whether they make the second account; it can log in from a socket only."""
    return (
        expected.engine == _ENGINE
        and difference.name.endswith(_BOOTSTRAP[1])
        and difference.what == "unexpected"
        and difference.kind in ("user", "proxy")
    )


def _own_password(difference: Difference, expected: Proof, _found: Proof) -> bool:
    # A proof leaves the password out for exactly one account: the one that it is computed under.
    return (
        expected.engine == _ENGINE
        and difference.kind == "user"
        and difference.attribute == _PASSWORD
        and difference.expected is not None
        and difference.found is None
    )


def _sleeping_event(difference: Difference, _expected: Proof, found: Proof) -> bool:
    return (
        found.engine == _ENGINE
        and difference.kind == "event"
        and difference.attribute == "status"
        and (difference.expected, difference.found) == ("ENABLED", "DISABLED")
    )


def _locked_account(difference: Difference, _expected: Proof, found: Proof) -> bool:
    return (
        found.engine == _ENGINE
        and difference.kind == "user"
        and difference.attribute == "locked"
        and (difference.expected, difference.found) == ("no", "yes")
    )


def _column_order(difference: Difference, expected: Proof, _found: Proof) -> bool:
    """A column that is missing or unexpected is named itself; the others are still in their order."""
    if expected.engine != _ENGINE or difference.attribute != "column order":
        return False
    before, after = (difference.expected or "").split(", "), (difference.found or "").split(", ")
    both = set(before) & set(after)
    return set(before) != set(after) and [x for x in before if x in both] == [x for x in after if x in both]


_PARTS = ("column", "index", "foreign key", "check")


def _part_of_table(difference: Difference, expected: Proof, found: Proof) -> bool:
    """Where a table is missing or unexpected as a whole, it is named itself."""
    if expected.engine != _ENGINE or difference.kind not in _PARTS or difference.database is None:
        return False
    if difference.what == "missing":
        # The database may have another name now: its recorded one is not known here, so all are asked.
        sides = [item for items in expected.databases.values() for item in items]
        others = found.databases.get(difference.database, ())
    elif difference.what == "unexpected":
        sides = list(found.databases.get(difference.database, ()))
        others = [item for items in expected.databases.values() for item in items]
    else:
        return False
    present = {item.name for item in others if item.kind == "table"}
    return any(
        item.kind == "table" and item.name not in present and difference.name.startswith(f"{item.name}.")
        for item in sides
    )


RULES: Sequence[Allowed] = (
    Allowed(
        "mysql-bootstrap-login",
        "Each server's own administrator keeps the login that its installation gave it; a restore never replaces it.",
        _bootstrap_login,
    ),
    Allowed(
        "mysql-bootstrap-account",
        "The installation of the rebuilt server made the account mysql@localhost, which only its own system account can use.",
        _bootstrap_absent,
    ),
    Allowed(
        "mysql-own-password",
        "A restore never changes the password of the account that it runs under.",
        _own_password,
    ),
    Allowed(
        "mysql-event-fenced",
        "Events of a rebuilt server sleep until they are released: the lost server may still run them.",
        _sleeping_event,
        fence=EVENT,
        asked=True,
    ),
    Allowed(
        "mysql-account-fenced",
        "Accounts of a rebuilt server are locked until they are released.",
        _locked_account,
        fence=CONNECTIONS,
        asked=True,
    ),
    Allowed(
        "mysql-part-of-table",
        "The whole table is missing or unexpected, which is named itself.",
        _part_of_table,
    ),
    Allowed(
        "mysql-column-order",
        "The columns that both sides have stand in the same order; those that one side lacks are named themselves.",
        _column_order,
    ),
)
