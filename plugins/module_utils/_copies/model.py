# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a copy is: a place that rclone reaches, described so that no secret can come on a command line. Private to this collection."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._errors import UsageError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}\Z")
_REMOTE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_. +@-]*\Z")
_KEY = re.compile(r"[a-z0-9][a-z0-9_]{0,63}\Z")
_BANDWIDTH = re.compile(r"[0-9A-Za-z][0-9A-Za-z:.,_ -]*\Z")
_FLAG = re.compile(r"[a-z0-9][a-z0-9-]{0,63}\Z")
#: what looks like a secret belongs to those options that are never shown
_SECRET_KEY = re.compile(r"pass|secret|token|key_pem|credentials|private|sas_url|connection_string|customer_key|^key\Z")
_NO_SECRETS = ("ask_password", "token_url")
_SECRET_VALUE = re.compile(r"authorization|bearer|token|secret|password|cookie|api-?key", re.IGNORECASE)

#: General flags of rclone that may be set; those of the backend may be set besides. What changes which files are
#: copied, where rclone reads its configuration, what it deletes or what it runs is not among them.
GENERAL_FLAGS = frozenset(
    {
        "bind", "buffer-size", "bwlimit-file", "ca-cert", "checkers", "checksum", "client-cert", "client-key", "contimeout",
        "disable", "disable-http2", "dscp", "expect-continue-timeout", "fast-list", "header", "header-download", "header-upload",
        "low-level-retries", "max-backlog", "metadata", "metadata-set", "modify-window", "multi-thread-cutoff",
        "multi-thread-streams", "no-check-certificate", "no-traverse", "no-update-modtime", "size-only",
        "streaming-upload-cutoff", "timeout", "tpslimit", "tpslimit-burst", "transfers", "use-mmap", "use-server-modtime",
        "user-agent",
    }
)  # fmt: skip


@dataclass(frozen=True)
class Copy:
    """A place for copies of sets.

    Args:
        name: how the inventory calls it.
        path: directory there, or bucket and prefix, that holds ``<source>/<instance>/<set id>/``.
        remote: name of a remote in the rclone configuration of the host; None where ``config`` describes one.
        config: options of a backend of rclone, among them ``type``.
        secrets: further options of it that are never shown; passwords as they are, not obscured.
        bandwidth: limit in the form of rclone's ``--bwlimit``.
        options: further flags of rclone.
        attempts: how often something that may be repeated is tried.
    """

    name: str
    path: str
    remote: Optional[str] = None
    config: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    bandwidth: Optional[str] = None
    options: Mapping[str, Any] = field(default_factory=dict)
    attempts: int = 4

    @property
    def words(self) -> str:
        """The copy as messages name it."""
        return f"the copy {self.name!r}"


def copy_from(params: Mapping[str, Any]) -> Copy:
    """The copy that parameters describe.

    Raises:
        UsageError: they make no sense, or would show a secret.
    """
    name, path, remote = params["name"], params["path"], params.get("remote")
    if not _NAME.match(name):
        raise UsageError(
            f"A copy is called {name!r}.", "give it a name of letters, digits, '_', '-' and '.', at most 64 of them"
        )
    config = _texts(name, "config", params.get("config") or {})
    secrets = _texts(name, "secrets", params.get("secrets") or {})
    if remote and (config or secrets):
        raise UsageError(
            f"The copy {name!r} has both remote and config.", "name a remote of the host, or describe one, not both"
        )
    if remote and not _REMOTE.match(remote):
        raise UsageError(
            f"The remote of the copy {name!r} is no name of a remote.",
            "give its type and options in config and its passwords in secrets; a connection string would be seen by"
            " every user of the host",
        )
    if not remote and not config.get("type"):
        raise UsageError(
            f"The copy {name!r} does not say where it is.",
            "give config with the type of an rclone backend (sftp, s3, ...), or remote",
        )
    shown = sorted(key for key in config if looks_secret(key))
    if shown:
        raise UsageError(
            f"The config of the copy {name!r} holds what should be secret: {', '.join(shown)}.", "put it into secrets"
        )
    both = sorted(set(config) & set(secrets))
    if both:
        raise UsageError(f"The copy {name!r} has {', '.join(both)} in config and in secrets.", "give it once")
    _check_path(name, path, config.get("type", ""))
    bandwidth = params.get("bandwidth")
    if bandwidth is not None and not _BANDWIDTH.match(bandwidth):
        raise UsageError(
            f"The bandwidth of the copy {name!r} is {bandwidth!r}.",
            "give it as rclone's --bwlimit takes it, such as 10M",
        )
    attempts = params.get("attempts") or 4
    if not 1 <= attempts <= 20:
        raise UsageError(f"The copy {name!r} has {attempts} attempts.", "give 1 to 20")
    return Copy(name, path, remote, config, secrets, bandwidth, params.get("options") or {}, attempts)


