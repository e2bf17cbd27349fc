# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a set is what was written. Private to this collection.

``quick`` looks at names and sizes, ``checksum`` reads every byte, ``deep`` decrypts, decompresses and parses everything to
its end. Only ``deep`` needs a key for a set that is encrypted.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Callable

from ansible_collections.vya.backupdb.plugins.module_utils._codec import SUFFIX, read_bytes, read_json
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.tools import choose, major_of
from ansible_collections.vya.backupdb.plugins.module_utils._errors import BackupError, DamagedSet, ProcessError
from ansible_collections.vya.backupdb.plugins.module_utils._hidden import DETAILS, INSTRUCTIONS
from ansible_collections.vya.backupdb.plugins.module_utils._layout import files_below
from ansible_collections.vya.backupdb.plugins.module_utils._model import Artefact
from ansible_collections.vya.backupdb.plugins.module_utils._process import Command, chunks, find_program, pipe
from ansible_collections.vya.backupdb.plugins.module_utils._progress import Reporter
from ansible_collections.vya.backupdb.plugins.module_utils._proof.model import Proof
from ansible_collections.vya.backupdb.plugins.module_utils._set_reader import SetReader, share

DEEP = "deep"

_ZSTD = SUFFIX["zstd"]


def verify(reader: SetReader, level: str, jobs: int, reporter: Reporter) -> list[str]:
    """Verify a set.

    Args:
        reader: the set; its manifest has been checked by reading it. For ``deep`` it is unlocked.
        level: ``quick``, ``checksum`` or ``deep``.
        jobs: how much to read at a time.
        reporter: where progress goes.

    Returns:
        What is wrong, each a sentence that names the file; empty if nothing is.

    Raises:
        MissingProgram: a program that ``deep`` needs is absent.
        BackupError: ``deep`` has no key, or no room to decrypt something.
    """
    artefacts = sorted(reader.manifest.artefacts, key=lambda item: item.size, reverse=True)
    total = sum(item.size for item in artefacts)
    lock = threading.Lock()
    done = 0

    def one(artefact: Artefact) -> list[str]:
        nonlocal done
        if level == "quick":
            problems = reader.check_sizes(artefact)
        else:
            # One that is most of the set would otherwise be read alone.
            problems = reader.check_contents(artefact, share(artefact.size, total, jobs))
        if not problems and level == "deep":
            problems = _read_through(reader, artefact)
        with lock:
            done += artefact.size
            reporter.progress(f"{artefact.kind} {artefact.name}", done, total)
        return problems

    problems = _structure(reader)
    with ThreadPoolExecutor(jobs) as pool:
        for found in pool.map(one, artefacts):
            problems += found
    return problems


def _structure(reader: SetReader) -> list[str]:
    """What the manifest alone shows: each database has its data, nothing is there that nobody knows."""
    manifest = reader.manifest
    try:
        problems = [f"{path} is not in the manifest" for path in reader.unexpected()]
    except DamagedSet as error:
        problems = [error.message]
    problems += [
        f"the manifest names database {item.name!r}, but no artefact holds it"
        for item in manifest.databases
        if manifest.artefact("database", item.name) is None
    ]
    wanted = ["proof", "readme", *([] if manifest.engine == "files" else ["roles", "settings"])]
    if reader.encrypted:
        wanted += [DETAILS, *([] if manifest.engine == "files" else [INSTRUCTIONS])]
        problems += [
            f"{item.path} is not encrypted"
            for item in manifest.artefacts
            if not (item.encrypted or item.kind == "readme")
        ]
    present = {item.kind for item in manifest.artefacts}
    problems += [f"the set holds no {kind}" for kind in wanted if kind not in present]
    name = os.path.basename(reader.directory)
    if name != manifest.set_id:
        problems.append(f"the manifest is of the set {manifest.set_id}, the directory is called {name}")
    return problems


def _read_through(reader: SetReader, artefact: Artefact) -> list[str]:
    check = _CHECKS.get(artefact.format)
    if check is None:
        return [f"{artefact.path} has the format {artefact.format!r}, which this version does not know"]
    try:
        return check(reader, artefact)
    except (DamagedSet, ProcessError, ValueError, EOFError) as error:
        text = error.message if isinstance(error, BackupError) else str(error)
        return [f"{artefact.path} cannot be read to its end: {text}"]
    finally:
        reader.release(artefact)


