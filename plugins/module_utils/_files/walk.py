# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Walking the file system along patterns. Private to this collection.

A pattern is resolved into segments: patterns whose leading names are real directories, no symbolic links. Each entry
comes once, below its directory, in the order of the bytes of the names; the directories above it come before it. So
two walks over equal trees give equal sequences, which makes comparing them a merge without any table.

Symbolic links are entries, stored as links. One that a pattern names, or that stands where a pattern goes on below it,
is followed as well: the link is an entry of one segment, and what it points to becomes a segment of its own.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Callable, NamedTuple, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._files.globs import Component, Glob, matcher, name_matcher

FILE, DIRECTORY, LINK, FIFO, SOCKET, DEVICE = "f", "d", "l", "p", "s", "b"
_MOST_LINKS = 40
_STATE_DIRECTORIES = "**"
#: File systems that hold no files: what they show is made by the kernel on each look.
_NOT_FILES = frozenset(
    "proc sysfs devtmpfs devpts cgroup cgroup2 debugfs tracefs securityfs pstore bpf mqueue configfs efivarfs "
    "binfmt_misc fusectl selinuxfs rpc_pipefs nsfs autofs hugetlbfs".split()
)


@dataclass
class Omissions:
    """What a walk could not, or would not, take: how many, and the first of them by name.

    Args:
        limit: how many names to keep of each kind.
    """

    limit: int = 100
    totals: dict[str, int] = field(default_factory=dict)
    names: dict[str, list[bytes]] = field(default_factory=dict)

    def add(self, kind: str, path: bytes) -> None:
        """Count a path under a kind: ``unreadable``, ``vanished``, ``changed``, ``socket`` or ``device``."""
        kept = self.names.setdefault(kind, [])
        if path in kept:
            return
        self.totals[kind] = self.totals.get(kind, 0) + 1
        if len(kept) < self.limit:
            kept.append(path)

    def total(self, kind: str) -> int:
        """How many of a kind."""
        return self.totals.get(kind, 0)


class Found(NamedTuple):
    """An entry that a walk came by.

    Args:
        path: absolute.
        kind: one of the kinds above.
        parent: whether it is only a directory above something that matches, or a link that leads to it.
    """

    path: bytes
    kind: str
    parent: bool


def kind_of(mode: int) -> str:
    """The kind of an entry from the mode that stat gives."""
    if stat.S_ISREG(mode):
        return FILE
    if stat.S_ISDIR(mode):
        return DIRECTORY
    if stat.S_ISLNK(mode):
        return LINK
    if stat.S_ISFIFO(mode):
        return FIFO
    return SOCKET if stat.S_ISSOCK(mode) else DEVICE


def kernel_mounts() -> frozenset[bytes]:
    """Mount points of file systems that hold no files, such as ``/proc``."""
    try:
        with open("/proc/self/mountinfo", "rb") as stream:
            lines = stream.read().splitlines()
    except FileNotFoundError:
        return frozenset()
    found = set()
    for line in lines:
        before, _separator, after = line.partition(b" - ")
        if after.split(b" ", 1)[0].decode("ascii", "replace") in _NOT_FILES:
            found.add(re.sub(rb"\\([0-7]{3})", lambda match: bytes([int(match.group(1), 8)]), before.split(b" ")[4]))
    return frozenset(found)


