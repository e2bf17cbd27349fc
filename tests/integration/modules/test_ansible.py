# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The modules as Ansible runs them: results, check and diff mode, live progress, interruption, secrets."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.integration.modules.harness import Ansible, Workplace, end_group, meanwhile, until
from tests.integration.modules.samples import Sample
from tests.support.paths import ansible_environment

PREFIX = "vya.backupdb."


@pytest.fixture
def ansible(work: Workplace) -> Ansible:
    return Ansible(work.root / "ansible", {"TMPDIR": str(work.tmp), "PATH": _path(work)})


def _path(work: Workplace) -> str:
    return f"{work.bin}{os.pathsep}{ansible_environment()['PATH']}"


def task(module: str, name: str | None = None, /, **given: Any) -> dict[str, Any]:
    return {"name": name or module, PREFIX + module: given}


def test_every_module_of_files_through_ansible(work: Workplace, ansible: Ansible) -> None:
    tree = work.root / "tree"
    tree.mkdir()
    (tree / "file").write_text("x")
    other = str(work.root / "other")
    results = ansible.run(
        [
            task("files_archive", **work.place, paths=[str(tree)]),
            {**task("files_restore", "would", **work.place, root=other), "check_mode": True, "diff": True},
            task("files_restore", **work.place, root=other),
            task("proof_info", engine="files", **work.place, root=other, fail_on_difference=True),
            task("files_restore", "again", **work.place, root=other),
            {**task("backup_verify", **work.place), "vars": {"backupdb_live_progress": False}},
        ]
    )
    assert not [result for result in results.values() if result.get("failed")], ansible.output
    assert [result["changed"] for result in results.values()] == [True, True, True, False, False, False]
    assert list((ansible.folder / "async").iterdir()) == []
    work.assert_clean(sets=1)


def test_live_progress_shows_whole_lines_while_the_module_runs(
    work: Workplace, ansible: Ansible, pg_sample: Sample
) -> None:
    work.hold("zstd")
    process = ansible.start([task("dump", **pg_sample.local, **work.place)])
    try:
        assert process.stdout is not None
        seen = []
        for line in process.stdout:
            seen.append(line)
            if line.startswith("[localhost] dump main: "):
                break
        assert re.fullmatch(r"\[localhost\] dump main: [^\r\n]+ \(\d+ s\)\n", seen[-1]), seen
        assert work.processes(), "the module still runs"
        work.release()
        rest = process.stdout.read()
        assert process.wait() == 0, rest
        assert re.search(r"^\[localhost\] dump main: done after \d+ s$", rest, re.MULTILINE), rest
        assert rest.index("done after") < rest.index("changed: [localhost]")
    finally:
        end_group(process)
    assert list((ansible.folder / "async").iterdir()) == []
    work.assert_clean(sets=1)


def test_a_task_without_log_shows_no_progress(work: Workplace, ansible: Ansible, pg_sample: Sample) -> None:
    work.hold("zstd")
    process = ansible.start([{**task("dump", **pg_sample.local, **work.place), "no_log": True}])
    try:
        work.held()
        record = until(lambda: list((ansible.folder / "async").glob("*.progress")), "there is a progress file")
        until(lambda: "dump" in record[0].read_text(), "it says what is being done")
        # Long enough for a line, were it allowed.
        threading.Event().wait(2.5)
        work.release()
        output, _nothing = process.communicate(timeout=60)
    finally:
        end_group(process)
    assert "dump main:" not in output
    work.assert_clean(sets=1)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_interrupted_playbook_cancels_its_job(
    work: Workplace, ansible: Ansible, pg_sample: Sample, number: signal.Signals
) -> None:
    work.hold("zstd")
    process = ansible.start([task("dump", **pg_sample.local, **work.place)])
    try:
        work.held()
        assert len(work.partial()) == 1
        if number == signal.SIGINT:
            os.killpg(process.pid, number)  # as a terminal does
        else:
            process.send_signal(number)
        process.wait()
        until(lambda: not work.partial(), "the module has cleaned up")
        until(lambda: not list((ansible.folder / "async").iterdir()), "the job's files are gone")
    finally:
        end_group(process)
    # Ansible's own controller leaves its temporary files when it is killed.
    work.assert_clean(temporary_files=False)


# secrets


class Watcher:
    """Looks for secrets in command lines, environments that others can read, and files that others can read."""

    def __init__(self, secrets: dict[str, str], folders: list[Path]) -> None:
        self.secrets = secrets
        self.folders = folders
        self.found: set[str] = set()
        self.looks = 0
        self.environments = 0

    def look(self) -> None:
        self.looks += 1
        for entry in Path("/proc").iterdir():
            if not entry.name.isdecimal() or int(entry.name) == os.getpid():
                continue
            try:
                self._search((entry / "cmdline").read_bytes(), f"command line of process {entry.name}")
                # What another account may read is told by the kernel's mode of the file: 0400, its owner's.
                if (entry / "environ").stat().st_mode & 0o044:
                    self._search((entry / "environ").read_bytes(), f"environment of process {entry.name}")
                self.environments += 1
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                continue
        for folder in self.folders:
            for parent, _folders, files in os.walk(folder):
                for name in files:
                    path = Path(parent, name)
                    try:
                        if path.is_file() and path.stat().st_mode & 0o044 and _others_reach(path):
                            self._search(path.read_bytes(), f"file {path}")
                    except FileNotFoundError:
                        continue

    def _search(self, data: bytes, where: str) -> None:
        for name, secret in self.secrets.items():
            if secret.encode() in data:
                self.found.add(f"{name} in the {where}")


