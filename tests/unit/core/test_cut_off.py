# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writers that are stopped, or whose disk breaks, in the very moment in which a set begins or appears."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils import _pruning, _set_writer
from ansible_collections.vya.backupdb.plugins.module_utils._errors import BackupError, Interrupted, RepositoryError
from ansible_collections.vya.backupdb.plugins.module_utils._modules import sign
from ansible_collections.vya.backupdb.plugins.module_utils._modules._request import Request
from ansible_collections.vya.backupdb.plugins.module_utils._modules._seal import explaining_full_disk, warn_of_clock
from ansible_collections.vya.backupdb.plugins.module_utils._progress import Reporter
from ansible_collections.vya.backupdb.plugins.module_utils._repository import Repository
from ansible_collections.vya.backupdb.plugins.module_utils._retention import Policy

from tests.support.sets import make_set


def interrupted(*_arguments: Any) -> Any:
    raise Interrupted("stopped", "run it again")


NOW = datetime(2026, 11, 21, 8, tzinfo=timezone.utc)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(str(tmp_path / "repository"))


def stopped_after(call: Callable[..., Any]) -> Callable[..., Any]:
    """A call after which a signal has come, for a set."""

    def wrapped(path: str, *more: Any, **options: Any) -> Any:
        made = call(path, *more, **options)
        if str(path).endswith(".partial"):
            raise Interrupted("stopped", "run it again")
        return made

    return wrapped


def names(repository: Repository) -> list[str]:
    return sorted(os.listdir(repository.instance_directory("db1", "main")))


def test_f10_stopped_when_the_set_has_just_appeared(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(_set_writer.os, "rename", stopped_after(os.rename))
        with pytest.raises(Interrupted):
            make_set(repository, NOW)
    assert names(repository) == [".lock"]
    make_set(repository, NOW)


def test_f10_stopped_when_the_set_has_just_begun(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(os, "mkdir", stopped_after(os.mkdir))
        with pytest.raises(Interrupted):
            repository.begin("db1", "main", NOW)
    assert names(repository) == [".lock"]
    make_set(repository, NOW)


def test_a_set_whose_name_cannot_be_synced_does_not_exist(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = _set_writer.sync

    def fails(path: str) -> None:
        if path == repository.instance_directory("db1", "main"):
            raise OSError(errno.EIO, os.strerror(errno.EIO), path)
        real(path)

    monkeypatch.setattr(_set_writer, "sync", fails)
    with pytest.raises(RepositoryError, match="Input/output error"):
        make_set(repository, NOW)
    assert names(repository) == [".lock"]


def test_a_disk_that_breaks_is_named(repository: Repository) -> None:
    broken = pytest.raises(RepositoryError, match=r"Input/output error.*check the file system")
    with broken, explaining_full_disk(repository):
        raise OSError(errno.EIO, os.strerror(errno.EIO))


@pytest.mark.parametrize("back", [True, False])
def test_a_clock_that_went_back_is_said(repository: Repository, back: bool) -> None:
    make_set(repository, NOW)
    reporter = Reporter()
    moment = NOW - timedelta(hours=1) if back else NOW + timedelta(hours=1)
    with pytest.raises(BackupError), repository.begin("db1", "main", moment) as writer:
        warn_of_clock(writer, Request({}, False, False, reporter))
        raise BackupError("enough", "nothing")
    assert [text for text in reporter.warnings if "20261121T080000Z, which 'latest' still means" in text] == (
        reporter.warnings if back else []
    )
    assert bool(reporter.warnings) == back


@pytest.mark.parametrize("call", ["in_use", "remove_aside"])
def test_f10_a_prune_that_is_stopped_says_so(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    for day in range(3):
        make_set(repository, NOW - timedelta(days=day))
    monkeypatch.setattr(_pruning, call, interrupted)
    asked = _pruning.Asked("db1", "main", Policy(keep_last=1), NOW, timezone.utc)
    with pytest.raises(Interrupted):
        _pruning.prune(repository, asked, Reporter())


@pytest.mark.parametrize("option", ["sets", "signatures"])
def test_f10_a_signing_that_is_stopped_says_so(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    path = make_set(repository, NOW)
    monkeypatch.setattr(Repository, "open", interrupted)
    params: dict[str, Any] = {name: item.get("default") for name, item in sign.SPEC.options.items()}
    params["repository"] = repository.root
    params[option] = [{"source": "db1", "instance": "main", "id": path.name, "set": path.name}]
    with pytest.raises(Interrupted):
        sign.run(Request(params, False, False, Reporter()))
