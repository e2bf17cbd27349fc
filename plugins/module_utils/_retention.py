# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which sets of an instance to keep. Private to this collection.

A pure function of what is known of the sets; it reads no file and no clock, and serves the sets of a repository as well
as their copies elsewhere. What it promises, whatever the sets and the rules:

- the newest set that counts stays, as do held sets, sets in use, and what is not surely ours;
- where no set counts, nothing goes;
- a set that does not count takes no other one's place, and itself stays as long as it would if it counted;
- one more rule never lets more sets go; a second run lets nothing go that the first one kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone, tzinfo
from typing import Any, Callable, Optional
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ansible_collections.vya.backupdb.plugins.module_utils._errors import UsageError

#: Which sets count: what must be known of them, the least first.
COUNTS = ("sealed", "verified", "proven")
SEALED, VERIFIED, PROVEN = COUNTS

#: Why a set stays, besides the rules of a policy.
NEWEST, HELD, IN_USE, NOT_OURS, NOTHING_COUNTS = "newest", "held", "in_use", "not_ours", "nothing_counts"
_PROTECTIONS = (NOT_OURS, HELD, IN_USE)

_DURATION = re.compile(r"(?:(?P<weeks>\d{1,4})w)?(?:(?P<days>\d{1,5})d)?(?:(?P<hours>\d{1,6})h)?\Z")
_UTC_NAMES = ("UTC", "Etc/UTC")


@dataclass(frozen=True)
class Hold:
    """That a set must stay.

    Args:
        reason: why, for people.
        until: when the hold ends; None for never.
    """

    reason: str
    until: Optional[datetime] = None

    def holds(self, now: datetime) -> bool:
        """Whether it has not ended yet."""
        return self.until is None or now < self.until


@dataclass(frozen=True)
class Candidate:
    """What is known of a set.

    Args:
        set_id: its id, unique among the candidates.
        started: the moment that it began, with a time zone.
        size: bytes that its removal frees.
        verified: its contents were read and were what was written, and nothing newer says otherwise.
        proven: it was restored and proven.
        damaged: it is known to be damaged; it never counts then.
        hold: that it must stay.
        in_use: a restore or a copy reads it.
        problem: why it is not surely ours (no manifest of ours, behind a link, ...); it is left alone then.
    """

    set_id: str
    started: datetime
    size: int = 0
    verified: bool = False
    proven: bool = False
    damaged: bool = False
    hold: Optional[Hold] = None
    in_use: bool = False
    problem: Optional[str] = None

    def counts_as(self, counts: str) -> bool:
        """Whether it is good enough to count: ``sealed``, ``verified`` or ``proven``."""
        if self.problem is not None or self.damaged:
            return False
        return counts == SEALED or (self.proven if counts == PROVEN else self.verified or self.proven)


@dataclass(frozen=True)
class Policy:
    """Rules that each keep sets; a set stays if one rule keeps it. 0 and None are no rule.

    Args:
        keep_last: the newest sets, so many.
        keep_within: every set that is at most so much older than the newest one. Not older than now: a clock that jumps
            ahead must not make everything old.
        keep_hourly, keep_daily, keep_weekly, keep_monthly, keep_yearly: the newest set of each hour, day, week (from
            Monday), month or year, for so many of those that have a set, the newest ones.
        counts: which sets count, one of COUNTS.
    """

    keep_last: int = 0
    keep_within: Optional[timedelta] = None
    keep_hourly: int = 0
    keep_daily: int = 0
    keep_weekly: int = 0
    keep_monthly: int = 0
    keep_yearly: int = 0
    counts: str = VERIFIED


@dataclass(frozen=True)
class Decision:
    """What becomes of a set.

    Args:
        candidate: the set.
        keep: whether it stays.
        rules: what keeps it: names of rules, ``newest``, ``held``, ``in_use``, ``not_ours``, ``nothing_counts``.
        reason: the same for people; why it goes, if it goes.
    """

    candidate: Candidate
    keep: bool
    rules: Sequence[str] = ()
    reason: str = ""


