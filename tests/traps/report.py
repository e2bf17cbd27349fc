# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A plugin of pytest that writes to $BACKUPDB_OUTCOMES which tests have passed: {"folder/test_x.py::test_y": true}.

A test has passed if it has with all of its parameters; what is left out everywhere does not appear.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

_OUTCOMES: dict[str, bool] = {}


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Remember the outcome of one phase of a test."""
    name = report.nodeid.removeprefix("tests/").partition("[")[0]
    if report.failed or (report.passed and report.when == "call"):
        _OUTCOMES[name] = _OUTCOMES.get(name, True) and report.passed


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write them, where those of all workers come together."""
    if hasattr(session.config, "workerinput"):
        return
    Path(os.environ["BACKUPDB_OUTCOMES"]).write_text(json.dumps(_OUTCOMES, sort_keys=True))
