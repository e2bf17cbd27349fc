# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Errors of the collection. Private to this collection.

Utilities raise; only the entry of a module turns an error into a failed task.

Each kind has a code, which docs/troubleshooting.md explains. Codes are stable: one that was released never means
anything else, and a new kind gets a new one. Roles and playbooks end their own messages with them, too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Optional

_ENDS_WITH_CODE = re.compile(r"\[BDB-\d\d\]\Z")


class BackupError(Exception):
    """Anything that stops a backup, a restore or a check, told in words for the operator.

    This class is for those who catch errors. Who raises one says which kind it is.

    Args:
        message: what is wrong, naming the object.
        remedy: what to do about it, an imperative sentence.
        details: further lines, e.g. each of several problems; never secrets.
    """

    #: What the page of codes explains it under. What is of no kind should not have happened.
    code: str = "BDB-90"

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
        elif self.details:
            return f"{text}\n[{self.code}]"
        # What passes on a problem that was found elsewhere keeps the code that was given there.
        return text if _ENDS_WITH_CODE.search(text) else f"{text} [{self.code}]"


class Defect(BackupError):
    """Something that cannot be, unless there is a mistake in this collection."""


# What was asked for


class UsageError(BackupError):
    """The request itself is wrong: a value that makes no sense, options that exclude each other, a file that is none."""

    code = "BDB-10"


class NoSuchSet(UsageError):
    """The set that was asked for is not there, or there is none at all."""

    code = "BDB-11"


class NoSuchDatabase(UsageError):
    """A name or pattern fits no database of the server, the set or the dump."""

    code = "BDB-12"


class BadKey(UsageError):
    """A key for encrypting or signing is missing, is none, or is of the wrong kind."""

    code = "BDB-13"


class Unsupported(UsageError):
    """What was asked for is not possible with this server, this system or this version of the collection."""

    code = "BDB-14"


class WrongInventory(UsageError):
    """The inventory or a variable does not say what is needed, or says what makes no sense."""

    code = "BDB-15"


# BDB-16: a role or playbook ends without having done anything, because somebody wanted that.
# BDB-17: what an operator has put in, a hook, failed.

# The host


class MissingProgram(BackupError):
    """A program or a Python library is absent or too old."""

    code = "BDB-20"


class HostFailed(BackupError):
    """The operating system refuses what is needed: rights, a broken file system, memory."""

    code = "BDB-21"


class NoSpace(BackupError):
    """A file system has not enough room."""

    code = "BDB-22"


class ProcessError(BackupError):
    """A program ended with an error, was killed, or timed out.

    Args:
        program: base name of the program.
        returncode: its exit code; negative for the number of the signal that ended it.
        stderr_tail: the last lines that it wrote to standard error.
    """

    code = "BDB-23"

    def __init__(
        self, message: str, program: str, returncode: Optional[int], stderr_tail: str = "", remedy: Optional[str] = None
    ) -> None:
        super().__init__(message, remedy)
        self.program = program
        self.returncode = returncode
        self.stderr_tail = stderr_tail


class Interrupted(BackupError):
    """The run was told to stop (SIGTERM, SIGINT or SIGHUP)."""

    code = "BDB-24"


# The database server


class ConnectionFailed(BackupError):
    """The server cannot be reached, or refuses the login."""

    code = "BDB-30"


class MissingPrivilege(BackupError):
    """The account lacks privileges that a complete backup or restore needs."""

    code = "BDB-31"


class ServerRefused(BackupError):
    """The server answered a statement with an error."""

    code = "BDB-32"


class InUse(BackupError):
    """Sessions, locks or prepared transactions of others hold what has to be replaced."""

    code = "BDB-33"


class ChangedMeanwhile(BackupError):
    """Somebody else changed what was being worked on."""

    code = "BDB-34"


class ScratchFailed(BackupError):
    """The throw-away server of a drill does not start, answer or end."""

    code = "BDB-35"


# Repository, sets and copies


class RepositoryError(BackupError):
    """The repository cannot be read or written."""

    code = "BDB-40"


class Running(RepositoryError):
    """Another run works on the same thing."""

    code = "BDB-41"


class DamagedSet(BackupError):
    """A set, or a part of it, is not what its manifest says."""

    code = "BDB-42"


class UntrustedSet(DamagedSet):
    """A set is not signed by a key that is trusted, or is not what was signed."""

    code = "BDB-43"


class Unsigned(UntrustedSet):
    """A set has no signature at all."""

    code = "BDB-44"


class NoIdentity(UsageError):
    """A set is encrypted, and no private key that opens it was given."""

    code = "BDB-45"


class NewerFormat(DamagedSet):
    """A set was written by a newer version of this collection, or of a program."""

    code = "BDB-46"


class CopyFailed(BackupError):
    """A copy of the repository in another place cannot be reached, read or written."""

    code = "BDB-47"


class UnreadableFiles(BackupError):
    """Files that are to be backed up cannot be read."""

    code = "BDB-48"


class DamagedLedger(BackupError):
    """The ledger of drills is not what was written."""

    code = "BDB-49"


# Restoring


class Impossible(BackupError):
    """What was asked for cannot be done as things are: problems that were found before anything was changed."""

    code = "BDB-50"


class Occupied(Impossible):
    """There is something already where a restore would put something."""

    code = "BDB-51"


class NotProven(BackupError):
    """What was read or loaded is not what it should be, so it is not taken for it."""

    code = "BDB-52"


class LoadFailed(BackupError):
    """The server refused a part of what was to be loaded; what has the name is as it was."""

    code = "BDB-53"


class DamagedDump(DamagedSet):
    """A dump of another tool is cut off or damaged."""

    code = "BDB-54"


# BDB-55 is SqlError: a dump cannot be read as SQL, or holds what must not be executed.

# Several things at once


class Incomplete(BackupError):
    """Some of several things could not be done; the others are."""

    code = "BDB-60"


class Differs(BackupError):
    """What is there is not what was recorded, or not what was asserted."""

    code = "BDB-61"
