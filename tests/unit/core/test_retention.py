# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which sets are kept: what must hold for every history, and a slow, obvious model that must say the same."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._errors import UsageError
from ansible_collections.vya.backupdb.plugins.module_utils._model import set_id_at
from ansible_collections.vya.backupdb.plugins.module_utils._retention import (
    COUNTS,
    HELD,
    IN_USE,
    NEWEST,
    NOT_OURS,
    NOTHING_COUNTS,
    RULES,
    Candidate,
    Decision,
    Hold,
    Policy,
    duration_from,
    plan,
    policy_from,
    zone_from,
)
from hypothesis import given
from hypothesis import strategies as st

UTC = timezone.utc
NOW = datetime(2026, 11, 21, 8, tzinfo=UTC)
#: a usual one, one whose days begin at another date, one with half hours, one whose summer time ended a minute after midnight
ZONES = ["UTC", "Europe/Vienna", "Pacific/Auckland", "Australia/Lord_Howe", "America/St_Johns"]
#: the end and the beginning of summer time, the ends of years and of weeks, and a day that was two dates
SPECIAL = [
    datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
    datetime(2026, 10, 25, 1, 30, tzinfo=UTC),
    datetime(2026, 3, 29, 0, 59, 59, tzinfo=UTC),
    datetime(2026, 12, 31, 23, 30, tzinfo=UTC),
    datetime(2027, 1, 1, 0, 30, tzinfo=UTC),
    datetime(2027, 1, 3, 23, 59, 59, tzinfo=UTC),
    datetime(2010, 11, 7, 2, 30, 30, tzinfo=UTC),
    datetime(2010, 11, 7, 2, 31, 30, tzinfo=UTC),
    datetime(2010, 11, 7, 3, 29, 30, tzinfo=UTC),
]


def candidate(moment: datetime, **facts: Any) -> Candidate:
    return Candidate(**{"set_id": set_id_at(moment), "started": moment, "verified": True, **facts})


def kept(decisions: Iterable[Decision]) -> set[str]:
    return {decision.candidate.set_id for decision in decisions if decision.keep}


def reasons(decisions: Iterable[Decision]) -> dict[str, str]:
    return {decision.candidate.set_id: decision.reason for decision in decisions}


# histories

moments = st.one_of(
    st.integers(0, 400 * 24 * 60).map(lambda minutes: NOW - timedelta(minutes=minutes)),
    st.integers(0, 10 * 365).map(lambda days: NOW - timedelta(days=days, hours=5)),
    st.tuples(st.sampled_from(SPECIAL), st.integers(-5400, 5400)).map(
        lambda pair: pair[0] + timedelta(seconds=pair[1])
    ),
    # a clock that was wrong
    st.integers(0, 500).map(lambda days: NOW + timedelta(days=days)),
)
holds = st.one_of(
    st.none(),
    st.none(),
    st.none(),
    st.sampled_from([Hold("why"), Hold("why", NOW + timedelta(days=1)), Hold("why", NOW - timedelta(days=1))]),
)
seldom = st.sampled_from([False, False, False, False, False, True])
histories = st.lists(
    st.builds(
        lambda moment, verified, proven, damaged, hold, in_use, alien: candidate(
            moment,
            verified=verified,
            proven=proven,
            damaged=damaged,
            hold=hold,
            in_use=in_use,
            problem="not ours" if alien else None,
        ),
        moments,
        st.booleans(),
        seldom,
        seldom,
        holds,
        seldom,
        seldom,
    ),
    max_size=40,
    unique_by=lambda item: item.set_id,
)
numbers = st.one_of(st.just(0), st.integers(0, 8))
policies = st.builds(
    Policy,
    keep_last=numbers,
    keep_within=st.one_of(st.none(), st.integers(1, 60 * 24).map(lambda hours: timedelta(hours=hours))),
    keep_hourly=numbers,
    keep_daily=numbers,
    keep_weekly=numbers,
    keep_monthly=numbers,
    keep_yearly=numbers,
    counts=st.sampled_from(COUNTS),
)
zones = st.sampled_from(ZONES).map(zone_from)


# the model


