# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rows of copies, and the alarm of those that are behind."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.vya.backupdb.plugins.plugin_utils._copies import copy_lags, copy_rows
from ansible_collections.vya.backupdb.plugins.plugin_utils._rows import failures


def result(**given: Any) -> dict[str, Any]:
    done = {
        "item": ["db1", "main", "offsite"],
        "copied": ["a"],
        "removed": [],
        "total": 3,
        "bytes": 7,
        "lag": 0,
        "phases": {"x": 1.5},
    }
    return {**done, **given}


def test_rows_of_what_was_copied() -> None:
    failed = result(item=["db1", "shop", "offsite"], failed=True, msg="no network")
    rows = copy_rows([{"results": [result(), failed, {"item": ["a", "b", "c"], "skipped": True}]}, {}])
    assert [(row["instance"], row["ok"], row["new"], row["total"], row["seconds"]) for row in rows] == [
        ("main", True, 1, 3, 1.5),
        ("shop", False, 1, 3, 1.5),
    ]
    assert failures(rows) == ["shop: no network"]


@pytest.mark.parametrize(
    ("lag", "complaint"),
    [(0, None), (3600, None), (7260, "lags: its newest set is 2 h 1 min older"), (None, "holds no set")],
)
def test_a_lag_is_measured_by_the_limit(lag: int | None, complaint: str | None) -> None:
    (row,) = copy_rows([{"results": [result(lag=lag)]}], "2h")
    assert row["ok"] == (complaint is None)
    assert complaint is None or complaint in row["message"]
    assert copy_rows([{"results": [result(lag=lag)]}])[0]["ok"], "without a limit nothing is asked"


def test_a_host_without_sets_is_named() -> None:
    rows = copy_rows([{"results": [{"item": "db1", "sets": [], "total": 0}, {"item": "db2", "total": 1}]}])
    assert failures(rows) == ["all instances: 'db1' holds no sets of it"]


def test_lags_from_what_is_known_beside_the_sets() -> None:
    sets = [
        {
            "source": "db1",
            "instance": "main",
            "id": "20261120T000000Z",
            "copies": ["offsite", "vault"],
            "problem": None,
        },
        {"source": "db1", "instance": "main", "id": "20261121T000000Z", "copies": ["offsite"], "problem": None},
        {"source": "db1", "instance": "main", "id": "20261122T000000Z", "copies": [], "problem": "it is damaged"},
        {"source": "db2", "instance": "main", "id": "20261121T000000Z", "copies": [], "problem": None},
    ]
    rows = copy_lags(sets, ["offsite", "vault"], "12h")
    assert [(row["instance"], row["copy"], row["lag"], row["ok"]) for row in rows] == [
        ("main of db1", "offsite", 0, True),
        ("main of db1", "vault", 86400, False),
        ("main of db2", "offsite", None, False),
        ("main of db2", "vault", None, False),
    ]
    with pytest.raises(AnsibleFilterError, match="backupdb_copy_max_lag is 'soon'"):
        copy_lags(sets, ["offsite"], "soon")