@dataclass
class _Kept:
    """Why a set stays, as it is found out."""

    rules: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)

    def add(self, rule: str, words: str) -> None:
        if rule not in self.rules:
            self.rules.append(rule)
            self.words.append(words)


@dataclass(frozen=True)
class _Period:
    """What keep_hourly and its likes divide time into."""

    rule: str
    key: Callable[[datetime], tuple[Any, ...]]
    name: Callable[[datetime], str]


def _hour(moment: datetime) -> tuple[Any, ...]:
    # An hour that the end of summer time repeats is two hours.
    return (moment.year, moment.month, moment.day, moment.hour, moment.utcoffset())


def _week_name(moment: datetime) -> str:
    year, week, _day = moment.isocalendar()
    return f"week {year}-W{week:02}"


_PERIODS = (
    _Period("keep_hourly", _hour, lambda moment: f"hour {moment:%Y-%m-%d %H}:00 {moment:%z}"),
    _Period(
        "keep_daily", lambda moment: (moment.year, moment.month, moment.day), lambda moment: f"day {moment:%Y-%m-%d}"
    ),
    _Period("keep_weekly", lambda moment: tuple(moment.isocalendar())[:2], _week_name),
    _Period("keep_monthly", lambda moment: (moment.year, moment.month), lambda moment: f"month {moment:%Y-%m}"),
    _Period("keep_yearly", lambda moment: (moment.year,), lambda moment: f"year {moment.year}"),
)
#: Names of the rules, as a policy is written.
RULES = ("keep_last", "keep_within", *(period.rule for period in _PERIODS))


def zone_from(name: str) -> tzinfo:
    """The time zone of a name such as ``Europe/Vienna``.

    Raises:
        UsageError: it is not known here.
    """
    if name in _UTC_NAMES:
        # Known without the package tzdata.
        return timezone.utc
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UsageError(
            f"The time zone {name!r} is not known on this host.",
            "give a name such as Europe/Vienna or UTC, and install the package tzdata if that is missing",
        ) from None


def duration_from(text: str) -> timedelta:
    """A duration written as weeks, days and hours: ``2w``, ``36h``, ``1w3d12h``.

    Raises:
        UsageError: it is none, or is nothing.
    """
    found = _DURATION.match(text.strip())
    parts = {unit: int(number) for unit, number in (found.groupdict() if found else {}).items() if number}
    duration = timedelta(**parts)
    if not duration:
        raise UsageError(f"keep_within is {text!r}.", "give weeks, days and hours, such as 2w, 10d, 36h or 1w3d")
    return duration


def policy_from(given: Mapping[str, Any]) -> Policy:
    """The policy that the keys of a retention describe: names of RULES and ``counts``; others are passed over.

    Raises:
        UsageError: a value makes no sense, or there is no rule.
    """
    values: dict[str, Any] = {name: given[name] for name in (*RULES, "counts") if given.get(name) is not None}
    for name in RULES:
        if name != "keep_within" and (not isinstance(values.get(name, 0), int) or values.get(name, 0) < 0):
            raise UsageError(f"{name} is {values[name]!r}.", "give a number of at least 0")
    if "keep_within" in values:
        values["keep_within"] = duration_from(str(values["keep_within"]))
    if values.get("counts", SEALED) not in COUNTS:
        raise UsageError(f"counts is {values['counts']!r}.", f"choose one of {', '.join(COUNTS)}")
    policy = Policy(**values)
    if not any(getattr(policy, name) for name in RULES):
        raise UsageError(
            "The retention has no rule, which would remove every set but the newest.",
            f"give at least one of {', '.join(RULES)}; keep_last: 1 keeps the newest alone",
        )
    return policy


