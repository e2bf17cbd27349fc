# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tables of the benchmarks as files that a host's own clients load: ``python -m tests.hosts.benchmark_content FOLDER SCALE``."""

from __future__ import annotations

import argparse
from pathlib import Path

from tests.benchmarks.settings import Settings
from tests.benchmarks.tables import TABLES, chunks
from tests.benchmarks.text import Prose

DATABASE = "bench"


def write(folder: Path, settings: Settings) -> None:
    """Write a file of rows for each table, and for each product the script that loads them, in that folder.

    Raises:
        FileExistsError: the folder is there.
    """
    folder.mkdir()
    prose = Prose(0, megabytes=8)
    accounts = settings.rows(1_000_000)
    postgresql = [f"CREATE DATABASE {DATABASE};", f"\\connect {DATABASE}"]
    mariadb = [f"CREATE DATABASE {DATABASE} CHARACTER SET utf8mb4;", f"USE {DATABASE};"]
    for table in TABLES:
        with (folder / f"{table.name}.tsv").open("wb") as stream:
            for piece in chunks(table, settings.rows(table.rows), accounts, prose):
                stream.write(piece)
        postgresql += [
            f"CREATE TABLE {table.name} ({table.postgresql});",
            f"\\copy {table.name} FROM '{table.name}.tsv'",
        ]
        mariadb += [
            f"CREATE TABLE {table.name} ({table.mariadb});",
            f"LOAD DATA LOCAL INFILE '{table.name}.tsv' INTO TABLE {table.name} CHARACTER SET utf8mb4;",
        ]
        indexes = [f"CREATE INDEX {name} ON {table.name} ({columns});" for name, columns in table.indexes.items()]
        postgresql += indexes
        mariadb += indexes
    (folder / "postgresql.sql").write_text("\n".join(postgresql))
    (folder / "mariadb.sql").write_text("\n".join(mariadb))


def main() -> None:
    """Write them."""
    parser = argparse.ArgumentParser(prog="python -m tests.hosts.benchmark_content", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("scale", type=float, help="1 is the size of the benchmarks")
    arguments = parser.parse_args()
    write(arguments.folder, Settings(scale=arguments.scale))


if __name__ == "__main__":
    main()
