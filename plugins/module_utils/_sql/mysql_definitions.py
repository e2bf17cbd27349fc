# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Small changes to what SHOW CREATE EVENT and the like print. Private to this collection."""

from __future__ import annotations

from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_words import Reader


def without_event_status(sql: str) -> str:
    """An event's definition without ENABLE, DISABLE or DISABLE ON SLAVE, which may change without it being defined anew.

    The status stands between ON COMPLETION … PRESERVE and COMMENT or DO.
    """
    reader = Reader(sql)
    while reader.next is not None:
        if not reader.accept("PRESERVE"):
            reader.take()
            continue
        begin = reader.previous_end
        if reader.accept("ENABLE"):
            return sql[:begin] + sql[reader.previous_end :]
        if reader.accept("DISABLE"):
            reader.accept("ON", "SLAVE")
            reader.accept("ON", "REPLICA")
            return sql[:begin] + sql[reader.previous_end :]
        return sql
    return sql
