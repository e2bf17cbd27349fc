# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Contenders that run in turn, and what they took."""

from __future__ import annotations

import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.benchmarks.settings import BenchError, Settings


@dataclass
class Outcome:
    """What one run left.

    size: bytes stored; None where nothing is
    parts: seconds of parts that get rows of their own: label -> seconds
    memory: peak resident bytes of our module's process
    seconds: instead of the time that the whole call took
    """

    size: int | None = None
    parts: Mapping[str, float] = field(default_factory=dict)
    memory: int | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class Contender:
    """Something to measure.

    label: its row in the table
    run: the measured work
    prepare: done before each run, and not measured: empties the target
    slow: runs only as often as slow contenders do
    skip: why it does not take part here
    """

    label: str
    run: Callable[[], Outcome | None]
    prepare: Callable[[], object] | None = None
    slow: bool = False
    skip: str | None = None


@dataclass
class Result:
    """All runs of a contender, or of a part of one."""

    label: str
    seconds: list[float] = field(default_factory=list)
    size: int | None = None
    memory: int | None = None
    skip: str | None = None
    part: bool = False
    failed: bool = False

    @property
    def median(self) -> float | None:
        """The median in seconds; None when it did not run."""
        return statistics.median(self.seconds) if self.seconds else None


Results = dict[str, Result]


def measure(contenders: Sequence[Contender], settings: Settings, say: Callable[[str], object]) -> Results:
    """Run the contenders in turn, round after round, every other round backwards, so that drift hits all alike."""
    results: Results = {}
    for contender in contenders:
        results[contender.label] = Result(contender.label, skip=contender.skip)
    for turn in range(settings.runs):
        taking_part = [
            contender
            for contender in contenders
            if contender.skip is None and (not contender.slow or turn < settings.slow_runs)
        ]
        for contender in taking_part if turn % 2 == 0 else reversed(taking_part):
            _measure_once(contender, results, say)
    return results


def _measure_once(contender: Contender, results: Results, say: Callable[[str], object]) -> None:
    if contender.prepare is not None:
        contender.prepare()
    # what others left to be written is not this one's work
    os.sync()
    began = time.perf_counter()
    try:
        outcome = contender.run() or Outcome()
    except BenchError as error:
        # the others' numbers are worth having; the run as a whole fails in the end
        say(f"  {contender.label} failed: {error}")
        results[contender.label].failed = True
        return
    seconds = outcome.seconds if outcome.seconds is not None else time.perf_counter() - began
    result = results[contender.label]
    result.seconds.append(seconds)
    result.size = outcome.size if outcome.size is not None else result.size
    if outcome.memory is not None:
        result.memory = max(outcome.memory, result.memory or 0)
    for label, part in outcome.parts.items():
        results.setdefault(label, Result(label, part=True)).seconds.append(part)
    say(f"  {contender.label}: {seconds:.2f} s" + "".join(f"; {k}: {v:.2f} s" for k, v in outcome.parts.items()))


Command = Sequence["str | os.PathLike[str]"]


def chain(
    *commands: Command,
    env: Mapping[str, str] | None = None,
    source: Path | None = None,
    target: Path | None = None,
    cwd: Path | None = None,
) -> Outcome:
    """Run programs connected by pipes, as a shell's pipeline would, and check every exit code.

    source, target: files for the first one's input and the last one's output; /dev/null otherwise
    Returns the size of the target. BenchError names the program that failed.
    """
    processes: list[subprocess.Popen[bytes]] = []
    with (
        open(source or os.devnull, "rb") as first,
        open(target or os.devnull, "wb") as last,
        tempfile.TemporaryFile() as messages,
    ):
        upstream: object = first
        for number, command in enumerate(commands):
            process = subprocess.Popen(
                [os.fspath(word) for word in command],
                stdin=upstream,  # type: ignore[call-overload]
                stdout=last if number == len(commands) - 1 else subprocess.PIPE,
                stderr=messages,
                env=dict(env) if env is not None else None,
                cwd=cwd,
            )
            if processes and processes[-1].stdout is not None:
                processes[-1].stdout.close()
            processes.append(process)
            upstream = process.stdout
        codes = [process.wait() for process in processes]
        messages.seek(0)
        _check(commands, codes, messages.read().decode(errors="replace"))
    return Outcome(size=target.stat().st_size if target else None)


def _check(commands: Sequence[Command], codes: Sequence[int], messages: str) -> None:
    for command, code in zip(commands, codes):
        if code != 0:
            raise BenchError(f"{os.fspath(command[0])} ended with code {code}:\n{messages[-4000:]}")


def together(*chains: Callable[[], Outcome]) -> Outcome:
    """Run several chains at the same time, one thread each; their sizes are added."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(len(chains)) as pool:
        outcomes = [future.result() for future in [pool.submit(one) for one in chains]]
    return Outcome(size=sum(outcome.size or 0 for outcome in outcomes))


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files below a folder."""
    if path.is_file():
        return path.stat().st_size
    return sum(entry.stat().st_size for entry in path.rglob("*") if entry.is_file())
