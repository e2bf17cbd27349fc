# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An engine for all tests, and an estate for each."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hosts import engine as docker
from tests.hosts.host import Estate, estate
from tests.integration.playbooks.site import Site


@pytest.fixture(scope="session")
def engine() -> Iterator[docker.Engine]:
    with docker.engine() as found:
        yield found


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with tempfile.TemporaryDirectory(prefix="backupdb-hosts-") as folder:
        found = Site(Path(folder))
        # packages are downloaded and installed
        found.patience = 1200
        yield found


@pytest.fixture(scope="module")
def hosts(engine: docker.Engine, site: Site) -> Iterator[Estate]:
    site.repository.mkdir(mode=0o700)
    with estate(engine, site.repository) as found:
        yield found
