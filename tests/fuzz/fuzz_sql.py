# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A fuzzer of the SQL lexers, splitters and renaming: `make fuzz`, or ``python -m tests.fuzz.fuzz_sql [SECONDS [DIALECT]]``.

It needs atheris, which `make fuzz` installs into a virtual environment of its own. Each dialect gets SECONDS (60), beginning
with the corpus of hostile dumps. Whatever the bytes: no exception but SqlError, no hang (10 seconds for one input), the pieces
of a dump are the dump, and the same comes out however it is cut into blocks, also where small limits make everything big.

What breaks one of these is left as .cache/fuzz-found/crash-… or timeout-…. Try such a file again with
``python -m tests.fuzz.fuzz_sql FILE`` (atheris is not needed), then add it to `FOUND` in tests/unit/sql/test_fuzz_found.py.
"""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from tests.support.paths import CHECKOUT, link_collection

link_collection()

MARK = re.compile("⟦([^⟧|]*)(?:\\|([^⟧]*))?⟧".encode())
CORPUS = CHECKOUT / "tests" / "unit" / "sql" / "corpus"
ARTIFACTS = CHECKOUT / ".cache" / "fuzz-found"
FLAVOURS = ("mysql", "postgresql")
BLOCKS = (1, 2, 3, 5, 17, 64, 300, 1 << 18)
#: module and name of the limits, and how small they are in half of the runs
SMALL = (
    ("lexer", "LIMIT", 24),
    ("lexer", "BLANK_LIMIT", 40),
    ("lexer", "_FIRST_WINDOW", 32),
    ("lexer", "_LAST_WINDOW", 64),
    ("splitter", "LIMIT", 24),
    ("splitter", "PART", 200),
    ("splitter", "MANY", 40),
)
NAMES = {"shop": "new-shop", "a": "b"}


@contextmanager
def limits(small: bool) -> Iterator[None]:
    """Limits so low that short inputs hold tokens and statements that are too big."""
    from ansible_collections.vya.backupdb.plugins.module_utils._sql import lexer, splitter

    modules = {"lexer": lexer, "splitter": splitter}
    before = [getattr(modules[module], name) for module, name, _value in SMALL]
    try:
        for module, name, value in SMALL if small else ():
            setattr(modules[module], name, value)
        yield
    finally:
        for (module, name, _value), value in zip(SMALL, before):
            setattr(modules[module], name, value)


def check(data: bytes) -> None:
    """One input: the first byte chooses dialect, block size and limits, the rest is the dump."""
    if not data:
        return
    choice, dump = data[0], data[1:]
    with limits(choice // 16 % 2 == 1):
        check_dump(FLAVOURS[choice % 2], BLOCKS[choice // 2 % len(BLOCKS)], dump)


def check_dump(flavour: str, block: int, dump: bytes) -> None:
    """Cut and rename one dump; AssertionError when a promise is broken."""
    from ansible_collections.vya.backupdb.plugins.module_utils._sql.tokens import SqlError

    from tests.unit.sql.support import items, rename

    try:
        pieces = b"".join(item.bytes() for item in items(flavour, dump, block=block))
    except SqlError:
        pieces = dump
    if pieces != dump:
        raise AssertionError("bytes are lost or added when the dump is cut into statements")
    outcomes: list[object] = []
    for size in (block, 1 << 18):
        try:
            renamed = rename(flavour, dump, NAMES, block=size)
            # in which order the names are seen in rows depends on the pieces
            outcomes.append(replace(renamed, references=tuple(sorted(renamed.references))))
        except SqlError as error:
            outcomes.append(str(error))
    if outcomes[0] != outcomes[1]:
        raise AssertionError(f"another outcome in blocks of {block}: {outcomes}")


def seeds(folder: Path, flavour: str) -> None:
    """The corpus as inputs, with a first byte each."""
    for path in sorted(CORPUS.glob(f"{flavour}/*.sql*")):
        dump = MARK.sub(lambda match: match.group(1), path.read_bytes())
        first = FLAVOURS.index(flavour) + 2 * (len(dump) % (2 * len(BLOCKS)))
        (folder / path.stem).write_bytes(bytes([first]) + dump)


def dictionary(path: Path) -> None:
    """Pieces that lexers stumble over, in libFuzzer's notation."""
    from tests.unit.sql.support import FRAGMENTS

    lines = ["".join(f"\\x{byte:02x}" for byte in fragment.encode("utf-8")) for fragment in FRAGMENTS]
    path.write_text("".join(f'"{line}"\n' for line in lines), encoding="ascii")


def fuzz(seconds: int, flavour: str) -> None:
    """Fuzz one dialect; the process ends with it."""
    try:
        import atheris
    except ImportError:
        sys.exit("The fuzzer needs atheris: make fuzz")
    with atheris.instrument_imports(include=["ansible_collections"]):
        importlib.import_module("tests.unit.sql.support")
    number = FLAVOURS.index(flavour)

    def one(data: bytes) -> None:
        if data:
            check(bytes([data[0] // 2 * 2 + number]) + data[1:])

    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="backupdb-fuzz-") as name:
        folder = Path(name)
        (folder / "corpus").mkdir()
        seeds(folder / "corpus", flavour)
        dictionary(folder / "words")
        arguments = [
            f"-max_total_time={seconds}",
            "-timeout=10",
            "-rss_limit_mb=1024",
            "-max_len=800",
            f"-dict={folder / 'words'}",
            f"-artifact_prefix={ARTIFACTS}/",
        ]
        atheris.Setup([sys.argv[0], *arguments, str(folder / "corpus")], one)
        atheris.Fuzz()


def main() -> None:
    """Fuzz for some seconds, or try one file again."""
    first, *more = [*sys.argv[1:], "60"]
    if not first.isdecimal():
        check(Path(first).read_bytes())
    elif len(more) > 1:
        fuzz(int(first), more[0])
    else:
        # libFuzzer ends the process that it runs in
        for flavour in FLAVOURS:
            subprocess.run([sys.executable, "-m", "tests.fuzz.fuzz_sql", first, flavour], cwd=CHECKOUT, check=True)


if __name__ == "__main__":
    main()
