# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the roles make of the results of their loops."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from ansible_collections.vya.backupdb.plugins.filter.exact_pattern import exact_pattern
from ansible_collections.vya.backupdb.plugins.module_utils._model import timestamp
from ansible_collections.vya.backupdb.plugins.module_utils._modules._placement import select
from ansible_collections.vya.backupdb.plugins.plugin_utils._rebuild import rebuild_plan, rebuild_rows, recovery_lines
from ansible_collections.vya.backupdb.plugins.plugin_utils._rows import backup_rows, check_rows, failures, set_rows

SNAPSHOT = timestamp(datetime.now(timezone.utc) - timedelta(hours=3))
SERVER = [{"name": "main", "engine": "postgresql"}]
TREE = [{"name": "tree", "engine": "files", "paths": ["/srv"]}]


def looped(**results: dict[str, Any]) -> dict[str, Any]:
    return {"results": [{"item": name, **result} for name, result in results.items()]}


VERIFIED = {"ok": True, "seconds": 0.5, "set": {"id": "20261121T080000Z", "size": 10, "snapshot_at": SNAPSHOT}}
GOOD = looped(main=VERIFIED, tree=VERIFIED)


def plan_of(there: list[str], compared: dict[str, Any], planned: dict[str, Any], **options: Any) -> dict[str, Any]:
    (row,) = rebuild_plan(
        SERVER,
        GOOD,
        looped(main={"proven": [], "differences": [], "equal": False, "there": there, **compared}),
        looped(main={"address": "db:5432", "databases": [], "kept": [], "roles": [], **planned}),
        **options,
    )
    return row


def recorded(*names: str) -> list[dict[str, str]]:
    return [{"recorded": name, "name": name} for name in names]


def test_backup_rows_tell_apart_what_was_made_what_failed_and_what_is_damaged() -> None:
    made = {"set": {"id": "s1", "size": 5}, "databases": [{"name": "x"}], "phases": {"dump": 1.5, "seal": 0.25}}
    rows = backup_rows(
        ["good", "bad", "damaged", "never"],
        looped(good=made, bad={"failed": True, "msg": "no"}, damaged=made),
        {"skipped": True},
        {
            "results": [
                {"item": {"instance": "good", "set": "s1"}, "level": "quick"},
                {"item": {"instance": "damaged", "set": "s1"}, "failed": True, "msg": "cut", "total": 2},
            ]
        },
    )
    assert [(row["instance"], row["ok"], row["result"], row["message"]) for row in rows] == [
        ("good", True, "ok", None),
        ("bad", False, "FAILED", "no"),
        ("damaged", False, "FAILED", "cut"),
        ("never", False, "FAILED", "it was not backed up"),
    ]
    assert (rows[0]["contents"], rows[0]["seconds"], rows[0]["size"]) == ("1 database", 1.75, 5)
    assert rows[2]["verified"] == {"ok": False, "level": None, "problems": 2}
    assert failures(rows) == ["bad: no", "damaged: cut", "never: it was not backed up"]


def test_backup_rows_of_check_mode_have_no_set() -> None:
    (row,) = backup_rows(["main"], looped(main={"databases": [{}, {}], "changed": True}))
    assert (row["ok"], row["set"], row["contents"]) == (True, None, "2 databases")


def test_check_rows_keep_what_a_failed_look_has_found() -> None:
    rows = check_rows(
        [
            {
                "name": "main",
                "flavour": "mariadb",
                "version": "10.11.19-MariaDB-0+deb12u1",
                "databases": 1,
                "ok": False,
            },
            {"name": "down", "ok": False, "message": "refused"},
            {"name": "tree", "files": 3, "size": 9, "ok": True},
        ]
    )
    assert [(row["what"], row["contents"], row["result"], row["message"]) for row in rows] == [
        ("MariaDB 10.11.19", "1 database", "FAILED", None),
        (None, None, "FAILED", "refused"),
        ("files", "3 files", "ok", None),
    ]


def test_set_rows_show_a_set_once_and_what_is_missing() -> None:
    one = {"path": "/r/a/x/1", "source": "a", "instance": "x", "id": "1", "age": 5, "problem": None, "verified": None}
    cut = {**one, "path": "/r/a/x/2", "id": "2", "problem": "manifest.json is missing"}
    rows = set_rows([cut, one, one], None, ["x", "y"])
    assert [(row["instance"], row.get("set"), row["ok"]) for row in rows] == [
        ("x", "1", True),
        ("x", "2", False),
        ("y", None, False),
    ]
    verified = {"results": [{"item": "/r/a/x/1", "failed": True, "msg": "altered", "total": 1, "level": "quick"}]}
    assert failures(set_rows([one], verified)) == ["x: altered"]


def test_plan_for_an_empty_server_restores_everything() -> None:
    row = plan_of(["postgres", "template1"], {}, {"databases": recorded("a", "postgres"), "roles": ["create role x"]})
    assert (row["ok"], row["todo"], row["proven"], row["select"]) == (True, True, False, ["*"])
    assert row["plan"] == "restore 2 databases, 1 role or account"
    # the whole run may have taken a while
    assert 3 * 3600 <= row["age"] < 4 * 3600


