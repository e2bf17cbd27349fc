# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Errors of the collection. Private to this collection.

Utilities raise; only the entry of a module turns an error into a failed task.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional


class BackupError(Exception):
    """Anything that stops a backup, a restore or a check, told in words for the operator.

    Args:
        message: what is wrong, naming the object.
        remedy: what to do about it, an imperative sentence.
        details: further lines, e.g. each of several problems; never secrets.
    """

    def __init__(self, message: str, remedy: Optional[str] = None, details: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.details = tuple(details)

    def __str__(self) -> str:
        text = self.message
        if self.details:
            text += "".join(f"\n  - {line}" for line in self.details)
        if self.remedy:
            text += f"\nWhat to do: {self.remedy}" if self.details else f" What to do: {self.remedy}"
        return text


class UsageError(BackupError):
    """The request itself is wrong: an unknown database, a pattern that matches nothing, options that exclude each other."""


class ConnectionFailed(BackupError):
    """The server cannot be reached, or refuses the login."""


class MissingPrivilege(BackupError):
    """The account lacks privileges that a complete backup or restore needs."""


class MissingProgram(BackupError):
    """A program or a Python library is absent or too old."""


class ProcessError(BackupError):
    """A program ended with an error, was killed, or timed out.

    Args:
        program: base name of the program.
        returncode: its exit code; negative for the number of the signal that ended it.
        stderr_tail: the last lines that it wrote to standard error.
    """

    def __init__(
        self, message: str, program: str, returncode: Optional[int], stderr_tail: str = "", remedy: Optional[str] = None
    ) -> None:
        super().__init__(message, remedy)
        self.program = program
        self.returncode = returncode
        self.stderr_tail = stderr_tail


class RepositoryError(BackupError):
    """The repository cannot be read or written, or is locked by another run."""


class CopyFailed(BackupError):
    """A copy of the repository in another place cannot be reached, read or written."""


class DamagedSet(BackupError):
    """A set, or a part of it, is not what its manifest says."""


class UntrustedSet(DamagedSet):
    """A set is not signed, or not by a key that is trusted, or is not what was signed."""


class Interrupted(BackupError):
    """The run was told to stop (SIGTERM, SIGINT or SIGHUP)."""
