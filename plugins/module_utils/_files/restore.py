# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files out of a set. Private to this collection.

Every archive is extracted beside its place, watched on the way, while its SHA-256 is checked; only when all of them are
whole, and were what the listing says, is anything moved. A failure before that leaves nothing; one after that leaves
whole files, and the next run goes on.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._engines.base import ArtefactReader
from ansible_collections.vya.backupdb.plugins.module_utils._errors import (
    DamagedSet,
    HostFailed,
    Impossible,
    NoSpace,
    ProcessError,
)
from ansible_collections.vya.backupdb.plugins.module_utils._files import guard
from ansible_collections.vya.backupdb.plugins.module_utils._files.entries import shown
from ansible_collections.vya.backupdb.plugins.module_utils._files.extract import Extractor
from ansible_collections.vya.backupdb.plugins.module_utils._files.globs import to_bytes, to_text
from ansible_collections.vya.backupdb.plugins.module_utils._files.listing import parse
from ansible_collections.vya.backupdb.plugins.module_utils._files.place import (
    Placer,
    copy_attributes,
    keeping_time,
    link,
    staging,
)
from ansible_collections.vya.backupdb.plugins.module_utils._files.plan import (
    REPLACE,
    ArchivePlan,
    FilesRestorePlan,
    FilesRestoreRequest,
    archive_facts,
    base_of,
    existing,
    indexed,
)
from ansible_collections.vya.backupdb.plugins.module_utils._files.selection import proof_of, target_root
from ansible_collections.vya.backupdb.plugins.module_utils._files.tarstream import damaged
from ansible_collections.vya.backupdb.plugins.module_utils._model import Artefact
from ansible_collections.vya.backupdb.plugins.module_utils._progress import Reporter

_DEFAULT_ACL = "system.posix_acl_default"
_ROOT_MODE = 0o700
_MADE = (guard.RELINK, guard.CREATE, guard.REPLACE)


@dataclass(frozen=True)
class FilesRestoreOutcome:
    """What a restore did: entries made, replaced, left alone since they were equal, left alone though they differ."""

    created: int
    replaced: int
    equal: int
    skipped: int
    bytes: int
    warnings: Sequence[str] = ()

    @property
    def changed(self) -> bool:
        """Whether anything changed."""
        return bool(self.created or self.replaced)


def restore(
    request: FilesRestoreRequest, plan: FilesRestorePlan, reader: ArtefactReader, reporter: Reporter
) -> FilesRestoreOutcome:
    """Restore as planned.

    Raises:
        BackupError: the plan has problems, or something appeared in the way; see the module's text for what is left.
        DamagedSet: an archive was altered or truncated; nothing was changed.
        ProcessError: a program failed; nothing was changed.
    """
    if plan.problems:
        raise Impossible("The files cannot be restored.", "see to each of these first", plan.problems)
    if plan.changes:
        with _explaining(request.root):
            _Restorer(request, plan, reader, reporter).run()
    return FilesRestoreOutcome(plan.create, plan.replace, plan.equal, plan.skipped, plan.bytes, tuple(plan.warnings))


@contextlib.contextmanager
def _explaining(root: Optional[str]) -> Iterator[None]:
    """Turn what the operating system says into words."""
    try:
        yield
    except ProcessError as error:
        if "No space left on device" in error.stderr_tail or "Disk quota exceeded" in error.stderr_tail:
            raise NoSpace(
                f"No space left below {root or '/'} for the files to restore.",
                "free space there, or restore fewer patterns; what was extracted was removed again",
            ) from error
        raise
    except OSError as error:
        raise HostFailed(
            f"The restore stopped: {error.strerror or error}: {shown(_name(error))}.",
            "see to it and run the restore again; it goes on where it stopped",
        ) from error


def _name(error: OSError) -> str:
    name = error.filename
    return to_text(name) if isinstance(name, bytes) else str(name or "")


