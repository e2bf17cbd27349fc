# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What differs between MySQL and MariaDB, and between their versions: in this place only. Private to this collection.

From the reference manuals of MySQL 8.0 to 9 and MariaDB 10.6 to 11.8.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Optional

from ansible_collections.vya.backupdb.plugins.module_utils._errors import Unsupported
from ansible_collections.vya.backupdb.plugins.module_utils._model import Connection
from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_accounts import clause_sections

MARIADB = "mariadb"
MYSQL = "mysql"

SYSTEM_DATABASES = frozenset(("information_schema", "performance_schema", "mysql", "sys"))

#: Oldest servers that this engine was written for.
_OLDEST = {MARIADB: (10, 4), MYSQL: (8, 0)}

#: The first MySQL that gives tables primary keys of its own, and can hide them.
_INVISIBLE_KEYS = (8, 0, 30)
_SHOWN_KEYS = "show_gipk_in_create_table_and_information_schema"

#: The last one is of the packages of Debian and Ubuntu, and its password, if it has one, lies on the host.
_MYSQL_ACCOUNTS = ("mysql.sys", "mysql.session", "mysql.infoschema", "debian-sys-maint")

TITLES = {MARIADB: "MariaDB", MYSQL: "MySQL"}


#: Types of columns that only one product has.
OWN_TYPES = {MARIADB: ("inet4", "inet6", "uuid", "xmltype"), MYSQL: ()}

_OLD_LOGIN = (
    "Give these accounts new passwords where they come from (ALTER USER … IDENTIFIED WITH caching_sha2_password BY …), or restore "
    "without accounts (roles: none) and make them anew"
)


