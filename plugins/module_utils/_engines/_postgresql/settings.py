# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Settings of a server that are not the defaults, and who may log in: what no dump has. Private to this collection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql import acl
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.connection import psycopg_error

if TYPE_CHECKING:
    from psycopg import Connection as Session

#: Sources of a value that say nothing about how the server was configured.
_PARAMETERS = """
SELECT name, setting, unit, source, sourcefile, context, vartype, boot_val, pending_restart
  FROM pg_catalog.pg_settings
 WHERE source NOT IN ('default', 'override', 'session', 'client', 'database user', 'user', 'database')
 ORDER BY name
"""
# A parameter that the session itself set, through its role or otherwise, still has a value in the files.
_FILES = """
SELECT sourcefile, sourceline, name, setting, applied, error FROM pg_catalog.pg_file_settings ORDER BY seqno
"""
_HBA = """
SELECT line_number, type, database, user_name, address, netmask, auth_method, options, error
  FROM pg_catalog.pg_hba_file_rules ORDER BY line_number
"""
_IDENT = """
SELECT line_number, map_name, sys_name, pg_username, error FROM pg_catalog.pg_ident_file_mappings ORDER BY line_number
"""
_TABLESPACES = """
SELECT t.spcname, pg_catalog.pg_get_userbyid(t.spcowner), pg_catalog.pg_tablespace_location(t.oid), t.spcoptions,
       t.spcacl::text[], pg_catalog.shobj_description(t.oid, 'pg_tablespace')
  FROM pg_catalog.pg_tablespace t ORDER BY 1
"""
_IDENT_VIEW = 150000


def read_settings(session: Session[Any], version: int) -> tuple[dict[str, Any], list[str]]:
    """Settings, HBA rules, user maps and tablespaces, and what could not be read.

    Args:
        session: one that sets nothing by itself, so that the server's own values show.
        version: the server's version number.
    """
    omissions: list[str] = []
    settings: dict[str, Any] = {
        "parameters": _rows(session, "settings (pg_settings)", _PARAMETERS, omissions),
        "files": _rows(session, "configuration files (pg_file_settings)", _FILES, omissions),
        "hba": _rows(session, "authentication rules (pg_hba_file_rules)", _HBA, omissions),
        "ident": [],
        "tablespaces": read_tablespaces(session),
    }
    if version >= _IDENT_VIEW:
        settings["ident"] = _rows(session, "user maps (pg_ident_file_mappings)", _IDENT, omissions)
    return settings, omissions


def _rows(session: Session[Any], what: str, query: str, omissions: list[str]) -> list[dict[str, Any]]:
    try:
        cursor = session.execute(query)
    except psycopg_error() as error:
        if getattr(error, "sqlstate", None) != "42501":  # insufficient_privilege
            raise
        omissions.append(f"The server's {what} could not be read: the login is not allowed to.")
        return []
    names = [column.name for column in cursor.description or ()]
    return [dict(zip(names, row)) for row in cursor]


def read_tablespaces(session: Session[Any]) -> list[dict[str, Any]]:
    """Every tablespace, as JSON values."""
    found = []
    for name, owner, location, options, access, comment in session.execute(_TABLESPACES):
        entries: Sequence[acl.AclEntry] = acl.entries_of(access)
        found.append(
            {
                "name": name,
                "owner": owner,
                "location": location,
                "options": options,
                "acl": None if access is None else [list(entry) for entry in entries],
                "comment": comment,
            }
        )
    return found
