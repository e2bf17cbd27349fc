# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Containers, as far as their engines' answers go: what is wrong is said in words. Real ones are in tests/hosts."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils import _containers, _process
from ansible_collections.vya.backupdb.plugins.module_utils._containers import Container
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql import archive
from ansible_collections.vya.backupdb.plugins.module_utils._errors import (
    BackupError,
    ConnectionFailed,
    MissingPrivilege,
    MissingProgram,
    UsageError,
)

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root reaches containers")
STARTED = "2026-11-21T08:00:00.0Z"


class Engines:
    """Programs named docker and podman that answer what they are told to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def answer(self, program: str, out: str = "", error: str = "", code: int = 0) -> None:
        path = self.folder / program
        path.write_text(f"#!/bin/sh\necho '{out}'\necho '{error}' >&2\nexit {code}\n")
        path.chmod(0o755)


@pytest.fixture
def engines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engines:
    """No other ones are found."""
    found = tmp_path / "bin"
    found.mkdir()
    (found / "setpriv").symlink_to(_process.find_program("setpriv"))
    monkeypatch.setenv("PATH", str(found))
    monkeypatch.setattr(_process, "_SYSTEM_PATH", str(found))
    return Engines(found)


@needs_root
def test_no_engine_on_this_host(engines: Engines) -> None:
    with pytest.raises(MissingProgram, match="no docker and no podman on this host.*container shop.*container_engine"):
        Container("shop")
    engines.answer("docker", code=1, error="Error: No such container: shop")
    with pytest.raises(MissingProgram, match="no podman on this host"):
        Container("shop", "podman")


@needs_root
@pytest.mark.parametrize(
    "said",
    [
        "Error response from daemon: No such container: shop",
        'Error: no such object: "shop"',
        "Error: no container with name or ID shop",
    ],
)
def test_no_container_of_that_name(engines: Engines, said: str) -> None:
    engines.answer("podman", error=said.replace("'", ""), code=125)
    with pytest.raises(UsageError, match=r"no container shop on this host \(asked: podman\).*docker ps"):
        Container("shop")


@needs_root
def test_an_engine_that_does_not_answer(engines: Engines) -> None:
    engines.answer("docker", error="Cannot connect to the Docker daemon", code=1)
    with pytest.raises(
        ConnectionFailed, match="docker cannot tell.*Cannot connect to the Docker daemon.*make sure that docker runs"
    ):
        Container("shop")
    engines.answer("podman", out=f"abc exited 0 {STARTED}")
    with pytest.raises(ConnectionFailed, match="does not run: it is exited.*podman start shop"):
        Container("shop")
    engines.answer("podman", out="what is this")
    with pytest.raises(ConnectionFailed, match="unknown words"):
        Container("shop", "podman")


@needs_root
def test_a_name_that_two_engines_know(engines: Engines) -> None:
    engines.answer("docker", out=f"abc running 1 {STARTED}")
    engines.answer("podman", out=f"def running 1 {STARTED}")
    with pytest.raises(UsageError, match="docker and podman both have a container shop.*container_engine"):
        Container("shop")


@needs_root
def test_an_engine_on_another_host(engines: Engines) -> None:
    engines.answer("docker", out=f"{'5' * 64} running {os.getpid()} {STARTED}")
    with pytest.raises(UsageError, match="does not run on this host: its engine is on another one"):
        Container("shop")
    engines.answer("docker", out=f"{'5' * 64} running 4194305 {STARTED}")
    with pytest.raises(ConnectionFailed, match="cannot be entered"):
        Container("shop")


@needs_root
def test_a_container_with_accounts_of_its_own(engines: Engines, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_containers.os, "stat", _other_users(os.stat))
    # the word is in the list of every process's mounts, as the id of a container is in that of its own
    engines.answer("docker", out=f"proc running {os.getpid()} {STARTED}")
    with pytest.raises(UsageError, match="accounts of its own.*login_host and login_port without container"):
        Container("shop")


def _other_users(real):
    class Other:
        st_ino = 1

    return lambda path, **options: Other() if path == f"/proc/{os.getpid()}/ns/user" else real(path, **options)


@pytest.mark.parametrize("name", ["", "-v", "--help", "../x", "a/b", "a b", "a\nb", "ü"])
def test_what_is_no_name(name: str) -> None:
    with pytest.raises(UsageError, match="is no name of a container"):
        Container(name)


def test_only_root_reaches_containers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_containers.os, "geteuid", lambda: 1000)
    with pytest.raises(MissingPrivilege, match="by root only.*become: true"):
        Container("shop")


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("/a/b", "/proc/self/fd/3"),
        ("--file=/a/b", "--file=/proc/self/fd/3"),
        ("/a/bc", "/a/bc"),
        ("/a/b/c", "/a/b/c"),
        ("--file=/a/b/c", "--file=/a/b/c"),
        ("dbname='/a/b'", "dbname='/a/b'"),
    ],
)
def test_only_whole_paths_are_replaced(word: str, expected: str) -> None:
    assert _process._with_path(word, "/a/b", "/proc/self/fd/3") == expected


def test_a_dump_from_a_container_is_nothing_but_files(tmp_path: Path) -> None:
    (tmp_path / "toc.dat").write_bytes(b"PGDMP")
    archive.check_files(str(tmp_path))
    (tmp_path / "1.dat").symlink_to("/etc/shadow")
    with pytest.raises(BackupError, match="'1.dat' in the dump, which is no file"):
        archive.check_files(str(tmp_path))
