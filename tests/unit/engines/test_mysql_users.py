# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What versions of servers print about accounts that no machine of ours has; servers are in the integration tests."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any
from unittest.mock import Mock

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.flavour import flavour_of
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.users import Account, read_accounts
from ansible_collections.vya.backupdb.plugins.module_utils._errors import BackupError

CREATED = "CREATE USER `o'hara`@`%` IDENTIFIED BY PASSWORD '*X'"


def read(*grants: str) -> list[Account]:
    """The accounts of a server that has a single one, and what it prints of its grants."""
    answers: dict[str, list[tuple[Any, ...]]] = {
        "SELECT user, host, is_role": [("o'hara", "%", "N")],
        "SELECT user, host, proxied": [("o'hara", "%", "app", "", 1)],
        "SHOW CREATE USER": [(CREATED,)],
        "SHOW GRANTS": [(text,) for text in grants],
    }

    def rows(query: str) -> list[tuple[Any, ...]]:
        (found,) = (value for begin, value in answers.items() if query.startswith(begin))
        return found

    server = Mock(flavour=flavour_of("10.11.18-MariaDB"))
    server.session.side_effect = lambda **_settings: nullcontext(Mock(rows=rows))
    return read_accounts(server)


def test_m06_a_proxy_is_kept_though_quotes_are_not_escaped() -> None:
    (account,) = read(
        "GRANT USAGE ON *.* TO `o'hara`@`%`", "GRANT PROXY ON 'app'@'%' TO 'o'hara'@'%' WITH GRANT OPTION"
    )
    assert [grant.text for grant in account.grants] == ["GRANT PROXY ON `app`@`%` TO `o'hara`@`%` WITH GRANT OPTION"]


def test_m06_a_grant_that_cannot_be_assigned_is_not_left_out_silently() -> None:
    with pytest.raises(BackupError, match="A grant of 'o'hara'@'%' is shown as one of 'o'@'%'"):
        read("GRANT SELECT ON `shop`.* TO `o`@`%`")
