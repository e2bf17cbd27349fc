# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the collection says about itself is complete, and the same in every place."""

from __future__ import annotations

import ast
import fnmatch
import json
import re
import subprocess
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.vya.backupdb.plugins.plugin_utils._progress import LiveAction

from tests.support.paths import CHECKOUT, VENV_BIN, ansible_environment

MODULES = sorted(path.stem for path in (CHECKOUT / "plugins" / "modules").glob("*.py") if path.stem != "__init__")
UTILITIES = sorted(path for path in (CHECKOUT / "plugins" / "module_utils").rglob("*.py") if path.name != "__init__.py")
ROLES = sorted(path.name for path in (CHECKOUT / "roles").glob("*") if path.is_dir())
#: Galaxy wants one of these
GALAXY_TAGS = {"application", "cloud", "database", "infrastructure", "linux", "monitoring", "networking", "security"}
#: the texts of the licence, and what only a program writes
WITHOUT_HEADER = ["COPYING", "LICENSES/*"]


def load(path: str) -> Any:
    return yaml.safe_load((CHECKOUT / path).read_text())


def constants(path: Path) -> dict[str, str]:
    """The texts that a module assigns to names: DOCUMENTATION, EXAMPLES, RETURN."""
    found = {}
    for node in ast.parse(path.read_text()).body:
        if (
            isinstance(node, ast.Assign)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.targets[0], ast.Name)
        ):
            found[node.targets[0].id] = str(node.value.value)
    return found


def listed_files() -> list[str]:
    """The files of the project: those in git, and those that could be added."""
    shown = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
    )
    return sorted({name for name in shown.stdout.split("\0") if name and (CHECKOUT / name).is_file()})


def annotated() -> list[str]:
    """The patterns of REUSE.toml: files that cannot carry a header."""
    text = (CHECKOUT / "REUSE.toml").read_text()
    return [
        pattern
        for block in re.findall(r"path = \[(.*?)\]", text, re.DOTALL)
        for pattern in re.findall(r'"(.+?)"', block)
    ]


def missing_headers(files: list[str], patterns: list[str]) -> list[str]:
    missing = []
    for name in files:
        if any(fnmatch.fnmatch(name, pattern.replace("**/", "*").replace("**", "*")) for pattern in patterns):
            continue
        with (CHECKOUT / name).open("rb") as file:
            head = file.read(1000)
        if b"SPDX-License-Identifier: GPL-3.0-or-later" not in head or b"Copyright (c)" not in head:
            missing.append(name)
    return missing


def test_every_file_says_its_licence() -> None:
    assert missing_headers(listed_files(), [*WITHOUT_HEADER, *annotated()]) == []


def test_a_missing_licence_is_noticed() -> None:
    assert missing_headers(["COPYING", "galaxy.yml"], []) == ["COPYING"]


def test_licence_texts_are_there() -> None:
    licence = (CHECKOUT / "COPYING").read_text()
    assert "GNU GENERAL PUBLIC LICENSE" in licence
    assert (CHECKOUT / "LICENSES" / "GPL-3.0-or-later.txt").read_text() == licence


def test_galaxy_metadata_is_complete() -> None:
    galaxy = load("galaxy.yml")
    assert (galaxy["namespace"], galaxy["name"]) == ("vya", "backupdb")
    assert re.fullmatch(r"\d+\.\d+\.\d+(-[0-9A-Za-z.]+)?", galaxy["version"])
    assert galaxy["license"] == ["GPL-3.0-or-later"]
    assert galaxy["dependencies"] == {}
    assert GALAXY_TAGS & set(galaxy["tags"])
    assert all(re.fullmatch(r"[a-z0-9_]{1,64}", tag) for tag in galaxy["tags"])
    assert all(galaxy[key] for key in ("authors", "description", "readme", "repository"))
    assert (CHECKOUT / galaxy["readme"]).is_file()


def test_version_is_the_same_everywhere() -> None:
    utility = CHECKOUT / "plugins" / "module_utils" / "_version.py"
    assert constants(utility)["VERSION"] == load("galaxy.yml")["version"]


def test_supported_versions_are_the_same_everywhere() -> None:
    ansible = load("meta/runtime.yml")["requires_ansible"].removeprefix(">=").removesuffix(".0")
    python = load("tests/config.yml")["modules"]["python_requires"].removeprefix(">=")
    assert (ansible, python) == ("2.18", "3.9")
    readme = (CHECKOUT / "README.md").read_text()
    assert re.search(rf"ansible-core\D{{1,20}}{re.escape(ansible)}\b", readme)
    assert re.search(rf"Python\D{{1,20}}{re.escape(python)}\b", readme)
    assert f"ansible-core>={ansible}\n" in (CHECKOUT / "requirements-dev.txt").read_text()


def test_execution_environment_does_not_bring_ansible_core() -> None:
    described = load("meta/execution-environment.yml")["dependencies"]
    for name in described.values():
        assert (CHECKOUT / "meta" / name).is_file()
    for line in (CHECKOUT / "meta" / described["python"]).read_text().splitlines():
        assert re.fullmatch(r"#.*|\s*|(?!ansible)[a-z0-9-]+>=[0-9.]+", line), line


