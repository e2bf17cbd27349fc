# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A queue of tasks for some workers, all of it ended when one fails. Private to this collection."""

from __future__ import annotations

import collections
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from typing import TypeVar

from ansible_collections.vya.backupdb.plugins.module_utils._interrupts import submit

Item = TypeVar("Item")


def work_off(
    items: Sequence[Item],
    workers: Sequence[Callable[[Item], None]],
    abandon: Callable[[], None] = lambda: None,
) -> None:
    """Let some workers do some tasks, each in a thread of its own.

    Args:
        items: in the order in which they are begun.
        workers: each is called with one item after another, always in the same thread.
        abandon: called once when a worker fails or the caller is interrupted: wakes the others, which may be waiting
            for a program or a server.

    Raises:
        BaseException: what the first worker that failed raised, or what interrupted the caller.
    """
    queue = collections.deque(items)
    stopped = threading.Event()

    def serve(worker: Callable[[Item], None]) -> None:
        while not stopped.is_set():
            try:
                item = queue.popleft()
            except IndexError:
                return
            worker(item)

    used = workers[: max(1, len(items))]
    with ThreadPoolExecutor(len(used), thread_name_prefix="backupdb") as pool:
        try:
            futures: list[Future[None]] = [submit(pool, serve, worker) for worker in used]
            done, _running = wait(futures, return_when=FIRST_EXCEPTION)
            for future in done:
                future.result()
        except BaseException:
            # The first failure is the cause; what the others raise when they are woken is only its consequence.
            stopped.set()
            abandon()
            raise
