# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Extracting an archive into a directory of our own. Private to this collection.

age decrypts what is encrypted, zstd decompresses, this process watches, tar writes. Small files keep one tar busy for longer than anything else takes, so
that several of them share the work: each gets an archive of its own, made of some of the members.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Sequence
from typing import BinaryIO, Optional, Union

from ansible_collections.vya.backupdb.plugins.module_utils._engines.base import ArtefactReader
from ansible_collections.vya.backupdb.plugins.module_utils._errors import BackupError, DamagedSet, ProcessError
from ansible_collections.vya.backupdb.plugins.module_utils._files import tartool
from ansible_collections.vya.backupdb.plugins.module_utils._files.entries import shown
from ansible_collections.vya.backupdb.plugins.module_utils._files.globs import to_bytes, to_text
from ansible_collections.vya.backupdb.plugins.module_utils._files.guard import Guard
from ansible_collections.vya.backupdb.plugins.module_utils._files.place import make_like
from ansible_collections.vya.backupdb.plugins.module_utils._files.plan import ArchivePlan
from ansible_collections.vya.backupdb.plugins.module_utils._interrupts import begin
from ansible_collections.vya.backupdb.plugins.module_utils._model import Artefact
from ansible_collections.vya.backupdb.plugins.module_utils._process import (
    PIPE,
    Command,
    Process,
    find_program,
    start,
    wait_for_chain,
)
from ansible_collections.vya.backupdb.plugins.module_utils._progress import Reporter

_SAID = 20
#: With fewer members, or larger ones on average, one tar is enough.
_MANY_MEMBERS = 5000
_SMALL_BYTES = 128 << 10
_MOST_LANES = 4
#: Contents of a member from which on they are moved from pipe to pipe inside the kernel.
_WORTH_SPLICING = 256 << 10
_SECONDS_BETWEEN_LOOKS = 0.01


