# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is wrong with hooks, and how they are called."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.vya.backupdb.plugins.plugin_utils._hooks import MOMENTS, hook_problems, hook_titles


def test_good_hooks_have_no_problems(tmp_path: Path) -> None:
    tasks = tmp_path / "tasks.yml"
    tasks.write_text("[]\n")
    entries = [
        {"tasks": str(tasks)},
        {"command": ["systemctl", "stop", "app"], "delegate_to": "app1", "become": True, "name": "stop it"},
        {"command": ["sleep", 1], "delegate_to": "localhost"},
    ]
    assert hook_problems(dict.fromkeys(MOMENTS, entries), ["app1"]) == []
    assert hook_problems(None) == hook_problems({}) == []


@pytest.mark.parametrize(
    ("hooks", "said"),
    [
        ([], None),
        (["x"], "no mapping"),
        ({"after_lunch": []}, "no moment 'after_lunch'"),
        ({"before_backup": {"command": ["true"]}}, "no list"),
        ({"before_backup": "true"}, "no list"),
        ({"before_backup": ["true"]}, "no mapping with either"),
        ({"before_backup": [{}]}, "either tasks or command"),
        ({"before_backup": [{"command": []}]}, "no list of a program"),
        ({"before_backup": [{"command": ["a", {}]}]}, "no list of a program"),
        ({"before_backup": [{"command": ["a"], "shell": True}]}, "no key shell"),
        ({"before_backup": [{"command": ["a"], "delegate_to": "x"}]}, "'x', which is not in the inventory"),
        ({"before_backup": [{"tasks": "/nonexistent/x.yml"}]}, "no file /nonexistent/x.yml"),
        ({"before_backup": [{"tasks": "/nonexistent/x.yml", "become": True}]}, "become is for commands"),
    ],
)
def test_wrong_hooks_are_told(hooks: Any, said: str | None) -> None:
    found = " ".join(hook_problems(hooks))
    assert (said in found) if said else not found


def test_titles_hold_no_arguments() -> None:
    entries = [{"name": "mail"}, {"tasks": "/a.yml"}, {"command": ["a b", "--password=x"], "delegate_to": "app1"}]
    assert hook_titles({"on_failure": entries}, "on_failure") == ["mail", "tasks of /a.yml", "command 'a b' on app1"]
    assert hook_titles(None, "on_failure") == []
    with pytest.raises(AnsibleFilterError, match="no moment"):
        hook_titles({}, "now")
