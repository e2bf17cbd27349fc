# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A host whose temporary files or memory fail: said in words, not by a traceback; what may be a bug of ours is not hidden."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys

import pytest

from tests.support.paths import BUILD

PROGRAM = """
import os
from ansible_collections.vya.backupdb.plugins.module_utils._modules._entry import run_module
from ansible_collections.vya.backupdb.plugins.module_utils._modules._request import Spec

def fail(request):
    number = int(os.environ["NUMBER"])
    request.reporter.warn("before it failed")
    raise OSError(number, os.strerror(number), "/tmp/there")

run_module(Spec({}), fail)
"""


def run(number: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM],
        input=json.dumps({"ANSIBLE_MODULE_ARGS": {}}),
        env={**os.environ, "PYTHONPATH": str(BUILD), "NUMBER": str(number)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(("number", "remedy"), [(errno.EIO, "check the file system"), (errno.ENOSPC, "free space")])
def test_f09_what_the_host_cannot_do_is_said(number: int, remedy: str) -> None:
    done = run(number)
    result = json.loads(done.stdout)
    assert result["failed"] is True and result["changed"] is False
    assert f"This host failed: {os.strerror(number)}: /tmp/there. What to do: {remedy}" in result["msg"]
    assert "before it failed" in str(result["warnings"])
    assert "Traceback" not in done.stderr


def test_what_may_be_a_bug_is_not_hidden() -> None:
    done = run(errno.EBADF)
    assert done.stdout == ""
    assert "OSError: [Errno" in done.stderr