def model_counts(item: Candidate, counts: str) -> bool:
    if item.problem or item.damaged:
        return False
    return {"sealed": True, "verified": item.verified or item.proven, "proven": item.proven}[counts]


def model_names(item: Candidate, zone: tzinfo) -> dict[str, str]:
    """What the hour, day, week, month and year of a set are called where people live."""
    local = item.started.astimezone(zone)
    return {
        "keep_hourly": local.strftime("%Y-%m-%d %H %z"),
        "keep_daily": local.strftime("%Y-%m-%d"),
        "keep_weekly": local.strftime("%G-%V"),
        "keep_monthly": local.strftime("%Y-%m"),
        "keep_yearly": local.strftime("%Y"),
    }


def model_chosen(sets: list[Candidate], policy: Policy, zone: tzinfo) -> set[str]:
    """What the rules choose among some sets: for each rule every set is asked if enough others come before it."""
    chosen = set()
    for item in sets:
        newer = [other for other in sets if other.started > item.started]
        if len(newer) < policy.keep_last:
            chosen.add(item.set_id)
        newest = max(other.started for other in sets)
        if policy.keep_within is not None and newest - item.started <= policy.keep_within:
            chosen.add(item.set_id)
        for rule, name in model_names(item, zone).items():
            names_of_newer = {model_names(other, zone)[rule] for other in newer}
            if name not in names_of_newer and len(names_of_newer) < getattr(policy, rule):
                chosen.add(item.set_id)
    return chosen


def model_kept(sets: list[Candidate], policy: Policy, zone: tzinfo) -> set[str]:
    ours = [item for item in sets if not item.problem]
    good = [item for item in ours if model_counts(item, policy.counts)]
    stay = {item.set_id for item in sets if item.problem or item.in_use}
    stay |= {item.set_id for item in sets if item.hold and (item.hold.until is None or item.hold.until > NOW)}
    if not good:
        return {item.set_id for item in sets}
    stay.add(max(good, key=lambda item: item.started).set_id)
    stay |= model_chosen(good, policy, zone)
    return stay | (model_chosen(ours, policy, zone) - {item.set_id for item in good})


# what must hold


@given(histories, policies, zones)
def test_f15_the_plan_is_that_of_an_obvious_model(sets: list[Candidate], policy: Policy, zone: tzinfo) -> None:
    assert kept(plan(sets, policy, NOW, zone)) == model_kept(sets, policy, zone)


@given(histories, policies, zones)
def test_f15_the_newest_good_set_and_what_is_protected_always_stay(
    sets: list[Candidate], policy: Policy, zone: tzinfo
) -> None:
    decisions = plan(sets, policy, NOW, zone)
    assert [item.candidate.set_id for item in decisions] == sorted((item.set_id for item in sets), reverse=True)
    good = [item for item in sets if model_counts(item, policy.counts)]
    if good:
        assert max(item.set_id for item in good) in kept(decisions)
    else:
        assert len(kept(decisions)) == len(sets)
    for decision in decisions:
        item = decision.candidate
        held = item.hold is not None and item.hold.holds(NOW)
        assert decision.keep or not (item.problem or item.in_use or held)
        assert decision.keep == bool(decision.rules)
        assert decision.reason


@given(histories, policies, zones, st.sampled_from(RULES), st.integers(1, 20))
def test_one_more_rule_never_removes_more(
    sets: list[Candidate], policy: Policy, zone: tzinfo, rule: str, number: int
) -> None:
    before: Any = getattr(policy, rule)
    more: Any = timedelta(hours=number) if rule == "keep_within" else number
    generous = dataclasses.replace(policy, **{rule: more if before is None else before + more})
    assert kept(plan(sets, policy, NOW, zone)) <= kept(plan(sets, generous, NOW, zone))


@given(histories, policies, zones)
def test_twice_is_once(sets: list[Candidate], policy: Policy, zone: tzinfo) -> None:
    first = kept(plan(sets, policy, NOW, zone))
    left = [item for item in sets if item.set_id in first]
    assert kept(plan(left, policy, NOW, zone)) == first


