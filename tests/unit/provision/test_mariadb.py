# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a host needs for a set of MySQL or MariaDB."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._errors import UsageError
from ansible_collections.vya.backupdb.plugins.module_utils._provision.mariadb import (
    MYSQL,
    MariadbPlanner,
    MysqlPlanner,
    Variables,
)
from ansible_collections.vya.backupdb.plugins.module_utils._provision.needs import Needs

from tests.unit.provision.sets import recorded
from tests.unit.provision.test_postgresql import NAMES

KNOWN = frozenset(
    "max_connections sql_mode log_bin bind_address ssl_cert innodb_buffer_pool_size event_scheduler port server_id collation_server"
    " datadir gtid_domain_id default_time_zone rsa_key secure_file_priv".split()
)


def chosen(
    variables: dict[str, Any], facts: dict[str, Any] | None = None, settings: dict[str, Any] | None = None
) -> tuple[list[str], dict[str, str]]:
    values = {name: {"value": value} for name, value in variables.items()}
    item = recorded("mariadb", "10.11.14-MariaDB", {"variables": values}, facts, chosen=settings or {})
    found = Variables(item, KNOWN, "MariaDB 11.8", ("server_audit_",))
    lines = found.lines()
    return lines, {item.name: item.reason for item in found.left_out}


def test_values_are_quoted() -> None:
    assert chosen({"max_connections": "234"})[0] == ['max_connections = "234"']
    assert chosen({"max_connections": 'a\\"b'})[0] == ['max_connections = "a\\\\\\"b"']


def test_what_data_depends_on_is_said_even_where_it_was_the_default() -> None:
    lines, _left_out = chosen({}, {"sql_mode": "", "collation_server": "latin1_swedish_ci", "hostname": "db1"})
    assert lines == ['collation_server = "latin1_swedish_ci"', 'sql_mode = ""']


def test_the_time_zone_is_an_option_of_another_name() -> None:
    assert chosen({"datadir": "/srv"}, {"time_zone": "SYSTEM"}) == (['default_time_zone = "SYSTEM"'], {})


def test_the_binary_log_has_no_name() -> None:
    assert chosen({"log_bin": "ON"})[0] == chosen({}, {"log_bin": "ON"})[0] == ["log_bin"]
    assert chosen({}, {"log_bin": "OFF"})[0] == []
    assert chosen({"log_bin": "OFF"})[0] == []


def test_settings_of_recorded_plugins_wait_for_the_plugin() -> None:
    assert chosen({"server_audit_logging": "ON"})[0] == ['loose_server_audit_logging = "ON"']


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("innodb_checksum_algorithm", "crc32", "MariaDB 11.8 does not know it"),
        ("port", "3307", "backupdb_server_settings"),
        ("server_id", "77", "backupdb_server_settings"),
        ("event_scheduler", "ON", "after fencing"),
        ("gtid_domain_id", "1", "after fencing"),
        ("bind_address", "192.0.2.7", "addresses of the lost host"),
        ("ssl_cert", "/no/such.pem", "no such file"),
        ("secure_file_priv", "/no/such/", "no such directory"),
        ("innodb_buffer_pool_size", str(64 << 30), "too little memory"),
        ("rsa_key", "***", "secret"),
        ("sql_mode", "x\n[client]", "not one line"),
    ],
)
def test_what_is_not_applied_is_named(name: str, value: str, reason: str) -> None:
    lines, left_out = chosen({name: value})
    assert lines == []
    assert reason in left_out[name]


def test_the_operator_wins() -> None:
    lines, left_out = chosen(
        {"max_connections": "234", "server_id": "77"}, settings={"max-connections": 1, "server_id": 5, "log_bin": True}
    )
    assert lines == ['max_connections = "1"', 'server_id = "5"', "log_bin"]
    assert left_out == {}


@pytest.mark.parametrize(
    ("name", "value"), [("datadir", "/srv"), ("max_conections", 1), ("sql_mode", "a\nb"), ("x y", 1)]
)
def test_wrong_settings_of_the_operator_are_refused(name: str, value: Any) -> None:
    item = recorded("mariadb", "10.11.14-MariaDB", {}, chosen={name: value})
    (problem,) = Variables(item, KNOWN, "MariaDB 11.8", ()).problems()
    assert "backupdb_server_settings" in problem


@pytest.fixture
def names(tmp_path: Path) -> dict[str, Any]:
    """The places of Debian, in a folder; the packages are not installed."""

    def moved(value: Any) -> Any:
        if isinstance(value, list):
            return [moved(item) for item in value]
        return str(tmp_path) + value if isinstance(value, str) and value.startswith("/") else value

    return {name: moved(value) for name, value in NAMES["mariadb"].items()}


def needs(names: dict[str, Any], settings: dict[str, Any] | None = None, **more: Any) -> Needs:
    return MariadbPlanner(recorded("mariadb", "10.11.14-MariaDB", settings or {}, **more), names, ()).needs()


