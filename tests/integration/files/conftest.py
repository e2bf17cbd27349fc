# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tests of files share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.files.rig import Rig


@pytest.fixture
def rig(repository: Path) -> Rig:
    """A repository to make sets of files in."""
    return Rig(repository)


@pytest.fixture
def source(reachable_tmp: Path) -> Path:
    """An empty place for files to back up."""
    folder = reachable_tmp / "source"
    folder.mkdir()
    return folder


@pytest.fixture
def target(reachable_tmp: Path) -> Path:
    """An empty root to restore under."""
    folder = reachable_tmp / "target"
    folder.mkdir()
    return folder


@pytest.fixture
def as_root() -> Iterator[None]:
    """For tests that give files away."""
    if os.geteuid() != 0:
        pytest.skip("owners can only be set by root")
    return
