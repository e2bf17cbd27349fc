# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A rule that allows a difference. Private to this collection."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ansible_collections.vya.backupdb.plugins.module_utils._proof.difference import Difference
from ansible_collections.vya.backupdb.plugins.module_utils._proof.model import Proof


@dataclass(frozen=True)
class Allowed:
    """A rule.

    Args:
        name: how the result calls it.
        reason: why the difference is no loss, for the operator.
        applies: whether a difference between an expected and a found proof falls under it.
        fence: what stays off until it is released, where the rule is about that: ``event``, ``subscription`` or
            ``connections``.
        asked: it holds only where the caller says that things may wait for their release.
    """

    name: str
    reason: str
    applies: Callable[[Difference, Proof, Proof], bool]
    fence: str = ""
    asked: bool = False
