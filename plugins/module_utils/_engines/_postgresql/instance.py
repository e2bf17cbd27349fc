# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a server is, and whether the login may back it up. Private to this collection."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.connection import (
    Access,
    explained,
    psycopg_version,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.properties import read_databases
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.tools import parse_version
from ansible_collections.vya.backupdb.plugins.module_utils._errors import NoSuchDatabase, Unsupported
from ansible_collections.vya.backupdb.plugins.module_utils._model import Database

if TYPE_CHECKING:
    from psycopg import Connection as Session

#: The oldest server whose catalogs and text forms this engine knows.
OLDEST_SERVER = 120000
TEMPLATE1 = "template1"
POSTGRES = "postgres"
#: Databases that initdb makes, so that they are on an empty server too.
INITIAL_DATABASES = (POSTGRES, TEMPLATE1)

_FACTS = """
SELECT name, setting FROM pg_catalog.pg_settings
 WHERE name IN ('data_directory', 'config_file', 'hba_file', 'ident_file', 'data_checksums', 'wal_segment_size',
                'block_size', 'server_encoding', 'lc_messages', 'lc_monetary', 'lc_numeric', 'lc_time', 'max_connections',
                'shared_preload_libraries', 'listen_addresses', 'TimeZone', 'password_encryption')
"""
_LOGIN = """
SELECT r.rolname, r.rolsuper, r.rolcreatedb, r.rolcreaterole, r.rolbypassrls,
       pg_catalog.pg_has_role('pg_read_all_settings', 'USAGE'), pg_catalog.pg_is_in_recovery(),
       pg_catalog.has_table_privilege('pg_catalog.pg_authid', 'SELECT'),
       (SELECT rolname FROM pg_catalog.pg_roles WHERE oid = 10),
       pg_catalog.current_setting('server_version')
  FROM pg_catalog.pg_roles r WHERE r.rolname = current_user
"""
# What somebody made in a database. Every object that a dump would hold depends on one of these, or is one.
_USER_OBJECTS = """
SELECT EXISTS (SELECT FROM pg_catalog.pg_class WHERE oid >= 16384)
    OR EXISTS (SELECT FROM pg_catalog.pg_proc WHERE oid >= 16384)
    OR EXISTS (SELECT FROM pg_catalog.pg_type WHERE oid >= 16384)
    OR EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE oid >= 16384 AND nspname !~ '^pg_(toast_)?temp_')
    OR EXISTS (SELECT FROM pg_catalog.pg_extension WHERE oid >= 16384)
    OR EXISTS (SELECT FROM pg_catalog.pg_foreign_data_wrapper WHERE oid >= 16384)
    OR EXISTS (SELECT FROM pg_catalog.pg_event_trigger)
    OR EXISTS (SELECT FROM pg_catalog.pg_publication)
    OR EXISTS (SELECT FROM pg_catalog.pg_default_acl)
    OR EXISTS (SELECT FROM pg_catalog.pg_collation WHERE oid >= 16384 AND collnamespace <> 11)
    OR EXISTS (SELECT FROM pg_catalog.pg_cast WHERE oid >= 16384)
    OR EXISTS (SELECT FROM pg_catalog.pg_language WHERE oid >= 16384)
    OR EXISTS (SELECT FROM pg_catalog.pg_largeobject_metadata)
"""
# What a login that is no superuser misses in one database.
_UNREADABLE = """
SELECT pg_catalog.format('%I.%I', n.nspname, c.relname)
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
                      AND d.objid = c.oid AND d.deptype = 'e')
   AND NOT (pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND pg_catalog.has_table_privilege(c.oid, 'SELECT'))
 ORDER BY 1
"""
_ROW_SECURITY = """
SELECT pg_catalog.format('%I.%I', n.nspname, c.relname)
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE pg_catalog.row_security_active(c.oid) ORDER BY 1
"""
_UNREADABLE_LARGE_OBJECTS = """
SELECT pg_catalog.count(*) FROM pg_catalog.pg_largeobject_metadata m
 WHERE NOT (pg_catalog.pg_has_role(m.lomowner, 'USAGE') OR EXISTS (
       SELECT FROM pg_catalog.aclexplode(m.lomacl) a WHERE a.privilege_type = 'SELECT'
          AND (a.grantee = 0 OR pg_catalog.pg_has_role(a.grantee, 'USAGE'))))
"""
_HIDDEN = """
SELECT (SELECT pg_catalog.count(*) FROM pg_catalog.pg_subscription s
          JOIN pg_catalog.pg_database d ON d.oid = s.subdbid WHERE d.datname = pg_catalog.current_database()),
       (SELECT pg_catalog.count(*) FROM pg_catalog.pg_user_mappings u
         WHERE u.umoptions IS NULL AND NOT pg_catalog.pg_has_role(u.umuser, 'USAGE'))
"""


