# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writes docs/dr-traps.md from the catalogue, the names of the tests and results.yml: ``python -m tests.traps.page``.

A test belongs to the traps that its name begins with: ``test_p03_p34_names_survive`` to P03 and P34. A name may have
other words before them: ``test_every_module_and_f17_no_secret_shows``.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Set
from pathlib import Path
from typing import Any

import yaml

from tests.support.paths import CHECKOUT
from tests.traps import results

PAGE = CHECKOUT / "docs" / "dr-traps.md"
CATALOGUE = Path(__file__).with_name("catalogue.yml")
_IDS = re.compile(r"(?<![a-z0-9])[pmf]\d\d(?![a-z0-9])")
_PARTS = {"P": "PostgreSQL", "M": "MySQL and MariaDB", "F": "Files, and the run itself"}
_HEAD = """<!--
Copyright (c) 2026, vya.backupdb contributors
GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
SPDX-License-Identifier: GPL-3.0-or-later
-->

# Traps of disaster recovery

Ways in which a backup that "succeeded" fails to bring a service back on a clean server, what this collection does about each, and the tests on real
servers that show it.

Every test runs on the server versions of the machine that runs the tests. Those of the engines run again by `make test-traps` on pairs of servers,
the one that was lost and the one that it is rebuilt on, each with the programs of its own release. "Passed on" names the pairs on which tests of the
trap have passed and none has failed.

{pairs}
Written by `make test-traps`, and by `python -m tests.traps.page` when a test got a name; a test compares.
"""


def catalogue() -> dict[str, dict[str, Any]]:
    """The traps by their ids."""
    found: dict[str, dict[str, Any]] = yaml.safe_load(CATALOGUE.read_text())
    return found


def covering_tests() -> dict[str, list[str]]:
    """Id of a trap -> its tests, as pytest takes them."""
    found: dict[str, list[str]] = {}
    for path in sorted((CHECKOUT / "tests").rglob("test_*.py")):
        for name in _functions(path):
            for trap in dict.fromkeys(_IDS.findall(name.replace("_", " "))):
                found.setdefault(trap.upper(), []).append(f"{path.relative_to(CHECKOUT / 'tests')}::{name}")
    return found


def _functions(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield node.name


def text(
    traps: Mapping[str, Mapping[str, Any]], tests: Mapping[str, list[str]], shown: Mapping[str, Mapping[str, Any]]
) -> str:
    """The page.

    shown: what the pairs of servers have shown, as `results.read()` has it
    """
    pairs = ["| servers | pair | versions | on |", "|---|---|---|---|"]
    pairs += [f"| {one['title']} | {one['short']} | {one['versions']} | {one['date']} |" for one in shown.values()]
    lines = [_HEAD.replace("{pairs}", "\n".join([*pairs, ""]))]
    for letter, title in _PARTS.items():
        lines += [f"## {title}\n", "| id | trap | what a rebuild does | tests | passed on |", "|---|---|---|---|---|"]
        for trap, row in traps.items():
            if trap.startswith(letter):
                names = tests.get(trap, [])
                said = "<br>".join(f"`{name}`" for name in names) or "not yet"
                passed = ", ".join(_pairs(set(names), shown))
                lines.append(f"| {trap} | {row['trap']} | {row['rebuild']} | {said} | {passed} |")
        lines.append("")
    return "\n".join(lines)


def _pairs(tests: Set[str], shown: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """The pairs on which some of the tests have passed and none has failed."""
    for one in shown.values():
        if tests & set(one["passed"]) and not tests & set(one["failed"]):
            yield one["short"]


def main() -> None:
    """Write the page."""
    PAGE.write_text(text(catalogue(), covering_tests(), results.read()))


if __name__ == "__main__":
    main()
