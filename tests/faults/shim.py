# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is preloaded into modules and their programs: built here, and told what to do."""

from __future__ import annotations

import errno
import mmap
import shutil
import struct
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

_SOURCE = Path(__file__).with_name("shim.c")
_CONTROL = struct.Struct("=8Iq16s64s512s")
_OFF, _COUNT, _HOLD, _FAIL = range(4)
_FIRED, _GO, _PID, _CLOCK = 16, 20, 24, 32


@dataclass(frozen=True)
class Step:
    """A moment of a run: the n-th call of a kind by a program.

    program: its name; ``module`` is the module itself; ``setpriv`` is what starts all others
    kind: start (of a program), open, write, read, fsync, rename, unlink, mkdir, or send (to a server)
    number: counted from 1
    """

    program: str
    kind: str
    number: int

    def __str__(self) -> str:
        who = "" if self.program in ("module", "setpriv") else f" by {self.program}"
        return f"{self.kind} {self.number}{who}"


def why_not() -> str | None:
    """Why the shim cannot be built here, or None."""
    return None if shutil.which("gcc") else "there is no C compiler: install gcc"


class Shim:
    """A shim of its own folder, which everybody may pass through.

    Args:
        folder: where it is built; every account of the programs comes there.
        below: only calls about files below this path count.
    """

    def __init__(self, folder: Path, below: Path) -> None:
        folder.mkdir()
        folder.chmod(0o755)
        self.library = folder / "shim.so"
        self._below = str(below)
        self._journal = folder / "journal"
        control = folder / "control"
        control.write_bytes(bytes(_CONTROL.size))
        self._journal.touch()
        for file in (control, self._journal):
            file.chmod(0o666)
        with control.open("r+b") as stream:
            self._shared = mmap.mmap(stream.fileno(), _CONTROL.size)
        flags = ["-shared", "-fPIC", "-O1", "-w", f'-DFOLDER="{folder}"']
        subprocess.run(["gcc", *flags, "-o", self.library, _SOURCE, "-ldl"], check=True)

    def off(self) -> None:
        """Nothing happens, and nobody waits any more."""
        self._write(_OFF, None, 0)
        self._put(_GO, 1)

    def count(self) -> None:
        """From now on calls are noted."""
        self._journal.write_text("")
        self._write(_COUNT, None, 0)

    def counted(self) -> Counter[tuple[str, str]]:
        """(Program, kind) -> number of calls since `count()`."""
        self._write(_OFF, None, 0)
        lines = self._journal.read_text(errors="replace").splitlines()
        return Counter((program, kind) for program, kind, *_path in (line.split("\t") for line in lines))

    def hold(self, step: Step) -> None:
        """Let a run wait at a step until `release()`."""
        self._write(_HOLD, step, 0)

    def fail(self, step: Step, error: str) -> None:
        """Let the call of a step fail, and those of its kind after it: ENOSPC or EIO."""
        self._write(_FAIL, step, getattr(errno, error))

    def set_clock(self, seconds: int) -> None:
        """Let the clock of the modules be so much ahead."""
        self._shared[_CLOCK : _CLOCK + 8] = struct.pack("=q", seconds)

    @property
    def fired(self) -> bool:
        """Whether the step was reached."""
        return self._get(_FIRED) != 0

    @property
    def pid(self) -> int:
        """The process that waits."""
        return self._get(_PID)

    def release(self) -> None:
        """Let it go on."""
        self._put(_GO, 1)

    def _write(self, action: int, step: Step | None, error: int) -> None:
        (clock,) = struct.unpack("=q", self._shared[_CLOCK : _CLOCK + 8])
        step = step or Step("", "", 0)
        words = [word.encode() for word in (step.kind, step.program, self._below)]
        self._shared[:] = _CONTROL.pack(action, step.number, error, 0, 0, 0, 0, 0, clock, *words)

    def _get(self, offset: int) -> int:
        return int(struct.unpack("=I", self._shared[offset : offset + 4])[0])

    def _put(self, offset: int, value: int) -> None:
        self._shared[offset : offset + 4] = struct.pack("=I", value)
