# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Servers that die, and networks that are cut."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Any

from tests.faults.injections import Fault

_GONE = r"connection|server|gone away|lost|closed|refused|socket|network"


def server_killed(server: Any) -> Fault:
    """The server is killed while a module or a program is about to say something to it."""
    return Fault(
        "server killed",
        ("send",),
        do=lambda _process, _waiting: server.kill(),
        undo=server.start_again,
        says=_GONE,
    )


class Proxy:
    """Hands on what comes in on a port of its own to another port, until it is cut."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.whole = True
        self._pairs: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._serve, daemon=True).start()

    def cut(self) -> None:
        """Every connection breaks, and new ones do not come through."""
        self.whole = False
        while self._pairs:
            with suppress(OSError):
                self._pairs.pop().shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        """New connections come through again."""
        self.whole = True

    def _serve(self) -> None:
        while True:
            try:
                near, _address = self._listener.accept()
            except OSError:
                return
            if not self.whole:
                near.close()
                continue
            far = socket.create_connection(("127.0.0.1", self.target))
            self._pairs += [near, far]
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=_copy, args=(one, other), daemon=True).start()

    def __enter__(self) -> Proxy:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _value: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self._listener.close()
        self.cut()


def _copy(one: socket.socket, other: socket.socket) -> None:
    with suppress(OSError):
        while data := one.recv(1 << 16):
            other.sendall(data)
    for end in (one, other):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


def network_cut(proxy: Proxy) -> Fault:
    """The network between a module and the server is cut."""
    return Fault("network cut", ("send",), do=lambda _process, _waiting: proxy.cut(), undo=proxy.mend, says=_GONE)
