# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a copy is described: what would show a secret, or change more than how files are moved, is refused."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._copies.model import copy_from, flags_of
from ansible_collections.vya.backupdb.plugins.module_utils._errors import UsageError

S3 = {
    "name": "cloud",
    "path": "bucket/backups",
    "config": {"type": "s3", "provider": "AWS", "use_accelerate_endpoint": True},
}
FLAGS = {"s3-storage-class": False, "s3-secret-access-key": True}


def described(**changes: Any) -> dict[str, Any]:
    return {**S3, **changes}


def test_options_become_texts() -> None:
    copy = copy_from(described(config={"type": "sftp", "port": 22, "use_insecure_cipher": False}))
    assert copy.config == {"type": "sftp", "port": "22", "use_insecure_cipher": "false"}


def test_secrets_are_not_in_what_is_printed_of_a_copy() -> None:
    copy = copy_from(described(secrets={"secret_access_key": "very secret"}))
    assert "very secret" not in repr(copy)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"name": "-rf"}, "is called '-rf'"),
        ({"name": "a/b"}, "is called"),
        ({"path": "../elsewhere"}, "path of the copy"),
        ({"path": " "}, "path of the copy"),
        ({"path": "a\nb"}, "path of the copy"),
        ({"config": {"type": "local"}}, "not absolute"),
        ({"config": {}}, "does not say where it is"),
        ({"config": {"type": "s3", "secret_access_key": "x"}}, "should be secret: secret_access_key"),
        ({"config": {"type": "webdav", "pass": "x"}}, "should be secret: pass"),
        ({"config": {"type": "azureblob", "key": "x"}}, "should be secret: key"),
        ({"config": {"type": "s3", "Bad-Key": "x"}}, "has a key 'Bad-Key'"),
        ({"config": {"type": "s3", "endpoint": ["x"]}}, "is no text"),
        ({"config": {"type": "s3", "region": "x"}, "secrets": {"region": "x"}}, "in config and in secrets"),
        ({"remote": "offsite"}, "both remote and config"),
        ({"remote": ":s3,secret_access_key=x:", "config": None}, "no name of a remote"),
        ({"remote": "offsite:path", "config": None}, "no name of a remote"),
        ({"bandwidth": "--rc"}, "bandwidth"),
        ({"attempts": 100}, "100 attempts"),
    ],
)
def test_what_makes_no_sense_is_refused(change: dict[str, Any], complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint) as caught:
        copy_from(described(**change))
    assert caught.value.remedy


def test_options_become_flags() -> None:
    options = {
        "s3_storage_class": "STANDARD_IA",
        "transfers": 2,
        "no-check-certificate": True,
        "checksum": False,
        "header-upload": ["X-A: 1", "X-B: 2"],
    }
    assert flags_of(copy_from(described(options=options, bandwidth="10M")), FLAGS) == [
        "--s3-storage-class=STANDARD_IA",
        "--transfers=2",
        "--no-check-certificate=true",
        "--checksum=false",
        "--header-upload=X-A: 1",
        "--header-upload=X-B: 2",
        "--bwlimit=10M",
    ]


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"config": "/etc/passwd"}, "may not be set"),
        ({"include": "*"}, "may not be set"),
        ({"max-age": "1d"}, "may not be set"),
        ({"password-command": "id"}, "may not be set"),
        ({"log-file": "/etc/x"}, "may not be set"),
        ({"rc": True}, "may not be set"),
        ({"dry-run": True}, "may not be set"),
        ({"s3-secret-access-key": "x"}, "would show a secret"),
        ({"header": "Authorization: Bearer x"}, "would show a secret"),
        ({"header": "X: a\r\nY: b"}, "control characters"),
        ({"transfers": {"a": 1}}, "no text"),
    ],
)
def test_flags_that_change_more_than_how_files_move_are_refused(options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        flags_of(copy_from(described(options=options)), FLAGS)
