# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Relatives of Red Hat, as far as it can be said without such a host: the data is whole, and they are refused unless asked for."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml
from ansible_collections.vya.backupdb.plugins.module_utils._errors import UsageError
from ansible_collections.vya.backupdb.plugins.module_utils._provision.mariadb import MariadbPlanner
from ansible_collections.vya.backupdb.plugins.module_utils._provision.needs import Needs
from ansible_collections.vya.backupdb.plugins.module_utils._provision.postgresql import PostgresqlPlanner

from tests.support.paths import CHECKOUT, VENV_BIN, ansible_environment
from tests.unit.provision.sets import recorded

ROLE = CHECKOUT / "roles" / "provision"
SERVERS = ("postgresql", "mariadb", "mysql")
#: no line of a task file for all families
PROCEDURES = re.compile(
    r"^ +ansible\.builtin\.(apt|dnf):$|pg_createcluster|createcluster\.d|locale-gen|/etc/locale|glibc|postgresql@"
)


def content(name: str) -> Any:
    return yaml.safe_load((ROLE / name).read_text())


def rendered(version: str) -> dict[str, Any]:
    """The data of Red Hat as Ansible has it, on a release."""
    data = content("vars/redhat.yml")
    facts = {"distribution_major_version": version}
    package = jinja2.Template(data["__provision_mysql_package"]).render(ansible_facts=facts)
    text = json.dumps(data["__provision_platform"])
    platform: dict[str, Any] = json.loads(text.replace("{{ __provision_mysql_package }}", package))
    return platform


DEBIAN: dict[str, Any] = content("vars/debian.yml")["__provision_platform"]
REDHAT = rendered("9")
FAMILIES: list[str] = content("vars/main.yml")["__provision_families"]


def texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for item in value.values() for text in texts(item)]
    return [text for item in value for text in texts(item)] if isinstance(value, list) else [value]


def test_both_families_say_the_same_things() -> None:
    def shape(platform: dict[str, Any]) -> dict[str, Any]:
        return {key: type(value).__name__ for key, value in platform.items()}

    assert shape(REDHAT) == shape(DEBIAN)
    for server in SERVERS:
        assert shape(REDHAT[server]) == shape(DEBIAN[server]), server


def test_every_family_has_its_data_and_its_procedures() -> None:
    assert FAMILIES == ["Debian", "RedHat"]
    for family in FAMILIES:
        for name in ("vars/{}.yml", "tasks/locales_{}.yml", "tasks/cluster_{}.yml"):
            assert (ROLE / name.format(family.lower())).is_file(), (family, name)


@pytest.mark.parametrize("platform", [DEBIAN, REDHAT], ids=FAMILIES)
def test_every_placeholder_is_known(platform: dict[str, Any]) -> None:
    found = {name for text in texts(platform) for name in re.findall(r"{(.*?)}", text)}
    assert found == {"release", *(["cluster"] if platform is DEBIAN else [])}
    assert all("{release}" in package for package in platform["postgresql"]["extension_packages"].values())


def test_other_tasks_hold_nothing_of_a_family() -> None:
    own = tuple(f"_{family.lower()}" for family in FAMILIES)
    for path in (ROLE / "tasks").glob("*.yml"):
        if not path.stem.endswith(own):
            lines = [line for line in path.read_text().splitlines() if PROCEDURES.search(line)]
            assert lines == [], path.name


def test_packages_of_mysql_are_called_after_the_series_since_release_10() -> None:
    assert REDHAT["mysql"]["programs"] == ["mysql-server"]
    assert rendered("10")["mysql"]["programs"] == ["mysql{release}-server"]


def postgresql(facts: dict[str, Any] | None = None, **more: Any) -> Needs:
    item = recorded("postgresql", "15.18", {}, facts, {"lc_collate": "de_DE.UTF-8"}, ("plperl", "vector"), **more)
    return PostgresqlPlanner(item, REDHAT["postgresql"], ()).needs()


def test_packages_of_postgresql_are_those_of_its_project() -> None:
    found = postgresql(release="17")
    assert found.programs == ["postgresql17-server", "postgresql17-contrib"]
    assert found.packages == ["postgresql17", "python3-psycopg3", "pgvector_17", "postgresql17-plperl"]
    assert found.locales == ["de_DE.UTF-8"]


@pytest.mark.parametrize("directory", ["/var/lib/pgsql/15/data", "/var/lib/postgresql/15/weekly", "/srv"])
def test_a_version_has_one_cluster(directory: str) -> None:
    assert postgresql({"data_directory": directory}).cluster == "main"
    with pytest.raises(UsageError, match="one of each major version"):
        postgresql({"data_directory": directory}, cluster="weekly")


def test_the_configuration_lies_in_the_data_directory(tmp_path: Path) -> None:
    program = tmp_path / "postgres"
    program.write_text("#!/bin/sh\nprintf 'work_mem\\tuser\\n'\n")
    program.chmod(0o755)
    names = {**REDHAT["postgresql"], "programs_directory": str(tmp_path)}
    names["extensions_directory"] = str(tmp_path)
    (settings,) = PostgresqlPlanner(recorded("postgresql", "15.18", {}), names, ()).needs().files
    assert settings.path == "/var/lib/pgsql/15/data/conf.d/backupdb.conf"