def looks_secret(key: str) -> bool:
    """Whether an option of a backend is a secret, by its name."""
    return bool(_SECRET_KEY.search(key)) and key not in _NO_SECRETS


def _texts(name: str, option: str, values: Mapping[str, Any]) -> dict[str, str]:
    texts = {}
    for key, value in values.items():
        if not isinstance(key, str) or not _KEY.match(key):
            raise UsageError(
                f"{option} of the copy {name!r} has a key {key!r}.",
                "write options of rclone as in its configuration file",
            )
        if isinstance(value, bool):
            texts[key] = "true" if value else "false"
        elif isinstance(value, (str, int)):
            texts[key] = str(value)
        else:
            raise UsageError(f"{key} in {option} of the copy {name!r} is no text.", "give it as a text")
        if "\0" in texts[key]:
            raise UsageError(f"{key} in {option} of the copy {name!r} holds a null character.", "remove it")
    return texts


def _check_path(name: str, path: str, backend: str) -> None:
    parts = path.split("/")
    if not path.strip("/ ") or ".." in parts or any(ord(character) < 32 for character in path):
        raise UsageError(
            f"The path of the copy {name!r} is {path!r}.", "give a directory, or a bucket and a prefix, without '..'"
        )
    if backend == "local" and not path.startswith("/"):
        raise UsageError(f"The path of the copy {name!r} is not absolute.", "give it in full")


def flags_of(copy: Copy, backend_flags: Mapping[str, bool]) -> list[str]:
    """The options of a copy as arguments of rclone.

    Args:
        copy: the copy.
        backend_flags: flags of its backend, without dashes in front -> whether it is a secret.

    Raises:
        UsageError: a flag that may not be set here, or whose value is a secret.
    """
    flags = []
    for key, value in copy.options.items():
        name = str(key).replace("_", "-")
        if not _FLAG.match(name) or (name not in GENERAL_FLAGS and name not in backend_flags):
            raise UsageError(
                f"The option {key!r} of the copy {copy.name!r} may not be set.",
                "give a flag of its rclone backend, or one of " + ", ".join(sorted(GENERAL_FLAGS)),
            )
        values: Sequence[Any] = value if isinstance(value, (list, tuple)) else [value]
        for item in values:
            if not isinstance(item, (str, int, float)):
                raise UsageError(
                    f"The option {key!r} of the copy {copy.name!r} is no text.", "give a text, or a list of them"
                )
            text = str(item).lower() if isinstance(item, bool) else str(item)
            if backend_flags.get(name) or (name.startswith("header") and _SECRET_VALUE.search(text)):
                raise UsageError(
                    f"The option {key!r} of the copy {copy.name!r} would show a secret.",
                    "give secrets in secrets, which no command line holds",
                )
            if any(ord(character) < 32 for character in text):
                raise UsageError(
                    f"The option {key!r} of the copy {copy.name!r} holds control characters.", "remove them"
                )
            flags.append(f"--{name}={text}")
    if copy.bandwidth is not None:
        flags.append(f"--bwlimit={copy.bandwidth}")
    return flags
