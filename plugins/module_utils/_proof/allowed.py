# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Differences that a correct rebuild may show, each with its reason. Private to this collection.

A difference that is not on this list fails the rebuild. A rule is as narrow as it can be.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

from ansible_collections.vya.backupdb.plugins.module_utils._proof import allowed_mysql, allowed_postgresql
from ansible_collections.vya.backupdb.plugins.module_utils._proof.difference import Difference
from ansible_collections.vya.backupdb.plugins.module_utils._proof.model import Proof
from ansible_collections.vya.backupdb.plugins.module_utils._proof.rule import Allowed

RULES: Sequence[Allowed] = (*allowed_mysql.RULES, *allowed_postgresql.RULES)


def allowed_by(difference: Difference, expected: Proof, found: Proof, fenced: bool = False) -> Optional[Allowed]:
    """The rule that allows a difference, or None.

    Args:
        difference, expected, found: what differs between what.
        fenced: whether things may wait for their release.
    """
    rules = (rule for rule in RULES if fenced or not rule.asked)
    return next((rule for rule in rules if rule.applies(difference, expected, found)), None)
