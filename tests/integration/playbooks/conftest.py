# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A site for each test, and one with filled servers for those that only read it."""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.playbooks.site import Site
from tests.integration.playbooks.stock import why_not
from tests.support.paths import BUILD


@pytest.fixture
def site(reachable_tmp: Path) -> Site:
    """An empty inventory and repository."""
    return Site(reachable_tmp)


@pytest.fixture
def stock_places() -> Iterator[None]:
    """The places where Debian's packages put their servers, which no other test uses meanwhile."""
    with (BUILD / "stock-places.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        reason = why_not()
        if reason:
            pytest.skip(reason)
        yield


@pytest.fixture(scope="module")
def module_folder() -> Iterator[Path]:
    """A folder for the tests of one file that other OS accounts can pass through."""
    folder = Path(tempfile.mkdtemp(prefix="backupdb-test-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


def make_tree(folder: Path) -> Path:
    """A few files in a folder."""
    root = folder / "tree"
    (root / "sub").mkdir(parents=True)
    (root / "sub" / "file.txt").write_text("content\n")
    (root / "link").symlink_to("sub/file.txt")
    return root


@pytest.fixture
def tree(site: Site) -> Path:
    """A few files."""
    return make_tree(site.folder)