@dataclass(frozen=True)
class Server:
    """A server as one look found it.

    Args:
        version: ``15.18``.
        number: the same as libpq says it: 150018.
        user: the login in use.
        superuser, create_database, create_role, bypass_row_security, read_settings: what it may.
        read_hashes: whether it may read pg_authid.
        standby: whether the server replays another one's changes.
        bootstrap: name of the superuser that initdb made; it cannot be removed.
        facts: what a rebuild compares.
        databases: every one but template0, the biggest first.
    """

    version: str
    number: int
    user: str
    superuser: bool
    create_database: bool
    create_role: bool
    bypass_row_security: bool
    read_settings: bool
    read_hashes: bool
    standby: bool
    bootstrap: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    databases: Sequence[Database] = ()

    @property
    def major(self) -> int:
        """Major version."""
        return self.number // 10000

    def database(self, name: str) -> Database | None:
        """The database of a name, or None."""
        return next((item for item in self.databases if item.name == name), None)


def look(session: Session[Any]) -> Server:
    """What the server is.

    Raises:
        BackupError: it is too old.
    """
    number = session.info.server_version
    if number < OLDEST_SERVER:
        raise Unsupported(
            f"The server is PostgreSQL {number // 10000}; the oldest version that is supported is"
            f" {OLDEST_SERVER // 10000}.",
            "upgrade the server",
        )
    (user, superuser, createdb, createrole, bypass, read_settings, standby, hashes, bootstrap, version) = (
        session.execute(_LOGIN).fetchone()
    )
    facts: dict[str, Any] = dict(session.execute(_FACTS).fetchall())
    facts["driver"] = psycopg_version()
    return Server(
        version=".".join(str(part) for part in parse_version(version)[:2]) if version[0].isdigit() else version,
        number=number,
        user=user,
        superuser=superuser,
        create_database=createdb,
        create_role=createrole,
        bypass_row_security=bypass,
        read_settings=read_settings,
        read_hashes=hashes,
        standby=standby,
        bootstrap=bootstrap,
        facts=facts,
        databases=read_databases(session, number),
    )


def has_user_objects(session: Session[Any]) -> bool:
    """Whether anybody ever made anything in the database of a session."""
    row = session.execute(_USER_OBJECTS).fetchone()
    return bool(row and row[0])


def select(
    databases: Sequence[Database], patterns: Sequence[str], exclude: Sequence[str], initial: frozenset[str]
) -> list[Database]:
    """The databases that patterns name, in the order given.

    A pattern is a shell pattern for the whole name, upper and lower case different; the database that has the pattern
    itself as its name is always meant. To leave out, an exact name means that database alone.

    Args:
        databases: those there are.
        patterns: what to take.
        exclude: what to leave out.
        initial: names that only their exact name selects.

    Raises:
        UsageError: a pattern matches nothing.
    """
    names = [database.name for database in databases]
    chosen: set[str] = set()
    missing = []
    for pattern in patterns:
        matches = {name for name in _matching(names, pattern) if name == pattern or name not in initial}
        if not matches and not initial.intersection(_matching(names, pattern)):
            missing.append(pattern)
        chosen |= matches
    if missing:
        there = ", ".join(sorted(names))
        raise NoSuchDatabase(
            f"No database matches {', '.join(repr(item) for item in missing)}.",
            f"correct the pattern; the server has: {there}",
        )
    for pattern in exclude:
        chosen.difference_update([pattern] if pattern in names else _matching(names, pattern))
    return [database for database in databases if database.name in chosen]