@dataclass(frozen=True)
class Flavour:
    """A product and its version.

    Args:
        name: ``mariadb`` or ``mysql``.
        version: as the server says it.
        number: (major, minor, patch).
        session: session variables that every connection sets, beside the common ones.
        clients: names of the command-line client, the preferred one first.
        dumpers: names of the dump program.
        system_accounts: accounts that belong to the server itself: never exported, never touched.
        bootstrap_accounts: accounts that an installation makes: created where they are absent, never altered.
    """

    name: str
    version: str
    number: tuple[int, ...]
    session: Mapping[str, str] = field(default_factory=dict)
    clients: Sequence[str] = ()
    dumpers: Sequence[str] = ()
    system_accounts: frozenset[tuple[str, str]] = frozenset()
    bootstrap_accounts: frozenset[tuple[str, str]] = frozenset((("root", "localhost"), ("mysql", "localhost")))

    @property
    def title(self) -> str:
        """How the product writes itself."""
        return TITLES[self.name]

    @property
    def is_mariadb(self) -> bool:
        """Whether it is MariaDB."""
        return self.name == MARIADB

    @property
    def too_old(self) -> Optional[str]:
        """Why this version is not supported, as a sentence; None if it is."""
        oldest = _OLDEST[self.name]
        if self.number >= oldest:
            return None
        return f"{self.title} {self.version} is older than {'.'.join(map(str, oldest))}, the oldest supported version."

    # reading data

    @property
    def keeps_history(self) -> bool:
        """Whether the old rows of system-versioned tables can be loaded again (MariaDB 10.11, MDEV-16546)."""
        return self.is_mariadb and self.number >= (10, 11)

    @property
    def json_is_text(self) -> bool:
        """MariaDB's JSON is LONGTEXT with a check; MySQL's is a type of its own that only takes utf8mb4."""
        return self.is_mariadb

    @property
    def sent_rows(self) -> str:
        """How the server says how many rows the last SELECT sent.

        MySQL calls FOUND_ROWS() deprecated with a warning, which would count among those of the statement.
        """
        return "FOUND_ROWS()" if self.is_mariadb else "-1"

    def hashed(self, expression: str) -> str:
        """A hash of an expression, in hexadecimal digits: MySQL 9.6 has moved MD5 to a component that need not be there."""
        return f"MD5({expression})" if self.is_mariadb else f"SHA2({expression}, 256)"

    @property
    def has_libraries(self) -> bool:
        """Whether databases can hold libraries for routines in other languages."""
        return not self.is_mariadb and self.number >= (9, 2)

    @property
    def client_raw_options(self) -> tuple[str, ...]:
        """Options with which the client prints binary columns as they are."""
        return () if self.is_mariadb else ("--skip-binary-as-hex",)

    # loading

    @property
    def load_session(self) -> Mapping[str, str]:
        """Session variables for loading: rows are taken as they were, whatever today's rules say."""
        values = {
            "sql_mode": "'NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES'",
            "foreign_key_checks": "0",
            "innodb_strict_mode": "0",
        }
        if self.is_mariadb:
            values["check_constraint_checks"] = "0"
            if self.keeps_history:
                values["system_versioning_insert_history"] = "1"
        elif self.number >= _INVISIBLE_KEYS:
            # A table without a primary key stays one.
            values["sql_generate_invisible_primary_key"] = "0"
            values["sql_require_primary_key"] = "0"
        return values

    @property
    def dump_options(self) -> tuple[str, ...]:
        """Options of the dump program that only one product knows."""
        if self.is_mariadb:
            return ()
        options = ("--set-gtid-purged=OFF", "--column-statistics=0")
        if self.number >= (8, 4):
            options += (f"--init-command=SET SESSION {_SHOWN_KEYS}=1",)
        return options

    # accounts

    @property
    def user_session(self) -> Mapping[str, str]:
        """Session variables for SHOW CREATE USER: hashes that hold binary bytes come as hexadecimal."""
        return {} if self.is_mariadb else {"print_identified_with_as_hex": "1"}

    def is_like_role(self, clauses: Mapping[str, str]) -> bool:
        """Whether MySQL's CREATE ROLE makes such an account: without a password, expired and locked."""
        return not self.is_mariadb and (
            clauses.get("IDENTIFIED") == "IDENTIFIED WITH 'caching_sha2_password'"
            and clauses.get("PASSWORD EXPIRE") == "PASSWORD EXPIRE"
            and clauses.get("ACCOUNT") == "ACCOUNT LOCK"
        )

    @property
    def restricted(self) -> frozenset[str]:
        """Session variables that want a privilege, even for the value that they have."""
        if self.is_mariadb:
            return frozenset()
        return frozenset(
            ("innodb_strict_mode", "max_error_count", "sql_generate_invisible_primary_key", "sql_require_primary_key")
        )

    @property
    def removed_plugins(self) -> Mapping[str, str]:
        """Authentication plugins that are not there any more, with what to do."""
        return {"mysql_native_password": _OLD_LOGIN} if not self.is_mariadb and self.number >= (9, 0) else {}

    def split_default_roles(self, clauses: str) -> tuple[str, str]:
        """MySQL's clauses of an account without its default roles, and those, as ALTER USER takes them."""
        sections = clause_sections(clauses)
        defaults = sections.pop("DEFAULT", "")
        return " ".join(sections.values()), defaults

    # programs

    def client_tls(self, mode: str, connection: Connection) -> list[tuple[str, Optional[str]]]:
        """Lines of an options file that ask the client programs for the same TLS as the driver uses."""
        if mode in ("disable", "allow"):
            return [("skip-ssl", None)] if self.is_mariadb else [("ssl-mode", "DISABLED")]
        lines: list[tuple[str, Optional[str]]] = []
        if self.is_mariadb:
            lines.append(("ssl", None))
            # MariaDB's clients check the certificate and the host name together, or neither.
            lines.append(("ssl-verify-server-cert" if mode == "verify-full" else "skip-ssl-verify-server-cert", None))
        else:
            names = {"prefer": "PREFERRED", "require": "REQUIRED", "verify-ca": "VERIFY_CA"}
            lines.append(("ssl-mode", names.get(mode, "VERIFY_IDENTITY")))
        for name, value in (
            ("ssl-ca", connection.ca_cert),
            ("ssl-cert", connection.client_cert),
            ("ssl-key", connection.client_key),
        ):
            if value:
                lines.append((name, value))
        return lines


def flavour_of(version: str) -> Flavour:
    """The flavour for what ``SELECT VERSION()`` says.

    Raises:
        BackupError: the text has an unknown form.
    """
    match = re.match(r"(?:5\.5\.5-)?(\d+)\.(\d+)\.(\d+)", version)
    if match is None:
        raise Unsupported(f"The server calls its version {version!r}.", "use a MySQL or MariaDB server")
    number = tuple(int(part) for part in match.groups())
    if "mariadb" in version.lower():
        return Flavour(
            MARIADB,
            version,
            number,
            session={"max_statement_time": "0"},
            clients=("mariadb", "mysql"),
            dumpers=("mariadb-dump", "mysqldump"),
            system_accounts=frozenset((("mariadb.sys", "localhost"),)),
        )
    session = {"max_execution_time": "0", "information_schema_stats_expiry": "0"}
    if number >= _INVISIBLE_KEYS:
        session[_SHOWN_KEYS] = "1"
    return Flavour(
        MYSQL,
        version,
        number,
        session=session,
        clients=("mysql",),
        dumpers=("mysqldump",),
        system_accounts=frozenset((name, "localhost") for name in _MYSQL_ACCOUNTS),
    )
