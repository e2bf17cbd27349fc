# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A part of what `make test-faults` breaks, by the same code; docs/reliability.md says what that is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.damage import clocks, damages, replacements
from tests.faults.injections import (
    BROKEN,
    FULL,
    KILLED,
    PROGRAM_KILLED,
    STOPPED,
    Fault,
    Injection,
    inject,
    measure,
)
from tests.faults.operations import Drill, Fetch, Operation, Place, Prune, Push, Restore
from tests.faults.plan import archiving, dumping, place
from tests.faults.report import BEGIN, END, closing_line, table
from tests.faults.server_faults import Proxy, network_cut, server_killed
from tests.faults.shim import Step, why_not
from tests.faults.standing import standing_on
from tests.support.keys import age_key
from tests.support.paths import CHECKOUT
from tests.support.postgresql import PostgresServer
from tests.support.remotes import remote

pytestmark = pytest.mark.skipif(why_not() is not None, reason=why_not() or "")


@pytest.fixture
def where() -> Iterator[Place]:
    with place() as made:
        yield made


def broken(operation: Operation, fault: Fault, program: str, kind: str, part: float = 0.5) -> Injection:
    """Inject a fault at a step, so far in the run; nothing may be wrong afterwards."""
    number = measure(operation)[program, kind]
    assert number, f"no {kind} by {program}"
    made = inject(operation, fault, Step(program, kind, max(1, round(number * part))))
    assert made is not None, "the step was not reached"
    assert made.wrong == []
    return made


def test_f10_a_backup_that_is_stopped_as_its_set_appears(where: Place) -> None:
    assert broken(archiving(where), STOPPED, "module", "rename", 1).outcome == "failed"


def test_f10_a_backup_that_is_killed(where: Place) -> None:
    assert broken(archiving(where, age_key().public), KILLED, "module", "fsync").outcome == "killed"


def test_f13_a_program_that_is_killed(where: Place) -> None:
    assert broken(archiving(where), PROGRAM_KILLED, "zstd", "write").outcome == "failed"


def test_f09_a_disk_that_fills_up(where: Place) -> None:
    assert broken(archiving(where), FULL, "zstd", "write").outcome == "failed"


def test_f09_a_disk_that_breaks_at_the_last_sync(where: Place) -> None:
    assert broken(archiving(where), BROKEN, "module", "fsync", 1).outcome == "failed"


def test_f15_a_prune_that_is_killed(where: Place) -> None:
    assert broken(Prune(where), KILLED, "module", "unlink").outcome == "killed"


@pytest.mark.parametrize("kind", [Push, Fetch])
def test_f18_a_copy_that_is_killed(where: Place, kind: type[Push]) -> None:
    with remote("local", where.root / "elsewhere") as there:
        assert broken(kind(where, there), KILLED, "setpriv", "start").outcome == "killed"


def test_f18_servers_and_networks_that_go(where: Place) -> None:
    with PostgresServer() as server, Proxy(server.port) as proxy:
        standing = standing_on(server)
        login = {**server.login(tcp=True), "login_port": proxy.port}
        assert (
            broken(dumping(where, "PostgreSQL", server, login), network_cut(proxy), "module", "send").outcome
            == "failed"
        )
        with place() as other:
            restore = Restore(other, "restore", standing)
            assert broken(restore, server_killed(server), "module", "send", 0.8).outcome == "failed"


def test_f13_a_drill_that_is_killed_and_one_whose_server_is(where: Place) -> None:
    with PostgresServer() as server:
        standing_on(server)
        drill = Drill(where, "drill", server, ["shop"])
        assert broken(drill, KILLED, "module", "send").outcome == "killed"
        assert broken(drill, PROGRAM_KILLED, "postgres", "write", 1).outcome == "failed"


def test_the_clock_goes_back(where: Place) -> None:
    found = list(clocks(archiving(where)))
    assert [item.wrong for item in found] == [[]] * 3


def test_f14_damage_and_things_in_the_place_of_others(where: Place) -> None:
    backup = archiving(where, age_key().public)
    found = list(damages(backup, 1))
    with place() as other:
        found += replacements(backup, archiving(other))
    assert len(found) > 15
    assert [item.wrong for item in found if item.wrong] == []


def test_the_page_has_a_table_of_what_was_shown() -> None:
    text = (CHECKOUT / "docs" / "reliability.md").read_text()
    before, _mark, rest = text.partition(BEGIN)
    written, mark, _after = rest.partition(END)
    assert mark and "What it showed" in before
    assert " injections, 0 failed" in written
    made = [
        Injection("backup", "a fault", "write 1", "failed"),
        Injection("backup", "a fault", "write 2", "done", ["x"]),
    ]
    assert closing_line(made) == "2 injections, 1 failed"
    assert "| backup | a fault | 2 | 1 failed and said why, 1 done all the same | 1 |" in table(made)
