# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How long work reports what it does. Private to this collection.

A reporter collects warnings for the result and, when asked, keeps a small progress file up to date, which the action
plugins read while the module runs.
"""

from __future__ import annotations

import json
import os
import threading
import time
from typing import Optional

_SECONDS_BETWEEN_WRITES = 0.5


class Reporter:
    """Collects warnings and publishes progress. Safe to use from several threads.

    ``changed`` says, when a run fails, whether it has changed something for good before that.

    Args:
        progress_file: path of the file to keep up to date, replaced atomically; None for no file.
    """

    def __init__(self, progress_file: Optional[str] = None) -> None:
        self.warnings: list[str] = []
        self.phases: dict[str, float] = {}
        self.changed = False
        self._progress_file = progress_file
        self._lock = threading.Lock()
        self._phase = ""
        self._phase_began = time.monotonic()
        self._written = 0.0

    def warn(self, text: str) -> None:
        """Add a warning for the operator, once."""
        with self._lock:
            if text not in self.warnings:
                self.warnings.append(text)

    def phase(self, name: str) -> None:
        """Begin a phase; the seconds of each phase end up in :attr:`phases`. An empty name ends the last one."""
        with self._lock:
            now = time.monotonic()
            if self._phase:
                self.phases[self._phase] = round(self.phases.get(self._phase, 0.0) + now - self._phase_began, 3)
            self._phase, self._phase_began = name, now
        if name:
            self.progress(name, 0, None, force=True)

    def progress(self, text: str, done: int, total: Optional[int], unit: str = "bytes", force: bool = False) -> None:
        """Say how far the current phase is.

        Args:
            text: what is being done, for a person.
            done: how much is done, in units.
            total: how much there is to do, in units; None where it is not known.
            unit: bytes, files, tables or databases.
            force: write even if the last write was a moment ago.
        """
        if not self._progress_file:
            return
        with self._lock:
            now = time.monotonic()
            if not force and now - self._written < _SECONDS_BETWEEN_WRITES:
                return
            self._written = now
            record = {
                "pid": os.getpid(),
                "phase": self._phase,
                "text": text,
                "done": done,
                "total": total,
                "unit": unit,
                "time": time.time(),
            }
            self._replace(json.dumps(record))

    def _replace(self, text: str) -> None:
        temporary = f"{self._progress_file}.new"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
        os.replace(temporary, str(self._progress_file))
