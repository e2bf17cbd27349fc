# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Accounts: users, roles, memberships, grants, proxies. Private to this collection.

The export is SQL that can be run again and again, in this order: roles, users, memberships, grants on the server and on
databases, then (behind a comment) grants on tables and routines, which need their object. One statement stands on one
or more lines and ends in a semicolon.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace

from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.connection import (
    Server,
    Session,
    explaining,
    quote_name,
    quote_text,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.flavour import Flavour
from ansible_collections.vya.backupdb.plugins.module_utils._errors import Defect
from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_accounts import (
    ALTER_USER,
    CREATE_USER,
    DEFAULT_ROLE,
    OBJECT_LEVELS,
    ROLE,
    TABLE,
    AccountStatement,
    Name,
    account_clauses,
    clause_sections,
    parse_account_statement,
    parse_account_statements,
    with_clause,
)
from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_statements import split_statements

OBJECTS_MARK = "-- Grants on tables and routines: after the databases"

_PROXY_GRANT = "GRANT PROXY ON "
_HASH = re.compile(r"('(?:[^'\\]|\\.|'')*'|0x[0-9A-Fa-f]+)")
#: What is demanded of an account's certificate, as SHOW CREATE USER says it.
_CERTIFICATE = ("SUBJECT", "ISSUER", "CIPHER")
_LIMITS_OF_BOTH = (
    "MAX_QUERIES_PER_HOUR",
    "MAX_UPDATES_PER_HOUR",
    "MAX_CONNECTIONS_PER_HOUR",
    "MAX_USER_CONNECTIONS",
)
_LIMITS = (*_LIMITS_OF_BOTH, "MAX_STATEMENT_TIME")


@dataclass(frozen=True)
class Account:
    """A user or a role.

    Args:
        name: user and host; a MariaDB role has no host.
        is_role: whether it is a role (MariaDB only: in MySQL roles are users).
        clauses: login, TLS, limits and locking, as SHOW CREATE USER prints them; empty for a MariaDB role.
        grants: what it was granted, memberships and default role among them.
    """

    name: Name
    is_role: bool
    clauses: str = ""
    grants: Sequence[AccountStatement] = field(default=())

    @property
    def title(self) -> str:
        """How messages call it."""
        return f"{'role' if self.is_role else 'user'} {self.name}"


#: What everybody has been granted (MariaDB 10.11): always there, and no account of its own.
PUBLIC = Name("PUBLIC", None)


def quoted(name: Name) -> str:
    """An account in SQL."""
    if name == PUBLIC:
        return name.user
    return quote_name(name.user) if name.host is None else f"{quote_name(name.user)}@{quote_name(name.host)}"


def read_accounts(server: Server) -> list[Account]:
    """Every account but those of the server itself, roles first, then by name.

    Raises:
        BackupError: the login may not read them.
    """
    flavour = server.flavour
    remedy = "grant the login SELECT ON mysql.*"
    with server.session(**flavour.user_session) as session, explaining("reading the accounts", remedy):
        if flavour.is_mariadb:
            # Compared here: in the server, the view's value has the collation that the server was initialised with.
            listed = session.rows("SELECT user, host, is_role FROM mysql.user ORDER BY is_role DESC, user, host")
        else:
            listed = session.rows("SELECT user, host, 'N' FROM mysql.user ORDER BY user, host")
        roles = {Name(user, None) for user, _host, kind in listed if kind == "Y"}
        proxies = _read_proxies(session)
        accounts = []
        for user, host, kind in listed:
            if (user, host) not in flavour.system_accounts:
                is_role = kind == "Y"
                name = Name(user, None if is_role else host)
                accounts.append(_read_account(session, flavour, name, roles, proxies.get(name, ())))
    return accounts


def _read_proxies(session: Session) -> dict[Name, list[AccountStatement]]:
    """Account -> whose place it may take.

    SHOW GRANTS does not escape the quotes in names there before MariaDB 10.11.19. No host is any host, as it has it.
    """
    found: dict[Name, list[AccountStatement]] = {}
    for user, host, other, other_host, grantable in session.rows(
        "SELECT user, host, proxied_user, proxied_host, with_grant FROM mysql.proxies_priv ORDER BY 1, 2, 3, 4"
    ):
        name = Name(user, host)
        text = f"GRANT PROXY ON {quoted(Name(other, other_host or '%'))} TO {quoted(name)}"
        found.setdefault(name, []).append(parse_account_statement(text + " WITH GRANT OPTION" * bool(grantable)))
    return found


def _read_account(
    session: Session, flavour: Flavour, name: Name, roles: Set[Name], proxies: Sequence[AccountStatement]
) -> Account:
    is_role = name in roles
    clauses = ""
    if not is_role:
        clauses = account_clauses(session.rows(f"SHOW CREATE USER {quoted(name)}")[0][0])
        if any(f"{word} '" in clauses for word in _CERTIFICATE):
            clauses = _with_quoted_certificates(session, name, clauses)
    shown = [text for (text,) in session.rows(f"SHOW GRANTS FOR {quoted(name)}") if not text.startswith(_PROXY_GRANT)]
    grants = list(proxies)
    for item in (item for text in shown for item in parse_account_statements(text)):
        # MariaDB prints what a role has from its own roles beside its own grants.
        if item.grantee != name and not (is_role and item.grantee in roles):
            raise Defect(
                f"A grant of {name} is shown as one of {item.grantee}: {item.text[:120]}", "report this as a defect"
            )
        if item.grantee == name and item.privileges != ("USAGE",):
            grants.append(item)
    if not flavour.is_mariadb:
        clauses, defaults = flavour.split_default_roles(clauses)
        if defaults:
            grants.append(parse_account_statement(f"ALTER USER {quoted(name)} {defaults}"))
    return Account(name, is_role, clauses, tuple(grants))


def _with_quoted_certificates(session: Session, name: Name, clauses: str) -> str:
    """The clauses of an account with quotes and backslashes in the names of certificates escaped.

    Some versions print them as they are: MySQL 9.7, MariaDB 11.8.
    """
    (found,) = session.records(
        "SELECT x509_subject AS `subject`, x509_issuer AS `issuer`, ssl_cipher AS `cipher` FROM mysql.user "
        "WHERE user = %s AND host = %s",
        [name.user, name.host],
    )
    for word, value in found.items():
        text = value.decode("utf-8") if isinstance(value, bytes) else str(value or "")
        if "'" in text or "\\" in text:
            clauses = clauses.replace(f"{word.upper()} '{text}'", f"{word.upper()} {quote_text(text)}", 1)
    return clauses


def account_in_use(session: Session) -> Name:
    """The account that a session is authenticated as."""
    user, _at, host = str(session.value("SELECT CURRENT_USER()")).rpartition("@")
    return Name(user, host)


def existence_statements(account: Account, flavour: Flavour) -> list[str]:
    """Statements that make an account be there, with its login; a bootstrap account is never altered."""
    if account.name == PUBLIC:
        return []
    name = quoted(account.name)
    if account.is_role:
        return [f"CREATE ROLE IF NOT EXISTS {name}"]
    created = f"CREATE USER IF NOT EXISTS {name} {account.clauses}".rstrip()
    if flavour.is_like_role(clause_sections(account.clauses)):
        # Rules for passwords refuse an empty one where a user is made, but not where a role is, which is a user, too.
        created = f"CREATE ROLE IF NOT EXISTS {name}"
    if (account.name.user, account.name.host) in flavour.bootstrap_accounts:
        return [created]
    return [created, f"ALTER USER {name} {complete_clauses(account.clauses, flavour)}".rstrip()]


def complete_clauses(clauses: str, flavour: Flavour) -> str:
    """The clauses of an account with the defaults spelled out, so that altering an account leaves nothing behind.

    MySQL prints them all but for limits; MariaDB leaves all defaults out.
    """
    sections = clause_sections(clauses)
    limits = limits_of(sections)
    if not flavour.is_mariadb:
        identified = sections.get("IDENTIFIED", "")
        if len(identified.split()) == len(("IDENTIFIED", "WITH", "plugin")) and not flavour.is_like_role(sections):
            # without it, the server takes the empty password for one that has expired
            clauses = with_clause(clauses, "IDENTIFIED", f"{identified} AS ''")
        spelled = "WITH " + " ".join(f"{name} {limits.get(name, '0')}" for name in _LIMITS_OF_BOTH)
        if "FAILED_LOGIN_ATTEMPTS" not in sections and flavour.number >= (8, 0, 19):
            spelled += " FAILED_LOGIN_ATTEMPTS 0 PASSWORD_LOCK_TIME 0"
        if "WITH" in sections:
            return with_clause(clauses, "WITH", spelled)
        # limits stand behind what is demanded of the connection, before everything else
        return with_clause(clauses, "REQUIRE", f"{sections.get('REQUIRE', 'REQUIRE NONE')} {spelled}")
    parts = [
        sections.get("IDENTIFIED", "IDENTIFIED VIA mysql_native_password USING ''"),
        sections.get("REQUIRE", "REQUIRE NONE"),
        "WITH " + " ".join(f"{name} {limits.get(name, '0')}" for name in _LIMITS),
        sections.get("ACCOUNT", "ACCOUNT UNLOCK"),
        sections.get("PASSWORD EXPIRE", "PASSWORD EXPIRE DEFAULT"),
    ]
    return " ".join(parts)


def limits_of(sections: Mapping[str, str]) -> dict[str, str]:
    """The resource limits in the clauses of an account: name -> number."""
    words = sections.get("WITH", "").split()[1:]
    return dict(zip(words[0::2], words[1::2]))


def grant_statements(account: Account, objects: bool) -> list[str]:
    """What an account was granted, as SQL: either on tables and routines, or everything else."""
    return [grant.text for grant in account.grants if (grant.level in OBJECT_LEVELS) == objects]


def statements_of(account: Account, flavour: Flavour) -> list[str]:
    """All statements of an account."""
    return existence_statements(account, flavour) + [grant.text for grant in account.grants]


def masked(statements: Sequence[str]) -> str:
    """Statements with every hash masked: whatever stands in quotes or as a number behind the login's keywords."""
    return "".join(f"{mask_login(statement)};\n" for statement in statements)


def mask_login(statement: str) -> str:
    """A statement with the hashes of its login masked."""
    parsed = parse_account_statement(statement)
    if parsed.level not in (CREATE_USER, ALTER_USER):
        return statement
    login = clause_sections(statement).get("IDENTIFIED")
    return statement if login is None else statement.replace(login, _HASH.sub("'***'", login))


def export_sql(accounts: Sequence[Account], flavour: Flavour) -> str:
    """All accounts as one script, in the order that a server without any of them needs."""
    ordered = sorted(accounts, key=lambda account: not account.is_role)
    lines = ["-- Accounts: roles, users, memberships and grants, with the hashes of the passwords"]
    lines += [f"{statement};" for account in ordered for statement in existence_statements(account, flavour)]
    # Memberships first: a default role must have been granted.
    plain = [(account, grant) for account in ordered for grant in account.grants if grant.level not in OBJECT_LEVELS]
    for wanted in (ROLE, None, DEFAULT_ROLE):
        lines += [
            f"{grant.text};"
            for _account, grant in plain
            if grant.level == wanted or (wanted is None and grant.level not in (ROLE, DEFAULT_ROLE))
        ]
    lines.append(OBJECTS_MARK)
    lines += [f"{statement};" for account in ordered for statement in grant_statements(account, True)]
    return "\n".join(lines) + "\n"


def read_script(script: str) -> list[AccountStatement]:
    """The statements of a script that :func:`export_sql` wrote, in order."""
    return [parsed for statement in split_statements(script) for parsed in parse_account_statements(statement.text)]


def by_account(statements: Iterable[AccountStatement]) -> dict[Name, list[AccountStatement]]:
    """Statements by the account that they are about, each in order."""
    grouped: dict[Name, list[AccountStatement]] = {}
    for statement in statements:
        grouped.setdefault(statement.grantee, []).append(statement)
    return grouped


def second_passwords(server: Server) -> list[str]:
    """Accounts with a second password, which no statement shows and none can set, each as a sentence."""
    if server.flavour.is_mariadb:
        return []
    with server.session() as session, explaining("looking for second passwords"):
        found = session.rows(
            "SELECT user, host FROM mysql.user WHERE JSON_CONTAINS_PATH(user_attributes, 'one', '$.additional_password') "
            "ORDER BY 1, 2"
        )
    return [
        f"The second password of {Name(*row)} was left out: MySQL lets only the first one be taken along."
        for row in found
    ]


def missing_objects(server: Server, accounts: Sequence[Account]) -> tuple[list[Account], list[str]]:
    """The accounts without grants on tables and routines that do not exist, which no server would take.

    Returns:
        The accounts, and what was left out, each as a sentence.
    """
    wanted = {
        (grant.level, grant.database or "", grant.object or "")
        for account in accounts
        for grant in account.grants
        if grant.level in OBJECT_LEVELS
    }
    if not wanted:
        return list(accounts), []
    with server.session() as session, explaining("looking for the objects of grants"):
        there = {
            (TABLE, *row) for row in session.rows("SELECT table_schema, table_name FROM information_schema.tables")
        }
        there |= {
            (kind.lower(), database, name)
            for kind, database, name in session.rows(
                "SELECT routine_type, routine_schema, routine_name FROM information_schema.routines"
            )
        }
    gone = wanted - there
    omissions = [
        f"A grant on the {level} {database}.{name} was left out: it does not exist."
        for level, database, name in sorted(gone)
    ]
    kept = [
        replace(
            account,
            grants=tuple(
                grant for grant in account.grants if (grant.level, grant.database or "", grant.object or "") not in gone
            ),
        )
        for account in accounts
    ]
    return kept, omissions
