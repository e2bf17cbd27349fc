# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which hosts take the place of which lost ones, and in what order. Private to this collection."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Optional, Union

from ansible.errors import AnsibleFilterError
from ansible_collections.vya.backupdb.plugins.module_utils._errors import WrongInventory

FROM, AFTER, INSTANCES = "backupdb_rebuild_from", "backupdb_rebuild_after", "backupdb_instances"
PROVEN, FAILED, HELD_BACK = "proven", "failed", "not begun"
#: Names in a message.
_SHOWN = 30


def given(value: Any) -> Union[str, dict[str, str], None]:
    """``backupdb_rebuild_from`` as it is meant: the source of one host, a mapping of clean hosts to sources, or None.

    On the command line a mapping arrives as a text.

    Raises:
        AnsibleFilterError: it is neither.
    """
    if isinstance(value, str) and value.lstrip().startswith("{"):
        try:
            value = json.loads(value)
        except ValueError:
            wrong = WrongInventory(
                f"{FROM} is {value!r}, which is neither the name of a host nor a mapping.",
                f'write it as in -e \'{{"{FROM}": {{"db2": "db1"}}}}\', clean hosts first',
            )
            raise AnsibleFilterError(str(wrong)) from None
    if value is None or value == "":
        return None
    if isinstance(value, str):
        return str(value)
    if isinstance(value, Mapping) and all(isinstance(item, str) and item for pair in value.items() for item in pair):
        return {str(target): str(source) for target, source in value.items()}
    wrong = WrongInventory(
        f"{FROM} must be the name of a lost host, or a mapping of clean hosts to lost ones, not {value!r}."
    )
    raise AnsibleFilterError(str(wrong))


def rebuild_source(value: Any, host: str) -> str:
    """The lost host whose place a host takes: its own name where nothing else is said.

    Raises:
        AnsibleFilterError: the value is neither a name nor a mapping.
    """
    found = given(value)
    if isinstance(found, dict):
        return found.get(host, host)
    return found or host


def names(value: Any) -> list[str]:
    """Names as a list, or separated by commas."""
    if value is None:
        return []
    items = value.split(",") if isinstance(value, str) else value
    return [str(item).strip() for item in items if str(item).strip()]


def listed(found: Iterable[str]) -> str:
    """Names for a message."""
    ordered = sorted(set(found))
    more = len(ordered) - _SHOWN
    return (", ".join(ordered[:_SHOWN]) + (f" and {more} more" if more > 0 else "")) or "none"