def test_plan_leaves_out_what_is_proven() -> None:
    row = plan_of(["a", "b*"], {"proven": ["a"]}, {"databases": recorded("b*", "c"), "kept": ["a"]})
    assert row["select"] == ["b[*]", "c"]
    assert row["databases"] == ["b*", "c"]
    row = plan_of(["a"], {"proven": ["a"], "equal": True}, {"kept": ["a"]})
    assert (row["todo"], row["proven"], row["plan"]) == (False, True, "nothing, it is proven already")
    # a database that could be replaced, being one that every server has, is proven too
    row = plan_of(["postgres"], {"proven": ["postgres"], "equal": True}, {"databases": recorded("postgres")})
    assert (row["todo"], row["proven"]) == (False, True)


def test_plan_of_roles_alone_restores_no_database() -> None:
    row = plan_of(["a"], {"proven": ["a"]}, {"kept": ["a"], "roles": ["alter role x"]})
    assert (row["todo"], row["select"]) == (True, [])


def test_f11_plan_refuses_what_others_own() -> None:
    foreign = plan_of(["precious"], {}, {"databases": recorded("a")}, host="db2")
    assert "is not empty, it holds 'precious'" in foreign["message"]
    assert "-e backupdb_rebuild_onto=db2" in foreign["message"]
    assert plan_of(["precious"], {}, {"databases": recorded("a")}, named=True)["ok"]

    differences = [{"database": "a", "message": f"difference {n}"} for n in range(7)]
    differs = plan_of(["a"], {"differences": differences}, {"kept": ["a"]}, named=True)
    assert "'a' exists at db:5432 and is not what was backed up: difference 0; " in differs["message"]
    assert "difference 4; 2 more" in differs["message"]


def test_plan_names_each_cause_once() -> None:
    broken = looped(main={"failed": True, "msg": "refused"})
    (row,) = rebuild_plan(SERVER, GOOD, broken, broken)
    assert row["problems"] == ["refused"]
    (row,) = rebuild_plan(SERVER, {"results": []})
    assert row["problems"] == ["its set was not looked at"]


@pytest.mark.parametrize(
    ("counts", "todo", "plan"),
    [
        ({"created": 3, "replaced": 0, "equal": 1}, True, "restore 3 files"),
        ({"created": 0, "replaced": 1, "equal": 3}, True, "restore 1 file"),
        ({"created": 0, "replaced": 0, "equal": 4}, False, "compare"),
    ],
)
def test_plan_of_files(counts: dict[str, int], todo: bool, plan: str) -> None:
    (row,) = rebuild_plan(TREE, GOOD, planned_files=looped(tree=counts))
    assert (row["todo"], row["plan"], row["contents"]) == (todo, plan, "4 files")


def test_rows_of_a_rebuild_need_a_proof() -> None:
    plan = rebuild_plan(TREE, GOOD, planned_files=looped(tree={"created": 1}))
    (unproven,) = rebuild_rows(plan, None, looped(tree={"changed": True, "phases": {"restore": 1.0}}))
    assert (unproven["ok"], unproven["message"]) == (False, "it was not proven")
    (proven,) = rebuild_rows(
        plan,
        None,
        looped(tree={"changed": True, "phases": {"restore": 1.0}}),
        looped(tree={"total": 0, "phases": {"prove": 2}}),
    )
    assert (proven["ok"], proven["seconds"], proven["restored"], proven["differences"]) == (True, 3.5, True, 0)
    different = {"total": 60, "differences": [{"message": f"difference {n}"} for n in range(60)]}
    (row,) = rebuild_rows(plan, None, None, looped(tree=different))
    assert not row["ok"]
    assert row["message"].startswith("60 differences to what was backed up:\n  - difference 0\n")
    assert row["message"].endswith("difference 49\n  - 10 more\n[BDB-61]")
    (failed,) = rebuild_rows(plan, None, looped(tree={"failed": True, "msg": "disk full"}))
    assert failures([failed]) == ["tree: disk full"]


def test_recovery_lines_say_how_long_and_how_old() -> None:
    plan = rebuild_plan(TREE, GOOD, planned_files=looped(tree={"created": 1}))
    rows = [
        {**row, "host": "db2", "source": "db1"} for row in rebuild_rows(plan, None, None, looped(tree={"total": 0}))
    ]
    assert recovery_lines(rows, {"db2": 75.2}) == [
        f"db2 from db1: 1 of 1 instance proven, 0 differences, recovery time 1 min 15 s, oldest data of {SNAPSHOT} (3 h old)"
    ]


@pytest.mark.parametrize("name", ["plain", "a*b", "what?", "[x]", "a[!b]c", "]"])
def test_p34_an_exact_pattern_selects_its_name_alone(name: str) -> None:
    names = ["plain", "a*b", "aXb", "what?", "whatX", "[x]", "x", "a[!b]c", "aXc", "]"]
    assert select(names, [exact_pattern(name)], "here") == [name]
