# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Settings of a server that a rebuild needs beside its databases. Private to this collection."""

from __future__ import annotations

import re
from typing import Any, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.connection import (
    Session,
    driver_errors,
    error_number,
    explaining,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.flavour import Flavour

#: Variables that hold secrets: report_password and wsrep_sst_auth, but not validate_password.length and default_authentication_plugin.
_SECRET = re.compile(r"(password|_pwd|_auth|token|filekey)\Z|passphrase|secret")
#: What is none, whatever the name: disconnect_on_expired_password.
_SWITCHED = ("ON", "OFF")

_NO_SUCH_TABLE = 1146

#: Variables that say where this one server lives, not how it is set up: recorded, never to be applied elsewhere.
_STATE = ("gtid_", "hostname", "server_uuid", "pid_file", "timestamp")

#: Variables that sessions set, ours among them: MySQL calls the global ones changed then. Their compiled values.
_OF_SESSIONS = {
    "character_set_client": "utf8mb4",
    "character_set_connection": "utf8mb4",
    "character_set_results": "utf8mb4",
    "collation_connection": "utf8mb4_0900_ai_ci",
    "foreign_key_checks": "ON",
    "information_schema_stats_expiry": "86400",
    "innodb_strict_mode": "ON",
    "lock_wait_timeout": "31536000",
    "max_error_count": "1024",
    "max_execution_time": "0",
    "net_read_timeout": "30",
    "net_write_timeout": "60",
    "print_identified_with_as_hex": "OFF",
    "restrict_fk_on_non_standard_key": "ON",
    "show_gipk_in_create_table_and_information_schema": "ON",
    "sql_generate_invisible_primary_key": "OFF",
    "sql_log_bin": "ON",
    "sql_notes": "ON",
    "sql_quote_show_create": "ON",
    "sql_require_primary_key": "OFF",
    "sql_safe_updates": "OFF",
    "sql_select_limit": "18446744073709551615",
    "terminology_use_previous": "NONE",
    "time_zone": "SYSTEM",
    "transaction_isolation": "REPEATABLE-READ",
    "transaction_read_only": "OFF",
    "unique_checks": "ON",
    "wait_timeout": "28800",
}


def is_secret(name: str, value: Optional[str]) -> bool:
    """Whether the value of a variable must not be recorded."""
    return bool(_SECRET.search(name)) and value not in _SWITCHED


def read_settings(session: Session, flavour: Flavour) -> dict[str, Any]:
    """Variables that differ from their compiled default, plugins, components, time zones.

    Raises:
        BackupError: the server refused.
    """
    with explaining("reading the server's settings"):
        variables = _mariadb_variables(session) if flavour.is_mariadb else _mysql_variables(session)
        plugins = session.records(
            "SELECT plugin_name AS name, plugin_type AS type, plugin_library AS `library` "
            "FROM information_schema.plugins WHERE plugin_status = 'ACTIVE' AND plugin_library IS NOT NULL ORDER BY 1"
        )
        functions = session.records("SELECT name AS name, dl AS `library` FROM mysql.func ORDER BY 1")
        # Their passwords stay where they are.
        servers = session.records(
            "SELECT server_name AS name, wrapper AS wrapper, host AS host, port AS port, db AS name_there, "
            "username AS user FROM mysql.servers ORDER BY 1"
        )
        components = _components(session, flavour)
        zones = int(session.value("SELECT COUNT(*) FROM mysql.time_zone_name"))
    return {
        "variables": {
            name: {**item, "value": "***" if is_secret(name, item["value"]) else item["value"]}
            for name, item in variables.items()
            if not name.startswith(_STATE)
        },
        "plugins": plugins,
        "components": components,
        "functions": functions,
        "servers": servers,
        "time_zones_loaded": zones > 0,
    }


def _mariadb_variables(session: Session) -> dict[str, dict[str, Any]]:
    found = session.records(
        "SELECT variable_name AS name, global_value AS value, global_value_origin AS origin, default_value AS standard, "
        "read_only AS fixed FROM information_schema.system_variables WHERE global_value IS NOT NULL "
        "AND global_value_origin NOT IN ('COMPILE-TIME', 'AUTO') ORDER BY 1"
    )
    return {
        item["name"].lower(): {
            "value": item["value"],
            "default": item["standard"],
            "origin": item["origin"].lower(),
            "dynamic": item["fixed"] != "YES",
        }
        for item in found
        if item["value"] != item["standard"]
    }


def _mysql_variables(session: Session) -> dict[str, dict[str, Any]]:
    found = session.records(
        "SELECT v.variable_name AS name, g.variable_value AS value, v.variable_source AS origin "
        "FROM performance_schema.variables_info v JOIN performance_schema.global_variables g "
        "ON g.variable_name = v.variable_name WHERE v.variable_source <> 'COMPILED' ORDER BY 1"
    )
    return {
        item["name"].lower(): {"value": item["value"], "origin": str(item["origin"]).lower()}
        for item in found
        if item["origin"] != "DYNAMIC" or item["value"] != _OF_SESSIONS.get(item["name"].lower())
    }


def _components(session: Session, flavour: Flavour) -> list[str]:
    if flavour.is_mariadb:
        return []
    try:
        return [row[0] for row in session.rows("SELECT component_urn FROM mysql.component ORDER BY 1")]
    except driver_errors() as error:
        # The table is there from the first component on.
        if error_number(error) == _NO_SUCH_TABLE:
            return []
        raise
