# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The engines there are. Private to this collection.

The imports are static, so that Ansible finds and ships every part of an engine; they stand in functions, so that a module
that runs with one engine does not read the other one and its driver: that would be half of the time of a small task.
"""

from __future__ import annotations

from typing import Callable

from ansible_collections.vya.backupdb.plugins.module_utils._engines.base import Engine
from ansible_collections.vya.backupdb.plugins.module_utils._errors import UsageError
from ansible_collections.vya.backupdb.plugins.module_utils._model import Connection
from ansible_collections.vya.backupdb.plugins.module_utils._progress import Reporter


def _postgresql() -> type[Engine]:
    from ansible_collections.vya.backupdb.plugins.module_utils._engines.postgresql import PostgresqlEngine

    return PostgresqlEngine


def _mysql() -> type[Engine]:
    from ansible_collections.vya.backupdb.plugins.module_utils._engines.mysql import MysqlEngine

    return MysqlEngine


ENGINES: dict[str, Callable[[], type[Engine]]] = {
    "postgresql": _postgresql,
    "mysql": _mysql,
}


def engine_for(name: str, connection: Connection, reporter: Reporter) -> Engine:
    """The engine of a name.

    Raises:
        UsageError: there is none of that name.
    """
    if name not in ENGINES:
        raise UsageError(f"There is no engine {name!r}.", f"choose one of {', '.join(sorted(ENGINES))}")
    return ENGINES[name]()(connection, reporter)
