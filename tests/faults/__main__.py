# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``make test-faults``: break everything on purpose, and write what that showed into docs/reliability.md.

Ends with code 0 only if nothing was found wrong.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict

from tests.faults.injections import Injection
from tests.faults.plan import GROUPS, Amount
from tests.faults.report import closing_line, write
from tests.faults.shim import why_not
from tests.support.paths import CHECKOUT

KEPT = CHECKOUT / ".cache" / "faults"
PAGE = CHECKOUT / "docs" / "reliability.md"


def run(name: str, amount: Amount) -> list[Injection]:
    """Run a group, and keep what it showed."""
    made = []
    for item in GROUPS[name](amount):
        made.append(item)
        verdict = "WRONG" if item.wrong else "ok"
        print(f"{verdict:5} {item.operation} | {item.fault} | {item.step} | {item.outcome}", flush=True)
        for text in item.wrong:
            print(f"      {text}", flush=True)
    KEPT.mkdir(parents=True, exist_ok=True)
    (KEPT / f"{name}.json").write_text(json.dumps([asdict(item) for item in made]))
    return made


def main() -> int:
    """Run groups; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults")
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"these alone: {', '.join(GROUPS)}")
    parser.add_argument("--limit", type=int, default=1, help="steps of each kind: more take longer and find more")
    parser.add_argument("--one-in", type=int, default=1, help="a sample: one in so many of the injections")
    given = parser.parse_args()
    unknown = set(given.groups) - set(GROUPS)
    if unknown:
        parser.error(f"there is no group {', '.join(unknown)}")
    reason = why_not()
    if reason:
        print(reason, file=sys.stderr)
        return 2
    made = [item for name in given.groups or GROUPS for item in run(name, Amount(given.limit, given.one_in))]
    kept = [file for file in (KEPT / f"{name}.json" for name in GROUPS) if file.exists()]
    write(PAGE, [Injection(**item) for file in kept for item in json.loads(file.read_text())])
    print(closing_line(made))
    return 1 if any(item.wrong for item in made) else 0


if __name__ == "__main__":
    sys.exit(main())