def resolve(glob: Glob, omissions: Omissions, root: bytes = b"") -> tuple[list[Glob], Optional[Glob]]:
    """The leading names of a pattern without symbolic links.

    Args:
        glob: the pattern.
        omissions: where directories that cannot be searched are named.
        root: directory that stands for ``/``.

    Returns:
        The links on the way, and the pattern without them; None if its beginning does not exist.
    """
    crossed: list[Glob] = []
    done: list[bytes] = []
    todo: list[Component] = list(glob.components)
    while todo:
        name = todo[0]
        if isinstance(name, str):
            break
        del todo[0]
        if name == b"..":
            done = done[:-1]
            continue
        done.append(name)
        path = b"/" + b"/".join(done)
        try:
            mode = os.lstat(root + path).st_mode
            target = os.readlink(root + path) if stat.S_ISLNK(mode) else None
        except (FileNotFoundError, NotADirectoryError):
            return crossed, None
        except PermissionError:
            omissions.add("unreadable", path)
            return crossed, None
        if target is not None:
            crossed.append(Glob(tuple(done)))
            if len(crossed) > _MOST_LINKS:
                return crossed, None
            done = [] if target.startswith(b"/") else done[:-1]
            todo[:0] = [part for part in target.split(b"/") if part not in (b"", b".")]
    return crossed, Glob((*done, *todo))


@dataclass
class Followed:
    """Symbolic links in the middle of a pattern that a walk came by: their paths, and the patterns that go on there."""

    links: set[str] = field(default_factory=set)
    globs: list[Glob] = field(default_factory=list)


@dataclass
class _Segment:
    glob: Glob
    device: Optional[int] = None


class Walker:
    """Walks several patterns, so that what is matched twice comes once.

    Args:
        exclude: patterns of what to leave out, with everything below.
        one_file_system: do not enter other file systems than the one on which a segment begins.
        omissions: where what cannot be taken is named.
        root: directory that stands for ``/``, without a slash at its end.
    """

    def __init__(
        self,
        exclude: Sequence[Glob] = (),
        one_file_system: bool = False,
        omissions: Optional[Omissions] = None,
        root: bytes = b"",
    ) -> None:
        self.omissions = Omissions() if omissions is None else omissions
        self._root = root
        self._one_file_system = one_file_system
        self._kernel = kernel_mounts()
        canonical = list(exclude)
        for glob in exclude:
            _crossed, resolved = resolve(glob, Omissions(), root)
            if resolved is not None:
                canonical.append(resolved)
        self._excluded = matcher(canonical)
        self._walked: list[_Segment] = []
        self._texts: set[str] = set()
        #: How many entries were passed over, with all below, because an earlier segment brought them.
        self.repeated = 0

    def pattern(self, globs: Sequence[Glob]) -> Iterator[tuple[Glob, Iterator[Found]]]:
        """Walk the alternatives of a pattern.

        Returns:
            Each segment with what it matches, in order. A segment's entries are to be taken before the next segment.
        """
        waiting = list(globs)
        crossed_before: set[str] = set()
        while waiting:
            followed = Followed()
            glob = waiting.pop(0)
            crossed, resolved = resolve(glob, self.omissions, self._root)
            for link in crossed:
                # One that the pattern only goes through is not what it asks for; each archive holds it for itself.
                if link.text not in (self._texts if link == glob else crossed_before):
                    crossed_before.add(link.text)
                    yield link, self.segment(link, None, through=link != glob)
            if resolved is not None and resolved.text in self._texts:
                self.repeated += 1
            elif resolved is not None:
                yield resolved, self.segment(resolved, followed)
            crossed_before |= followed.links
            waiting[:0] = followed.globs

    def segment(self, glob: Glob, followed: Optional[Followed] = None, through: bool = False) -> Iterator[Found]:
        """Walk one segment.

        Args:
            glob: the segment.
            followed: gets what symbolic links in the middle of the pattern lead to.
            through: the segment is a link that a pattern goes through, not what it asks for.
        """
        walk = _SegmentWalk(self, _Segment(glob), followed)
        for found in walk.run():
            yield found._replace(parent=True) if through else found
        self._texts.add(glob.text)
        self._walked.append(walk.segment)

    def covered(self, segment: _Segment) -> Optional[Callable[[bytes], bool]]:
        """A function that says whether an earlier segment has brought a path; None if none can have."""
        base = segment.glob.literal
        earlier = []
        for other in self._walked:
            theirs = other.glob.literal
            shared = min(len(base), len(theirs))
            if base[:shared] != theirs[:shared]:
                continue
            if self._one_file_system and len(theirs) < len(base) and not self._reaches(other, base):
                continue
            earlier.append(other.glob)
        return matcher(earlier)

    def _reaches(self, other: _Segment, base: Sequence[bytes]) -> bool:
        """Whether a walk that stays on its file system came from another segment's beginning to a directory."""
        for depth in range(len(other.glob.literal), len(base) + 1):
            try:
                status = os.lstat(self.absolute(b"/" + b"/".join(base[:depth])))
            except OSError:
                return False
            if status.st_dev != other.device:
                return False
        return True

    def absolute(self, path: bytes) -> bytes:
        """Where a path is on this machine."""
        return self._root + path if self._root else path

    def list(self, path: bytes) -> list[tuple[bytes, str]]:
        """Names and kinds in a directory, the last name first."""
        found: list[tuple[bytes, str]] = []
        try:
            with os.scandir(self.absolute(path)) as entries:
                for entry in entries:
                    if entry.is_file(follow_symlinks=False):
                        kind = FILE
                    elif entry.is_dir(follow_symlinks=False):
                        kind = DIRECTORY
                    elif entry.is_symlink():
                        kind = LINK
                    else:
                        kind = kind_of(entry.stat(follow_symlinks=False).st_mode)
                    found.append((entry.name, kind))
        except (FileNotFoundError, NotADirectoryError):
            self.omissions.add("vanished", path)
        except OSError:
            self.omissions.add("unreadable", path)
        found.sort(reverse=True)
        return found


