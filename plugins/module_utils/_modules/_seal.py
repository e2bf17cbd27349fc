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
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._age import recipients_from
from ansible_collections.vya.backupdb.plugins.module_utils._codec import SUFFIX, write_json
from ansible_collections.vya.backupdb.plugins.module_utils._errors import (
    BackupError,
    Interrupted,
    NoSpace,
    RepositoryError,
)
from ansible_collections.vya.backupdb.plugins.module_utils._hidden import (
    DETAILS,
    INSTRUCTIONS,
    hidden_part,
    readable_part,
)
from ansible_collections.vya.backupdb.plugins.module_utils._layout import README
from ansible_collections.vya.backupdb.plugins.module_utils._model import Manifest, set_id_at
from ansible_collections.vya.backupdb.plugins.module_utils._modules._readme import readme
from ansible_collections.vya.backupdb.plugins.module_utils._modules._request import Request
from ansible_collections.vya.backupdb.plugins.module_utils._modules._results import human_bytes, lines
from ansible_collections.vya.backupdb.plugins.module_utils._process import pipe
from ansible_collections.vya.backupdb.plugins.module_utils._repository import Repository
from ansible_collections.vya.backupdb.plugins.module_utils._set_writer import SetWriter

_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
_BROKEN = (errno.EIO, errno.EROFS, errno.ESTALE)
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
    problem = NoSpace(
        f"The repository {repository.root} has {human_bytes(free)} free; the backup may need {human_bytes(needed)}.",
        "free space there, or point backupdb_repository at a larger file system",
    )
    return str(problem)


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
        if isinstance(error, (RepositoryError, NoSpace)):
            raise
        said = error.message if isinstance(error, BackupError) else error
        told = isinstance(error, OSError) and error.errno in _NO_SPACE
        if told or "No space left on device" in str(error) or repository.free_bytes() < _FULL_BYTES:
            raise NoSpace(
                f"No space left for the repository at {repository.root} ({said}).",
                "free space there, or point backupdb_repository at a larger file system",
            ) from error
        if isinstance(error, OSError) and error.errno in _BROKEN:
            raise RepositoryError(
                f"The set could not be written to the repository at {repository.root} ({said}).",
                "check the file system that it lies on",
            ) from error
        raise


def recipients_of(request: Request) -> tuple[str, ...]:
    """The public keys that a set is to be encrypted to, each tried with age; warns where one loss would lose every backup.

    Raises:
        UsageError: one of them is malformed.
        MissingProgram: age is absent.
    """
    recipients = recipients_from(request.params["recipients"])
    if len(recipients) == 1:
        request.reporter.warn(
            "The backup is encrypted to one key only: with that key every backup is lost. What to do: make a recovery key"
            " (age-keygen), keep its private part offline and away from the hosts that are backed up, and add its public"
            " part to backupdb_recipients."
        )
    return recipients


def warn_of_clock(writer: SetWriter, request: Request) -> None:
    """Say that a set that is being made is not the latest one, because the clock has gone back."""
    if writer.later is not None:
        request.reporter.warn(
            f"The clock of this host has gone back: this backup is the set {writer.set_id}, and there is {writer.later},"
            " which 'latest' still means. What to do: correct the clock, name this set where it is to be restored, and"
            " make a backup when the clock has passed the other one."
        )


def room_while_encrypting(estimated: int, sizes: Iterable[int], jobs: int, recipients: Sequence[str]) -> int:
    """Bytes that a set needs while it is made: directories are there twice while they are encrypted, some at a time.

    Args:
        estimated: bytes of the set.
        sizes: of the databases on the server, by which the set's bytes are shared out among them.
        jobs: how many may be encrypted at a time.
        recipients: none if the set is not encrypted.
    """
    by_size = sorted(sizes, reverse=True)
    total = sum(by_size)
    return estimated + (estimated * sum(by_size[:jobs]) // total if recipients and total else 0)


def seal(writer: SetWriter, manifest: Manifest, instructions: str, secret: bool) -> tuple[Manifest, str]:
    """Write RESTORE.md, and what is hidden of an encrypted set, and let the set appear.

    Args:
        writer: of the set.
        manifest: the whole one.
        instructions: the engine's part of RESTORE.md.
        secret: that part tells about contents; of an encrypted set it is encrypted too.

    Returns:
        What everybody may read of the manifest, and the path of the set.

    Raises:
        RepositoryError, NoSpace: something could not be written; the set does not exist then.
    """
    if writer.recipients:
        path = writer.create_file(DETAILS, DETAILS, ".json" + SUFFIX["zstd"])
        write_json(path, hidden_part(manifest), filters=writer.filters)
        writer.finish(DETAILS, DETAILS, "json", "zstd")
        if secret:
            path = writer.create_file(INSTRUCTIONS, INSTRUCTIONS, ".md")
            with open(path, "r+b") as target:
                pipe(writer.filters, source=[_encoded(instructions)], target=target)
            writer.finish(INSTRUCTIONS, INSTRUCTIONS, "text", "none")
            instructions = ""
        manifest = readable_part(dataclasses.replace(manifest, artefacts=writer.artefacts), writer.recipients)
    stem, _dot, suffix = README.partition(".")
    with open(writer.create_file("readme", stem, "." + suffix, readable=True), "wb") as stream:
        stream.write(_encoded(readme(manifest, instructions)))
    made = writer.finish("readme", stem, "text", "none")
    manifest = dataclasses.replace(manifest, artefacts=(*manifest.artefacts, made))
    return manifest, writer.seal(manifest)


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


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
