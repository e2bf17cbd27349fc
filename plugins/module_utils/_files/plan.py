# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What restoring files would do, found out from the listing and the disk. Private to this collection."""

from __future__ import annotations

import grp
import itertools
import os
import pwd
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._engines.base import ArtefactReader
from ansible_collections.vya.backupdb.plugins.module_utils._errors import DamagedSet, HostFailed, Occupied, UsageError
from ansible_collections.vya.backupdb.plugins.module_utils._files import guard, tartool
from ansible_collections.vya.backupdb.plugins.module_utils._files.disk import Deviation, Examiner
from ansible_collections.vya.backupdb.plugins.module_utils._files.entries import WORDS, shown
from ansible_collections.vya.backupdb.plugins.module_utils._files.globs import parse as parse_pattern
from ansible_collections.vya.backupdb.plugins.module_utils._files.globs import to_bytes, to_text
from ansible_collections.vya.backupdb.plugins.module_utils._files.guard import Decisions
from ansible_collections.vya.backupdb.plugins.module_utils._files.listing import (
    ENTRY_PREFIX,
    below_prefix,
    parse,
    read_lines,
)
from ansible_collections.vya.backupdb.plugins.module_utils._files.selection import Selection, proof_of, target_root

FAIL, SKIP, REPLACE = "fail", "skip", "replace"
_SIZE = re.compile(rb',"size":(\d+)')
_STORED = re.compile(rb',"stored":(\d+)')
_HARDLINK = b'"hardlink":'
_TYPE = b',"type":"'
_DIGEST = b',"sha256":"'
_AT_DIGEST = -len('0"}\n') - 63
_BEFORE_DIGEST = _AT_DIGEST - len(_DIGEST)
_SAMPLE = 100
_SPARE_BYTES = 1 << 20
_BLOCK = 4096


@dataclass(frozen=True)
class FilesRestoreRequest:
    """What to restore, and how.

    Args:
        root: directory that stands for ``/``; None for the original place.
        patterns: patterns of the backup, or any others, whose files are restored; none restores everything.
        if_exists: what happens where something else stands already: ``fail`` (nothing at all is changed), ``skip`` (it
            stays) or ``replace`` (each file is replaced in one step). What equals its record is left alone always.
        numeric_owner: set numbers of owners instead of names.
        jobs: processors to use; None for those that there are.
    """

    root: Optional[str] = None
    patterns: Sequence[str] = ()
    if_exists: str = FAIL
    numeric_owner: bool = False
    jobs: Optional[int] = None


@dataclass
class ArchivePlan:
    """What happens to the entries of one archive.

    Attributes:
        pattern: that of the backup.
        decisions: for each entry.
        changes: how many entries are made or replaced.
        relink: whether hard links have to be made afterwards.
        touched: whether directories that exist may have to be given their attributes again.
        bytes: room that is needed.
        firsts: files that get further names.
    """

    pattern: str
    decisions: Decisions = field(default_factory=Decisions)
    changes: int = 0
    relink: bool = False
    touched: bool = False
    bytes: int = 0
    firsts: set[str] = field(default_factory=set)


@dataclass
class FilesRestorePlan:
    """What a restore would do; reading it changes nothing.

    Attributes:
        create, replace: entries that would be made or replaced.
        equal: entries that are as recorded.
        skipped: entries that differ and stay as they are.
        bytes: contents that would be written.
        sample: the first changes, each a line: ``create /srv/app/x`` or ``replace /srv/app/x: mode 0644, recorded 0640``.
        problems: what forbids the restore, each a sentence with its remedy.
        warnings: what the operator should know.
        archives: details for the restore itself.
    """

    create: int = 0
    replace: int = 0
    equal: int = 0
    skipped: int = 0
    bytes: int = 0
    sample: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    archives: list[ArchivePlan] = field(default_factory=list, repr=False)
    linked_parents: set[bytes] = field(default_factory=set, repr=False)

    @property
    def changes(self) -> bool:
        """Whether anything would change."""
        return bool(self.create or self.replace)