def test_a_bare_host_gets_the_packages_of_plugins(names: dict[str, Any]) -> None:
    plugins = [{"name": "ROCKSDB", "library": "ha_rocksdb.so"}, {"name": "SERVER_AUDIT", "library": "server_audit.so"}]
    found = needs(names, {"plugins": plugins, "time_zones_loaded": True})
    assert found.programs == ["mariadb-server-core"]
    assert found.packages == ["mariadb-server", "mariadb-client", "python3-pymysql", "mariadb-plugin-rocksdb"]
    assert (found.release, found.time_zones, found.problems, found.files) == ("10.11", True, [], [])


def test_an_older_series_is_refused(names: dict[str, Any]) -> None:
    (problem,) = needs(names, release="10.6").problems
    assert "ask for 10.11 or newer" in problem


@pytest.mark.parametrize("release", ["11", "11.8.1", "latest"])
def test_a_series_that_is_none_is_refused(names: dict[str, Any], release: str) -> None:
    with pytest.raises(UsageError, match="no series"):
        needs(names, release=release)


@pytest.mark.parametrize(("databases", "said"), [([], "somebody else"), (["shop"], "holds databases")])
def test_a_server_of_somebody_else_is_refused(names: dict[str, Any], databases: list[str], said: str) -> None:
    for name in ("mysql", "performance_schema", "sys", *databases):
        (Path(names["data_directories"][0]) / name).mkdir(parents=True)
    (problem,) = needs(names).problems
    assert said in problem


def test_our_own_server_is_gone_on_with(names: dict[str, Any]) -> None:
    for name in ("mysql", "shop"):
        (Path(names["data_directories"][0]) / name).mkdir(parents=True)
    marker = Path(names["marker"])
    marker.parent.mkdir(parents=True)
    marker.touch()
    found = needs(names)
    assert (found.problems, found.initialised, found.holds_data) == ([], True, True)


def mysql_lines(facts: dict[str, Any], settings: dict[str, Any] | None = None) -> tuple[list[str], dict[str, str]]:
    item = recorded("mysql", "9.7.4", {}, facts, chosen=settings or {})
    found = Variables(item, KNOWN, "MySQL 9.7", (), MYSQL)
    lines = found.lines()
    return lines, {item.name: item.reason for item in found.left_out}


def test_events_of_mysql_do_not_run_before_the_operator_says_so() -> None:
    lines, left_out = mysql_lines({"event_scheduler": "ON"})
    assert lines == ['event_scheduler = "OFF"']
    assert "after fencing" in left_out["event_scheduler"]
    assert mysql_lines({"event_scheduler": "OFF"}) == (['event_scheduler = "OFF"'], {})
    assert mysql_lines({"event_scheduler": "ON"}, {"event_scheduler": True}) == (['event_scheduler = "on"'], {})


def test_the_binary_log_of_mysql_is_on_unless_it_was_off() -> None:
    assert mysql_lines({"log_bin": "ON", "event_scheduler": "OFF"})[0] == ['event_scheduler = "OFF"']
    assert mysql_lines({"log_bin": "OFF", "event_scheduler": "OFF"})[0] == ["skip_log_bin", 'event_scheduler = "OFF"']


@pytest.mark.parametrize(("there", "problems"), [(True, 0), (False, 1)])
def test_components_of_mysql_are_installed_where_their_library_is(tmp_path: Path, there: bool, problems: int) -> None:
    program = tmp_path / "mysqld"
    program.write_text(
        "#!/bin/sh\necho 'mysqld  Ver 9.7.4-2 for Linux'\necho '-------------------- -----'\necho 'max-connections  151'\n"
    )
    program.chmod(0o755)
    if there:
        (tmp_path / "component_validate_password.so").touch()
    names = {
        **NAMES["mysql"],
        "program": str(program),
        "plugins_directory": str(tmp_path),
        "data_directories": [str(tmp_path / "none")],
        "marker": str(tmp_path / "marker"),
    }
    settings = {
        "components": ["file://component_validate_password"],
        "plugins": [{"name": "auth_socket", "library": "auth_socket.so"}],
        "variables": {"max_connections": {"value": "5"}, "validate_password.length": {"value": "9"}},
    }
    found = MysqlPlanner(recorded("mysql", "9.7.4", settings, {"event_scheduler": "OFF"}), names, ()).needs()
    assert len(found.problems) == problems
    assert found.components == (["file://component_validate_password"] if there else [])
    (file,) = found.files
    assert file.path == "/etc/mysql/mysql.conf.d/zz-backupdb.cnf"
    assert file.content.splitlines()[1:] == [
        "[mysqld]",
        'max_connections = "5"',
        'loose_validate_password.length = "9"',
        'event_scheduler = "OFF"',
    ]
    assert "mysql-server" in found.packages
