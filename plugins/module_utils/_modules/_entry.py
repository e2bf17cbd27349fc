# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The entry of every module: the only place that turns an error into a failed task. Private to this collection."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any, Callable, Optional

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.vya.backupdb.plugins.module_utils._errors import BackupError, HostFailed, Interrupted, NoSpace
from ansible_collections.vya.backupdb.plugins.module_utils._interrupts import stop_with
from ansible_collections.vya.backupdb.plugins.module_utils._modules._request import FailedResult, Request, Spec
from ansible_collections.vya.backupdb.plugins.module_utils._process import accept, end_all
from ansible_collections.vya.backupdb.plugins.module_utils._progress import Reporter

_STOPPING = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
_SECONDS_BETWEEN_SWEEPS = 0.2
_AGAIN = "run it again"
_FREE, _CHECK = "free space there", "check the file system that it lies on"
#: What no code can do anything about, with the remedy.
_OF_THE_HOST = {
    errno.ENOSPC: _FREE,
    errno.EDQUOT: _FREE,
    errno.EIO: _CHECK,
    errno.EROFS: _CHECK,
    errno.ESTALE: _CHECK,
    errno.ENOMEM: "give this host more memory, or lower jobs",
    errno.EMFILE: "raise the limit of open files, or lower jobs",
    errno.ENFILE: "raise the limit of open files, or lower jobs",
}


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
        module.fail_json(msg=str(error), **{"changed": reporter.changed, **result})
    except OSError as error:
        if error.errno not in _OF_THE_HOST:
            raise
        _warn(module, reporter)
        module.fail_json(msg=_of_the_host(error), changed=reporter.changed)
    _warn(module, reporter)
    module.exit_json(**result)


def _of_the_host(error: OSError) -> str:
    """What the operating system said, and what to do about it."""
    where = f": {error.filename}" if error.filename else ""
    kind = NoSpace if error.errno in (errno.ENOSPC, errno.EDQUOT) else HostFailed
    return str(kind(f"This host failed: {error.strerror}{where}.", _OF_THE_HOST[error.errno or 0]))


def _warn(module: AnsibleModule, reporter: Reporter) -> None:
    for text in reporter.warnings:
        module.warn(text)


@contextlib.contextmanager
def stopped_by_signals() -> Iterator[None]:
    """Within the context, SIGTERM, SIGHUP and SIGINT raise Interrupted in the main thread.

    Everything that runs is ended at once, also what other threads wait for; then the contexts that are left clean up.
    Only the first signal counts, so that nothing disturbs the cleaning.
    """
    accept()
    watcher = _Watcher()
    told: list[str] = []

    def stop(number: int, _frame: Optional[FrameType]) -> None:
        for other in _STOPPING:
            signal.signal(other, _pass_over)
        watcher.raised.set()
        told.append(f"The run was stopped by {signal.Signals(number).name}")
        stop_with(Interrupted(f"{told[0]}; what it had not completed was removed.", _AGAIN))

    before = {number: signal.signal(number, stop) for number in _STOPPING}
    watcher.start()
    try:
        yield
    except BackupError as error:
        if not told or told[0] in error.message:
            raise
        # Another thread may have seen it first, and does not know why; or something was left in the middle.
        said = "" if isinstance(error, Interrupted) else f" While it ended: {error.message}"
        raise Interrupted(f"{told[0]}.{said}", _AGAIN) from error
    finally:
        watcher.finish()
        for number, handler in before.items():
            signal.signal(number, handler)


class _Watcher(threading.Thread):
    """Ends programs when a signal has come, until the run has left its contexts.

    Python tells it of signals by a pipe. The main thread cannot do that: a signal that comes right before it begins to
    wait for another thread is not handled before that wait ends, so it is also woken from here.
    """

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.raised = threading.Event()
        self._finished = threading.Event()
        self._reader, self._writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        os.set_blocking(self._reader, True)
        self._before = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)

    def run(self) -> None:
        number = os.read(self._reader, 1)[0]
        while number and number not in _STOPPING:
            number = os.read(self._reader, 1)[0]
        while number:
            if not self.raised.is_set():
                signal.pthread_kill(threading.main_thread().ident or 0, number)
                # What ends because of this comes after what says why.
                self.raised.wait(_SECONDS_BETWEEN_SWEEPS)
            # Again and again: a thread may start one more program before it notices.
            end_all()
            if self._finished.wait(_SECONDS_BETWEEN_SWEEPS):
                return

    def finish(self) -> None:
        """Call when everything is cleaned up."""
        self._finished.set()
        signal.set_wakeup_fd(self._before)
        os.write(self._writer, b"\0")
        self.join()
        os.close(self._reader)
        os.close(self._writer)


def _pass_over(_number: int, _frame: Optional[FrameType]) -> None:
    """Not SIG_IGN, which a program that is started later would inherit."""
