# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosts that cannot be set up are refused before anything is installed. What can be set up is in tests/hosts."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.playbooks.site import Site

PLAY = """
- hosts: backupdb
  gather_facts: false
  roles: [vya.backupdb.provision]
"""


def postgresql(name: str, **options: Any) -> dict[str, Any]:
    return {"name": name, "engine": "postgresql", **options}


@pytest.mark.parametrize(
    ("instances", "variables", "said"),
    [
        ([postgresql("a"), postgresql("b", login_port=5432)], {}, "several instances of PostgreSQL have the same port"),
        ([{"name": name, "engine": "mysql"} for name in "ab"], {}, "there are several instances of MariaDB or MySQL"),
        (
            [postgresql("a")],
            {"backupdb_from": "offsite"},
            "sets of a copy are not here yet. What to do: fetch them first",
        ),
    ],
)
def test_what_cannot_be_set_up_is_refused(
    site: Site, instances: list[dict[str, Any]], variables: dict[str, Any], said: str
) -> None:
    site.host("new", instances, **variables)
    play = site.folder / "provision.yml"
    play.write_text(PLAY)
    run = site.play(str(play), code=2)
    assert f"new cannot be set up by itself: {said}" in run.message
    assert run.counts("new")["changed"] == 0
