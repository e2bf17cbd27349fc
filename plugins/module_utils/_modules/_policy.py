# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The option ``retention``, which says what sets or copies are kept. Private to this collection.

Its documentation is the fragment ``_retention`` in ``plugins/doc_fragments``.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import tzinfo
from typing import Any

from ansible_collections.vya.backupdb.plugins.module_utils._retention import (
    COUNTS,
    RULES,
    VERIFIED,
    Decision,
    Policy,
    policy_from,
    zone_from,
)

UTC = "UTC"

#: What the option consists of.
PARTS: Mapping[str, Mapping[str, Any]] = {
    **{rule: {"type": "str" if rule == "keep_within" else "int"} for rule in RULES},
    "counts": {"type": "str", "choices": list(COUNTS), "default": VERIFIED},
    "time_zone": {"type": "str", "default": UTC},
}

RETENTION: Mapping[str, Mapping[str, Any]] = {
    "retention": {"type": "dict", "required": True, "options": {name: dict(part) for name, part in PARTS.items()}}
}


def retention_from(given: Mapping[str, Any]) -> tuple[Policy, tzinfo]:
    """The policy and the time zone that a retention describes.

    Raises:
        UsageError: it makes no sense.
    """
    return policy_from(given), zone_from(given.get("time_zone") or UTC)


def described(decision: Decision) -> dict[str, Any]:
    """What becomes of a set, for a result."""
    candidate = decision.candidate
    return {
        "id": candidate.set_id,
        "size": candidate.size,
        "action": "keep" if decision.keep else "remove",
        "rules": list(decision.rules),
        "reason": decision.reason,
    }
