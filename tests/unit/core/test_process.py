# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Programs: every exit code counts, nothing stays behind, no secret shows."""

from __future__ import annotations

import hashlib
import io
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._accounts import account_named
from ansible_collections.vya.backupdb.plugins.module_utils._errors import Interrupted, MissingProgram, ProcessError
from ansible_collections.vya.backupdb.plugins.module_utils._process import (
    PIPE,
    Command,
    accept,
    end_all,
    find_program,
    pipe,
    run,
    secret_file,
    start,
)


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def wait_until(condition) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, "did not happen within 20 seconds"
        time.sleep(0.02)


@pytest.mark.parametrize("failing", [0, 1, 2])
def test_f13_each_program_of_a_chain_is_checked(failing: int) -> None:
    commands = [Command(["cat"]) for _number in range(3)]
    commands[failing] = Command(["sh", "-c", "cat; echo broken >&2; exit 7"])
    with pytest.raises(ProcessError, match="sh failed with exit code 7: broken") as caught:
        pipe(commands, source=[b"data"], target=io.BytesIO())
    assert caught.value.returncode == 7


def test_f13_a_killed_compressor_is_named_not_its_neighbours() -> None:
    with pytest.raises(ProcessError, match=r"killed by signal 9 \(SIGKILL\)"):
        pipe([Command(["cat", "/dev/zero"]), Command(["sh", "-c", "sleep 0.1; kill -9 $$"])], target=io.BytesIO())


def test_a_chain_counts_and_hashes_what_it_writes() -> None:
    target = io.BytesIO()
    piped = pipe([Command(["cat"]), Command(["tr", "a", "b"])], source=[b"aaa", b"cc"], target=target)
    assert target.getvalue() == b"bbbcc"
    assert piped.size == 5
    assert piped.sha256 == hashlib.sha256(b"bbbcc").hexdigest()


def test_a_reader_that_stops_early_is_an_error() -> None:
    endless = (b"x" * 65536 for _number in iter(int, 1))
    with pytest.raises(ProcessError, match="exit code 4"):
        pipe([Command(["sh", "-c", "exit 4"])], source=endless, target=io.BytesIO())


def test_an_error_of_the_source_is_not_lost() -> None:
    def broken():
        yield b"some"
        raise ValueError("the disk is gone")

    with pytest.raises(ValueError, match="the disk is gone"):
        pipe([Command(["cat"])], source=broken(), target=io.BytesIO())


def test_a_full_target_ends_the_programs() -> None:
    endless = (b"x" * 65536 for _number in iter(int, 1))
    for command, source in ((["cat", "/dev/zero"], None), (["cat"], endless)):
        with pytest.raises(OSError, match="No space left"), open("/dev/full", "wb", buffering=0) as target:
            pipe([Command(command)], source=source, target=target)


def test_a_program_that_takes_too_long_is_ended_with_its_children() -> None:
    begun = time.monotonic()
    with pytest.raises(ProcessError, match="did not finish within 0.3 seconds"):
        run(Command(["sh", "-c", "sleep 600 & sleep 600"]), timeout=0.3)
    assert time.monotonic() - begun < 60


def test_the_children_of_a_killed_run_die_with_it(tmp_path: Path) -> None:
    program = textwrap.dedent(
        """
        import os, sys, time
        sys.path[:0] = sys.argv[2:]
        from ansible_collections.vya.backupdb.plugins.module_utils._process import Command, start
        process = start(Command(["sleep", "600"]))
        open(sys.argv[1], "w").write(str(process.pid))
        time.sleep(0.5)
        os.kill(os.getpid(), 9)
        """
    )
    note = tmp_path / "pid"
    ended = subprocess.run([sys.executable, "-c", program, str(note), *sys.path], check=False)
    assert ended.returncode == -signal.SIGKILL
    wait_until(lambda: not alive(int(note.read_text())))


@pytest.fixture
def accepting() -> Iterator[None]:
    """Programs can be started again afterwards."""
    try:
        yield
    finally:
        accept()


