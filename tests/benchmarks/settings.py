# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run of the benchmarks is told by its environment."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

#: all cases, in the order in which they run
CASES = ("postgresql", "small", "mariadb", "files", "manyfiles", "renaming", "idle")


class BenchError(RuntimeError):
    """The benchmark cannot go on; the text says why and what to do."""


@dataclass(frozen=True)
class Settings:
    """What to measure, and how.

    scale: 1 is the size that the goals are meant for; everything that is generated shrinks with it
    runs: how often each contender runs; the median counts
    slow_runs: the same for what takes minutes and where seconds do not matter
    cases: some of CASES
    directory: where generated data and the peers' virtual environment are kept; None for a temporary folder
    write: whether docs/benchmarks.md gets the tables
    peers: whether the Ansible collections of others take part (about 600 MB are installed for them)
    """

    scale: float = 1.0
    runs: int = 3
    slow_runs: int = 1
    cases: tuple[str, ...] = CASES
    directory: Path | None = None
    write: bool = False
    peers: bool = True

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Settings from SCALE, RUNS, SLOW_RUNS, CASES, BENCH_DIR, BENCH_WRITE and PEERS; BenchError for bad ones."""
        cases = tuple(environment.get("CASES", "").replace(",", " ").split()) or CASES
        unknown = sorted(set(cases) - set(CASES))
        if unknown:
            raise BenchError(f"CASES names {', '.join(unknown)}; there are {', '.join(CASES)}")
        directory = environment.get("BENCH_DIR")
        try:
            settings = cls(
                scale=float(environment.get("SCALE") or 1),
                runs=int(environment.get("RUNS") or 3),
                slow_runs=int(environment.get("SLOW_RUNS") or 1),
                cases=tuple(case for case in CASES if case in cases),
                directory=Path(directory).resolve() if directory else None,
                write=environment.get("BENCH_WRITE", "0") not in ("", "0"),
                peers=environment.get("PEERS", "1") not in ("", "0"),
            )
        except ValueError as error:
            raise BenchError(f"SCALE is a number, RUNS and SLOW_RUNS are whole numbers: {error}") from None
        if not 0 < settings.scale <= 10 or settings.runs < 1 or settings.slow_runs < 1:
            raise BenchError("SCALE lies between 0 and 10, RUNS and SLOW_RUNS are at least 1")
        return settings

    def rows(self, full: int) -> int:
        """How many of something that there are `full` of at scale 1."""
        return max(2, round(full * self.scale))


@contextmanager
def work_directory(settings: Settings) -> Iterator[tuple[Path, Path]]:
    """Two folders: one for what is kept between runs, one that is removed; the same one without BENCH_DIR.

    Other OS accounts can pass through both and not look around: servers run as accounts of their own.
    """
    if settings.directory is not None:
        settings.directory.mkdir(parents=True, exist_ok=True)
        settings.directory.chmod(0o711)
    work = Path(tempfile.mkdtemp(prefix="backupdb-bench-", dir=settings.directory))
    work.chmod(0o711)
    try:
        yield settings.directory or work, work
    finally:
        shutil.rmtree(work, ignore_errors=not work.exists())


def need_space(path: Path, wanted: float, what: str) -> None:
    """BenchError unless the file system of `path` has `wanted` bytes left."""
    free = shutil.disk_usage(path).free
    if free < wanted:
        raise BenchError(
            f"{what} needs about {wanted / 1e9:.1f} GB in {os.fspath(path)}, where {free / 1e9:.1f} GB are free: "
            "name another folder in BENCH_DIR, or a smaller SCALE"
        )
