# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Containers of this host: their programs, sockets, accounts and files, from outside. Private to this collection.

The container's engine is only asked for the process that a container runs. Its namespaces and its root directory are held
by descriptors from then on, so that they are of one and the same container until the end. A container is not trusted:
its paths are resolved by the kernel below its own root, its programs get next to no rights (``_entering.py``), and of
this host they reach nothing but what is handed over: a mount of its own of one file or directory, with no way up.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fnmatch
import inspect
import os
import re
import stat
import sys
import weakref
from collections.abc import Iterator, Sequence
from typing import Optional

from ansible_collections.vya.backupdb.plugins.module_utils import _entering
from ansible_collections.vya.backupdb.plugins.module_utils._accounts import Account
from ansible_collections.vya.backupdb.plugins.module_utils._errors import (
    ConnectionFailed,
    HostFailed,
    MissingPrivilege,
    MissingProgram,
    ProcessError,
    Unsupported,
    UsageError,
)
from ansible_collections.vya.backupdb.plugins.module_utils._process import Command, find_program, run

ENGINES = ("docker", "podman")
#: Where programs are in a container, in the order in which they are looked for.
PROGRAM_DIRECTORIES = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
_NAME = re.compile(r"\A[a-zA-Z0-9][a-zA-Z0-9_.-]*\Z")
_NAMESPACES = ("mnt", "pid", "net", "ipc", "uts")
#: Never everything: it holds the container's environment, and in that passwords.
_FORMAT = "{{.Id}} {{.State.Status}} {{.State.Pid}} {{.State.StartedAt}}"
_SECONDS = 60
_ABSENT = re.compile(r"no such (container|object)|no container with (name|id)", re.IGNORECASE)
_RUNNING = "running"
_LARGEST_PASSWD = 1 << 20
_LONGEST_MATCHES = 1000

# System calls that the C library of Python 3.9's time does not have; these numbers are the same on every processor.
_OPEN_TREE, _OPENAT2, _MOUNT_SETATTR = 428, 437, 442
_OPEN_TREE_CLONE, _AT_EMPTY_PATH, _MOUNT_ATTR_RDONLY = 1, 0x1000, 1
_RESOLVE_IN_ROOT = 0x10
_AT_FDCWD = -100
_KERNEL = "use a kernel from Linux 5.12 on, or reach the server by login_host and login_port without container"