class Extractor:
    """Extracts archives of a set.

    Args:
        reader: of the set.
        reporter: where progress goes.
        numeric_owner: set numbers of owners instead of names.
        jobs: processors to use; None for those that there are.
        total: bytes that are to be extracted in all.

    Attributes:
        said: the first lines of what tar had to say.
    """

    def __init__(
        self, reader: ArtefactReader, reporter: Reporter, numeric_owner: bool, jobs: Optional[int], total: int
    ) -> None:
        self._reader = reader
        self._reporter = reporter
        self._numeric_owner = numeric_owner
        self._jobs = jobs or len(os.sched_getaffinity(0))
        self._total = total
        self._extracted = 0
        self.said: list[str] = []

    def extract(self, archive: ArchivePlan, artefact: Artefact, directory: bytes) -> bool:
        """Extract what is to be restored, and make sure that the archive is whole.

        Returns:
            Whether further names of files, hard links, are left to be made.

        Raises:
            DamagedSet: the archive is not what was stored, or does not belong to its listing.
            ProcessError: tar failed.
        """
        check = _Check(self._reader, artefact)
        begin(check)
        above = [(directory + to_bytes(item["path"]), item) for item in artefact.details.get("above", ())]
        for path, _item in above:
            os.makedirs(path, exist_ok=True)
        lanes = self._lanes(archive, artefact)
        try:
            self._run(archive, artefact, directory, lanes)
        except (ProcessError, DamagedSet):
            # What is wrong with the file itself says more than what a program made of it.
            check.finish()
            raise
        check.finish()
        for path, item in reversed(above):
            with os.scandir(path) as entries:
                used = any(entries)
            if used:
                make_like(path, item, self._numeric_owner)
            else:
                os.rmdir(path)
        return lanes > 0

    def _lanes(self, archive: ArchivePlan, artefact: Artefact) -> int:
        """How many tars get a part each; 0 where a single one gets the archive as it is."""
        members = len(archive.decisions.codes)
        small = members >= _MANY_MEMBERS and artefact.details.get("bytes", 0) < members * _SMALL_BYTES
        # Who is not root may be kept out of a directory that one tar has finished by its mode.
        if small and self._jobs > 1 and os.geteuid() == 0:
            return min(self._jobs, _MOST_LANES)
        return 1 if archive.decisions.filtered else 0

    def _run(self, archive: ArchivePlan, artefact: Artefact, directory: bytes, lanes: int) -> None:
        with contextlib.ExitStack() as stack:
            source = stack.enter_context(open(self._reader.stored(artefact), "rb"))
            chain = self._unpacking(stack, artefact, source)
            unpacked = chain[-1].stdout
            command = tartool.extract_command(
                to_text(directory), self._numeric_owner, bool(artefact.details.get("acls", True))
            )
            tars = [
                stack.enter_context(start(command, stdin=PIPE, on_stderr=self._say)) for _lane in range(max(1, lanes))
            ]
            for descriptor in (unpacked.fileno(), *(tar.stdin.fileno() for tar in tars)):
                tartool.widen(descriptor)
            above = [to_bytes(item["path"])[1:] for item in artefact.details.get("above", ())]
            sinks = [_Sink(tar.stdin.fileno()) for tar in tars]
            watch = Guard(archive.decisions, [sink.write for sink in sinks] if lanes else (), above)
            try:
                self._copy(archive.pattern, watch, unpacked.fileno(), None if lanes else tars[0].stdin.fileno())
                for sink, tar in zip(sinks, tars):
                    sink.flush()
                    tar.stdin.close()
            except BrokenPipeError:
                # A tar has ended; its exit code says why.
                _wait_for_ended(tars)
                raise
            try:
                wait_for_chain(chain)
            except ProcessError as error:
                raise DamagedSet(
                    f"The archive of {archive.pattern} cannot be unpacked: {error.message}",
                    "restore another set, or a copy of this one",
                ) from error
            for tar in tars:
                tar.wait()

    def _unpacking(self, stack: contextlib.ExitStack, artefact: Artefact, source: BinaryIO) -> list[Process]:
        """Start what decrypts, if need be, and decompresses; the last one's output is the archive."""
        chain: list[Process] = []
        for command in (*self._reader.filters(artefact), Command([find_program("zstd"), "-d", "-q", "-c"])):
            stdin = chain[-1].stdout if chain else source
            process = stack.enter_context(start(command, stdin=stdin, stdout=PIPE))
            # Only the reader may hold this end, or the writer would not see the reader's death.
            stdin.close()
            chain.append(process)
        return chain

    def _copy(self, pattern: str, watch: Guard, source: int, target: Optional[int]) -> None:
        """Let the archive pass.

        Args:
            pattern: whose archive it is.
            watch: looks at everything before it reaches a tar.
            source: where it comes from.
            target: where all of it goes; None where the watch hands it on.
        """
        splice = getattr(os, "splice", None)
        text = f"restoring {shown(pattern)}"
        before = self._extracted
        while True:
            if target is not None and splice is not None and watch.data_left >= _WORTH_SPLICING:
                # Python has the call since 3.10.
                length = splice(source, target, watch.data_left)
                if not length:
                    break
                watch.passed(length)
            else:
                chunk = os.read(source, tartool.CHUNK)
                if not chunk:
                    break
                watch.feed(chunk)
                if target is not None:
                    tartool.write_all(target, chunk)
            self._extracted = before + watch.bytes
            self._reporter.progress(text, min(self._extracted, self._total), self._total)
        watch.finish()

    def _say(self, line: bytes) -> None:
        if len(self.said) < _SAID:
            self.said.append(line.decode("utf-8", "replace").strip())


def _wait_for_ended(tars: Sequence[Process]) -> None:
    """Raise the error of the one whose pipe broke: it ends by itself, the others wait for more."""
    while True:
        for tar in tars:
            if tar.poll() is not None:
                tar.wait()
                return
        time.sleep(_SECONDS_BETWEEN_LOOKS)


class _Sink:
    """Collects small pieces for a tar."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._pieces: list[Union[bytes, memoryview]] = []
        self._length = 0

    def write(self, piece: Union[bytes, memoryview]) -> None:
        """Take a piece; it must not change afterwards."""
        self._pieces.append(piece)
        self._length += len(piece)
        if self._length >= tartool.CHUNK:
            self.flush()

    def flush(self) -> None:
        """Hand on what was collected."""
        if self._pieces:
            data = b"".join(self._pieces)
            self._pieces.clear()
            self._length = 0
            tartool.write_all(self._descriptor, data)


class _Check(threading.Thread):
    """Checks the SHA-256 of an archive while it is being extracted."""

    def __init__(self, reader: ArtefactReader, artefact: Artefact) -> None:
        super().__init__(daemon=True)
        self._reader = reader
        self._artefact = artefact
        self._error: Optional[Exception] = None

    def run(self) -> None:
        """Read the archive."""
        try:
            self._reader.verify(self._artefact)
        except (BackupError, OSError) as error:
            self._error = error

    def finish(self) -> None:
        """Wait for the end, and raise what was found."""
        self.join()
        if self._error is not None:
            raise self._error