def plan(candidates: Iterable[Candidate], policy: Policy, now: datetime, zone: tzinfo) -> list[Decision]:
    """Decide what becomes of each set of one instance.

    Args:
        candidates: all of them, in any order.
        policy: the rules.
        now: when holds are to have ended.
        zone: whose days, weeks, months and years count.

    Returns:
        A decision for each, the newest first.
    """
    ordered = sorted(candidates, key=lambda item: (item.started, item.set_id), reverse=True)
    kept = {item.set_id: _Kept() for item in ordered}
    for item in ordered:
        _protect(item, now, kept[item.set_id])
    counting = [item for item in ordered if item.counts_as(policy.counts)]
    others = [item for item in ordered if item.problem is None]
    local = {item.set_id: _local(item.started, zone) for item in others}
    _apply(policy, counting, local, kept, "")
    counted = {item.set_id for item in counting}
    # A set that does not count is measured among all of them, so that a change of what counts loses no history at once.
    uncounted = {item.set_id: kept[item.set_id] for item in others if item.set_id not in counted}
    _apply(policy, others, local, uncounted, ", though it does not count")
    if counting:
        kept[counting[0].set_id].add(NEWEST, "the newest that counts")
    else:
        for item in others:
            kept[item.set_id].add(NOTHING_COUNTS, f"no set counts as {policy.counts}, so nothing is removed")
    return [
        _decision(
            item, kept[item.set_id], "" if item.set_id in counted else f"it is not {_lacks(item, policy.counts)}; "
        )
        for item in ordered
    ]


def _local(moment: datetime, zone: tzinfo) -> datetime:
    try:
        return moment.astimezone(zone)
    except OverflowError:
        # A set that calls itself one of the year 1 or 9999.
        return moment


def _protect(item: Candidate, now: datetime, kept: _Kept) -> None:
    if item.problem is not None:
        kept.add(NOT_OURS, item.problem)
    if item.hold is not None and item.hold.holds(now):
        end = f" until {item.hold.until:%Y-%m-%d %H:%M %Z}" if item.hold.until else ""
        kept.add(HELD, f"held{end}: {item.hold.reason}")
    if item.in_use:
        kept.add(IN_USE, "in use")


def _apply(
    policy: Policy, ordered: Sequence[Candidate], local: Mapping[str, datetime], kept: Mapping[str, _Kept], note: str
) -> None:
    """Let every rule choose among some sets, the newest first; what it chooses outside of ``kept`` has its reasons already."""

    def keep(item: Candidate, rule: str, words: str) -> None:
        if item.set_id in kept:
            kept[item.set_id].add(rule, words + note)

    for number, item in enumerate(ordered[: policy.keep_last], 1):
        keep(item, "keep_last", f"last {number} of {policy.keep_last}")
    if policy.keep_within is not None:
        for item in ordered:
            if ordered[0].started - item.started > policy.keep_within:
                break
            keep(item, "keep_within", "within the newest " + _words(policy.keep_within))
    for period in _PERIODS:
        wanted = getattr(policy, period.rule)
        seen: set[tuple[Any, ...]] = set()
        for item in ordered if wanted else ():
            moment = local[item.set_id]
            key = period.key(moment)
            if key not in seen:
                seen.add(key)
                keep(item, period.rule, f"{period.name(moment)} ({len(seen)} of {wanted})")
            if len(seen) == wanted:
                break


def _decision(item: Candidate, kept: _Kept, lack: str) -> Decision:
    if not kept.rules:
        return Decision(item, False, (), f"{lack}no rule keeps it")
    # What protects a set says more than the rules that keep it besides.
    shown = [words for rule, words in zip(kept.rules, kept.words) if rule in _PROTECTIONS] or kept.words
    return Decision(item, True, tuple(kept.rules), ", ".join(shown))


def _lacks(item: Candidate, counts: str) -> str:
    return "sound" if item.damaged else counts


def _words(duration: timedelta) -> str:
    hours = duration.seconds // 3600
    parts = [f"{duration.days} days"] * bool(duration.days) + [f"{hours} h"] * bool(hours)
    return " ".join(parts)