#: run on the controller alone
ON_THE_CONTROLLER = {"show_lines", "signing_key"}
#: action group: an option that just its members have
GROUPS = {"backupdb": "login_host", "sets": "source", "keys": "identity"}


def groups_of(name: str) -> list[str]:
    options = import_module(f"ansible_collections.vya.backupdb.plugins.module_utils._modules.{name}").SPEC.options
    return [group for group, option in GROUPS.items() if option in options]


def test_action_groups_hold_the_modules_that_take_their_options() -> None:
    with_spec = [name for name in MODULES if name not in ON_THE_CONTROLLER]
    expected = {group: [name for name in with_spec if group in groups_of(name)] for group in GROUPS}
    assert load("meta/runtime.yml")["action_groups"] == expected


def test_modules_that_take_private_keys_have_an_action_plugin_that_keeps_them_off_the_disk() -> None:
    takers = load("meta/runtime.yml")["action_groups"]["keys"]
    assert takers
    for name in takers:
        action = import_module(f"ansible_collections.vya.backupdb.plugins.action.{name}").ActionModule
        assert issubclass(action, LiveAction), name


@pytest.mark.parametrize("name", MODULES)
def test_module_is_documented(name: str) -> None:
    found = constants(CHECKOUT / "plugins" / "modules" / f"{name}.py")
    documentation = yaml.safe_load(found["DOCUMENTATION"])
    assert documentation["module"] == name
    assert documentation["short_description"]
    assert documentation["version_added"]
    assert documentation["author"]
    assert not documentation["short_description"].endswith(".")
    assert any("_attributes" in fragment for fragment in documentation["extends_documentation_fragment"])
    returned = yaml.safe_load(found["RETURN"])
    assert all(value["description"] and value["returned"] and value["type"] for value in returned.values())


@pytest.mark.parametrize("name", MODULES)
def test_examples_use_full_names_and_no_literal_secrets(name: str) -> None:
    examples = yaml.safe_load(constants(CHECKOUT / "plugins" / "modules" / f"{name}.py")["EXAMPLES"])
    assert examples
    for task in examples:
        assert task["name"]
        modules = [key for key in task if "." in key]
        assert modules, f"no fully qualified module in {task}"
        for options in (task[module] for module in modules):
            for option, value in (options or {}).items():
                if option.endswith("password"):
                    assert "{{" in value, f"a literal secret: {option}"
    assert any(f"vya.backupdb.{name}" in task for task in examples)


def test_every_page_renders_with_ansible_doc() -> None:
    names = [f"vya.backupdb.{name}" for name in MODULES]
    shown = subprocess.run(
        [VENV_BIN / "ansible-doc", "--json", *names],
        env=ansible_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert shown.returncode == 0, shown.stderr
    pages = json.loads(shown.stdout)
    assert sorted(pages) == names
    for name, page in pages.items():
        assert "error" not in page, name
        attributes = page["doc"]["attributes"]
        assert attributes["check_mode"]["support"] == "full", name
        assert "diff_mode" in attributes, name
        member_of = attributes.get("action_group", {}).get("membership", [])
        module = name.rpartition(".")[2]
        assert member_of == [
            f"vya.backupdb.{group}" for group in ([] if module in ON_THE_CONTROLLER else groups_of(module))
        ]
    text = subprocess.run(
        [VENV_BIN / "ansible-doc", *names], env=ansible_environment(), capture_output=True, text=True, check=False
    )
    assert text.returncode == 0, text.stderr


@pytest.mark.parametrize("path", UTILITIES, ids=lambda path: path.name)
def test_utilities_are_private_and_say_so(path: Path) -> None:
    relative = path.relative_to(CHECKOUT / "plugins" / "module_utils")
    assert relative.parts[0].startswith("_")
    assert "Private to this collection." in (ast.get_docstring(ast.parse(path.read_text())) or "")


@pytest.mark.parametrize("name", ROLES)
def test_role_has_a_contract(name: str) -> None:
    specs = load(f"roles/{name}/meta/argument_specs.yml")["argument_specs"]
    assert "main" in specs
    for entry, spec in specs.items():
        assert spec["short_description"], entry
        assert spec["description"], entry
        for option, described in (spec.get("options") or {}).items():
            assert re.match(rf"(backupdb|{name})_", option), option
            assert described["description"], option
            assert described["type"], option


@pytest.mark.parametrize("name", ROLES)
def test_defaults_of_a_role_are_in_its_contract(name: str) -> None:
    path = CHECKOUT / "roles" / name / "defaults" / "main.yml"
    if not path.exists():
        return
    options = load(f"roles/{name}/meta/argument_specs.yml")["argument_specs"]["main"]["options"]
    defaults = yaml.safe_load(path.read_text()) or {}
    assert sorted(set(defaults) - set(options)) == []
    for option, value in defaults.items():
        assert options[option].get("default", value) == value, option
