# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A run is stopped between two steps, not within one that cannot be taken back."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._errors import Interrupted
from ansible_collections.vya.backupdb.plugins.module_utils._interrupts import stop_with, submit, undisturbed


def test_what_comes_within_waits_for_the_end() -> None:
    steps = []
    with pytest.raises(Interrupted, match="stop"), undisturbed():
        with undisturbed():
            stop_with(Interrupted("stop"))
            steps.append("inner")
        steps.append("outer")
    assert steps == ["inner", "outer"]


def test_what_comes_outside_stops_at_once() -> None:
    with undisturbed():
        pass
    with pytest.raises(Interrupted):
        stop_with(Interrupted("stop"))


def test_another_thread_keeps_nobody_from_being_stopped() -> None:
    inside, done = threading.Event(), threading.Event()

    def work() -> None:
        with undisturbed():
            inside.set()
            done.wait()

    with ThreadPoolExecutor(1) as pool:
        submit(pool, work)
        inside.wait()
        with pytest.raises(Interrupted):
            stop_with(Interrupted("stop"))
        done.set()
