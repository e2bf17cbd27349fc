# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module ``roles_export``: roles or users of a server as one SQL file. Private to this collection."""

from __future__ import annotations

import os
import stat
import tempfile
from typing import Any, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._engines.base import RolesExport
from ansible_collections.vya.backupdb.plugins.module_utils._engines.registry import engine_for
from ansible_collections.vya.backupdb.plugins.module_utils._errors import HostFailed, UsageError
from ansible_collections.vya.backupdb.plugins.module_utils._modules._masking import Masker, changed_names
from ansible_collections.vya.backupdb.plugins.module_utils._modules._options import CONNECTION, ONE_WAY, connection_from
from ansible_collections.vya.backupdb.plugins.module_utils._modules._request import Request, Spec
from ansible_collections.vya.backupdb.plugins.module_utils._modules._results import LIMIT

_MODE = 0o600
_LARGEST = 1 << 28

SPEC = Spec({**CONNECTION, "dest": {"type": "path", "required": True}}, ONE_WAY)


def run(request: Request) -> dict[str, Any]:
    """Write the file, if it would change.

    Raises:
        BackupError: the roles cannot be read, or the file cannot be written.
    """
    dest = request.params["dest"]
    _check_dest(dest)
    with engine_for(request.params["engine"], connection_from(request.params), request.reporter) as engine:
        export = engine.export_roles()
    for text in export.omissions:
        request.reporter.warn(text)
    before = _read(dest)
    same = before == export.sql
    right_mode = before is not None and stat.S_IMODE(os.stat(dest).st_mode) == _MODE
    result: dict[str, Any] = {
        "changed": not (same and right_mode),
        "dest": dest,
        "size": len(export.sql),
        "roles": sorted(export.masked)[:LIMIT],
        "omissions": list(export.omissions[:LIMIT]),
        "changed_roles": _changed_roles(before, export)[:LIMIT],
    }
    if request.diff:
        result["diff"] = _diff(dest, before, export)
    if result["changed"] and not request.check:
        _replace(dest, export.sql)
    return result


def _check_dest(dest: str) -> None:
    if os.path.isdir(dest):
        raise UsageError(f"{dest} is a directory.", "give dest the path of a file")
    if not os.path.isdir(os.path.dirname(os.path.abspath(dest))):
        raise UsageError(f"The directory of {dest} does not exist.", "make it first")


def _read(path: str) -> Optional[bytes]:
    try:
        with open(path, "rb") as stream:
            return stream.read(_LARGEST)
    except FileNotFoundError:
        return None
    except PermissionError as error:
        raise HostFailed(f"{path} cannot be read: {error.strerror}.", "run the task with become") from error


def _replace(path: str, data: bytes) -> None:
    directory = os.path.dirname(os.path.abspath(path))
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=".roles-", dir=directory)
    except OSError as error:
        raise HostFailed(
            f"{directory} is not writable: {error.strerror}.", "run the task with become, or choose another dest"
        ) from error
    try:
        with os.fdopen(descriptor, "wb") as stream:
            os.fchmod(descriptor, _MODE)
            stream.write(data)
            stream.flush()
            os.fsync(descriptor)
        os.rename(temporary, path)
    except OSError as error:
        os.unlink(temporary)
        raise HostFailed(
            f"{path} cannot be written: {error.strerror}.", "free space there, or choose another dest"
        ) from error


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _changed_roles(before: Optional[bytes], export: RolesExport) -> list[str]:
    if before is None:
        return sorted(export.masked)
    if before == export.sql:
        return []
    return changed_names(_text(before), _text(export.sql), export.masked.items())


def _diff(dest: str, before: Optional[bytes], export: RolesExport) -> dict[str, str]:
    masker = Masker()
    return {
        "before_header": dest,
        "after_header": dest,
        "before": masker.mask(_text(before or b"")),
        "after": masker.mask(_text(export.sql)),
    }
