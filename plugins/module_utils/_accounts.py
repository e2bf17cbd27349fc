# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Operating-system accounts, and acting as one of them. Private to this collection.

Servers that authenticate by the peer's account (PostgreSQL's ``peer``) want the connection to come from that account,
while the repository belongs to the account that runs the module, usually root.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import pwd
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Optional

from ansible_collections.vya.backupdb.plugins.module_utils._errors import Unsupported, UsageError

# Numbers of setresuid(2), from the kernel's syscall tables. The C library's function of that name changes every
# thread of the process; the system call changes the calling thread alone, which is what is needed here.
_SETRESUID = {
    "x86_64": 117,
    "aarch64": 147,
    "riscv64": 147,
    "ppc64le": 164,
    "s390x": 208,
    "armv7l": 208,
    "i686": 208,
}
_UNCHANGED = -1


@dataclass(frozen=True)
class Account:
    """An account of the operating system."""

    name: str
    uid: int
    gid: int
    home: str


def account_named(name: str) -> Account:
    """Look an account up.

    Raises:
        UsageError: there is no account of that name.
    """
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        raise UsageError(
            f"There is no operating-system account {name!r} on this host.",
            "set login_os_user to an existing account, or leave it out",
        ) from None
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid, entry.pw_dir)


def account_for_peer_login(login_user: str) -> Optional[Account]:
    """The account to act as for a login without a password over a local socket.

    Returns:
        The account named like the login, if this process may become it and is not it already; otherwise None.
    """
    if os.geteuid() != 0:
        return None
    try:
        account = account_named(login_user)
    except UsageError:
        return None
    return account if account.uid != 0 else None


@contextlib.contextmanager
def acting_as(account: Optional[Account]) -> Iterator[None]:
    """Let the calling thread act as an account, for opening a connection.

    Other threads are not touched. With None, or as the account itself, nothing changes.

    Raises:
        OSError: the kernel refused.
        UsageError: this processor's system-call number is not known.
    """
    if account is None or account.uid == os.geteuid():
        yield
        return
    number = _SETRESUID.get(platform.machine())
    if number is None:
        raise Unsupported(
            f"Acting as another account is not supported on {platform.machine()}.",
            f"run the task with become_user: {account.name}",
        )
    before = os.geteuid()
    _set_effective_uid(number, account.uid)
    try:
        yield
    finally:
        _set_effective_uid(number, before)


def _set_effective_uid(number: int, uid: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(number, _UNCHANGED, uid, _UNCHANGED) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
