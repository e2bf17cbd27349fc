# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An Ansible callback: writes what each module returned, one JSON value a line, into the file named by BENCH_RESULTS."""

from __future__ import annotations

import json
import os
import time
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: bench_results
type: notification
short_description: writes the results of modules for the benchmarks
description: One JSON value a line in the file named by BENCH_RESULTS.
"""


class CallbackModule(CallbackBase):  # type: ignore[misc]
    """Writes each result when it arrives."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "bench_results"
    CALLBACK_NEEDS_ENABLED = False

    def v2_runner_on_ok(self, result: Any) -> None:
        """A task that succeeded."""
        self._write(result)

    def v2_runner_item_on_ok(self, result: Any) -> None:
        """One round of a loop that succeeded."""
        self._write(result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """A task that failed."""
        if not ignore_errors:
            self._write(result)

    def _write(self, result: Any) -> None:
        task = getattr(result, "task", None) or result._task
        value = getattr(result, "result", None)
        if value is None:
            value = result._result
        line = {"action": task.action, "task": task.get_name(), "at": time.time(), "result": value}
        with open(os.environ["BENCH_RESULTS"], "a", encoding="utf-8") as target:
            target.write(json.dumps(line, default=str) + "\n")
