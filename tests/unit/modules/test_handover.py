# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Private keys that come through a named pipe."""

from __future__ import annotations

import json
import os
import stat
import threading
from pathlib import Path

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._errors import UsageError
from ansible_collections.vya.backupdb.plugins.module_utils._modules import _handover, _options


def give(path: Path, data: bytes) -> threading.Thread:
    """Write into the pipe as soon as it is there, in another thread."""

    def write() -> None:
        while not path.exists():
            threading.Event().wait(0.01)
        status = path.stat()
        assert stat.S_ISFIFO(status.st_mode) and status.st_mode & 0o777 == 0o600
        path.write_bytes(data)

    thread = threading.Thread(target=write)
    thread.start()
    return thread


def test_keys_come_whole_and_the_pipe_goes(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    keys = ["AGE-SECRET-KEY-1", "-----BEGIN\n" + "x" * 100_000]
    writer = give(path, json.dumps(keys).encode())
    found = _options.keys_from({"identity": None, "identity_pipe": str(path), "staging": None, "trusted_keys": []})
    writer.join()
    assert list(found.identities) == keys
    assert "SECRET" not in repr(found)
    assert not path.exists()


@pytest.mark.parametrize("data", [b"", b'["AGE-SEC', b'{"a": 1}', b"[3]"])
def test_what_did_not_come_whole_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "keys"
    writer = give(path, data)
    with pytest.raises(UsageError, match="did not come whole"):
        _handover.receive(str(path))
    writer.join()
    assert not path.exists()


def test_nothing_that_comes_is_not_waited_for_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_handover, "_SECONDS_TO_COME", 0.1)
    with pytest.raises(UsageError, match="did not come whole"):
        _handover.receive(str(tmp_path / "keys"))
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be made"):
        _handover.receive(str(tmp_path / "file"))
    assert sorted(os.listdir(tmp_path)) == ["file"]


def test_keys_are_given_in_one_way() -> None:
    with pytest.raises(UsageError, match="Both identity and identity_pipe"):
        _options.keys_from({"identity": ["a"], "identity_pipe": "/x", "staging": None, "trusted_keys": []})
    with pytest.raises(UsageError, match="does not exist"):
        _options.keys_from({"identity": [], "identity_pipe": None, "staging": "/no/such/directory", "trusted_keys": []})
    assert list(
        _options.keys_from(
            {"identity": ["", " a "], "identity_pipe": None, "staging": "/", "trusted_keys": []}
        ).identities
    ) == [" a "]