class Container:
    """A running container.

    Args:
        name: as its engine knows it.
        engine: ``docker`` or ``podman``; None to find out.

    Raises:
        UsageError: there is no such container, or several.
        ConnectionFailed: it does not run.
        MissingProgram: there is no engine on this host, or it does not answer.
        MissingPrivilege: this process is not root.
    """

    def __init__(self, name: str, engine: Optional[str] = None) -> None:
        if not _NAME.match(name):
            raise UsageError(f"{name!r} is no name of a container.", "give the name or the id that docker ps shows")
        if os.geteuid() != 0:
            raise MissingPrivilege(
                f"The container {name} can be reached by root only.",
                "run the task as root (become: true), or reach the server by login_host and login_port without container",
            )
        self.name = name
        self.who_killed = f"see whether the container {name} was stopped, restarted or out of memory (docker logs, docker inspect), then run again"
        with contextlib.ExitStack() as stack:
            program, seen = _find(name, engine)
            number = _number_of(name, os.path.basename(program), seen)
            self._namespaces = [self._hold(stack, number, f"ns/{kind}") for kind in _NAMESPACES]
            self._root = self._hold(stack, number, "root", os.O_PATH | os.O_DIRECTORY)
            self._check(number, seen[0])
            # A number that was given to another process meanwhile would have been the wrong one.
            if _look(program, name) != seen:
                raise ConnectionFailed(f"The container {name} was restarted at this moment.", "run this again")
            self._stack = stack.pop_all()
        # Whoever uses it opens and closes connections as often as they like: it is let go with its last user.
        weakref.finalize(self, self._stack.close)

    def _hold(self, stack: contextlib.ExitStack, number: int, item: str, flags: int = os.O_RDONLY) -> int:
        try:
            descriptor = os.open(f"/proc/{number}/{item}", flags | os.O_CLOEXEC)
        except OSError as error:
            raise ConnectionFailed(
                f"The container {self.name} cannot be entered: {error.strerror} ({error.filename}).",
                "see whether it still runs, and whether its engine runs on this very host, then run this again",
            ) from None
        stack.callback(os.close, descriptor)
        return descriptor

    def _check(self, number: int, identity: str) -> None:
        """Make sure that the process is the container's, and that root in it is root here."""
        texts = []
        for item in ("cgroup", "mountinfo"):
            with open(f"/proc/{number}/{item}", encoding="utf-8", errors="replace") as stream:
                texts.append(stream.read())
        if not any(identity in text for text in texts):
            raise UsageError(
                f"The container {self.name} does not run on this host: its engine is on another one.",
                "run the task on the host that the container runs on",
            )
        if os.stat(f"/proc/{number}/ns/user").st_ino != os.stat("/proc/self/ns/user").st_ino:
            raise UsageError(
                f"The container {self.name} has accounts of its own (a user namespace, as rootless containers have).",
                "publish the server's port, and reach it by login_host and login_port without container",
            )

    # programs

    def prefix(self, account: Optional[Account]) -> tuple[Sequence[str], Sequence[int]]:
        """What to start for a program to run inside as an account, and the descriptors that this needs."""
        ids = ["0", "0", ""]
        if account is not None:
            ids = [str(account.uid), str(account.gid), ",".join(str(group) for group in self._groups(account))]
        spaces = ",".join(str(descriptor) for descriptor in self._namespaces)
        helper = [sys.executable, "-I", "-S", "-c", inspect.getsource(_entering)]
        return [*helper, str(self._root), spaces, *ids], (self._root, *self._namespaces)

    def find_program(self, *names: str, directories: Sequence[str] = PROGRAM_DIRECTORIES) -> str:
        """Path inside of the first of some programs that exists.

        Raises:
            MissingProgram: none of them exists.
        """
        for name in names:
            for directory in directories:
                path = f"{directory}/{name}"
                if self.is_program(path):
                    return path
        raise MissingProgram(
            f"The program {' or '.join(names)} is not in the container {self.name}.",
            "use an image with the server's client programs, or reach the server by login_host and login_port without container",
        )

    def is_program(self, path: str) -> bool:
        """Whether a path inside is a program: no script, which may need what is not there."""
        try:
            with open(self.open(path), "rb") as stream:
                return bool(os.fstat(stream.fileno()).st_mode & 0o111) and stream.read(4) == b"\x7fELF"
        except OSError:
            return False

    # files

    def open(self, path: str, flags: int = os.O_RDONLY) -> int:
        """Open a path inside; links lead to what they mean inside.

        Raises:
            OSError: there is none, or it is neither a file nor, with the flag for that, a directory: opening a device does things.
        """
        how = (ctypes.c_uint64 * 3)(os.O_PATH | os.O_CLOEXEC | flags & os.O_DIRECTORY, 0, _RESOLVE_IN_ROOT)
        relative = os.fsencode(path.lstrip("/") or ".")
        place = _system_call(_OPENAT2, path, self._root, relative, ctypes.byref(how), ctypes.sizeof(how))
        if flags & os.O_PATH:
            return place
        try:
            # The flag has refused everything but directories.
            if not flags & os.O_DIRECTORY and not stat.S_ISREG(os.fstat(place).st_mode):
                raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), path)
            return os.open(f"/proc/self/fd/{place}", flags | os.O_CLOEXEC)
        finally:
            os.close(place)

    def matching(self, pattern: str) -> list[str]:
        """Directories inside that a pattern fits, in order; ``*`` and ``[…]`` in it stand for parts of names."""
        found = [""]
        for part in pattern.strip("/").split("/"):
            found = [f"{path}/{name}" for path in found for name in self._names(path, part)][:_LONGEST_MATCHES]
        return [path for path in found if self._names(path, ".")]

    def _names(self, path: str, part: str) -> list[str]:
        try:
            descriptor = self.open(path or "/", os.O_RDONLY | os.O_DIRECTORY)
        except OSError:
            return []
        try:
            return sorted(fnmatch.filter(os.listdir(descriptor), part)) if re.search(r"[*?[]", part) else [part]
        finally:
            os.close(descriptor)

    def free_bytes(self, path: str) -> Optional[int]:
        """Free space where a path inside is; None if it is not there."""
        try:
            descriptor = self.open(path, os.O_PATH)
        except OSError:
            return None
        try:
            room = os.statvfs(descriptor)
            return room.f_bavail * room.f_frsize
        finally:
            os.close(descriptor)

    def hand_over(self, path: str, writable: bool) -> int:
        """A descriptor for programs inside of a file or directory of this host, and nothing beside or above it.

        Raises:
            BackupError: the kernel refuses it.
        """
        flags = _OPEN_TREE_CLONE | os.O_CLOEXEC
        with contextlib.ExitStack() as stack:
            try:
                descriptor = _system_call(_OPEN_TREE, path, _AT_FDCWD, os.fsencode(os.path.abspath(path)), flags)
                stack.callback(os.close, descriptor)
                if not writable:
                    attributes = (ctypes.c_uint64 * 4)(_MOUNT_ATTR_RDONLY, 0, 0, 0)
                    reference, size = ctypes.byref(attributes), ctypes.sizeof(attributes)
                    _system_call(_MOUNT_SETATTR, path, descriptor, b"", _AT_EMPTY_PATH, reference, size)
            except OSError as error:
                raise HostFailed(
                    f"{path} cannot be shown to programs in the container {self.name}: {error.strerror}.",
                    "run the task on the host itself, not in a container, and look whether the path is there",
                ) from None
            stack.pop_all()
        return descriptor

    # accounts

    def account(self, name: str) -> Optional[Account]:
        """The account of a name inside; None if there is none."""
        for fields in self._records("/etc/passwd", 7):
            if fields[0] == name and fields[2].isdecimal() and fields[3].isdecimal():
                return Account(name, int(fields[2]), int(fields[3]), fields[5] or "/")
        return None

    def account_named(self, name: str) -> Account:
        """As :meth:`account`.

        Raises:
            UsageError: there is none.
        """
        found = self.account(name)
        if found is None:
            raise UsageError(
                f"There is no account {name!r} in the container {self.name}.",
                "set login_os_user to an account in the container, or leave it out",
            )
        return found

    def account_for_peer_login(self, login: str) -> Optional[Account]:
        """The account to act as for a login without a password over a socket: of its name, unless that is root's."""
        found = self.account(login)
        return found if found is not None and found.uid != 0 else None

    def _groups(self, account: Account) -> list[int]:
        groups = {account.gid}
        for fields in self._records("/etc/group", 4):
            if fields[2].isdecimal() and account.name in fields[3].split(","):
                groups.add(int(fields[2]))
        return sorted(groups)

    def _records(self, path: str, fields: int) -> Iterator[list[str]]:
        try:
            descriptor = self.open(path)
        except OSError:
            return
        with open(descriptor, "rb") as stream:
            for line in stream.read(_LARGEST_PASSWD).decode("utf-8", "replace").splitlines():
                found = line.split(":")
                if len(found) >= fields:
                    yield found

    # connections

    def socket(self, path: str) -> int:
        """A descriptor of a socket inside, which is connected to as ``/proc/self/fd/<n>``; it lives as long as this.

        Raises:
            ConnectionFailed: there is none.
        """
        descriptor = self._socket(path)
        if descriptor is None:
            raise ConnectionFailed(
                f"There is no socket {path} in the container {self.name}.",
                "start the server, or say in login_unix_socket where its socket is in the container; or let it listen on TCP and"
                " set login_host to 127.0.0.1",
            )
        self._stack.callback(os.close, descriptor)
        return descriptor

    def _socket(self, path: str) -> Optional[int]:
        try:
            descriptor = self.open(path, os.O_PATH)
        except OSError:
            return None
        if stat.S_ISSOCK(os.fstat(descriptor).st_mode):
            return descriptor
        os.close(descriptor)
        return None

    def first_socket(self, paths: Sequence[str]) -> Optional[str]:
        """The first of some paths inside where a socket is."""
        for path in paths:
            descriptor = self._socket(path)
            if descriptor is not None:
                os.close(descriptor)
                return path
        return None

    def directory(self, path: str) -> int:
        """A descriptor of a directory inside; it lives as long as this.

        Raises:
            OSError: there is none.
        """
        descriptor = self.open(path, os.O_PATH | os.O_DIRECTORY)
        self._stack.callback(os.close, descriptor)
        return descriptor

    @contextlib.contextmanager
    def network(self) -> Iterator[None]:
        """Let the calling thread see the container's network, for opening a connection; other threads are not touched."""
        own = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            _enter(self._namespaces[_NAMESPACES.index("net")])
            try:
                yield
            finally:
                _enter(own)
        finally:
            os.close(own)


