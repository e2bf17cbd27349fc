# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The ledger of drills: lines of JSON that are only ever added. Private to this collection.

Each line holds its number and the SHA-256 of the whole line before it, signature included, so whoever alters, removes or
inserts a line has to write all later ones anew, which he cannot where they are signed. Lines cut off at the end are found
by a second file, ``<ledger>.head``, which holds number, length and SHA-256 of the end; who can write both needs to be found
out by an anchor that is kept elsewhere (``number:sha256``).
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import fcntl
import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, BinaryIO, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._errors import ChangedMeanwhile, DamagedLedger, UsageError
from ansible_collections.vya.backupdb.plugins.module_utils._layout import explaining
from ansible_collections.vya.backupdb.plugins.module_utils._signatures import PublicKey, parse_public_key
from ansible_collections.vya.backupdb.plugins.module_utils._strict_json import strict_json

FORMAT = "vya.backupdb drill"
VERSION = 1
#: What the first line has as the digest of the line before it.
NOTHING = "0" * 64
HEAD = ".head"
#: Longest line, in bytes: a record is bounded, and a forged ledger must not fill the memory.
LONGEST = 1 << 20
_MOST_PROBLEMS = 50
_ANCHOR = re.compile(r"(\d{1,12}):([0-9a-f]{64})\Z")
_FIELDS = {"format", "version", "n", "previous", "record"}


class Moved(ChangedMeanwhile):
    """Another line was added meanwhile: what was to be added names another predecessor."""


@dataclass(frozen=True)
class Head:
    """The end of a ledger: number of lines, their bytes, SHA-256 of the last line."""

    entries: int = 0
    bytes: int = 0
    sha256: str = NOTHING


@dataclass(frozen=True)
class Entry:
    """A line.

    Args:
        number: 1 for the first.
        sha256: of the line.
        record: what it says.
        signed_by: fingerprint of the key whose signature fits; None if it is not signed.
    """

    number: int
    sha256: str
    record: Mapping[str, Any]
    signed_by: Optional[str] = None


@dataclass
class Findings:
    """What looking at a whole ledger has shown; nothing is wrong with it if there are no problems."""

    head: Head = field(default_factory=Head)
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    unsigned: int = 0

    def problem(self, text: str) -> None:
        """Add what is wrong; very many are not all told."""
        if len(self.problems) < _MOST_PROBLEMS:
            self.problems.append(text)


def statement(number: int, previous: str, record: Mapping[str, Any]) -> str:
    """What a line says, as it is signed: ASCII, JSON with sorted names and without blanks."""
    return _canonical({"format": FORMAT, "version": VERSION, "n": number, "previous": previous, "record": record})


def signature_of(key: PublicKey, value: bytes) -> dict[str, str]:
    """A signature of a statement as JSON values."""
    return {"key": key.line, "value": base64.b64encode(value).decode("ascii")}


def _canonical(value: Any) -> str:
    return json.dumps(value, ensure_ascii=True, sort_keys=True, separators=(",", ":"), allow_nan=False)


def append(
    path: str,
    record: Optional[Mapping[str, Any]] = None,
    text: Optional[str] = None,
    signature: Optional[Mapping[str, str]] = None,
) -> tuple[Head, list[str]]:
    """Add a line: wholly, on the disk, or not at all.

    Args:
        path: of the ledger; made when it is not there.
        record: what the line is to say; or
        text: the whole statement, which names number and predecessor,
        signature: and its signature, as :func:`signature_of` makes it.

    Returns:
        The new end, and what the operator should know.

    Raises:
        Moved: ``text`` does not fit to the end of the ledger any more.
        DamagedLedger: the ledger is not what was written; nothing is added to it.
        UsageError: the text is no statement.
        RepositoryError: it cannot be written.
    """
    with explaining(path):
        os.makedirs(os.path.dirname(path) or ".", 0o700, exist_ok=True)
        with _locked(path) as stream:
            head, warnings = _end(path, stream)
            values = _parse_statement(text) if text is not None else None
            if values is None:
                values = json.loads(statement(head.entries + 1, head.sha256, record or {}))
            elif (values["n"], values["previous"]) != (head.entries + 1, head.sha256):
                raise Moved("Another drill has added a line meanwhile.", "run it again")
            line = _canonical({**values, "signature": dict(signature)} if signature else values).encode("ascii") + b"\n"
            if len(line) > LONGEST:
                raise UsageError(f"A record of {len(line)} bytes is too long for the ledger.", "record less")
            _add(stream, head.bytes, line)
            new = Head(head.entries + 1, head.bytes + len(line), hashlib.sha256(line[:-1]).hexdigest())
            _write_head(path, new)
    return new, warnings


def _parse_statement(text: str) -> dict[str, Any]:
    values = _parse_line(text.encode("utf-8", "surrogateescape"))
    if values is None or set(values) != _FIELDS:
        raise UsageError("The entry is not written as a line of a ledger is.", "give a record instead")
    return values


