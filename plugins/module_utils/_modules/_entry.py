# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The entry of every module: the only place that turns an error into a failed task. Private to this collection."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any, Callable, Optional

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.vya.backupdb.plugins.module_utils._errors import BackupError, Interrupted
from ansible_collections.vya.backupdb.plugins.module_utils._modules._request import FailedResult, Request, Spec
from ansible_collections.vya.backupdb.plugins.module_utils._process import end_all
from ansible_collections.vya.backupdb.plugins.module_utils._progress import Reporter

_STOPPING = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
_SECONDS_BETWEEN_SWEEPS = 0.2


def run_module(spec: Spec, run: Callable[[Request], dict[str, Any]]) -> None:
    """Run a module.

    Args:
        spec: what it accepts; every module has check mode.
        run: does the work and returns the result; raises BackupError to fail.
    """
    module = AnsibleModule(
        argument_spec={name: dict(option) for name, option in spec.options.items()},
        mutually_exclusive=[list(names) for names in spec.mutually_exclusive],
        supports_check_mode=True,
    )
    # Private from the first byte, temporary files of programs included.
    os.umask(0o077)
    reporter = Reporter(module.params.get("progress_file"))
    request = Request(module.params, module.check_mode, bool(module._diff), reporter)
    try:
        with stopped_by_signals():
            if "progress_file" in module.params:
                # The first record says which process to stop.
                reporter.progress("starting", 0, None, force=True)
            result = run(request)
    except BackupError as error:
        result = error.result if isinstance(error, FailedResult) else {}
        _warn(module, reporter)
        module.fail_json(msg=str(error), **{"changed": False, **result})
    _warn(module, reporter)
    module.exit_json(**result)


def _warn(module: AnsibleModule, reporter: Reporter) -> None:
    for text in reporter.warnings:
        module.warn(text)


@contextlib.contextmanager
def stopped_by_signals() -> Iterator[None]:
    """Within the context, SIGTERM, SIGHUP and SIGINT raise Interrupted in the main thread.

    Everything that runs is ended at once, also what other threads wait for; then the contexts that are left clean up.
    Only the first signal counts, so that nothing disturbs the cleaning.
    """
    finished = threading.Event()
    sweeper: list[threading.Thread] = []

    def stop(number: int, _frame: Optional[FrameType]) -> None:
        for other in _STOPPING:
            signal.signal(other, _pass_over)
        # In a thread of its own: the main thread may hold the lock that end_all() takes.
        thread = threading.Thread(target=_end_until, args=(finished,), daemon=True)
        sweeper.append(thread)
        thread.start()
        raise Interrupted(
            f"The run was stopped by {signal.Signals(number).name}; what it had begun was removed.", "run it again"
        )

    before = {number: signal.signal(number, stop) for number in _STOPPING}
    try:
        yield
    finally:
        finished.set()
        for thread in sweeper:
            thread.join()
        for number, handler in before.items():
            signal.signal(number, handler)


def _pass_over(_number: int, _frame: Optional[FrameType]) -> None:
    """Not SIG_IGN, which a program that is started later would inherit."""


def _end_until(finished: threading.Event) -> None:
    """End programs until the run has left its contexts: a thread may start one more before it notices."""
    while True:
        end_all()
        if finished.wait(_SECONDS_BETWEEN_SWEEPS):
            return