def _others_reach(path: Path) -> bool:
    return all(parent.stat().st_mode & 0o011 for parent in path.parents)


@pytest.fixture
def hash_of() -> Callable[[Sample], str]:
    def find(sample: Sample) -> str:
        if sample.local["engine"] == "postgresql":
            text = sample.server.value("SELECT rolpassword FROM pg_authid WHERE rolname = %s", sample.account)
        else:
            text = sample.server.value("SELECT password FROM mysql.user WHERE user = %s", sample.account)
        return str(text)

    return find


def test_every_module_of_a_database_and_f17_no_secret_shows_anywhere(
    work: Workplace, ansible: Ansible, sample: Sample, empty: Any, hash_of: Callable[[Sample], str]
) -> None:
    """Over TCP with a password, at -vvv, with diffs; output, log, results, processes and files are searched."""
    if sample.local["engine"] == "postgresql":
        empty.sql(f"CREATE ROLE rebuilder SUPERUSER LOGIN PASSWORD '{sample.password}'")
    else:
        empty.create_account("rebuilder", sample.password)
    source = sample.tcp
    target = {**source, "login_port": empty.port, "login_user": "rebuilder"}
    secrets = {"the password": sample.password, "the hash": hash_of(sample)}
    watcher = Watcher(secrets, [work.root, Path.home() / ".ansible_async"])
    with meanwhile(watcher.look):
        results = ansible.run(
            [
                task("instance_info", **source, repository=str(work.repository)),
                {**task("dump", "check", **source, **work.place), "check_mode": True},
                task("dump", **source, **work.place, proof="content"),
                task("backup_verify", **work.place, level="deep"),
                task("backup_info", repository=str(work.repository), newest=1),
                task("roles_export", **source, dest=str(work.root / "roles.sql")),
                {**task("restore", "would", **target, **work.place), "check_mode": True},
                task("restore", **target, **work.place),
                task("proof_info", **target, **work.place),
                task("restore", "again", **target, **work.place),
                {**task("dump", "async", **source, **work.place), "async": 100, "poll": 1},
                task("dump", "wrong", **{**source, "login_user": "nobody at all"}, **work.place),
                {
                    "name": "defaults",
                    PREFIX + "instance_info": {},
                    "module_defaults": {"group/vya.backupdb.backupdb": source},
                },
            ],
            "-vvv",
            "--diff",
        )
    failed = {name: result["msg"] for name, result in results.items() if result.get("failed")}
    assert list(failed) == ["again", "wrong"], ansible.output
    assert "exists" in failed["again"] and "nobody at all" in failed["wrong"]
    assert results["instance_info"]["problems"] == []
    assert results["check"]["changed"] is True and "set" not in results["check"]
    assert results["dump"]["changed"] is True
    assert results["backup_verify"]["ok"] is True
    assert results["backup_info"]["sets"][0]["id"] == results["dump"]["set"]["id"]
    assert results["would"]["diff"]["after"] == results["restore"]["diff"]["after"]
    assert results["restore"]["changed"] is True
    assert results["async"]["set"]["id"] > results["dump"]["set"]["id"]
    assert results["defaults"]["version"] == results["instance_info"]["version"]
    differences = [item["message"] for item in results["proof_info"]["differences"]]
    assert [text for text in differences if "rebuilder" not in text] == []
    for name in ("dump", "backup_verify", "restore", "proof_info"):
        assert not {"ansible_job_id", "results_file", "started", "finished", "stdout"} & set(results[name]), name
    assert list((ansible.folder / "async").glob("*.progress*")) == []

    assert watcher.looks > 10 and watcher.environments > 10
    assert watcher.found == set()
    texts = {
        "output": ansible.output,
        "log": (ansible.folder / "ansible.log").read_text(),
        "results": str(results),
        "server's log": sample.server.log_file.read_text(errors="replace") + empty.log_file.read_text(errors="replace"),
    }
    for where, text in texts.items():
        for name, secret in secrets.items():
            assert secret not in text, f"{name} is in the {where}"
    assert [path for path in work.repository.rglob("*") if path.stat().st_mode & 0o077] == []
    work.assert_clean(sets=2)


def test_f17_the_watcher_finds_what_it_looks_for(tmp_path: Path) -> None:
    secret = "s3cret-of-the-watcher"
    watcher = Watcher({"it": secret}, [])
    with subprocess.Popen(["sleep", "60"]) as process:
        watcher.look()
        assert watcher.found == set()
        process.kill()
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", secret]) as process:
        # right after it has begun, a program has no command line yet
        until(lambda: watcher.look() or watcher.found, "the secret is found")
        process.kill()
    assert any("command line" in text for text in watcher.found), watcher.found
