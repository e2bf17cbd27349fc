# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""docs/benchmarks.md: the part between two markers is written by a run."""

from __future__ import annotations

from pathlib import Path

from tests.benchmarks.settings import BenchError

BEGIN = "<!-- begin: written by make bench BENCH_WRITE=1 -->"
END = "<!-- end -->"


def write_page(page: Path, text: str) -> None:
    """Replace what stands between the markers; BenchError when they are not there."""
    old = page.read_text(encoding="utf-8")
    before, begin, rest = old.partition(BEGIN)
    _page, end, after = rest.partition(END)
    if not begin or not end:
        raise BenchError(f"{page.name} lacks the lines «{BEGIN}» and «{END}»: put them where the tables shall stand")
    page.write_text(f"{before}{BEGIN}\n\n{text.strip()}\n\n{END}{after}", encoding="utf-8")
