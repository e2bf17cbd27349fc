# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The contracts of the roles: the same words for the same variables, and the example inventories keep to them."""

from __future__ import annotations

import copy
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.vya.backupdb.plugins.module_utils._modules import dump, files_archive, files_restore
from ansible_collections.vya.backupdb.plugins.module_utils._modules._options import CONNECTION

from tests.support.paths import CHECKOUT, VENV_BIN, ansible_environment

ROLES = sorted(path.name for path in (CHECKOUT / "roles").iterdir() if path.is_dir())
#: reads no sets: it is handed what hooks get to know
HOOKS = "hooks"
#: what differs on purpose: which entry points need the instances, and the level "none", which only a backup knows
FREE = ("required", "default", "choices")


def specs(role: str) -> dict[str, Any]:
    return yaml.safe_load((CHECKOUT / "roles" / role / "meta" / "argument_specs.yml").read_text())["argument_specs"]


def options_everywhere() -> dict[str, list[tuple[str, dict[str, Any]]]]:
    found: dict[str, list[tuple[str, dict[str, Any]]]] = {}
    for role in ROLES:
        for entry, spec in specs(role).items():
            for option, described in (spec.get("options") or {}).items():
                found.setdefault(option, []).append((f"{role}.{entry}", described))
    return found


def test_instances_are_the_same_in_every_role() -> None:
    first, *others = [described["options"] for _place, described in options_everywhere()["backupdb_instances"]]
    for other in others:
        assert other == first


@pytest.mark.parametrize(
    "option",
    [
        "backupdb_repository",
        "backupdb_set",
        "backupdb_rebuild_from",
        "backupdb_jobs",
        "backupdb_identity",
        "backupdb_staging",
        "backupdb_copies",
        "backupdb_copy_max_lag",
        "backupdb_from",
    ],
)
def test_shared_variables_have_the_same_text(option: str) -> None:
    texts = [
        {key: value for key, value in described.items() if key not in FREE}
        for _place, described in options_everywhere()[option]
    ]
    assert texts.count(texts[0]) == len(texts)


def test_an_instance_takes_the_options_of_its_modules() -> None:
    ((_place, described),) = [item for item in options_everywhere()["backupdb_instances"] if item[0] == "backup.main"]
    options = set(described["options"])
    assert set(CONNECTION) <= options
    own = {"repository", "source", "instance", "set", "progress_file", "run_id", "patterns", "root", "if_exists"}
    own |= {"recipients", "identity", "identity_pipe", "staging", "trusted_keys"}
    for module in (dump, files_archive, files_restore):
        assert set(module.SPEC.options) - own <= options
    for name, option in CONNECTION.items():
        if name != "engine":
            assert described["options"][name]["type"] == option["type"], name
            assert described["options"][name].get("choices") == option.get("choices"), name
    assert described["options"]["login_password"]["no_log"] is True


@pytest.mark.parametrize("role", ROLES)
def test_every_public_variable_that_a_role_reads_is_in_its_contract(role: str) -> None:
    known = {option for spec in specs(role).values() for option in spec.get("options") or {}}
    # read by the action plugins, handed on by set_stats, and to the role hooks
    known |= {"backupdb_live_progress", "backupdb_report"}
    known |= {"backupdb_moment", "backupdb_hook"}
    for path in sorted((CHECKOUT / "roles" / role).rglob("*.yml")):
        if path.parent.name == "meta":
            continue
        for name in re.findall(r"(?<![\w.])backupdb_\w+", path.read_text()):
            assert name in known, f"{path.name} reads {name}"


@pytest.mark.parametrize("role", ROLES)
def test_internals_are_called_after_their_role(role: str) -> None:
    for path in sorted((CHECKOUT / "roles" / role).rglob("*.yml")):
        for name in re.findall(r"\b__\w+", path.read_text()):
            assert name.startswith(f"__{role}_"), f"{path.name}: {name}"


def test_defaults_are_what_the_contract_says() -> None:
    defaults = {"backupdb_repository": "/var/backups/backupdb", "backupdb_set": "latest", "backupdb_proof": "counts"}
    for option, value in defaults.items():
        for place, described in options_everywhere()[option]:
            assert described["default"] == value, place
    for role in set(ROLES) - {HOOKS}:
        text = (CHECKOUT / "roles" / role / "vars" / "main.yml").read_text()
        assert f"backupdb_repository | default('{defaults['backupdb_repository']}')" in text


@pytest.mark.parametrize("name", ["demo", "example"])
def test_inventories_keep_to_the_contract(name: str) -> None:
    shown = subprocess.run(
        [VENV_BIN / "ansible-inventory", "-i", str(CHECKOUT / "inventories" / name), "--list"],
        env=ansible_environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    hosts = json.loads(shown.stdout)["_meta"]["hostvars"]
    assert hosts
    seen = 0
    for host, variables in hosts.items():
        wanted = {key: value for key, value in variables.items() if key.startswith("backupdb_")}
        if "backupdb_instances" not in wanted:
            assert wanted["backupdb_rebuild_from"] in hosts, host
            continue
        seen += 1
        assert validate(wanted) == [], host
    assert seen


def validate(variables: dict[str, Any]) -> list[str]:
    """What the contract says against variables; templates stand for values that fit."""
    roles = ("replicate", "disaster_recovery", "backup")
    options = copy.deepcopy({key: value for role in roles for key, value in specs(role)["main"]["options"].items()})
    options["backupdb_become"] = {"type": "bool"}
    for instance in variables["backupdb_instances"]:
        if "{{" in str(instance.get("login_port", "")):
            instance["login_port"] = 1
    return list(ArgumentSpecValidator(options).validate(variables).error_messages)


def test_a_wrong_inventory_is_found() -> None:
    assert validate({"backupdb_instances": [{"name": "a", "engine": "oracle"}]})
    assert validate({"backupdb_instances": [{"name": "a", "engine": "files", "path": ["/srv"]}]})
    assert validate({"backupdb_instances": [{"engine": "mysql"}]})
    assert not validate({"backupdb_instances": [{"name": "a", "engine": "mysql"}]})


@pytest.mark.parametrize("role", ROLES)
def test_role_pages_render(role: str) -> None:
    shown = subprocess.run(
        [VENV_BIN / "ansible-doc", "-t", "role", f"vya.backupdb.{role}"],
        env=ansible_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert shown.returncode == 0, shown.stderr
    assert ("backupdb_hooks" if role == HOOKS else "backupdb_repository") in shown.stdout


def test_filter_pages_render() -> None:
    names = [f"vya.backupdb.{path.stem}" for path in sorted((CHECKOUT / "plugins" / "filter").glob("*.py"))]
    shown = subprocess.run(
        [VENV_BIN / "ansible-doc", "-t", "filter", "--json", *names],
        env=ansible_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert shown.returncode == 0, shown.stderr
    pages = json.loads(shown.stdout)
    assert sorted(pages) == names
    for name, page in pages.items():
        assert page["doc"]["short_description"], name
        assert page["examples"], name
        assert page["return"], name


@pytest.mark.parametrize(
    "path", sorted((CHECKOUT / "roles").glob("*/tasks/*.yml")), ids=lambda path: f"{path.parts[-3]}-{path.name}"
)
def test_expressions_hold_no_escapes(path: Path) -> None:
    """Ansible shows them as they stand: a message would hold a backslash and an n."""
    assert "\\n" not in path.read_text()
