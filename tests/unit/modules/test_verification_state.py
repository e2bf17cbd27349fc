# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is remembered of verifications, beside the sets."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._repository import Repository
from ansible_collections.vya.backupdb.plugins.module_utils._verifications import record_verification, verification

FIRST, SECOND, THIRD = "2026-11-21T08:00:00Z", "2026-11-21T09:00:00Z", "2026-11-21T10:00:00Z"


@pytest.fixture
def set_path(tmp_path: Path) -> str:
    path = tmp_path / "repository" / "db1" / "main" / "20261121T080000Z"
    path.mkdir(parents=True)
    return str(path)


def test_nothing_is_known_of_a_set_that_was_never_verified(set_path: str) -> None:
    assert verification(set_path) is None


def test_the_deepest_good_one_counts_until_a_newer_one_fails(set_path: str) -> None:
    record_verification(set_path, "deep", FIRST, 0)
    record_verification(set_path, "quick", SECOND, 0)
    assert verification(set_path) == {"level": "deep", "at": FIRST, "ok": True, "problems": 0}
    record_verification(set_path, "quick", THIRD, 2)
    assert verification(set_path) == {"level": "quick", "at": THIRD, "ok": False, "problems": 2}


def test_the_set_stays_as_it_is_and_the_state_is_private(set_path: str) -> None:
    record_verification(set_path, "quick", FIRST, 0)
    assert list(Path(set_path).iterdir()) == []
    state = Path(set_path).parent / ".state"
    assert state.stat().st_mode & 0o777 == 0o700
    assert [file.stat().st_mode & 0o777 for file in state.iterdir()] == [0o600]


@pytest.mark.parametrize("text", ["", "[]", "{", '{"quick": 1}', '{"quick": {"at": 1}}', '{"other": {}}', "\xff"])
def test_rubbish_in_the_state_is_no_state(set_path: str, text: str) -> None:
    record_verification(set_path, "quick", FIRST, 0)
    (file,) = (Path(set_path).parent / ".state").iterdir()
    file.write_bytes(text.encode("latin-1"))
    assert verification(set_path) is None
    record_verification(set_path, "quick", SECOND, 0)
    assert verification(set_path) is not None


def test_listing_passes_over_the_state(set_path: str) -> None:
    record_verification(set_path, "quick", FIRST, 0)
    found = list(Repository(str(Path(set_path).parents[2])).sets())
    assert [item.set_id for item in found] == ["20261121T080000Z"]


def test_only_the_newest_sets_are_listed_when_asked(set_path: str) -> None:
    for number in range(3):
        (Path(set_path).parent / f"2026112{number + 2}T080000Z").mkdir()
    found = list(Repository(str(Path(set_path).parents[2])).sets(newest=2))
    assert [item.set_id for item in found] == ["20261123T080000Z", "20261124T080000Z"]