class _SegmentWalk:
    """One walk along one segment."""

    def __init__(self, walker: Walker, segment: _Segment, followed: Optional[Followed]) -> None:
        self.segment = segment
        self._walker = walker
        self._followed = followed
        self._components = segment.glob.components
        self._covered = walker.covered(segment)
        self._excluded = walker._excluded
        self._matchers = [
            name_matcher(item) if isinstance(item, str) and item != _STATE_DIRECTORIES else None
            for item in self._components
        ]
        #: Directories above the current one that have not come yet.
        self._above: list[bytes] = []

    def run(self) -> Iterator[Found]:
        base = self.segment.glob.literal
        path = b"/" + b"/".join(base)
        try:
            status = os.lstat(self._walker.absolute(path))
        except OSError:
            return
        self.segment.device = status.st_dev
        for depth in range(1, len(base)):
            above = b"/" + b"/".join(base[:depth])
            if self._left_out(above):
                return
            self._above.append(above)
        if base and self._left_out(path):
            return
        kind = kind_of(status.st_mode)
        states = self._closure({len(base)})
        if len(self._components) in states:
            yield from self._whole(path, kind)
        elif kind == DIRECTORY:
            if base:
                self._above.append(path)
            yield from self._partly(path, states)

    def _closure(self, states: set[int]) -> frozenset[int]:
        """Where the pattern may go on, given that ``**`` may stand for nothing."""
        reached = set(states)
        # No two of them follow each other.
        for state in states:
            if state < len(self._components) and self._components[state] == _STATE_DIRECTORIES:
                reached.add(state + 1)
        return frozenset(reached)

    def _left_out(self, path: bytes) -> bool:
        if self._excluded is not None and self._excluded(path):
            return True
        if self._covered is not None and self._covered(path):
            self._walker.repeated += 1
            return True
        return False

    def _enters(self, path: bytes) -> bool:
        if path in self._walker._kernel:
            return False
        if not self._walker._one_file_system:
            return True
        try:
            return os.lstat(self._walker.absolute(path)).st_dev == self.segment.device
        except OSError:
            return False

    def _flush(self) -> Iterator[Found]:
        for path in self._above:
            yield Found(path, DIRECTORY, True)
        self._above.clear()

    def _takes(self, path: bytes, kind: str) -> bool:
        if kind in (SOCKET, DEVICE):
            self._walker.omissions.add("socket" if kind == SOCKET else "device", path)
            return False
        return True

    def _partly(self, top: bytes, states: frozenset[int]) -> Iterator[Found]:
        """Walk a directory that is itself not matched, but below which the pattern goes on."""
        prefix = top if top.endswith(b"/") else top + b"/"
        for name, kind in reversed(self._candidates(top, states)):
            path = prefix + name
            matched, further, explicit = self._step(states, name)
            if not (matched or further) or self._left_out(path):
                continue
            if matched:
                yield from self._whole(path, kind)
            elif kind == DIRECTORY:
                if not self._enters(path):
                    continue
                depth = len(self._above)
                self._above.append(path)
                yield from self._partly(path, further)
                # Nothing came from below if it is still waiting.
                del self._above[depth:]
            elif kind == LINK and explicit:
                yield from self._follow(path, explicit)

    def _candidates(self, top: bytes, states: frozenset[int]) -> list[tuple[bytes, str]]:
        """Names that the pattern can match, the last first; a name that is given is looked up, not searched for."""
        items = [self._components[state] for state in states if state < len(self._components)]
        if not all(isinstance(item, bytes) for item in items):
            return self._walker.list(top)
        found = []
        for name in sorted({item for item in items if isinstance(item, bytes)}, reverse=True):
            path = (top if top.endswith(b"/") else top + b"/") + name
            try:
                found.append((name, kind_of(os.lstat(self._walker.absolute(path)).st_mode)))
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError:
                self._walker.omissions.add("unreadable", path)
        return found

    def _step(self, states: frozenset[int], name: bytes) -> tuple[bool, frozenset[int], frozenset[int]]:
        """Whether a name is matched; where the pattern goes on below it; the same without what ``**`` reaches."""
        explicit: set[int] = set()
        stay: set[int] = set()
        for state in states:
            if state == len(self._components):
                continue
            item = self._components[state]
            if item == _STATE_DIRECTORIES:
                stay.add(state)
            elif item == name if isinstance(item, bytes) else self._matchers[state](name):  # type: ignore[misc]
                explicit.add(state + 1)
        reached = self._closure(explicit)
        matched = len(self._components) in reached
        return matched, self._closure(explicit | stay), reached

    def _follow(self, path: bytes, explicit: frozenset[int]) -> Iterator[Found]:
        """A link to a directory in the middle of the pattern: the link comes, its target is walked later."""
        try:
            status = os.stat(self._walker.absolute(path))
        except OSError:
            return
        if not stat.S_ISDIR(status.st_mode):
            return
        yield from self._flush()
        yield Found(path, LINK, True)
        if self._followed is not None:
            names = tuple(part for part in path.split(b"/") if part)
            self._followed.links.add(Glob(names).text)
            self._followed.globs.extend(
                Glob((*names, *self._components[state:]))
                for state in sorted(explicit)
                if state and self._components[state - 1] != _STATE_DIRECTORIES
            )

    def _whole(self, top: bytes, kind: str) -> Iterator[Found]:
        """An entry that is matched, with everything below it."""
        if not self._takes(top, kind):
            return
        yield from self._flush()
        if top != b"/":
            yield Found(top, kind, False)
        if kind != DIRECTORY or not self._enters(top):
            return
        filtered = self._excluded is not None or self._covered is not None
        levels = [(top if top.endswith(b"/") else top + b"/", self._walker.list(top))]
        while levels:
            prefix, names = levels[-1]
            if not names:
                levels.pop()
                continue
            name, kind = names.pop()
            path = prefix + name
            if filtered and self._left_out(path):
                continue
            if kind == FILE or self._takes(path, kind):
                yield Found(path, kind, False)
            if kind == DIRECTORY and self._enters(path):
                levels.append((path + b"/", self._walker.list(path)))
