# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Breaking an operation at a step of its run, and looking at what is left, said, and possible afterwards."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from tests.faults.operations import Operation, Place, Result
from tests.faults.shim import Step
from tests.integration.modules.harness import PATIENCE, until

#: what a failed run may call its cause, for each kind of failure that calls were given
CAUSES = {
    "ENOSPC": r"no space left",
    "EIO": r"input/output error|I/O error|failed with exit code|os error 5|errno: 5",
}


@dataclass
class Injection:
    """One fault at one step, and what came of it.

    operation: title of what was broken
    fault: what was done to it
    step: when
    outcome: killed, failed, or done all the same
    wrong: what must not be
    said: the message
    """

    operation: str
    fault: str
    step: str
    outcome: str = ""
    wrong: list[str] = field(default_factory=list)
    said: str = ""


@dataclass(frozen=True)
class Fault:
    """Something that happens in the moment of a step.

    name: for people
    kinds: of steps that it makes sense at
    programs: of these: the module, other programs, or a program's name
    error: what calls fail with, or None for something that `do` does
    do: what to do; gets the module's process and the process that waits
    undo: what makes the next run possible
    silent: no result is to be expected
    """

    name: str
    kinds: tuple[str, ...]
    others: bool = False
    error: str | None = None
    do: Callable[[int, int], None] | None = None
    undo: Callable[[], None] | None = None
    silent: bool = False
    says: str = ""


def send(number: signal.Signals, module: bool) -> Callable[[int, int], None]:
    """A signal to the module, or to the program that waits."""

    def do(process: int, waiting: int) -> None:
        with suppress(ProcessLookupError):
            os.kill(process if module else waiting, number)

    return do


_CHANGES = ("start", "open", "write", "fsync", "rename", "unlink", "mkdir", "send")
KILLED = Fault("SIGKILL to the module", _CHANGES, do=send(signal.SIGKILL, True), silent=True)
STOPPED = Fault("SIGTERM to the module", _CHANGES, do=send(signal.SIGTERM, True), says="stopped by SIGTERM")
PROGRAM_KILLED = Fault(
    "SIGKILL to a program",
    ("start", "write", "read", "send"),
    True,
    do=send(signal.SIGKILL, False),
    says="signal 9|Killed",
)
PROGRAM_STOPPED = Fault(
    "SIGTERM to a program", ("start", "write", "read", "send"), True, do=send(signal.SIGTERM, False), says=""
)
FULL = Fault("disk full (ENOSPC)", ("open", "write", "mkdir", "fsync"), True, "ENOSPC", says=CAUSES["ENOSPC"])
BROKEN = Fault("disk broken (EIO)", ("open", "write", "fsync", "rename", "mkdir"), True, "EIO", says=CAUSES["EIO"])
ALWAYS = (KILLED, STOPPED, PROGRAM_KILLED, PROGRAM_STOPPED, FULL, BROKEN)


def measure(operation: Operation) -> Counter[tuple[str, str]]:
    """Run an operation undisturbed; returns how many calls of which kind each program made."""
    shim = operation.place.shim
    operation.reset()
    shim.count()
    result = operation.place.run(operation.module, **operation.options)
    counted = shim.counted()
    assert not result.get("failed"), result
    found = operation.wrong(result)
    assert found == [], found
    return counted


def spread(number: int, limit: int) -> list[int]:
    """So many of the numbers from 1, the first and the last among them, evenly."""
    if number <= limit:
        return list(range(1, number + 1))
    if limit == 1:
        return [(number + 1) // 2]
    return sorted({1 + round(index * (number - 1) / (limit - 1)) for index in range(limit)})


def steps(counted: Counter[tuple[str, str]], fault: Fault, limit: int) -> Iterator[Step]:
    """The steps at which a fault is injected: at most so many for each kind of call of each program."""
    for (program, kind), number in sorted(counted.items()):
        if kind not in fault.kinds:
            continue
        if kind == "start":
            mine = True
        elif program == "module":
            mine = not fault.others or fault.error is not None
        else:
            mine = fault.others and program != "setpriv"
        if mine:
            for chosen in spread(number, limit):
                yield Step(program, kind, chosen)


def inject(operation: Operation, fault: Fault, step: Step) -> Injection | None:
    """Break an operation; None if the run never came to the step."""
    place, shim = operation.place, operation.place.shim
    made = Injection(operation.title, fault.name, str(step))
    operation.reset()
    if fault.error:
        shim.fail(step, fault.error)
    else:
        shim.hold(step)
    with place.started(operation.module, **operation.options) as process:
        if fault.do is not None:
            until(lambda: shim.fired or process.poll() is not None, "the step")
            if shim.fired:
                fault.do(process.pid, shim.pid)
                shim.release()
        result = _result(process, made)
    fired = shim.fired
    shim.off()
    until(lambda: operation.idle(result), "every process has ended")
    if fault.undo is not None:
        fault.undo()
    if not fired:
        return None
    made.outcome = "killed" if result is None else "failed" if result.get("failed") else "done"
    if result is None and not fault.silent:
        made.wrong.append("there is no result")
    if made.outcome == "failed":
        made.said = str(result["msg"]) if result else ""
        lost = step.program in operation.servers and bool(
            re.search(r"lost|ended the connection|Cannot connect|cannot be reached|did not start", made.said)
        )
        made.wrong += _untrue(made.said, fault, lost)
    made.wrong += operation.wrong(result)
    made.wrong += _next(operation, place)
    return made


def _result(process: subprocess.Popen[str], made: Injection) -> Result | None:
    output, errors = process.communicate(timeout=PATIENCE * 2)
    # A thread that was being started when the signal came says so on its own; nobody waits for it.
    ours = "Traceback" in errors and "Exception ignored in thread" not in errors
    if ours or '"exception": "Traceback' in output:
        made.wrong.append(f"a traceback: {errors[-600:] or output[-900:]}")
    if not output.strip():
        return None
    found: dict[str, Any] = json.loads(output.strip().splitlines()[-1])
    return found


def _untrue(said: str, fault: Fault, lost: bool) -> list[str]:
    """What a message lacks; that a server was lost is cause enough."""
    found = []
    if fault.says and not lost and not re.search(fault.says, said, re.IGNORECASE):
        found.append(f"the message does not name the cause: {said}")
    # A program's own words and its exit code say enough; there is no remedy for all that they may mean.
    if "What to do:" not in said and "failed with exit code" not in said:
        found.append(f"the message does not say what to do: {said}")
    return found


def _next(operation: Operation, place: Place) -> list[str]:
    """What is wrong with the next run."""
    result = place.run(operation.module, **operation.options)
    if result.get("failed"):
        return [f"the next run failed: {result['msg']}"]
    return operation.wrong_at_last()
