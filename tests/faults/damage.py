# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What happens to sets that lie there, and to the clock: bits flip, tails are lost, one thing stands in another's place."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ansible_collections.vya.backupdb.plugins.module_utils._errors import BackupError

from tests.faults.injections import Injection
from tests.faults.operations import Backup, Operation, Restore, fingerprint
from tests.integration.modules.harness import call


def flip(file: Path) -> None:
    """Turn one bit in the middle; the size stays."""
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 0x01
    file.write_bytes(data)


def cut(file: Path) -> None:
    """Cut the last tenth off, at least a byte."""
    data = file.read_bytes()
    file.write_bytes(data[: len(data) - max(1, len(data) // 10)])


def said_by(module: str, **options: Any) -> str:
    """The message of a module that has to refuse; empty if it did not."""
    try:
        call(module, **options)
    except BackupError as error:
        return str(error)
    return ""


def _kind(name: str) -> str:
    """What a file of a set is, without the names of what is in it."""
    if "/" not in name:
        return name
    folder, _slash, inside = name.partition("/")
    return f"{folder}/…{''.join(Path(inside).suffixes[-3:])}"


def damages(operation: Operation, limit: int, one_in: int = 1) -> Iterator[Injection]:
    """Damage every kind of file of the newest set, at most so many of each kind, one in so many, and set it right again."""
    place = operation.place
    operation.reset()
    path = place.directory / place.sets()[-1]
    done: dict[str, int] = {}
    number = 0
    for name in sorted(fingerprint(path)):
        kind = _kind(name)
        file = path / name
        if done.get(kind, 0) >= limit or not file.stat().st_size:
            continue
        done[kind] = done.get(kind, 0) + 1
        before = file.read_bytes()
        for fault, damage in (("a bit flipped", flip), ("a tail cut off", cut)):
            number += 1
            if number % one_in:
                continue
            damage(file)
            yield _looked_at(operation, path, f"{fault} in a set", kind, name)
            file.write_bytes(before)


def _looked_at(operation: Operation, path: Path, fault: str, step: str, named: str) -> Injection:
    """Verify and restore a set that something happened to."""
    place = operation.place
    made = Injection(operation.title, fault, step, "refused")
    made.said = said_by("backup_verify", **place.place, set=path.name, level="checksum")
    if named not in made.said:
        made.wrong.append(f"verify does not name {named}: {made.said or 'it found nothing'}")
    if isinstance(operation, Restore):
        states = [operation.standing.state(name) for name in operation.standing.names]
        there = operation.standing.databases()
        refused = said_by("restore", **{**operation.options, "set": path.name})
        # Nobody needs what tells people what to do, or settings, for a restore; and a single line of the sums may be that of them.
        if not refused and not named.startswith(("RESTORE", "instructions", "settings", "SHA256SUMS")):
            made.wrong.append("it was restored all the same")
        if refused and (states, there) != (
            [operation.standing.state(name) for name in operation.standing.names],
            operation.standing.databases(),
        ):
            made.wrong.append("something was changed before it was refused")
        if not refused:
            operation.reset()
    return made


def replacements(backup: Backup, other: Backup) -> Iterator[Injection]:
    """A manifest, or all of a set, stands where another one belongs: of an older set, and of another instance."""
    place = backup.place
    backup.reset()
    stranger = other.place.directory / other.place.sets()[0]
    assert "failed" not in place.run(backup.module, **backup.options)
    if place.sets()[-1] == stranger.name:
        # Made in the same second, it has the same name, and nothing but a signature tells the two apart.
        assert "failed" not in place.run(backup.module, **backup.options)
    first, second = (place.directory / name for name in place.sets()[-2:])
    kept = place.root / "kept"
    for title, of in (("an older set", first), ("another instance", stranger)):
        shutil.copytree(second, kept)
        shutil.copy2(of / "manifest.json", second / "manifest.json")
        yield _refused(backup, second, "a manifest replaced", f"by that of {title}")
        shutil.copy2(of / "SHA256SUMS", second / "SHA256SUMS")
        yield _refused(backup, second, "a manifest replaced", f"with its sums, by that of {title}")
        shutil.rmtree(second)
        shutil.copytree(of, second)
        yield _refused(backup, second, "a set swapped", f"for that of {title}")
        shutil.rmtree(second)
        kept.rename(second)


def _refused(backup: Backup, path: Path, fault: str, step: str) -> Injection:
    made = Injection(backup.title, fault, step, "refused")
    made.said = said_by("backup_verify", **backup.place.place, set=path.name, level="checksum")
    if "What to do:" not in made.said:
        made.wrong.append(f"verify does not refuse it: {made.said or 'it found nothing'}")
    return made


def clocks(backup: Backup) -> Iterator[Injection]:
    """The clock goes back or jumps ahead between two backups, or while one runs."""
    place = backup.place
    shim = place.shim

    def made(step: str, seconds: int, check: Callable[[dict[str, Any], list[str]], list[str]]) -> Injection:
        backup.reset()
        shim.set_clock(seconds)
        try:
            result = place.run(backup.module, **backup.options)
        finally:
            shim.set_clock(0)
        found = Injection(backup.title, "clock set", step, "failed" if result.get("failed") else "done")
        found.wrong = [str(result["msg"])] if result.get("failed") else check(result, place.sets())
        return found

    def behind(result: dict[str, Any], sets: list[str]) -> list[str]:
        if sets[-1] == result["set"]["id"]:
            return ["the clock did not go back"]
        said = str(result.get("warnings"))
        return [] if "clock of this host has gone back" in said and sets[-1] in said else [f"no warning: {said}"]

    def ahead(result: dict[str, Any], sets: list[str]) -> list[str]:
        if sets[-1] != result["set"]["id"]:
            return ["the new set is not the newest one"]
        after = place.run(backup.module, **backup.options)
        return behind(after, place.sets())

    yield made("an hour back", -3600, behind)
    yield made("a year back", -31_536_000, behind)
    yield made("a year ahead, then right again", 31_536_000, ahead)
    backup.reset()
