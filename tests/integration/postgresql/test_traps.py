# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The traps of PostgreSQL, each on real servers: what a dump of databases alone would lose."""

from __future__ import annotations

from tests.integration.postgresql.rig import Backup, differences
from tests.support.postgresql import PostgresServer


def test_nothing_differs_after_a_rebuild(backup: Backup, rebuilt: PostgresServer) -> None:
    assert differences(rebuilt, backup.proof) == []
