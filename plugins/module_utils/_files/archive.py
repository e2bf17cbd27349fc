# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files into a set: one archive a pattern, and the listing. Private to this collection.

The walker names the entries, GNU tar reads them, this process looks at the stream on its way to zstd: the digest of a
file is that of the bytes in the archive, whatever happened to the file meanwhile. What tar was asked for and did not
write is missing from the stream, which runs in the same order, and so gets named.
"""

from __future__ import annotations

import collections
import contextlib
import os
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._engines.base import ArtefactWriter
from ansible_collections.vya.backupdb.plugins.module_utils._errors import (
    BackupError,
    Defect,
    ProcessError,
    UnreadableFiles,
    UsageError,
)
from ansible_collections.vya.backupdb.plugins.module_utils._files import tartool
from ansible_collections.vya.backupdb.plugins.module_utils._files.entries import shown
from ansible_collections.vya.backupdb.plugins.module_utils._files.follower import Follower
from ansible_collections.vya.backupdb.plugins.module_utils._files.globs import parse, to_text
from ansible_collections.vya.backupdb.plugins.module_utils._files.listing import ListingWriter, encode, explained
from ansible_collections.vya.backupdb.plugins.module_utils._files.recorder import Asked, Recorder
from ansible_collections.vya.backupdb.plugins.module_utils._files.request import (
    KINDS,
    UNREADABLE_REMEDY,
    FilesPlan,
    FilesRequest,
    PatternPlan,
    describe,
    nothing,
    plan_archive,
)
from ansible_collections.vya.backupdb.plugins.module_utils._files.walk import FILE, Omissions, Walker
from ansible_collections.vya.backupdb.plugins.module_utils._interrupts import begin
from ansible_collections.vya.backupdb.plugins.module_utils._model import Artefact
from ansible_collections.vya.backupdb.plugins.module_utils._process import PIPE, Command, Process, find_program, start
from ansible_collections.vya.backupdb.plugins.module_utils._progress import Reporter
from ansible_collections.vya.backupdb.plugins.module_utils._sink import Sink

_BATCH = 256

_MOST_SEGMENTS = 1000

__all__ = ["FilesOutcome", "FilesPlan", "FilesRequest", "PatternPlan", "archive", "plan_archive"]


@dataclass(frozen=True)
class FilesOutcome:
    """What a backup left, finished through the writer.

    Args:
        artefacts: the archives; a pattern whose files are all in earlier ones has none.
        listing: the proof.
        patterns: counts of each pattern.
        omissions: what was left out or changed meanwhile, in words, the first names of each kind and how many in all.
        warnings: the part of it that the operator should look at.
        details: facts for the manifest: the request's patterns, totals.
    """

    artefacts: Sequence[Artefact]
    listing: Artefact
    patterns: Sequence[PatternPlan]
    omissions: Sequence[str] = ()
    warnings: Sequence[str] = ()
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def entries(self) -> int:
        """Entries in the set, without the directories above what matched."""
        return sum(item.entries for item in self.patterns)

    @property
    def files(self) -> int:
        """Files in the set."""
        return sum(item.files for item in self.patterns)

    @property
    def bytes(self) -> int:
        """Bytes of the files."""
        return sum(item.bytes for item in self.patterns)


def archive(request: FilesRequest, plan: FilesPlan, writer: ArtefactWriter, reporter: Reporter) -> FilesOutcome:
    """Store what the patterns match.

    Args:
        request: what to store.
        plan: of the same request; its problems must have been dealt with.
        writer: of the set.
        reporter: where progress goes.

    Raises:
        BackupError: something could not be read and that is not allowed, or a pattern matches nothing any more.
        ProcessError: a program failed.
        RepositoryError: no space is left.
    """
    return _Archiver(request, plan, writer, reporter).run()


class _Archiver:
    def __init__(self, request: FilesRequest, plan: FilesPlan, writer: ArtefactWriter, reporter: Reporter) -> None:
        self._request = request
        self._plan = plan
        self._writer = writer
        self._reporter = reporter
        self._omissions = Omissions()
        self._walker = Walker(request.excluded(), request.one_file_system, self._omissions)
        self._links = _LinkTable() if len(request.patterns()) > 1 else None
        self._done_before = 0
        self._missing: list[str] = []

    def run(self) -> FilesOutcome:
        artefacts: list[Artefact] = []
        counts: list[PatternPlan] = []
        details: list[dict[str, Any]] = []
        listing_path = self._writer.create_file("proof", "proof", ".jsonl.zst")
        with ListingWriter(listing_path, self._request.compression_level, self._writer.filters) as listing:
            for pattern in self._request.patterns():
                found, segments, artefact = self._pattern(pattern, listing)
                counts.append(found)
                artefacts.extend([artefact] if artefact else [])
                details.append(
                    {
                        "pattern": pattern,
                        "segments": segments[:_MOST_SEGMENTS],
                        "archive": artefact is not None,
                        "entries": found.entries,
                        "files": found.files,
                        "bytes": found.bytes,
                    }
                )
                self._done_before += found.bytes
            self._refuse()
            listing.close()
        facts = {
            "patterns": details,
            "exclude": list(self._request.exclude),
            "repository": self._request.repository,
            "one_file_system": self._request.one_file_system,
            "cross_links": self._links.crossing if self._links else 0,
        }
        proof = self._writer.finish("proof", "proof", "jsonl", "zstd", facts)
        warnings = self._missing + describe(self._omissions, ("unreadable", "vanished", "changed"))
        omissions = self._missing + describe(self._omissions, tuple(KINDS))
        return FilesOutcome(tuple(artefacts), proof, tuple(counts), tuple(omissions), tuple(warnings), facts)

    def _refuse(self) -> None:
        total = self._omissions.total("unreadable")
        if total and not self._request.allow_unreadable:
            names = [shown(to_text(path)) for path in sorted(self._omissions.names["unreadable"])]
            more = [f"and {total - len(names)} more"] if total > len(names) else []
            raise UnreadableFiles(
                f"{total} {'entry' if total == 1 else 'entries'} could not be read; no set was made.",
                UNREADABLE_REMEDY,
                names + more,
            )

    def _pattern(self, pattern: str, listing: ListingWriter) -> tuple[PatternPlan, list[str], Optional[Artefact]]:
        """Store what one pattern matches."""
        listing.write(encode({"pattern": pattern}) + "\n")
        before = self._walker.repeated
        asked: collections.deque[Asked] = collections.deque()
        segments: list[str] = []
        names = self._names(pattern, asked, segments)
        first = next(names, None)
        recorder = Recorder(listing, asked, self._omissions)
        artefact = None
        hashed: Optional[tuple[int, str]] = None
        if first is not None:
            path = self._writer.create_file("archive", pattern, ".tar.zst")
            with Follower(path) as follower:
                self._stream(pattern, path, _chain(first, names), recorder)
                hashed = follower.finish()
        found = PatternPlan(pattern, recorder.entries, recorder.files, recorder.bytes)
        listing.write(encode({"end": {"entries": found.entries, "files": found.files, "bytes": found.bytes}}) + "\n")
        missing = not found.entries and self._walker.repeated == before and not self._omissions.total("unreadable")
        if missing and not self._request.allow_missing:
            raise UsageError(*nothing(pattern))
        if missing:
            self._missing.append(nothing(pattern)[0])
        if first is not None:
            artefact = self._writer.finish("archive", pattern, "tar", "zstd", recorder.facts(), hashed)
        return found, segments, artefact

    def _names(self, pattern: str, asked: collections.deque[Asked], segments: list[str]) -> Iterator[bytes]:
        """Names for tar, each ended by NUL, in batches; each is noted as asked for before tar can know it."""
        batch: list[bytes] = []
        for segment, entries in self._walker.pattern(parse(pattern)):
            segments.append(segment.text)
            begun: Optional[str] = segment.text
            for path, kind, parent in entries:
                name = path[1:]
                link = self._links.seen(path, pattern) if self._links and kind == FILE else None
                asked.append(Asked(name, parent, link, begun))
                begun = None
                batch.append(name)
                if len(batch) >= _BATCH:
                    yield b"\0".join(batch) + b"\0"
                    batch = []
        if batch:
            yield b"\0".join(batch) + b"\0"

    def _stream(self, pattern: str, path: str, names: Iterator[bytes], recorder: Recorder) -> None:
        """Let tar read, zstd compress and age encrypt, and look at what passes behind tar."""
        complaints = tartool.Complaints(self._omissions, self._reporter)
        with contextlib.ExitStack() as stack:
            target = stack.enter_context(open(path, "r+b"))
            level, threads = self._request.compression_level, _threads(self._request.jobs)
            zstd = Command([find_program("zstd"), f"-{level}", f"-T{threads}", "-q", "-c"])
            sink = stack.enter_context(Sink([zstd, *self._writer.filters], target))
            tar = stack.enter_context(
                start(tartool.create_command(), stdin=PIPE, stdout=PIPE, on_stderr=complaints.feed)
            )
            feeder = _Feeder(names, tar)
            begin(feeder)
            try:
                self._copy(pattern, tar, sink, recorder)
            except BrokenPipeError:
                # A program has ended; its exit code says why.
                with _explaining():
                    sink.wait()
                raise
            feeder.finish()
            recorder.finish()
            complaints.finish(tar)
            with _explaining():
                sink.close()

    def _copy(self, pattern: str, tar: Process, sink: Sink, recorder: Recorder) -> None:
        source, target = tar.stdout.fileno(), sink.stdin.fileno()
        for descriptor in (source, target):
            tartool.widen(descriptor)
        text = f"archiving {shown(pattern)}"
        while True:
            chunk = os.read(source, tartool.CHUNK)
            if not chunk:
                return
            for piece in recorder.take(chunk):
                tartool.write_all(target, piece)
            done = self._done_before + recorder.bytes
            self._reporter.progress(text, done, self._plan.bytes if done <= self._plan.bytes else None)


def _threads(jobs: int) -> int:
    """Threads of the compressor: tar and this process fill one core, and several threads need more time in sum."""
    return max(1, jobs - 1)


@contextlib.contextmanager
def _explaining() -> Iterator[None]:
    try:
        yield
    except ProcessError as error:
        raise explained(error) from error


def _chain(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


class _Feeder(threading.Thread):
    """Hands the names to tar while its output is being read."""

    def __init__(self, names: Iterator[bytes], tar: Process) -> None:
        super().__init__(daemon=True)
        self._names = names
        self._tar = tar
        self._error: Optional[Exception] = None
        self._complete = False

    def run(self) -> None:
        try:
            for batch in self._names:
                self._tar.stdin.write(batch)
                self._tar.stdin.flush()
            self._complete = True
        except BrokenPipeError:
            # tar has ended; its exit code says why.
            return
        except (BackupError, OSError) as error:
            self._error = error
        finally:
            # Whatever happened, tar must not wait for more.
            with contextlib.suppress(BrokenPipeError):
                self._tar.stdin.close()

    def finish(self) -> None:
        """Wait for the end, and raise what went wrong."""
        self.join()
        if self._error is not None:
            raise self._error
        self._tar.wait()
        if not self._complete:
            raise Defect("The list of files broke off.", "run the backup again; report it if it happens again")


class _LinkTable:
    """Names of files with several names, so that those in different archives can be linked again."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], list[Any]] = {}
        self.crossing = 0

    def seen(self, path: bytes, pattern: str) -> Optional[bytes]:
        """Note a file.

        Returns:
            Its first name, if that is in another archive.
        """
        try:
            status = os.lstat(path)
        except OSError:
            return None
        if status.st_nlink < 2:
            return None
        key = (status.st_dev, status.st_ino)
        known = self._known.get(key)
        if known is None:
            self._known[key] = [path, pattern, status.st_nlink - 1]
            return None
        known[2] -= 1
        if known[2] <= 0:
            del self._known[key]
        if known[1] == pattern:
            return None
        self.crossing += 1
        return bytes(known[0])