def plan_restore(request: FilesRestoreRequest, reader: ArtefactReader) -> FilesRestorePlan:
    """What a restore would do, from the listing and the disk; contents of files that exist are read.

    Raises:
        UsageError: the request is wrong.
        DamagedSet: the listing is damaged.
        MissingProgram: GNU tar or zstd is absent.
    """
    if request.if_exists not in (FAIL, SKIP, REPLACE):
        raise UsageError(f"if_exists cannot be {request.if_exists!r}.", "choose fail, skip or replace")
    tartool.check()
    proof = proof_of(reader)
    reader.verify(proof)
    path = reader.path(proof)
    planner = _Planner(request, Selection(proof, request.patterns))
    try:
        for line in read_lines(path):
            planner.take(line)
    except OSError as error:
        name = to_text(error.filename) if isinstance(error.filename, bytes) else error.filename
        raise HostFailed(
            f"{shown(name or 'A file')} cannot be compared with the set: {error.strerror}.", "run the task with become"
        ) from error
    planner.settle_links(path)
    return planner.finish(reader)


class _Planner:
    def __init__(self, request: FilesRestoreRequest, selection: Selection) -> None:
        self.plan = FilesRestorePlan()
        self._request = request
        self._selection = selection
        self._root = target_root(request.root)
        self._examiner = Examiner(request.numeric_owner, owners=os.geteuid() == 0)
        self._archive = ArchivePlan("")
        self._all = True
        self._missing: Optional[bytes] = None
        self._blocked: Optional[bytes] = None
        self._problems: dict[str, list[str]] = {}
        self._totals: dict[str, int] = {}

    def take(self, line: bytes) -> None:
        """The next line of the listing."""
        if not line.startswith(ENTRY_PREFIX):
            self._structure(parse(line))
            return
        code = None
        if self._all and self._missing is not None and line.startswith(self._missing) and _HARDLINK not in line:
            self._count_new(line)
            code = guard.CREATE
        else:
            code = self._decide(line)
        end = line.find(_TYPE)
        if end < 0:
            raise DamagedSet("The listing is damaged: an entry has no type.", "restore the set from another copy")
        self._archive.decisions.add(code, line[len(ENTRY_PREFIX) : end])

    def _structure(self, values: Mapping[str, Any]) -> None:
        self._missing = self._blocked = None
        if "pattern" in values:
            self._archive = ArchivePlan(values["pattern"])
            self._all = self._selection.whole(values["pattern"])
            self.plan.archives.append(self._archive)

    def _count_new(self, line: bytes) -> None:
        self.plan.create += 1
        self._archive.changes += 1
        if line[_BEFORE_DIGEST:_AT_DIGEST] == _DIGEST:
            # A file without anything special, as nearly all are: the size stands before the digest.
            size = int(line[line.rindex(b":", 0, _BEFORE_DIGEST) + 1 : _BEFORE_DIGEST])
            self._room(size, size)
        else:
            found, stored = _SIZE.search(line), _STORED.search(line)
            if found:
                self._room(int(found.group(1)), int((stored or found).group(1)))
        if len(self.plan.sample) < _SAMPLE:
            self.plan.sample.append(f"create {shown(parse(line)['path'])}")

    def _room(self, size: int, stored: int) -> None:
        self.plan.bytes += size
        self._archive.bytes += (stored + _BLOCK - 1) // _BLOCK * _BLOCK

    def _decide(self, line: bytes) -> int:
        entry = parse(line)
        path: str = entry["path"]
        kind: str = entry["type"]
        for name in (path, entry.get("hardlink", path)):
            if "/." in name and not {".", ".."}.isdisjoint(name.split("/")):
                raise DamagedSet(
                    f"The listing was altered: {shown(name)} climbs.", "restore another set, or a copy of this one"
                )
        if not entry.get("parent") and not self._selection.means(self._archive.pattern, path):
            self._archive.decisions.filtered = True
            return guard.UNSELECTED
        if self._blocked is not None:
            if line.startswith(self._blocked):
                self.plan.skipped += 1
                self._archive.decisions.filtered = True
                return guard.KEEP
            self._blocked = None
        target = self._root + to_bytes(path)
        if entry.get("parent"):
            return self._parent(entry, target)
        deviations = self._examiner.examine(entry, target)
        if deviations is not None and "hardlink" in entry:
            deviations = self._examine_link(entry, target, deviations)
        if deviations is None:
            if kind == "d":
                self._missing = below_prefix(path)
            self._count_new(line)
            return self._link(entry) if kind == "h" else guard.CREATE
        if kind == "d":
            self._archive.touched = True
        if not deviations:
            self.plan.equal += 1
            self._archive.decisions.filtered |= kind != "d"
            return guard.EQUAL
        return self._existing(entry, path, target, deviations)

    def _parent(self, entry: Mapping[str, Any], target: bytes) -> int:
        deviations = self._examiner.examine(entry, target)
        if deviations is None:
            # Made with what is below it, as recorded.
            self._missing = below_prefix(entry["path"])
            return guard.CREATE if self._all else guard.ABOVE
        if deviations:
            if self._root or not os.path.isdir(target):
                self._problem(
                    "parent",
                    f"{shown(to_text(target))} is a {deviations[0].found} where a directory was.",
                )
                self._blocked = below_prefix(entry["path"])
            elif os.path.islink(target):
                self.plan.linked_parents.add(to_bytes(entry["path"]))
        return guard.ABOVE

    def _examine_link(self, entry: Mapping[str, Any], target: bytes, deviations: list[Deviation]) -> list[Deviation]:
        """Whether a further name is still one of the same file, as far as the first name is meant, too."""
        first = entry["hardlink"]
        if entry["type"] != "h" and self._selection.patterns:
            return deviations
        try:
            same = os.path.samestat(os.lstat(self._root + to_bytes(first)), os.lstat(target))
        except (FileNotFoundError, NotADirectoryError):
            same = False
        return deviations if same else [*deviations, Deviation("hardlink", shown(first), "another file")]

    def _link(self, entry: Mapping[str, Any]) -> int:
        self._archive.relink = True
        self._archive.firsts.add(entry["hardlink"])
        return guard.RELINK

    def settle_links(self, path: str) -> None:
        """Decide about further names of files that are themselves not restored.

        Args:
            path: of the listing, which is read again where that is needed.
        """
        concerned = {
            archive.pattern: archive for archive in self.plan.archives if archive.relink and archive.decisions.filtered
        }
        if not concerned:
            return
        kept: set[str] = set()
        for archive, index, line in indexed(path, concerned):
            codes = archive.decisions.codes
            if codes[index] == guard.UNSELECTED and parse(line)["path"] in archive.firsts:
                codes[index] = guard.EXTRACT
            elif codes[index] == guard.KEEP and parse(line)["path"] in archive.firsts:
                kept.add(parse(line)["path"])
        if kept:
            for archive, index, line in indexed(path, concerned):
                if archive.decisions.codes[index] == guard.RELINK and parse(line)["hardlink"] in kept:
                    archive.decisions.codes[index] = guard.KEEP
                    archive.changes -= 1
                    self.plan.create -= 1
                    self.plan.skipped += 1
            self.plan.warnings.append("Hard links to files that were left as they are were not made.")

    def _existing(self, entry: Mapping[str, Any], path: str, target: bytes, deviations: Sequence[Deviation]) -> int:
        kind = entry["type"]
        described = describe(deviations)
        other = deviations[0] if deviations[0].attribute == "type" else None
        if self._request.if_exists == REPLACE and other is not None and other.found == WORDS["d"]:
            self._problem("directory", f"{shown(to_text(target))} is a directory where a {WORDS[kind]} was.")
        elif self._request.if_exists == REPLACE:
            self.plan.replace += 1
            self._archive.changes += 1
            self._sample(f"replace {shown(path)}: {described}")
            self._room(entry.get("size", 0), entry.get("stored", entry.get("size", 0)))
            if other is not None and kind == "d":
                self._missing = below_prefix(path)
            return self._link(entry) if kind == "h" else guard.REPLACE
        elif self._request.if_exists == FAIL:
            self._problem("differs", f"{shown(to_text(target))} exists and differs: {described}.")
        self.plan.skipped += 1
        self._archive.decisions.filtered = True
        if other is not None and kind == "d":
            self._blocked = below_prefix(path)
        return guard.KEEP

    def _sample(self, line: str) -> None:
        if len(self.plan.sample) < _SAMPLE:
            self.plan.sample.append(line)

    def _problem(self, kind: str, text: str) -> None:
        self._totals[kind] = self._totals.get(kind, 0) + 1
        kept = self._problems.setdefault(kind, [])
        if len(kept) < 10:
            kept.append(text)

    def finish(self, reader: ArtefactReader) -> FilesRestorePlan:
        """The plan, after the last line."""
        plan = self.plan
        for kind, remedy in (
            ("parent", "Move it away, or restore under another root."),
            ("directory", "Move it away; a directory is never replaced by something else."),
            ("differs", "Set if_exists to replace or skip, or restore under another root."),
        ):
            kept = self._problems.get(kind, [])
            if kept:
                more = self._totals[kind] - len(kept)
                text = " ".join(kept) + (f" And {more} more." if more else "")
                plan.problems.append(str(Occupied(f"{text} {remedy}")))
        plan.problems.extend(self._selection.problems())
        if plan.changes:
            self._check_owners(reader)
            self._check_room(reader)
        return plan

    def _check_owners(self, reader: ArtefactReader) -> None:
        """Files of owners that this host does not know would go to whoever has their number."""
        if os.geteuid() != 0:
            self.plan.warnings.append("Owners are not restored: this process is not root.")
            return
        if self._request.numeric_owner:
            return
        for key, word, lookup in (("users", "user", pwd.getpwnam), ("groups", "group", grp.getgrnam)):
            names = {
                name
                for archive in self.plan.archives
                if archive.changes
                for name in archive_facts(reader, archive.pattern).get(key, ())
                if not _known(lookup, name)
            }
            if names:
                self.plan.problems.append(
                    f"This host has no {word} {', '.join(sorted(names)[:20])}, to whom files of the set belong. Create the "
                    f"{word}s first, or set numeric_owner to restore the numbers that they had."
                )

    def _check_room(self, reader: ArtefactReader) -> None:
        wanted: dict[int, int] = {}
        places: dict[int, bytes] = {}
        for archive in self.plan.archives:
            if archive.changes:
                place = existing(self._root, base_of(reader, archive.pattern))
                device = os.stat(place).st_dev
                places.setdefault(device, place)
                wanted[device] = wanted.get(device, _SPARE_BYTES) + archive.bytes
        for device, place in places.items():
            room = os.statvfs(place)
            free = room.f_bavail * room.f_frsize
            if wanted[device] > free:
                self.plan.problems.append(
                    f"{shown(to_text(place))} has {free} bytes free; the restore needs {wanted[device]}. Free space there, "
                    "or restore fewer patterns."
                )


