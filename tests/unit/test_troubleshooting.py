# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every failure ends with a code, codes never change, and docs/troubleshooting.md explains each."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.vya.backupdb.plugins.module_utils import _errors
from ansible_collections.vya.backupdb.plugins.module_utils._errors import (
    BackupError,
    ConnectionFailed,
    DamagedSet,
    Defect,
    Impossible,
    Occupied,
)
from ansible_collections.vya.backupdb.plugins.module_utils._modules._request import FailedResult
from ansible_collections.vya.backupdb.plugins.module_utils._modules._results import refuse

from tests.support.paths import CHECKOUT

PAGE = CHECKOUT / "docs" / "troubleshooting.md"
#: What was released under a code stays under it: lines are added here, and never changed or removed.
STABLE = {
    "BDB-10": "UsageError",
    "BDB-11": "NoSuchSet",
    "BDB-12": "NoSuchDatabase",
    "BDB-13": "BadKey",
    "BDB-14": "Unsupported",
    "BDB-15": "WrongInventory",
    "BDB-20": "MissingProgram",
    "BDB-21": "HostFailed",
    "BDB-22": "NoSpace",
    "BDB-23": "ProcessError",
    "BDB-24": "Interrupted",
    "BDB-30": "ConnectionFailed",
    "BDB-31": "MissingPrivilege",
    "BDB-32": "ServerRefused",
    "BDB-33": "InUse",
    "BDB-34": "ChangedMeanwhile",
    "BDB-35": "ScratchFailed",
    "BDB-40": "RepositoryError",
    "BDB-41": "Running",
    "BDB-42": "DamagedSet",
    "BDB-43": "UntrustedSet",
    "BDB-44": "Unsigned",
    "BDB-45": "NoIdentity",
    "BDB-46": "NewerFormat",
    "BDB-47": "CopyFailed",
    "BDB-48": "UnreadableFiles",
    "BDB-49": "DamagedLedger",
    "BDB-50": "Impossible",
    "BDB-51": "Occupied",
    "BDB-52": "NotProven",
    "BDB-53": "LoadFailed",
    "BDB-54": "DamagedDump",
    "BDB-55": "SqlError",
    "BDB-60": "Incomplete",
    "BDB-61": "Differs",
    "BDB-90": "BackupError",
}
#: Codes that no exception has: roles alone end with them.
OF_ROLES = {"BDB-16", "BDB-17"}
#: Kinds of a kind: for those who catch them, and the same to an operator.
ALIKE = {"Defect", "FailedResult", "LoadStopped", "Moved", "NotThere"}
#: What lets another failure pass through passes on its code, too.
PASSED_ON = re.compile(r"{{ (\w+\.msg|__hooks_message|__(?:backup|disaster_recovery)_hook_failed) }}\Z")
CODE = re.compile(r"BDB-\d\d")
AT_THE_END = re.compile(r"\[(BDB-\d\d)\]\Z")
_FAILING = {"ansible.builtin.assert": "fail_msg", "ansible.builtin.fail": "msg"}
_OF_ANSIBLE = (
    "AnsibleActionFail",
    "AnsibleError",
    "AnsibleFilterError",
    "AnsibleLookupError",
    "AnsibleUndefinedVariable",
)


def sources() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted((CHECKOUT / "plugins").rglob("*.py")):
        yield str(path.relative_to(CHECKOUT)), ast.parse(path.read_text())


def kinds() -> list[type[BackupError]]:
    """All kinds of errors, wherever they are declared."""
    for path, tree in sources():
        if "module_utils" in path and any(isinstance(node, ast.ClassDef) for node in tree.body):
            import_module("ansible_collections.vya.backupdb." + path[: -len(".py")].replace("/", "."))
    found: list[type[BackupError]] = [BackupError]
    for kind in found:
        found += [below for below in kind.__subclasses__() if below not in found and "backupdb" in below.__module__]
    return found


def used() -> set[str]:
    """The codes that occur anywhere in what is installed."""
    files = [
        path
        for folder in ("plugins", "roles", "playbooks")
        for path in (CHECKOUT / folder).rglob("*")
        if path.suffix in (".py", ".yml")
    ]
    return {code for path in files for code in CODE.findall(path.read_text())}


def called(node: ast.AST) -> str:
    return node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""


def failing_tasks(node: Any) -> Iterator[tuple[str, str]]:
    """Name and message of every task that fails by itself, at any depth."""
    if isinstance(node, list):
        for item in node:
            yield from failing_tasks(item)
    elif isinstance(node, dict):
        for module, option in _FAILING.items():
            if module in node:
                yield str(node.get("name")), str(node[module].get(option, ""))
        for value in node.values():
            if isinstance(value, list):
                yield from failing_tasks(value)


def task_files() -> list[Path]:
    return sorted(
        path
        for folder in ("roles", "playbooks")
        for path in (CHECKOUT / folder).rglob("*.yml")
        if path.parent.name not in ("meta", "vars", "defaults")
    )


