# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Taking apart what SHOW CREATE USER and SHOW GRANTS print. Private to this collection.

From the reference manuals of MySQL 8.0 to 9 and MariaDB 10.6 to 11.8.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._errors import BackupError, Defect
from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_words import (
    NAME,
    STRING,
    WORD,
    Reader,
    Token,
    significant,
    split_list,
)

GLOBAL = "global"
DATABASE = "database"
TABLE = "table"
FUNCTION = "function"
PROCEDURE = "procedure"
PACKAGE = "package"
PACKAGE_BODY = "package body"
PROXY = "proxy"
ROLE = "role"
DEFAULT_ROLE = "default role"
REVOKE = "revoke"
CREATE_USER = "create user"
ALTER_USER = "alter user"
CREATE_ROLE = "create role"

#: Levels of grants that name an object which must exist.
OBJECT_LEVELS = frozenset((TABLE, FUNCTION, PROCEDURE, PACKAGE, PACKAGE_BODY))


class Name(NamedTuple):
    """An account: user and host; the host of a MariaDB role is None."""

    user: str
    host: Optional[str]

    def __str__(self) -> str:
        return self.user if self.host is None else f"'{self.user}'@'{self.host}'"


@dataclass(frozen=True)
class AccountStatement:
    """A statement about an account.

    Args:
        level: what it is about, one of the constants above.
        grantee: the account.
        privileges: as the server names them, one of a column as ``SELECT (price)``.
        database, object: what is granted on: for :data:`DATABASE` a pattern as the server keeps it.
        other: the account behind a proxy, or the role that is granted.
        grantable: whether the grantee may hand it on.
        text: the statement, without a semicolon, without login and limits where it is a grant.
    """

    level: str
    grantee: Name
    privileges: Sequence[str] = ()
    database: Optional[str] = None
    object: Optional[str] = None
    other: Optional[Name] = None
    grantable: bool = False
    text: str = ""


def _name(reader: Reader) -> Name:
    user = reader.take().value
    if reader.accept_mark("@"):
        return Name(user, reader.take().value)
    return Name(user, None)


def _malformed(sql: str) -> BackupError:
    return Defect(f"This account statement is not understood: {sql[:120]!r}", "report this as a defect")


def parse_account_statements(sql: str) -> list[AccountStatement]:
    """Take a statement about an account apart; one that grants several roles, as MySQL prints them, is as many.

    Raises:
        BackupError: it has an unknown form.
    """
    reader = Reader(sql)
    if reader.accept("GRANT") and reader.next is not None and reader.next.kind in (NAME, STRING):
        return _role_grants(sql, reader)
    return [parse_account_statement(sql)]


def parse_account_statement(sql: str) -> AccountStatement:
    """Take a statement about an account apart.

    Raises:
        BackupError: it has an unknown form, or grants several roles.
    """
    reader = Reader(sql)
    if reader.accept("GRANT"):
        return _grant(sql, reader)
    if reader.accept("REVOKE"):
        return _revoke(sql, reader)
    if reader.accept("SET", "DEFAULT", "ROLE"):
        return _default_role(sql, reader)
    for words, level in (
        (("CREATE", "USER", "IF", "NOT", "EXISTS"), CREATE_USER),
        (("CREATE", "USER"), CREATE_USER),
        (("ALTER", "USER"), ALTER_USER),
        (("CREATE", "ROLE", "IF", "NOT", "EXISTS"), CREATE_ROLE),
        (("CREATE", "ROLE"), CREATE_ROLE),
    ):
        if reader.accept(*words):
            name, text = _name(reader), sql.rstrip().rstrip(";")
            if level == ALTER_USER and reader.accept("DEFAULT", "ROLE"):
                # MySQL's way to say it, which names all roles at once.
                roles = Name(text[reader.previous_end :].strip(), None)
                return AccountStatement(DEFAULT_ROLE, name, other=roles, text=text)
            return AccountStatement(level, name, text=text)
    raise _malformed(sql)


def account_clauses(create_user: str) -> str:
    """What stands behind the account in a CREATE USER statement: login, TLS, limits, locking."""
    reader = Reader(create_user)
    if not reader.accept("CREATE", "USER"):
        raise _malformed(create_user)
    _name(reader)
    return create_user[reader.previous_end :].strip()


def login_plugins(create_user: str) -> list[str]:
    """The authentication plugins that a CREATE USER statement names."""
    section = clause_sections(create_user).get("IDENTIFIED", "")
    reader = Reader(section)
    plugins = []
    while reader.next is not None:
        if reader.accept("VIA") or reader.accept("WITH") or reader.accept("OR"):
            plugins.append(reader.take().value)
        else:
            reader.take()
    return plugins


def _default_role(sql: str, reader: Reader) -> AccountStatement:
    role = _name(reader)
    if not (reader.accept("FOR") or reader.accept("TO")):
        raise _malformed(sql)
    return AccountStatement(DEFAULT_ROLE, _name(reader), other=role, text=sql.rstrip().rstrip(";"))


def _grant(sql: str, reader: Reader) -> AccountStatement:
    if reader.accept("PROXY", "ON"):
        other = _name(reader)
        reader.accept("TO")
        grantee = _name(reader)
        grantable = _options(reader, "GRANT")
        return AccountStatement(PROXY, grantee, other=other, grantable=grantable, text=sql.rstrip().rstrip(";"))
    if reader.next is not None and reader.next.kind in (NAME, STRING):
        found = _role_grants(sql, reader)
        if len(found) > 1:
            raise _malformed(sql)
        return found[0]
    privileges = _privileges(sql, reader)
    level, database, name = _target(reader)
    reader.accept("TO")
    grantee = _name(reader)
    text = sql[: reader.previous_end]
    grantable = _options(reader, "GRANT")
    if grantable:
        text += " WITH GRANT OPTION"
    return AccountStatement(level, grantee, privileges, database, name, grantable=grantable, text=text)


