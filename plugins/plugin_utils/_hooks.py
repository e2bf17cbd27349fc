# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hooks: what operators have run before and after the roles do their work. Private to this collection."""

from __future__ import annotations

import os
import shlex
from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.vya.backupdb.plugins.module_utils._errors import UsageError

#: When hooks run, in the order in which the roles come to them.
MOMENTS = (
    "before_backup",
    "after_backup",
    "before_restore",
    "before_rebuild",
    "after_restore",
    "after_proof",
    "on_failure",
)
_KEYS = frozenset(("name", "tasks", "command", "delegate_to", "become"))


def hook_problems(hooks: Any, hosts: Container[str] = ()) -> list[str]:
    """What is wrong with hooks, each a sentence; nothing if they can be run.

    Args:
        hooks: moment -> entries, as in the inventory.
        hosts: names that ``delegate_to`` may have, beside ``localhost``.
    """
    if not hooks:
        return []
    if not isinstance(hooks, Mapping):
        return ["backupdb_hooks is no mapping of moments to lists of hooks."]
    return [text for moment, entries in hooks.items() for text in _moment_problems(moment, entries, hosts)]


def _moment_problems(moment: Any, entries: Any, hosts: Container[str]) -> Iterator[str]:
    if moment not in MOMENTS:
        yield f"backupdb_hooks has no moment {moment!r}. What to do: use one of {', '.join(MOMENTS)}."
    elif not _is_list(entries):
        yield f"The hooks of {moment} are no list."
    else:
        for number, entry in enumerate(entries, 1):
            for text in _entry_problems(entry, hosts):
                yield f"Hook {number} of {moment}: {text}"


def _entry_problems(entry: Any, hosts: Container[str]) -> Iterator[str]:
    if not isinstance(entry, Mapping):
        yield "it is no mapping with either tasks or command."
        return
    unknown = sorted(str(key) for key in entry if key not in _KEYS)
    if unknown:
        yield f"it has no key {', '.join(unknown)}. What to do: use {', '.join(sorted(_KEYS))}."
    if ("tasks" in entry) == ("command" in entry):
        yield "it needs either tasks or command, and one of them only."
    if "tasks" in entry:
        yield from _file_problems(entry)
    if "command" in entry and not _is_command(entry["command"]):
        yield "command is no list of a program and its arguments, such as [systemctl, stop, app]."
    delegate = entry.get("delegate_to")
    if delegate is not None and delegate != "localhost" and delegate not in hosts:
        yield f"delegate_to names {delegate!r}, which is not in the inventory."


def _file_problems(entry: Mapping[str, Any]) -> Iterator[str]:
    path = entry["tasks"]
    if not isinstance(path, str) or not os.path.isabs(path):
        yield f"tasks is no absolute path: {path!r}. What to do: write inventory_dir or playbook_dir before it."
    elif not os.path.isfile(path):
        yield f"there is no file {path} on the controller."
    for key in sorted({"delegate_to", "become"} & set(entry)):
        yield f"{key} is for commands. What to do: say it in the tasks."


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes))


def _is_command(value: Any) -> bool:
    return _is_list(value) and bool(value) and all(isinstance(word, (str, int)) and str(word) for word in value)


def hook_titles(hooks: Any, moment: str) -> list[str]:
    """How messages call the hooks of a moment, in their order.

    Raises:
        AnsibleFilterError: there is no such moment.
    """
    if moment not in MOMENTS:
        raise AnsibleFilterError(str(UsageError(f"hook_titles: there is no moment {moment!r}.")))
    return [_title(entry) for entry in (hooks or {}).get(moment) or ()]


def _title(entry: Mapping[str, Any]) -> str:
    if entry.get("name"):
        return str(entry["name"])
    if "tasks" in entry:
        return f"tasks of {entry['tasks']}"
    # Not the arguments: what is printed may not hold a secret that somebody put there.
    text = f"command {shlex.quote(str(entry['command'][0]))}"
    return f"{text} on {entry['delegate_to']}" if entry.get("delegate_to") else text
