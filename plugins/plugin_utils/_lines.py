# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which lines a running module shows. Private to this collection.

A pure function of what the progress file says and of the time: nothing here knows Ansible.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Optional

_SECONDS_OF_SILENCE = 1.5
_SECONDS_BETWEEN = 5.0
_SECONDS_BETWEEN_TENTHS = 1.0
_LONGEST_TEXT = 100
_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")


class Lines:
    """Chooses the lines of one task on one host.

    Nothing is shown of what is over at once. Afterwards: the first record, every change of the phase, every tenth of a
    phase, and a line every few seconds in any case.

    Args:
        label: what the lines begin with.
        began: monotonic seconds at the beginning of the task.
    """

    def __init__(self, label: str, began: float) -> None:
        self._label = label
        self._began = began
        self._last = began
        self._phase: Optional[str] = None
        self._tenth = 0
        self.shown = 0

    def line(self, record: Mapping[str, Any], now: float) -> Optional[str]:
        """The line to show for a record at a moment, or None."""
        if now - self._began < _SECONDS_OF_SILENCE:
            return None
        phase, tenth = str(record.get("phase", "")), _tenth(record)
        since = now - self._last
        due = (
            not self.shown
            or phase != self._phase
            or since >= _SECONDS_BETWEEN
            or (tenth > self._tenth and since >= _SECONDS_BETWEEN_TENTHS)
        )
        if not due:
            return None
        self._phase, self._tenth, self._last = phase, tenth, now
        self.shown += 1
        return f"{self._label}: {_words(record)} ({duration(now - self._began)})"

    def last_line(self, failed: bool, now: float) -> Optional[str]:
        """The line to show at the end, or None if nothing was shown before."""
        if not self.shown:
            return None
        return f"{self._label}: {'failed' if failed else 'done'} after {duration(now - self._began)}"


def _amounts(record: Mapping[str, Any]) -> tuple[Optional[int], Optional[int]]:
    done, total = record.get("done"), record.get("total")
    return (done if isinstance(done, int) else None), (total if isinstance(total, int) and total > 0 else None)


def _tenth(record: Mapping[str, Any]) -> int:
    done, total = _amounts(record)
    return 0 if done is None or total is None else 10 * done // total


def _words(record: Mapping[str, Any]) -> str:
    phase, text = str(record.get("phase", "")), str(record.get("text", ""))
    if len(text) > _LONGEST_TEXT:
        text = text[: _LONGEST_TEXT - 1] + "…"
    what = text if text in (phase, "") or not phase else f"{phase}: {text}"
    # One line, whatever a database is called.
    what = "".join(char if char.isprintable() else "?" for char in what or phase or "running")
    done, total = _amounts(record)
    unit = str(record.get("unit", ""))
    if done is None or (not done and total is None):
        return what
    if total is None:
        return f"{what}, {_amount(done, unit)}"
    return f"{what}, {min(100, 100 * done // total)} % of {_amount(total, unit)}"


def _amount(number: int, unit: str) -> str:
    if unit != "bytes":
        return f"{number} {unit}".strip()
    value = float(number)
    index = 0
    while value >= 1024 and index < len(_UNITS) - 1:
        value /= 1024
        index += 1
    return f"{value:.1f} {_UNITS[index]}" if index else f"{number} bytes"


def duration(seconds: float) -> str:
    """A time span for people: ``9 s``, ``2 min 05 s``, ``1 h 02 min``."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
