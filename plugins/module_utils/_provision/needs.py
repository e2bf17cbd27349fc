# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a bare host needs so that a set can be rebuilt on it. Private to this collection.

Everything is worked out from the set and from what lies on the host; nothing is changed here.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Optional, Protocol

from ansible_collections.vya.backupdb.plugins.module_utils._errors import HostFailed, UsageError
from ansible_collections.vya.backupdb.plugins.module_utils._model import Manifest


@dataclass(frozen=True)
class LeftOut:
    """A recorded setting or rule that is not applied.

    Args:
        name: of the setting, or what the rule is.
        reason: why, for people; never its value, which may be a secret.
    """

    name: str
    reason: str


@dataclass(frozen=True)
class ConfigFile:
    """A file that has to have a content.

    Args:
        path: absolute.
        content: all of it; no secrets.
    """

    path: str
    content: str

    @property
    def differs(self) -> bool:
        """Whether the host has another content there, or none.

        Raises:
            BackupError: it cannot be read.
        """
        try:
            with open(self.path, encoding="utf-8", errors="surrogateescape") as stream:
                return stream.read() != self.content
        except (FileNotFoundError, NotADirectoryError):
            return True
        except OSError as error:
            raise HostFailed(f"{self.path} cannot be read: {error.strerror}.", "run the task with become") from error


@dataclass(frozen=True)
class Recorded:
    """A set, as far as a server has to be like the recorded one.

    Args:
        manifest: of the set.
        settings: what the set's artefact of that name holds.
        chosen: settings of the operator, which win; None leaves a recorded one out.
        release: major version or series that is asked for; None for the recorded one.
        memory: bytes of memory of this host.
        cluster: name of the cluster that is asked for; None for the recorded one.
    """

    manifest: Manifest
    settings: Mapping[str, Any]
    chosen: Mapping[str, Any] = field(default_factory=dict)
    release: Optional[str] = None
    memory: int = 0
    cluster: Optional[str] = None

    @property
    def facts(self) -> Mapping[str, Any]:
        """Variables of the server that the manifest holds."""
        found = self.manifest.details.get("facts")
        return found if isinstance(found, Mapping) else {}


@dataclass
class Needs:
    """What is needed, and what forbids it.

    Args:
        release: major version or series of the server.
        programs: packages of the server's programs; installing them makes and starts no server.
        packages: all other packages.
        locales: of the operating system, as recorded.
        initialise: options for making the cluster.
        components: URNs of MySQL's components, to be installed by a statement.
        files: configuration; empty as long as the server's programs are not there to say what they know.
        left_out: recorded settings and rules that are not applied.
        problems: what forbids it, each with what to do.
        warnings: what the operator should know.
        installed: whether the server's programs are there.
        initialised: whether there is a server's data directory, with data or without.
        holds_data: whether somebody's databases are in it.
        time_zones: whether the server knew named time zones by tables of its own.
        cluster: its name, where a host can have several of a version; empty where it cannot.
    """

    release: str
    programs: list[str] = field(default_factory=list)
    packages: list[str] = field(default_factory=list)
    locales: list[str] = field(default_factory=list)
    initialise: list[str] = field(default_factory=list)
    components: list[str] = field(default_factory=list)
    files: list[ConfigFile] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    installed: bool = False
    initialised: bool = False
    holds_data: bool = False
    time_zones: bool = False
    cluster: str = ""


class Planner(Protocol):
    """A kind of server."""

    def needs(self) -> Needs:
        """What the host needs, as far as can be said now; raises BackupError."""


class Places:
    """Names of packages and directories of an operating system, with ``{release}`` and ``{cluster}`` in them where they
    depend on it.

    Args:
        names: data of the role for one kind of server.
        release: of the server.
        cluster: its name, where there can be several of a release.
    """

    def __init__(self, names: Mapping[str, Any], release: str, cluster: str = "") -> None:
        self._names = names
        self._release = release
        self._cluster = cluster

    def one(self, key: str) -> str:
        """A name.

        Raises:
            UsageError: there is none.
        """
        return self._filled(str(self._of(key)))

    def several(self, key: str) -> list[str]:
        """A list of names."""
        return [self._filled(str(item)) for item in self._of(key)]

    def by_name(self, key: str) -> dict[str, str]:
        """A table of names."""
        return {str(name): self._filled(str(value)) for name, value in self._of(key).items()}

    def _of(self, key: str) -> Any:
        try:
            return self._names[key]
        except KeyError:
            raise UsageError(
                f"The platform does not say {key!r}.", "use the data of the role provision as an example"
            ) from None

    def _filled(self, text: str) -> str:
        return text.replace("{release}", self._release).replace("{cluster}", self._cluster)


def refuse_occupied(needs: Needs, marker: str, what: str) -> None:
    """Add the problem of a server that is not ours, or that holds data and is not as it would be made.

    Args:
        needs: what was found.
        marker: file that says that the server was made for a rebuild.
        what: the server, for the message.
    """
    if not needs.initialised:
        return
    remedy = "What to do: take a bare host; or set up this server yourself, and rebuild without backupdb_provision."
    if not os.path.exists(marker):
        state = "holds databases" if needs.holds_data else "was set up by somebody else"
        needs.problems.append(f"There is {what} on this host already, which {state}; it is not touched. {remedy}")
    elif needs.holds_data:
        changed = [item.path for item in needs.files if item.differs]
        if changed:
            needs.problems.append(
                f"{what[0].upper()}{what[1:]} holds databases, and its configuration is not what would be written:"
                f" {', '.join(changed)}; it is not touched. What to do: change it yourself, and rebuild without"
                " backupdb_provision."
            )


def one_line(value: str) -> bool:
    """Whether a value stays on its line in a configuration file."""
    return all(character.isprintable() or character == "\t" for character in value)


def listens_anywhere(addresses: Sequence[str]) -> bool:
    """Whether addresses to listen at are those of any host: all, or its own ones for itself."""
    for text in (item.strip() for item in addresses):
        if text in ("", "*", "localhost"):
            continue
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            return False
        if not address.is_unspecified and not address.is_loopback:
            return False
    return True


def as_text(value: Any) -> str:
    """A value of the operator as a server reads it."""
    return ("on" if value else "off") if isinstance(value, bool) else str(value)


def missing_files(values: Sequence[str]) -> list[str]:
    """Which of some files are not there."""
    return [value for value in values if value and not os.path.isfile(value)]
