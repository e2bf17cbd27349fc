# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Giving databases back what they were before a restore."""

from __future__ import annotations

from typing import Optional

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql import swap
from ansible_collections.vya.backupdb.plugins.module_utils._engines.placement import RollbackPlan, RollbackRequest
from ansible_collections.vya.backupdb.plugins.module_utils._errors import BackupError

from tests.integration.mysql.conftest import Journey, databases_of, engine
from tests.integration.mysql.standing import WITH_RIGHTS, build, differences, proof_of
from tests.support.mariadb import MariaDBServer

FIRST = "20270101T000000Z"
SECOND = "20270202T000000Z"


def request(now: str = FIRST, **databases: Optional[str]) -> RollbackRequest:
    return RollbackRequest(databases or {"shop": None}, now)


def roll_back(server: MariaDBServer, wanted: RollbackRequest) -> RollbackPlan:
    with engine(server) as opened:
        plan = opened.plan_rollback(wanted)
        assert plan.problems == ()
        opened.rollback(wanted, plan)
        return plan


def problems(server: MariaDBServer, wanted: RollbackRequest) -> str:
    with engine(server) as opened:
        return "\n".join(opened.plan_rollback(wanted).problems)


@pytest.fixture
def replaced(source: MariaDBServer, target: MariaDBServer, journey: Journey) -> MariaDBServer:
    """A server on which a set has taken the place of an older ``shop``."""
    build(source, "shop", "new")
    journey.dump(source, "shop")
    build(target, "shop", "old", WITH_RIGHTS)
    return target


def test_m21_rollback_there_and_back_again(replaced: MariaDBServer, journey: Journey) -> None:
    before = proof_of(replaced, "shop")
    journey.restore(replaced, if_exists="replace", roles="none")
    stamp = journey.latest.manifest.set_id
    plan = roll_back(replaced, request(FIRST))
    (step,) = plan.steps
    assert (step.name, step.previous, step.kept) == ("shop", f"shop__before_{stamp}", f"shop__before_{FIRST}")
    assert differences(before, replaced) == [f"there is shop__before_{FIRST}"]
    assert replaced.value("SELECT name FROM shop.rights") == "old"
    roll_back(replaced, request(SECOND))
    assert databases_of(replaced) == ["shop", f"shop__before_{SECOND}"]
    assert journey.differences(replaced) == []
    roll_back(replaced, request(FIRST, shop=SECOND))
    assert differences(before, replaced) == [f"there is shop__before_{FIRST}"]


def test_a_rollback_where_nothing_has_the_name_now(replaced: MariaDBServer, journey: Journey) -> None:
    before = proof_of(replaced, "shop")
    journey.restore(replaced, if_exists="replace", roles="none")
    replaced.sql("DROP DATABASE shop")
    plan = roll_back(replaced, request())
    assert plan.steps[0].kept is None
    assert differences(before, replaced) == []


def test_what_forbids_a_rollback(target: MariaDBServer) -> None:
    target.sql("CREATE DATABASE shop; CREATE TABLE shop.t (id INT)")
    assert "shop has no previous one" in problems(target, request())
    for stamp in (FIRST, SECOND):
        target.sql(f"CREATE DATABASE shop__before_{stamp}; CREATE TABLE shop__before_{stamp}.t (id INT)")
    text = problems(target, request())
    assert f"several previous ones: say which by its stamp, of shop__before_{SECOND}, shop__before_{FIRST}" in text
    assert "no previous one of 20300101T000000Z" in problems(target, request(shop="20300101T000000Z"))
    wanted = request("20270303T000000Z", shop=FIRST)
    with target.connect("shop"):
        assert "cannot be replaced while sessions use it: root from localhost" in problems(target, wanted)
    with target.connect(f"shop__before_{FIRST}"):
        assert "sessions use it" in problems(target, wanted)
    assert problems(target, wanted) == ""
    roll_back(target, wanted)
    assert databases_of(target) == ["shop", f"shop__before_{SECOND}", "shop__before_20270303T000000Z"]


def test_m21_a_rollback_that_fails_changes_nothing(
    replaced: MariaDBServer, journey: Journey, monkeypatch: pytest.MonkeyPatch
) -> None:
    journey.restore(replaced, if_exists="replace", roles="none")
    previous = f"shop__before_{journey.latest.manifest.set_id}"
    before = proof_of(replaced, "shop", previous)

    def fail(*_arguments: object) -> None:
        raise BackupError("made to fail")

    with engine(replaced) as opened:
        plan = opened.plan_rollback(request())
        monkeypatch.setattr(swap.Swap, "_settle", fail)
        with pytest.raises(BackupError, match="made to fail"):
            opened.rollback(request(), plan)
    monkeypatch.undo()
    assert differences(before, replaced) == []
    roll_back(replaced, request())
