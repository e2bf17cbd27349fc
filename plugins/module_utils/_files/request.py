# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a backup of files is asked for, and what it would hold. Private to this collection."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Optional

from ansible_collections.vya.backupdb.plugins.module_utils._errors import UsageError
from ansible_collections.vya.backupdb.plugins.module_utils._files import tartool
from ansible_collections.vya.backupdb.plugins.module_utils._files.entries import shown
from ansible_collections.vya.backupdb.plugins.module_utils._files.globs import (
    Glob,
    escape,
    parse,
    parse_exclude,
    to_bytes,
    to_text,
)
from ansible_collections.vya.backupdb.plugins.module_utils._files.walk import FILE, Found, Omissions, Walker

#: What the listing and the headers of an archive need for an entry before compression, a careful estimate in bytes.
_BYTES_OF_AN_ENTRY = 2048
#: So many files are asked for their size; of more, one of so many.
_EXACT_FILES = 20_000
_SAMPLED = 16
#: One that is larger stands for itself alone.
_LARGE = 64 << 20
_STAT_BLOCK = 512
UNREADABLE_REMEDY = "run the task with become, exclude them, or set allow_unreadable"

KINDS = {
    "unreadable": "could not be read",
    "vanished": "vanished while the backup ran",
    "changed": "changed while being read",
    "socket": "left out, being a socket",
    "device": "left out, being a device",
}


@dataclass(frozen=True)
class FilesRequest:
    """What to back up, and how.

    Args:
        paths: absolute patterns; see ``globs.py``. Whatever one matches is stored whole, a directory with all below.
        exclude: patterns of what to leave out with all below; a relative one matches at any depth.
        allow_missing: a pattern that matches nothing is no error.
        allow_unreadable: what cannot be read is left out and named instead of failing the set.
        one_file_system: do not enter other file systems than the one on which a pattern's leading directories end.
        jobs: processors to use.
        compression_level: of zstd.
        repository: directory of the repository, which is left out.
    """

    paths: Sequence[str]
    exclude: Sequence[str] = ()
    allow_missing: bool = False
    allow_unreadable: bool = False
    one_file_system: bool = False
    jobs: int = 1
    compression_level: int = 3
    repository: Optional[str] = None

    def patterns(self) -> list[str]:
        """The patterns without repetitions.

        Raises:
            UsageError: there is none.
        """
        patterns = list(dict.fromkeys(self.paths))
        if not patterns:
            raise UsageError("There is no pattern of files to back up.", "give at least one in 'paths'")
        return patterns

    def excluded(self) -> tuple[Glob, ...]:
        """What to leave out.

        Raises:
            UsageError: a pattern is malformed.
        """
        globs = [glob for pattern in self.exclude for glob in parse_exclude(pattern)]
        if self.repository:
            globs.extend(parse(escape(to_bytes(self.repository))))
        return tuple(globs)


@dataclass(frozen=True)
class PatternPlan:
    """What a pattern matches: entries, files among them, bytes of the files. Directories above do not count."""

    pattern: str
    entries: int
    files: int
    bytes: int


@dataclass(frozen=True)
class FilesPlan:
    """What a backup would do; reading it changes nothing.

    Args:
        patterns: what each matches that none before it does.
        problems: what forbids the backup, each a sentence with its remedy.
        warnings: what the operator should know.
        entries, bytes: sums over the patterns.
        estimated_bytes: a careful upper estimate of the room that the set needs.
    """

    patterns: Sequence[PatternPlan]
    problems: Sequence[str] = ()
    warnings: Sequence[str] = ()
    entries: int = 0
    bytes: int = 0
    estimated_bytes: int = 0


def describe(omissions: Omissions, kinds: Sequence[str], names: int = 20) -> list[str]:
    """What was left out, in words.

    Args:
        omissions: what was.
        kinds: which kinds to name.
        names: how many names a kind.
    """
    lines = []
    for kind in kinds:
        total = omissions.total(kind)
        if total:
            first = [shown(to_text(path)) for path in sorted(omissions.names[kind])[:names]]
            more = f" and {total - len(first)} more" if total > len(first) else ""
            lines.append(f"{total} {'entry' if total == 1 else 'entries'} {KINDS[kind]}: {', '.join(first)}{more}")
    return lines


def nothing(pattern: str) -> tuple[str, str]:
    """That a pattern matches nothing, and what to do."""
    return f"The pattern {pattern} matches nothing.", "correct it, or set allow_missing"


def plan_archive(request: FilesRequest, exact: bool = False) -> FilesPlan:
    """What a backup would hold.

    Args:
        request: what to back up.
        exact: ask every file for its size; otherwise, of more than 20,000 files, only some, so that sizes are estimates.

    Raises:
        UsageError: a pattern is malformed.
        MissingProgram: GNU tar or zstd is absent.
    """
    tartool.check()
    omissions = Omissions()
    walker = Walker(request.excluded(), request.one_file_system, omissions)
    survey = _Survey(omissions, exact)
    patterns: list[PatternPlan] = []
    missing: list[str] = []
    for pattern in request.patterns():
        before = walker.repeated
        found = survey.measure(pattern, (entries for _segment, entries in walker.pattern(parse(pattern))))
        patterns.append(found)
        if not found.entries and walker.repeated == before:
            what, remedy = nothing(pattern)
            missing.append(what if request.allow_missing else f"{what} {remedy.capitalize()}.")
    unreadable = describe(omissions, ("unreadable",))
    warnings = describe(omissions, ("socket", "device"))
    problems = [] if request.allow_missing else missing
    if request.allow_missing:
        warnings = missing + warnings
    if unreadable and not request.allow_unreadable:
        problems.extend(f"{line}. {UNREADABLE_REMEDY.capitalize()}." for line in unreadable)
    else:
        warnings = unreadable + warnings
    entries_total = sum(item.entries for item in patterns)
    return FilesPlan(
        tuple(patterns),
        tuple(problems),
        tuple(warnings),
        entries_total,
        sum(item.bytes for item in patterns),
        survey.room + entries_total * _BYTES_OF_AN_ENTRY,
    )


class _Survey:
    """Measures what a walk finds.

    Attributes:
        room: bytes that the contents need in an archive before compression, holes left out.
    """

    def __init__(self, omissions: Omissions, exact: bool) -> None:
        self._omissions = omissions
        self._exact = exact
        # Root reads everything; for others, asking costs less than a set that fails at its end.
        self._ask = os.geteuid() != 0
        self._files = 0
        self.room = 0

    def measure(self, pattern: str, segments: Iterable[Iterator[Found]]) -> PatternPlan:
        """Measure what a pattern matches."""
        count = files = size = 0
        for path, kind, parent in itertools.chain.from_iterable(segments):
            if parent:
                continue
            count += 1
            if kind == FILE:
                files += 1
                self._files += 1
                if self._exact or self._ask or self._files <= _EXACT_FILES:
                    size += self._size(path, 1)
                elif self._files % _SAMPLED == 0:
                    size += self._size(path, _SAMPLED)
        return PatternPlan(pattern, count, files, size)

    def _size(self, path: bytes, times: int) -> int:
        try:
            status = os.lstat(path)
        except OSError:
            # It is named by the backup itself, should it still be so.
            return 0
        if self._ask and not os.access(path, os.R_OK, effective_ids=os.access in os.supports_effective_ids):
            self._omissions.add("unreadable", path)
        if status.st_size > _LARGE:
            times = 1
        # A file system that compresses uses fewer blocks, but hardly less than a quarter.
        self.room += times * min(status.st_size, 4 * _STAT_BLOCK * status.st_blocks + _STAT_BLOCK)
        return times * status.st_size
