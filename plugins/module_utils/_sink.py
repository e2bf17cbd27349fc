# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A chain of programs that is written into, and whose last one writes a file. Private to this collection."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import BinaryIO, Union

from ansible_collections.vya.backupdb.plugins.module_utils._process import (
    PIPE,
    Command,
    Process,
    start,
    wait_for_chain,
)


class Sink:
    """Started programs, each reading what the one before it writes. Leaving the context ends what still runs.

    Args:
        commands: the chain, in order; at least one.
        target: the file that the last one writes.
    """

    def __init__(self, commands: Sequence[Command], target: BinaryIO) -> None:
        self._stack = contextlib.ExitStack()
        self._processes: list[Process] = []
        reader: Union[BinaryIO, Process] = target
        with contextlib.ExitStack() as unless_started:
            unless_started.callback(self._stack.close)
            for command in reversed(commands):
                stdout = reader.stdin if isinstance(reader, Process) else reader
                process = self._stack.enter_context(start(command, stdin=PIPE, stdout=stdout))
                if isinstance(reader, Process):
                    # Only the writer may hold this end, or the reader would wait for more.
                    reader.stdin.close()
                self._processes.insert(0, process)
                reader = process
            unless_started.pop_all()

    @property
    def stdin(self) -> BinaryIO:
        """The pipe into the first program."""
        return self._processes[0].stdin

    def wait(self) -> None:
        """Wait until every program has ended.

        Raises:
            ProcessError: one failed; the one that failed by itself is named.
        """
        wait_for_chain(self._processes)

    def close(self) -> None:
        """Close the pipe into the first program, and wait for all; errors as :meth:`wait`."""
        self.stdin.close()
        self.wait()

    def __enter__(self) -> Sink:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stack.close()