@contextlib.contextmanager
def _locked(path: str) -> Iterator[BinaryIO]:
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o600)
    with os.fdopen(descriptor, "r+b", buffering=0) as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield stream  # type: ignore[misc]


def _add(stream: BinaryIO, size: int, line: bytes) -> None:
    try:
        written = 0
        while written < len(line):
            written += stream.write(line[written:])
        os.fsync(stream.fileno())
    except OSError:
        # A disk that became full in the middle: half a line is none.
        os.ftruncate(stream.fileno(), size)
        raise


def _end(path: str, stream: BinaryIO) -> tuple[Head, list[str]]:
    """The end that a line can be added to; what a killed writer left is put right.

    Raises:
        DamagedLedger: the end is not what was written.
    """
    size = os.fstat(stream.fileno()).st_size
    head = _read_head(path)
    warnings: list[str] = []
    if head is None:
        # The first line was written and its head was not, or the head was removed: everything has to fit.
        findings = Findings()
        for _entry in _entries(stream, findings, ()):
            pass
        if findings.problems:
            raise _damaged(path, findings.problems)
        head = findings.head
        if size:
            warnings.append(
                f"{path}{HEAD} was missing and is written anew; lines that were cut off before cannot be seen."
            )
    elif size < head.bytes:
        raise _damaged(path, [_cut_off(head, "the file is shorter")])
    elif head.entries:
        last = _last_line(stream, head.bytes)
        if hashlib.sha256(last).hexdigest() != head.sha256:
            raise _damaged(path, [f"line {head.entries} was altered"])
    if size > head.bytes:
        head = _catch_up(path, stream, head, size)
    return head, warnings


def _catch_up(path: str, stream: BinaryIO, head: Head, size: int) -> Head:
    """Take over the lines of a writer that was killed before it wrote the head; half a line was never there."""
    stream.seek(head.bytes)
    rest = _read_exactly(stream, min(size - head.bytes, 64 * LONGEST))
    whole = rest[: rest.rfind(b"\n") + 1]
    for line in whole.splitlines():
        values = _parse_line(line)
        if values is None or (values["n"], values["previous"]) != (head.entries + 1, head.sha256):
            raise _damaged(path, [f"line {head.entries + 1} does not follow the one before it"])
        head = Head(head.entries + 1, head.bytes + len(line) + 1, hashlib.sha256(line).hexdigest())
    os.ftruncate(stream.fileno(), head.bytes)
    return head


def _read_exactly(stream: BinaryIO, size: int) -> bytes:
    data = b""
    while len(data) < size:
        chunk = stream.read(size - len(data))
        if not chunk:
            break
        data += chunk
    return data


def _last_line(stream: BinaryIO, size: int) -> bytes:
    begin = max(0, size - LONGEST - 1)
    stream.seek(begin)
    data = _read_exactly(stream, size - begin)
    return data[data.rfind(b"\n", 0, -1) + 1 : -1] if data.endswith(b"\n") else b""


def _damaged(path: str, problems: Sequence[str]) -> DamagedLedger:
    return DamagedLedger(
        f"The ledger {path} is not what was written: {'; '.join(problems[:5])}.",
        "keep it as evidence under another name, find out who changed it, and put a copy back or begin a new one",
    )


