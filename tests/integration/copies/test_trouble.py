# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Transfers that are cut off, places that are not there, copies that are not what they say: half a set is never one."""

from __future__ import annotations

import fcntl
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._errors import (
    BackupError,
    CopyFailed,
    DamagedSet,
    NoSpace,
    NoSuchSet,
    UntrustedSet,
    UsageError,
)

from tests.integration.copies.conftest import Estate, with_options
from tests.integration.modules.harness import call, message_of, until
from tests.integration.modules.sets import alter, files_of
from tests.support.remotes import Remote, program


def ids(copy: Any) -> list[str]:
    return [item["id"] for item in call("copy_info", copy=copy)["sets"]]


def larger_than(folder: Path, size: int) -> bool:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) > size


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_f18_an_upload_that_is_killed_goes_on(number: int, estate: Estate, place: Callable[[str], Remote]) -> None:
    there = place("sftp")
    assert there.folder is not None
    set_id = estate.backup(megabytes=4)
    slow = with_options(there, bandwidth="1M")
    with estate.started("copy_push", **estate.place, copy=slow) as process:
        until(lambda: larger_than(there.folder, 1 << 20), "a part is there")
        process.send_signal(number)
        process.wait()
    until(lambda: not estate.processes(), "every process has ended")
    assert ids(there.copy) == [], "half a set is none"
    assert call("copy_push", **estate.place, copy=there.copy)["copied"] == [set_id]
    (found,) = call("copy_info", copy=there.copy, verify=True)["sets"]
    assert found["problem"] is None


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_f18_a_fetch_that_is_killed_goes_on(number: int, estate: Estate, offsite: Remote) -> None:
    set_id = estate.backup(megabytes=4)
    before = estate.files(set_id)
    call("copy_push", **estate.place, copy=offsite.copy)
    shutil.rmtree(estate.repository)
    slow = with_options(offsite, bandwidth="1M")
    with estate.started("copy_fetch", **estate.place, copy=slow) as process:
        until(lambda: estate.partial() and larger_than(estate.partial()[0], 1 << 20), "a part is here")
        process.send_signal(number)
        process.wait()
    until(lambda: not estate.processes(), "every process has ended")
    assert estate.sets() == []
    assert call("backup_info", repository=str(estate.repository))["total"] == 0
    # what is complete already stays, what is not the manifest's goes
    (partial,) = estate.partial()
    (partial / "stranger").write_text("left by somebody")
    call("copy_fetch", **estate.place, copy=offsite.copy)
    assert estate.files(set_id) == before
    assert estate.partial() == []


def test_f18_a_network_that_drops_in_the_middle(estate: Estate, place: Callable[[str], Remote]) -> None:
    there = place("sftp")
    set_id = estate.backup(megabytes=4)
    slow = with_options(there, bandwidth="1M", attempts=4)
    with estate.started("copy_push", **estate.place, copy=slow) as process:
        until(lambda: larger_than(there.folder or Path(), 1 << 20), "a part is there")
        there.stop()
        there.start()
        output, _errors = process.communicate()
    assert f'"{set_id}"' in output and "attempt 2 of 4 follows" in output, output
    assert ids(there.copy) == [set_id]


@pytest.mark.parametrize(("times", "good"), [(1, True), (2, False)])
def test_f14_what_a_place_does_not_keep_as_it_was_written(
    times: int, good: bool, estate: Estate, offsite: Remote
) -> None:
    """A disk that loses bits: written once more it may be right, otherwise the set does not appear."""
    set_id = estate.backup()
    budget = estate.root / "budget"
    budget.mkdir()
    for number in range(times):
        (budget / str(number)).touch()
    script = estate.bin / "rclone"
    script.write_text(
        f'#!/bin/sh\n{program("rclone")} "$@" || exit\n'
        f"file=$(find {offsite.folder} -name '*.tar.zst')\n"
        f'[ "$1" = copy ] && [ -n "$file" ] && rm {budget}/$(ls {budget} | head -n 1) 2>/dev/null || exit 0\n'
        "printf X | dd of=$file bs=1 seek=20 conv=notrunc 2>/dev/null\n"
    )
    script.chmod(0o755)
    result = estate.run("copy_push", **estate.place, copy=offsite.copy)
    assert list(budget.iterdir()) == []
    if good:
        assert result["copied"] == [set_id]
        (found,) = call("copy_info", copy=offsite.copy, verify=True)["sets"]
        assert found["problem"] is None
    else:
        message_of(result, "does not hold what was written to it: files/.*tar.zst", "differ when they are read again")
        assert ids(offsite.copy) == []


