# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs the tests of traps on pairs of servers, and writes what they have shown: ``make test-traps``.

A pair is the server of a host that was lost, and one of the same or a newer release on which its databases are rebuilt. The
tests run in the root of the newer release, with its programs; servers of the older one run in its own root beside them.

``python -m tests.traps postgresql-15-17`` runs one pair; ``-- -k p09`` after it runs a part of the tests, and writes nothing.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from tests.support.paths import BUILD, CHECKOUT
from tests.traps import page, results
from tests.traps.roots import RELEASES, ROOTS, Bind, Release, ensure, inside, python_packages, stand_in, version


@dataclass(frozen=True)
class Engine:
    """A kind of servers.

    letter: of its traps
    server: the server's program, with {} for the version
    programs: the client programs that are used
    folder: of the tests that take pairs of servers
    all_tests: these run, and not only those of traps, because no other tests run on such servers
    """

    title: str
    letter: str
    server: str
    programs: Sequence[str]
    folder: str
    all_tests: bool = False

    def short(self, release: Release) -> str:
        """The version in a release, as people say it."""
        return str(getattr(release, self.title.lower()))

    def version(self, release: Release) -> str:
        """The version in a release, as the server says it."""
        return version(release, self.server.format(self.short(release)))


@dataclass(frozen=True)
class Pair:
    """A server that was lost, and a new one, by their releases."""

    engine: Engine
    lost: Release
    new: Release

    @property
    def name(self) -> str:
        """On the command line: `postgresql-15-17`."""
        words = (self.engine.title.lower(), self.engine.short(self.lost), self.engine.short(self.new))
        return "-".join(words)

    @property
    def short(self) -> str:
        """On the page: `15→17`."""
        return f"{self.engine.short(self.lost)}→{self.engine.short(self.new)}"


_POSTGRESQL = Engine(
    "PostgreSQL",
    "P",
    "/usr/lib/postgresql/{}/bin/postgres",
    ("pg_dump", "pg_dumpall", "pg_restore", "psql"),
    "integration/postgresql/",
)
_MARIADB = Engine("MariaDB", "M", "mariadbd", ("mariadb", "mariadb-dump"), "integration/mysql/")
_MYSQL = Engine("MySQL", "M", "mysqld", ("mysql", "mysqldump"), "integration/mysql/", all_tests=True)
PAIRS = {
    pair.name: pair
    for pair in (
        Pair(engine, RELEASES[lost], RELEASES[new])
        for engine, lost, new in (
            (_POSTGRESQL, "bookworm", "bookworm"),
            (_POSTGRESQL, "bookworm", "trixie"),
            (_POSTGRESQL, "trixie", "trixie"),
            (_POSTGRESQL, "trixie", "sid"),
            (_POSTGRESQL, "bookworm", "sid"),
            (_POSTGRESQL, "sid", "sid"),
            (_MARIADB, "bookworm", "bookworm"),
            (_MARIADB, "bookworm", "trixie"),
            (_MARIADB, "trixie", "trixie"),
            (_MYSQL, "sid", "sid"),
        )
    )
}


def main(arguments: Sequence[str]) -> int:
    """Run all pairs or those that are named, with further arguments for pytest after `--`."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    chosen, further = arguments[:end] or list(PAIRS), arguments[end + 1 :]
    failed = False
    for pair in [PAIRS[name] for name in chosen]:
        began = time.monotonic()
        outcomes = _run(pair, further)
        bad = [name for name, good in outcomes.items() if not good]
        failed = failed or bool(bad) or not outcomes
        seconds = time.monotonic() - began
        print(f"{pair.name}: {len(outcomes) - len(bad)} passed, {len(bad)} failed in {seconds:.0f} s", flush=True)
        if not further and outcomes:
            known = {name for names in page.covering_tests().values() for name in names}
            shown = {
                "title": pair.engine.title,
                "short": pair.short,
                "versions": f"{pair.engine.version(pair.lost)} → {pair.engine.version(pair.new)}",
                "date": datetime.now(timezone.utc).strftime("%Y-%m-%d"),
                "passed": [name for name, good in outcomes.items() if good and name in known],
                "failed": [name for name in bad if name in known],
            }
            results.keep(pair.name, shown, PAIRS)
            page.main()
    return int(failed)


def _run(pair: Pair, further: Sequence[str]) -> dict[str, bool]:
    """Run the tests of a pair; returns their names, and whether each has passed. Those that were left out are not there."""
    for release in (pair.lost, pair.new):
        ensure(release)
    # templates of data folders are kept there
    build = ROOTS / f"build-{pair.lost.name}-{pair.new.name}"
    for folder in (build, BUILD):
        folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="run-", dir=ROOTS) as made:
        out = Path(made)
        out.chmod(0o755)
        temporary, programs = out / "tmp", out / "programs"
        programs.mkdir()
        temporary.mkdir()
        temporary.chmod(0o1777)
        packages = python_packages(pair.new)
        # where Debian's Python looks, also in programs that tests start with an environment of their own
        place = Path("/usr/local/lib", packages.name.replace("-", ""), "dist-packages")
        (pair.new.root / place.relative_to("/")).mkdir(parents=True, exist_ok=True)
        binds = [
            Bind(CHECKOUT, "/checkout", read_only=True),
            Bind(build, "/checkout/.build"),
            Bind(packages, str(place)),
            Bind(out, "/out"),
            Bind(temporary, "/tmp"),
        ]
        report = out / "outcomes.json"
        environment = {
            "PYTHONDONTWRITEBYTECODE": "1",
            "BACKUPDB_OUTCOMES": f"/out/{report.name}",
        }
        if pair.lost != pair.new:
            for program in pair.engine.programs:
                stand_in(pair.lost, program, programs, "/lost")
            binds += [
                Bind(programs, "/lost-programs"),
                Bind(pair.lost.root, "/lost"),
                Bind(temporary, "/lost/tmp"),
                Bind(pair.new.root / "dev", "/lost/dev"),
                Bind(pair.new.root / "proc", "/lost/proc"),
                *(Bind(pair.new.root / "etc" / name, f"/lost/etc/{name}") for name in ("passwd", "group")),
            ]
            environment["BACKUPDB_LOST_ROOT"] = "/lost"
            # of PostgreSQL's programs those of the server's version are taken, wherever they are found
            environment["PATH"] = "/usr/sbin:/usr/bin:/lost-programs"
        command = ["env", "-C", "/checkout", "python3", "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        # as in the Makefile
        command += [f"--numprocesses={(os.cpu_count() or 1) + 1}", "--maxprocesses=8", "--dist=loadfile"]
        argv = [*inside(pair.new.root, binds, **environment), *command, "-p", "tests.traps.report", *further]
        subprocess.run([*argv, *(f"tests/{name}" for name in _tests(pair))], check=False, stdin=subprocess.DEVNULL)
        outcomes: dict[str, bool] = json.loads(report.read_text()) if report.exists() else {}
        return outcomes


def _tests(pair: Pair) -> list[str]:
    """Of the traps that a pair is for."""
    engine = pair.engine
    if engine.all_tests:
        return [engine.folder]
    found = {name for trap, names in page.covering_tests().items() if trap[0] == engine.letter for name in names}
    return sorted(name for name in found if name.startswith(engine.folder))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