def test_packages_of_mariadb_are_those_of_the_distribution() -> None:
    plugins = [{"name": "OQGRAPH", "library": "ha_oqgraph.so"}]
    found = MariadbPlanner(recorded("mariadb", "10.11.14", {"plugins": plugins}), REDHAT["mariadb"], ()).needs()
    assert found.programs == ["mariadb-server"]
    assert found.packages == ["mariadb-server", "mariadb", "python3-PyMySQL", "mariadb-oqgraph-engine"]


def play(folder: Path, tasks: list[dict[str, Any]], **variables: Any) -> tuple[int, str]:
    """Runs tasks on this machine, which is said to be another one."""
    path = folder / "play.yml"
    path.write_text(json.dumps([{"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": tasks}]))
    done = subprocess.run(
        [VENV_BIN / "ansible-playbook", "-i", "localhost,", str(path), "-e", json.dumps(variables)],
        env=ansible_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, re.sub(r"\s+", " ", done.stdout + done.stderr)


def system(distribution: str, version: str) -> dict[str, str]:
    major = version.partition(".")[0]
    return {
        "os_family": "RedHat",
        "distribution": distribution,
        "distribution_version": version,
        "distribution_major_version": major,
    }


WARNING = "Warning: localhost is a Rocky 9.4, and setting up servers was not yet tried on a host with that."


@pytest.mark.parametrize(
    ("facts", "options", "code", "said"),
    [
        (system("Rocky", "9.4"), {}, 2, "setting up servers was not yet tried on a host with that. What to do:"),
        (
            system("Rocky", "9.4"),
            {"backupdb_provision_untested": False},
            2,
            "or try it with backupdb_provision_untested",
        ),
        (system("Rocky", "9.4"), {"backupdb_provision_untested": True}, 0, WARNING),
        (
            system("RedHat", "8.10"),
            {"backupdb_provision_untested": True},
            2,
            "it is a RedHat 8.10, and of its family only",
        ),
        (system("Fedora", "42"), {"backupdb_provision_untested": True}, 2, "it is a Fedora 42, and of its family only"),
    ],
)
def test_what_nobody_has_tried_is_refused_unless_it_is_asked_for(
    tmp_path: Path, facts: dict[str, str], options: dict[str, Any], code: int, said: str
) -> None:
    role = {"name": "vya.backupdb.provision", "tasks_from": "untested"}
    found, output = play(tmp_path, [{"ansible.builtin.include_role": role}], ansible_facts=facts, **options)
    assert found == code, output
    assert said in output
    assert ("[BDB-14]" in output) == (code != 0)
    assert ("Warning: localhost" in output) == (code == 0)


def test_tools_ask_before_anything_is_installed() -> None:
    tasks = content("tasks/tools.yml")
    (asked,) = [item for item in tasks if item.get("ansible.builtin.include_tasks") == "untested.yml"]
    assert asked["when"] == "ansible_facts.os_family in __provision_untested"
    installing = [item for item in tasks if "ansible.builtin.package" in item]
    assert tasks.index(asked) < min(tasks.index(item) for item in installing)
    assert list(content("vars/main.yml")["__provision_untested"]) == ["RedHat"]


def test_commands_are_what_the_documents_of_the_packages_say(tmp_path: Path) -> None:
    (langpacks,) = content("tasks/locales_redhat.yml")
    (cluster,) = content("tasks/cluster_redhat.yml")
    command = cluster["block"][0]["ansible.builtin.command"]
    expressions = {
        "locales": (langpacks["ansible.builtin.package"]["name"], langpacks["vars"]),
        "argv": (command["argv"], cluster["vars"]),
        "creates": (command["creates"], cluster["vars"]),
    }
    tasks = [
        {"name": name, "ansible.builtin.debug": {"msg": f"{name} {expression}"}, "vars": variables}
        for name, (expression, variables) in expressions.items()
    ]
    needs = {"release": "17", "initialise": ["--encoding=UTF8", "--data-checksums"]}
    code, output = play(
        tmp_path,
        tasks,
        item="main",
        __provision_platform=REDHAT,
        __provision_needs={"main": needs},
        __provision_found={
            "results": [{"locales": ["de_DE.UTF-8", "de_DE@euro", "sr_RS@latin"]}, {"locales": ["en_US"]}]
        },
    )
    assert code == 0, output
    assert "locales ['glibc-langpack-de', 'glibc-langpack-sr', 'glibc-langpack-en']" in output
    assert (
        "argv ['runuser', '-u', 'postgres', '--', '/usr/pgsql-17/bin/initdb', '--pgdata=/var/lib/pgsql/17/data', '--auth-local=peer',"
        " '--auth-host=scram-sha-256', '--encoding=UTF8', '--data-checksums']"
    ) in output
    assert "creates /var/lib/pgsql/17/data/PG_VERSION" in output
