# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Moments in which a signal has to wait before it stops the run. Private to this collection.

A handler of signals raises in the main thread, between any two instructions. A thread or a program that was just started,
and that nobody knows yet, would then be left behind, and work on while everything is cleaned up; and what was being
removed would stay, half of it.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ClassVar, TypeVar

from ansible_collections.vya.backupdb.plugins.module_utils._errors import Interrupted

Result = TypeVar("Result")


class _Waiting:
    """What has to wait: how many contexts keep it, and the error that stops the run then, if there is one."""

    depth = 0
    errors: ClassVar[list[Interrupted]] = []


def stop_with(error: Interrupted) -> None:
    """Stop the run: called by the handler of signals.

    Raises:
        Interrupted: the error, unless it has to wait.
    """
    if not _Waiting.depth:
        raise error
    _Waiting.errors.append(error)


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Within the context nothing stops the main thread; what came meanwhile does so at its end. It starts or removes, and waits for nobody."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _Waiting.depth += 1
    try:
        yield
    finally:
        _Waiting.depth -= 1
        if _Waiting.errors and not _Waiting.depth:
            raise _Waiting.errors.pop()


def submit(pool: ThreadPoolExecutor, work: Callable[..., Result], *arguments: object) -> Future[Result]:
    """Let a pool do something; whoever leaves the pool's context waits for it, whenever a signal comes."""
    with undisturbed():
        return pool.submit(work, *arguments)


def begin(thread: threading.Thread) -> None:
    """Start a thread; whoever is stopped knows whether it runs."""
    with undisturbed():
        thread.start()
