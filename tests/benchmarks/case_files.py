# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""File trees: a few big files, and many small ones."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.benchmarks.bench import Bench
from tests.benchmarks.case_postgresql import MEMORY
from tests.benchmarks.data_files import make_large, make_small
from tests.benchmarks.measure import Contender, Outcome, chain, measure, size_of
from tests.benchmarks.report import Goal, Table
from tests.benchmarks.servers import kept_folder

GZIP = "tar piped to gzip -6"
ZSTD = "tar piped to zstd -3"
ZSTD_ALL = "tar piped to zstd -3 -T0"
MODULE = "community.general.archive, gz"
OURS = "vya.backupdb.backup"

UNPACK = "zstd piped to tar"
UNARCHIVE = "ansible.builtin.unarchive of tar.gz"
OUR_RESTORE = "vya.backupdb.restore"
MEMORY_FOLDER = Path("/dev/shm")


def run_large(bench: Bench, tables: list[Table]) -> None:
    """1.45 GB in 13 files."""
    _run(bench, tables, "a few big files", "files", make_large, 8)


def run_many(bench: Bench, tables: list[Table]) -> None:
    """100,000 files."""
    _run(bench, tables, "many small files", "manyfiles", make_small, 4)


def _run(bench: Bench, tables: list[Table], what: str, kind: str, make: Callable[..., None], gigabytes: float) -> None:
    bench.need(gigabytes, f"The case of {what}")
    tree = kept_folder(bench.keep, kind, bench.settings.scale) or bench.work / kind
    if not tree.exists():
        bench.say("  making the files")
        new = tree.with_name(f".{tree.name}.new")
        bench.remove(new)
        make(new, bench.settings, bench.prose)
        new.replace(tree)
    # everything is read once before it is measured
    chain(["tar", "-cf", "-", "-C", tree, "."], ["cat"])
    tables.append(archive(bench, what, tree))
    with memory_folder(2.2 * size_of(tree)) as room:
        tables.append(extract(bench, what, tree, room or bench.work, in_memory=room is not None))
    bench.forget_backups()


@contextmanager
def memory_folder(wanted: float) -> Iterator[Path | None]:
    """A folder on a memory file system, where extraction is not bound by the disk; None where there is no room."""
    if not MEMORY_FOLDER.is_dir() or shutil.disk_usage(MEMORY_FOLDER).free < wanted:
        yield None
        return
    folder = Path(tempfile.mkdtemp(prefix="backupdb-bench-", dir=MEMORY_FOLDER))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def archive(bench: Bench, what: str, tree: Path) -> Table:
    """The backups."""
    file = bench.work / "peer.tar"

    def module() -> Outcome:
        target = bench.work / "module.tar.gz"
        bench.peers.play("community.general.archive", {"path": f"{tree}/*", "dest": str(target), "format": "gz"})
        return Outcome(size=target.stat().st_size)

    tar = ["tar", "-cf", "-", "-C", tree, "."]
    contenders = [
        Contender(GZIP, lambda: chain(tar, ["gzip", "-6"], target=file), slow=True),
        Contender(ZSTD, lambda: chain(tar, ["zstd", "-3", "-q"], target=file)),
        Contender(ZSTD_ALL, lambda: chain(tar, ["zstd", "-3", "-T0", "-q"], target=file)),
        Contender(MODULE, module, slow=True, skip=bench.no_peers),
        Contender(
            OURS,
            lambda: bench.backup({"engine": "files", "paths": [f"{tree}/**/*"]}, OURS, module="files_archive"),
            prepare=bench.forget_backups,
        ),
    ]
    results = measure(contenders, bench.settings, bench.say)
    bench.remove(file, bench.work / "module.tar.gz")
    goals = [
        Goal("at most 1.3 times tar piped to zstd -3, digest of every file included", OURS, (ZSTD,), at_most=1.3),
        Goal("15 times as fast as community.general.archive", OURS, (MODULE,), faster=15),
        Goal("a module uses at most 150 MiB", OURS, memory=MEMORY),
    ]
    number = sum(1 for entry in tree.rglob("*") if entry.is_file())
    text = f"{number:,} files, {size_of(tree) / 1e9:.2f} GB."
    return Table(f"Files: backup of {what}", text, results, ZSTD, goals)


def extract(bench: Bench, what: str, tree: Path, room: Path, *, in_memory: bool) -> Table:
    """The restores; ours are of the last backup of `archive`."""
    zst, gz = bench.work / "peer.tar.zst", bench.work / "peer.tar.gz"
    tar = ["tar", "-cf", "-", "-C", tree, "."]
    chain(tar, ["zstd", "-3", "-T0", "-q"], target=zst)
    if bench.settings.peers:
        chain(tar, ["gzip", "-1"], target=gz)
    target = room / "extracted"

    def empty() -> None:
        bench.remove(target)
        target.mkdir()

    def ours() -> Outcome:
        variables = bench.variables({"engine": "files", "paths": [f"{tree}/**/*"]}, backupdb_files_root=str(target))
        return bench.playbook("restore", variables, OUR_RESTORE, "files_restore")

    contenders = [
        Contender(UNPACK, lambda: chain(["zstd", "-dcq", zst], ["tar", "-xf", "-", "-C", target]), prepare=empty),
        Contender(
            UNARCHIVE,
            lambda: (
                bench.peers.play("ansible.builtin.unarchive", {"src": str(gz), "dest": str(target), "remote_src": True})
                and None
            ),
            prepare=empty,
            slow=True,
            skip=bench.no_peers,
        ),
        Contender(OUR_RESTORE, ours, prepare=empty),
    ]
    results = measure(contenders, bench.settings, bench.say)
    bench.remove(target, zst, gz)
    goals = [
        Goal("at most 1.3 times zstd piped to tar", OUR_RESTORE, (UNPACK,), at_most=1.3),
        Goal("a module uses at most 150 MiB", OUR_RESTORE, memory=MEMORY),
    ]
    where = "onto a memory file system" if in_memory else "onto the disk"
    return Table(f"Files: restore of {what}", f"The same files, {where}.", results, UNPACK, goals)
