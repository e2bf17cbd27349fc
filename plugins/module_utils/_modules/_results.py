# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What modules return: small, whatever the size of what they worked on. Private to this collection."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from typing import Any, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._errors import Impossible, UsageError
from ansible_collections.vya.backupdb.plugins.module_utils._model import Artefact, Manifest, parse_timestamp

#: Longest list of names in a result.
LIMIT = 1000

_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB")


def human_bytes(number: int) -> str:
    """A number of bytes for people: ``1.5 GiB``."""
    value = float(number)
    for unit in _UNITS[:-1]:
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "bytes" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} {_UNITS[-1]}"


def age_seconds(moment: str, now: Optional[datetime] = None) -> int:
    """Seconds since a moment of a manifest."""
    return int(((now or datetime.now(timezone.utc)) - parse_timestamp(moment)).total_seconds())


def refuse(what: str, problems: Sequence[str], remedy: str = "solve what is listed; nothing was changed") -> None:
    """Fail if there are problems, with all of them in one message.

    Raises:
        BackupError: there is at least one.
    """
    if len(problems) == 1:
        raise Impossible(problems[0])
    if problems:
        raise Impossible(what, remedy, problems[:50])


def check_engine(manifest: Manifest, engine: str) -> None:
    """Make sure that a set is of an engine.

    Raises:
        UsageError: it is of another one.
    """
    if manifest.engine != engine:
        raise UsageError(
            f"The set {manifest.set_id} of {manifest.instance!r} holds {manifest.engine}, not {engine}.",
            "choose a set of the same engine, or correct the option engine",
        )


def set_summary(manifest: Manifest, path: str) -> dict[str, Any]:
    """A sealed set, as every module returns it."""
    return {
        "id": manifest.set_id,
        "path": path,
        "size": manifest.size,
        "engine": manifest.engine,
        "flavour": manifest.flavour,
        "version": manifest.server_version,
        "run_id": manifest.run_id,
        "source": manifest.source,
        "instance": manifest.instance,
        "started": manifest.started,
        "snapshot_at": manifest.snapshot_at,
        "finished": manifest.finished,
        "proof_level": manifest.proof_level,
        "collection_version": manifest.collection_version,
    }


def stored_bytes(artefacts: Iterable[Artefact], kind: str) -> dict[str, int]:
    """Name -> bytes in the set, of the artefacts of a kind."""
    return {item.name: item.size for item in artefacts if item.kind == kind}


def lines(items: Iterable[str]) -> str:
    """A text of lines, for diffs."""
    return "".join(f"{item}\n" for item in items)
