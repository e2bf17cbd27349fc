# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Differences that a correct rebuild of PostgreSQL may show, each with its reason. Private to this collection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

from ansible_collections.vya.backupdb.plugins.module_utils._proof.difference import Difference
from ansible_collections.vya.backupdb.plugins.module_utils._proof.fence import CONNECTIONS, SUBSCRIPTION
from ansible_collections.vya.backupdb.plugins.module_utils._proof.model import Proof, ProofObject
from ansible_collections.vya.backupdb.plugins.module_utils._proof.rule import Allowed

_ENGINE = "postgresql"
_PASSWORDS = ("password", "password digest")
_UNREADABLE = "not readable"
#: First major version whose memberships have the options INHERIT and SET, and a grantor that counts.
_MEMBERSHIP_OPTIONS = 16
#: First major version that has the privilege MAINTAIN.
_MAINTAIN = 17
#: First major version where a subscription says as whom it runs; before, it was always its owner.
_RUN_AS_OWNER = 16
#: First major version whose subscriptions are streamed in parallel where nothing else is said.
_STREAMING_PARALLEL = 18


def _major(proof: Proof) -> int:
    return int(proof.server_version.partition(".")[0] or 0)


def _object(proof: Proof, difference: Difference) -> Optional[ProofObject]:
    """The object of the whole server that a difference is about."""
    key = (difference.kind, difference.name)
    return next((item for item in proof.instance if item.key == key), None)


def _administrator(difference: Difference, _expected: Proof, found: Proof) -> bool:
    if found.engine != _ENGINE or difference.kind != "role" or difference.what not in ("attribute", "unexpected"):
        return False
    role = _object(found, difference)
    return role is not None and "administrator" in role.attributes


def _was_connected(difference: Difference, expected: Proof, _found: Proof) -> bool:
    return (
        expected.engine == _ENGINE
        and difference.kind == "role"
        and difference.what == "attribute"
        and difference.attribute == "administrator"
    )


def _hidden_password(difference: Difference, expected: Proof, found: Proof) -> bool:
    if found.engine != _ENGINE or difference.kind != "role" or difference.attribute not in _PASSWORDS:
        return False
    roles = (_object(expected, difference), _object(found, difference))
    return any(role is not None and role.attributes.get("password") == _UNREADABLE for role in roles)


def _subscription(difference: Difference, _expected: Proof, found: Proof) -> bool:
    return (
        found.engine == _ENGINE
        and difference.kind == "subscription"
        and difference.attribute == "enabled"
        and difference.found == "no"
    )


def _no_connections(difference: Difference, _expected: Proof, found: Proof) -> bool:
    return (
        found.engine == _ENGINE
        and difference.kind == "database"
        and difference.attribute == "connection limit"
        and difference.found == "0"
    )


def _subscription_options(difference: Difference, expected: Proof, found: Proof) -> bool:
    if found.engine != _ENGINE or difference.kind != "subscription" or difference.what != "attribute":
        return False
    if difference.attribute == "streaming":
        return _major(expected) < _STREAMING_PARALLEL <= _major(found) and difference.expected is None
    if difference.attribute == "runs as its owner":
        return _major(expected) < _RUN_AS_OWNER <= _major(found)
    return False


def _membership(difference: Difference, expected: Proof, found: Proof) -> bool:
    return (
        found.engine == _ENGINE
        and _major(expected) < _MEMBERSHIP_OPTIONS <= _major(found)
        and difference.kind == "membership"
        and difference.attribute in ("grantor", "inherit option", "set option")
    )


def _maintain(difference: Difference, expected: Proof, found: Proof) -> bool:
    return (
        found.engine == _ENGINE
        and _major(expected) < _MAINTAIN <= _major(found)
        and difference.what == "grant"
        and difference.attribute == "MAINTAIN"
        and difference.message.startswith("unexpected")
    )


def _deparsed(difference: Difference, expected: Proof, found: Proof) -> bool:
    return (
        found.engine == _ENGINE
        and _major(expected) < _major(found)
        and difference.what == "definition"
        and difference.kind in ("view", "materialized view", "rule")
    )


def _newer_extension(difference: Difference, expected: Proof, found: Proof) -> bool:
    return (
        found.engine == _ENGINE
        and _major(expected) < _major(found)
        and difference.kind == "extension"
        and difference.attribute == "version"
    )


def _extension_owner(difference: Difference, _expected: Proof, found: Proof) -> bool:
    return found.engine == _ENGINE and difference.kind == "extension" and difference.what == "owner"


def _inherited_order(difference: Difference, _expected: Proof, found: Proof) -> bool:
    if found.engine != _ENGINE or difference.attribute != "column order digest" or difference.database is None:
        return False
    key = (difference.kind, difference.name)
    tables = (item for item in found.databases.get(difference.database, ()) if item.key == key)
    return any("inherits" in table.attributes for table in tables)


def _tablespace_place(difference: Difference, _expected: Proof, found: Proof) -> bool:
    return found.engine == _ENGINE and difference.kind == "tablespace" and difference.attribute == "location"


RULES: Sequence[Allowed] = (
    Allowed(
        "postgresql-tablespace-place",
        "In which directory a tablespace lies is a matter of the host; its name, owner, rights and what lies in it are compared.",
        _tablespace_place,
    ),
    Allowed(
        "postgresql-administrator",
        "The target's own superuser and the role that is connected are never altered: they keep their password and"
        " attributes.",
        _administrator,
    ),
    Allowed(
        "postgresql-connected-role",
        "The backup was made by another login than the one that is connected now.",
        _was_connected,
    ),
    Allowed(
        "postgresql-hidden-passwords",
        "Password hashes could not be read on one side (managed servers hide them), so they cannot be compared.",
        _hidden_password,
    ),
    Allowed(
        "postgresql-subscription-disabled",
        "Subscriptions are restored disabled: the rebuilt server must not take over the slot of the lost one by itself.",
        _subscription,
        fence=SUBSCRIPTION,
    ),
    Allowed(
        "postgresql-connections-fenced",
        "A rebuilt database lets nobody but superusers in until it is released.",
        _no_connections,
        fence=CONNECTIONS,
        asked=True,
    ),
    Allowed(
        "postgresql-subscription-options",
        "Newer versions have an option or a default that the recorded one did not have: since 16 whether a subscription runs as"
        " its owner, since 18 streaming in parallel.",
        _subscription_options,
    ),
    Allowed(
        "postgresql-membership-options",
        "Before 16 a membership had neither the options INHERIT and SET nor a grantor that counts; the newer server"
        " gives them their defaults.",
        _membership,
    ),
    Allowed(
        "postgresql-maintain",
        "The privilege MAINTAIN is new in 17; who had all privileges on a table has it too.",
        _maintain,
    ),
    Allowed(
        "postgresql-deparser",
        "Another major version writes the text of the same view or rule differently; its columns are compared one by"
        " one.",
        _deparsed,
    ),
    Allowed(
        "postgresql-extension-version",
        "A newer major version brings newer versions of its extensions.",
        _newer_extension,
    ),
    Allowed(
        "postgresql-extension-owner",
        "An extension belongs to the role that runs the restore: PostgreSQL has no statement that gives it to another.",
        _extension_owner,
    ),
    Allowed(
        "postgresql-inherited-columns",
        "A dump makes a child of INHERITS with the inherited columns first; contents are compared column by column.",
        _inherited_order,
    ),
)
