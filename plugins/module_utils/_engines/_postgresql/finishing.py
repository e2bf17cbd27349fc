# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Finishing archives while other databases are dumped: compressed, hashed, on disk. Private to this collection.

To start a program costs more than to compress a small archive, so small ones share a program: they wait until some are
together.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql import archive
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.workers import Team
from ansible_collections.vya.backupdb.plugins.module_utils._engines.base import ArtefactWriter
from ansible_collections.vya.backupdb.plugins.module_utils._interrupts import submit
from ansible_collections.vya.backupdb.plugins.module_utils._model import Artefact

FORMAT = "pg_directory"
CODEC = "zstd"
#: Bytes of an archive up to which it shares a program, and how many do.
_SMALL = 4 << 20
_TOGETHER = 8


@dataclass(frozen=True)
class Archive:
    """What pg_dump has written of one database.

    Args:
        name: the database.
        directory: where its archive is.
        details: what its artefact says; how big the plain archive was is added.
    """

    name: str
    directory: str
    details: dict[str, Any]


class Finisher:
    """Finishes archives. Safe to use from several threads.

    Args:
        team: where programs run.
        writer: whose artefacts the archives are.
        level: of zstd, for archives that pg_dump has left plain; None where it has compressed them.
        finished: called with the name and the artefact of each, in any thread.
    """

    def __init__(
        self, team: Team, writer: ArtefactWriter, level: Optional[int], finished: Callable[[str, Artefact], None]
    ) -> None:
        self._team = team
        self._writer = writer
        self._level = level
        self._finished = finished
        # Hashing and syncing wait for the disk, while the next database needs the processor.
        self._pool = ThreadPoolExecutor(team.places, thread_name_prefix="backupdb-finish")
        self._futures: list[Future[None]] = []
        self._lock = threading.Lock()
        self._small: list[Archive] = []

    def add(self, item: Archive, workers: int) -> None:
        """Finish an archive soon; a big one is compressed right now.

        Args:
            item: the archive.
            workers: how much may run at a time for that.
        """
        if self._level is None:
            self._submit([item])
            return
        size = item.details["plain_bytes"] = archive.size_of(item.directory)
        if size > _SMALL:
            archive.compress(self._team, [item.directory], self._level, workers)
            self._submit([item])
            return
        with self._lock:
            self._small.append(item)
            together = self._take() if len(self._small) >= _TOGETHER else []
        if together:
            self._submit(together, self._level)

    def complete(self) -> None:
        """Wait until every archive is finished; raises what went wrong with one, when nothing is at work any more."""
        try:
            with self._lock:
                left = self._take()
            # Nothing else is at work any more.
            for number in range(self._team.places):
                share = left[number :: self._team.places]
                if share:
                    self._submit(share, self._level)
            self._pool.shutdown()
            for future in self._futures:
                future.result()
        except BaseException:
            self._team.stop()
            self.abandon()
            raise

    def abandon(self) -> None:
        """Finish no more archives, and wait until none is at work."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _take(self) -> list[Archive]:
        taken, self._small = self._small, []
        return taken

    def _submit(self, items: Sequence[Archive], level: Optional[int] = None) -> None:
        self._futures.append(submit(self._pool, self._finish, items, level))

    def _finish(self, items: Sequence[Archive], level: Optional[int]) -> None:
        if level is not None:
            archive.compress(self._team, [item.directory for item in items], level, 1)
        for item in items:
            self._team.check()
            self._finished(item.name, self._writer.finish("database", item.name, FORMAT, CODEC, item.details))