@given(histories, policies, zones)
def test_what_is_found_out_of_a_set_that_goes_changes_no_other(
    sets: list[Candidate], policy: Policy, zone: tzinfo
) -> None:
    """A prune looks closer at what would go, and plans again."""
    first = kept(plan(sets, policy, NOW, zone))
    again = [
        item if item.set_id in first else dataclasses.replace(item, problem="holds files of others") for item in sets
    ]
    assert kept(plan(again, policy, NOW, zone)) == {item.set_id for item in sets}
    busy = [item if item.set_id in first else dataclasses.replace(item, in_use=True) for item in sets]
    assert kept(plan(busy, policy, NOW, zone)) == {item.set_id for item in sets}


# in words


def days(number: int, **facts: Any) -> list[Candidate]:
    return [candidate(NOW - timedelta(days=day), **facts) for day in range(number)]


def test_the_usual_policy_keeps_days_weeks_and_months() -> None:
    decisions = plan(days(500), Policy(keep_daily=7, keep_weekly=4, keep_monthly=12), NOW, UTC)
    found = reasons(decisions)
    assert found["20261121T080000Z"] == (
        "day 2026-11-21 (1 of 7), week 2026-W47 (1 of 4), month 2026-11 (1 of 12), the newest that counts"
    )
    assert found["20261120T080000Z"] == "day 2026-11-20 (2 of 7)"
    assert found["20261115T080000Z"] == "day 2026-11-15 (7 of 7), week 2026-W46 (2 of 4)"
    assert found["20261114T080000Z"] == "no rule keeps it"
    assert found["20251231T080000Z"] == "month 2025-12 (12 of 12)"
    # 7 days, 3 more weeks than they touch, 11 more months
    assert len(kept(decisions)) == 7 + 2 + 11


def test_f15_new_sets_that_fail_push_no_good_one_out() -> None:
    bad = days(30, verified=False)
    good = [candidate(NOW - timedelta(days=day)) for day in range(30, 40)]
    decisions = plan(bad + good, Policy(keep_last=3), NOW, UTC)
    assert kept(decisions) == {item.set_id for item in bad[:3] + good[:3]}
    found = reasons(decisions)
    assert found[bad[0].set_id] == "last 1 of 3, though it does not count"
    assert found[bad[3].set_id] == "it is not verified; no rule keeps it"
    assert NEWEST in decisions[30].rules


def test_f15_damaged_sets_do_not_count() -> None:
    rotten, sound = days(2)
    decisions = plan([dataclasses.replace(rotten, damaged=True), sound], Policy(keep_last=1, counts="sealed"), NOW, UTC)
    assert kept(decisions) == {rotten.set_id, sound.set_id}
    older = candidate(NOW - timedelta(days=9), damaged=True)
    found = reasons(plan([rotten, older], Policy(keep_last=1, counts="sealed"), NOW, UTC))
    assert found[older.set_id] == "it is not sound; no rule keeps it"


def test_f15_nothing_goes_where_nothing_counts() -> None:
    decisions = plan(days(9, verified=False), Policy(keep_last=1), NOW, UTC)
    assert all(NOTHING_COUNTS in decision.rules for decision in decisions)
    assert decisions[8].reason == "no set counts as verified, so nothing is removed"
    proven = [*days(3), candidate(NOW - timedelta(days=9), proven=True)]
    assert kept(plan(proven, Policy(keep_last=1, counts="proven"), NOW, UTC)) == {proven[0].set_id, proven[3].set_id}


def test_f15_a_clock_that_jumps_ahead_makes_nothing_old() -> None:
    policy = Policy(keep_within=timedelta(days=3), keep_daily=2)
    for later in (0, 10_000):
        decisions = plan(days(10), policy, NOW + timedelta(days=later), UTC)
        assert len(kept(decisions)) == 4


def test_holds_end() -> None:
    sets = days(4)
    sets[1] = dataclasses.replace(sets[1], hold=Hold("an audit"))
    sets[2] = dataclasses.replace(sets[2], hold=Hold("a release", NOW + timedelta(days=1)))
    sets[3] = dataclasses.replace(sets[3], hold=Hold("the past", NOW))
    decisions = plan(sets, Policy(keep_last=1), NOW, UTC)
    assert [decision.reason for decision in decisions][1:] == [
        "held: an audit",
        "held until 2026-11-22 08:00 UTC: a release",
        "no rule keeps it",
    ]
    assert [decision.rules for decision in decisions][1:] == [("held",), ("held",), ()]
    assert HELD == "held"