def test_f18_a_place_that_is_not_there(estate: Estate, place: Callable[[str], Remote]) -> None:
    there = place("sftp")
    estate.backup()
    there.stop()
    result = estate.run("copy_push", **estate.place, copy=with_options(there, attempts=3))
    message_of(result, "listing failed 3 times", "refused", "What to do: check address")
    said = str(result["warnings"])
    assert "attempt 2 of 3 follows after 1 s" in said and "attempt 3 of 3 follows after 2 s" in said


def test_a_refused_login_is_not_repeated(estate: Estate, place: Callable[[str], Remote]) -> None:
    there = place("webdav")
    estate.backup()
    with pytest.raises(CopyFailed, match="listing failed: .*401"):
        call("copy_push", **estate.place, copy=with_options(there, secrets={"pass": "another one"}))


def test_an_unknown_host_key_is_refused(estate: Estate, place: Callable[[str], Remote]) -> None:
    there = place("sftp")
    estate.backup()
    known = estate.root / "known_hosts"
    known.write_text("")
    config = {**there.copy["config"], "known_hosts_file": str(known)}
    with pytest.raises(CopyFailed, match="listing failed: .*knownhosts: key is unknown"):
        call("copy_push", **estate.place, copy=with_options(there, config=config))


def test_f17_secrets_are_not_on_command_lines(estate: Estate, place: Callable[[str], Remote]) -> None:
    there = place("webdav")
    estate.backup(megabytes=1)
    estate.hold("rclone")
    with estate.started("copy_push", **estate.place, copy=there.copy) as process:
        estate.held()
        seen = estate.processes()
        estate.release()
        output, errors = process.communicate()
    assert seen
    for text in (*seen, output, errors):
        assert there.copy["secrets"]["pass"] not in text
    assert '"copied": ["' in output


def test_a_set_that_is_damaged_here_is_not_copied(estate: Estate, offsite: Remote) -> None:
    good = estate.backup()
    estate.again(good, "20250101T000000Z", "20250102T000000Z")
    alter(files_of(estate.directory / "20250101T000000Z", "archive")[0])
    (estate.directory / "20250102T000000Z" / "SHA256SUMS").unlink()
    result = estate.run("copy_push", **estate.place, copy=offsite.copy)
    message_of(result, "20250101T000000Z: .*altered since it was written", "20250102T000000Z: .*SHA256SUMS is missing")
    assert (result["copied"], result["changed"], ids(offsite.copy)) == ([good], True, [good])


def test_another_set_in_the_place_of_one_is_refused(estate: Estate, offsite: Remote) -> None:
    set_id = estate.backup()
    call("copy_push", **estate.place, copy=offsite.copy)
    assert offsite.folder is not None
    (offsite.folder / "db1" / "main" / set_id).rename(offsite.folder / "db1" / "main" / "20990101T000000Z")
    shutil.rmtree(estate.repository)
    with pytest.raises(DamagedSet, match="holds another set in the place of 20990101T000000Z"):
        call("copy_fetch", **estate.place, copy=offsite.copy)
    assert estate.sets() == []


def test_files_that_no_manifest_names_do_not_come(estate: Estate, offsite: Remote) -> None:
    set_id = estate.backup()
    call("copy_push", **estate.place, copy=offsite.copy)
    assert offsite.folder is not None
    there = offsite.folder / "db1" / "main" / set_id
    (there / "stranger").write_text("not ours")
    shutil.rmtree(estate.repository)
    call("copy_fetch", **estate.place, copy=offsite.copy)
    assert "stranger" not in estate.files(set_id)


