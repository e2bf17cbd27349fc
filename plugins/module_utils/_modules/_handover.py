# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Private keys from the controller to a module that runs in the background. Private to this collection.

The options of such a module lie in a file on the target. So the action plugin leaves the keys out of them, and writes
them into a named pipe that the module makes: what passes a pipe is in memory only.
"""

from __future__ import annotations

import json
import os
import select
import time
from collections.abc import Sequence

from ansible_collections.vya.backupdb.plugins.module_utils._errors import BadKey, UsageError

_SECONDS_TO_COME = 60.0
_MOST_BYTES = 1 << 20
_MODE = 0o600


def receive(path: str) -> Sequence[str]:
    """Make a named pipe, and read the private keys from it that the controller writes.

    Raises:
        UsageError: the pipe cannot be made, nothing came in time, or something else than a list of texts.
    """
    try:
        os.mkfifo(path, _MODE)
    except OSError as error:
        raise UsageError(f"{path} cannot be made: {error.strerror}.", "leave out identity_pipe") from error
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            data = _read(descriptor)
        finally:
            os.close(descriptor)
    finally:
        os.unlink(path)
    try:
        keys = json.loads(data)
    except ValueError:
        keys = None
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise BadKey(
            "The private keys did not come whole from the controller.",
            "run it again; set backupdb_live_progress to false if it happens again",
        )
    return keys


def _read(descriptor: int) -> bytes:
    """All that is written until the writer closes its end."""
    until = time.monotonic() + _SECONDS_TO_COME
    data = b""
    while len(data) <= _MOST_BYTES:
        ready, _none, _neither = select.select([descriptor], [], [], max(0.0, until - time.monotonic()))
        if not ready:
            break
        chunk = os.read(descriptor, 1 << 16)
        if not chunk:
            break
        data += chunk
    return data