def _enter(descriptor: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, 0) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def _system_call(number: int, path: str, *arguments: object) -> int:
    """Make a system call about a path.

    Raises:
        OSError: it failed.
        BackupError: the kernel is too old.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    result = int(libc.syscall(number, *arguments))
    if result < 0:
        code = ctypes.get_errno()
        if code == errno.ENOSYS:
            raise Unsupported("The kernel of this host cannot hand files over to containers safely.", _KERNEL)
        raise OSError(code, os.strerror(code), path)
    return result


# asking engines


def _find(name: str, engine: Optional[str]) -> tuple[str, Sequence[str]]:
    """The engine's program, and what it says of a container."""
    programs = []
    for known in ENGINES if engine is None else (engine,):
        with contextlib.suppress(MissingProgram):
            programs.append(find_program(known))
    if not programs:
        raise MissingProgram(
            f"There is no {' and no '.join(ENGINES) if engine is None else engine} on this host, so the container {name} cannot be found.",
            "run the task on the host that the container runs on, or correct container_engine",
        )
    seen: dict[str, Sequence[str]] = {}
    failures = []
    for program in programs:
        try:
            found = _look(program, name)
        except ConnectionFailed as error:
            failures.append(error)
            continue
        if found:
            seen[program] = found
    if not seen and failures:
        raise failures[0]
    if not seen:
        raise UsageError(
            f"There is no container {name} on this host (asked: {', '.join(os.path.basename(item) for item in programs)}).",
            "correct the option container; docker ps --all, or podman ps --all, lists the containers of root",
        )
    if len({found[0] for found in seen.values()}) > 1:
        raise UsageError(f"docker and podman both have a container {name}.", "say which one in container_engine")
    return next(iter(seen.items()))


