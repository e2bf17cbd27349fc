# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The ledger of drills: nothing in it can be changed without being found out, and no line is half."""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._errors import UsageError
from ansible_collections.vya.backupdb.plugins.module_utils._ledger import (
    HEAD,
    DamagedLedger,
    Moved,
    append,
    read,
    signature_of,
    statement,
)
from ansible_collections.vya.backupdb.plugins.plugin_utils._signing import SigningKey

RECORD = {"instance": "main", "verdict": "passed", "recovery_seconds": 1.25, "reasons": [], "odd": "ä\udcff\n"}


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    return tmp_path / "sub" / "drills.jsonl"


def fill(ledger: Path, lines: int = 5, key: SigningKey | None = None) -> None:
    for number in range(1, lines + 1):
        record = {**RECORD, "number": number}
        if key is None:
            append(str(ledger), record)
        else:
            sign(ledger, record, key)


def sign(ledger: Path, record: dict[str, object], key: SigningKey) -> None:
    _entries, findings = read(str(ledger))
    text = statement(findings.head.entries + 1, findings.head.sha256, record)
    append(str(ledger), text=text, signature=signature_of(key.public, key.sign(text.encode())))


def problems(ledger: Path, **options: object) -> list[str]:
    return read(str(ledger), **options)[1].problems  # type: ignore[arg-type]


def test_what_was_added_is_read_in_order(ledger: Path) -> None:
    fill(ledger)
    entries, findings = read(str(ledger))
    assert [entry.record["number"] for entry in entries] == [1, 2, 3, 4, 5]
    assert entries[0].record == {**RECORD, "number": 1}
    assert (findings.problems, findings.warnings, findings.unsigned) == ([], [], 5)
    assert ledger.stat().st_mode & 0o777 == 0o600
    assert ledger.parent.stat().st_mode & 0o777 == 0o700


def test_a_ledger_that_is_not_there_has_no_lines(ledger: Path) -> None:
    entries, findings = read(str(ledger))
    assert (entries, findings.problems) == ([], [])


