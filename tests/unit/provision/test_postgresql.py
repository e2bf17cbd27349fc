# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a host needs for a set of PostgreSQL."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.initdb import initdb_options
from ansible_collections.vya.backupdb.plugins.module_utils._errors import UsageError
from ansible_collections.vya.backupdb.plugins.module_utils._provision.needs import LeftOut, Needs
from ansible_collections.vya.backupdb.plugins.module_utils._provision.postgresql import PostgresqlPlanner
from ansible_collections.vya.backupdb.plugins.module_utils._provision.postgresql_settings import (
    Settings,
    hba_lines,
    ident_lines,
)

from tests.support.paths import CHECKOUT
from tests.unit.provision.sets import recorded

NAMES = yaml.safe_load((CHECKOUT / "roles" / "provision" / "vars" / "debian.yml").read_text())["__provision_platform"]
KNOWN = frozenset(
    {"work_mem", "search_path", "shared_buffers", "listen_addresses", "port", "DateStyle", "archive_command"}
)


def parameter(name: str, setting: str, unit: str | None = None, source: str = "configuration file") -> dict[str, Any]:
    return {"name": name, "setting": setting, "unit": unit, "source": source}


def chosen(
    *parameters: dict[str, Any], known: frozenset[str] = KNOWN, settings: dict[str, Any] | None = None
) -> tuple[list[str], dict[str, str]]:
    found = Settings(
        recorded("postgresql", "15.18", {"parameters": list(parameters)}, chosen=settings or {}),
        known,
        "/nowhere",
        "PostgreSQL 17",
    )
    lines = found.lines()
    return lines, {item.name: item.reason for item in found.left_out}


def test_values_are_written_so_that_they_come_back() -> None:
    lines, _left_out = chosen(parameter("search_path", '"$user", it\'s, back\\slash'))
    assert lines == ["search_path = '\"$user\", it''s, back\\\\slash'"]


def test_the_text_of_the_file_wins_over_the_number() -> None:
    item = recorded(
        "postgresql",
        "15.18",
        {
            "parameters": [parameter("work_mem", "17408", "kB")],
            "files": [
                {"name": "work_mem", "setting": "4MB", "applied": False},
                {"name": "work_mem", "setting": "17MB", "applied": True},
            ],
        },
    )
    assert Settings(item, KNOWN, "/nowhere", "PostgreSQL 17").lines() == ["work_mem = '17MB'"]


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        (parameter("old_snapshot_threshold", "60"), "PostgreSQL 17 does not know it"),
        (parameter("archive_command", "rm -rf /"), "reaches out"),
        (parameter("primary_conninfo", "password=x"), "reaches out"),
        (parameter("recovery_target_time", "2026-01-01"), "reaches out"),
        (parameter("port", "5433"), "backupdb_server_settings"),
        (parameter("listen_addresses", "127.0.0.1,192.0.2.7"), "addresses of the lost host"),
        (parameter("listen_addresses", "db1.example.com"), "addresses of the lost host"),
        (parameter("shared_buffers", "1048576", "8kB"), "too little memory"),
        (parameter("ssl_cert_file", "/no/such.pem"), "no such file"),
        (parameter("shared_preload_libraries", "pg_cron"), "pg_cron is not installed"),
        (parameter("work_mem", "1\narchive_command = 'x'"), "not one line"),
    ],
)
def test_what_is_not_applied_is_named(item: dict[str, Any], reason: str) -> None:
    known = KNOWN | {"primary_conninfo", "data_directory", "ssl_cert_file", "shared_preload_libraries"}
    lines, left_out = chosen(item, known=known)
    assert lines == []
    assert reason in left_out[item["name"]]
    assert item["setting"] not in left_out[item["name"]] or item["setting"] == "pg_cron"


def test_libraries_come_from_the_server_alone(tmp_path: Path) -> None:
    (tmp_path / "good.so").touch()

    def lines(value: str) -> list[str]:
        item = recorded("postgresql", "15.18", {"parameters": [parameter("shared_preload_libraries", value)]})
        return Settings(item, frozenset({"shared_preload_libraries"}), str(tmp_path), "PostgreSQL 17").lines()

    assert len(lines("good")) == len(lines("$libdir/good, good.so")) == 1
    assert lines("good, bad") == lines(f"{tmp_path}/good") == lines("$libdir/../good") == []


@pytest.mark.parametrize("value", ["*", "localhost", "", "127.0.0.1, ::1", "::"])
def test_addresses_of_any_host_are_applied(value: str) -> None:
    assert chosen(parameter("listen_addresses", value))[0] == [f"listen_addresses = '{value}'"]


def test_what_the_packages_decide_is_not_worth_a_word() -> None:
    assert chosen(parameter("data_directory", "/srv"), {**parameter("port", "5432"), "boot_val": "5432"}) == ([], {})


