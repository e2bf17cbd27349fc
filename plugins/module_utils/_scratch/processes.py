# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Processes of throw-away servers: found by what cannot be anybody else's, and ended. Private to this collection.

A number of a process alone says nothing: it may be somebody else's by now. A process is ours if it has the random token
of the directory in its environment, or if it is a server's program that works in the data directory (PostgreSQL's
processes overwrite their environment with their titles). It is held by a descriptor (pidfd_open(2)) while that is
looked at and while it is signalled.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import time
from collections.abc import Iterator
from typing import Optional

from ansible_collections.vya.backupdb.plugins.module_utils._errors import ScratchFailed

#: Variable that holds the token.
MARK = "BACKUPDB_SCRATCH"
_SERVERS = ("postgres", "mariadbd", "mysqld")
_SECONDS_POLITE = 10.0
_SECONDS_TO_DIE = 20.0
_STEP = 0.02


def running(token: str, data: str) -> list[int]:
    """The processes of a throw-away server.

    Args:
        token: of its directory.
        data: its data directory.
    """
    found = []
    for entry in os.scandir("/proc"):
        if entry.name.isdecimal() and int(entry.name) != os.getpid() and _is_ours(int(entry.name), token, data):
            found.append(int(entry.name))
    return found


def _is_ours(pid: int, token: str, data: str) -> bool:
    # It may end at any moment, or belong to somebody whose processes we may not look into: not ours then.
    with contextlib.suppress(OSError), open(f"/proc/{pid}/environ", "rb") as stream:
        if f"{MARK}={token}".encode("ascii") in stream.read().split(b"\0"):
            return _is_alive(pid)
    with contextlib.suppress(OSError):
        program = os.path.basename(os.readlink(f"/proc/{pid}/exe")).partition(" ")[0]
        return program in _SERVERS and os.readlink(f"/proc/{pid}/cwd").partition(" (deleted)")[0] == data
    return False


def _is_alive(pid: int) -> bool:
    """Whether it is more than an entry that waits for its parent."""
    with open(f"/proc/{pid}/stat", "rb") as stream:
        return stream.read().rpartition(b")")[2].split()[0] != b"Z"


def end(token: str, data: str, polite: int) -> None:
    """End everything that belongs to a throw-away server, and what the kernel holds for it.

    Args:
        token: of its directory.
        data: its data directory.
        polite: the signal to try first.

    Raises:
        BackupError: something does not end.
    """
    _signal_until_gone(token, data, polite, _SECONDS_POLITE)
    left = _signal_until_gone(token, data, signal.SIGKILL, _SECONDS_TO_DIE)
    if left:
        raise ScratchFailed(
            f"The processes {', '.join(map(str, left))} of the throw-away server in {data} do not end.",
            "look at what they wait for; the next drill tries again",
        )
    _release_memory(data)


def _signal_until_gone(token: str, data: str, number: int, seconds: float) -> list[int]:
    signalled: set[int] = set()
    until = time.monotonic() + seconds
    left = running(token, data)
    while left and time.monotonic() < until:
        for pid in left:
            # The polite signal once; a process that was started meanwhile gets it too.
            if pid not in signalled or number == signal.SIGKILL:
                _signal(pid, number, token, data)
                signalled.add(pid)
        time.sleep(_STEP)
        left = running(token, data)
    return left


def _signal(pid: int, number: int, token: str, data: str) -> None:
    with contextlib.suppress(ProcessLookupError), _held(pid) as descriptor:
        # Looked at again: the number may have passed to another process before it was held.
        if not _is_ours(pid, token, data):
            return
        if descriptor is None:
            os.kill(pid, number)
        else:
            signal.pidfd_send_signal(descriptor, number)


@contextlib.contextmanager
def _held(pid: int) -> Iterator[Optional[int]]:
    """A descriptor of a process, so that its number cannot pass to another one; None where the kernel is older than 5.3."""
    try:
        descriptor = os.pidfd_open(pid)
    except (AttributeError, OSError) as error:
        if isinstance(error, ProcessLookupError):
            raise
        yield None
        return
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _release_memory(data: str) -> None:
    """Remove the small System V segment that a killed PostgreSQL leaves, and that only its next start would remove."""
    try:
        with open(os.path.join(data, "postmaster.pid"), encoding="ascii", errors="replace") as stream:
            lines = stream.read().splitlines()
        creator, segment = lines[0].strip(), lines[6].split()[1]
        with open("/proc/sysvipc/shm", encoding="ascii") as stream:
            heading, *rows = [line.split() for line in stream]
    except (OSError, IndexError):
        return
    for row in rows:
        values = dict(zip(heading, row))
        # The number alone could be another server's by now: it must be of the process that the file names, and unused.
        if values.get("shmid") == segment and values.get("cpid") == creator and values.get("nattch") == "0":
            _remove_segment(int(segment))


def _remove_segment(number: int) -> None:
    # IPC_RMID of <sys/ipc.h>; one that is gone already is as good.
    ctypes.CDLL(None).shmctl(number, 0, None)