Change = Callable[[list[bytes]], list[bytes]]
CHANGES: dict[str, tuple[Change, str]] = {
    "altered": (lambda lines: [*lines[:1], lines[1].replace(b"passed", b"failed"), *lines[2:]], "line 2 was altered"),
    "last altered": (lambda lines: [*lines[:4], lines[4].replace(b"passed", b"failed")], "line 5 was altered"),
    "removed": (lambda lines: [*lines[:2], *lines[3:]], "line 3 has the number 4"),
    "cut off": (lambda lines: lines[:3], "there were 5, there are 3 lines"),
    "emptied": (lambda _lines: [], "there were 5, there are 0 lines"),
    "exchanged": (lambda lines: [lines[0], lines[2], lines[1], *lines[3:]], "line 2 has the number 3"),
    "doubled": (lambda lines: [*lines, lines[4]], "line 6 has the number 5"),
    "reformatted": (lambda lines: [*lines[:2], lines[2].replace(b",", b", "), *lines[3:]], "line 3 is not what"),
    "garbage": (lambda lines: [*lines[:2], b"\xff\x00\n", *lines[3:]], "line 3 is not what a drill writes"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_every_change_is_found_and_nothing_is_added_behind_it(name: str, ledger: Path) -> None:
    fill(ledger)
    change, words = CHANGES[name]
    ledger.write_bytes(b"".join(change(ledger.read_bytes().splitlines(keepends=True))))
    assert words in "; ".join(problems(ledger))
    if name in ("last altered", "cut off", "emptied", "doubled"):
        before = ledger.read_bytes()
        with pytest.raises(DamagedLedger):
            append(str(ledger), RECORD)
        assert ledger.read_bytes() == before


def test_who_writes_both_files_is_found_by_an_anchor_kept_elsewhere(ledger: Path) -> None:
    fill(ledger, 3)
    before = (ledger.read_bytes(), Path(f"{ledger}{HEAD}").read_bytes())
    fill(ledger, 2)
    _entries, findings = read(str(ledger))
    anchor = f"{findings.head.entries}:{findings.head.sha256}"
    assert problems(ledger, anchor=anchor) == []
    ledger.write_bytes(before[0])
    Path(f"{ledger}{HEAD}").write_bytes(before[1])
    assert problems(ledger) == []
    assert problems(ledger, anchor=anchor) == ["line 5 was seen once and is not there any more"]
    for verdict in ("a", "b", "c"):
        append(str(ledger), {"verdict": verdict})
    assert problems(ledger, anchor=anchor) == ["line 5 is not the one that was seen once"]
    with pytest.raises(UsageError):
        read(str(ledger), anchor="5")


def test_a_removed_ledger_is_missed(ledger: Path) -> None:
    fill(ledger)
    ledger.unlink()
    assert "there were 5" in problems(ledger)[0]
    with pytest.raises(DamagedLedger, match="shorter"):
        append(str(ledger), RECORD)


def test_signatures_hold_and_are_missed(ledger: Path) -> None:
    ours, theirs = SigningKey.create(), SigningKey.create()
    fill(ledger, 1)
    sign(ledger, RECORD, ours)
    sign(ledger, RECORD, ours)
    entries, findings = read(str(ledger), [ours.public])
    assert findings.problems == []
    assert [entry.signed_by for entry in entries] == [None, ours.public.fingerprint, ours.public.fingerprint]
    assert "not trusted" in problems(ledger, trusted=[theirs.public])[0]
    # Without the private key nobody can write the later lines anew.
    lines = ledger.read_bytes().splitlines()
    forged = {**json.loads(lines[1]), "record": {"verdict": "passed by force"}}
    lines[1] = json.dumps(forged, sort_keys=True, separators=(",", ":")).encode()
    ledger.write_bytes(b"\n".join([*lines, b""]))
    assert any("line 2 is not what" in text for text in problems(ledger))


def test_an_unsigned_line_after_signed_ones_is_a_problem(ledger: Path) -> None:
    key = SigningKey.create()
    fill(ledger, 2, key)
    append(str(ledger), RECORD)
    assert problems(ledger) == ["line 3 is not signed, although a line before it is"]
    assert "the last line, 3, is not signed by a trusted key" in problems(ledger, trusted=[key.public])


def test_a_statement_that_came_too_late_is_refused(ledger: Path) -> None:
    fill(ledger, 1)
    _entries, findings = read(str(ledger))
    text = statement(2, findings.head.sha256, RECORD)
    fill(ledger, 1)
    with pytest.raises(Moved):
        append(str(ledger), text=text)
    with pytest.raises(UsageError):
        append(str(ledger), text=text.replace(",", ", "))


def test_half_a_line_of_a_killed_writer_gives_way_to_the_next(ledger: Path) -> None:
    fill(ledger, 2)
    with ledger.open("ab") as stream:
        stream.write(b'{"format":"vya.backupdb dri')
    _entries, findings = read(str(ledger))
    assert findings.problems == []
    assert "not whole" in findings.warnings[0]
    append(str(ledger), RECORD)
    entries, findings = read(str(ledger))
    assert (len(entries), findings.problems, findings.warnings) == (3, [], [])


@pytest.mark.parametrize("lines", [0, 2])
def test_a_line_whose_writer_died_before_the_head_is_taken_over(lines: int, ledger: Path) -> None:
    fill(ledger, lines)
    head = Path(f"{ledger}{HEAD}")
    before = head.read_bytes() if lines else None
    fill(ledger, 1)
    if before is None:
        head.unlink()
    else:
        head.write_bytes(before)
    append(str(ledger), RECORD)
    entries, findings = read(str(ledger))
    assert (len(entries), findings.problems, findings.warnings) == (lines + 2, [], [])


def test_a_full_disk_leaves_no_half_line(ledger: Path) -> None:
    fill(ledger, 2)
    before = ledger.read_bytes()
    child = multiprocessing.get_context("fork").Process(target=_append_limited, args=(str(ledger), len(before) + 20))
    child.start()
    child.join()
    assert child.exitcode == 7
    assert ledger.read_bytes() == before
    assert problems(ledger) == []


def _append_limited(path: str, size: int) -> None:
    import resource
    import signal

    from ansible_collections.vya.backupdb.plugins.module_utils._errors import RepositoryError

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    try:
        append(path, RECORD)
    except RepositoryError:
        os._exit(7)


def test_many_writers_at_once_make_one_chain(ledger: Path) -> None:
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=fill, args=(ledger, 10)) for _number in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    entries, findings = read(str(ledger))
    assert (len(entries), findings.problems) == (40, [])


def test_links_are_not_followed(ledger: Path, tmp_path: Path) -> None:
    ledger.parent.mkdir()
    ledger.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Exception, match="failed|writable"):
        append(str(ledger), RECORD)
    assert not (tmp_path / "elsewhere").exists()