class _Restorer:
    def __init__(
        self, request: FilesRestoreRequest, plan: FilesRestorePlan, reader: ArtefactReader, reporter: Reporter
    ) -> None:
        self._request = request
        self._plan = plan
        self._reader = reader
        self._reporter = reporter
        self._root = target_root(request.root)
        #: Patterns of archives whose hard links tar was not shown.
        self._unlinked: set[str] = set()
        changing = [archive.pattern for archive in plan.archives if archive.changes]
        total = sum(archive_facts(reader, pattern).get("bytes", 0) for pattern in changing)
        self._extractor = Extractor(reader, reporter, request.numeric_owner, request.jobs, total)

    def run(self) -> None:
        if self._root and not os.path.isdir(self._root):
            os.makedirs(self._root, _ROOT_MODE)
        with contextlib.ExitStack() as stack:
            staged: list[tuple[ArchivePlan, bytes]] = []
            for archive in self._plan.archives:
                if archive.changes:
                    place = existing(self._root, base_of(self._reader, archive.pattern))
                    directory = stack.enter_context(staging(place))
                    if self._extractor.extract(archive, self._artefact(archive.pattern), directory):
                        self._unlinked.add(archive.pattern)
                        self._disinherit(archive, directory)
                    staged.append((archive, directory))
            placer = Placer(self._root, self._request.if_exists == REPLACE, self._plan.linked_parents)
            for archive, directory in staged:
                if archive.relink and archive.pattern in self._unlinked:
                    self._relink_staged(archive, directory)
                placer.place(directory)
            self._finish({archive.pattern: directory for archive, directory in staged})
        for line in self._extractor.said:
            self._reporter.warn(line)

    def _artefact(self, pattern: str) -> Artefact:
        artefact = self._reader.manifest.artefact("archive", pattern)
        if artefact is None:
            raise DamagedSet(f"The set holds no archive of {pattern}.", "restore another set, or a copy of this one")
        return artefact

    def _disinherit(self, archive: ArchivePlan, directory: bytes) -> None:
        """Take from directories what they have of the one that they are in.

        Of several tars one may make a directory in another one whose mode and access lists a tar has set already. It
        does not look for what such a directory inherits: the setgid bit, and the default access list.
        """
        listing = self._reader.path(proof_of(self._reader))
        for _archive, _index, line in indexed(listing, {archive.pattern: archive}):
            if b',"type":"d"' not in line:
                continue
            entry = parse(line)
            path = directory + to_bytes(entry["path"])
            try:
                status = os.lstat(path)
            except FileNotFoundError:
                continue
            mode = int(entry["mode"], 8)
            if stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISGID and not mode & stat.S_ISGID:
                os.chmod(path, mode)
            if "default_acl" not in entry and _DEFAULT_ACL in os.listxattr(path, follow_symlinks=False):
                os.removexattr(path, _DEFAULT_ACL, follow_symlinks=False)

    def _relink_staged(self, archive: ArchivePlan, directory: bytes) -> None:
        """Give files that were extracted their further names, which tar was not shown."""
        listing = self._reader.path(proof_of(self._reader))
        for _archive, index, line in indexed(listing, {archive.pattern: archive}):
            if archive.decisions.codes[index] == guard.RELINK:
                entry = parse(line)
                first = directory + to_bytes(entry["hardlink"])
                if os.path.lexists(first) and os.path.realpath(os.path.dirname(first)) == os.path.dirname(first):
                    path = directory + to_bytes(entry["path"])
                    with keeping_time(os.path.dirname(path)):
                        os.link(first, path, follow_symlinks=False)
        for _archive, index, line in indexed(listing, {archive.pattern: archive}):
            if archive.decisions.codes[index] == guard.EXTRACT:
                # Needed for its other names only; so are the directories above it.
                path = directory + to_bytes(parse(line)["path"])
                with keeping_time(os.path.dirname(path)):
                    os.unlink(path)
                with contextlib.suppress(OSError):
                    os.removedirs(os.path.dirname(path))

    def _finish(self, staged: Mapping[str, bytes]) -> None:
        """Hard links to what was there already, and between archives; then the directories that were there."""
        listing = self._reader.path(proof_of(self._reader))
        archives = {archive.pattern: archive for archive in self._plan.archives}
        crossing = bool(proof_of(self._reader).details.get("cross_links")) and not self._request.patterns
        if crossing or any(archives[pattern].relink for pattern in self._unlinked):
            for archive, index, line in indexed(listing, archives):
                if b'"hardlink":' in line and archive.decisions.codes[index] in _MADE:
                    entry = parse(line)
                    if crossing or entry["type"] == "h":
                        self._relink(entry, self._root + to_bytes(entry["path"]))
        owners = os.geteuid() == 0
        touched = {pattern: archive for pattern, archive in archives.items() if archive.touched and pattern in staged}
        for archive, index, line in indexed(listing, touched) if touched else ():
            code = archive.decisions.codes[index]
            if code in (guard.EQUAL, guard.REPLACE) and b',"type":"d"' in line:
                entry = parse(line)
                path = to_bytes(entry["path"])
                self._directory(entry, code, staged[archive.pattern] + path, self._root + path, owners)

    def _directory(self, entry: Mapping[str, Any], code: int, staged: bytes, target: bytes, owners: bool) -> None:
        if code == guard.REPLACE and os.path.isdir(staged):
            copy_attributes(staged, target, owners)
        elif os.path.isdir(staged):
            os.utime(target, ns=(entry["mtime"], entry["mtime"]), follow_symlinks=False)

    def _relink(self, entry: Mapping[str, Any], target: bytes) -> None:
        first = self._root + to_bytes(entry["hardlink"])
        if self._root and os.path.commonpath([self._root, os.path.realpath(os.path.dirname(first))]) != self._root:
            raise damaged(f"a hard link leads to {shown(entry['hardlink'])}, out of the directory to restore to")
        try:
            theirs = os.lstat(first)
        except (FileNotFoundError, NotADirectoryError):
            if entry["type"] == "h" and not os.path.lexists(target):
                raise
            return
        try:
            ours = os.lstat(target)
        except FileNotFoundError:
            link(first, target)
            return
        if os.path.samestat(theirs, ours):
            return
        alike = (theirs.st_mode, theirs.st_size, theirs.st_mtime_ns, theirs.st_uid, theirs.st_gid)
        if entry["type"] == "h" or alike == (ours.st_mode, ours.st_size, ours.st_mtime_ns, ours.st_uid, ours.st_gid):
            link(first, target)
