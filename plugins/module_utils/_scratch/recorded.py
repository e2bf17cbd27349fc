# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a set says of its server, as far as a throw-away one has to be alike. Private to this collection."""

from __future__ import annotations

import os
import pwd
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Optional, Protocol

from ansible_collections.vya.backupdb.plugins.module_utils._accounts import Account
from ansible_collections.vya.backupdb.plugins.module_utils._errors import MissingProgram, UsageError
from ansible_collections.vya.backupdb.plugins.module_utils._model import Connection, Manifest
from ansible_collections.vya.backupdb.plugins.module_utils._progress import Reporter
from ansible_collections.vya.backupdb.plugins.module_utils._scratch.place import Place

#: Longest path of a socket (sun_path of sockaddr_un on Linux, with its NUL).
LONGEST_SOCKET = 107


@dataclass(frozen=True)
class Recorded:
    """A set's server.

    Args:
        manifest: of the set.
        settings: what the set's artefact of that name holds; empty for files.
        chosen: settings of the operator, which win.
    """

    manifest: Manifest
    settings: Mapping[str, Any] = field(default_factory=dict)
    chosen: Mapping[str, Any] = field(default_factory=dict)

    @property
    def facts(self) -> Mapping[str, Any]:
        """Variables of the server that the manifest holds."""
        found = self.manifest.details.get("facts")
        return found if isinstance(found, Mapping) else {}

    @property
    def version(self) -> str:
        """The server's version."""
        return self.manifest.server_version

    @property
    def database_bytes(self) -> int:
        """Bytes of all databases on the disk of the server."""
        return sum(database.size for database in self.manifest.databases)


class ScratchServer(Protocol):
    """A kind of throw-away server."""

    #: number of the signal that ends it at once
    stop_signal: int

    def needed_bytes(self) -> int:
        """Room that it needs, with all databases in it."""

    def check(self) -> None:
        """Make sure that it could be made: programs, account, settings; raises BackupError."""

    def start(self, place: Place, seconds: int) -> Connection:
        """Initialise and start it; returns how it is reached when it answers."""

    def finish(self, connection: Connection, reporter: Reporter) -> None:
        """Make what the restore needs in the server that was started."""


def account_of_server(name: str, package: str) -> Optional[Account]:
    """The account that a server runs as: its own one if this process may become it, otherwise the one of this process.

    Returns:
        None for the one of this process.

    Raises:
        MissingProgram: there is no such account.
    """
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        raise MissingProgram(
            f"There is no operating-system account {name!r} on this host; the server must not run as root.",
            f"install the package that makes it ({package})",
        ) from None
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid, entry.pw_dir)


def give(path: str, account: Optional[Account]) -> None:
    """Let a file or directory belong to the server's account."""
    if account is not None:
        os.chown(path, account.uid, account.gid)


def private_directory(path: str, account: Optional[Account]) -> None:
    """Make a directory that only the server's account can look into."""
    os.mkdir(path, 0o700)
    give(path, account)


def check_socket(path: str) -> None:
    """Make sure that a socket can have a path.

    Raises:
        UsageError: it is too long.
    """
    if len(os.fsencode(path)) > LONGEST_SOCKET:
        raise UsageError(
            f"The path of the socket would be too long: {path}.",
            "name a directory with a shorter path, such as /var/tmp",
        )


def refuse_settings(chosen: Mapping[str, Any], protected: Sequence[str]) -> None:
    """Make sure that no setting of the operator opens the throw-away server, or lets it reach out.

    Raises:
        UsageError: names those that do, or that cannot be written.
    """
    refused = sorted(set(chosen).intersection(protected))
    if refused:
        raise UsageError(
            f"These settings belong to the throw-away server itself: {', '.join(refused)}.", "leave them out"
        )
    for name, value in chosen.items():
        plain = name.replace("_", "").replace(".", "").replace("-", "")
        if not plain.isalnum() or "\n" in str(value) or "\0" in str(value):
            raise UsageError(f"{name!r} cannot be set to {value!r}.", "give a setting's name and a value on one line")


def tail(path: str, lines: int = 15) -> str:
    """The last lines of a log."""
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return "".join(stream.readlines()[-lines:]).strip()
    except OSError:
        return ""
