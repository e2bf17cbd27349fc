# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Live progress of long modules: the base of their action plugins. Private to this collection.

The module runs as a background job of Ansible; meanwhile the small file that it keeps up to date is read and shown.
"""

from __future__ import annotations

import json
import os
import secrets
import shlex
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn, Optional

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.vya.backupdb.plugins.plugin_utils._keys import PIPE_OPTIONS, HandOver, keep_off_disk
from ansible_collections.vya.backupdb.plugins.plugin_utils._lines import Lines

_LIMIT_SECONDS = 30 * 24 * 3600
#: Seconds between two looks: little at first, since most jobs are short.
_FIRST_DELAY, _DELAY_FACTOR, _LONGEST_DELAY = 0.3, 1.4, 2.0
#: Seconds after which the job's own host notices its end.
_STEP = 0.1
_SECONDS_BETWEEN_QUESTIONS = 30.0
_FAILURES_IN_A_ROW = 5
_SECONDS_TO_CANCEL = 20.0
_MARK = "backupdb-mark"
#: How the job's file begins until the module has ended: async_wrapper writes the result over it.
_STARTED = '{"started"'
_JOB_KEYS = ("ansible_job_id", "results_file", "started", "finished", "_ansible_suppress_tmpdir_delete")
#: What of the first answer belongs into the result: what Ansible learned of the host while it started the job.
_LEARNED_KEYS = ("ansible_facts", "warnings", "deprecations")
#: What in a result wants Ansible's own reading.
_SPECIAL_KEYS = ("failed", "exception", "started", *_LEARNED_KEYS)
_EMPTY_KEYS = ("stdout", "stderr", "stdout_lines", "stderr_lines")


class _Stopped(BaseException):
    """The controller was told to stop. Not an Exception: nothing on the way may take it for a failed task."""

    def __init__(self, number: int) -> None:
        super().__init__(f"signal {number}")
        self.number = number


class LiveAction(ActionBase):
    """Runs the module of the same name and shows its progress in whole lines.

    With the task's own ``async``, in check mode, and with the variable ``backupdb_live_progress: false`` the module runs as
    any other.

    Private keys in the option ``identity`` and the secrets of a copy never reach a file of the target, however the module runs.
    """

    _shows_progress = True
    _supports_async = True
    _supports_check_mode = True

    def run(self, tmp: Any = None, task_vars: Optional[dict[str, Any]] = None) -> dict[str, Any]:
        """Run the module; the result is the module's own."""
        result = super().run(tmp, task_vars)
        del tmp
        task_vars = task_vars or {}
        if self._runs_plainly(task_vars):
            if self._task.async_val and not self._connection.has_native_async:
                result.update(self._run_in_background(task_vars))
                return result
            keep_off_disk(self)
            result.update(self._execute_module(task_vars=task_vars))
            self._remove_tmp_path(self._connection._shell.tmpdir)
            return result
        with _signals_raise():
            result.update(_Job(self, task_vars).run())
        return result

    def _run_in_background(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        """Start the module; the task's own ``async`` waits for it."""
        arguments = dict(self._task.args)
        keys = HandOver.out_of(arguments)
        started: dict[str, Any] = self._execute_module(module_args=arguments, task_vars=task_vars, wrap_async=True)
        if keys is not None and started.get("results_file"):
            keys.give(self, str(started["results_file"]))
        return started

    def _runs_plainly(self, task_vars: dict[str, Any]) -> bool:
        live = self._templar.template(task_vars.get("backupdb_live_progress", True))
        return bool(
            not self._shows_progress
            or self._task.async_val
            or self._task.check_mode
            or self._connection.always_pipeline_modules
            or str(live).lower() in ("false", "no", "0")
        )


class _Job:
    """One background job: started, watched, cancelled if need be, cleaned up."""

    def __init__(self, action: LiveAction, task_vars: dict[str, Any]) -> None:
        self.action = action
        self.task_vars = task_vars
        self.began = time.monotonic()
        host = task_vars.get("inventory_hostname", "host")
        name = action._task.action.rsplit(".", 1)[-1]
        label = " ".join(filter(None, [f"[{host}]", name, str(action._task.args.get("instance", ""))]))
        self.lines = Lines(label, self.began)
        self.quiet = bool(action._task.no_log)
        self.jid = ""
        self.results_file = ""
        self.progress_file = ""
        self.own_progress_file = False
        self.keys: Optional[HandOver] = None
        self.pid: Optional[int] = None
        #: what the job's file holds, at the last look
        self.result = ""

    def run(self) -> dict[str, Any]:
        """Run the module to its end."""
        started = self._start()
        if "ansible_job_id" not in started:
            return self._stripped(started)
        finished = False
        try:
            if self.keys is not None:
                self.keys.give(self.action, self.results_file)
            self._watch()
            result = self._read_result() or self._wait_for_result()
            finished = True
        finally:
            if not finished:
                self._cancel()
            self._remove_files()
        self._show(self.lines.last_line(bool(result.get("failed")), time.monotonic()))
        learned = {key: started[key] for key in _LEARNED_KEYS if started.get(key)}
        return self._stripped({**learned, **result})

    def _start(self) -> dict[str, Any]:
        task = self.action._task
        arguments = dict(task.args)
        self.keys = HandOver.out_of(arguments)
        name = f"backupdb-{secrets.token_hex(8)}.progress"
        if arguments.get("progress_file"):
            self.progress_file = str(arguments["progress_file"])
        else:
            # Beside the job's own file: there the account that runs the module may write. The module expands the variable.
            self.own_progress_file = True
            arguments["progress_file"] = "${ANSIBLE_ASYNC_DIR}/" + name
        before = task.async_val
        task.async_val = _LIMIT_SECONDS
        try:
            started = self.action._execute_module(module_args=arguments, task_vars=self.task_vars, wrap_async=True)
        finally:
            task.async_val = before
        # The job removes the folder that it came in; those of the questions that follow are ours to remove.
        self.action._cleanup_remote_tmp = True
        self.jid = str(started.get("ansible_job_id", ""))
        self.results_file = str(started.get("results_file", ""))
        if self.own_progress_file:
            self.progress_file = os.path.join(os.path.dirname(self.results_file), name)
        return started

    def _watch(self) -> None:
        """Show progress until the job has ended."""
        delay = _FIRST_DELAY
        failures = 0
        asked = time.monotonic()
        controller = os.getppid()
        while True:
            if os.getppid() != controller:
                # It was killed, and nobody waits for the result.
                raise _Stopped(signal.SIGTERM)
            try:
                record, running = self._look(delay)
                delay = min(delay * _DELAY_FACTOR, _LONGEST_DELAY)
                failures = 0
                if record is not None:
                    self._show(self.lines.line(record, time.monotonic()))
                if not running:
                    return
                if time.monotonic() - asked >= _SECONDS_BETWEEN_QUESTIONS:
                    asked = time.monotonic()
                    if self._ask().get("finished"):
                        return
            except AnsibleConnectionFailure:
                # The network may come back; the job goes on without it.
                failures += 1
                if failures >= _FAILURES_IN_A_ROW:
                    raise
                time.sleep(delay)
                self.action._connection.reset()

    def _look(self, delay: float = 0) -> tuple[Optional[dict[str, Any]], bool]:
        """The progress record, if there is a complete one, and whether the job's file is still the one of its start.

        What that file holds otherwise, the result, is kept. One small command: asking by a module takes many times as long.
        It waits on the job's own host, so that the end of the job is known at once and not only at the next look.

        Args:
            delay: seconds to wait first, unless the job ends.
        """
        progress, results = shlex.quote(self.progress_file), shlex.quote(self.results_file)
        begins = f"head -c 10 {results} 2>/dev/null"
        wait = (
            f'n=0; while [ $n -lt {round(delay / _STEP)} ] && [ "$({begins})" = {shlex.quote(_STARTED)} ]; '
            f"do sleep {_STEP} || sleep 1; n=$((n + 1)); done; "
        )
        result = f'b="$({begins})"; [ "$b" = {shlex.quote(_STARTED)} ] && echo "$b" || cat {results} 2>/dev/null'
        answer = self._shell(
            f"{wait if delay else ''}echo {_MARK}; cat {progress} 2>/dev/null; echo; echo {_MARK}; {result}"
        )
        parts = answer.split(_MARK, 2)
        if len(parts) < 3:
            return None, True
        try:
            record = json.loads(parts[1])
        except ValueError:
            record = None
        if not isinstance(record, dict):
            record = None
        elif isinstance(record.get("pid"), int):
            self.pid = record["pid"]
        self.result = parts[2].strip()
        return record, self.result.startswith(_STARTED)

    def _read_result(self) -> Optional[dict[str, Any]]:
        """The result of the job that has ended, from its file; None if there is anything special about it."""
        try:
            result = json.loads(self.result)
        except ValueError:
            return None
        return result if isinstance(result, dict) and not any(key in result for key in _SPECIAL_KEYS) else None

    def _wait_for_result(self) -> dict[str, Any]:
        result = self._ask()
        while not result.get("finished"):
            time.sleep(_FIRST_DELAY)
            result = self._ask()
        return result

    def _ask(self) -> dict[str, Any]:
        """The job's state, and its result when it has ended."""
        arguments = {"jid": self.jid, "_async_dir": os.path.dirname(self.results_file)}
        return self.action._execute_module(
            module_name="ansible.legacy.async_status", module_args=arguments, task_vars=self.task_vars
        )

    def _cancel(self) -> None:
        """End the job, and wait until it has cleaned up."""
        if self.pid is None:
            self._look()
        if self.pid is None:
            return
        self._shell(f"kill -TERM {self.pid}")
        until = time.monotonic() + _SECONDS_TO_CANCEL
        while self._look()[1] and time.monotonic() < until:
            time.sleep(_FIRST_DELAY)

    def _remove_files(self) -> None:
        names = [self.results_file]
        if self.own_progress_file:
            names += [self.progress_file, self.progress_file + ".new"]
        self._shell("rm -f " + " ".join(map(shlex.quote, names)))

    def _shell(self, command: str) -> str:
        answer = self.action._low_level_execute_command(f"/bin/sh -c {shlex.quote(command)}", executable=None)
        return str(answer.get("stdout", ""))

    def _show(self, line: Optional[str]) -> None:
        if line and not self.quiet:
            Display().display(line)

    def _stripped(self, result: dict[str, Any]) -> dict[str, Any]:
        """The result without what belongs to the job."""
        result = {key: value for key, value in result.items() if key not in _JOB_KEYS}
        for key in _EMPTY_KEYS:
            if not result.get(key, True):
                del result[key]
        arguments = result.get("invocation", {}).get("module_args", {})
        if self.own_progress_file and "progress_file" in arguments:
            arguments["progress_file"] = None
        for option in PIPE_OPTIONS:
            if self.keys is not None and option in arguments:
                arguments[option] = None
        return result


def _pass_over(_number: int, _frame: Optional[FrameType]) -> None:
    """Not SIG_IGN, which a program that is started later would inherit."""


@contextmanager
def _signals_raise() -> Iterator[None]:
    """Within the context, SIGINT and SIGTERM raise, so that the job is cancelled; then they do what they did before."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = (signal.SIGINT, signal.SIGTERM)

    def stop(number: int, _frame: Optional[FrameType]) -> NoReturn:
        for other in numbers:
            signal.signal(other, _pass_over)
        raise _Stopped(number)

    before = {number: signal.signal(number, stop) for number in numbers}
    stopped: Optional[_Stopped] = None
    try:
        yield
    except _Stopped as error:
        stopped = error
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if stopped is not None:
        os.kill(os.getpid(), stopped.number)
        raise KeyboardInterrupt