def _matching(names: Sequence[str], pattern: str) -> list[str]:
    return [name for name in names if name == pattern or fnmatch.fnmatchcase(name, pattern)]


def general_privileges(server: Server) -> list[str]:
    """What the login lacks on the whole server for a complete backup, each as a sentence."""
    if server.superuser:
        return []
    lacking = [f"{server.user} is not a superuser, so subscriptions and passwords of user mappings cannot be read."]
    if not server.read_hashes:
        lacking.append(
            f"{server.user} cannot read pg_authid, so the password hashes of roles cannot be backed up"
            " (managed servers hide them from everybody)."
        )
    if not server.read_settings:
        lacking.append(f"{server.user} is not a member of pg_read_all_settings, so some settings cannot be read.")
    if not server.bypass_row_security:
        lacking.append(f"{server.user} has no BYPASSRLS, so tables with row-level security cannot be backed up.")
    return lacking


@dataclass(frozen=True)
class Readability:
    """Whether a login can dump one database: what forbids it, and what would be missing."""

    problems: Sequence[str] = ()
    warnings: Sequence[str] = ()


def readability(access: Access, server: Server, database: Database) -> Readability:
    """Whether the login can dump a database completely; superusers always can."""
    name = database.name
    problem = None
    if not database.properties["valid"]:
        problem = f"The database {name!r} is left over from an interrupted DROP DATABASE: drop it, or exclude it."
    elif not database.properties["allow_connections"]:
        problem = (
            f"The database {name!r} allows no connections: exclude it, or ALTER DATABASE ... ALLOW_CONNECTIONS true."
        )
    elif not database.properties["connectable"]:
        problem = f"{server.user} may not connect to the database {name!r}: GRANT CONNECT on it."
    if problem is not None:
        return Readability([problem])
    if server.superuser:
        return Readability()
    with explained(f"checking privileges in {database.name}"), access.session(database.name) as session:
        return _readability_of(session, server, database.name)


def _readability_of(session: Session[Any], server: Server, name: str) -> Readability:
    problems, warnings = [], []
    unreadable = [row[0] for row in session.execute(_UNREADABLE)]
    if unreadable:
        problems.append(
            f"{server.user} cannot read {_some(unreadable)} in the database {name!r}: grant it pg_read_all_data, or"
            " SELECT on tables and sequences and USAGE on their schemas."
        )
    hidden = [row[0] for row in session.execute(_ROW_SECURITY)]
    if hidden:
        problems.append(
            f"Row-level security hides rows of {_some(hidden)} in the database {name!r} from {server.user}: back up as a"
            " superuser, or give the login BYPASSRLS."
        )
    large_objects = session.execute(_UNREADABLE_LARGE_OBJECTS).fetchone()[0]
    if large_objects:
        problems.append(
            f"{server.user} cannot read {large_objects} large objects in the database {name!r}: back up as a superuser,"
            " or grant SELECT on them."
        )
    subscriptions, mappings = session.execute(_HIDDEN).fetchone()
    if subscriptions:
        warnings.append(
            f"{subscriptions} subscriptions of the database {name!r} are left out: only a superuser can read them."
        )
    if mappings:
        warnings.append(
            f"The options of {mappings} user mappings of the database {name!r} are left out: only their owners and"
            " superusers can read them."
        )
    return Readability(problems, warnings)


def _some(names: Sequence[str], limit: int = 10) -> str:
    shown = ", ".join(names[:limit])
    return shown if len(names) <= limit else f"{shown} and {len(names) - limit} more"
