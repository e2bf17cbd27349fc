# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is broken on purpose: each operation of the collection, how it is set back, and what must be true whatever happened."""

from __future__ import annotations

import hashlib
import shutil
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from ansible_collections.vya.backupdb.plugins.module_utils._errors import BackupError
from ansible_collections.vya.backupdb.plugins.module_utils._repository import Repository

from tests.faults.shim import Shim
from tests.faults.standing import Standing
from tests.integration.modules.harness import Workplace, call
from tests.support.keys import Key
from tests.support.remotes import Remote
from tests.support.sets import make_set

Result = Mapping[str, Any]


class Place(Workplace):
    """Where modules run that the shim is preloaded into."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.shim = Shim(root / "shim", root)

    @property
    def environment(self) -> dict[str, str]:
        """With the shim, which the modules hand on."""
        return {**super().environment, "LD_PRELOAD": str(self.shim.library)}

    @property
    def directory(self) -> Path:
        """Where the sets are."""
        return self.repository / "db1" / "main"

    def left(self) -> list[Path]:
        """Temporary files; not those with which Python itself tries whether it can write there."""
        return [path for path in self.tmp.iterdir() if path.is_dir() or path.stat().st_size > len(b"blat")]


def fingerprint(path: Path) -> dict[str, str]:
    """Every file below a path with the digest of its content and its mode."""
    return {
        str(item.relative_to(path)): f"{item.stat().st_mode:o} {hashlib.sha256(item.read_bytes()).hexdigest()}"
        for item in path.rglob("*")
        if item.is_file()
    }


def damaged(place: Place) -> list[str]:
    """What is wrong with the sets of a repository: every one that is listed has to be whole."""
    found = []
    for name in place.sets():
        try:
            call("backup_verify", **place.place, set=name, level="checksum")
        except BackupError as error:
            found.append(f"the set is not whole: {error}")
    return found


class Operation(ABC):
    """One module with its options.

    title: for people
    servers: programs whose end is seen as that of a connection
    """

    title = ""
    module = ""
    servers: tuple[str, ...] = ()

    def __init__(self, place: Place) -> None:
        self.place = place

    @property
    @abstractmethod
    def options(self) -> dict[str, Any]:
        """Options of the module."""

    @abstractmethod
    def reset(self) -> None:
        """Everything is as it was at first."""

    def idle(self, _result: Result | None) -> bool:
        """Whether nothing runs any more that should have ended with the run."""
        return not self.place.processes()

    @abstractmethod
    def wrong(self, result: Result | None) -> list[str]:
        """What must not be, after a run that ended with a result or, killed, without."""

    @abstractmethod
    def wrong_at_last(self) -> list[str]:
        """What must not be after the run that followed and succeeded."""


class Backup(Operation):
    """A backup where there is a set already, in a repository of its own."""

    def __init__(self, place: Place, title: str, module: str, options: Mapping[str, Any]) -> None:
        super().__init__(place)
        self.title, self.module = title, module
        self._options = {**options, **place.place}
        assert "failed" not in place.run(module, **self._options)
        self.older = place.sets()
        self.before = fingerprint(place.directory / self.older[0])

    @property
    def options(self) -> dict[str, Any]:
        return self._options

    def reset(self) -> None:
        for path in self.place.directory.iterdir():
            if path.is_dir() and path.name not in self.older and path.name != ".state":
                shutil.rmtree(path)
        for path in self.place.tmp.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    def wrong(self, result: Result | None) -> list[str]:
        found = self._wrong()
        new = len(self.place.sets()) - len(self.older)
        if result is not None:
            if new != (0 if result.get("failed") else 1):
                found.append(f"{new} new sets, and the result says {'failed' if result.get('failed') else 'done'}")
            found += [f"left: {path.name}" for path in self.place.partial()]
            found += [f"left: {path}" for path in self.place.left()]
        elif new not in (0, 1):
            found.append(f"{new} new sets")
        self.already = new
        return found

    def wrong_at_last(self) -> list[str]:
        found = self._wrong()
        if len(self.place.sets()) != len(self.older) + self.already + 1:
            found.append("no new set")
        return found + [f"left: {path.name}" for path in self.place.directory.glob("*.partial")]

    def _wrong(self) -> list[str]:
        found = damaged(self.place)
        if fingerprint(self.place.directory / self.older[0]) != self.before:
            found.append("an older set was changed")
        return found


class Restore(Operation):
    """Databases of a set take the place of living ones."""

    module = "restore"

    def __init__(self, place: Place, title: str, standing: Standing, key: Key | None = None) -> None:
        super().__init__(place)
        self.title, self.standing, self.key = title, standing, key
        recipients = [key.public] if key else []
        dump = {"databases": list(standing.names), "proof": "content", "recipients": recipients}
        made = place.run("dump", **standing.server.login(), **place.place, **dump)
        assert "failed" not in made, made
        self.before = fingerprint(place.directory / place.sets()[0])

    @property
    def options(self) -> dict[str, Any]:
        identity = {"identity": [self.key.private]} if self.key else {}
        return {
            **self.standing.server.login(),
            **self.place.place,
            **identity,
            "databases": list(self.standing.names),
            "if_exists": "replace",
            "disconnect": True,
            "analyze": False,
        }

    def reset(self) -> None:
        self.standing.reset()
        for path in self.place.tmp.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    def wrong(self, result: Result | None) -> list[str]:
        states = {name: self.standing.state(name) for name in self.standing.names}
        found = [f"{name} is {state}" for name, state in states.items() if state not in ("old", "new")]
        there = self.standing.databases()
        for name, state in states.items():
            previous = [item for item in there if item.startswith(f"{name}__before_")]
            if state == "new" and "old" not in [self.standing.state(item) for item in previous]:
                found.append(f"what {name} was before is gone")
        if result is not None and not result.get("failed"):
            found += [f"{name} is old, and the result says done" for name, state in states.items() if state == "old"]
        if result is not None and result.get("failed") and "stopped by" not in str(result["msg"]):
            new = [name for name, state in states.items() if state == "new"]
            found += [f"{name} is new, and the message does not say so" for name in new if name not in result["msg"]]
        if result is not None:
            found += [f"left: {path}" for path in self.place.left()]
        return found + self._wrong()

    def wrong_at_last(self) -> list[str]:
        found = [f"{name} is not new" for name in self.standing.names if self.standing.state(name) != "new"]
        found += [f"left: {name}" for name in self.standing.databases() if "shadow" in name]
        return found + self._wrong()

    def _wrong(self) -> list[str]:
        same = fingerprint(self.place.directory / self.place.sets()[0]) == self.before
        return [] if same else ["the set was changed"]


class Prune(Operation):
    """Three of five sets go."""

    title = "prune"
    module = "prune"

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        repository = Repository(str(place.repository))
        now = datetime(2026, 11, 21, 8, tzinfo=timezone.utc)
        for day in range(5):
            make_set(repository, now - timedelta(days=day))
        self.kept = place.sets()[-2:]
        self.original = place.root / "original"
        shutil.copytree(place.directory, self.original)
        self.before = {name: fingerprint(place.directory / name) for name in self.kept}

    @property
    def options(self) -> dict[str, Any]:
        return {**self.place.place, "retention": {"keep_last": 2}}

    def reset(self) -> None:
        shutil.rmtree(self.place.directory)
        shutil.copytree(self.original, self.place.directory)

    def wrong(self, result: Result | None) -> list[str]:
        found = self._wrong()
        if result is not None:
            gone = 5 - len(self.place.sets()) - len(list(self.place.directory.glob("*.removing")))
            if not result.get("failed") and gone != 3:
                found.append(f"{gone} sets are gone, and the result says done")
        return found

    def wrong_at_last(self) -> list[str]:
        left = sorted(path.name for path in self.place.directory.iterdir() if path.name != ".lock")
        states = sorted(path.name for path in (self.place.directory / ".state").iterdir())
        found = [] if left == [".state", *self.kept] else [f"there is {left}"]
        found += [] if states == [f"{name}.json" for name in self.kept] else [f"in .state is {states}"]
        return found + self._wrong()

    def _wrong(self) -> list[str]:
        sets = [name for name in self.place.sets() if not name.endswith(".removing")]
        found = [f"{name} is gone" for name in self.kept if name not in sets]
        for name in sets:
            same = fingerprint(self.place.directory / name) == fingerprint(self.original / name)
            found += [] if same else [f"{name} was changed"]
        return found


class Push(Operation):
    """A set goes to a copy elsewhere."""

    title = "copy to another place"
    module = "copy_push"

    def __init__(self, place: Place, remote: Remote) -> None:
        super().__init__(place)
        self.remote = remote
        make_set(Repository(str(place.repository)), datetime(2026, 11, 21, 8, tzinfo=timezone.utc), size=1 << 20)
        self.before = fingerprint(place.directory / place.sets()[0])

    @property
    def options(self) -> dict[str, Any]:
        return {**self.place.place, "copy": self.remote.copy}

    def reset(self) -> None:
        assert self.remote.folder is not None
        for path in self.remote.folder.iterdir():
            shutil.rmtree(path)
        shutil.rmtree(self.place.directory / ".state")

    def listed(self) -> list[dict[str, Any]]:
        """The sets that the copy says it holds, every byte read."""
        found: list[dict[str, Any]] = call("copy_info", copy=self.remote.copy, verify=True)["sets"]
        return found

    def wrong(self, result: Result | None) -> list[str]:
        listed = self.listed()
        found = [f"the copy lists what is not whole: {item['problem']}" for item in listed if item["problem"]]
        if result is not None and not result.get("failed") and not listed:
            found.append("the copy lists nothing, and the result says done")
        if fingerprint(self.place.directory / self.place.sets()[0]) != self.before:
            found.append("the set was changed")
        return found

    def wrong_at_last(self) -> list[str]:
        number = len(self.listed())
        return self.wrong({}) if number == 1 else [f"the copy lists {number} sets"]


class Fetch(Push):
    """A set comes from a copy elsewhere into an empty repository."""

    title = "fetch from another place"
    module = "copy_fetch"

    def __init__(self, place: Place, remote: Remote) -> None:
        super().__init__(place, remote)
        call("copy_push", **place.place, copy=remote.copy)

    def reset(self) -> None:
        shutil.rmtree(self.place.directory)

    def wrong(self, result: Result | None) -> list[str]:
        sets = self.place.sets()
        found = [] if not sets or fingerprint(self.place.directory / sets[0]) == self.before else ["a set is not whole"]
        # What has come here is whole and stays, also when something fails after that.
        if result is not None and not result.get("failed") and not sets:
            found.append("no set, and the result says done")
        return found

    def wrong_at_last(self) -> list[str]:
        found = self.wrong({})
        return found + [f"left: {path.name}" for path in self.place.partial()]


class Drill(Operation):
    """A throw-away server like that of a set is started, beside a live one."""

    module = "scratch_server"
    servers = ("postgres", "mariadbd")

    def __init__(self, place: Place, title: str, live: Any, names: Sequence[str]) -> None:
        super().__init__(place)
        self.title, self._live = title, live
        made = place.run("dump", **live.login(), **place.place, databases=list(names))
        assert "failed" not in made, made
        self.before = fingerprint(place.directory / place.sets()[0])
        self.drills = place.root / "drills"
        self.drills.mkdir(mode=0o711)

    @property
    def options(self) -> dict[str, Any]:
        return {**self.place.place, "directory": str(self.drills), "time_limit": 600}

    def reset(self) -> None:
        for path in self.drills.iterdir():
            removed = self.place.run(self.module, state="removed", path=str(path))
            assert not removed.get("failed"), removed
        for path in self.place.tmp.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    def idle(self, result: Result | None) -> bool:
        # The server outlives the module; where that was killed, the next drill ends it.
        return result is None or not result.get("failed") or super().idle(result)

    def wrong(self, result: Result | None) -> list[str]:
        there = [str(path) for path in self.drills.iterdir()]
        found = self._wrong()
        if result is not None and result.get("failed"):
            found += [f"left: {path}" for path in there]
        elif result is not None:
            found += [] if there == [result["path"]] else [f"there is {there}, and the result says {result['path']}"]
            found += [f"the server does not run: {result}"] if not Path(f"/proc/{result['pid']}").exists() else []
        if result is not None:
            found += [f"left: {path}" for path in self.place.left()]
        return found

    def wrong_at_last(self) -> list[str]:
        there = list(self.drills.iterdir())
        found = [] if len(there) == 1 else [f"there is {there}"]
        self.reset()
        # What a killed run had started has ended with the next one.
        left = self.place.processes()
        return found + self._wrong() + [f"runs on: {line}" for line in left]

    def _wrong(self) -> list[str]:
        same = fingerprint(self.place.directory / self.place.sets()[0]) == self.before
        found = [] if same else ["the set was changed"]
        return found if self._live.running() else [*found, "the live server does not run any more"]