def _role_grants(sql: str, reader: Reader) -> list[AccountStatement]:
    begins, roles = [reader.position], [_name(reader)]
    while reader.accept_mark(","):
        begins.append(reader.position)
        roles.append(_name(reader))
    ends = [*(sql.rindex(",", 0, begin) for begin in begins[1:]), reader.previous_end]
    if not reader.accept("TO"):
        raise _malformed(sql)
    text = sql.rstrip().rstrip(";")[reader.previous_end :]
    grantee = _name(reader)
    grantable = _options(reader, "ADMIN")
    return [
        AccountStatement(
            ROLE, grantee, other=role, grantable=grantable, text=f"GRANT {sql[begin:end].strip()} TO{text}"
        )
        for role, begin, end in zip(roles, begins, ends)
    ]


def _revoke(sql: str, reader: Reader) -> AccountStatement:
    privileges = _privileges(sql, reader)
    level, database, name = _target(reader)
    if not reader.accept("FROM"):
        raise _malformed(sql)
    grantee = _name(reader)
    names = tuple(f"{privilege} revoked on {level}" for privilege in privileges)
    return AccountStatement(REVOKE, grantee, names, database, name, text=sql.rstrip().rstrip(";"))


def _options(reader: Reader, word: str) -> bool:
    """Whether ``WITH … GRANT OPTION`` (or ``ADMIN OPTION``) stands in what is left."""
    found = False
    while reader.next is not None:
        if reader.accept(word, "OPTION"):
            found = True
        else:
            reader.take()
    return found


def _privileges(sql: str, reader: Reader) -> tuple[str, ...]:
    found: list[str] = []
    words: list[str] = []
    while reader.next is not None:
        if reader.accept("ON"):
            return tuple([*found, " ".join(words)] if words else found)
        token: Token = reader.take()
        if token.text == ",":
            if words:
                found.append(" ".join(words))
            words = []
        elif token.text == "(":
            parts, end = split_list(sql, token.begin)
            while reader.next is not None and reader.position < end:
                reader.take()
            privilege = " ".join(words)
            found += sorted(f"{privilege} ({Reader(part).take().value})" for part in parts)
            words = []
        else:
            words.append(token.text.upper())
    raise _malformed(sql)


def _target(reader: Reader) -> tuple[str, Optional[str], Optional[str]]:
    level = TABLE
    for words, named in (
        (("TABLE",), TABLE),
        (("FUNCTION",), FUNCTION),
        (("PROCEDURE",), PROCEDURE),
        (("PACKAGE", "BODY"), PACKAGE_BODY),
        (("PACKAGE",), PACKAGE),
    ):
        if reader.accept(*words):
            level = named
            break
    first = reader.take()
    reader.accept_mark(".")
    second = reader.take()
    if first.text == "*":
        return GLOBAL, None, None
    if second.text == "*":
        return DATABASE, first.value, None
    return level, first.value, second.value


#: Keyword that begins a clause of an account -> keywords that must follow it, if any.
_CLAUSES = {
    "IDENTIFIED": (),
    "REQUIRE": (),
    "WITH": (),
    "ACCOUNT": ("LOCK", "UNLOCK"),
    "PASSWORD": ("EXPIRE", "HISTORY", "REUSE", "REQUIRE"),
    "DEFAULT": ("ROLE",),
    "FAILED_LOGIN_ATTEMPTS": (),
    "PASSWORD_LOCK_TIME": (),
    "COMMENT": (),
    "ATTRIBUTE": (),
}


def clause_sections(clauses: str) -> dict[str, str]:
    """The clauses of an account one by one.

    Returns:
        First keyword (PASSWORD with its second) -> the clause as written, in order.
    """
    return {word: clauses[begin:end].strip() for word, begin, end in _sections(clauses)}


def with_clause(clauses: str, keyword: str, clause: str) -> str:
    """A statement about an account with another clause in the place of the one that begins with a keyword, or at its end.

    An empty clause removes it.
    """
    for word, begin, end in _sections(clauses):
        if word == keyword:
            return " ".join(filter(None, (clauses[:begin].rstrip(), clause, clauses[end:].rstrip())))
    return f"{clauses} {clause}".rstrip()


def _sections(clauses: str) -> list[tuple[str, int, int]]:
    """First keyword of each clause, where it begins and where the next one does."""
    found = list(significant(clauses))
    begins: list[tuple[str, int]] = []
    for index, token in enumerate(found):
        word = token.text.upper()
        if token.kind != WORD or word not in _CLAUSES:
            continue
        before = found[index - 1].text.upper() if index else ""
        after = found[index + 1].text.upper() if index + 1 < len(found) else ""
        if _CLAUSES[word] and after not in _CLAUSES[word]:
            continue
        if (word, before) in (("WITH", "IDENTIFIED"), ("REQUIRE", "PASSWORD")):
            continue
        begins.append((f"{word} {after}" if word == "PASSWORD" else word, token.begin))
    ends = [begin for _word, begin in begins[1:]] + [len(clauses)]
    return [(word, begin, end) for (word, begin), end in zip(begins, ends)]