def test_what_is_in_use_or_not_ours_says_so() -> None:
    sets = days(3)
    sets[1] = dataclasses.replace(sets[1], in_use=True)
    sets[2] = dataclasses.replace(sets[2], problem="manifest.json is missing")
    decisions = plan(sets, Policy(keep_last=1), NOW, UTC)
    assert [(decision.rules, decision.reason) for decision in decisions[1:]] == [
        ((IN_USE,), "in use"),
        ((NOT_OURS,), "manifest.json is missing"),
    ]


def test_days_are_those_of_the_time_zone() -> None:
    # 23:30 and 00:30 in Vienna, both on the 20th in UTC
    evening, night = datetime(2026, 11, 20, 22, 30, tzinfo=UTC), datetime(2026, 11, 20, 23, 30, tzinfo=UTC)
    sets = [candidate(evening), candidate(night)]
    assert len(kept(plan(sets, Policy(keep_daily=2), NOW, UTC))) == 1
    assert len(kept(plan(sets, Policy(keep_daily=2), NOW, ZoneInfo("Europe/Vienna")))) == 2


def test_the_hour_that_the_end_of_summer_time_repeats_is_two_hours() -> None:
    sets = [candidate(datetime(2026, 10, 25, hour, 30, tzinfo=UTC)) for hour in (0, 1)]
    decisions = plan(sets, Policy(keep_hourly=2), NOW, ZoneInfo("Europe/Vienna"))
    assert [decision.reason.split(",")[0] for decision in decisions] == [
        "hour 2026-10-25 02:00 +0100 (1 of 2)",
        "hour 2026-10-25 02:00 +0200 (2 of 2)",
    ]


def test_the_days_around_new_year_are_of_the_right_week() -> None:
    sets = [candidate(datetime(2026, 12, 31, tzinfo=UTC)), candidate(datetime(2027, 1, 2, tzinfo=UTC))]
    decisions = plan(sets, Policy(keep_weekly=5), NOW, UTC)
    assert decisions[0].reason == "week 2026-W53 (1 of 5), the newest that counts"
    assert not decisions[1].keep


def test_a_set_that_calls_itself_one_of_the_first_or_last_year_breaks_nothing() -> None:
    sets = [candidate(datetime(1, 1, 1, tzinfo=UTC)), candidate(datetime(9999, 12, 31, 23, tzinfo=UTC))]
    for name in ("Pacific/Auckland", "America/St_Johns"):
        assert len(kept(plan(sets, Policy(keep_daily=5, keep_weekly=5), NOW, ZoneInfo(name)))) == 2


# what people write


def test_durations_are_weeks_days_and_hours() -> None:
    assert duration_from("1w3d12h") == timedelta(days=10, hours=12)
    assert duration_from(" 36h ") == timedelta(hours=36)
    for text in ("", "0d", "3", "d", "1m", "-1d", "1d1w", "1.5d", "99999999999d"):
        with pytest.raises(UsageError, match="keep_within is"):
            duration_from(text)


def test_policies_are_checked() -> None:
    assert policy_from({"keep_last": 3, "keep_daily": None, "time_zone": "UTC"}) == Policy(keep_last=3)
    assert policy_from({"keep_within": "2d"}).keep_within == timedelta(days=2)
    for given_policy, message in (
        ({}, "has no rule, which would remove every set but the newest"),
        ({"keep_daily": 0}, "has no rule"),
        ({"keep_daily": -1}, "keep_daily is -1"),
        ({"keep_last": "many"}, "keep_last is 'many'"),
        ({"keep_last": 1, "counts": "all"}, "counts is 'all'"),
    ):
        with pytest.raises(UsageError, match=message):
            policy_from(given_policy)


def test_time_zones_have_names() -> None:
    assert zone_from("UTC") is UTC
    for name in ("Mars/Olympus", "../../etc/passwd", "", "/etc/localtime"):
        with pytest.raises(UsageError, match="is not known on this host"):
            zone_from(name)
