# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a module is asked, and how it refuses. Private to this collection.

A run function gets a :class:`Request` and returns the module's result. It knows nothing of Ansible, so tests call it
directly.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.vya.backupdb.plugins.module_utils._errors import BackupError
from ansible_collections.vya.backupdb.plugins.module_utils._progress import Reporter

Options = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Spec:
    """What a module accepts.

    Args:
        options: the argument_spec of AnsibleModule.
        mutually_exclusive: the argument of AnsibleModule of the same name.
    """

    options: Options
    mutually_exclusive: Sequence[Sequence[str]] = ()


@dataclass(frozen=True)
class Request:
    """One call of a module.

    Args:
        params: the module's parameters, with defaults.
        check: say what would change, and change nothing.
        diff: the caller wants to see what changes.
        reporter: where progress and warnings go.
    """

    params: Mapping[str, Any]
    check: bool = False
    diff: bool = False
    reporter: Reporter = field(default_factory=Reporter)


class FailedResult(BackupError):
    """A failure that has a result worth returning: what a verification or a comparison found.

    Args:
        failure: what is wrong; its words and its code are those of this error.
        result: the module's result beside the message.
    """

    def __init__(self, failure: BackupError, result: Mapping[str, Any]) -> None:
        super().__init__(failure.message, failure.remedy, failure.details)
        self.code = failure.code
        self.result = dict(result)
