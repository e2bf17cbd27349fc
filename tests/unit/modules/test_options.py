# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Parameters that make no sense are refused in words."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._errors import BackupError, UsageError
from ansible_collections.vya.backupdb.plugins.module_utils._modules._options import (
    CONNECTION,
    connection_from,
    jobs_from,
    names_from,
)
from ansible_collections.vya.backupdb.plugins.module_utils._modules._placement import select
from ansible_collections.vya.backupdb.plugins.module_utils._modules._results import human_bytes, refuse


def params(**given: Any) -> dict[str, Any]:
    return {**{name: option.get("default") for name, option in CONNECTION.items()}, **given}


def test_every_connection_option_arrives() -> None:
    others = ("engine", "login_port", "connect_timeout", "container", "container_engine")
    given = {name: name for name in CONNECTION if name not in others}
    connection = connection_from(params(**given, login_port=1, connect_timeout=2))
    assert connection.password == "login_password" and "login_password" not in repr(connection)
    values = sorted(str(value) for value in vars(connection).values() if value is not None)
    assert values == sorted([*given.values(), "1", "2"])
    inside = connection_from(params(container="shop", container_engine="podman"))
    assert (inside.container, inside.container_engine) == ("shop", "podman")


@pytest.mark.parametrize("option", ["ca_cert", "client_cert", "client_key"])
def test_files_of_this_host_do_not_go_with_a_container(option: str) -> None:
    with pytest.raises(UsageError, match=f"{option} .*container shop.*leave out {option}"):
        connection_from(params(container="shop", **{option: "/etc/x.pem"}))


def test_an_engine_without_a_container_is_a_mistake() -> None:
    with pytest.raises(UsageError, match="container_engine.*without container"):
        connection_from(params(container_engine="docker"))


@pytest.mark.parametrize(("option", "value"), [("login_port", 0), ("login_port", 65536), ("connect_timeout", 0)])
def test_numbers_that_make_no_sense(option: str, value: int) -> None:
    with pytest.raises(UsageError, match=option):
        connection_from(params(**{option: value}))


def test_jobs_default_to_the_cores_and_are_at_least_one() -> None:
    assert jobs_from({"jobs": None}) >= 1
    assert jobs_from({"jobs": 3}) == 3
    with pytest.raises(UsageError, match="jobs"):
        jobs_from({"jobs": 0})


def test_an_empty_name_is_refused() -> None:
    with pytest.raises(UsageError, match="instance"):
        names_from({"source": "db1", "instance": " "})


def test_patterns_select_names_in_their_order() -> None:
    names = ["a", "b[1]", "shop_1", "shop_2"]
    assert select(names, ["shop_*", "a"], "here") == ["a", "shop_1", "shop_2"]
    assert select(names, ["b[1]"], "here") == ["b[1]"], "a name is itself, whatever is in it"
    assert select([], ["*"], "here") == []
    with pytest.raises(UsageError, match="'nope' matches no database of here"):
        select(names, ["nope"], "here")


def test_all_problems_come_in_one_failure() -> None:
    refuse("Not possible:", [])
    with pytest.raises(BackupError) as caught:
        refuse("Not possible:", ["one", "two"])
    assert "one" in str(caught.value) and "two" in str(caught.value)


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 bytes"), (1023, "1023 bytes"), (1536, "1.5 KiB"), (1 << 50, "1.0 PiB")]
)
def test_bytes_for_people(number: int, text: str) -> None:
    assert human_bytes(number) == text
