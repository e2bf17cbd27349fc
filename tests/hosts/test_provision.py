# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A host that is lost, and bare ones in its place: by one command to running servers, proven equal."""

from __future__ import annotations

import secrets
from typing import Any

import pytest

from tests.demo.content import script
from tests.hosts.host import SHARED, Estate, Host, variables
from tests.integration.playbooks.site import Run, Site

#: whole hosts are installed, twice
pytestmark = pytest.mark.timeout(2400)
INSTANCES = [
    {"name": "main", "engine": "postgresql"},
    {"name": "reports", "engine": "postgresql", "login_port": 5433},
    {"name": "web", "engine": "mysql"},
]
REPOSITORY = f"{SHARED}/repository"
COPIES = [{"name": "offsite", "path": f"{SHARED}/copy", "config": {"type": "local"}}]
TOOLS = ("zstd", "acl", "attr", "locales", "rclone", "python3-psycopg", "python3-pymysql")
#: release of Debian -> what is asked for beside the recorded versions. The newer one has no repository, only the copy.
RELEASES: dict[str, dict[str, Any]] = {
    "bookworm": {},
    "trixie": {
        "backupdb_server_version": {"main": "17", "reports": "17", "web": "11.8"},
        "backupdb_repository": "/var/backups/backupdb",
        "backupdb_from": "offsite",
    },
}
POSTGRESQL_CONFIGURATION = """
listen_addresses = '*'
work_mem = '17MB'
log_min_duration_statement = '3s'
shared_preload_libraries = 'pg_stat_statements'
pg_stat_statements.max = 2345
archive_mode = on
archive_command = 'false'
old_snapshot_threshold = '1h'
search_path = '"$user", public, pg_catalog'
application_name = 'it''s \\\\ odd'
"""
RULES = """
local   all   postgres   peer
local   "Odd ""name""; it's 50% \\ größer 日本"   all   peer
hostnossl   all   reporting,+readers   10.11.12.0/24   reject
host   all   all   10.0.0.0 255.0.0.0   md5
host   all   all   ldap.example.com   ldap ldapserver=ldap.example.com ldapbinddn="cn=a b" ldapbindpasswd=SECRET ldapbasedn="dc=a"
host   all   all   all   scram-sha-256
"""
MARIADB_CONFIGURATION = """
[mariadbd]
bind_address = 0.0.0.0
lower_case_table_names = 1
character_set_server = utf8mb4
collation_server = utf8mb4_german2_ci
sql_mode = "STRICT_ALL_TABLES,NO_ZERO_DATE"
max_connections = 234
event_scheduler = ON
server_id = 77
log_bin
innodb_defragment = OFF
innodb_stats_persistent_sample_pages = 33
"""
LOCALE = """
CREATE DATABASE german ENCODING 'UTF8' LOCALE 'de_DE.UTF-8' TEMPLATE template0;
CREATE DATABASE euro ENCODING 'LATIN9' LOCALE 'de_DE@euro' TEMPLATE template0;
"""
WORDS = """
CREATE EXTENSION pg_stat_statements;
CREATE EXTENSION ip4r;
CREATE TABLE word (id int PRIMARY KEY, text text, address ip4r);
CREATE INDEX ON word (text);
INSERT INTO word VALUES (1, 'Äpfel', '10.0.0.1'), (2, 'Zebra', NULL), (3, 'Ähre', NULL);
"""


def fill_postgresql(host: Host) -> None:
    """A cluster that differs from the packages' one in all that an initialisation decides."""
    passwords = {word: secrets.token_urlsafe(12) for word in ("APP_PASSWORD", "REPORTING_PASSWORD")}
    host.install(*TOOLS, "postgresql-common")
    host.run("sh", "-c", "printf 'de_DE.UTF-8 UTF-8\\nde_DE@euro ISO-8859-15\\n' >/etc/locale.gen && locale-gen")
    host.run("sh", "-c", "echo create_main_cluster = false >>/etc/postgresql-common/createcluster.conf")
    host.install("postgresql-15", "postgresql-15-ip4r")
    host.run("pg_createcluster", "15", "main", "--locale=de_DE.UTF-8", "--", "--data-checksums", "--wal-segsize=32")
    host.write("/etc/postgresql/15/main/conf.d/site.conf", POSTGRESQL_CONFIGURATION)
    host.write("/etc/postgresql/15/main/pg_hba.conf", RULES)
    host.run("pg_ctlcluster", "15", "main", "start")
    psql(host, "postgres", script("postgresql_roles.sql", passwords) + LOCALE)
    psql(host, "shop", script("postgresql_shop.sql", passwords))
    psql(host, "billing", script("postgresql_billing.sql", passwords))
    psql(host, "german", WORDS)
    host.run("pg_createcluster", "15", "weekly", "--port=5433", "--locale=C.UTF-8", "--start")
    psql(host, "postgres", "CREATE DATABASE figures", 5433)
    psql(host, "figures", "CREATE TABLE figure AS SELECT generate_series(1, 10) AS number", 5433)


