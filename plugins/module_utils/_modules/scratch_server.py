# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module ``scratch_server``: a throw-away server for a set, or a directory for its files. Private to this collection."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.vya.backupdb.plugins.module_utils._codec import read_json
from ansible_collections.vya.backupdb.plugins.module_utils._engines.registry import engine_for
from ansible_collections.vya.backupdb.plugins.module_utils._errors import (
    BackupError,
    Interrupted,
    NoSpace,
    ScratchFailed,
    UsageError,
)
from ansible_collections.vya.backupdb.plugins.module_utils._model import Connection
from ansible_collections.vya.backupdb.plugins.module_utils._modules._options import (
    FILES,
    KEYS,
    REPOSITORY,
    SET,
    keys_from,
    names_from,
)
from ansible_collections.vya.backupdb.plugins.module_utils._modules._request import Request, Spec
from ansible_collections.vya.backupdb.plugins.module_utils._modules._results import human_bytes
from ansible_collections.vya.backupdb.plugins.module_utils._repository import Repository
from ansible_collections.vya.backupdb.plugins.module_utils._scratch.place import (
    Place,
    check_parent,
    exists,
    make,
    removed_on_failure,
    sweep,
    take,
)
from ansible_collections.vya.backupdb.plugins.module_utils._scratch.recorded import Recorded, ScratchServer, tail
from ansible_collections.vya.backupdb.plugins.module_utils._set_reader import SetReader

#: Survives a boot and lies on a disk, unlike what the directory for temporary files may be.
_DIRECTORY = os.path.join(os.sep, "var", "tmp")
STARTED, REMOVED, KEPT = "started", "removed", "kept"
_FILES_AIR = 64 << 20
#: Field of a connection -> option of the modules.
_OPTIONS = {
    "port": "login_port",
    "user": "login_user",
    "unix_socket": "login_unix_socket",
    "os_user": "login_os_user",
}

SPEC = Spec(
    {
        **{name: {**option, "required": False} for name, option in REPOSITORY.items()},
        **SET,
        **KEYS,
        "state": {"type": "str", "choices": [STARTED, REMOVED, KEPT], "default": STARTED},
        "directory": {"type": "path"},
        "path": {"type": "path"},
        "time_limit": {"type": "int", "default": 86400},
        "settings": {"type": "dict", "default": {}},
    }
)


def run(request: Request) -> dict[str, Any]:
    """Start a throw-away server, or remove it.

    Raises:
        BackupError: it is not possible; nothing of it is left then.
    """
    if request.params["state"] == STARTED:
        return _start(request)
    return _end(request)


def _end(request: Request) -> dict[str, Any]:
    path = request.params["path"]
    if not path:
        raise UsageError("It is not said what to remove.", "give as path what state=started has returned")
    there = exists(path)
    if there and not request.check:
        with take(path) as place:
            if request.params["state"] == KEPT:
                changed = not place.record.kept
                place.note(kept=True)
                return {"changed": changed, "path": path}
            request.reporter.phase("remove")
            place.remove()
            request.reporter.phase("")
    return {"changed": there, "path": path, "phases": dict(request.reporter.phases)}


def _start(request: Request) -> dict[str, Any]:
    params = request.params
    missing = [name for name in REPOSITORY if params[name] is None]
    if missing:
        raise UsageError(f"It is not said what the server is for: {', '.join(missing)} missing.", "name a set")
    names_from(params)
    if params["time_limit"] < 60:
        raise UsageError(f"time_limit is {params['time_limit']}.", "give at least 60 seconds")
    parent = check_parent(params["directory"] or _DIRECTORY)
    purpose = json.dumps([os.path.realpath(params["repository"]), params["source"], params["instance"]])
    request.reporter.phase("start")
    repository = Repository(params["repository"], keys_from(params))
    with repository.open(params["source"], params["instance"], params["set"]) as reader:
        reader.unlock()
        manifest = reader.manifest
        leftovers = [] if request.check else sweep(parent, purpose)
        if leftovers:
            request.reporter.warn(f"Left by drills that were killed, and removed now: {', '.join(leftovers)}.")
        result = _started(request, reader, parent, purpose)
    request.reporter.phase("")
    return {
        "changed": True,
        "engine": manifest.engine,
        "version": manifest.server_version,
        "set": {"id": manifest.set_id, "path": reader.directory, "snapshot_at": manifest.snapshot_at},
        **result,
        "leftovers": leftovers,
        "phases": dict(request.reporter.phases),
    }


