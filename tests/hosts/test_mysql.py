# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""MySQL 9: a host that is lost, and a bare one in its place, proven equal."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

import pytest

from tests.hosts.host import Estate, Host, variables
from tests.integration.playbooks.site import Run, Site

#: whole hosts are installed, twice
pytestmark = pytest.mark.timeout(2400)
INSTANCES = [{"name": "web", "engine": "mysql"}]
TOOLS = ("zstd", "acl", "attr", "tzdata", "python3-pymysql", "python3-cryptography")
CONFIGURATION = """
[mysqld]
bind_address = *
lower_case_table_names = 1
character_set_server = latin1
collation_server = latin1_german2_ci
sql_mode = "STRICT_ALL_TABLES,NO_ZERO_DATE"
max_connections = 234
server_id = 77
partial_revokes = ON
event_scheduler = ON
init_connect = "SET @a = 1"
"""
#: nobody else knows it; the same for the whole file, because the accounts of the lost host have to log in
PASSWORDS = {word: secrets.token_urlsafe(12) for word in ("APP_PASSWORD", "SHA_PASSWORD")}
#: columns that show what SHOW CREATE USER may hide; the second password cannot be taken along
ACCOUNTS = """
SELECT user, host, plugin, HEX(authentication_string), account_locked, password_lifetime, max_questions, ssl_type, x509_subject,
  JSON_REMOVE(COALESCE(user_attributes, '{}'), '$.additional_password')
FROM mysql.user WHERE user <> 'root' ORDER BY user, host
"""


def mysql(host: Host, text: str, *arguments: str, code: int | None = 0) -> str:
    return host.run("mysql", "--default-character-set=utf8mb4", "-BN", *arguments, data=text, code=code)


def fill(host: Host) -> None:
    host.install(*TOOLS)
    host.run("mkdir", "-p", "/etc/mysql/mysql.conf.d")
    host.write("/etc/mysql/mysql.conf.d/zz-site.cnf", CONFIGURATION)
    host.install_mysql()
    host.run("sh", "-c", "mysql_tzinfo_to_sql /usr/share/zoneinfo 2>/dev/null | mysql mysql")
    text = Path(__file__).with_name("mysql_content.sql").read_text()
    for word, password in PASSWORDS.items():
        text = text.replace(word, password)
    mysql(host, text)
    mysql(host, "INSTALL COMPONENT 'file://component_validate_password'; SET PERSIST validate_password.length = 11")


@pytest.fixture(scope="module")
def lost(hosts: Estate, site: Site) -> tuple[str, str]:
    """The name of a host that was backed up and is gone, and its accounts."""
    host = hosts.host("db9", "sid")
    fill(host)
    site.host("db9", INSTANCES, **variables(host))
    site.play("backup", "-e", "backupdb_proof=content")
    accounts = mysql(host, ACCOUNTS)
    hosts.remove(host)
    return "db9", accounts


def rebuild(site: Site, name: str) -> Run:
    return site.play(
        "disaster_recovery", "--limit", name, "-e", '{"backupdb_provision": true, "backupdb_confirm": false}'
    )


@pytest.fixture(scope="module")
def rebuilt(hosts: Estate, site: Site, lost: tuple[str, str]) -> tuple[Host, Run]:
    """The host in its place, and the run that has made it."""
    source, _accounts = lost
    host = hosts.host("new9", "sid")
    site.host("new9", **variables(host, {"backupdb_rebuild_from": source}))
    return host, rebuild(site, "new9")


def test_m02_m06_m10_m14_a_bare_host_takes_the_place_of_a_lost_one(
    site: Site, lost: tuple[str, str], rebuilt: tuple[Host, Run]
) -> None:
    _source, accounts = lost
    host, first = rebuilt
    assert first.row("web")["ok"], first.output
    assert first.row("web")["differences"] == 0
    check(host)
    assert mysql(host, ACCOUNTS) == accounts
    assert "init_connect" in first.output

    second = rebuild(site, "new9")
    assert second.counts("new9")["changed"] == 0, second.output


def check(host: Host) -> None:
    """The server is like the lost one, seen without any of the collection's code."""

    def value(expression: str) -> str:
        return mysql(host, f"SELECT {expression}").strip()

    assert value("@@version").startswith("9.")
    for name, expected in {
        "lower_case_table_names": "1",
        "collation_server": "latin1_german2_ci",
        "sql_mode": "STRICT_ALL_TABLES,NO_ZERO_DATE",
        "max_connections": "234",
        "event_scheduler": "OFF",
        "partial_revokes": "1",
        "server_id": "1",
        "log_bin": "1",
        "local_infile": "0",
        "bind_address": "*",
        "init_connect": "",
        "validate_password.length": "11",
    }.items():
        assert value(f"@@GLOBAL.{name}") == expected, name
    assert value("CONVERT_TZ('2026-07-01 12:00:00', 'UTC', 'Europe/Vienna')") == "2026-07-01 14:00:00"
    assert value("shop.twice(21)") == "42"
    # the account with TLS and one with a role that is active by default, over the network and with the old passwords
    for user, word, query in (("app", "APP_PASSWORD", "shop.cheap"), ("sha", "SHA_PASSWORD", "shop.orders")):
        login = ["--protocol=tcp", "--host=127.0.0.1" if user == "app" else "--host=localhost", f"--user={user}"]
        host.write("/root/login.cnf", f"[client]\npassword={PASSWORDS[word]}\n")
        found = host.run(
            "mysql", "--defaults-file=/root/login.cnf", *login, "-BN", "-e", f"SELECT COUNT(*) FROM {query}"
        )
        assert found.strip() == "2", user
        host.write("/root/login.cnf", "[client]\npassword=wrong\n")
        refused = host.run("mysql", "--defaults-file=/root/login.cnf", *login, "-e", "SELECT 1", code=1)
        assert refused == ""
    assert host.run("systemctl", "is-enabled", "mysql").strip() == "enabled"


def test_the_new_host_drills_a_set_of_the_lost_one(
    site: Site, lost: tuple[str, str], rebuilt: tuple[Host, Run]
) -> None:
    source, _accounts = lost
    host, _first = rebuilt
    wanted = {"backupdb_hosts": source, "backupdb_drill_host": "new9", "backupdb_ledger": str(site.folder / "ledger")}
    drill = site.play("drill", "-e", json.dumps(wanted))
    assert drill.row("web")["ok"], drill.output
    assert drill.row("web")["differences"] == 0
    # the server of the host, and nothing else
    assert host.run("sh", "-c", "cat /proc/[0-9]*/comm | grep -c '^mysqld$'").strip() == "1"
