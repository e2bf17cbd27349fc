# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Putting a signature into a sealed set: the one file that comes later. Private to this collection."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator

from ansible_collections.vya.backupdb.plugins.module_utils._errors import RepositoryError
from ansible_collections.vya.backupdb.plugins.module_utils._layout import (
    DIRECTORY_MODE,
    FILE_MODE,
    SIGNATURE,
    STATE,
    explaining,
    read_regular,
    sync,
    write_new,
)
from ansible_collections.vya.backupdb.plugins.module_utils._signatures import (
    MOST_SIGNATURES,
    SIGNATURE_LIMIT,
    Signature,
    format_signatures,
    parse_signatures,
)

_LOCK = "signing.lock"


def add_signature(set_path: str, signature: Signature) -> None:
    """Put a signature into a set, in the place of an older one of the same key; those of other keys stay.

    What is there and is no list of signatures is replaced.

    Args:
        set_path: the set's directory.
        signature: what to add; not checked here.

    Raises:
        RepositoryError: it cannot be written; what was there is there still.
    """
    state = os.path.join(os.path.dirname(set_path), STATE)
    if os.path.islink(state):
        raise RepositoryError(f"{state} is a symbolic link.", "remove it; a repository holds no links")
    path = os.path.join(set_path, SIGNATURE)
    temporary = os.path.join(state, f"{os.path.basename(set_path)}.signature.new")
    with explaining(set_path):
        os.makedirs(state, DIRECTORY_MODE, exist_ok=True)
        with _alone(os.path.join(state, _LOCK)):
            others = [item for item in _present(path) if item.key != signature.key]
            data = format_signatures([*others[-(MOST_SIGNATURES - 1) :], signature])
            # left by a run that was killed: whoever holds the lock is the only one who writes
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
            write_new(temporary, data)
            os.rename(temporary, path)
            sync(set_path)


def _present(path: str) -> tuple[Signature, ...]:
    try:
        return parse_signatures(read_regular(path, SIGNATURE_LIMIT))
    except (FileNotFoundError, ValueError):
        return ()


@contextlib.contextmanager
def _alone(path: str) -> Iterator[None]:
    """Within the context nobody else signs sets of this instance; moments are all that it takes."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
