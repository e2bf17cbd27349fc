# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""docs/benchmarks.md: the part between two markers is written by runs, each case by itself."""

from __future__ import annotations

import re
from pathlib import Path

from tests.benchmarks.settings import CASES, BenchError

BEGIN = "<!-- begin: written by make bench BENCH_WRITE=1 -->"
END = "<!-- end -->"
_CASE = re.compile(r"<!-- case: (\w+) -->\n\n(.*?)\n\n(?=<!-- case: |\Z)", re.DOTALL)


def write_page(page: Path, case: str, text: str) -> None:
    """Put the tables of one case between the markers, those of other cases stay; BenchError without markers."""
    old = page.read_text(encoding="utf-8")
    before, begin, rest = old.partition(BEGIN)
    inside, end, after = rest.partition(END)
    if not begin or not end:
        raise BenchError(f"{page.name} lacks the lines «{BEGIN}» and «{END}»: put them where the tables shall stand")
    cases = {**dict(_CASE.findall(inside)), case: text.strip()}
    parts = [f"<!-- case: {name} -->\n\n{cases[name]}\n\n" for name in CASES if name in cases]
    page.write_text(f"{before}{BEGIN}\n\n{''.join(parts)}{END}{after}", encoding="utf-8")
