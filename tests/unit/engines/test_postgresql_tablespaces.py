# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whose directories tablespaces lie in; servers with tablespaces are in the integration tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.instance import Server
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.tablespaces import (
    Wanted,
    make_tablespaces,
)


@pytest.mark.parametrize(
    ("local", "container", "made"),
    [(True, None, True), (False, None, False), (True, Mock(), False)],
    ids=["this host", "another host", "a container"],
)
def test_p23_only_a_server_of_this_host_gets_its_directories_made_here(
    tmp_path: Path, local: bool, container: Any, made: bool
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    server = Mock(spec=Server, facts={"data_directory": str(data)})
    session, access = Mock(), Mock(is_local=local, container=container)
    wanted = Wanted("fast", str(tmp_path / "fast"), {"owner": "app"})
    make_tablespaces(session, access, server, [wanted])
    assert (tmp_path / "fast").is_dir() is made
    session.execute.assert_called_once()
