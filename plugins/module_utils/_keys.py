# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a reader of sets has to open and to trust them. Private to this collection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Optional


@dataclass(frozen=True)
class Keys:
    """Keys of a reader.

    Args:
        identities: private keys that decrypt, as text: age identities or SSH private keys. Secret.
        trusted: public keys of those who may sign, as text; without any, signatures are not asked for.
        staging: directory for what is decrypted while it is read; None for the one for temporary files.
    """

    identities: Sequence[str] = field(default=(), repr=False)
    trusted: Sequence[str] = ()
    staging: Optional[str] = None


NO_KEYS = Keys()