def _started(request: Request, reader: SetReader, parent: str, purpose: str) -> dict[str, Any]:
    params = request.params
    manifest = reader.manifest
    if manifest.engine == FILES:
        archives = [item for item in manifest.artefacts if item.kind == "archive"]
        _check_room(parent, sum(int(item.details.get("bytes", 0)) for item in archives) + _FILES_AIR)
        if request.check:
            return {}
        place = make(parent, purpose, manifest.set_id, manifest.engine, params["time_limit"])
        with removed_on_failure(place):
            os.mkdir(place.data, 0o700)
        return {"path": place.directory, "root": place.data, "connection": {}}
    settings = reader.artefact("settings")
    reader.verify(settings)
    server = _server(Recorded(manifest, read_json(reader.path(settings)), params["settings"]))
    server.check()
    _check_room(parent, server.needed_bytes())
    if request.check:
        return {}
    place = make(parent, purpose, manifest.set_id, manifest.engine, params["time_limit"])
    with removed_on_failure(place):
        place.note(stop_signal=server.stop_signal)
        connection = server.start(place, params["time_limit"])
        with _with_its_log(place):
            version = _check_identity(request, manifest.engine, connection, place)
            server.finish(connection, request.reporter)
    return {
        "path": place.directory,
        "pid": place.record.pid,
        "log": place.log,
        "server_version": version,
        "connection": {"engine": manifest.engine, **_options(connection)},
    }


@contextlib.contextmanager
def _with_its_log(place: Place) -> Iterator[None]:
    """Add to a failure what the server says about it: its log is removed with the server."""
    try:
        yield
    except Interrupted:
        raise
    except BackupError as error:
        raise ScratchFailed(
            f"{error.message} The log of the throw-away server ends with: {tail(place.log)}",
            "solve what it says; settings of it can be given in drill.settings of the instance",
        ) from error


def _server(recorded: Recorded) -> ScratchServer:
    # A module that runs with one kind of server does not read the other one and its driver.
    if recorded.manifest.engine == "postgresql":
        from ansible_collections.vya.backupdb.plugins.module_utils._scratch.postgresql import PostgresqlScratch

        return PostgresqlScratch(recorded)
    from ansible_collections.vya.backupdb.plugins.module_utils._scratch.mysql import MysqlScratch

    return MysqlScratch(recorded)


def _check_room(parent: str, needed: int) -> None:
    """Make sure that there is room for everything that will be in the directory.

    Raises:
        BackupError: there is not.
    """
    room = os.statvfs(parent)
    free = room.f_bavail * room.f_frsize
    if free < needed:
        raise NoSpace(
            f"{parent} has {human_bytes(free)} free; the drill may need {human_bytes(needed)}.",
            "free space there, or name another directory in backupdb_drill_directory",
        )


def _check_identity(request: Request, engine: str, connection: Connection, place: Place) -> str:
    """Make sure that what answers is the server that was started, before anything is done with it.

    Returns:
        Its version.

    Raises:
        BackupError: it is another one.
    """
    with engine_for(engine, connection, request.reporter) as there:
        info = there.inspect()
    said = str(info.facts.get("data_directory") or info.facts.get("datadir") or "")
    if os.path.realpath(said) != os.path.realpath(place.data):
        raise ScratchFailed(
            f"The server that answers in {place.run} works in {said!r}, not in {place.data}.",
            "run it again; nothing was done with that server",
        )
    return info.version


def _options(connection: Connection) -> Mapping[str, Any]:
    """A connection as options of the modules."""
    values = dataclasses.asdict(connection)
    return {option: values[name] for name, option in _OPTIONS.items() if values[name] is not None}
