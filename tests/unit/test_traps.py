# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The traps of disaster recovery, their tests, and the page that lists them say the same."""

from __future__ import annotations

from tests.traps import results
from tests.traps.page import PAGE, catalogue, covering_tests, text


def test_every_trap_that_is_handled_has_tests_and_no_other() -> None:
    tests = covering_tests()
    traps = catalogue()
    assert set(tests) <= set(traps)
    assert [trap for trap, row in traps.items() if trap not in tests and row.get("holds", True)] == []
    assert [trap for trap, row in traps.items() if trap in tests and not row.get("holds", True)] == []


def test_the_page_is_current() -> None:
    assert PAGE.read_text() == text(catalogue(), covering_tests(), results.read()), "run: python -m tests.traps.page"
