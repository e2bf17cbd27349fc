# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tables of what was measured, ratios to the peers, goals met or not, as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.benchmarks.measure import Result, Results


@dataclass(frozen=True)
class Goal:
    """What we want to reach beside a peer in the same run.

    text: the goal in words
    ours: label of our row
    peers: labels; the fastest of those that ran counts
    at_most: our seconds are at most this times the peer's, plus plus_seconds
    faster: we are at least this many times as fast
    smaller: our bytes are fewer than the peer's
    seconds: our seconds are at most this
    memory: our peak memory is at most this many bytes
    """

    text: str
    ours: str
    peers: Sequence[str] = ()
    at_most: float | None = None
    plus_seconds: float = 0
    faster: float | None = None
    smaller: bool = False
    seconds: float | None = None
    memory: int | None = None

    def judge(self, results: Results) -> Verdict:
        """What came of it; `met` is None where something did not run."""
        ours = results.get(self.ours)
        if ours is None or ours.median is None:
            return Verdict(self, "not measured", None)
        if self.memory is not None:
            if ours.memory is None:
                return Verdict(self, "not measured", None)
            return Verdict(self, f"{ours.memory / 2**20:.0f} MiB", ours.memory <= self.memory)
        if self.seconds is not None:
            return Verdict(self, f"{ours.median:.2f} s", ours.median <= self.seconds)
        peers = [results[label] for label in self.peers if label in results and results[label].seconds]
        if not peers:
            return Verdict(self, "the peer did not run", None)
        best = min(peers, key=lambda peer: peer.median or 0)
        return self._against(ours, best)

    def _against(self, ours: Result, best: Result) -> Verdict:
        assert ours.median is not None
        assert best.median is not None
        beside = f" (beside: {best.label})" if len(self.peers) > 1 else ""
        if self.smaller:
            if not ours.size or not best.size:
                return Verdict(self, "not measured", None)
            return Verdict(self, f"{ours.size / best.size:.2f} of its size{beside}", ours.size < best.size)
        if self.faster is not None:
            ratio = best.median / ours.median
            return Verdict(self, f"{ratio:.1f} times as fast{beside}", ratio >= self.faster)
        assert self.at_most is not None
        ratio = (ours.median - self.plus_seconds) / best.median
        less = f", {self.plus_seconds:g} s taken off" if self.plus_seconds else ""
        return Verdict(self, f"{ratio:.2f} times the seconds{less}{beside}", ratio <= self.at_most)


@dataclass(frozen=True)
class Verdict:
    """A goal and what came of it."""

    goal: Goal
    measured: str
    met: bool | None

    @property
    def word(self) -> str:
        """For the table."""
        return {True: "met", False: "**not met**", None: "-"}[self.met]


@dataclass
class Table:
    """One case.

    title: its heading
    text: what was measured, for the reader
    results: the rows
    reference: label of the row that ratios refer to
    goals: what to reach
    """

    title: str
    text: str
    results: Results
    reference: str
    goals: Sequence[Goal] = field(default_factory=tuple)

    def verdicts(self) -> list[Verdict]:
        """What came of the goals."""
        return [goal.judge(self.results) for goal in self.goals]

    def markdown(self) -> str:
        """The case as Markdown."""
        reference = self.results.get(self.reference)
        base = reference.median if reference else None
        lines = [f"### {self.title}", "", self.text, ""]
        lines += ["| | seconds | MB stored | seconds, ratio | peak memory, MiB | runs |", "|---|--:|--:|--:|--:|--:|"]
        lines += [_row(result, base) for result in self.results.values()]
        lines += ["", f"Ratios are to «{self.reference}».", ""]
        if self.goals:
            lines += ["| goal | measured | |", "|---|---|---|"]
            lines += [f"| {verdict.goal.text} | {verdict.measured} | {verdict.word} |" for verdict in self.verdicts()]
            lines.append("")
        return "\n".join(lines)


def _row(result: Result, base: float | None) -> str:
    label = f"… {result.label}" if result.part else result.label
    if result.median is None:
        return f"| {label} | - | - | - | - | {'**failed**' if result.failed else result.skip or 'not run'} |"
    size = f"{result.size / 1e6:.0f}" if result.size is not None else ""
    if result.size is not None and result.size < 10_000_000:
        size = f"{result.size / 1e6:.2f}"
    ratio = f"{result.median / base:.2f}" if base else ""
    memory = f"{result.memory / 2**20:.0f}" if result.memory is not None else ""
    return f"| {label} | {result.median:.2f} | {size} | {ratio} | {memory} | {len(result.seconds)} |"