def test_settings_of_extensions_are_kept() -> None:
    assert chosen(parameter("pg_stat_statements.max", "1000"))[0] == ["pg_stat_statements.max = '1000'"]


@pytest.mark.parametrize("source", ["command line", "environment variable"])
def test_what_was_said_at_the_start_is_no_setting(source: str) -> None:
    assert chosen(parameter("work_mem", "1", source=source)) == ([], {})


def test_the_operator_wins() -> None:
    lines, left_out = chosen(
        parameter("work_mem", "17MB"),
        parameter("port", "5433"),
        parameter("DateStyle", "ISO, DMY"),
        settings={"WORK_MEM": "1MB", "port": 5434, "datestyle": None, "listen_addresses": ""},
    )
    assert lines == ["work_mem = '1MB'", "port = '5434'", "listen_addresses = ''"]
    assert left_out == {}


@pytest.mark.parametrize(
    ("name", "value"), [("data_directory", "/srv"), ("wrok_mem", "1"), ("work_mem", "1\n2"), ("x y", "1")]
)
def test_wrong_settings_of_the_operator_are_refused(name: str, value: str) -> None:
    (problem,) = Settings(
        recorded("postgresql", "15.18", {}, chosen={name: value}), KNOWN, "/nowhere", "PostgreSQL 17"
    ).problems()
    assert "backupdb_server_settings" in problem


def rule(**values: Any) -> dict[str, Any]:
    return {
        "line_number": 7,
        "type": "host",
        "database": ["all"],
        "user_name": ["all"],
        "address": None,
        "netmask": None,
        "auth_method": "peer",
        "options": None,
        "error": None,
        **values,
    }


def test_rules_are_written_as_they_were_read() -> None:
    left_out: list[LeftOut] = []
    rules = [
        rule(type="local", database=["a b", 'q"uo"te'], user_name=["+readers", "größer"]),
        rule(address="10.0.0.0", netmask="255.0.0.0", auth_method="scram-sha-256"),
        rule(address="::1", netmask="ffff::", auth_method="cert", options=["map=my map", "clientcert=verify-full"]),
    ]
    assert hba_lines(rules, left_out) == [
        'local\t"a b","q""uo""te"\t+readers,größer\tpeer',
        "host\tall\tall\t10.0.0.0\t255.0.0.0\tscram-sha-256",
        'host\tall\tall\t::1\tffff::\tcert\tmap="my map"\tclientcert=verify-full',
    ]
    assert left_out == []


def test_a_rule_with_a_password_rejects() -> None:
    left_out: list[LeftOut] = []
    lines = hba_lines(
        [rule(address="all", auth_method="ldap", options=["ldapserver=x", "ldapbindpasswd=SECRET"])], left_out
    )
    assert lines == ["host\tall\tall\tall\treject"]
    assert [item.name for item in left_out] == ["rule in line 7 of pg_hba.conf"]
    assert "SECRET" not in str(left_out)


def test_a_rule_cannot_bring_another_one() -> None:
    left_out: list[LeftOut] = []
    assert hba_lines([rule(database=["a\nhost all all all trust"])], left_out) == []
    assert len(left_out) == 1


def test_user_maps() -> None:
    rows = [
        {"map_name": "m", "sys_name": "root", "pg_username": "a b", "error": None},
        {"map_name": "m", "sys_name": "/^(.*)@example$", "pg_username": "\\1", "error": None},
        {"map_name": None, "sys_name": None, "pg_username": None, "error": "wrong"},
    ]
    assert ident_lines(rows) == ['m\troot\t"a b"', 'm\t/^(.*)@example$\t"\\1"']


FACTS = {
    "server_encoding": "UTF8",
    "data_checksums": "on",
    "wal_segment_size": str(32 << 20),
    "lc_messages": "de_DE.UTF-8",
    "lc_time": "C",
}
LIBC = {"encoding": "UTF8", "lc_collate": "de_DE.UTF-8", "lc_ctype": "de_DE.UTF-8", "locale_provider": "libc"}


def test_a_cluster_is_made_as_it_was() -> None:
    item = recorded("postgresql", "15.18", {}, FACTS, LIBC)
    assert initdb_options(item.manifest.databases, item.facts, 17) == [
        "--lc-messages=de_DE.UTF-8",
        "--lc-time=C",
        "--encoding=UTF8",
        "--lc-collate=de_DE.UTF-8",
        "--lc-ctype=de_DE.UTF-8",
        "--locale-provider=libc",
        "--data-checksums",
        "--wal-segsize=32",
    ]


def test_without_checksums_there_are_none_in_version_18_either() -> None:
    item = recorded("postgresql", "15.18", {}, {**FACTS, "data_checksums": "off"}, LIBC)
    assert not [word for word in initdb_options(item.manifest.databases, item.facts, 17) if "checksums" in word]
    assert "--no-data-checksums" in initdb_options(item.manifest.databases, item.facts, 18)