def fill_mariadb(host: Host) -> None:
    """A server that differs from the packages' one in what is stored."""
    passwords = {word: secrets.token_urlsafe(12) for word in ("APP_PASSWORD", "REPORTING_PASSWORD")}
    host.run("mkdir", "-p", "/etc/mysql/mariadb.conf.d")
    host.write("/etc/mysql/mariadb.conf.d/70-site.cnf", MARIADB_CONFIGURATION)
    host.install("mariadb-server", "mariadb-client")
    host.run("sh", "-c", "mariadb-tzinfo-to-sql /usr/share/zoneinfo | mariadb mysql")
    for name in ("accounts", "shop", "legacy"):
        host.run("mariadb", data=script(f"mariadb_{name}.sql", passwords))


def psql(host: Host, database: str, text: str, port: int = 5432) -> str:
    return host.run(
        "setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups",
        "psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1", "--dbname", database,
        f"--port={port}",
        data=text,
    )  # fmt: skip


@pytest.fixture(scope="module")
def lost(hosts: Estate, site: Site) -> str:
    """The name of a host that was backed up, and is gone."""
    host = hosts.host("db1", "bookworm")
    fill_postgresql(host)
    fill_mariadb(host)
    site.host("db1", INSTANCES, **variables(host, {"backupdb_repository": REPOSITORY, "backupdb_copies": COPIES}))
    site.play("backup", "-e", "backupdb_proof=content")
    site.play("replicate")
    hosts.remove(host)
    return "db1"


def rebuild(site: Site, name: str, *arguments: str, code: int = 0) -> Run:
    return site.play(
        "disaster_recovery",
        "--limit",
        name,
        "-e",
        '{"backupdb_provision": true, "backupdb_confirm": false}',
        *arguments,
        code=code,
    )


@pytest.mark.parametrize("release", RELEASES)
def test_a_bare_host_takes_the_place_of_a_lost_one(hosts: Estate, site: Site, lost: str, release: str) -> None:
    name = f"new-{release}"
    host = hosts.host(name, release)
    wanted = {"backupdb_rebuild_from": lost, "backupdb_repository": REPOSITORY, **RELEASES[release]}
    site.host(name, **variables(host, wanted))

    first = rebuild(site, name)

    for instance in ("main", "reports", "web"):
        assert first.row(instance)["ok"], first.output
        assert first.row(instance)["differences"] == 0
    check_postgresql(host, release)
    check_mariadb(host, release)
    assert "archive_command" in first.output
    assert "SECRET" not in first.output

    second = rebuild(site, name)
    assert second.counts(name)["changed"] == 0, second.output


def check_postgresql(host: Host, release: str) -> None:
    """The cluster is like the lost one, seen without any of the collection's code."""

    def show(setting: str) -> str:
        return psql(host, "german", f"SHOW {setting}").strip()

    assert show("server_version").split(".")[0] == {"bookworm": "15", "trixie": "17"}[release]
    assert show("data_checksums") == "on"
    assert show("wal_segment_size") == "32MB"
    assert show("work_mem") == "17MB"
    assert show("listen_addresses") == "*"
    assert show("archive_mode") == "off"
    assert show("pg_stat_statements.max") == "2345"
    assert show("application_name") != ""
    assert show("lc_monetary") == "de_DE.UTF-8"
    assert psql(host, "german", "SELECT text FROM word ORDER BY text LIMIT 2").split() == ["Ähre", "Äpfel"]
    rules = psql(host, "german", "SELECT type, user_name, auth_method FROM pg_hba_file_rules WHERE error IS NULL")
    assert rules.splitlines() == [
        "local|{postgres}|peer",
        "local|{all}|peer",
        "hostnossl|{reporting,+readers}|reject",
        "host|{all}|md5",
        "host|{all}|reject",
        "host|{all}|scram-sha-256",
    ]
    version = show("server_version").split(".")[0]
    assert psql(host, "figures", "SELECT sum(number), current_setting('cluster_name') FROM figure", 5433).strip() == (
        f"55|{version}/weekly"
    )
    for cluster in ("main", "weekly"):
        assert host.run("systemctl", "is-active", f"postgresql@{version}-{cluster}").strip() == "active"
    assert host.run("systemctl", "is-enabled", "postgresql").strip() == "enabled"


def check_mariadb(host: Host, release: str) -> None:
    """The server is like the lost one, seen without any of the collection's code."""

    def variable(name: str) -> str:
        return host.run("mariadb", "-BN", "-e", f"SELECT @@GLOBAL.{name}").strip()

    assert variable("version").startswith({"bookworm": "10.11.", "trixie": "11.8."}[release])
    assert variable("lower_case_table_names") == "1"
    assert variable("collation_server") == "utf8mb4_german2_ci"
    assert variable("sql_mode") == "STRICT_ALL_TABLES,NO_ZERO_DATE"
    assert variable("max_connections") == "234"
    assert variable("event_scheduler") == "OFF"
    assert variable("log_bin") == "1"
    assert variable("server_id") == "1"
    assert host.run("mariadb", "-BN", "-e", "SELECT CONVERT_TZ('2026-07-01 12:00:00', 'UTC', 'Europe/Vienna')").strip()
    assert host.run("systemctl", "is-enabled", "mariadb").strip() == "enabled"
