# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The statements with which pg_dump sets sequences. Private to this collection."""

from __future__ import annotations

import re

_SETVAL = re.compile(r"^SELECT pg_catalog\.setval\((E?'(?:[^'\\]|''|\\.)*'), (-?\d+), (true|false)\);$", re.MULTILINE)


def sequence_values(text: str) -> dict[str, tuple[int, bool]]:
    """What a dump sets sequences to.

    Args:
        text: plain output of pg_dump or pg_restore.

    Returns:
        Name of a sequence, as the SQL literal that stands there -> its last value, and whether it was handed out.
    """
    return {match[1]: (int(match[2]), match[3] == "true") for match in _SETVAL.finditer(text)}
