# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The option ``copy`` of the modules that reach a copy. Private to this collection.

Its documentation is the fragment ``_copy`` in ``plugins/doc_fragments``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._copies.model import Copy, copy_from
from ansible_collections.vya.backupdb.plugins.module_utils._errors import UsageError
from ansible_collections.vya.backupdb.plugins.module_utils._keys import Keys
from ansible_collections.vya.backupdb.plugins.module_utils._model import set_id_time
from ansible_collections.vya.backupdb.plugins.module_utils._modules._handover import receive
from ansible_collections.vya.backupdb.plugins.module_utils._modules._options import TRUSTED
from ansible_collections.vya.backupdb.plugins.module_utils._modules._policy import PARTS

COPY: Mapping[str, Mapping[str, Any]] = {
    "copy": {
        "type": "dict",
        "required": True,
        "options": {
            "name": {"type": "str", "required": True},
            "path": {"type": "str", "required": True},
            "remote": {"type": "str"},
            "config": {"type": "dict"},
            "secrets": {"type": "dict", "no_log": True},
            "bandwidth": {"type": "str"},
            "options": {"type": "dict"},
            "attempts": {"type": "int", "default": 4},
            "retention": {"type": "dict", "options": {name: dict(part) for name, part in PARTS.items()}},
        },
    },
    # the path is no secret
    "secrets_pipe": {"type": "path", "no_log": False},
    **TRUSTED,
}


def asked_copy(params: Mapping[str, Any]) -> Copy:
    """The copy that a module is to reach; its secrets may come from the controller by a pipe.

    Raises:
        UsageError: the description makes no sense, or the secrets did not come.
    """
    described = dict(params["copy"])
    if params["secrets_pipe"] is not None:
        if described.get("secrets"):
            raise UsageError("Both copy.secrets and secrets_pipe are given.", "give secrets in one way")
        (text,) = receive(params["secrets_pipe"])
        described["secrets"] = json.loads(text)
    return copy_from(described)


def trust_from(params: Mapping[str, Any]) -> Keys:
    """Whom to trust, as the parameters say; nothing is decrypted on the way to or from a copy."""
    return Keys((), tuple(params["trusted_keys"] or ()))


def age_of(set_id: str, now: datetime) -> int:
    """Seconds since a set began."""
    return int((now - set_id_time(set_id)).total_seconds())


def lag_between(newest: Optional[str], copied: Optional[str]) -> Optional[int]:
    """How much older the newest set of a copy is than the newest set here, in seconds; None where nothing is copied yet.

    Args:
        newest: id of the newest set here; None if there is none.
        copied: id of the newest set of the copy; None if there is none.
    """
    if newest is None:
        return 0
    if copied is None:
        return None
    return max(0, int((set_id_time(newest) - set_id_time(copied)).total_seconds()))


def utc_now() -> datetime:
    """This moment."""
    return datetime.now(timezone.utc)
