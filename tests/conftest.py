# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every test needs: the collection on the path."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.paths import link_collection

link_collection()


@pytest.fixture
def reachable_tmp() -> Iterator[Path]:
    """A new folder of mode 0711 that other OS accounts can pass through (pytest's own tmp_path shuts them out)."""
    folder = Path(tempfile.mkdtemp(prefix="backupdb-test-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def repository(reachable_tmp: Path) -> Path:
    """A new, empty repository of backup sets."""
    folder = reachable_tmp / "repository"
    folder.mkdir(mode=0o700)
    return folder