def test_an_icu_locale_is_one_again() -> None:
    item = recorded("postgresql", "15.18", {}, FACTS, {**LIBC, "locale_provider": "icu", "locale": "und-u-ks-level2"})
    assert {"--locale-provider=icu", "--icu-locale=und-u-ks-level2"} <= set(
        initdb_options(item.manifest.databases, item.facts, 15)
    )


@pytest.fixture
def names(tmp_path: Path) -> dict[str, Any]:
    """The places of Debian, in a folder; the packages are not installed."""

    def moved(value: Any) -> Any:
        return str(tmp_path) + value if isinstance(value, str) and value.startswith("/") else value

    return {name: moved(value) for name, value in NAMES["postgresql"].items()}


def needs(names: dict[str, Any], **more: Any) -> Needs:
    extensions = more.pop("extensions", ())
    extra = more.pop("extra", ())
    return PostgresqlPlanner(recorded("postgresql", "15.18", {}, FACTS, LIBC, extensions, **more), names, extra).needs()


def test_a_bare_host_gets_packages_of_the_recorded_version(names: dict[str, Any]) -> None:
    found = needs(names, extensions=("plpgsql", "postgis", "postgis_topology", "vector"))
    assert found.programs == ["postgresql-15"]
    assert found.packages == [
        "postgresql-client-15",
        "python3-psycopg",
        "postgresql-15-pgvector",
        "postgresql-15-postgis-3",
    ]
    assert found.locales == ["de_DE.UTF-8"]
    assert (found.problems, found.files, found.installed, found.holds_data) == ([], [], False, False)


def test_another_version_can_be_asked_for(names: dict[str, Any]) -> None:
    found = needs(names, extensions=("ip4r",), release="17")
    assert found.programs == ["postgresql-17"]
    assert "postgresql-17-ip4r" in found.packages


def test_an_older_version_is_refused(names: dict[str, Any]) -> None:
    (problem,) = needs(names, release="14").problems
    assert "ask for 15 or newer" in problem


def test_a_version_that_is_none_is_refused(names: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="no major version"):
        needs(names, release="17; rm -rf /")


def cluster(names: dict[str, Any], *oids: int, name: str = "main") -> Path:
    data = Path(place(names, "data_directory", name))
    for oid in (1, 4, 5, *oids):
        (data / "base" / str(oid)).mkdir(parents=True)
    (data / "PG_VERSION").write_text("15\n")
    return data


def place(names: dict[str, Any], key: str, cluster: str) -> str:
    return str(names[key]).replace("{release}", "15").replace("{cluster}", cluster)


def mark(names: dict[str, Any], name: str = "main") -> None:
    marker = Path(place(names, "marker", name))
    marker.parent.mkdir(parents=True, exist_ok=True)
    marker.touch()


def test_a_cluster_of_somebody_else_is_refused(names: dict[str, Any]) -> None:
    cluster(names)
    (problem,) = needs(names).problems
    assert "was set up by somebody else" in problem


def test_a_cluster_that_holds_databases_is_refused(names: dict[str, Any]) -> None:
    cluster(names, 16384)
    (problem,) = needs(names).problems
    assert "holds databases" in problem


def test_a_cluster_of_another_version_is_refused(names: dict[str, Any]) -> None:
    cluster(names, 16384)
    (problem,) = needs(names, release="17").problems
    assert re.search("another cluster .*/15/main", problem)


def test_our_own_cluster_is_gone_on_with(names: dict[str, Any]) -> None:
    cluster(names, 16384)
    mark(names)
    found = needs(names)
    assert (found.problems, found.initialised, found.holds_data) == ([], True, True)


def named(names: dict[str, Any], data_directory: str, **more: Any) -> Needs:
    facts = {**FACTS, "data_directory": data_directory}
    return PostgresqlPlanner(recorded("postgresql", "15.18", {}, facts, LIBC, **more), names, ()).needs()


def test_a_cluster_keeps_its_name(names: dict[str, Any]) -> None:
    assert named(names, place(names, "data_directory", "weekly")).cluster == "weekly"
    assert named(names, "/srv/data").cluster == "main"
    assert named(names, place(names, "data_directory", "weekly"), cluster="monthly").cluster == "monthly"


@pytest.mark.parametrize("name", ["../x", "a b", "-x", "a\n", ""])
def test_a_name_that_is_none_is_refused(names: dict[str, Any], name: str) -> None:
    assert named(names, place(names, "data_directory", name)).cluster == "main"
    if name:
        with pytest.raises(UsageError, match="no name of a cluster"):
            named(names, "/srv/data", cluster=name)


def test_clusters_that_were_made_for_other_instances_are_left_alone(names: dict[str, Any]) -> None:
    cluster(names, 16384, name="weekly")
    (problem,) = needs(names).problems
    assert re.search("another cluster .*/15/weekly", problem)
    mark(names, "weekly")
    assert needs(names).problems == []
