# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is off on a rebuilt server until it is released: part of the protocol of engines. Private to this collection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ansible_collections.vya.backupdb.plugins.module_utils._model import InstanceInfo
from ansible_collections.vya.backupdb.plugins.module_utils._proof.fence import Fence


@dataclass(frozen=True)
class ReleasePlan:
    """What a release would turn on.

    Args:
        info: the server.
        waiting: what was on and is off.
        missing: what was on and is not there.
        problems: what forbids the release, each a sentence with its remedy.
        warnings: what the operator should know.
    """

    info: InstanceInfo
    waiting: Sequence[Fence] = ()
    missing: Sequence[Fence] = ()
    problems: Sequence[str] = ()
    warnings: Sequence[str] = ()
