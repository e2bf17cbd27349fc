# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The roles that a dump's statements describe, as data. Private to this collection.

A statement changes what it names and nothing else: it is laid over the role as the server has it now, or over a new one.
So what is done in the end is what `roles_restore` finds to be different, and a second run finds nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql import acl
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.load_survey import Said
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.load_words import Words, setting_of
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.roles import (
    MEMBERSHIP_OPTIONS,
    Membership,
    Role,
    Roles,
)

_FLAGS = ("superuser", "inherit", "createrole", "createdb", "login", "replication", "bypassrls")
_BEFORE_OPTIONS = 150000
_TRUE = ("TRUE", "OPTION", "ON")


class DumpedRoles:
    """Folds the statements on roles of a dump.

    Args:
        existing: the roles of the server now.
        moment: a moment as the server writes it in UTC; None for none, that is ever.

    Attributes:
        unread: statements that are not understood, each as line and head.
    """

    def __init__(self, existing: Roles, moment: Callable[[str], Optional[str]]) -> None:
        self._existing = existing
        self._moment = moment
        self._roles: dict[str, Role] = {}
        self._memberships: dict[tuple[str, str, Optional[str]], Membership] = {}
        self._parameters: dict[str, list[acl.AclEntry]] = {}
        self._version = _BEFORE_OPTIONS
        self.unread: list[tuple[int, str]] = []

    def see(self, said: Iterable[Said]) -> None:
        """Take statements in, in their order."""
        for item in said:
            statement = item.statement
            words = Words(statement, item.conforming)
            if not self._statement(statement.kind, words):
                self.unread.append((statement.line, statement.head))

    def result(self) -> Roles:
        """The roles."""
        known = {*self._roles, *self._existing.names}
        memberships = [
            item if item.grantor in known else replace(item, grantor=None) for item in self._memberships.values()
        ]
        return Roles(self._version, tuple(self._roles.values()), tuple(memberships), self._parameters)

    # statements

    def _statement(self, kind: str, words: Words) -> bool:
        """Take a statement in; returns whether it is understood."""
        if kind in ("create_role", "alter_role"):
            words.skip()
            user = words.skip() == "USER"
            words.take("IF", "NOT", "EXISTS")
            name = words.name()
            if name is None:
                return False
            if kind == "alter_role" and words.word in ("SET", "RESET"):
                return self._setting(name, words)
            if name not in self._roles:
                self._roles[name] = self._present(name, user and kind == "create_role")
            return self._options(name, words)
        if kind == "comment_on_role":
            words.take("COMMENT", "ON", "ROLE")
            name = words.name()
            if name is None or not words.take("IS"):
                return False
            comment = None if words.take("NULL") else words.value()
            self._change(name, comment=comment)
            return True
        return self._grant(words) if kind == "grant_role" else kind == "grant_on_parameter" and self._privilege(words)

    def _present(self, name: str, login: bool = False) -> Role:
        now = self._existing.role(name)
        return Role(name, login=login) if now is None else now

    def _change(self, name: str, **changes: Any) -> None:
        role = self._roles.get(name) or self._present(name)
        self._roles[name] = replace(role, **changes)

    def _setting(self, name: str, words: Words) -> bool:
        found = setting_of(words)
        if found is None:
            return False
        parameter, value = found
        role = self._roles.get(name) or self._present(name)
        settings = dict(item.split("=", 1) for item in role.settings)
        settings.pop(parameter, None)
        if value is not None:
            settings[parameter] = value
        self._change(name, settings=tuple(f"{key}={text}" for key, text in settings.items()))
        return True

    def _options(self, name: str, words: Words) -> bool:
        words.take("WITH")
        changes: dict[str, Any] = {}
        understood = True
        while words.left:
            word = words.skip()
            flag = word.lower()
            if flag in _FLAGS:
                changes[flag] = True
            elif flag[:2] == "no" and flag[2:] in _FLAGS:
                changes[flag[2:]] = False
            elif word == "CONNECTION" and words.take("LIMIT"):
                limit = words.integer()
                understood &= limit is not None
                changes["connection_limit"] = -1 if limit is None else limit
            elif word == "VALID" and words.take("UNTIL"):
                until = words.value()
                changes["valid_until"] = None if until is None else self._moment(until)
            elif word in ("PASSWORD", "ENCRYPTED", "UNENCRYPTED"):
                if word != "PASSWORD":
                    words.take("PASSWORD")
                changes.update(password=None if words.take("NULL") else words.value(), password_readable=True)
            elif word in ("SYSID", "ADMIN", "ROLE", "USER", "IN"):
                understood &= self._listed(name, word, words)
            else:
                understood = False
        if changes:
            self._change(name, **changes)
        return understood

    def _listed(self, name: str, word: str, words: Words) -> bool:
        """SYSID number, IN ROLE names, ROLE names, ADMIN names."""
        if word == "SYSID":
            return words.value() is not None
        if word == "IN":
            words.skip()
        for other in words.names():
            if word == "IN":
                self._member(Membership(other, name))
            else:
                self._member(Membership(name, other, admin=word == "ADMIN"))
        return True

    def _grant(self, words: Words) -> bool:
        words.take("GRANT")
        roles = words.names()
        if not words.take("TO"):
            return False
        members = words.names()
        admin, inherit, can_set, grantor = False, None, None, None
        while words.left:
            if words.take("GRANTED", "BY"):
                grantor = words.name()
                continue
            if not words.take("WITH") and not words.take(","):
                return False
            option, value = words.skip(), words.skip() in _TRUE
            admin = value if option == "ADMIN" else admin
            inherit = value if option == "INHERIT" else inherit
            can_set = value if option == "SET" else can_set
        if inherit is not None or can_set is not None:
            self._version = max(self._version, MEMBERSHIP_OPTIONS)
            can_set = True if can_set is None else can_set
            inherit = True if inherit is None else inherit
        for role in roles:
            for member in members:
                self._member(Membership(role, member, grantor, admin, inherit, can_set))
        return bool(roles and members)

    def _privilege(self, words: Words) -> bool:
        """GRANT of privileges on run-time parameters."""
        words.take("GRANT")
        privileges = []
        while not words.take("ON", "PARAMETER"):
            if words.take("ALTER", "SYSTEM"):
                privileges.append("ALTER SYSTEM")
            elif words.take("SET"):
                privileges.append("SET")
            elif words.take("ALL"):
                words.take("PRIVILEGES")
                privileges += ["SET", "ALTER SYSTEM"]
            elif not words.take(","):
                return False
        parameters = []
        while True:
            name = words.name()
            while name is not None and words.take("."):
                name = f"{name}.{words.name()}"
            if name is None:
                return False
            parameters.append(name)
            if not words.take(","):
                break
        if not words.take("TO"):
            return False
        grantees = [acl.PUBLIC] if words.take(acl.PUBLIC) else words.names()
        grantable = words.take("WITH", "GRANT", "OPTION")
        for name in parameters:
            self._parameters.setdefault(name, []).extend(
                acl.AclEntry(privilege, grantee, grantable, "") for privilege in privileges for grantee in grantees
            )
        return bool(grantees)

    def _member(self, item: Membership) -> None:
        self._memberships[item.role, item.member, item.grantor] = item
