# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""SQL of roles in diffs: what changed is seen, secrets are not."""

from __future__ import annotations

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._modules._masking import Masker, changed_names

SCRAM = "SCRAM-SHA-256$4096:c2FsdHNhbHQ=$c3RvcmVkc3RvcmVk:c2VydmVyc2VydmVy"
NATIVE = "*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19"


@pytest.mark.parametrize(
    ("statement", "secret"),
    [
        (f"ALTER ROLE \"app\" WITH LOGIN PASSWORD '{SCRAM}';", SCRAM),
        (f"alter user `a`@`%` identified via mysql_native_password using '{NATIVE}';", NATIVE),
        (f"CREATE USER 'a'@'%' IDENTIFIED BY PASSWORD '{NATIVE}';", NATIVE),
        ("CREATE USER 'a'@'%' IDENTIFIED WITH 'caching_sha2_password' AS 0x2441243030352441;", "2441243030352441"),
        (r"ALTER USER 'a'@'%' IDENTIFIED BY 'it''s \' hidden';", "hidden"),
        (f"SOMETHING NEW 'a'@'%' '{NATIVE}';", NATIVE),
    ],
)
def test_f17_no_secret_is_in_a_diff(statement: str, secret: str) -> None:
    masked = Masker().mask(statement)
    assert secret not in masked
    assert "secret 1" in masked
    assert masked.split()[0] == statement.split(maxsplit=1)[0]


def test_a_changed_secret_is_seen_and_an_equal_one_is_not() -> None:
    masker = Masker()
    before = masker.mask(f"ALTER ROLE a PASSWORD '{SCRAM}';\nALTER ROLE b PASSWORD '{NATIVE}';\n")
    after = masker.mask(f"ALTER ROLE a PASSWORD '{SCRAM}';\nALTER ROLE b PASSWORD 'x';\n")
    assert before.splitlines()[0] == after.splitlines()[0]
    assert before.splitlines()[1] != after.splitlines()[1]


def test_the_names_of_changed_roles() -> None:
    before = f"CREATE ROLE a;\nALTER ROLE a PASSWORD '{SCRAM}';\nCREATE ROLE b;\n"
    after = f"CREATE ROLE a;\nALTER ROLE a PASSWORD '{NATIVE}';\nCREATE ROLE b;\nCREATE ROLE c;\n"
    masked = {
        "a": "CREATE ROLE a;\nALTER ROLE a PASSWORD '********';",
        "b": "CREATE ROLE b;",
        "c": "CREATE ROLE c;",
    }
    assert changed_names(before, after, masked.items()) == ["a", "c"]
    assert changed_names(after, after, masked.items()) == []
