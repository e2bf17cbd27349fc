# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module ``ledger_info``: what the ledger of drills holds, and whether it is what was written. Private to this collection."""

from __future__ import annotations

from typing import Any

from ansible_collections.vya.backupdb.plugins.module_utils._errors import DamagedLedger, UsageError
from ansible_collections.vya.backupdb.plugins.module_utils._ledger import read
from ansible_collections.vya.backupdb.plugins.module_utils._modules._request import FailedResult, Request, Spec
from ansible_collections.vya.backupdb.plugins.module_utils._modules._results import LIMIT
from ansible_collections.vya.backupdb.plugins.module_utils._signatures import parse_trusted

SPEC = Spec(
    {
        "path": {"type": "path", "required": True},
        "newest": {"type": "int", "default": 100},
        "trusted_keys": {"type": "list", "elements": "str", "default": [], "no_log": False},
        "anchor": {"type": "str"},
        "fail_on_problems": {"type": "bool", "default": False},
    }
)


def run(request: Request) -> dict[str, Any]:
    """Read the ledger and check its chain.

    Raises:
        BackupError: it cannot be read, an option makes no sense; or there are problems, and the caller wants to fail.
    """
    params = request.params
    newest = params["newest"]
    if not 0 <= newest <= LIMIT:
        raise UsageError(f"newest is {newest}.", f"give a number from 0 to {LIMIT}")
    entries, findings = read(params["path"], parse_trusted(params["trusted_keys"]), params["anchor"])
    for text in findings.warnings:
        request.reporter.warn(text)
    shown = entries[-newest:] if newest else []
    result = {
        "changed": False,
        "ok": not findings.problems,
        "total": len(entries),
        "number": findings.head.entries,
        "sha256": findings.head.sha256,
        "unsigned": findings.unsigned,
        "problems": list(findings.problems),
        "entries": [
            {"number": item.number, "sha256": item.sha256, "signed_by": item.signed_by, "record": dict(item.record)}
            for item in shown
        ],
    }
    if findings.problems and params["fail_on_problems"]:
        raise FailedResult(
            DamagedLedger(
                f"The ledger {params['path']} is not what was written:",
                "keep it as evidence, find out who changed it, and put a copy back or begin a new one",
                findings.problems,
            ),
            result,
        )
    return result