def _look(program: str, name: str) -> Sequence[str]:
    """What an engine says of a container: id, status, number of its process, when it was started; nothing if it has none."""
    engine = os.path.basename(program)
    # Where an engine is that does not listen in the usual place.
    environment = {key: os.environ[key] for key in ("DOCKER_HOST", "CONTAINER_HOST") if key in os.environ}
    command = Command([program, "container", "inspect", "--format", _FORMAT, name], env=environment)
    try:
        said = run(command, timeout=_SECONDS).stdout.decode("utf-8", "replace").strip()
    except ProcessError as error:
        if _ABSENT.search(error.stderr_tail):
            return ()
        raise ConnectionFailed(
            f"{engine} cannot tell about the container {name}: {error.message}",
            f"make sure that {engine} runs on this host",
        ) from None
    fields = said.split(None, 3)
    if len(fields) != 4 or not fields[2].isdecimal():
        raise ConnectionFailed(
            f"{engine} tells about the container {name} in unknown words.", "use a newer version of it"
        )
    return fields


def _number_of(name: str, engine: str, seen: Sequence[str]) -> int:
    status, number = seen[1], int(seen[2])
    if status != _RUNNING or number < 1:
        raise ConnectionFailed(
            f"The container {name} does not run: it is {status}.",
            f"{engine} unpause {name}, then run this again"
            if status == "paused"
            else f"start it ({engine} start {name}), then run this again",
        )
    return number
