# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is alike in the making of every set. Private to this collection."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import os
import platform
import time
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from typing import Any, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._errors import BackupError, Interrupted, RepositoryError
from ansible_collections.vya.backupdb.plugins.module_utils._layout import README
from ansible_collections.vya.backupdb.plugins.module_utils._model import Manifest, set_id_at
from ansible_collections.vya.backupdb.plugins.module_utils._modules._readme import readme
from ansible_collections.vya.backupdb.plugins.module_utils._modules._results import human_bytes, lines
from ansible_collections.vya.backupdb.plugins.module_utils._repository import Repository
from ansible_collections.vya.backupdb.plugins.module_utils._set_writer import SetWriter

_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
_FULL_BYTES = 1 << 20


def run_id_from(params: Mapping[str, Any]) -> str:
    """The run id that was given, or a new one."""
    return params["run_id"] or set_id_at(datetime.now(timezone.utc))


def describe_host() -> dict[str, Any]:
    """Facts of this host for the reader of a manifest."""
    release = {}
    with contextlib.suppress(FileNotFoundError), open("/etc/os-release", encoding="utf-8") as stream:
        for line in stream:
            key, _separator, value = line.strip().partition("=")
            release[key] = value.strip('"')
    return {
        "name": platform.node(),
        "system": release.get("PRETTY_NAME", platform.system()),
        "kernel": platform.release(),
        "machine": platform.machine(),
        "time_zone": _time_zone(),
        "user": os.geteuid(),
    }


def _time_zone() -> str:
    target = os.path.realpath("/etc/localtime")
    _before, separator, name = target.partition("/zoneinfo/")
    return os.environ.get("TZ") or (name if separator else time.tzname[0])


def space_problem(repository: Repository, needed: int) -> Optional[str]:
    """Why a set of some bytes does not fit into the repository, or None."""
    free = repository.free_bytes()
    if needed <= free:
        return None
    return (
        f"The repository {repository.root} has {human_bytes(free)} free; the backup may need {human_bytes(needed)}."
        " What to do: free space there, or point backupdb_repository at a larger file system"
    )


@contextlib.contextmanager
def explaining_full_disk(repository: Repository) -> Iterator[None]:
    """Name a full repository as the cause of whatever failed because of it.

    Programs only say that they could not write; the room that is left says why.
    """
    try:
        yield
    except Interrupted:
        raise
    except (BackupError, OSError) as error:
        if isinstance(error, RepositoryError):
            raise
        told = isinstance(error, OSError) and error.errno in _NO_SPACE
        if told or "No space left on device" in str(error) or repository.free_bytes() < _FULL_BYTES:
            raise RepositoryError(
                f"No space left for the repository at {repository.root} ({error}).",
                "free space there, or point backupdb_repository at a larger file system",
            ) from error
        raise


def with_readme(writer: SetWriter, manifest: Manifest, instructions: str) -> Manifest:
    """Write RESTORE.md and return the manifest with it."""
    stem, _dot, suffix = README.partition(".")
    path = writer.create_file("readme", stem, "." + suffix)
    with open(path, "wb") as stream:
        stream.write(readme(manifest, instructions).encode("utf-8", "surrogateescape"))
    writer.finish("readme", stem, "text", "none")
    return dataclasses.replace(manifest, artefacts=writer.artefacts)


def set_ids(repository: Repository, params: Mapping[str, Any]) -> list[str]:
    """Ids of the sets of an instance."""
    return [item.set_id for item in repository.sets(params["source"], params["instance"])]


def sets_diff(repository: Repository, params: Mapping[str, Any], before: list[str], after: str) -> dict[str, str]:
    """The sets of an instance before and after a backup, for a diff."""
    where = repository.instance_directory(params["source"], params["instance"])
    return {
        "before_header": where,
        "after_header": where,
        "before": lines(before),
        "after": lines([*before, after]),
    }
