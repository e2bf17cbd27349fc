# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bringing back what a restore replaced."""

from __future__ import annotations

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql import swap
from ansible_collections.vya.backupdb.plugins.module_utils._engines.placement import RollbackRequest, RollbackStep
from ansible_collections.vya.backupdb.plugins.module_utils._errors import BackupError

from tests.integration.postgresql.rig import engine
from tests.integration.postgresql.standing import NEW, OLD, Standing

NOW = "20261121T120000Z"
EARLIER = "20260101T000000Z"


def planned(standing: Standing, databases: dict[str, str | None], **options: bool) -> tuple[list[RollbackStep], str]:
    with engine(standing.server) as used:
        plan = used.plan_rollback(RollbackRequest(databases, NOW, **options))
    return list(plan.steps), "\n".join(plan.problems)


def as_if_replaced(standing: Standing, name: str, stamp: str = EARLIER) -> str:
    """Let the new content have a name and the old one be kept, as a restore does."""
    previous = f"{name}__before_{stamp}"
    standing.server.sql(f'ALTER DATABASE "{name}" RENAME TO "{previous}"')
    standing.create(name, NEW)
    return previous


def test_previous_database_comes_back_and_the_rollback_can_be_undone(standing: Standing) -> None:
    standing.replace(standing.request("shop"))
    oid = "SELECT oid FROM pg_database WHERE datname = 'shop'"
    new = standing.server.value(oid)
    standing.server.sql("ALTER DATABASE shop SET work_mem TO '9MB'")
    standing.roll_back(RollbackRequest({"shop": None}, NOW))
    assert (standing.state("shop"), standing.state(f"shop__before_{NOW}")) == (OLD, NEW)
    assert standing.databases() == ["crm", "shop", f"shop__before_{NOW}"]
    standing.roll_back(RollbackRequest({"shop": NOW}, NOW))
    assert (standing.state("shop"), standing.state(f"shop__before_{NOW}_2")) == (NEW, OLD)
    assert standing.server.value(oid) == new
    assert standing.server.value("SHOW work_mem", database="shop") == "9MB"


def test_which_previous_database_is_never_guessed(standing: Standing) -> None:
    previous = as_if_replaced(standing, "shop")
    standing.server.sql('CREATE DATABASE "shop__before_20250101T000000Z"')
    steps, problems = planned(standing, {"shop": None})
    assert steps == []
    assert f"There are 2 previous databases of 'shop': {previous}, shop__before_20250101T000000Z." in problems
    steps, problems = planned(standing, {"shop": EARLIER})
    assert (steps, problems) == ([RollbackStep("shop", previous, f"shop__before_{NOW}")], "")


def test_what_is_not_there_is_a_problem(standing: Standing) -> None:
    steps, problems = planned(standing, {"crm": None, "no_such": None})
    assert steps == []
    assert "no previous database of 'crm'" in problems
    assert "no previous database of 'no_such'" in problems
    as_if_replaced(standing, "crm")
    steps, problems = planned(standing, {"crm": NOW})
    assert steps == []
    assert f"There is no 'crm__before_{NOW}'" in problems
    assert f"crm__before_{EARLIER}" in problems


def test_name_that_nothing_has_now_is_given_back(standing: Standing) -> None:
    previous = as_if_replaced(standing, "shop")
    standing.server.sql("DROP DATABASE shop")
    steps, problems = planned(standing, {"shop": None})
    assert (steps, problems) == ([RollbackStep("shop", previous, None)], "")
    standing.roll_back(RollbackRequest({"shop": None}, NOW))
    assert standing.databases() == ["crm", "shop"]
    assert standing.state("shop") == OLD


def test_sessions_forbid_it_or_are_ended(standing: Standing) -> None:
    previous = as_if_replaced(standing, "shop")
    with (
        standing.server.connect("shop", application_name="the till"),
        standing.server.connect(previous, application_name="an analyst"),
    ):
        _steps, problems = planned(standing, {"shop": None})
        assert "the till" in problems
        assert "an analyst" in problems
        with engine(standing.server) as used:
            plan = used.plan_rollback(RollbackRequest({"shop": None}, NOW))
            with pytest.raises(BackupError, match="1 session uses it"):
                used.rollback(RollbackRequest({"shop": None}, NOW), plan)
        assert standing.server.value("SELECT count(*) FROM pg_stat_activity WHERE datname ~ 'shop'") == 2
        assert standing.state(previous) == OLD
        standing.roll_back(RollbackRequest({"shop": None}, NOW, disconnect=True))
    assert (standing.state("shop"), standing.state(f"shop__before_{NOW}")) == (OLD, NEW)


def test_p34_longest_names_are_cut_and_stay_apart(standing: Standing) -> None:
    name = '%s "quoted" ' + "é" * 25
    other = name[:-1] + "ê"
    assert len(name.encode()) == 62
    for target in (name, other):
        standing.server.sql("CREATE DATABASE {}".format('"' + target.replace('"', '""') + '"'))
        request = standing.request("shop", databases={"shop": target})
        outcome, _warnings = standing.replace(request)
        assert standing.state(target) == NEW
        assert len(str(outcome.databases[0].previous).encode()) <= 63
    assert len([item for item in standing.databases() if "__before_" in item]) == 2
    standing.roll_back(RollbackRequest({name: None}, NOW))
    assert standing.server.value("SELECT count(*) FROM pg_class WHERE relname = 'item'", database=name) == 0
    assert standing.state(other) == NEW


def test_maintenance_database_comes_back_too(standing: Standing) -> None:
    standing.server.sql(f'CREATE DATABASE "postgres__before_{EARLIER}"')
    before = standing.server.value("SELECT oid FROM pg_database WHERE datname = 'postgres'")
    standing.roll_back(RollbackRequest({"postgres": None}, NOW))
    standing.roll_back(RollbackRequest({"postgres": None}, "20261121T130000Z"))
    assert standing.server.value("SELECT oid FROM pg_database WHERE datname = 'postgres'") == before


def test_failure_says_what_was_exchanged_before(standing: Standing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(swap, "_LOCK_TIMEOUT", 200)
    previous = [as_if_replaced(standing, name) for name in standing.names]
    with standing.server.connect() as other, other.transaction():
        other.execute("COMMENT ON DATABASE crm IS 'busy'")
        with pytest.raises(BackupError, match="holds a lock on the database 'crm'") as failure:
            standing.roll_back(RollbackRequest({"shop": None, "crm": None}, NOW))
    assert f"'shop' is what was called {previous[0]!r} already" in str(failure.value)
    assert "'crm' is what" not in str(failure.value)
    assert [standing.state(name) for name in standing.names] == [OLD, NEW]