def _files(reader: SetReader, artefact: Artefact) -> list[tuple[str, str]]:
    """Name in the set, and path where it can be read, of every file of a directory."""
    if not artefact.encrypted:
        return [(entry.path, os.path.join(reader.directory, entry.path)) for entry in artefact.files]
    directory = reader.path(artefact)
    return [(f"{artefact.path}/{os.path.relpath(path, directory)}", path) for path in files_below(directory)]


def _count_lines(path: str, name: str, filters: Sequence[Command] = ()) -> int:
    """Lines of a file that may be compressed; every byte is decompressed.

    Args:
        path: the file.
        name: its name, which says whether it is compressed.
        filters: programs that it has to pass before.
    """
    newlines = 0

    def observe(chunk: bytes) -> None:
        nonlocal newlines
        newlines += chunk.count(b"\n")

    commands = [*filters, *([Command([find_program("zstd"), "-dcq"])] if name.endswith(_ZSTD) else [])]
    with open(path, "rb") as source:
        if commands:
            pipe(commands, source=source, observe=observe)
        else:
            for chunk in chunks(source):
                observe(chunk)
    return newlines


def _sql(reader: SetReader, artefact: Artefact) -> list[str]:
    read_bytes(reader.path(artefact)).decode("utf-8", "surrogateescape")
    return []


def _json(reader: SetReader, artefact: Artefact) -> list[str]:
    value = read_json(reader.path(artefact))
    if artefact.kind == "proof" and reader.manifest.engine != "files":
        proof = Proof.from_json(value)
        unproven = [item.name for item in reader.manifest.databases if item.name not in proof.databases]
        return [f"the proof does not cover database {name!r}" for name in unproven]
    return []


def _text(reader: SetReader, artefact: Artefact) -> list[str]:
    read_bytes(reader.path(artefact))
    return []


def _stream(reader: SetReader, artefact: Artefact) -> list[str]:
    """Decompress what is too large for the memory."""
    _count_lines(reader.stored(artefact), artefact.path, reader.filters(artefact))
    return []


def _pg_directory(reader: SetReader, artefact: Artefact) -> list[str]:
    """The table of contents is parsed by pg_restore, of the version that wrote it or newer; every data file is decompressed."""
    written_by = str(artefact.details.get("pg_dump", reader.manifest.server_version))
    pg_restore = choose(major_of(written_by)).path("pg_restore")
    pipe([Command([pg_restore, "--list", "--format=directory", "--", reader.path(artefact)])])
    for name, path in _files(reader, artefact):
        if name.endswith(_ZSTD):
            _count_lines(path, name)
    return []


def _mysql_tables(reader: SetReader, artefact: Artefact) -> list[str]:
    """Every file is decompressed; a table's lines are compared with the rows that were recorded."""
    rows = _recorded_rows(artefact)
    problems = []
    for name, path in _files(reader, artefact):
        found = _count_lines(path, name)
        wanted = rows.get(name)
        if wanted is not None and found != wanted:
            problems.append(f"{name} holds {found} rows instead of {wanted}")
    return problems


def _recorded_rows(artefact: Artefact) -> Mapping[str, int]:
    """Path in the set -> rows, of the tables whose rows were recorded."""
    tables = artefact.details.get("tables", ())
    return {
        f"{artefact.path}/{item['file']}": item["rows"]
        for item in tables
        if isinstance(item, dict) and isinstance(item.get("rows"), int) and isinstance(item.get("file"), str)
    }


def _tar(reader: SetReader, artefact: Artefact) -> list[str]:
    """The archive is listed to its end."""
    commands = reader.filters(artefact)
    if artefact.path.endswith(_ZSTD):
        commands.append(Command([find_program("zstd"), "-dcq"]))
    commands.append(Command([find_program("tar"), "--list", "--file=-", "--quoting-style=escape"]))
    with open(reader.stored(artefact), "rb") as source:
        pipe(commands, source=source)
    return []


_CHECKS: Mapping[str, Callable[[SetReader, Artefact], list[str]]] = {
    "sql": _sql,
    "json": _json,
    "jsonl": _stream,
    "text": _text,
    "pg_directory": _pg_directory,
    "mysql_tables": _mysql_tables,
    "tar": _tar,
}
