# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How GNU tar is called, and what it says. Private to this collection."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
from typing import Optional, Union

from ansible_collections.vya.backupdb.plugins.module_utils._errors import MissingProgram
from ansible_collections.vya.backupdb.plugins.module_utils._files.globs import to_bytes
from ansible_collections.vya.backupdb.plugins.module_utils._files.walk import Omissions
from ansible_collections.vya.backupdb.plugins.module_utils._process import Command, Process, find_program, run
from ansible_collections.vya.backupdb.plugins.module_utils._progress import Reporter

#: What is taken from a pipe at a time: as much as fits into a processor's cache. Measured; a MiB takes a tenth longer.
CHUNK = 256 << 10
_PIPE_BYTES = 1 << 20
#: ``F_SETPIPE_SZ`` of fcntl(2) on Linux; Python has had the name since 3.10.
_SET_PIPE_SIZE = 1031
_SELINUX = "/sys/fs/selinux/enforce"
_MOST_LINES = 20


def check() -> None:
    """Make sure that the programs are there.

    Raises:
        MissingProgram: tar or zstd is absent, or tar is not GNU tar.
    """
    find_program("zstd")
    version = run(Command([find_program("tar"), "--version"])).stdout
    if b"GNU tar" not in version:
        raise MissingProgram(
            "The program tar of this host is not GNU tar.", "install GNU tar (on most systems: the package tar)"
        )


def _attributes() -> list[str]:
    """Options for what lies beside the classic attributes; an archive and its extraction use the same."""
    options = ["--xattrs", "--xattrs-include=user.*"]
    if os.geteuid() == 0:
        options += ["--xattrs-include=trusted.*", "--xattrs-include=security.capability"]
    if os.path.exists(_SELINUX):
        options.append("--selinux")
    return options


def create_command() -> Command:
    """Write an archive of the entries whose names, relative to ``/``, come on standard input, each ended by NUL."""
    return Command(
        [
            find_program("tar"),
            "--create",
            "--file=-",
            "--format=posix",
            "--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime",
            *_attributes(),
            # What --acls would find with a call for each file is among the attributes, too; see recorder.py.
            "--xattrs-include=system.posix_acl_access",
            "--xattrs-include=system.posix_acl_default",
            "--sparse",
            "--no-recursion",
            "--quoting-style=escape",
            "--directory=/",
            "--null",
            "--verbatim-files-from",
            "--files-from=-",
        ],
        # 1: a file changed while it was read; 2: one could not be read. Which, and whether that is all, is looked at.
        ok_codes=(0, 1, 2),
    )


def extract_command(directory: str, numeric_owner: bool, acls: bool) -> Command:
    """Extract an archive from standard input into a directory.

    Args:
        directory: where to.
        numeric_owner: set numbers of owners instead of names.
        acls: whether the archive holds access lists; setting none costs a call for each file, too.
    """
    root = os.geteuid() == 0
    return Command(
        [
            find_program("tar"),
            "--extract",
            "--file=-",
            "--same-permissions",
            "--same-owner" if root else "--no-same-owner",
            *(["--numeric-owner"] if numeric_owner else []),
            *_attributes(),
            *(["--acls"] if acls else []),
            "--delay-directory-restore",
            "--quoting-style=escape",
            f"--directory={directory}",
        ],
        remedy="see what tar says above; nothing was put in place",
    )


def widen(descriptor: int) -> None:
    """Let a pipe hold more, so that both sides switch less often. What the system refuses stays as it is."""
    with contextlib.suppress(OSError):
        fcntl.fcntl(descriptor, _SET_PIPE_SIZE, _PIPE_BYTES)


def write_all(descriptor: int, data: Union[bytes, memoryview]) -> None:
    """Write to a pipe until everything is written."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


_CHANGED = re.compile(
    r"\A(?:[^:]*/)?tar: (.*): (?:file changed as we read it|File shrank by \d+ bytes; padding with zeros)\Z", re.DOTALL
)
_DAMAGED = re.compile(
    r"\A(?:[^:]*/)?tar: (.*): (?:Warning: )?(?:Read error at byte .*|Cannot (?:read|seek)[^:]*: .*)\Z", re.DOTALL
)
#: Named already, since the stream lacks what was asked for.
_ABSENT = re.compile(
    r"\A(?:[^:]*/)?tar: .*: (?:File removed before we read it|(?:Warning: )?Cannot (?:open|stat|readlink)[^:]*: .*|socket ignored)\Z",
    re.DOTALL,
)
_IGNORED = re.compile(
    r"\A(?:[^:]*/)?tar: (?:Exiting with failure status due to previous errors|Error exit delayed from previous errors\.?)\Z"
)
_WARNING = re.compile(r"\A(?:[^:]*/)?tar: .*: Warning: .*\Z", re.DOTALL)
_ESCAPED = re.compile(rb"\\([0-7]{3}|.)", re.DOTALL)
_ESCAPES = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"a": b"\a", b"b": b"\b", b"f": b"\f", b"v": b"\v"}


class Complaints:
    """Reads what tar says while it creates an archive.

    Args:
        omissions: where files are named.
        reporter: where other warnings go.
    """

    def __init__(self, omissions: Omissions, reporter: Reporter) -> None:
        self._omissions = omissions
        self._reporter = reporter
        self._line = b""
        self._unknown: list[str] = []

    def feed(self, piece: bytes) -> None:
        """Take a line, or a piece of a long one."""
        self._line += piece
        if self._line.endswith(b"\n"):
            self._take(self._line[:-1].decode("utf-8", "surrogateescape"))
            self._line = b""

    def _take(self, line: str) -> None:
        for kind, expression in (("changed", _CHANGED), ("unreadable", _DAMAGED)):
            match = expression.match(line)
            if match:
                self._omissions.add(kind, b"/" + _unescape(match.group(1)))
                return
        if _ABSENT.match(line) or _IGNORED.match(line):
            return
        if _WARNING.match(line):
            self._reporter.warn(line)
        elif len(self._unknown) < _MOST_LINES:
            self._unknown.append(line)

    def finish(self, process: Process, code: Optional[int] = None) -> None:
        """Call when tar has ended.

        Raises:
            ProcessError: it failed for another reason than files that cannot be read.
        """
        code = process.wait() if code is None else code
        if code == 2 and self._unknown:
            raise process.failure(code)
        for line in self._unknown:
            self._reporter.warn(line)


def _unescape(name: str) -> bytes:
    def plain(match: re.Match[bytes]) -> bytes:
        found = match.group(1)
        return bytes([int(found, 8)]) if len(found) == 3 else _ESCAPES.get(found, found)

    return _ESCAPED.sub(plain, to_bytes(name))
