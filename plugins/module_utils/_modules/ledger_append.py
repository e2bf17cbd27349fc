# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module ``ledger_append``: one more line in the ledger of drills. Private to this collection."""

from __future__ import annotations

from typing import Any

from ansible_collections.vya.backupdb.plugins.module_utils._errors import BadKey
from ansible_collections.vya.backupdb.plugins.module_utils._ledger import Moved, append
from ansible_collections.vya.backupdb.plugins.module_utils._modules._request import FailedResult, Request, Spec

SPEC = Spec(
    {
        "path": {"type": "path", "required": True},
        "record": {"type": "dict", "required": True},
        "signing_key": {"type": "str", "no_log": True},
        "entry": {"type": "str"},
        # public halves and signatures are no secrets
        "signature": {"type": "dict", "no_log": False},
    }
)


def run(request: Request) -> dict[str, Any]:
    """Add a line.

    Raises:
        BackupError: the ledger is damaged, or cannot be written.
    """
    params = request.params
    if params["signing_key"]:
        raise BadKey(
            "A signing key has come to a host.",
            "run the task by its full name, vya.backupdb.ledger_append, and change the key",
        )
    if request.check:
        return {"changed": True}
    try:
        head, warnings = append(params["path"], params["record"], params["entry"], params["signature"])
    except Moved as error:
        raise FailedResult(error, {"moved": True}) from None
    for text in warnings:
        request.reporter.warn(text)
    return {"changed": True, "number": head.entries, "sha256": head.sha256, "signed": bool(params["signature"])}
