# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files on disk against the listing of a set. Private to this collection.

The listing and a walk along the same segments are merged, both being in the same order; so what is missing, what differs
and what is there in addition is found without a table. Times of directories are not compared: they tell when something
was last made or removed in them, which is compared itself. Nor are attributes of directories that are only above what
was backed up: a restore never changes one that exists.
"""

from __future__ import annotations

import collections
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._engines.base import ArtefactReader
from ansible_collections.vya.backupdb.plugins.module_utils._errors import UsageError
from ansible_collections.vya.backupdb.plugins.module_utils._files.archive import FilesRequest
from ansible_collections.vya.backupdb.plugins.module_utils._files.disk import Deviation, Examiner
from ansible_collections.vya.backupdb.plugins.module_utils._files.entries import WORDS, shown
from ansible_collections.vya.backupdb.plugins.module_utils._files.globs import parse as parse_pattern
from ansible_collections.vya.backupdb.plugins.module_utils._files.globs import to_bytes, to_text
from ansible_collections.vya.backupdb.plugins.module_utils._files.listing import ENTRY_PREFIX, parse, read_lines
from ansible_collections.vya.backupdb.plugins.module_utils._files.selection import Selection, proof_of, target_root
from ansible_collections.vya.backupdb.plugins.module_utils._files.walk import Found, Walker
from ansible_collections.vya.backupdb.plugins.module_utils._interrupts import submit
from ansible_collections.vya.backupdb.plugins.module_utils._progress import Reporter
from ansible_collections.vya.backupdb.plugins.module_utils._proof.difference import Difference

_LARGE = 1 << 20
_LABELS = {
    "mtime": "modification time",
    "acl": "access list",
    "default_acl": "default access list",
    "selinux": "SELinux context",
}
_OWNERS = ("owner", "group")


@dataclass(frozen=True)
class FilesComparison:
    """What a comparison found.

    Args:
        differences: the first of them, in the order of the listing.
        total: how many there are.
        entries: entries that were compared.
        bytes: contents that were compared.
    """

    differences: Sequence[Difference]
    total: int
    entries: int
    bytes: int


def compare(
    reader: ArtefactReader,
    root: Optional[str] = None,
    patterns: Sequence[str] = (),
    content: bool = True,
    numeric_owner: bool = False,
    limit: int = 100,
    jobs: int = 1,
    reporter: Optional[Reporter] = None,
) -> FilesComparison:
    """Compare files on disk with a set.

    Args:
        reader: of the set.
        root: directory that stands for ``/``; None for the original place.
        patterns: patterns of the backup, or any others, whose files are compared; none compares everything.
        content: read the contents of files, too.
        numeric_owner: compare numbers of owners instead of names.
        limit: how many differences to return.
        jobs: large files that are read at a time.
        reporter: where progress goes.

    Raises:
        UsageError: the set is none of files, or a pattern matches nothing in it.
        DamagedSet: the listing is damaged.
        OSError: something cannot be read.
    """
    proof = proof_of(reader)
    reader.verify(proof)
    comparer = _Comparer(reader, Selection(proof, patterns), target_root(root), content, numeric_owner, limit)
    with ThreadPoolExecutor(max(1, jobs)) as pool:
        return comparer.run(pool, reporter)


def _key(path: bytes) -> bytes:
    """What puts paths into the order of a walk: a directory right before what is in it."""
    return path.replace(b"/", b"\0")


class _Comparer:
    def __init__(
        self,
        reader: ArtefactReader,
        selection: Selection,
        root: bytes,
        content: bool,
        numeric_owner: bool,
        limit: int,
    ) -> None:
        self._proof = proof_of(reader)
        self._lines = read_lines(reader.path(self._proof))
        self._selection = selection
        self._root = root
        self._content = content
        self._limit = limit
        self._examiner = Examiner(numeric_owner)
        facts = self._proof.details
        request = FilesRequest((), exclude=facts.get("exclude", ()), repository=facts.get("repository"))
        self._walker = Walker(request.excluded(), bool(facts.get("one_file_system")), root=root)
        # With patterns of any kind, nobody knows before.
        self._expected = None if selection.patterns else sum(item["bytes"] for item in facts["patterns"])
        self._kept: list[Difference] = []
        self._total = 0
        self._entries = 0
        self._bytes = 0
        self._pattern = ""
        self._found: Iterator[Found] = iter(())
        self._next: Optional[Found] = None
        self._unexpected: Optional[bytes] = None
        self._reading: collections.deque[tuple[Mapping[str, Any], Future[Optional[list[Deviation]]]]] = (
            collections.deque()
        )

    def run(self, pool: ThreadPoolExecutor, reporter: Optional[Reporter]) -> FilesComparison:
        """Go through the listing."""
        for line in self._lines:
            if line.startswith(ENTRY_PREFIX):
                self._entry(parse(line), pool)
                if reporter is not None:
                    reporter.progress("comparing files", self._bytes, self._expected)
                continue
            self._leave()
            values = parse(line)
            if "pattern" in values:
                self._pattern = values["pattern"]
            elif "segment" in values:
                self._found = self._walker.segment(parse_pattern(values["segment"])[0])
                self._next = next(self._found, None)
        self._leave()
        self._drain(0)
        problems = self._selection.problems()
        if problems:
            raise UsageError(problems[0])
        return FilesComparison(tuple(self._kept), self._total, self._entries, self._bytes)

    def _leave(self) -> None:
        """What a walk still brings after the last entry of a segment is not in the listing."""
        while self._next is not None:
            self._extra(self._next)
            self._next = next(self._found, None)

    def _entry(self, entry: Mapping[str, Any], pool: ThreadPoolExecutor) -> None:
        path = to_bytes(entry["path"])
        key = _key(path)
        while self._next is not None and _key(self._next.path) < key:
            self._extra(self._next)
            self._next = next(self._found, None)
        if self._next is not None and self._next.path == path:
            self._next = next(self._found, None)
        if not self._selection.means(self._pattern, entry["path"]):
            return
        if not entry.get("parent"):
            self._entries += 1
        size = entry.get("size", 0)
        self._bytes += size
        target = self._root + path
        if self._content and size >= _LARGE:
            self._reading.append((entry, submit(pool, self._examiner.examine, entry, target)))
            self._drain(4)
        else:
            self._judge(entry, self._examiner.examine(entry, target, self._content))

    def _drain(self, keep: int) -> None:
        while len(self._reading) > keep:
            entry, future = self._reading.popleft()
            self._judge(entry, future.result())

    def _judge(self, entry: Mapping[str, Any], deviations: Optional[list[Deviation]]) -> None:
        word = WORDS["f" if entry["type"] == "h" else entry["type"]]
        name = entry["path"]
        if deviations is None:
            self._add("missing", word, name, f"missing {word}: {self._shown(name)}")
            return
        if entry.get("parent"):
            target = self._root + to_bytes(name)
            if deviations and (self._root or not os.path.isdir(target)):
                self._deviation(word, name, deviations[0])
            return
        for deviation in deviations:
            self._deviation(word, name, deviation)
        if "hardlink" in entry:
            self._hardlink(entry, word, name)

    def _hardlink(self, entry: Mapping[str, Any], word: str, name: str) -> None:
        first = entry["hardlink"]
        if self._selection.patterns and not self._selection.means(self._pattern, first):
            return
        try:
            theirs = os.lstat(self._root + to_bytes(first))
            ours = os.lstat(self._root + to_bytes(name))
        except (FileNotFoundError, NotADirectoryError):
            # Named as missing under its own name.
            return
        if not os.path.samestat(theirs, ours):
            self._add(
                "attribute",
                word,
                name,
                f"{self._shown(name)} is no longer a hard link to {self._shown(first)}",
                "hardlink",
                shown(first),
                "another file",
            )

    def _deviation(self, word: str, name: str, deviation: Deviation) -> None:
        attribute, expected, found = deviation
        if attribute == "content":
            message = f"content of {self._shown(name)} differs"
            if expected:
                message += f": expected {expected}, found {found}"
            self._add("content", word, name, message, None, expected or None, found or None)
            return
        label = _LABELS.get(attribute, attribute)
        if "." in attribute:
            label = f"extended attribute {shown(attribute)}"
        message = f"{label} of {self._shown(name)}: expected {expected}, found {found}"
        self._add("owner" if attribute in _OWNERS else "attribute", word, name, message, attribute, expected, found)

    def _extra(self, found: Found) -> None:
        path, kind, parent = found
        if parent or (self._unexpected is not None and path.startswith(self._unexpected)):
            return
        name = to_text(path)
        if not self._selection.means(self._pattern, name):
            return
        below = ""
        if kind == "d":
            self._unexpected = path + b"/"
            below = ", with whatever is in it"
        word = WORDS[kind]
        self._add("unexpected", word, name, f"unexpected {word}: {self._shown(name)}{below}")

    def _shown(self, name: str) -> str:
        return shown(to_text(self._root) + name)

    def _add(
        self,
        what: str,
        kind: str,
        name: str,
        message: str,
        attribute: Optional[str] = None,
        expected: Optional[str] = None,
        found: Optional[str] = None,
    ) -> None:
        self._total += 1
        if len(self._kept) < self._limit:
            self._kept.append(Difference(what, kind, shown(name), None, message, attribute, expected, found))
