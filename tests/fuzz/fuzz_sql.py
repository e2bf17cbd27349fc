# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A fuzzer of the SQL lexers: ``python -m tests.fuzz.fuzz_sql [SECONDS]``, 60 by default.

Needs atheris (``pip install atheris``). Begins with the corpus of hostile dumps. Whatever the bytes: no exception but
SqlError, no hang (10 seconds for one input), the pieces of a dump are the dump, and the same comes out however it is cut.
What it finds is left in the current folder as crash-…, to be added to the corpus.
"""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path

from tests.support.paths import CHECKOUT, link_collection

link_collection()

MARK = re.compile("⟦([^⟧|]*)(?:\\|([^⟧]*))?⟧".encode())
CORPUS = CHECKOUT / "tests" / "unit" / "sql" / "corpus"
FLAVOURS = ("mysql", "postgresql")
BLOCKS = (1, 2, 3, 5, 17, 64, 300, 1 << 18)


def check(data: bytes) -> None:
    """One input: the first byte chooses dialect and block size, the rest is the dump."""
    from ansible_collections.vya.backupdb.plugins.module_utils._sql.tokens import SqlError

    from tests.unit.sql.support import items, rename

    if not data:
        return
    flavour, block, dump = FLAVOURS[data[0] % 2], BLOCKS[data[0] // 2 % len(BLOCKS)], data[1:]
    try:
        pieces = b"".join(item.bytes() for item in items(flavour, dump, block=block))
    except SqlError:
        pieces = dump
    if pieces != dump:
        raise AssertionError("bytes are lost or added when the dump is cut into statements")
    outcomes = []
    for size in (block, 1 << 18):
        try:
            outcomes.append(rename(flavour, dump, {"shop": "new-shop", "a": "b"}, block=size))
        except SqlError as error:
            outcomes.append(str(error))
    if outcomes[0] != outcomes[1]:
        raise AssertionError(f"another outcome in blocks of {block}: {outcomes}")


def seeds(folder: Path) -> None:
    """The corpus as inputs, with a first byte each."""
    for path in sorted(CORPUS.glob("*/*.sql")):
        dump = MARK.sub(lambda match: match.group(1), path.read_bytes())
        first = FLAVOURS.index(path.parent.name) + 2 * (len(dump) % len(BLOCKS))
        (folder / f"{path.parent.name}-{path.stem}").write_bytes(bytes([first]) + dump)


def dictionary(path: Path) -> None:
    """Pieces that lexers stumble over, in libFuzzer's notation."""
    from tests.unit.sql.support import FRAGMENTS

    lines = ["".join(f"\\x{byte:02x}" for byte in fragment.encode("utf-8")) for fragment in FRAGMENTS]
    path.write_text("".join(f'"{line}"\n' for line in lines), encoding="ascii")


def main() -> None:
    """Fuzz for some seconds."""
    try:
        import atheris
    except ImportError:
        sys.exit("The fuzzer needs atheris: pip install atheris")
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    with atheris.instrument_imports(include=["ansible_collections"]):
        import tests.unit.sql.support  # noqa: F401
    with tempfile.TemporaryDirectory(prefix="backupdb-fuzz-") as name:
        folder = Path(name)
        (folder / "corpus").mkdir()
        seeds(folder / "corpus")
        dictionary(folder / "words")
        arguments = [f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=1024", "-max_len=800"]
        atheris.Setup([sys.argv[0], *arguments, f"-dict={folder / 'words'}", str(folder / "corpus")], check)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