def sections() -> dict[str, str]:
    """Code -> what the page says under it."""
    parts = re.split(r"^## (BDB-\d\d): .+$", PAGE.read_text(), flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2]))


def test_no_code_ever_changes() -> None:
    assert {kind.code: kind.__name__ for kind in kinds() if kind.__name__ not in ALIKE} == STABLE


def test_every_kind_has_a_code_of_its_own() -> None:
    own = [kind for kind in kinds() if "code" in vars(kind)]
    assert len({kind.code for kind in own}) == len(own)
    assert {kind.__name__ for kind in kinds() if kind not in own} == ALIKE


def test_every_code_is_explained_and_nothing_else() -> None:
    assert used() == {*STABLE, *OF_ROLES}
    headings = re.findall(r"^## (BDB-\d\d)", PAGE.read_text(), re.MULTILINE)
    assert headings == sorted(used())
    assert set(CODE.findall(PAGE.read_text())) == used()


@pytest.mark.parametrize("code", sorted({*STABLE, *OF_ROLES}))
def test_an_explanation_says_what_is_needed_at_night(code: str) -> None:
    text = sections()[code]
    example = re.search(r"^```text\n(.+?)\n```$", text, re.MULTILINE | re.DOTALL)
    assert example and AT_THE_END.search(example[1]), "a message as it is printed, with its code"
    assert AT_THE_END.findall(example[1]) == [code]
    for begin in ("**It means:**", "**Data at risk?**", "**What to do:**", "**If that does not help:**"):
        assert text.count(begin) == 1, begin


def test_the_page_is_found() -> None:
    for name in ("README.md", "docs/disaster-recovery.md", "docs/restore.md"):
        assert "troubleshooting.md" in (CHECKOUT / name).read_text(), name
    for target in re.findall(r"\]\(#(bdb-\d\d)", PAGE.read_text()):
        assert target.upper() in used()


def test_nobody_raises_an_error_of_no_kind() -> None:
    found = [
        f"{path}:{node.lineno}" for path, tree in sources() for node in ast.walk(tree) if called(node) == "BackupError"
    ]
    assert found == []


def test_errors_of_ansible_are_made_of_ours() -> None:
    found = []
    for path, tree in sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and called(node) in _OF_ANSIBLE and called(node.args[0]) != "str":
                found.append(f"{path}:{node.lineno}")
    assert found == []


@pytest.mark.parametrize("path", task_files(), ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_a_role_that_fails_says_its_code(path: Path) -> None:
    for name, text in failing_tasks(yaml.safe_load(path.read_text())):
        assert AT_THE_END.search(text) or PASSED_ON.search(text), f"{name}: {text}"


def test_the_walk_through_tasks_finds_those_in_blocks() -> None:
    tasks = [{"block": [{"rescue": [{"name": "deep", "ansible.builtin.fail": {"msg": "no code"}}]}]}]
    assert list(failing_tasks(tasks)) == [("deep", "no code")]
    assert sum(len(list(failing_tasks(yaml.safe_load(path.read_text())))) for path in task_files()) > 25


def test_the_code_is_the_end_of_the_message() -> None:
    assert str(DamagedSet("It is cut off.")) == "It is cut off. [BDB-42]"
    assert str(DamagedSet("It is cut off.", "take another")) == "It is cut off. What to do: take another [BDB-42]"
    several = DamagedSet("Damaged:", "take another", ["one", "two"])
    assert str(several) == "Damaged:\n  - one\n  - two\nWhat to do: take another [BDB-42]"
    assert str(DamagedSet("Damaged:", details=["one"])) == "Damaged:\n  - one\n[BDB-42]"
    assert (several.message, several.remedy, several.details) == ("Damaged:", "take another", ("one", "two"))
    assert str(Defect("Never.")) == "Never. [BDB-90]"


def test_what_is_passed_on_keeps_its_code() -> None:
    cause = ConnectionFailed("No server.", "start it")
    assert str(Impossible(str(cause))) == "No server. What to do: start it [BDB-30]"
    listed = str(Impossible("Not possible:", "solve it", [str(cause), "too old"]))
    assert listed.splitlines()[1:] == [
        "  - No server. What to do: start it [BDB-30]",
        "  - too old",
        "What to do: solve it [BDB-50]",
    ]
    failed = FailedResult(cause, {"problems": 1})
    assert (str(failed), failed.code, failed.result) == (str(cause), "BDB-30", {"problems": 1})


def test_one_problem_alone_is_told_under_its_own_code() -> None:
    with pytest.raises(BackupError) as caught:
        refuse("Not possible:", [str(Occupied("It exists."))])
    assert str(caught.value) == "It exists. [BDB-51]"
    with pytest.raises(BackupError) as caught:
        refuse("Not possible:", ["Too old."])
    assert str(caught.value) == "Too old. [BDB-50]"


def test_the_module_of_errors_declares_them_in_the_order_of_their_codes() -> None:
    declared = [kind.code for kind in vars(_errors).values() if isinstance(kind, type) and "code" in vars(kind)]
    assert declared[1:] == sorted(declared[1:])