def _read_head(path: str) -> Optional[Head]:
    try:
        descriptor = os.open(path + HEAD, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    with os.fdopen(descriptor, "rb") as stream:
        data = stream.read(4096)
    try:
        head = Head(**json.loads(data))
    except (TypeError, ValueError):
        head = None
    if head is None or not _makes_sense(head):
        raise DamagedLedger(
            f"{path}{HEAD} is not what was written.",
            "compare the ledger with a copy of it; if it is whole, remove this file and it is written anew",
        )
    return head


def _makes_sense(head: Head) -> bool:
    numbers = isinstance(head.entries, int) and isinstance(head.bytes, int) and min(head.entries, head.bytes) >= 0
    return numbers and _ANCHOR.match(f"1:{head.sha256}") is not None


def _write_head(path: str, head: Head) -> None:
    temporary = f"{path}{HEAD}.new"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(_canonical(asdict(head)).encode("ascii"))
        stream.flush()
        os.fsync(stream.fileno())
    os.rename(temporary, path + HEAD)
    directory = os.open(os.path.dirname(path) or ".", os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def read(path: str, trusted: Sequence[PublicKey] = (), anchor: Optional[str] = None) -> tuple[list[Entry], Findings]:
    """Every line of a ledger, and what is wrong with it.

    Args:
        path: of the ledger.
        trusted: who may sign; with any, the last line must be signed by one of them, and no other key may have signed.
        anchor: ``number:sha256`` of a line that was once seen.

    Raises:
        UsageError: the anchor is none.
        BackupError: the ledger cannot be read.
    """
    wanted = _ANCHOR.match(anchor) if anchor else None
    if anchor and wanted is None:
        raise UsageError(
            f"{anchor!r} is no anchor of a ledger.", "give number:sha256, as the playbook ledger prints it"
        )
    findings = Findings()
    entries: list[Entry] = []
    head: Optional[Head] = None
    with explaining(path):
        try:
            head = _read_head(path)
        except DamagedLedger as error:
            findings.problem(error.message)
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            descriptor = -1
        if descriptor >= 0:
            with os.fdopen(descriptor, "rb") as stream:
                # Nobody writes while it is read.
                fcntl.flock(stream, fcntl.LOCK_SH)
                head = _read_head(path) if head is not None else None
                entries = list(_entries(stream, findings, trusted))
    _compare_head(head, entries, findings)
    if wanted is not None:
        number, sha256 = int(wanted[1]), wanted[2]
        if number > len(entries):
            findings.problem(f"line {number} was seen once and is not there any more")
        elif number and entries[number - 1].sha256 != sha256:
            findings.problem(f"line {number} is not the one that was seen once")
    if trusted and entries and entries[-1].signed_by is None:
        findings.problem(f"the last line, {entries[-1].number}, is not signed by a trusted key")
    return entries, findings


def _compare_head(head: Optional[Head], entries: Sequence[Entry], findings: Findings) -> None:
    if head is None:
        if entries:
            findings.warnings.append("The head of the ledger is missing: lines that were cut off cannot be seen.")
    elif len(entries) < head.entries:
        findings.problem(_cut_off(head, f"there are {len(entries)} lines"))
    elif head.entries and entries[head.entries - 1].sha256 != head.sha256:
        findings.problem(f"line {head.entries} was altered")


def _cut_off(head: Head, now: str) -> str:
    return f"lines were cut off at the end: there were {head.entries}, {now}"


def _entries(stream: BinaryIO, findings: Findings, trusted: Sequence[PublicKey]) -> Iterator[Entry]:
    """Every line; the end is left in the findings."""
    head = Head()
    signed = False
    stream.seek(0)
    for line in _lines(stream):
        number = head.entries + 1
        if not line.endswith(b"\n"):
            if len(line) > LONGEST:
                findings.problem(f"line {number} is longer than any real one")
            else:
                findings.warnings.append(
                    "The last line is not whole: its writer was killed. The next one takes its place."
                )
            break
        values = _parse_line(line[:-1])
        if values is None:
            findings.problem(f"line {number} is not what a drill writes")
            values = {"n": number, "previous": head.sha256, "record": {}}
        elif values["n"] != number:
            findings.problem(f"line {number} has the number {values['n']}: lines were removed, inserted or exchanged")
        elif values["previous"] != head.sha256:
            findings.problem(f"line {number - 1} was altered: line {number} was written after another one")
        signed_by = _signer(values, number, findings, trusted)
        if signed_by is None:
            findings.unsigned += 1
            if signed:
                findings.problem(f"line {number} is not signed, although a line before it is")
        signed = signed or signed_by is not None
        head = Head(number, head.bytes + len(line), hashlib.sha256(line[:-1]).hexdigest())
        yield Entry(number, head.sha256, values["record"], signed_by)
    findings.head = head


def _lines(stream: BinaryIO) -> Iterator[bytes]:
    with open(stream.fileno(), "rb", closefd=False) as buffered:
        while True:
            line = buffered.readline(LONGEST + 1)
            if not line:
                return
            yield line


def _parse_line(line: bytes) -> Optional[dict[str, Any]]:
    """The values of a line; None if it is none."""
    try:
        values = strict_json(line)
        if not isinstance(values, dict) or set(values) - {"signature"} != _FIELDS:
            return None
        if _canonical(values).encode("ascii") != line:
            return None
    except ValueError:
        return None
    known = values["format"] == FORMAT and values["version"] == VERSION
    right = isinstance(values["n"], int) and isinstance(values["previous"], str) and isinstance(values["record"], dict)
    return values if known and right else None


def _signer(values: Mapping[str, Any], number: int, findings: Findings, trusted: Sequence[PublicKey]) -> Optional[str]:
    """Fingerprint of the key that has signed a line; None if it is not signed, or not validly."""
    found = values.get("signature")
    if found is None:
        return None
    try:
        key = parse_public_key(str(found["key"]))
        value = base64.b64decode(found["value"], validate=True)
    except (TypeError, KeyError, ValueError, binascii.Error):
        findings.problem(f"the signature of line {number} is malformed")
        return None
    if not key.verifies(value, statement(values["n"], values["previous"], values["record"]).encode("ascii")):
        findings.problem(f"line {number} is not what {key.fingerprint} has signed")
        return None
    if trusted and key not in trusted:
        findings.problem(f"line {number} is signed by {key.fingerprint}, which is not trusted")
        return None
    return key.fingerprint
