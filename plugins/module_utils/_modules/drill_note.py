# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module ``drill_note``: what a drill has shown, remembered beside the set. Private to this collection."""

from __future__ import annotations

import os
from datetime import datetime, timezone
from typing import Any

from ansible_collections.vya.backupdb.plugins.module_utils._drills import FAILED, PASSED, drilled, record_drill
from ansible_collections.vya.backupdb.plugins.module_utils._errors import NoSuchSet
from ansible_collections.vya.backupdb.plugins.module_utils._layout import MANIFEST
from ansible_collections.vya.backupdb.plugins.module_utils._model import is_set_id, timestamp
from ansible_collections.vya.backupdb.plugins.module_utils._modules._request import Request, Spec

SPEC = Spec(
    {
        "path": {"type": "path", "required": True},
        "verdict": {"type": "str", "choices": [PASSED, FAILED], "required": True},
        "proven": {"type": "bool"},
        "recovery_seconds": {"type": "float"},
    }
)


def run(request: Request) -> dict[str, Any]:
    """Remember it.

    Raises:
        BackupError: there is no such set, or it cannot be written.
    """
    params = request.params
    path = os.path.normpath(params["path"])
    if not os.path.isabs(path) or not is_set_id(os.path.basename(path)) or not os.path.isfile(f"{path}/{MANIFEST}"):
        raise NoSuchSet(f"There is no set at {params['path']}.", "give a set's directory as an absolute path")
    if request.check:
        known = drilled(path)
    else:
        now = timestamp(datetime.now(timezone.utc))
        known = record_drill(path, now, params["verdict"], params["proven"], params["recovery_seconds"])
    return {"changed": True, "proven_at": known.proven_at if known else None}