def test_f09_a_set_that_has_no_room_is_not_fetched(
    estate: Estate, offsite: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    estate.backup(megabytes=1)
    call("copy_push", **estate.place, copy=offsite.copy)
    shutil.rmtree(estate.repository)
    monkeypatch.setattr(
        "ansible_collections.vya.backupdb.plugins.module_utils._repository.Repository.free_bytes", lambda _self: 1000
    )
    with pytest.raises(NoSpace, match=r"needs \d+ more bytes, and the repository has 1000 left"):
        call("copy_fetch", **estate.place, copy=offsite.copy)


def test_a_signature_that_comes_later_follows_and_strangers_are_refused(estate: Estate, offsite: Remote) -> None:
    set_id = estate.backup()
    call("copy_push", **estate.place, copy=offsite.copy)
    (estate.directory / set_id / "SIGNATURE.json").write_text("{}")
    pushed = call("copy_push", **estate.place, copy=offsite.copy)
    assert (pushed["changed"], pushed["copied"]) == (True, [])
    assert call("copy_push", **estate.place, copy=offsite.copy)["changed"] is False
    assert offsite.folder is not None
    assert (offsite.folder / "db1" / "main" / set_id / "SIGNATURE.json").read_text() == "{}"

    trusted = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f somebody"]
    (found,) = call("copy_info", copy=offsite.copy, verify=True, trusted_keys=trusted)["sets"]
    assert "is not trusted" in found["problem"]
    shutil.rmtree(estate.repository)
    with pytest.raises(UntrustedSet):
        call("copy_fetch", **estate.place, copy=offsite.copy, trusted_keys=trusted)
    assert estate.sets() == [] and estate.partial() == []


def test_a_copy_that_somebody_emptied_is_filled_again(estate: Estate, offsite: Remote) -> None:
    first = estate.backup()
    estate.again(first, "20250101T000000Z")
    call("copy_push", **estate.place, copy=offsite.copy)
    assert offsite.folder is not None
    shutil.rmtree(offsite.folder / "db1" / "main" / first)
    call("copy_push", **estate.place, copy=with_options(offsite), newest=1)
    assert ids(offsite.copy) == ["20250101T000000Z", first]
    shutil.rmtree(offsite.folder / "db1" / "main" / "20250101T000000Z")
    call("copy_push", **estate.place, copy=offsite.copy, newest=1)
    known = {item["id"]: item["copies"] for item in call("backup_info", repository=str(estate.repository))["sets"]}
    assert known == {"20250101T000000Z": [], first: ["offsite"]}


def test_what_is_not_there_is_said(estate: Estate, offsite: Remote) -> None:
    with pytest.raises(UsageError, match="holds no set of 'main' of 'db1'. What to do: make a backup first"):
        call("copy_push", **estate.place, copy=offsite.copy)
    with pytest.raises(NoSuchSet, match="holds no set of 'main' of 'db1'"):
        call("copy_fetch", **estate.place, copy=offsite.copy)
    set_id = estate.backup()
    call("copy_push", **estate.place, copy=offsite.copy)
    with pytest.raises(NoSuchSet, match=f"holds no set 20200101T000000Z .*newest being {set_id}"):
        call("copy_fetch", **estate.place, copy=offsite.copy, set="20200101T000000Z")
    with pytest.raises(UsageError, match="rclone on this host knows no type 'gopher'"):
        call("copy_push", **estate.place, copy={"name": "a", "path": "/a", "config": {"type": "gopher"}})
    with pytest.raises(UsageError, match="does not know: hots"):
        call("copy_push", **estate.place, copy={"name": "a", "path": "/a", "config": {"type": "sftp", "hots": "b"}})
    with (estate.directory / ".state" / "copies.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(BackupError, match="copied by another process"):
            call("copy_push", **estate.place, copy=offsite.copy)