def archive_facts(reader: ArtefactReader, pattern: str) -> Mapping[str, Any]:
    """What was noted of an archive."""
    artefact = reader.manifest.artefact("archive", pattern)
    return artefact.details if artefact else {}


def _known(lookup: Any, name: str) -> bool:
    try:
        lookup(name)
    except KeyError:
        return False
    return True


def existing(root: bytes, path: bytes) -> bytes:
    """The nearest directory, from a path upwards, that exists; below a root, no link is followed."""
    place = root + path or b"/"
    while not os.path.isdir(place) or (root and os.path.islink(place)):
        place = os.path.dirname(place)
    return place


def indexed(path: str, archives: Mapping[str, ArchivePlan]) -> Iterator[tuple[ArchivePlan, int, bytes]]:
    """The entries of some archives, each with its number in its archive."""
    current: Optional[ArchivePlan] = None
    index = 0
    for line in read_lines(path):
        if line.startswith(ENTRY_PREFIX):
            if current is not None:
                yield current, index, line
            index += 1
        else:
            values = parse(line)
            if "pattern" in values:
                current, index = archives.get(values["pattern"]), 0


def base_of(reader: ArtefactReader, pattern: str) -> bytes:
    """The directory below which everything of an archive lies, but for links that lead there."""
    for item in reader.manifest.artefact("proof").details["patterns"]:  # type: ignore[union-attr]
        if item["pattern"] == pattern:
            literals = [glob.literal for text in item["segments"] for glob in parse_pattern(text)]
            shared = itertools.takewhile(lambda names: len(set(names)) == 1, zip(*literals))
            return b"".join(b"/" + names[0] for names in shared)
    return b""


def describe(deviations: Sequence[Deviation]) -> str:
    """Deviations as one line."""
    parts = []
    for attribute, expected, found in deviations:
        if attribute == "content" and not expected:
            parts.append("its contents differ")
        elif attribute == "content":
            parts.append(f"it holds {found}, recorded {expected}")
        else:
            parts.append(f"{attribute} {found}, recorded {expected}")
    return "; ".join(parts)
