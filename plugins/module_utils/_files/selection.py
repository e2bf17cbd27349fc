# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which entries of a set are meant. Private to this collection."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, Callable, Optional, Protocol

from ansible_collections.vya.backupdb.plugins.module_utils._engines.base import ArtefactReader
from ansible_collections.vya.backupdb.plugins.module_utils._errors import DamagedSet, UsageError
from ansible_collections.vya.backupdb.plugins.module_utils._files.globs import Glob, matcher, parse, to_bytes
from ansible_collections.vya.backupdb.plugins.module_utils._model import Artefact


class Reader(ArtefactReader, Protocol):
    """What is read from a set: as for the engines."""


def proof_of(reader: ArtefactReader) -> Artefact:
    """The listing of a set of files.

    Raises:
        UsageError: the set is none of files.
        DamagedSet: it has no listing.
    """
    if reader.manifest.engine != "files":
        raise UsageError(
            f"The set {reader.manifest.set_id} is of the engine {reader.manifest.engine}, not of files.",
            "name the instance of files that is meant",
        )
    proof = reader.manifest.artefact("proof")
    if proof is None:
        raise DamagedSet("The set holds no listing of its files.", "restore another set, or a copy of this one")
    return proof


def recorded_patterns(proof: Artefact) -> list[Mapping[str, Any]]:
    """What is recorded of each pattern, in the order of the backup."""
    return list(proof.details["patterns"])


class Selection:
    """Which entries some patterns mean: those of a backup, or any others.

    Args:
        proof: the listing.
        patterns: none means everything.

    Raises:
        UsageError: a pattern is malformed.
    """

    def __init__(self, proof: Artefact, patterns: Sequence[str]) -> None:
        self._recorded = {item["pattern"]: item for item in recorded_patterns(proof)}
        self.patterns = tuple(dict.fromkeys(patterns))
        globs: list[Glob] = []
        for pattern in self.patterns:
            globs.extend(parse(pattern))
            for segment in self._recorded.get(pattern, {}).get("segments", ()):
                globs.extend(parse(segment))
        self._match: Optional[Callable[[bytes], bool]] = matcher(globs)
        self._singles = [(pattern, matcher(parse(pattern))) for pattern in self.patterns]
        self.unmatched = {pattern for pattern in self.patterns if pattern not in self._recorded}

    def whole(self, pattern: str) -> bool:
        """Whether everything that a pattern of the backup brought is meant."""
        return not self.patterns or pattern in self.patterns

    def means(self, pattern: str, path: str) -> bool:
        """Whether an entry that a pattern of the backup brought is meant."""
        if self.whole(pattern):
            return True
        data = to_bytes(path)
        if self._match is None or not self._match(data):
            return False
        if self.unmatched:
            for single, match in self._singles:
                if single in self.unmatched and match is not None and match(data):
                    self.unmatched.discard(single)
        return True

    def problems(self) -> list[str]:
        """Patterns that meant nothing, after every entry was asked for."""
        return [
            f"The pattern {pattern} matches nothing in the set. Correct it; the set was made of: "
            f"{', '.join(list(self._recorded)[:20])}."
            for pattern in sorted(self.unmatched)
        ]


def target_root(root: Optional[str]) -> bytes:
    """Where ``/`` of the set goes, without a slash at its end: empty for the original place.

    Raises:
        UsageError: the root is not absolute.
    """
    if root is None:
        return b""
    if not root.startswith("/"):
        raise UsageError(f"The root {root!r} is not an absolute path.", "begin it with /")
    return os.path.realpath(to_bytes(root)).rstrip(b"/")
