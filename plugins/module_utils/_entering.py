# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Starts a program inside a container's namespaces, with next to no rights. Private to this collection.

This is a program of its own: its text is given to a new Python, since only a process of one thread can enter a mount
namespace. It uses nothing but the standard library. ``nsenter`` would leave the program in the container with all rights
of root on the host, and alive when the one who started it is killed.

Arguments: descriptor of the container's root directory, descriptors of its namespaces (with commas), uid, gid, further groups
(with commas, may be empty), then the program and its arguments.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import sys

#: linux/capability.h, linux/prctl.h, linux/securebits.h
_CAP_DAC_OVERRIDE = 1
_CAPABILITY_VERSION_3 = 0x20080522
_PR_SET_PDEATHSIG = 1
_PR_SET_KEEPCAPS = 8
_PR_CAPBSET_READ = 23
_PR_CAPBSET_DROP = 24
_PR_SET_NO_NEW_PRIVS = 38
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
#: What a shell says where a program cannot be run, and where there is none.
CANNOT_RUN, NOT_FOUND = 126, 127

_LIBC = ctypes.CDLL(None, use_errno=True)


def _call(name: str, *arguments: object) -> int:
    """Call a function of the C library.

    Raises:
        OSError: it failed.
    """
    result = int(getattr(_LIBC, name)(*arguments))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def _prctl(option: int, value: int, further: int = 0) -> int:
    word = ctypes.c_ulong
    return _call("prctl", option, word(value), word(further), word(0), word(0))


def become(uid: int, gid: int, groups: list[int]) -> None:
    """Act as an account, with the one right to read and write files of others, and without a way to more.

    Raises:
        OSError: the kernel refused.
    """
    os.setgroups(groups)
    number = 0
    while number < 64:
        try:
            held = _prctl(_PR_CAPBSET_READ, number)
        except OSError:
            # The kernel knows no further ones.
            break
        if held and number != _CAP_DAC_OVERRIDE:
            _prctl(_PR_CAPBSET_DROP, number)
        number += 1
    _prctl(_PR_SET_KEEPCAPS, 1)
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    only = 1 << _CAP_DAC_OVERRIDE
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    # effective, permitted, inheritable; then the same of the upper half
    data = (ctypes.c_uint32 * 6)(only, only, only, 0, 0, 0)
    _call("capset", header, data)
    _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_DAC_OVERRIDE)
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def _run(program: list[str], watched: int) -> int:
    """In the new process: become the program."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    # Whoever was killed before that is noticed by the end of the pipe.
    if select.select([watched], [], [], 0)[0]:
        return CANNOT_RUN
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execve(program[0], program, os.environ)
    except FileNotFoundError:
        return NOT_FOUND


def _follow(child: int, nothing: int) -> int:
    """Wait for the program; end as it ends."""
    # Signals go to the whole group: the program decides what they mean.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    # Its reader and its writer must see that it has closed its pipes.
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    _pid, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if number != signal.SIGKILL:
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    return os.WEXITSTATUS(status)


def main(arguments: list[str]) -> int:
    """Enter, start the program, wait for it; returns its exit code."""
    root, uid, gid = (int(arguments[index]) for index in (0, 2, 3))
    spaces, groups = ([int(item) for item in arguments[index].split(",") if item] for index in (1, 4))
    program = arguments[5:]
    starter = os.getppid()
    nothing = os.open(os.devnull, os.O_RDWR)
    watched, held = os.pipe()
    try:
        for descriptor in spaces:
            _call("setns", descriptor, 0)
        os.fchdir(root)
        os.chroot(".")
        for descriptor in (root, *spaces):
            os.close(descriptor)
        # Before anything of this is seen in the container.
        become(uid, gid, groups)
        # Another account's process would live on.
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != starter:
            return CANNOT_RUN
        child = os.fork()
        if child == 0:
            os.close(held)
            return _run(program, watched)
    except OSError as error:
        text = f"the container cannot be entered, or {program[0]} cannot be started in it: {error}\n"
        os.write(2, text.encode("utf-8", "surrogateescape"))
        return CANNOT_RUN
    return _follow(child, nothing)


if __name__ == "__main__":
    # Not sys.exit(): the interpreter's clean-up would look for files in the container.
    os._exit(main(sys.argv[1:]))