def mapped(hostvars: Mapping[str, Mapping[str, Any]], known: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """What the mapping says that is given for the whole estate, and what is wrong with it; nothing where there is none."""
    found: dict[str, str] = {}
    problems = []
    for host in known:
        value = given(hostvars[host].get(FROM))
        if not isinstance(value, dict):
            continue
        for target, source in value.items():
            if found.setdefault(target, source) != source:
                problems.append(f"{target} is to take the place of both {found[target]} and {source}")
    for target, source in found.items():
        if target not in known:
            problems.append(
                f"the inventory has no host {target!r}, which is to take the place of {source!r}. What to do: name clean"
                f" hosts first and lost ones behind them; the inventory has {listed(known)}"
            )
        elif rebuild_source(hostvars[target].get(FROM), target) != source:
            problems.append(
                f"{target} does not see {FROM}. What to do: write it where all hosts see it, in the group all"
            )
    return found, list(dict.fromkeys(problems))


def rebuild_estate(
    hosts: Sequence[str], hostvars: Mapping[str, Mapping[str, Any]], known: Optional[Sequence[str]] = None
) -> dict[str, Any]:
    """What a run over some hosts rebuilds.

    Args:
        hosts: those of the run.
        hostvars: variables of all hosts of the inventory.
        known: names of all hosts of the inventory; those of `hosts` where it is not given.

    Returns:
        sources: each host that is rebuilt -> the lost host whose place it takes.
        left_out: hosts of the run that are not rebuilt: a mapping does not name them, or others take their places.
        needs: each host -> hosts of the run that must be proven before it begins.
        turns: the hosts in lists; those of a list may be rebuilt at the same time when those of the lists before are done.
        problems: what forbids it, each with what to do.
    """
    known = list(dict.fromkeys([*(known or ()), *hosts]))
    mapping, problems = mapped(hostvars, known)
    if mapping:
        sources = {host: mapping[host] for host in hosts if host in mapping}
    else:
        named = {host: given(hostvars[host].get(FROM)) for host in hosts}
        lost = {source for host, source in named.items() if isinstance(source, str) and source != host}
        sources = {
            host: str(source or host) for host, source in named.items() if source is not None or host not in lost
        }
    problems += _twice(sources, hostvars)
    needs = {host: _needs(host, sources, mapping, hostvars, known, problems) for host in sources}
    turns = _turns(needs)
    waiting = [host for host in sources if not any(host in turn for turn in turns)]
    if waiting:
        problems.append(
            f"the order goes round in a circle: {' after '.join(_circle(waiting, needs))}. What to do: take one of them out of {AFTER}"
        )
    return {
        "sources": sources,
        "left_out": [host for host in hosts if host not in sources],
        "needs": needs,
        "turns": turns,
        "problems": problems,
    }


def _twice(sources: Mapping[str, str], hostvars: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """A lost host comes back once. Its instances may be spread over several hosts."""
    targets: dict[str, list[str]] = {}
    for host, source in sources.items():
        targets.setdefault(source, []).append(host)
    problems = []
    for source, found in targets.items():
        if len(found) < 2:
            continue
        seen: dict[str, str] = {}
        for host in found:
            for instance in _instances(host, source, hostvars):
                if instance in seen:
                    problems.append(
                        f"{source} would be rebuilt twice, onto {seen[instance]} and {host} (instance {instance!r}). What to do:"
                        f" take one of them, with --limit {seen[instance]}; or give each {INSTANCES} of its own"
                    )
                    break
                seen[instance] = host
    return problems


def _instances(host: str, source: str, hostvars: Mapping[str, Mapping[str, Any]]) -> list[str]:
    found = hostvars[host].get(INSTANCES)
    if found is None and source in hostvars:
        found = hostvars[source].get(INSTANCES)
    return [str(item["name"]) for item in found or () if isinstance(item, Mapping) and "name" in item]


def _needs(
    host: str,
    sources: Mapping[str, str],
    mapping: Mapping[str, str],
    hostvars: Mapping[str, Mapping[str, Any]],
    known: Sequence[str],
    problems: list[str],
) -> list[str]:
    """Hosts of the run that a host comes after; lost ones stand for those that take their places."""
    wanted = hostvars[host].get(AFTER)
    if wanted is None and sources[host] in known:
        # a clean host is described by the host that it replaces
        wanted = hostvars[sources[host]].get(AFTER)
    found = []
    for name in names(wanted):
        if name in sources:
            found.append(name)
        elif name in sources.values():
            found += [target for target, source in sources.items() if source == name]
        elif name not in known and name not in mapping.values():
            problems.append(
                f"{host} is to be rebuilt after {name!r}, which nobody knows. What to do: correct {AFTER}; there are"
                f" {listed([*known, *sources.values()])}"
            )
    return list(dict.fromkeys(found))


def _turns(needs: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """Hosts by the turn that they can be rebuilt in; those of a circle are in none."""
    turns: list[list[str]] = []
    done: set[str] = set()
    while True:
        turn = [host for host in needs if host not in done and done.issuperset(needs[host])]
        if not turn:
            return turns
        turns.append(turn)
        done.update(turn)


def _circle(waiting: Sequence[str], needs: Mapping[str, Sequence[str]]) -> list[str]:
    """One circle among hosts of which each waits for another one of them."""
    path = [waiting[0]]
    while True:
        following = next(host for host in needs[path[-1]] if host in waiting)
        if following in path:
            circle = path[path.index(following) :]
            first = circle.index(min(circle))
            return [*circle[first:], *circle[:first], circle[first]]
        path.append(following)


def held_back(plan: Sequence[Mapping[str, Any]], outcomes: Mapping[str, str]) -> list[dict[str, Any]]:
    """The plan of a host that is not begun because of others.

    Args:
        plan: what ``rebuild_plan`` made.
        outcomes: the hosts that it needs -> what became of them.

    Returns:
        The rows; what is proven already stays so, everything else has the reason as its problem.
    """
    why = "; ".join(
        f"{host} {'was not begun' if outcome == HELD_BACK else 'failed'}" for host, outcome in sorted(outcomes.items())
    )
    text = f"not begun: {why}"
    rows = []
    for row in plan:
        held = {**row}
        if not row["proven"]:
            held.update(ok=False, todo=False, held_back=True, problems=[text], message=text, plan=text)
        rows.append(held)
    return rows
