# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Programs: started, connected, watched, ended. Private to this collection.

With `_launching.py`, for programs that outlive the run, this is the only place that starts programs. There is no shell; every
exit code of a chain counts; secrets travel by environment or by an unnamed file; a failure ends whole process groups, and the
death of this process ends its children.
"""

from __future__ import annotations

import collections
import contextlib
import hashlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import BinaryIO, Callable, Optional, Protocol, Union, cast

from ansible_collections.vya.backupdb.plugins.module_utils._accounts import Account
from ansible_collections.vya.backupdb.plugins.module_utils._errors import Interrupted, MissingProgram, ProcessError
from ansible_collections.vya.backupdb.plugins.module_utils._interrupts import begin, submit, undisturbed

CHUNK = 1 << 20
_STDERR_LINES = 40
_STDERR_LINE_BYTES = 2000
_SECONDS_TO_END = 5.0
_INHERITED = ("PATH", "TMPDIR", "LD_LIBRARY_PATH", "LD_PRELOAD")
_READER_GONE = re.compile(r"Broken pipe|\berrno:? 32\b", re.IGNORECASE)
_WHO_KILLED = "find out who ended it (the kernel does when memory runs out: journalctl -k), then run again"
_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

#: Where a program comes from, for the message that says that it is absent: program -> package on Debian.
PACKAGES = {
    "setpriv": "util-linux",
    "timeout": "coreutils",
    "tar": "tar",
    "zstd": "zstd",
    "age": "age",
    "pg_dump": "postgresql-client",
    "pg_restore": "postgresql-client",
    "mariadb": "mariadb-client",
    "mariadb-dump": "mariadb-client",
    "mysql": "default-mysql-client",
    "mysqldump": "default-mysql-client",
}


class Inside(Protocol):
    """Where a program runs that is not one of this host; see ``_containers.py``."""

    #: What to do when the program was killed.
    who_killed: str

    def prefix(self, account: Optional[Account]) -> tuple[Sequence[str], Sequence[int]]:
        """What to start for the program to run there as an account, and the descriptors that this needs."""

    def hand_over(self, path: str, writable: bool) -> int:
        """A descriptor by which the program can reach a file or directory of this host, and nothing beside it."""


@dataclass(frozen=True)
class Command:
    """One program to start.

    Args:
        argv: program and arguments; never a secret in it.
        env: variables to set; the caller's environment is not inherited, but for PATH and the like.
        secret_env: variables that hold secrets.
        cwd: directory to start in.
        account: act as this account; it may read and write what root may, since the repository belongs to root.
        pass_fds: file descriptors that stay open in the program.
        ok_codes: exit codes that mean success.
        remedy: what to do when it fails, for the operator.
        stderr_lines: how many of its last lines on standard error are kept.
        inside: where it runs; None for this host.
        reads, writes: files and directories of this host that stand in its arguments, as a whole argument or behind an
            equals sign.
    """

    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    secret_env: Mapping[str, str] = field(default_factory=dict, repr=False)
    cwd: Optional[str] = None
    account: Optional[Account] = None
    pass_fds: Sequence[int] = ()
    ok_codes: Sequence[int] = (0,)
    remedy: Optional[str] = None
    stderr_lines: int = _STDERR_LINES
    inside: Optional[Inside] = None
    reads: Sequence[str] = ()
    writes: Sequence[str] = ()

    @property
    def program(self) -> str:
        """Base name of the program."""
        return os.path.basename(self.argv[0])


@dataclass(frozen=True)
class Completed:
    """What a program that succeeded left."""

    stdout: bytes
    stderr: str
    returncode: int


@dataclass(frozen=True)
class Piped:
    """What came out of a chain: bytes written, and their SHA-256 in hexadecimal."""

    size: int
    sha256: str


class Process:
    """A running program. Use :func:`start`, best as a context manager: leaving it ends what still runs."""

    def __init__(
        self,
        command: Command,
        popen: subprocess.Popen[bytes],
        on_stderr: Optional[Callable[[bytes], None]] = None,
    ) -> None:
        self.command = command
        self._popen = popen
        self._on_stderr = on_stderr
        self._succeeded = False
        self._tail: collections.deque[bytes] = collections.deque(maxlen=command.stderr_lines)
        self._reader = threading.Thread(target=self._read_stderr, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """Process id of the program, which leads its own process group."""
        return self._popen.pid

    @property
    def stdin(self) -> BinaryIO:
        """The pipe into the program."""
        return cast("BinaryIO", self._popen.stdin)

    @property
    def stdout(self) -> BinaryIO:
        """The pipe out of the program."""
        return cast("BinaryIO", self._popen.stdout)

    @property
    def stderr_tail(self) -> str:
        """The last lines that the program wrote to standard error."""
        return b"".join(self._tail).decode("utf-8", "replace").strip()

    def poll(self) -> Optional[int]:
        """The exit code, or None while it runs."""
        return self._popen.poll()

    def wait(self, timeout: Optional[float] = None) -> int:
        """Wait for the end.

        Args:
            timeout: seconds; None waits without end.

        Raises:
            ProcessError: it ended with another code than expected, or did not end in time.
        """
        try:
            code = self._popen.wait(timeout)
        except subprocess.TimeoutExpired:
            self.end()
            raise ProcessError(
                f"{self.command.program} did not finish within {timeout:g} seconds.",
                self.command.program,
                None,
                self.stderr_tail,
                self.command.remedy,
            ) from None
        self._reader.join(_SECONDS_TO_END)
        if code not in self.command.ok_codes:
            raise self.failure(code)
        self._succeeded = True
        return code

    def failure(self, code: int) -> ProcessError:
        """The error for an exit code, with what the program said."""
        remedy = self.command.remedy
        if code < 0:
            how = f"was killed by signal {-code} ({signal.Signals(-code).name})"
            remedy = remedy or (_WHO_KILLED if self.command.inside is None else self.command.inside.who_killed)
        else:
            how = f"failed with exit code {code}"
        said = self.stderr_tail
        return ProcessError(
            f"{self.command.program} {how}" + (f": {said}" if said else "."),
            self.command.program,
            code,
            said,
            remedy,
        )

    def end(self) -> None:
        """End the program and everything it started; does nothing after an end that was waited for."""
        if not self._succeeded:
            self._end_group()
        # Only now: a thread that still reads or writes holds the stream until the program is gone.
        for stream in (self._popen.stdin, self._popen.stdout):
            if stream is not None:
                # A pipe to a program that is gone cannot be flushed; what was in it is lost with the program anyway.
                with contextlib.suppress(BrokenPipeError):
                    stream.close()
        self._reader.join(_SECONDS_TO_END)
        with _LIVE_LOCK:
            _LIVE.discard(self)

    def _end_group(self) -> None:
        if self._popen.poll() is not None:
            # The leader has ended by itself; its group may hold stragglers.
            _signal_group(self._popen.pid, signal.SIGKILL)
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            _signal_group(self._popen.pid, number)
            try:
                self._popen.wait(_SECONDS_TO_END)
            except subprocess.TimeoutExpired:
                continue
            _signal_group(self._popen.pid, signal.SIGKILL)
            return
        self._popen.wait()

    def _read_stderr(self) -> None:
        with cast("BinaryIO", self._popen.stderr) as stream:
            while True:
                line = stream.readline(_STDERR_LINE_BYTES)
                if not line:
                    return
                self._tail.append(line)
                if self._on_stderr is not None:
                    self._on_stderr(line)

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.end()


_LIVE: set[Process] = set()
_LIVE_LOCK = threading.Lock()
_REFUSED = threading.Event()


def _signal_group(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, number)


def end_all() -> None:
    """End every program that still runs, and let none be started until :func:`accept`: the run was told to stop.

    A thread that nobody waits for any more could otherwise start one after the last look, and wait for it for ever.
    """
    _REFUSED.set()
    with _LIVE_LOCK:
        live = list(_LIVE)
    for process in live:
        process.end()


def accept() -> None:
    """Let programs be started: a new run begins."""
    _REFUSED.clear()


def _check_accepted() -> None:
    if _REFUSED.is_set():
        raise Interrupted("No program is started any more, since the run was told to stop.", "run it again")


def find_program(*names: str, directories: Sequence[str] = ()) -> str:
    """The path of the first of some programs that exists.

    Args:
        names: base names, the preferred one first.
        directories: where to look before PATH.

    Raises:
        MissingProgram: none of them exists; names the package that brings it.
    """
    for name in names:
        for directory in directories:
            found = shutil.which(name, path=directory)
            if found:
                return found
        found = shutil.which(name) or shutil.which(name, path=_SYSTEM_PATH)
        if found:
            return found
    package = next((PACKAGES[name] for name in names if name in PACKAGES), names[0])
    raise MissingProgram(
        f"The program {' or '.join(names)} is not installed on this host.",
        f"install the package that brings it (on Debian and Ubuntu: apt-get install {package})",
    )


def start(
    command: Command,
    stdin: Union[int, BinaryIO, None] = subprocess.DEVNULL,
    stdout: Union[int, BinaryIO, None] = subprocess.DEVNULL,
    on_stderr: Optional[Callable[[bytes], None]] = None,
) -> Process:
    """Start a program in its own process group.

    The program dies with the thread that started it, so a thread must outlive what it starts.

    Args:
        command: what to start.
        stdin: a descriptor or file to read from; :data:`PIPE` for a pipe.
        stdout: a descriptor or file to write to; :data:`PIPE` for a pipe.
        on_stderr: called with each line of standard error, in another thread; a long line comes in pieces.

    Raises:
        MissingProgram: the program, or setpriv, does not exist.
        Interrupted: the run was told to stop.
    """
    _check_accepted()
    environment = environment_of(command)
    # setpriv leaves by exec: no process of its own stays between us and the program.
    prefix = [find_program("setpriv"), "--pdeathsig", "KILL"]
    if command.inside is None and command.account is not None and command.account.uid != os.geteuid():
        prefix += [
            f"--reuid={command.account.uid}",
            f"--regid={command.account.gid}",
            "--init-groups",
            "--inh-caps=+dac_override",
            "--ambient-caps=+dac_override",
        ]
    process: Optional[Process] = None
    try:
        with undisturbed():
            process = _started(prefix, command, environment, stdin, stdout, on_stderr)
        # Again: whoever ended all before it was among them did not see it.
        _check_accepted()
    except Interrupted:
        if process is not None:
            process.end()
        raise
    return process


def _started(
    prefix: Sequence[str],
    command: Command,
    environment: Mapping[str, str],
    stdin: Union[int, BinaryIO, None],
    stdout: Union[int, BinaryIO, None],
    on_stderr: Optional[Callable[[bytes], None]],
) -> Process:
    with _handed_over(command) as (argv, descriptors):
        # The only place of the collection that starts programs: run_command of Ansible can neither stream nor act as another account.
        popen = subprocess.Popen(  # pylint: disable=ansible-bad-function
            [*prefix, "--", *argv],
            stdin=stdin,
            stdout=stdout,
            stderr=subprocess.PIPE,
            env=environment,
            cwd=command.cwd,
            pass_fds=descriptors,
            start_new_session=True,
        )
    process = Process(command, popen, on_stderr)
    with _LIVE_LOCK:
        _LIVE.add(process)
    return process


PIPE = subprocess.PIPE


@contextlib.contextmanager
def _handed_over(command: Command) -> Iterator[tuple[Sequence[str], Sequence[int]]]:
    """What to start, and the descriptors for it: in a container files of this host are reached by descriptors only."""
    if command.inside is None:
        yield command.argv, tuple(command.pass_fds)
        return
    entering, descriptors = command.inside.prefix(command.account)
    argv, passed = list(command.argv), [*command.pass_fds, *descriptors]
    with contextlib.ExitStack() as stack:
        for path in (*command.reads, *command.writes):
            descriptor = command.inside.hand_over(path, path in command.writes)
            stack.callback(os.close, descriptor)
            passed.append(descriptor)
            argv = [_with_path(word, path, f"/proc/self/fd/{descriptor}") for word in argv]
        yield [*entering, *argv], passed


def _with_path(word: str, path: str, other: str) -> str:
    """An argument with another path, if it is that path or ends with it behind an equals sign."""
    option, _equals, value = word.partition("=")
    if word == path:
        return other
    return f"{option}={other}" if value == path else word


def environment_of(command: Command) -> dict[str, str]:
    """What a program finds in its environment: of ours only what it needs."""
    if command.inside is not None:
        home = command.account.home if command.account else "/"
        return {"PATH": _SYSTEM_PATH, "HOME": home, "LC_ALL": "C.UTF-8", **command.env, **command.secret_env}
    environment = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    environment.setdefault("PATH", _SYSTEM_PATH)
    environment["HOME"] = command.account.home if command.account else os.path.expanduser("~")
    environment["LC_ALL"] = "C.UTF-8"
    environment.update(command.env)
    environment.update(command.secret_env)
    return environment


def run(command: Command, data: Optional[bytes] = None, timeout: Optional[float] = None) -> Completed:
    """Run a program to its end and return what it printed, which must be small.

    Args:
        command: what to run.
        data: bytes for its standard input.
        timeout: seconds until it is ended; None for no limit.

    Raises:
        ProcessError: it failed or took too long.
        MissingProgram: it does not exist.
    """
    with tempfile.TemporaryFile() as source, start_with_data(command, source, data) as process:
        output: list[bytes] = []
        reader = threading.Thread(target=lambda: output.append(process.stdout.read()), daemon=True)
        begin(reader)
        code = process.wait(timeout)
        reader.join()
        return Completed(output[0] if output else b"", process.stderr_tail, code)


def start_with_data(command: Command, source: BinaryIO, data: Optional[bytes]) -> Process:
    """Start a program that reads some bytes, through a file so that a slow reader cannot block this process."""
    if data is None:
        return start(command, stdout=PIPE)
    source.write(data)
    source.seek(0)
    return start(command, stdin=source, stdout=PIPE)


def pipe(
    commands: Sequence[Command],
    source: Union[BinaryIO, Iterable[bytes], None] = None,
    target: Optional[BinaryIO] = None,
    observe: Optional[Callable[[bytes], None]] = None,
    timeout: Optional[float] = None,
) -> Piped:
    """Run a chain of programs, each reading what the one before it writes.

    Args:
        commands: the chain, in order; at least one.
        source: what the first reads: a file with a descriptor, or an iterable of bytes; None for nothing.
        target: what the last's output is written to; None to throw it away after counting.
        observe: called with each chunk of the last's output, before it is written.
        timeout: seconds that each program may take to end after its output ended; None for no limit.

    Returns:
        Size and SHA-256 of the last program's output.

    Raises:
        ProcessError: a program failed. Where several failed, the one that failed by itself is named, not the ones
            that only saw their neighbour's pipe break.
    """
    with contextlib.ExitStack() as stack:
        # Entered first and so left last: the thread may wait for a program that has to be ended before.
        feeder = stack.enter_context(ThreadPoolExecutor(1))
        feeding: Optional[Future[None]] = None
        processes: list[Process] = []
        upstream: Union[int, BinaryIO, None] = subprocess.DEVNULL
        if source is not None:
            upstream = source if hasattr(source, "fileno") else PIPE  # type: ignore[assignment]
        for command in commands:
            process = stack.enter_context(start(command, stdin=upstream, stdout=PIPE))
            if processes:
                # Only the reader may hold this end, or the writer would not see the reader's death.
                processes[-1].stdout.close()
            processes.append(process)
            upstream = process.stdout
        if source is not None and not hasattr(source, "fileno"):
            feeding = submit(feeder, _feed, source, processes[0])
        digest = hashlib.sha256()
        size = 0
        for chunk in chunks(processes[-1].stdout):
            digest.update(chunk)
            size += len(chunk)
            if observe is not None:
                observe(chunk)
            if target is not None:
                target.write(chunk)
        wait_for_chain(processes, timeout)
        if feeding is not None:
            feeding.result()
        return Piped(size, digest.hexdigest())


def wait_for_chain(processes: Sequence[Process], timeout: Optional[float] = None) -> None:
    """Wait until every program of a chain has ended.

    Args:
        processes: the chain, in order.
        timeout: seconds that each may take; None for no limit.

    Raises:
        ProcessError: a program failed; where several did, the one that failed by itself.
    """
    failures: list[ProcessError] = []
    for process in processes:
        try:
            process.wait(timeout)
        except ProcessError as error:
            failures.append(error)
    if failures:
        raise min(failures, key=_distance_from_cause)


def _distance_from_cause(error: ProcessError) -> int:
    """How far a failure in a chain is from the cause of all: who was killed is the cause, whose reader left is not."""
    if error.returncode is not None and error.returncode < 0:
        return 2 if error.returncode == -signal.SIGPIPE else 0
    # Programs that ignore the signal see the error instead, number 32 (EPIPE).
    return 2 if _READER_GONE.search(error.stderr_tail) else 1


def _feed(source: Iterable[bytes], process: Process) -> None:
    # A reader that is gone says by its exit code why. An error of the source goes to the one who waits.
    with contextlib.suppress(BrokenPipeError):
        try:
            for chunk in source:
                process.stdin.write(chunk)
        finally:
            process.stdin.close()


def chunks(stream: BinaryIO) -> Iterator[bytes]:
    """The bytes of a stream, in large pieces."""
    read = getattr(stream, "read1", stream.read)
    while True:
        chunk = read(CHUNK)
        if not chunk:
            return
        yield chunk


def secret_file(content: str, account: Optional[Account] = None) -> int:
    """An unnamed file in memory that only its owner can read, for programs that want a secret from a file.

    Returns:
        Its descriptor: hand it on in ``pass_fds``, name it to the program as ``/proc/self/fd/<n>``, close it afterwards.
    """
    descriptor = os.memfd_create("backupdb", os.MFD_CLOEXEC)
    os.fchmod(descriptor, 0o600)
    os.write(descriptor, content.encode("utf-8"))
    os.lseek(descriptor, 0, os.SEEK_SET)
    if account is not None and os.geteuid() == 0:
        os.fchown(descriptor, account.uid, account.gid)
    return descriptor
