# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Durable servers whose data folder can be kept for the next run."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from tests.support.mariadb import MariaDBServer
from tests.support.postgresql import PostgresServer
from tests.support.server import Server, run

#: as a fresh installation has it; tests keep it in the data folder
POSTGRESQL_SETTINGS = {"dynamic_shared_memory_type": "posix"}
_SOURCES = ("text.py", "tables.py", "data_postgresql.py", "data_mariadb.py", "data_files.py")


class _Kept(Server):
    """A server whose data may come from a folder that an earlier run has kept.

    kept: the folder, which need not exist yet; None when nothing is kept
    """

    kept: Path | None = None

    def _make_data_dir(self) -> None:
        if self.kept is None or not self.kept.exists():
            super()._make_data_dir()
            return
        for entry in self.kept.iterdir():
            run(["cp", "-a", entry, self.base / entry.name])

    @property
    def filled(self) -> bool:
        """Whether there is data of an earlier run."""
        return self.kept is not None and self.kept.exists()

    def keep_data(self) -> None:
        """Stop, copy the data folder to where the next run finds it, and start again."""
        if self.kept is None:
            return
        self.stop()
        copy = self.kept.with_name(f".{self.kept.name}.new")
        shutil.rmtree(copy, ignore_errors=not copy.exists())
        copy.mkdir(mode=0o700)
        run(["cp", "-a", self.data_dir, copy / "data"])
        self._write_password(copy)
        copy.replace(self.kept)
        self.start()

    def _write_password(self, folder: Path) -> None:
        """What else the next first start needs."""


class BenchPostgres(_Kept, PostgresServer):
    """PostgreSQL with the settings of a fresh installation."""

    def __init__(self, directory: Path, kept: Path | None = None) -> None:
        super().__init__(durable=True, directory=directory, settings=POSTGRESQL_SETTINGS)
        self.kept = kept

    def _write_password(self, folder: Path) -> None:
        (folder / "password").touch(mode=0o600)
        (folder / "password").write_text(self.password)


class BenchMariaDB(_Kept, MariaDBServer):
    """MariaDB with the settings of a fresh installation."""

    def __init__(self, directory: Path, kept: Path | None = None) -> None:
        super().__init__(durable=True, directory=directory)
        self.kept = kept


def kept_folder(keep: Path | None, kind: str, scale: float) -> Path | None:
    """Where the data of a kind of server is kept; another place when the generators have changed."""
    if keep is None:
        return None
    sources = b"".join(Path(__file__).with_name(name).read_bytes() for name in _SOURCES)
    return keep / f"{kind}-{scale:g}-{hashlib.sha256(sources).hexdigest()[:10]}"
