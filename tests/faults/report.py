# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What injections have shown, as the table of docs/reliability.md."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tests.faults.injections import Injection

BEGIN = "<!-- what follows is written by make test-faults -->"
END = "<!-- up to here -->"
_WORDS = {
    "killed": "ended without a word, as killed ones do",
    "failed": "failed and said why",
    "done": "done all the same",
    "refused": "found and refused",
}


def closing_line(made: Sequence[Injection]) -> str:
    """How it went, in one line."""
    return f"{len(made)} injections, {sum(bool(item.wrong) for item in made)} failed"


def table(made: Sequence[Injection]) -> str:
    """A row for each operation and fault."""
    rows: dict[tuple[str, str], list[Injection]] = {}
    for item in made:
        rows.setdefault((item.operation, item.fault), []).append(item)
    lines = ["| operation | fault | injections | what it showed | wrong |", "|---|---|---:|---|---:|"]
    for (operation, fault), items in rows.items():
        shown = ", ".join(
            f"{number} {_WORDS[outcome]}" for outcome, number in Counter(item.outcome for item in items).items()
        )
        wrong = sum(bool(item.wrong) for item in items)
        lines.append(f"| {operation} | {fault} | {len(items)} | {shown} | {wrong} |")
    return "\n".join(lines)


def write(page: Path, made: Sequence[Injection]) -> None:
    """Put the table into the page, between its marks."""
    text = page.read_text()
    before, mark, rest = text.partition(BEGIN)
    _old, end, after = rest.partition(END)
    assert mark and end, f"{page} lacks its marks"
    page.write_text(f"{before}{BEGIN}\n\n{closing_line(made)}.\n\n{table(made)}\n\n{END}{after}")
