# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Archives in pg_dump's directory format: their header, their compression. Private to this collection.

Programs from 16 on read and write zstd by themselves: an archive made by older ones gets the same form, file by file,
so that a newer pg_restore reads it as it is, and an older one after decompression.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.tools import Tools, zstd_program
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.workers import Team
from ansible_collections.vya.backupdb.plugins.module_utils._errors import DamagedSet, NotProven
from ansible_collections.vya.backupdb.plugins.module_utils._interrupts import submit
from ansible_collections.vya.backupdb.plugins.module_utils._process import Command, run
from ansible_collections.vya.backupdb.plugins.module_utils._sql import postgresql_sequences

TOC = "toc.dat"
ZST = ".zst"
_MAGIC = b"PGDMP"
_HEADER_BYTES = 4096
#: Files from this size on are compressed by several threads each, smaller ones several at a time.
_BIG = 64 << 20
_FILES_A_PROGRAM = 2000

#: Archive format -> first major version whose pg_restore reads it (K_VERS_* in pg_backup_archiver.h).
_READERS = {(1, 12): 10, (1, 13): 10, (1, 14): 10, (1, 15): 16, (1, 16): 17}


@dataclass(frozen=True)
class Header:
    """What an archive says of itself.

    Args:
        format: version of the archive's format.
        server: version of the server that was dumped, as text.
        program: version of the pg_dump that wrote it, as text.
    """

    format: tuple[int, int]
    server: str = ""
    program: str = ""

    @property
    def oldest_reader(self) -> int | None:
        """First major version whose pg_restore reads the format; None if no known one does."""
        if self.format < min(_READERS):
            return min(_READERS.values())
        return _READERS.get(self.format)


def read_header(directory: str) -> Header:
    """The header of an archive.

    Raises:
        DamagedSet: there is none.
    """
    try:
        with open(os.path.join(directory, TOC), "rb") as stream:
            data = stream.read(_HEADER_BYTES)
    except FileNotFoundError:
        data = b""
    if not data.startswith(_MAGIC) or len(data) < len(_MAGIC) + 6:
        raise DamagedSet(
            f"{directory} does not hold an archive of pg_dump: {TOC} is absent or damaged.", "restore another set"
        )
    major, minor, _revision, int_size = data[5:9]
    return Header((major, minor), *_versions(data, (major, minor), int_size))


def _versions(data: bytes, form: tuple[int, int], int_size: int) -> tuple[str, str]:
    """Server's and program's versions: they stand after the compression, seven numbers of the time, and a name."""
    step = 1 + int_size  # a byte for the sign before each number
    position = 11 + (1 if form >= (1, 15) else step) + 7 * step
    texts = []
    for _field in ("database", "server", "program"):
        length = int.from_bytes(data[position + 1 : position + step], "little")
        if data[position : position + 1] == b"\x01" or position + step + length > len(data):
            return "", ""
        texts.append(data[position + step : position + step + length].decode("utf-8", "replace"))
        position += step + length
    return texts[1], texts[2]


def entries(tools: Tools, directory: str) -> list[bytes]:
    """The table of contents of an archive, a line an entry, in the form that ``--use-list`` takes."""
    command = Command([tools.path("pg_restore"), "--list", directory], inside=tools.inside, reads=(directory,))
    text = run(command).stdout
    return [line for line in text.splitlines(keepends=True) if not line.startswith(b";")]


_SEQUENCE_SET = re.compile(rb"\A\d+; \d+ \d+ SEQUENCE SET ")


def sequence_values(tools: Tools, directory: str) -> dict[str, tuple[int, bool]]:
    """Name of a sequence, as an SQL literal -> its last value in an archive, and whether it was handed out."""
    wanted = [line for line in entries(tools, directory) if _SEQUENCE_SET.match(line)]
    if not wanted:
        return {}
    argv = [tools.path("pg_restore"), "--use-list=/dev/stdin", "--file=-", directory]
    command = Command(argv, inside=tools.inside, reads=(directory,))
    text = run(command, b"".join(wanted)).stdout.decode("utf-8", "surrogateescape")
    return postgresql_sequences.sequence_values(text)


def check_files(directory: str) -> None:
    """Make sure that an archive is nothing but files: a program that is not of this host has written it.

    Raises:
        BackupError: there is something else.
    """
    for entry in os.scandir(directory):
        if not entry.is_file(follow_symlinks=False):
            raise NotProven(
                f"pg_dump in the container made {entry.name!r} in the dump, which is no file.",
                "find out what the pg_dump in that container's image is",
            )


def size_of(directory: str) -> int:
    """Bytes of the files in a directory, which may be growing."""
    total = 0
    for entry in os.scandir(directory):
        try:
            total += entry.stat(follow_symlinks=False).st_size
        except FileNotFoundError:
            # It was replaced by its compressed form at this moment.
            continue
    return total


def compress(team: Team, directories: Sequence[str], level: int, workers: int) -> None:
    """Compress the data files of archives in place, each to one with ``.zst`` at its end."""
    files = [
        (entry.stat().st_size, entry.path)
        for directory in directories
        for entry in os.scandir(directory)
        if entry.name.endswith(".dat") and entry.name != TOC
    ]
    _run(team, [zstd_program()[0], "-q", "--rm", f"-{level}"], files, workers)


def decompress(team: Team, directory: str, target: str, workers: int) -> None:
    """Lay out an archive in another, empty directory as programs before 16 read it: every file plain."""
    files = []
    for entry in os.scandir(directory):
        if entry.name.endswith(ZST):
            files.append((entry.stat().st_size, entry.path))
        else:
            os.symlink(entry.path, os.path.join(target, entry.name))
    _run(team, [zstd_program()[0], "-q", "-d", f"--output-dir-flat={target}"], files, workers)


def _run(team: Team, options: Sequence[str], files: Sequence[tuple[int, str]], workers: int) -> None:
    """Let zstd work on files: several threads for the big ones, several programs for the others."""
    big = sorted(path for size, path in files if size >= _BIG)
    decompressing = "-d" in options
    commands = []
    shares: list[list[str]] = [[] for _number in range(max(1, workers))]
    loads = [0] * len(shares)
    for size, path in sorted(files, reverse=True):
        if size < _BIG or decompressing or workers == 1:
            lightest = loads.index(min(loads))
            shares[lightest].append(path)
            loads[lightest] += size + 1
    if big and not decompressing and workers > 1:
        team.execute(Command([*options, f"-T{workers}", "--", *big]))
    for share in shares:
        pieces = [share[begin : begin + _FILES_A_PROGRAM] for begin in range(0, len(share), _FILES_A_PROGRAM)]
        commands.append([Command([*options, "-T1", "--", *piece]) for piece in pieces])
    _several(team, [chain for chain in commands if chain])


def _several(team: Team, chains: Sequence[Sequence[Command]]) -> None:
    def execute(chain: Sequence[Command]) -> None:
        for command in chain:
            team.execute(command)

    if len(chains) == 1:
        execute(chains[0])
    elif chains:
        with ThreadPoolExecutor(len(chains)) as pool:
            for future in [submit(pool, execute, chain) for chain in chains]:
                future.result()
