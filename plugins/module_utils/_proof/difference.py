# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A difference between two proofs, in words. Private to this collection."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Optional


@dataclass(frozen=True)
class Difference:
    """One thing that is not as recorded.

    Args:
        what: ``missing``, ``unexpected``, ``definition``, ``owner``, ``grant``, ``attribute``, ``rows`` or ``content``.
        kind: the object's kind.
        name: the object's name.
        database: where it is, under the name that it has on the server now; None for objects of the whole server.
        message: the difference in words, complete.
        attribute: which attribute differs, where one does; for a grant the privilege.
        expected, found: the two values, where they are short and no secret.
    """

    what: str
    kind: str
    name: str
    database: Optional[str]
    message: str
    attribute: Optional[str] = None
    expected: Optional[str] = None
    found: Optional[str] = None

    def to_json(self) -> dict[str, Any]:
        """The difference as JSON values, empty fields left out."""
        return {key: value for key, value in asdict(self).items() if value is not None}
