# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The engines there are. Private to this collection.

The imports are static, so that Ansible finds and ships every part of an engine.
"""

from __future__ import annotations

from ansible_collections.vya.backupdb.plugins.module_utils._engines.base import Engine
from ansible_collections.vya.backupdb.plugins.module_utils._engines.mysql import MysqlEngine
from ansible_collections.vya.backupdb.plugins.module_utils._engines.postgresql import PostgresqlEngine
from ansible_collections.vya.backupdb.plugins.module_utils._errors import UsageError
from ansible_collections.vya.backupdb.plugins.module_utils._model import Connection
from ansible_collections.vya.backupdb.plugins.module_utils._progress import Reporter

ENGINES: dict[str, type[Engine]] = {
    PostgresqlEngine.name: PostgresqlEngine,
    MysqlEngine.name: MysqlEngine,
}


def engine_for(name: str, connection: Connection, reporter: Reporter) -> Engine:
    """The engine of a name.

    Raises:
        UsageError: there is none of that name.
    """
    if name not in ENGINES:
        raise UsageError(f"There is no engine {name!r}.", f"choose one of {', '.join(sorted(ENGINES))}")
    return ENGINES[name](connection, reporter)
