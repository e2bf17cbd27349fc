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
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Optional, Union

from ansible_collections.vya.backupdb.plugins.module_utils._engines.base import ArtefactReader
from ansible_collections.vya.backupdb.plugins.module_utils._errors import BackupError, DamagedSet, ProcessError
from ansible_collections.vya.backupdb.plugins.module_utils._files import guard, tartool
from ansible_collections.vya.backupdb.plugins.module_utils._files.entries import shown
from ansible_collections.vya.backupdb.plugins.module_utils._files.globs import to_bytes, to_text
from ansible_collections.vya.backupdb.plugins.module_utils._files.guard import Guard
from ansible_collections.vya.backupdb.plugins.module_utils._files.listing import parse
from ansible_collections.vya.backupdb.plugins.module_utils._files.place import (
    Placer,
    copy_attributes,
    link,
    make_like,
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
from ansible_collections.vya.backupdb.plugins.module_utils._model import Artefact
from ansible_collections.vya.backupdb.plugins.module_utils._process import PIPE, Command, Process, find_program, start
from ansible_collections.vya.backupdb.plugins.module_utils._progress import Reporter

_CHUNK = 1 << 20
_ROOT_MODE = 0o700
_SAID = 20
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
        raise BackupError("The files cannot be restored.", "see to each of these first", plan.problems)
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
            raise BackupError(
                f"No space left below {root or '/'} for the files to restore.",
                "free space there, or restore fewer patterns; what was extracted was removed again",
            ) from error
        raise
    except OSError as error:
        raise BackupError(
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
        self._extracted = 0
        changing = [archive.pattern for archive in plan.archives if archive.changes]
        self._total = sum(archive_facts(reader, pattern).get("bytes", 0) for pattern in changing)
        self._said: list[str] = []

    def run(self) -> None:
        if self._root and not os.path.isdir(self._root):
            os.makedirs(self._root, _ROOT_MODE)
        with contextlib.ExitStack() as stack:
            staged: list[tuple[ArchivePlan, bytes]] = []
            for archive in self._plan.archives:
                if archive.changes:
                    place = existing(self._root, base_of(self._reader, archive.pattern))
                    directory = stack.enter_context(staging(place))
                    self._extract(archive, self._artefact(archive.pattern), directory)
                    staged.append((archive, directory))
            placer = Placer(self._root, self._request.if_exists == REPLACE, self._plan.linked_parents)
            for archive, directory in staged:
                if archive.decisions.filtered and archive.relink:
                    self._relink_staged(archive, directory)
                placer.place(directory)
            self._finish({archive.pattern: directory for archive, directory in staged})
        for line in self._said:
            self._reporter.warn(line)

    def _artefact(self, pattern: str) -> Artefact:
        artefact = self._reader.manifest.artefact("archive", pattern)
        if artefact is None:
            raise DamagedSet(f"The set holds no archive of {pattern}.", "restore another set, or a copy of this one")
        return artefact

    def _extract(self, archive: ArchivePlan, artefact: Artefact, directory: bytes) -> None:
        """Extract what is to be restored into a directory of our own, and make sure that the archive is whole."""
        check = _Check(self._reader, artefact)
        check.start()
        above = [(directory + to_bytes(item["path"]), item) for item in artefact.details.get("above", ())]
        for path, _item in above:
            os.makedirs(path, exist_ok=True)
        try:
            self._run_programs(archive, artefact, directory)
        except (ProcessError, DamagedSet):
            # What is wrong with the file itself says more than what a program made of it.
            check.finish()
            raise
        check.finish()
        for path, item in reversed(above):
            with os.scandir(path) as entries:
                used = any(entries)
            if used:
                make_like(path, item, self._request.numeric_owner)
            else:
                os.rmdir(path)

    def _run_programs(self, archive: ArchivePlan, artefact: Artefact, directory: bytes) -> None:
        with contextlib.ExitStack() as stack:
            source = stack.enter_context(open(self._reader.path(artefact), "rb"))
            zstd = stack.enter_context(
                start(Command([find_program("zstd"), "-d", "-q", "-c"]), stdin=source, stdout=PIPE)
            )
            acls = bool(artefact.details.get("acls", True))
            command = tartool.extract_command(to_text(directory), self._request.numeric_owner, acls)
            tar = stack.enter_context(start(command, stdin=PIPE, on_stderr=self._say))
            try:
                self._copy(archive, artefact, zstd, tar)
                tar.stdin.close()
            except BrokenPipeError:
                # tar has ended; its exit code says why.
                tar.wait()
                raise
            try:
                zstd.wait()
            except ProcessError as error:
                raise DamagedSet(
                    f"The archive of {archive.pattern} cannot be decompressed: {error.message}",
                    "restore another set, or a copy of this one",
                ) from error
            tar.wait()

    def _copy(self, archive: ArchivePlan, artefact: Artefact, zstd: Process, tar: Process) -> None:
        source, target = zstd.stdout.fileno(), tar.stdin.fileno()
        for descriptor in (source, target):
            tartool.widen(descriptor)
        filtered = archive.decisions.filtered
        sink = _Sink(target)
        above = [to_bytes(item["path"])[1:] for item in artefact.details.get("above", ())]
        watch = Guard(archive.decisions, sink.write if filtered else None, above)
        text = f"restoring {shown(archive.pattern)}"
        before = self._extracted
        while True:
            chunk = os.read(source, _CHUNK)
            if not chunk:
                break
            # Nothing of a member reaches tar before its headers were looked at.
            watch.feed(chunk)
            if not filtered:
                tartool.write_all(target, chunk)
            self._extracted = before + watch.bytes
            self._reporter.progress(text, min(self._extracted, self._total), self._total)
        watch.finish()
        sink.flush()

    def _say(self, line: bytes) -> None:
        if len(self._said) < _SAID:
            self._said.append(line.decode("utf-8", "replace").strip())

    def _relink_staged(self, archive: ArchivePlan, directory: bytes) -> None:
        """Give files that were extracted their further names, which tar was not shown."""
        listing = self._reader.path(proof_of(self._reader))
        for _archive, index, line in indexed(listing, {archive.pattern: archive}):
            if archive.decisions.codes[index] == guard.RELINK:
                entry = parse(line)
                first = directory + to_bytes(entry["hardlink"])
                if os.path.lexists(first):
                    os.link(first, directory + to_bytes(entry["path"]), follow_symlinks=False)
        for _archive, index, line in indexed(listing, {archive.pattern: archive}):
            if archive.decisions.codes[index] == guard.EXTRACT:
                # Needed for its other names only; so are the directories above it.
                path = directory + to_bytes(parse(line)["path"])
                os.unlink(path)
                with contextlib.suppress(OSError):
                    os.removedirs(os.path.dirname(path))

    def _finish(self, staged: Mapping[str, bytes]) -> None:
        """Hard links to what was there already, and between archives; then the directories that were there."""
        listing = self._reader.path(proof_of(self._reader))
        archives = {archive.pattern: archive for archive in self._plan.archives}
        crossing = bool(proof_of(self._reader).details.get("cross_links")) and not self._request.patterns
        if crossing or any(archive.relink and archive.decisions.filtered for archive in archives.values()):
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


class _Sink:
    """Collects small pieces for tar."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._pieces: list[bytes] = []
        self._length = 0

    def write(self, piece: Union[bytes, memoryview]) -> None:
        """Take a piece; a view is copied, since what it shows is used again."""
        self._pieces.append(bytes(piece))
        self._length += len(piece)
        if self._length >= _CHUNK:
            self.flush()

    def flush(self) -> None:
        """Hand on what was collected."""
        tartool.write_all(self._descriptor, b"".join(self._pieces))
        self._pieces.clear()
        self._length = 0


class _Check(threading.Thread):
    """Checks the SHA-256 of an archive while it is being extracted."""

    def __init__(self, reader: ArtefactReader, artefact: Artefact) -> None:
        super().__init__(daemon=True)
        self._reader = reader
        self._artefact = artefact
        self._error: Optional[BaseException] = None

    def run(self) -> None:
        try:
            self._reader.verify(self._artefact)
        except (BackupError, OSError) as error:
            self._error = error

    def finish(self) -> None:
        """Wait for the end, and raise what was found."""
        self.join()
        if self._error is not None:
            raise self._error
