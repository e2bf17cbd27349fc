# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which hosts take whose places, and in what order."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.vya.backupdb.plugins.plugin_utils._estate import (
    FAILED,
    HELD_BACK,
    held_back,
    rebuild_estate,
    rebuild_source,
)

SERVER = [{"name": "main", "engine": "postgresql"}]
MAP = {"db2": "db1", "app2": "app1"}


def estate(hosts: dict[str, dict[str, Any]], *run: str, **of_all: Any) -> dict[str, Any]:
    """What a run over hosts would rebuild; over all of the inventory where none is named."""
    hostvars = {
        host: {**{f"backupdb_{key}": value for key, value in {**of_all, **variables}.items()}}
        for host, variables in hosts.items()
    }
    return rebuild_estate(list(run or hosts), hostvars, list(hosts))


def problem(found: dict[str, Any]) -> str:
    (text,) = found["problems"]
    return str(text)


def test_a_host_takes_its_own_place_where_nothing_is_said() -> None:
    found = estate({"db1": {}, "db2": {}})
    assert found["sources"] == {"db1": "db1", "db2": "db2"}
    assert (found["turns"], found["problems"], found["left_out"]) == ([["db1", "db2"]], [], [])


def test_a_lost_host_is_not_rebuilt_beside_its_replacement() -> None:
    found = estate({"db1": {}, "db2": {"rebuild_from": "db1"}, "db3": {}})
    assert found["sources"] == {"db2": "db1", "db3": "db3"}
    assert found["left_out"] == ["db1"]


def test_a_mapping_says_all_of_it() -> None:
    found = estate({"db1": {}, "db2": {}, "app1": {}, "app2": {}, "other": {}}, rebuild_from=MAP)
    assert found["sources"] == MAP
    assert found["left_out"] == ["db1", "app1", "other"]
    # the lost hosts need not be in the inventory any more
    assert estate({"db2": {}, "app2": {}}, rebuild_from=MAP)["problems"] == []
    # a host that is to take its own place is named as well
    assert estate({"db1": {}, "db2": {}}, rebuild_from={"db1": "db1"})["sources"] == {"db1": "db1"}


def test_a_mapping_names_clean_hosts_of_the_inventory() -> None:
    text = problem(estate({"db1": {}, "db2": {}}, rebuild_from={"dbb2": "db1"}))
    assert "no host 'dbb2'" in text
    assert "the inventory has db1, db2" in text


def test_a_mapping_must_be_seen_by_those_that_it_names() -> None:
    text = problem(estate({"db1": {"rebuild_from": {"db2": "db1"}}, "db2": {"rebuild_from": ""}}))
    assert "db2 does not see backupdb_rebuild_from" in text


def test_two_mappings_must_not_contradict_each_other() -> None:
    found = estate({"db2": {"rebuild_from": {"db2": "db1"}}, "x": {"rebuild_from": {"db2": "db0"}}})
    assert "db2 is to take the place of both db1 and db0" in found["problems"]


@pytest.mark.parametrize("value", [["db1"], {"db2": None}, {"db2": ["db1"]}, 7, "{db2: db1"])
def test_what_is_neither_a_name_nor_a_mapping_is_refused(value: Any) -> None:
    with pytest.raises(AnsibleFilterError, match="backupdb_rebuild_from"):
        rebuild_source(value, "db2")


def test_the_source_of_one_host() -> None:
    assert rebuild_source(None, "db2") == "db2"
    assert rebuild_source("", "db2") == "db2"
    assert rebuild_source("db1", "db2") == "db1"
    assert rebuild_source(MAP, "db2") == "db1"
    assert rebuild_source(MAP, "db1") == "db1"
    # as it arrives from the command line
    assert rebuild_source('{"db2": "db1"}', "db2") == "db1"


def test_a_lost_host_comes_back_once() -> None:
    hosts = {"db2": {}, "db3": {}}
    both = {"db2": "db1", "db3": "db1"}
    text = problem(estate(hosts, rebuild_from=both, instances=SERVER))
    assert "db1 would be rebuilt twice, onto db2 and db3 (instance 'main')" in text
    assert "--limit db2" in text
    # one of them
    assert estate(hosts, "db3", rebuild_from=both, instances=SERVER)["problems"] == []
    # its instances are spread over both
    hosts["db3"]["instances"] = [{"name": "shop", "engine": "mysql"}]
    assert estate(hosts, rebuild_from=both, instances=SERVER)["problems"] == []


def test_hosts_come_after_those_that_they_need() -> None:
    hosts = {"web2": {"rebuild_after": "app2, db2"}, "app2": {"rebuild_after": ["db2"]}, "db2": {}, "log2": {}}
    found = estate(hosts, rebuild_from={"web2": "web1", "app2": "app1", "db2": "db1", "log2": "log1"})
    assert found["turns"] == [["db2", "log2"], ["app2"], ["web2"]]
    assert found["needs"]["web2"] == ["app2", "db2"]


def test_lost_hosts_stand_for_those_that_take_their_places() -> None:
    """A clean host is described by the one that it replaces, its order as well."""
    found = estate({"app1": {"rebuild_after": ["db1"]}, "db1": {}, "app2": {}, "db2": {}}, rebuild_from=MAP)
    assert found["needs"] == {"app2": ["db2"], "db2": []}


def test_a_host_that_is_not_rebuilt_is_not_waited_for() -> None:
    hosts = {"db2": {}, "app2": {"rebuild_after": ["db2"]}, "alive": {}}
    assert estate(hosts, "app2", rebuild_from=MAP)["needs"] == {"app2": []}
    hosts["app2"]["rebuild_after"] = ["alive"]
    assert estate(hosts, rebuild_from=MAP)["needs"]["app2"] == []


def test_an_order_that_names_nobody_is_refused() -> None:
    text = problem(estate({"db2": {}, "app2": {"rebuild_after": ["bd2"]}}, rebuild_from=MAP))
    assert "app2 is to be rebuilt after 'bd2', which nobody knows" in text
    assert "app1, app2, db1, db2" in text


@pytest.mark.parametrize(
    ("after", "circle"),
    [
        ({"a": "a"}, "a after a"),
        ({"a": "b", "b": "a"}, "a after b after a"),
        ({"a": "c", "c": "b", "b": "c"}, "b after c after b"),
    ],
)
def test_a_circle_is_refused_by_its_names(after: dict[str, str], circle: str) -> None:
    found = estate({name: {"rebuild_after": [after[name]] if name in after else []} for name in "abcd"})
    assert f"in a circle: {circle}." in problem(found)
    assert "d" in found["turns"][0]


def test_what_is_held_back_says_why_and_what_is_proven_stays() -> None:
    plan = [
        {"instance": "main", "proven": False, "ok": True, "todo": True, "problems": []},
        {"instance": "shop", "proven": True, "ok": True, "todo": False, "problems": []},
    ]
    main, shop = held_back(plan, {"db2": FAILED, "db3": HELD_BACK})
    assert main["message"] == "not begun: db2 failed; db3 was not begun"
    assert (main["ok"], main["todo"], main["problems"]) == (False, False, [main["message"]])
    assert shop == plan[1]
