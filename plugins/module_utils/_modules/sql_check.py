# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module ``sql_check``: whether queries give what they should. Private to this collection."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._engines.base import Engine
from ansible_collections.vya.backupdb.plugins.module_utils._engines.registry import engine_for
from ansible_collections.vya.backupdb.plugins.module_utils._errors import BackupError, Differs, Interrupted, UsageError
from ansible_collections.vya.backupdb.plugins.module_utils._modules._options import (
    CONNECTION,
    ONE_WAY,
    connection_from,
)
from ansible_collections.vya.backupdb.plugins.module_utils._modules._request import FailedResult, Request, Spec

_LONGEST_VALUE = 200
_TRUE = frozenset(("t", "true", "1", "y", "yes", "on"))
_FALSE = frozenset(("f", "false", "0", "n", "no", "off"))

SPEC = Spec(
    {
        **CONNECTION,
        "assertions": {
            "type": "list",
            "elements": "dict",
            "required": True,
            "options": {
                "name": {"type": "str"},
                "database": {"type": "str", "required": True},
                "sql": {"type": "str", "required": True},
                "expect": {"type": "raw"},
            },
        },
        "timeout": {"type": "int", "default": 300},
        "fail_on_mismatch": {"type": "bool", "default": True},
    },
    ONE_WAY,
)


def run(request: Request) -> dict[str, Any]:
    """Ask every question.

    Raises:
        BackupError: the server cannot be reached, an option makes no sense; or an answer is wrong, and the caller wants
            to fail on that.
    """
    params = request.params
    if params["timeout"] < 1:
        raise UsageError(f"timeout is {params['timeout']}.", "give at least 1 second")
    assertions: Sequence[Mapping[str, Any]] = params["assertions"]
    for assertion in assertions:
        if isinstance(assertion["expect"], (list, dict)):
            raise UsageError(
                f"The assertion {_name(assertion)!r} expects {assertion['expect']!r}, which is no single value.",
                "expect a text, a number, true or false, and compare anything else within the query",
            )
    with engine_for(params["engine"], connection_from(params), request.reporter) as engine:
        # What forbids every question is said once.
        engine.inspect()
        request.reporter.phase("check")
        checks = [_check(engine, assertion, params["timeout"]) for assertion in assertions]
        request.reporter.phase("")
    wrong = [check for check in checks if not check["ok"]]
    result = {
        "changed": False,
        "ok": not wrong,
        "total": len(checks),
        "checks": checks,
        "failed_checks": [check["name"] for check in wrong],
        "phases": dict(request.reporter.phases),
    }
    if wrong and params["fail_on_mismatch"]:
        raise FailedResult(
            Differs(
                f"{len(wrong)} of {len(checks)} assertions {'does' if len(wrong) == 1 else 'do'} not hold:",
                "look at the data, or correct the assertion",
                [f"{check['name']}: {check['message']}" for check in wrong[:50]],
            ),
            result,
        )
    return result


def _name(assertion: Mapping[str, Any]) -> str:
    return str(assertion["name"] or " ".join(assertion["sql"].split())[:80])


def _check(engine: Engine, assertion: Mapping[str, Any], seconds: int) -> dict[str, Any]:
    began = time.monotonic()
    found: Optional[str] = None
    try:
        rows = engine.ask(assertion["database"], assertion["sql"], seconds)
        found, message = _compare(rows, assertion["expect"])
    except Interrupted:
        raise
    except BackupError as error:
        message = str(error)
    return {
        "name": _name(assertion),
        "database": assertion["database"],
        "ok": message is None,
        "found": found,
        "message": message,
        "seconds": round(time.monotonic() - began, 3),
    }


def _compare(rows: Sequence[Sequence[Optional[str]]], expect: Any) -> tuple[Optional[str], Optional[str]]:
    """The value that a query gave, and what is wrong with it; None if nothing is."""
    if not rows:
        return None, "the query returns no row; it must return one value"
    if len(rows) > 1:
        return None, "the query returns several rows; it must return one value"
    if len(rows[0]) != 1:
        return None, f"the query returns {len(rows[0])} columns; it must return one value"
    found = rows[0][0]
    shown = None if found is None else found[:_LONGEST_VALUE]
    if matches(found, True if expect is None else expect):
        return shown, None
    wanted = "true" if expect is None else str(expect)
    return shown, f"it gives {'NULL' if found is None else repr(shown)} and should give {wanted[:_LONGEST_VALUE]!r}"


def matches(found: Optional[str], expect: Any) -> bool:
    """Whether a value is what is expected: truths and numbers however they are written, texts exactly."""
    if found is None:
        return False
    wanted = str(expect).lower() if isinstance(expect, bool) else str(expect)
    if wanted == found:
        return True
    if isinstance(expect, bool) or wanted.lower() in ("true", "false"):
        return found.lower() in (_TRUE if wanted.lower() == "true" else _FALSE)
    try:
        return Decimal(found) == Decimal(wanted)
    except InvalidOperation:
        return False
