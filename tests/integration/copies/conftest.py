# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Small sets of files in a repository, and places for copies of them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.integration.modules.harness import Workplace, call
from tests.integration.modules.sets import rewrite_manifest
from tests.support.remotes import Remote, remote, why_not


class Estate(Workplace):
    """A repository with sets of one instance."""

    def backup(self, megabytes: int = 0) -> str:
        """Make a set; returns its id. So many megabytes cannot be compressed."""
        tree = self.root / "tree"
        tree.mkdir(exist_ok=True)
        (tree / "hello").write_text("hello\n")
        (tree / "random").write_bytes(os.urandom(megabytes << 20))
        made = call("files_archive", **self.place, paths=[str(tree)])
        return str(made["set"]["id"])

    def again(self, set_id: str, *others: str) -> None:
        """The same set as if it had been made at other times."""
        for other in others:
            path = self.directory / other
            shutil.copytree(self.directory / set_id, path)
            rewrite_manifest(path, lambda manifest, other=other: manifest.update(set_id=other))

    @property
    def directory(self) -> Path:
        """Where the sets are."""
        return self.repository / "db1" / "main"

    def files(self, set_id: str) -> dict[str, bytes]:
        """Everything in a set."""
        path = self.directory / set_id
        return {str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()}


@pytest.fixture
def estate(reachable_tmp: Path) -> Estate:
    """A repository without sets."""
    return Estate(reachable_tmp)


@pytest.fixture
def place(reachable_tmp: Path) -> Iterator[Callable[[str], Remote]]:
    """Call it for a place of a kind; the test is skipped where that cannot be had."""
    with ExitStack() as stack:

        def make(kind: str) -> Remote:
            reason = why_not(kind)
            if reason:
                pytest.skip(reason)
            return stack.enter_context(remote(kind, reachable_tmp / f"remote-{kind}"))

        yield make


@pytest.fixture
def offsite(place: Callable[[str], Remote]) -> Remote:
    """A directory of this machine."""
    return place("local")


def with_options(found: Remote, **options: Any) -> Mapping[str, Any]:
    """The option `copy` of a place, changed."""
    return {**found.copy, **options}
