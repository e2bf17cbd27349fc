# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Work on several databases at a time, all of it ended when a part fails. Private to this collection."""

from __future__ import annotations

import collections
import functools
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, Optional, TypeVar

from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.connection import Access
from ansible_collections.vya.backupdb.plugins.module_utils._errors import Interrupted
from ansible_collections.vya.backupdb.plugins.module_utils._interrupts import submit
from ansible_collections.vya.backupdb.plugins.module_utils._process import Command, Process, start

_SECONDS_BETWEEN_TICKS = 0.5

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Task(Generic[Result]):
    """A piece of work.

    Args:
        size: how much it is, in any unit; the biggest is begun first.
        work: called with the number of places that it may use, in a thread of its own.
    """

    size: int
    work: Callable[[int], Result]


class Team:
    """Threads that share a number of places.

    Args:
        places: how much runs at a time.
        access: whose sessions are cancelled when the work is stopped.
    """

    def __init__(self, places: int, access: Access) -> None:
        self.places = max(1, places)
        self._access = access
        self._changed = threading.Condition()
        self._free = self.places
        self._stopped = threading.Event()
        self._processes: set[Process] = set()

    def run(self, tasks: Sequence[Task[Result]], tick: Optional[Callable[[], None]] = None) -> list[Result]:
        """Do all tasks and return their results in the order of the tasks.

        A task gets places in proportion to its size. The first failure stops everything and is raised again, as is
        whatever interrupts the calling thread.

        Args:
            tasks: what to do.
            tick: called about twice a second by the calling thread.
        """
        futures: dict[int, Future[Result]] = {}
        total = sum(task.size for task in tasks) or 1
        waiting = collections.deque(sorted(range(len(tasks)), key=lambda index: -tasks[index].size))
        with ThreadPoolExecutor(self.places, thread_name_prefix="backupdb") as pool:
            try:
                while len(futures) < len(tasks) or not all(future.done() for future in futures.values()):
                    if any(future.done() and future.exception() for future in futures.values()):
                        break
                    share = self._take_share(tasks[waiting[0]].size / total) if waiting else self._wait()
                    if share:
                        index = waiting.popleft()
                        futures[index] = submit(pool, tasks[index].work, share)
                        futures[index].add_done_callback(functools.partial(self._give_back, share))
                    elif tick is not None:
                        tick()
                for future in futures.values():
                    if future.done():
                        future.result()
            except BaseException:
                self.stop()
                raise
        return [futures[index].result() for index in range(len(tasks))]

    def _take_share(self, part: float) -> int:
        share = max(1, min(self.places, round(self.places * part)))
        with self._changed:
            if share > self._free:
                self._changed.wait(_SECONDS_BETWEEN_TICKS)
                return 0
            self._free -= share
        return share

    def _wait(self) -> int:
        with self._changed:
            if self._free < self.places:
                self._changed.wait(_SECONDS_BETWEEN_TICKS)
        return 0

    def _give_back(self, share: int, _future: Future[Result]) -> None:
        with self._changed:
            self._free += share
            self._changed.notify_all()

    def stop(self) -> None:
        """End every program of the team and cancel what its sessions do."""
        self._stopped.set()
        with self._changed:
            processes = list(self._processes)
        for process in processes:
            process.end()
        self._access.cancel_all()

    def check(self) -> None:
        """Leave the current task if the work was stopped.

        Raises:
            Interrupted: it was.
        """
        if self._stopped.is_set():
            raise Interrupted("The work was stopped because another part of it failed or the run was told to end.")

    @contextmanager
    def program(self, command: Command) -> Iterator[Process]:
        """Start a program; it is ended when the block is left or the work is stopped."""
        self.check()
        with start(command) as process:
            with self._changed:
                self._processes.add(process)
            try:
                self.check()
                yield process
            finally:
                with self._changed:
                    self._processes.discard(process)

    def execute(self, command: Command) -> str:
        """Run a program to its end; returns the last lines that it wrote to standard error."""
        with self.program(command) as process:
            process.wait()
            return process.stderr_tail

    def spread(self, items: Sequence[Item], workers: int, work: Callable[[Iterator[Item]], None]) -> None:
        """Hand items out to some workers, each of which takes the next one whenever it is ready.

        Args:
            items: what to hand out, in this order.
            workers: how many at a time; the calling thread is one of them.
            work: called once per worker with the iterator to take from.

        Raises:
            BackupError: the first failure of a worker.
        """
        queue = collections.deque(items)

        def take() -> Iterator[Item]:
            while True:
                self.check()
                try:
                    yield queue.popleft()
                except IndexError:
                    return

        helpers = min(workers, len(items)) - 1
        if helpers < 1:
            work(take())
            return
        with ThreadPoolExecutor(helpers, thread_name_prefix="backupdb-helper") as pool:
            futures = [submit(pool, work, take()) for _number in range(helpers)]
            try:
                work(take())
            except BaseException:
                # An empty queue lets the helpers end after the item that they are at.
                queue.clear()
                raise
            for future in futures:
                future.result()
