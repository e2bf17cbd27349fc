# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a server has the locale that a database needs. Private to this collection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.connection import psycopg_error
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.quoting import literal

if TYPE_CHECKING:
    from psycopg import Connection as Session

#: The first version in which a database has a collation version.
_FIRST_WITH_VERSIONS = 150000
_ALWAYS_THERE = frozenset({"C", "POSIX"})
#: The server's function that compares a locale with an encoding (src/backend/commands/dbcommands.c), since version 8.4.
_REFUSES_ENCODINGS = "check_encoding_locale_matches"
#: Locale of the builtin provider -> first version that has it.
_BUILTIN = {"C": 170000, "C.UTF-8": 170000, "PG_UNICODE_FAST": 180000}


def missing_locale(session: Session[Any], version: int, properties: Mapping[str, Any]) -> Optional[str]:
    """What is missing for creating a database with its recorded locale; None if nothing is.

    The server is asked to make a temporary collation of that locale in a transaction that is rolled back: it loads the
    locale as it would for a database.
    """
    provider = properties.get("locale_provider", "libc")
    if provider == "builtin":
        locale = str(properties["locale"])
        if version < _BUILTIN.get(locale, 10**9):
            return f"the server has no builtin locale {locale!r}: restore to a newer version of PostgreSQL."
    names = {properties["lc_collate"], properties["lc_ctype"]} - _ALWAYS_THERE
    for name in sorted(names):
        said = _refusal(session, f"provider = libc, locale = {literal(name)}")
        if said is not None:
            return (
                f"the server's host has no locale {name!r} ({said}): install it (on Debian: add it to /etc/locale.gen, run"
                " locale-gen, and restart the server)."
            )
    if provider == "icu":
        rules = f", rules = {literal(properties['icu_rules'])}" if properties.get("icu_rules") else ""
        said = _refusal(session, f"provider = icu, locale = {literal(properties['locale'])}{rules}")
        if said is not None:
            return f"the server does not accept the ICU locale {properties['locale']!r} ({said}): install a build with ICU."
    return None


def collation_version(number: int) -> str:
    """The query for the version of the library's rules by which the session's database sorts; NULL if it has none.

    Args:
        number: the server's version number.
    """
    if number < _FIRST_WITH_VERSIONS:
        return "SELECT NULL"
    return (
        "SELECT pg_catalog.pg_database_collation_actual_version(oid)::text FROM pg_catalog.pg_database"
        " WHERE datname = pg_catalog.current_database()"
    )


def version_here(session: Session[Any], properties: Mapping[str, Any]) -> Optional[str]:
    """The version by which a database with its recorded locale would sort on this server; None if it has none."""
    provider = properties.get("locale_provider", "libc")
    locale = properties["lc_collate"] if provider == "libc" else properties["locale"]
    if provider not in ("libc", "icu") or locale in _ALWAYS_THERE:
        return None
    session.execute("BEGIN")
    try:
        session.execute(f"CREATE COLLATION pg_temp.backupdb_probe (provider = {provider}, locale = {literal(locale)})")
        query = "SELECT pg_catalog.pg_collation_actual_version('pg_temp.backupdb_probe'::pg_catalog.regcollation)"
        (version,) = session.execute(query).fetchone()
    except psycopg_error():
        # a locale that does not fit the encoding of our own database; what is missing is a matter of missing_locale
        return None
    finally:
        session.execute("ROLLBACK")
    return None if version is None else str(version)


def _refusal(session: Session[Any], options: str) -> Optional[str]:
    """What the server says against a collation; None if it accepts it."""
    session.execute("BEGIN")
    try:
        session.execute(f"CREATE COLLATION pg_temp.backupdb_probe ({options})")
    except psycopg_error() as error:
        said = " ".join(str(error).split())
        # A collation must fit the encoding of the database that asks; what does not was loaded all the same. The server
        # may speak any language, so the function that refused is asked for, and not the text.
        function = getattr(getattr(error, "diag", None), "source_function", None)
        fits = function == _REFUSES_ENCODINGS or "does not match" in said or "not supported for" in said
        return None if fits else said
    finally:
        session.execute("ROLLBACK")
    return None