@pytest.mark.usefixtures("accepting")
def test_end_all_ends_what_runs() -> None:
    with start(Command(["sleep", "600"])) as process:
        end_all()
        assert process.poll() == -signal.SIGTERM


@pytest.mark.usefixtures("accepting")
def test_no_program_is_started_after_all_were_ended() -> None:
    end_all()
    with pytest.raises(Interrupted):
        start(Command(["sleep", "600"]))


@pytest.mark.usefixtures("accepting")
def test_a_program_that_is_being_started_when_all_are_ended_is_ended_too() -> None:
    class EndsAll(Mapping[str, str]):
        """Variables that are read after the first look whether programs may be started."""

        def __getitem__(self, name: str) -> str:
            raise KeyError(name)

        def __len__(self) -> int:
            return 0

        def __iter__(self) -> Iterator[str]:
            end_all()
            return iter(())

    with pytest.raises(Interrupted):
        start(Command(["sleep", "600.25"], env=EndsAll()))
    lines = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    assert not [line for line in lines if b"600.25" in line]


def test_large_output_and_large_input_do_not_block() -> None:
    data = os.urandom(1 << 20) * 4
    assert run(Command(["cat"]), data=data).stdout == data


def test_much_on_standard_error_does_not_block_and_only_its_end_is_kept() -> None:
    with pytest.raises(ProcessError) as caught:
        run(Command(["sh", "-c", "seq 1 200000 >&2; exit 1"]))
    assert caught.value.stderr_tail.endswith("200000")
    assert len(caught.value.stderr_tail) < 1000


def test_the_callers_environment_does_not_reach_a_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGHOST", "somewhere.example")
    monkeypatch.setenv("MYSQL_PWD", "secret")
    shown = run(Command(["env"], env={"PGPORT": "1"})).stdout
    assert b"PGHOST" not in shown and b"MYSQL_PWD" not in shown and b"PGPORT=1" in shown


def test_f17_a_secret_of_a_command_is_not_in_its_text() -> None:
    command = Command(["true"], secret_env={"PGPASSWORD": "geheim"})
    assert "geheim" not in repr(command) and "geheim" not in str(command)


def test_f17_a_secret_file_is_read_by_the_program_and_has_no_name() -> None:
    descriptor = secret_file("geheim")
    try:
        command = Command(
            ["sh", "-c", f"stat -L -c %a%F /proc/self/fd/{descriptor}; cat /proc/self/fd/{descriptor}"],
            pass_fds=[descriptor],
        )
        assert run(command).stdout == b"600regular file\ngeheim"
    finally:
        os.close(descriptor)


def test_a_missing_program_is_named_with_its_package() -> None:
    with pytest.raises(MissingProgram, match=r"no-such-program is not installed") as caught:
        find_program("no-such-program")
    assert caught.value.remedy is not None
    with pytest.raises(MissingProgram) as caught:
        find_program("no-such-program", "zstd-that-is-not-there", directories=["/nonexistent"])
    assert "no-such-program or zstd" in caught.value.message


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another account")
def test_a_program_acts_as_an_account_and_still_reads_the_repository(tmp_path: Path) -> None:
    account = account_named("nobody")
    private = tmp_path / "private"
    private.write_text("content")
    private.chmod(0o600)
    tmp_path.chmod(0o700)
    done = run(Command(["sh", "-c", f"id -u; cat {private}"], account=account))
    assert done.stdout.decode() == f"{account.uid}\ncontent"


def test_programs_can_be_started_from_many_threads() -> None:
    results: list[bytes] = []
    threads = [
        threading.Thread(target=lambda number=number: results.append(run(Command(["echo", str(number)])).stdout))
        for number in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == sorted(f"{number}\n".encode() for number in range(16))


def test_a_dialogue_with_a_program() -> None:
    with start(Command(["cat"]), stdin=PIPE, stdout=PIPE) as process:
        process.stdin.write(b"hello\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"hello\n"
        process.stdin.close()
        assert process.wait() == 0
