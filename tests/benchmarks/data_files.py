# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""File trees: 1.45 GB in 13 files that shrink to 58 %, and 100,000 files of 1 to 8 kB."""

from __future__ import annotations

import random
from pathlib import Path

from tests.benchmarks.settings import Settings
from tests.benchmarks.text import Prose

#: name and megabytes at scale 1; what ends in these is like pictures and films, the rest like text
LARGE_FILES = (
    ("media/film-1.mp4", 260),
    ("media/film-2.mp4", 180),
    ("media/photos.zip", 90),
    ("media/scan.jpg", 20),
    ("logs/access.log", 250),
    ("logs/error.log", 60),
    ("logs/audit.log", 40),
    ("data/export.csv", 200),
    ("data/mail.mbox", 180),
    ("data/notes.txt", 30),
    ("data/catalogue.json", 80),
    ("data/model.bin", 50),
    ("readme.md", 10),
)
_INCOMPRESSIBLE = (".mp4", ".zip", ".jpg", ".bin")
SMALL_FILES = 100_000
_PER_FOLDER = 500


def make_large(folder: Path, settings: Settings, prose: Prose) -> None:
    """Make the 13 files."""
    for name, megabytes in LARGE_FILES:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        source = random.Random(name)
        left = max(1000, round(megabytes * 1e6 * settings.scale))
        with path.open("wb") as target:
            while left > 0:
                piece = _noise(source) if name.endswith(_INCOMPRESSIBLE) else _lines(source, prose)
                left -= target.write(piece[:left])


def _noise(source: random.Random) -> bytes:
    return source.randbytes(1_000_000)


def _lines(source: random.Random, prose: Prose) -> bytes:
    lines = [
        f"2026-{1 + source.randrange(12):02d}-{1 + source.randrange(28):02d} {source.getrandbits(40):010x} "
        f"{prose.cut(source, 60 + source.randrange(200))}\n"
        for _number in range(4000)
    ]
    return "".join(lines).encode()


def make_small(folder: Path, settings: Settings, prose: Prose) -> None:
    """Make the many files, some hundred to a folder."""
    source = random.Random("small files")
    for number in range(settings.rows(SMALL_FILES)):
        if number % _PER_FOLDER == 0:
            current = folder / f"{number // _PER_FOLDER % 20:02d}" / f"part-{number // _PER_FOLDER:03d}"
            current.mkdir(parents=True)
        size = 1000 + source.randrange(7000)
        if number % 4 == 0:
            data = source.randbytes(size)
        else:
            data = prose.cut(source, size).encode()
        (current / f"{source.getrandbits(48):012x}.{'bin' if number % 4 == 0 else 'txt'}").write_bytes(data)
